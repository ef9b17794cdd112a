"""Whom a sender wants called is noted with the change itself, in order, once, and forgotten when it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modemfarm.model import SimSettings
from modemfarm.store import actions, callbacks, erasing, repeating, retention
from modemfarm.store.callbacks import BUFFERED, DELIVERED, KNOWN, REJECTED, SENT, UNDELIVERED, Call, Wanted
from modemfarm.store.engine import Store, Tx, to_us
from modemfarm.store.shapes import Terms
from modemfarm.store.story import explain
from tests.patience import PATIENT_S
from tests.store.tools import LONG, NOW, SIM, TO, accepted, add, after, end, get, report_pdu, see, send, submit

HOST = "http://shop.example"
URL = HOST + "/dlr?id=%F&type=%d&secret=5e1f"
LATE = datetime(2200, 1, 1, tzinfo=UTC)


@pytest.fixture
def told(store: Store) -> Iterator[Store]:
    """A database in which changes are noted."""
    store.run(callbacks.begin)
    yield store
    with store.write() as tx:
        tx.run("DELETE FROM callbacks")
        callbacks.watch(tx, wanted=False)


def wanted(mask: int = KNOWN, url: str = URL, **said: str) -> Wanted:
    return Wanted(url, mask, said)


def ask(tx: Tx, mask: int = KNOWN, url: str = URL, said: dict[str, str] | None = None, **draft: Any) -> int:
    """A message about which an address is called."""
    message = add(tx, **draft)
    callbacks.put(tx, wanted(mask, url, **(said or {})), [message])
    return message


def asked(store: Store, *args: Any, **draft: Any) -> int:
    """The same in a transaction of its own."""
    with store.write() as tx:
        return ask(tx, *args, **draft)


def due(store: Store, origin: str = HOST, terms: Terms | None = None) -> list[Call]:
    return store.look(callbacks.due, origin, LATE, 50, terms or Terms())


def events(store: Store) -> list[int]:
    """What is told, call by call, until nothing waits."""
    found: list[int] = []
    while calls := due(store):
        found += [call.event for call in calls]
        for call in calls:
            store.run(callbacks.answered, call)
    return found


def left(store: Store) -> tuple[int, int]:
    with store.read() as tx:
        return tx.value("SELECT count(*) FROM callbacks"), tx.value("SELECT count(*) FROM callback_calls")


def heard(tx: Tx, status: int) -> None:
    send(tx)
    get(tx, report_pdu(7, status, sent=NOW), at=after(5))


STORIES = {
    "delivered": ([SENT, DELIVERED], lambda tx, _: heard(tx, 0)),
    "undelivered": ([SENT, UNDELIVERED], lambda tx, _: heard(tx, 0x46)),
    "buffered": ([SENT, BUFFERED], lambda tx, _: heard(tx, 0x20)),
    "unconfirmed": ([SENT], lambda tx, _: heard(tx, 1)),
    "canceled": ([REJECTED], lambda tx, message: actions.cancel(tx, message, NOW)),
    "failed": ([REJECTED], lambda tx, message: become(tx, message, "failed")),
    "expired": ([REJECTED], lambda tx, message: become(tx, message, "expired")),
    "unknown": ([], lambda tx, message: become(tx, message, "unknown")),
    "held": ([], lambda tx, message: become(tx, message, "held")),
    "report before the result": ([SENT, DELIVERED], lambda tx, message: become(tx, message, "delivered")),
}


def become(tx: Tx, message: int, state: str) -> None:
    tx.run("UPDATE messages SET state = :state WHERE id = :id", state=state, id=message)


@pytest.mark.parametrize("story", STORIES)
def test_each_end_is_told_by_its_bit(told: Store, story: str) -> None:
    bits, happens = STORIES[story]
    message = told.run(ask)
    assert due(told) == []
    told.run(happens, message)
    assert events(told) == bits


@pytest.mark.parametrize(
    ("mask", "status", "bits"),
    [
        (DELIVERED, 0, [DELIVERED]),
        (SENT, 0, [SENT]),
        (UNDELIVERED, 0, []),
        (UNDELIVERED, 0x46, [UNDELIVERED]),
        (DELIVERED | BUFFERED, 0x20, [BUFFERED]),
        (DELIVERED | SENT, 0x20, [SENT]),
    ],
)
def test_only_what_the_mask_asks_for_is_told(told: Store, mask: int, status: int, bits: list[int]) -> None:
    told.run(ask, mask)
    told.run(heard, status)
    assert events(told) == bits


@pytest.mark.parametrize(("mask", "bits"), [(REJECTED, [16]), (UNDELIVERED, [16]), (DELIVERED | SENT, [])])
def test_what_the_network_never_took_is_told_as_kannel_does(told: Store, mask: int, bits: list[int]) -> None:
    message = told.run(ask, mask)
    told.run(actions.cancel, message, NOW)
    assert events(told) == bits


def test_a_message_of_several_parts_is_told_once(told: Store) -> None:
    def work(tx: Tx) -> None:
        ask(tx, text=LONG)
        for mr in (7, 8, 9):
            _, attempt = submit(tx)
            end(tx, attempt, accepted(mr))
        for status in (0x20, 0x21):
            for mr in (7, 8, 9):
                get(tx, report_pdu(mr, status), at=after(5))
        for mr in (7, 8):
            get(tx, report_pdu(mr), at=after(9))

    told.run(work)
    assert events(told) == [SENT, BUFFERED]
    told.run(get, report_pdu(9))
    assert events(told) == [DELIVERED]


def test_calls_about_one_message_follow_each_other_and_others_do_not_wait(told: Store) -> None:
    first = told.run(ask)
    told.run(heard, 0)
    second = told.run(ask)
    told.run(actions.cancel, second, NOW)
    assert [(call.message_id, call.event) for call in due(told)] == [(first, SENT), (second, REJECTED)]
    told.run(callbacks.answered, due(told)[0])
    assert [(call.message_id, call.event) for call in due(told)] == [(first, DELIVERED), (second, REJECTED)]


def test_what_is_rolled_back_was_never_told(told: Store) -> None:
    message = told.run(ask)

    def fails(tx: Tx) -> None:
        actions.cancel(tx, message, NOW)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        told.run(fails)
    assert due(told) == []
    assert left(told) == (1, 0)


def test_nothing_is_kept_of_an_address_once_all_is_told(told: Store) -> None:
    told.run(ask)
    asked(told, SENT, report=False)
    told.run(heard, 0)
    with told.write() as tx:
        send(tx, mr=8)
    assert left(told) == (0, 3)
    events(told)
    assert left(told) == (0, 0)


def test_an_address_whose_report_never_came_is_forgotten_in_the_end(told: Store) -> None:
    message = told.run(ask)
    told.run(heard, 1)
    events(told)
    assert left(told) == (1, 0)
    assert told.run(callbacks.clean, NOW + timedelta(days=9)) == 0
    assert told.run(callbacks.clean, NOW + timedelta(days=11)) == 1
    told.run(become, message, "delivered")
    assert due(told) == []


def test_a_message_that_was_refused_beside_others_is_told(told: Store) -> None:
    message = told.run(ask)
    told.run(callbacks.rejected, message, NOW)
    assert events(told) == [REJECTED]
    assert left(told) == (0, 0)


def test_the_address_is_filled_with_what_is_known(told: Store) -> None:
    every = "%a|%A|%B|%c|%C|%d|%F|%i|%I|%n|%o|%p|%P|%q|%Q|%T|%%"

    def work(tx: Tx) -> int:
        see(tx, number="+8613900139000")
        kept = {"account": "acc", "binfo": "b i"}
        message = ask(tx, url=f"{HOST}/?{every}", said={"n": "shop"}, text="您好", metadata=kept)
        send(tx)
        return message

    message = told.run(work)
    (call,) = due(told)
    epoch = int(call.at.timestamp())
    own = f"%2B8613800138000|%2B8613900139000|%2B8613800138000|%2B8613900139000|{epoch}|%"
    assert call.url == f"{HOST}/?%E6%82%A8%E5%A5%BD|ACK%2F|b+i|2|UTF-8|8|{message}|{SIM}|{message}|shop|acc|{own}"
    terms = Terms(sims={SIM: SimSettings(SIM, label="Front desk", number="+8613700137000")})
    (call,) = due(told, terms=terms)
    assert "|Front+desk|" in call.url
    assert "|%2B8613700137000|" in call.url


def test_of_a_message_that_is_not_to_be_kept_no_text_is_told(told: Store) -> None:
    asked(told, url=HOST + "/?%a|%o|%B|%d", metadata={"account": "acc"}, store_text=False)
    told.run(heard, 0)
    assert due(told)[0].url == HOST + "/?|||8"


def test_what_the_network_said_is_the_reply(told: Store) -> None:
    message = asked(told, url=HOST + "/?%A")
    with told.write() as tx:
        tx.run("UPDATE messages SET state = 'failed', reason = 'recipient' WHERE id = :id", id=message)
    assert due(told)[0].url == HOST + "/?NACK%2Frecipient"


def test_a_call_is_made_again_with_growing_pauses_for_three_days(told: Store) -> None:
    told.run(ask)
    told.run(heard, 0)
    (call,) = due(told)
    assert told.run(callbacks.not_answered, call, "answered with 500", call.at, timedelta(minutes=2))
    assert told.look(callbacks.due, HOST, call.at + timedelta(seconds=119), 5, Terms()) == []
    at, kept, attempts = call.at + timedelta(minutes=2), True, 1
    while kept:
        (again,) = told.look(callbacks.due, HOST, at, 5, Terms())
        kept = told.run(callbacks.not_answered, again, "answered with 500", at, None)
        at += repeating.pause(again.attempts, f"callback {call.id}") + timedelta(milliseconds=1)
        attempts += 1
    assert timedelta(days=2) < at - call.at < timedelta(days=4)
    assert attempts > 10
    assert events(told) == [DELIVERED]  # what follows is not lost with it
    story = told.look(explain, call.message_id)
    assert story is not None
    (lost,) = [line["params"] for line in story if line["code"] == "callback_lost"]
    assert (lost["origin"], lost["what"]) == (HOST, "answered with 500")
    assert "5e1f" not in str(story)


def test_an_address_goes_with_the_text_of_its_message(told: Store) -> None:
    old, young = told.run(ask), asked(told, to="+8613800138001")
    with told.write() as tx:
        for message, days in ((old, 40), (young, 1)):
            at = to_us(NOW - timedelta(days=days))
            tx.run(
                "UPDATE messages SET state = 'sent', final_at = :at, created_at = :at WHERE id = :id", at=at, id=message
            )
    assert left(told) == (2, 2)
    told.run(retention.piece, "texts", NOW - timedelta(days=30), 0)
    assert left(told) == (1, 1)
    assert [call.message_id for call in due(told)] == [young]


def test_nobody_is_called_about_a_person_who_is_forgotten(told: Store) -> None:
    told.run(ask)
    told.run(heard, 0)
    other = asked(told, to="+8613800138001")
    erasing.forget(told.run, TO, NOW, "li")
    assert left(told) == (1, 0)
    told.run(actions.cancel, other, NOW)
    assert events(told) == [REJECTED]


def test_a_farm_that_calls_nobody_pays_nothing(told: Store) -> None:
    def pays(tx: Tx) -> bool:
        return callbacks._WATCHER.is_on(tx)

    message = told.run(ask)
    for known, on in ((True, True), (False, True)):
        with told.write() as tx:
            callbacks.watch(tx, wanted=known)
        assert told.look(pays) is on
    told.run(actions.cancel, message, NOW)
    with told.write() as tx:
        callbacks.watch(tx, wanted=False)
    assert not told.look(pays)
    assert events(told) == [REJECTED]


def test_of_two_who_are_the_first_to_name_an_address_none_fails(told: Store) -> None:
    with told.write() as tx:
        callbacks.watch(tx, wanted=False)
    ready = threading.Barrier(2)

    def first() -> int:
        def work(tx: Tx) -> int:
            assert tx.sqlite or not callbacks._WATCHER.is_on(tx)
            if not tx.sqlite:
                ready.wait(PATIENT_S)
            callbacks.begin(tx)
            return ask(tx)

        return told.run(work)

    with ThreadPoolExecutor(2) as pool:
        messages = [item.result(PATIENT_S) for item in [pool.submit(first), pool.submit(first)]]
    for message in messages:
        told.run(actions.cancel, message, NOW)
    assert {call.message_id for call in due(told)} == set(messages)
