from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest

from modemfarm.errors import StoreError
from modemfarm.store import audit, inbox, retention, reviews
from modemfarm.store.engine import Store, to_us
from modemfarm.store.events import record
from modemfarm.store.retention import Pruner
from tests.store.tools import NOW, SIM, TO, add

YEAR = timedelta(days=365)
LONG_AGO = NOW - 3 * YEAR


def walk(store: Store, pruner: Pruner) -> tuple[int, Pruner]:
    steps = 0
    while (following := store.run(pruner.step, NOW)) is not None:
        steps, pruner = steps + 1, following
    return steps, pruner


def test_what_is_old_goes_by_kind_and_rows_that_count_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PIECE", 2)
    with store.write() as tx:
        for at in (LONG_AGO, LONG_AGO, LONG_AGO, NOW):
            done = add(tx, at=at, metadata={"a": "b"})
            tx.run("UPDATE messages SET final_at = :at WHERE id = :id", at=to_us(at), id=done)
            raw = inbox.Raw("00", SIM, None, at, "", None, "deliver", originator=TO, text="yes")
            inbox.join(tx, raw, inbox.keep(tx, raw), old=False, judge_at=at)
            audit.note(tx, "li", "x", at)
        waiting = add(tx, at=LONG_AGO)
        inbox.keep(tx, inbox.Raw("01", SIM, None, LONG_AGO, "SM", 3, "deliver"))
        reviews.add(tx, TO, int(tx.value("SELECT min(id) FROM inbound")), "stop", NOW)
    kinds = ("texts", "inbound", "pdus", "events", "audit")
    assert walk(store, Pruner(dict.fromkeys(kinds, 2 * YEAR)))[0] > len(kinds)
    with store.read() as tx:
        texts = {row["id"]: row["text"] for row in tx.all("SELECT id, text FROM messages")}
        assert sorted(texts.values()) == ["", "", "", "hello", "hello"]
        assert texts[waiting] == "hello"
        assert tx.value("SELECT count(*) FROM parts") == 5
        assert tx.value("SELECT count(*) FROM inbound") == 2  # the young one, and one to be decided on
        assert tx.value("SELECT count(*) FROM received") == 2  # the young one, and one that still lies in its slot
        assert tx.value("SELECT count(*) FROM events WHERE at < :at", at=to_us(NOW - YEAR)) == 0
        assert tx.value("SELECT count(*) FROM audit") == 1


def test_what_is_kept_for_ever_is_not_walked_through(store: Store) -> None:
    store.run(lambda tx: add(tx, at=LONG_AGO))
    assert walk(store, Pruner({}))[0] == 0


def test_it_rests_for_a_day_between_two_walks(store: Store) -> None:
    steps, pruner = walk(store, Pruner({"events": YEAR}))
    assert steps == 1
    assert store.run(pruner.step, NOW + timedelta(hours=23)) is None
    assert store.run(pruner.step, NOW + timedelta(hours=25)) is not None


def test_a_piece_that_is_rolled_back_is_done_again(store: Store) -> None:
    with store.write() as tx:
        record(tx, "message.accepted", LONG_AGO)
    pruner = Pruner({"events": YEAR})
    for error in (StoreError("rolled back"), None):
        with contextlib.suppress(StoreError), store.write() as tx:
            following = pruner.step(tx, NOW)
            if error is not None:
                raise error
        assert following == Pruner(pruner.keep, ("events",), following.after, NOW + retention.REST)
    with store.read() as tx:
        assert tx.value("SELECT count(*) FROM events WHERE at < :at", at=to_us(NOW - YEAR)) == 0
