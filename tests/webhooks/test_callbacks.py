"""Kannel's dlr-url against real receivers: what is listed and allowed is called, in order, again, and nothing else."""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.store import callbacks
from modemfarm.store.engine import Store, Tx
from modemfarm.store.offload import Offload
from modemfarm.store.shapes import Terms
from modemfarm.webhooks import calling
from modemfarm.webhooks.callbacks import Callbacks
from modemfarm.webhooks.door import WebhookDoor
from tests.e2e.farm import until
from tests.fresh import fresh
from tests.patience import PATIENT_S

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


class Receiver:
    """An HTTP server: what it was asked for, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                receiver.asked.append(self.path)
                status, headers = receiver.answers.pop(0) if receiver.answers else (200, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


class Stage:
    """A database, a clock that moves on a test's word, and doors one after the other."""

    def __init__(self, folder: Path) -> None:
        self.store: Store = fresh(folder)
        self.offload = Offload(self.store)
        self.offload.start()
        self.at = datetime.now(UTC)
        self.doors: list[WebhookDoor] = []

    def now(self) -> datetime:
        return self.at

    def start(
        self,
        beginnings: Sequence[str],
        networks: Sequence[calling.Network] = LOOPBACK,
        call: Callable[..., calling.Result] = calling.post,
    ) -> WebhookDoor:
        callers = Callbacks(self.store, self.offload, beginnings, networks, Terms(), self.now, call)
        door = WebhookDoor(self.store, self.offload, "one", (), networks, self.now, callers)
        door.start()
        self.doors.append(door)
        return door

    def message(self, url: str, *states: str) -> int:
        """One about which an address is called, in these states one after the other."""

        def work(tx: Tx) -> int:
            callbacks.begin(tx)
            taken = accept(tx, Draft("+491701234567", "hello"), IntakeSettings(), self.at)
            assert taken is not None
            callbacks.put(tx, callbacks.Wanted(url, callbacks.KNOWN, {}), [taken.message_id])
            for state in states:
                tx.run("UPDATE messages SET state = :state WHERE id = :id", state=state, id=taken.message_id)
            return taken.message_id

        return self.store.run(work)

    def waiting(self) -> list[int]:
        """How often each call that waits was tried."""
        with self.store.read() as tx:
            return [row["attempts"] for row in tx.all("SELECT attempts FROM callback_calls ORDER BY id")]

    def close(self) -> None:
        for door in self.doors:
            door.stop()
        self.offload.stop()
        self.store.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


def test_what_happens_is_told_in_order_and_then_forgotten(stage: Stage, receiver: Receiver) -> None:
    stage.start([receiver.url])
    message = stage.message(receiver.url + "/dlr?type=%d&id=%F", "sent", "delivered")
    until(lambda: len(receiver.asked) == 2, 10, lambda: receiver.asked)
    until(lambda: stage.waiting() == [], 10, "the note")
    assert receiver.asked == [f"/dlr?type=8&id={message}", f"/dlr?type=1&id={message}"]


def test_what_is_not_taken_is_told_again_before_what_follows(stage: Stage, receiver: Receiver) -> None:
    receiver.answers = [(500, {}), (404, {"Retry-After": "60"})]
    stage.start([receiver.url])
    stage.message(receiver.url + "/?%d", "sent", "delivered")
    until(lambda: stage.waiting() == [1, 0], 10, stage.waiting)
    stage.at += timedelta(seconds=10)
    until(lambda: stage.waiting() == [2, 0], 10, stage.waiting)
    stage.at += timedelta(seconds=61)
    until(lambda: stage.waiting() == [], 10, stage.waiting)
    assert receiver.asked == ["/?8", "/?8", "/?8", "/?1"]


def test_what_was_not_told_before_an_end_is_told_after_the_next_start(stage: Stage, receiver: Receiver) -> None:
    stage.start([receiver.url]).stop()
    stage.message(receiver.url + "/?%d", "sent")
    assert receiver.asked == []
    stage.start([receiver.url])
    until(lambda: receiver.asked == ["/?8"], 10, lambda: receiver.asked)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "127.1"])
def test_a_listed_name_of_a_private_address_is_not_called(
    stage: Stage, receiver: Receiver, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = receiver.url.replace("127.0.0.1", name)
    stage.start([url], networks=())
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            stage.message(url + "/?token=5e1f", "sent")
        until(lambda: "does not answer" in caplog.text, 10, "the log")
    assert receiver.asked == []
    assert "webhook_networks" in caplog.text
    assert "5e1f" not in caplog.text
    assert sum(stage.waiting()) >= 3


def test_what_is_no_longer_listed_is_not_called(stage: Stage, receiver: Receiver) -> None:
    stage.message(receiver.url + "/?%d", "sent")
    stage.start(["https://other.example/"])
    until(lambda: stage.waiting() == [1], 10, stage.waiting)
    assert receiver.asked == []


def test_an_escape_cannot_lead_out_of_what_is_listed(stage: Stage, receiver: Receiver) -> None:
    with stage.store.write() as tx:
        callbacks.begin(tx)
    stage.start([receiver.url + "/dlr/"])
    message = stage.message(receiver.url + "/dlr/%n/admin")
    with stage.store.write() as tx:
        tx.run('UPDATE callbacks SET said = \'{"n": ".."}\'')
        tx.run("UPDATE messages SET state = 'sent' WHERE id = :id", id=message)
    until(lambda: stage.waiting() == [1], 10, stage.waiting)
    assert receiver.asked == []


def test_a_redirect_is_not_followed(stage: Stage, receiver: Receiver) -> None:
    receiver.answers = [(302, {"Location": receiver.url + "/elsewhere"})]
    stage.start([receiver.url])
    stage.message(receiver.url + "/?%d", "sent")
    until(lambda: stage.waiting() == [1], 10, stage.waiting)
    assert receiver.asked == ["/?8"]


def test_410_ends_it(stage: Stage, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.answers = [(410, {})]
    stage.start([receiver.url])
    with caplog.at_level(logging.WARNING):
        message = stage.message(receiver.url + "/?token=5e1f", "sent", "delivered")
        until(lambda: f"message {message}" in caplog.text, 10, "the log")
    assert stage.waiting() == []
    assert receiver.asked == ["/?token=5e1f"]
    assert "5e1f" not in caplog.text


def test_a_receiver_that_hangs_holds_up_no_other(stage: Stage, receiver: Receiver) -> None:
    free = threading.Event()
    hanging = "http://hangs.example"

    def call(url: str, *args: Any, **more: Any) -> calling.Result:
        if url.startswith(hanging):
            free.wait(PATIENT_S)
            return calling.Result(200, "")
        return calling.post(url, *args, **more)

    stage.start([receiver.url, hanging], call=call)
    try:
        for _ in range(8):
            stage.message(hanging + "/", "sent")
        stage.message(receiver.url + "/quick", "sent")
        until(lambda: receiver.asked == ["/quick"], 10, lambda: receiver.asked)
    finally:
        free.set()
