"""Limits through the API: the question at many people, accounts and their plans."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft, Quota
from modemfarm.model import CAUTIOUS, Ceiling
from modemfarm.store import batches, counters, keys, suppress
from modemfarm.store.engine import to_us
from tests.webapp.sample import ICCID, NOW, Sample


@pytest.mark.parametrize(("word", "state"), [("go_on", "active"), ("pause", "paused")])
def test_the_question_at_many_people_is_answered_once_and_where_it_is_asked(
    farm: Sample, word: str, state: str
) -> None:
    farm.modem(1)
    client, path = farm.api(), f"/v1/sims/{ICCID.format(1)}"
    too_soon = client.post(f"{path}/answer", json={"answer": word})
    assert (too_soon.status_code, too_soon.json["code"]) == (409, "not_asked")
    month = counters.month_start(CAUTIOUS, NOW)
    farm.store.run(counters.charge, ICCID.format(1), "people", to_us(month), 150)
    asked = client.get(path).json
    assert (asked["used"]["recipients"], asked["asks"]) == (150, True)
    assert client.post(f"{path}/answer", json={"answer": "perhaps"}).status_code == 422
    assert client.post("/v1/sims/nobody/answer", json={"answer": word}).status_code == 404
    told = client.post(f"{path}/answer", json={"answer": word})
    assert (told.status_code, told.json["asks"], told.json["state"]) == (200, False, state)


def test_sims_of_one_account_cannot_get_different_plans(farm: Sample) -> None:
    farm.modem(1)
    farm.modem(2)
    client = farm.api()
    one, two = (f"/v1/sims/{ICCID.format(number)}" for number in (1, 2))
    assert client.patch(one, json={"account": "shop"}).status_code == 200
    refused = client.patch(two, json={"account": "shop", "plan": "unlimited"})
    assert (refused.status_code, refused.json["code"]) == (409, "account_plan")
    assert client.get(two).json["account"] is None
    assert client.patch(two, json={"account": "shop"}).status_code == 200
    assert client.patch(two, json={"plan": "unlimited"}).status_code == 409
    assert client.patch(two, json={"plan": "cautious", "label": "b"}).status_code == 200


def _limited(farm: Sample, **most: int) -> FlaskClient:
    client = farm.app.test_client()
    key = farm.store.run(keys.create_key, "shop", (), NOW, most.get("parts"), most.get("cost"))
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return client


def _text(number: int, text: str = "hi") -> dict[str, str]:
    return {"to": f"+86138001380{number:02}", "text": text}


def test_a_key_takes_in_no_more_parts_a_day_than_it_may(farm: Sample) -> None:
    client = _limited(farm, parts=4)
    assert client.post("/v1/messages", json=_text(1, "x" * 400)).status_code == 202  # three parts
    over = client.post("/v1/messages", json=_text(2, "x" * 400), headers={"Idempotency-Key": "a"})
    assert (over.status_code, over.json["code"], over.content_type) == (429, "key_ceiling", "application/problem+json")
    midnight = NOW.replace(hour=0, minute=0) + timedelta(days=1)
    assert int(over.headers["Retry-After"]) == (midnight - NOW).total_seconds()
    assert client.post("/v1/messages", json=_text(2)).status_code == 202
    assert client.post("/v1/messages", json=_text(3)).status_code == 429
    tried = client.post("/v1/messages?dry_run=1", json=_text(3))
    assert (tried.status_code, tried.json["code"]) == (429, "key_ceiling")
    assert tried.headers["Retry-After"] == over.headers["Retry-After"]
    assert farm.api().post("/v1/messages", json=_text(3)).status_code == 202  # another key
    assert len(client.get("/v1/messages").json["data"]) == 3
    farm.clock.at = midnight
    assert client.post("/v1/messages", json=_text(2, "x" * 400), headers={"Idempotency-Key": "a"}).status_code == 202
    day = counters.day_start(CAUTIOUS, midnight)
    assert [row["used"]["parts"] for row in farm.store.look(keys.list_keys, day)] == [None, 3]


def test_a_key_takes_in_no_more_than_it_may_cost(farm: Sample) -> None:
    client = _limited(farm, cost=250_000)  # a part costs 0.1
    answers = [client.post("/v1/messages", json=_text(number)).status_code for number in range(4)]
    assert answers == [202, 202, 429, 429]
    (row,) = farm.store.look(keys.list_keys, counters.day_start(CAUTIOUS, NOW))
    assert (row["limits"], row["used"]) == ({"parts": None, "cost": 0.25}, {"parts": 2, "cost": 0.2})


def test_the_rows_of_a_batch_beyond_a_keys_ceiling_are_rejected(farm: Sample) -> None:
    client = _limited(farm, parts=3)
    with farm.store.write() as tx:
        suppress.add(tx, "+8613800138000", "800138000", "web", NOW)
    body = "\n".join(json.dumps(_text(number)) for number in range(6))
    took = client.post("/v1/batches", data=body, content_type="application/x-ndjson").json
    assert (took["accepted"], took["rejected"]) == (3, 3)  # a refused one counts nothing
    assert [error["code"] for error in took["errors"]] == ["opted_out", "key_ceiling", "key_ceiling"]
    assert client.post("/v1/messages", json=_text(9)).status_code == 429


def test_a_batch_that_goes_on_after_a_kill_counts_each_row_once(farm: Sample) -> None:
    quota = Quota("key:7", Ceiling(parts=9))
    settings = replace(farm.deps.intake, quota=quota)
    batch = farm.store.run(batches.start, "x", "y", NOW)
    for _ in range(2):
        for number in range(5):
            with farm.store.write() as tx:
                accept(tx, Draft(**_text(number)), settings, NOW, batch, number)
    with farm.store.read() as tx:
        assert counters.used(tx, "key:7", "day", counters.day_start(CAUTIOUS, NOW)) == 5


def test_senders_at_once_do_not_pass_a_keys_ceiling(farm: Sample) -> None:
    client = _limited(farm, parts=7)
    key = client.environ_base["HTTP_AUTHORIZATION"]

    def send(number: int) -> int:
        headers = {"Authorization": key}
        return farm.app.test_client().post("/v1/messages", json=_text(number), headers=headers).status_code

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(18)))
    assert (answers.count(202), answers.count(429)) == (7, 11)
