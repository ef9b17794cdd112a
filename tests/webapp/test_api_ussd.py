"""`POST /v1/sims/{iccid}/ussd` and `/test`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from modemfarm.modem.ussd import UssdError
from modemfarm.webapp import writing
from modemfarm.webapp.app import create_app
from tests.webapp.sample import Sample


def _with(farm: Sample, answer: dict[str, Any] | UssdError) -> list[tuple[str, tuple[str, ...]]]:
    asked: list[tuple[str, tuple[str, ...]]] = []

    def ussd(iccid: str, steps: Sequence[str], who: str) -> dict[str, Any]:
        asked.append((iccid, tuple(steps)))
        assert who.startswith("key ")
        if isinstance(answer, UssdError):
            raise answer
        return answer

    farm.deps = replace(farm.deps, ussd=ussd)
    farm.app = create_app(farm.deps)
    return asked


def test_a_code_and_answers_go_to_the_sim(farm: Sample) -> None:
    farm.modem(1)
    iccid = farm.api().get("/v1/sims").get_json()["data"][0]["iccid"]
    asked = _with(farm, {"iccid": iccid, "status": "done", "text": "12.34", "dialogue": []})
    answer = farm.api().post(f"/v1/sims/{iccid}/ussd", json={"code": "*111#", "answers": ["1"]})
    assert (answer.status_code, answer.get_json()["text"]) == (200, "12.34")
    assert asked == [(iccid, ("*111#", "1"))]


def test_a_code_that_was_said_is_not_said_again_under_its_key(farm: Sample) -> None:
    farm.modem(1)
    iccid = farm.api().get("/v1/sims").get_json()["data"][0]["iccid"]
    asked = _with(farm, {"iccid": iccid, "status": "done", "text": "Topped up", "dialogue": []})
    client, path, key = farm.api(), f"/v1/sims/{iccid}/ussd", {"Idempotency-Key": "top-up-1"}
    answers = [client.post(path, json={"code": "*124*1234#"}, headers=key) for _ in range(2)]
    assert [(answer.status_code, answer.get_json()["text"]) for answer in answers] == [(200, "Topped up")] * 2
    assert len(asked) == 1
    assert client.post(path, json={"code": "*124*9#"}, headers=key).get_json()["code"] == "idempotency_mismatch"
    client.post(path, json={"code": "*124*1234#"})
    assert len(asked) == 2


@pytest.mark.parametrize(("slug", "status"), [("bad_code", 422), ("no_reply", 409), ("not_here", 409), ("busy", 409)])
def test_what_went_wrong_has_its_code(farm: Sample, slug: str, status: int) -> None:
    farm.modem(1)
    iccid = farm.api().get("/v1/sims").get_json()["data"][0]["iccid"]
    _with(farm, UssdError(slug))
    answer = farm.api().post(f"/v1/sims/{iccid}/ussd", json={"code": "*100#"})
    assert answer.status_code == status
    told = answer.get_json()
    assert told["code"] in {slug, f"ussd_{slug}"}
    assert slug not in told["detail"].split()
    assert len(told["detail"].split()) > 3


def test_one_key_at_two_page_processes_says_its_code_once(farm: Sample) -> None:
    farm.modem(1)
    iccid = farm.api().get("/v1/sims").get_json()["data"][0]["iccid"]
    path, key = f"/v1/sims/{iccid}/ussd", {"Idempotency-Key": "top-up-1"}
    client, others = farm.api(), []

    def ask() -> Any:
        return client.post(path, json={"code": "*124*1234#"}, headers=key)

    def ussd(_iccid: str, _steps: Sequence[str], _who: str) -> dict[str, Any]:
        writing._running.clear()  # the other process has a memory of its own
        others.append(ask())
        return {"status": "done", "text": "Topped up"}

    farm.deps = replace(farm.deps, ussd=ussd)
    farm.app = create_app(farm.deps)
    client = farm.api()
    assert ask().get_json()["text"] == "Topped up"
    assert [(one.status_code, one.get_json()["code"]) for one in others] == [(409, "idempotency_running")]
    assert ask().get_json()["text"] == "Topped up"
    assert len(others) == 1


@pytest.mark.parametrize(("slug", "times"), [("no_reply", 1), ("lost", 1), ("busy", 2), ("not_here", 2)])
def test_what_may_have_been_said_is_not_said_again_under_its_key(farm: Sample, slug: str, times: int) -> None:
    farm.modem(1)
    iccid = farm.api().get("/v1/sims").get_json()["data"][0]["iccid"]
    asked = _with(farm, UssdError(slug, "x"))
    client, key = farm.api(), {"Idempotency-Key": "top-up-1"}
    answers = [client.post(f"/v1/sims/{iccid}/ussd", json={"code": "*124*1234#"}, headers=key) for _ in range(2)]
    assert [(one.status_code, one.get_json()["code"]) for one in answers] == [(409, f"ussd_{slug}")] * 2
    assert answers[1].content_type == "application/problem+json"
    assert len(asked) == times


def test_a_key_whose_process_died_says_so_and_nothing_to_the_network(farm: Sample) -> None:
    farm.modem(1)
    iccid = farm.api().get("/v1/sims").get_json()["data"][0]["iccid"]
    asked = _with(farm, {"status": "done", "text": "Topped up"})
    client, key = farm.api(), {"Idempotency-Key": "top-up-1"}
    codes = []
    for passed in (timedelta(), timedelta(minutes=59), timedelta(minutes=2)):
        farm.clock.at += passed
        codes.append(client.post(f"/v1/sims/{iccid}/ussd", json={"code": "*124*1234#"}, headers=key).get_json())
        with farm.store.write() as tx:
            tx.run("UPDATE idempotency SET status = NULL, answer = NULL")
    assert [one.get("code") for one in codes] == [None, "idempotency_running", "idempotency_lost"]
    assert len(asked) == 1


def test_an_unknown_sim_and_a_farm_without_modems_are_told(farm: Sample) -> None:
    farm.modem(1)
    iccid = farm.api().get("/v1/sims").get_json()["data"][0]["iccid"]
    assert farm.api().post("/v1/sims/8986009999999999999/ussd", json={"code": "*100#"}).status_code == 404
    assert farm.api().post(f"/v1/sims/{iccid}/ussd", json={"code": "*100#"}).get_json()["code"] == "ussd_not_here"


def test_a_sim_writes_to_its_own_number_where_it_is_known(farm: Sample) -> None:
    farm.modem(1)
    found = farm.api().get("/v1/sims").get_json()["data"][0]
    farm.api().patch(f"/v1/sims/{found['iccid']}", json={"number": "+8613800138000"})
    answer = farm.api().post(f"/v1/sims/{found['iccid']}/test")
    assert answer.status_code == 202
    assert answer.get_json()["to"] == "+8613800138000"
    assert answer.get_json()["text"].startswith("modemfarm test ")
    farm.api().patch(f"/v1/sims/{found['iccid']}", json={"number": None})
    assert farm.api().post(f"/v1/sims/{found['iccid']}/test").get_json()["code"] == "number_unknown"
