"""The door against a real receiver: in order, again, not for ever, and in nobody's way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.store import actions, outbox, webhooks
from modemfarm.store.engine import Store
from modemfarm.store.offload import Offload
from modemfarm.store.shapes import Terms
from modemfarm.webhooks.callbacks import Callbacks
from modemfarm.webhooks.calling import Result
from modemfarm.webhooks.door import Given, WebhookDoor
from tests.e2e.farm import until
from tests.fresh import fresh
from tests.patience import PATIENT_S

URL, SECRET = "https://example.org/hook", "whsec_plJ3nmyCDGBKInavdOK15jsl"
Reply = Callable[[str, dict[str, Any]], Result]
OK = Result(200, "answered with 200")


class Receiver:
    """What was called, and what it answers; the clock moves on its word."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.answer: Reply = lambda _url, _event: OK
        self.at = datetime.now(UTC)
        self.lock = threading.Lock()

    def now(self) -> datetime:
        return self.at

    def __call__(self, url: str, payload: bytes, headers: Mapping[str, str], _allowed: object, **_: Any) -> Result:
        event = json.loads(payload)
        with self.lock:
            self.calls.append((url, headers["webhook-id"], event))
        return self.answer(url, event)


@pytest.fixture
def told(tmp_path: Path) -> Iterator[tuple[Store, Receiver, Callable[..., WebhookDoor]]]:
    store = fresh(tmp_path)
    receiver = Receiver()
    offload = Offload(store)
    offload.start()
    doors: list[WebhookDoor] = []

    def start(*given: Given) -> WebhookDoor:
        nobody = Callbacks(store, offload, (), (), Terms(), receiver.now)
        door = WebhookDoor(store, offload, "one", given or [Given(URL, SECRET, ())], (), receiver.now, nobody, receiver)
        door.start()
        doors.append(door)
        until(lambda: store.look(webhooks.hooks), 10, "the webhooks")
        return door

    yield store, receiver, start
    for door in doors:
        door.stop()
    offload.stop()
    store.close()


def cancel_one(store: Store, receiver: Receiver) -> int:
    def work(tx: Any) -> int:
        taken = accept(tx, Draft("+491701234567", "hello"), IntakeSettings(), receiver.at)
        assert taken is not None
        actions.cancel(tx, taken.message_id, receiver.at)
        return taken.message_id

    return store.run(work)


def test_an_event_is_told_once(told: Any) -> None:
    store, receiver, start = told
    start()
    message = cancel_one(store, receiver)
    until(lambda: receiver.calls, 10, "a call")
    until(lambda: store.look(webhooks.document)[0]["waiting"] == 0, 10, "the note")
    assert [(event["type"], event["data"]["id"]) for _, _, event in receiver.calls] == [("message.canceled", message)]


def test_a_failed_call_is_made_again_under_its_id(told: Any) -> None:
    store, receiver, start = told
    receiver.answer = lambda _url, _event: Result(500, "answered with 500") if len(receiver.calls) < 2 else OK
    start()
    cancel_one(store, receiver)
    until(lambda: len(receiver.calls) == 1, 10, "a call")
    until(lambda: store.look(webhooks.document)[0]["last_answer"] == "answered with 500", 10, "the note")
    receiver.at += timedelta(seconds=10)
    until(lambda: len(receiver.calls) == 2, 10, "another")
    assert len({event_id for _, event_id, _ in receiver.calls}) == 1


def test_410_ends_it_until_somebody_enables_it(told: Any) -> None:
    store, receiver, start = told
    receiver.answer = lambda _url, _event: Result(410, "answered with 410")
    start()
    cancel_one(store, receiver)
    until(lambda: not store.look(webhooks.document)[0]["enabled"], 10, "410 was heard")
    receiver.answer = lambda _url, _event: OK
    receiver.at += timedelta(hours=1)
    store.run(webhooks.enable, store.look(webhooks.hooks)[0].id, receiver.at)
    until(lambda: len(receiver.calls) == 2, 10, "what waited")


def test_a_receiver_that_hangs_holds_up_no_other(told: Any) -> None:
    store, receiver, start = told
    free = threading.Event()

    def answer(url: str, _event: dict[str, Any]) -> Result:
        if url == URL:
            free.wait(PATIENT_S)
        return OK

    receiver.answer = answer
    start(Given(URL, SECRET, ()), Given("https://b.example/", SECRET, ()))
    try:
        messages = [cancel_one(store, receiver) for _ in range(8)]
        others = lambda: [event["data"]["id"] for url, _, event in receiver.calls if url != URL]  # noqa: E731
        until(lambda: sorted(others()) == messages, 20, others)
        assert sum(url == URL for url, _, _ in receiver.calls) <= 2
    finally:
        free.set()


def test_what_was_not_noted_is_told_after_the_next_start(told: Any) -> None:
    store, receiver, start = told
    start().stop()
    cancel_one(store, receiver)
    assert receiver.calls == []
    start()
    until(lambda: receiver.calls, 10, "a call")


def test_a_test_event_is_told(told: Any) -> None:
    store, receiver, start = told
    start()
    event_id = store.run(outbox.test, store.look(webhooks.hooks)[0].id, receiver.at)
    until(lambda: receiver.calls, 10, "a call")
    assert (receiver.calls[0][1], receiver.calls[0][2]["type"]) == (event_id, "webhook.test")
