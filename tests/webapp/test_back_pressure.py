"""A message that names an end before its turn is not taken in; whatever nobody can foresee is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from modemfarm.farm.outlook import STANDS_S, Outlook
from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.accept import preview
from modemfarm.intake.draft import Draft
from modemfarm.model import Forecast, Plan
from modemfarm.store import actions, views
from modemfarm.store.engine import Tx
from modemfarm.store.queue import Candidate
from tests.webapp.sample import ICCID, NOW, Sample

SLOW = FarmSettings("shop", plans={"slow": Plan("slow", per_minute=2)}, default_plan="slow")
WAITING = 20  # ten minutes of one SIM
MESSAGE = {"to": "+8613900139000", "text": "your code is 1234"}


@pytest.fixture
def busy(farm: Sample) -> Sample:
    """One slow SIM with ten minutes of work before it."""
    farm.deps = replace(farm.deps, outlook=Outlook(farm.store, SLOW, farm.clock.now))
    farm.app.extensions["modemfarm"] = farm.deps
    farm.modem(1)
    for number in range(WAITING):
        farm.take(f"+86138001380{number:02}", valid_for=timedelta(days=2))
    return farm


def until(minutes: float) -> dict[str, str]:
    return {"valid_until": (NOW + timedelta(minutes=minutes)).isoformat()}


def later(farm: Sample) -> None:
    """Let the kept forecast grow old."""
    farm.clock.at += timedelta(seconds=STANDS_S + 1)


def test_what_cannot_leave_in_time_is_429_and_nothing_is_kept_of_it(busy: Sample) -> None:
    client, headers = busy.api(), {"Idempotency-Key": "k"}
    body = MESSAGE | until(5)
    answer = client.post("/v1/messages", json=body, headers=headers)
    assert (answer.status_code, answer.content_type) == (429, "application/problem+json")
    problem = answer.get_json()
    assert (problem["code"], problem["type"]) == ("cannot_before_expiry", "urn:modemfarm:problem:cannot_before_expiry")
    eta = datetime.fromisoformat(problem["eta"])
    assert timedelta(minutes=9) < eta - NOW < timedelta(minutes=12)
    assert datetime.fromisoformat(problem["valid_until"]) == NOW + timedelta(minutes=5)
    wait = math.ceil((eta - NOW - timedelta(minutes=5)).total_seconds())
    assert int(answer.headers["Retry-After"]) == wait
    schema = client.get("/v1/openapi.json").get_json()["components"]["schemas"]["Problem"]
    Draft202012Validator(schema).validate(problem)
    assert problem.keys() <= schema["properties"].keys()
    assert busy.store.look(views.counts) == {"queued": WAITING}
    client.post("/v1/messages/cancel", json={"state": ["queued"]})
    later(busy)
    taken = client.post("/v1/messages", json=body, headers=headers)  # the same once more, and now there is room
    assert taken.status_code == 202


def test_a_message_that_was_taken_in_is_answered_so_again_whatever_waits_now(farm: Sample) -> None:
    farm.deps = replace(farm.deps, outlook=Outlook(farm.store, SLOW, farm.clock.now))
    farm.app.extensions["modemfarm"] = farm.deps
    farm.modem(1)
    client, headers = farm.api(), {"Idempotency-Key": "k"}
    first = client.post("/v1/messages", json=MESSAGE | until(5), headers=headers)
    assert first.status_code == 202
    for number in range(WAITING):
        farm.take(f"+86138001380{number:02}", valid_for=timedelta(days=2), priority=9)
    later(farm)
    again = client.post("/v1/messages", json=MESSAGE | until(5), headers=headers)
    assert (again.status_code, again.get_json()["id"]) == (202, first.get_json()["id"])
    assert client.post("/v1/messages", json=MESSAGE | until(5)).status_code == 429


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="names no end: the default validity is the owner's word"),
        pytest.param(until(15), id="ends after its turn"),
        pytest.param(until(2) | {"priority": 9}, id="goes before the others"),
        pytest.param(until(5) | {"class": "emergency", "confirm_emergency": True, "priority": 0}, id="an emergency"),
        pytest.param(until(5) | {"send_at": (NOW + timedelta(minutes=4)).isoformat()}, id="scheduled"),
        pytest.param(until(5) | {"from": "no such SIM"}, id="its SIM may come"),
    ],
)
def test_all_else_is_taken_in(busy: Sample, more: dict[str, Any]) -> None:
    assert busy.api().post("/v1/messages", json=MESSAGE | more).status_code == 202


def test_nothing_is_refused_while_nobody_can_say(busy: Sample) -> None:
    client, body = busy.api(), MESSAGE | until(5)
    assert client.post("/v1/messages", json=body).status_code == 429
    busy.store.run(actions.pause, "class", "transactional", NOW)
    assert client.post("/v1/messages", json=body).status_code == 202
    busy.store.run(actions.resume, "class", "transactional", NOW)
    busy.store.run(actions.pause, "all", "", NOW)
    later(busy)
    assert client.post("/v1/messages", json=body).status_code == 202
    busy.store.run(actions.resume, "all", "", NOW)
    busy.park(1)
    later(busy)
    assert client.post("/v1/messages", json=body).status_code == 202


def test_what_is_wrong_is_told_before_that(busy: Sample) -> None:
    client = busy.api()
    assert client.post("/v1/messages", json=MESSAGE | until(5) | {"to": "13x"}).status_code == 422
    offer = client.post("/v1/messages", json=MESSAGE | until(5) | {"class": "marketing"})
    assert (offer.status_code, offer.get_json()["type"]) == (403, "urn:modemfarm:problem:refused")
    assert client.post("/v1/messages?dry_run=1", json=MESSAGE | until(5)).get_json()["forecast"] == {
        "finish_at": None,
        "expires_first": True,
    }


def test_without_a_backlog_nothing_is_played_and_with_one_a_kind_is_played_once(
    farm: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    outlook = Outlook(farm.store, SLOW, farm.clock.now)
    played: list[int] = []
    honest = outlook._look

    def look(tx: Tx, more: Sequence[Candidate], watch: int | None = None) -> Forecast:
        played.append(len(more))
        return honest(tx, more, watch)

    monkeypatch.setattr(outlook, "_look", look)
    farm.app.extensions["modemfarm"] = replace(farm.deps, outlook=outlook)
    farm.modem(1)
    client = farm.api()
    for _ in range(5):
        assert client.post("/v1/messages", json=MESSAGE | until(30)).status_code == 202
    assert played == [0]  # the kept one, for all five
    for number in range(WAITING):
        farm.take(f"+86138001380{number:02}", valid_for=timedelta(days=2))
    later(farm)
    for _ in range(3):
        assert client.post("/v1/messages", json=MESSAGE | until(5) | {"priority": 9}).status_code == 202
    assert played == [0, 0, 1]
    for _ in range(2):
        assert client.post("/v1/messages", json=MESSAGE | until(1)).status_code == 429
    assert played == [0, 0, 1, 1, 1]  # a refusal is played each time


def test_a_batch_takes_its_rows_and_says_how_many_are_late(busy: Sample) -> None:
    row = f'{{"to": "+8613900139000", "text": "x", "valid_until": "{until(5)["valid_until"]}"}}\n'.encode()
    answer = busy.api().post("/v1/batches", data=row, content_type="application/x-ndjson").get_json()
    assert (answer["accepted"], answer["cannot_send"]) == (1, 1)


@pytest.mark.parametrize(("lang", "word"), [("zh", "未接收"), ("ru", "не принято")])
def test_it_is_said_in_the_readers_language(busy: Sample, lang: str, word: str) -> None:
    answer = busy.api().post("/v1/messages", json=MESSAGE | until(5), headers={"Accept-Language": lang})
    assert word in answer.get_json()["detail"]
    assert "…" not in answer.get_json()["detail"]


def test_a_message_for_a_sim_that_is_free_goes_though_the_others_are_not(busy: Sample) -> None:
    client = busy.api()
    client.post("/v1/messages/edit", json={"state": ["queued"], "changes": {"from": ICCID.format(1)}})
    busy.modem(2)
    later(busy)
    assert client.post("/v1/messages", json=MESSAGE | until(5)).status_code == 202
    assert client.post("/v1/messages", json=MESSAGE | until(5) | {"from": ICCID.format(1)}).status_code == 429


def test_another_message_that_ends_before_its_turn_says_nothing_of_one_that_is_asked_about(busy: Sample) -> None:
    busy.take("+8613800138099", valid_for=timedelta(minutes=2))  # behind all others: it will expire
    body = MESSAGE | until(5) | {"from": "no such SIM"}
    assert busy.api().post("/v1/messages?dry_run=1", json=body).get_json()["forecast"] == {
        "finish_at": None,
        "expires_first": False,
    }


def test_a_sim_that_may_be_back_at_any_moment_counts(busy: Sample) -> None:
    client, body = busy.api(), MESSAGE | until(7)
    assert client.post("/v1/messages", json=body).status_code == 429
    busy.modem(2, "recovering", "restarting")
    later(busy)
    assert client.post("/v1/messages", json=body).status_code == 202


def test_what_a_pause_covers_and_does_not_hide_yet_stands_before_nobody(busy: Sample) -> None:
    outlook, mine = Outlook(busy.store, SLOW, busy.clock.now), until(5)["valid_until"]
    draft = Draft("+8613900139000", "x", message_class="conversation", valid_until=datetime.fromisoformat(mine))
    first = busy.store.look(preview, draft, busy.deps.intake, NOW).first
    assert outlook.misses(first) is not None
    with busy.store.write() as tx:  # its parts follow in chunks, see store/gates.py
        tx.run("INSERT INTO pauses (scope, value, since) VALUES ('class', 'transactional', 0)")
    assert outlook.misses(first) is None
