"""Changing a message before it leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from modemfarm.errors import BadFieldError, KeyCeilingError, RefusedError, TextTooLongError
from modemfarm.intake.draft import Quota
from modemfarm.intake.edit import edit
from modemfarm.model import Ceiling, digits_key
from modemfarm.store import actions, counters, labels, queue, steps
from modemfarm.store.engine import Store, Tx, from_us, to_us
from tests.store.tools import (
    INTAKE,
    LONG,
    NOW,
    OTHER,
    SIM,
    TO,
    add,
    after,
    charged,
    claim,
    counted,
    end,
    message,
    parts,
    permit,
    see,
    send,
    states,
    submit,
    uncertain,
)


def change(tx: Tx, number: int, at: Any = NOW, **changes: Any) -> bool:
    return edit(tx, number, changes, INTAKE, at, who="api")


def test_a_waiting_message_is_cut_anew_and_keeps_its_place(store: Store) -> None:
    with store.write() as tx:
        number = add(tx)
        due = tx.value("SELECT due_at FROM parts")
        assert change(tx, number, after(9), text=LONG, priority=7, reference="r", tags=["a"], metadata={"b": 1})
        row = message(tx, number)
        assert (row["text"], row["parts_total"], row["rank"], row["reference"]) == (LONG, 3, 2, "r")
        assert (row["tags"], row["metadata"], row["state"]) == ('["a"]', '{"b": 1}', "queued")
        assert states(tx, number) == ["waiting"] * 3
        (head,) = queue.heads(tx, "", after(9), 9)
        assert (head.part_number, head.rank, head.due_at, head.parts_total) == (1, 2, due, 3)
        assert {(row["rank"], row["due_at"]) for row in parts(tx, number)} == {(2, due)}
        assert change(tx, number, after(10), text="short 短")
        assert (message(tx, number)["encoding"], states(tx, number)) == ("ucs2", ["waiting"])
        told = tx.all("SELECT data FROM events WHERE kind = 'message.edited' ORDER BY id")
        assert '"fields":["metadata","priority","reference","tags","text"]' in told[0]["data"]
        assert not change(tx, 99, text="x")


def test_what_a_modem_has_claimed_comes_back_and_the_old_words_never_leave(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG)
        claimed = claim(tx)
        assert claimed is not None
        assert change(tx, number, text="new words")
        assert steps.submitting(tx, permit(claimed[0].part_id, claimed[1]), NOW) == "lost"
        assert (states(tx, number), message(tx, number)["concat_ref"]) == (["waiting"], None)
        assert counted(tx) == charged(tx) == {}
        part, _ = submit(tx)
        assert (part.text, part.parts_total) == ("new words", 1)


def test_nothing_is_changed_once_something_has_left(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        sent = add(tx)
        send(tx)
        on_air = add(tx)
        submit(tx)
        started = add(tx, text=LONG)
        send(tx)
        canceled = add(tx)
        actions.cancel(tx, canceled, NOW)
        for number in (sent, on_air, started, canceled):
            with pytest.raises(BadFieldError) as raised:
                change(tx, number, text="x")
            assert raised.value.code == "too_late"


def test_a_resent_unknown_is_not_changed(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, resend_unknown=True)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain())
        actions.resend_unknown(tx, after(300))
        assert states(tx, number) == ["waiting"]
        with pytest.raises(BadFieldError):
            change(tx, number, after(300), text="x")


def test_a_new_time_takes_the_validity_along(store: Store) -> None:
    with store.write() as tx:
        number = add(tx)
        span = from_us(message(tx, number)["valid_until"]) - NOW
        assert change(tx, number, send_at=after(3 * 86400))
        row = message(tx, number)
        assert (row["state"], row["next_at"]) == ("scheduled", to_us(after(3 * 86400)))
        assert from_us(row["valid_until"]) == after(3 * 86400) + span
        assert queue.heads(tx, "", after(60), 9) == []
        assert change(tx, number, after(60), send_at=None)
        row = message(tx, number)
        assert (row["state"], row["send_at"], row["next_at"]) == ("queued", None, None)
        assert from_us(row["valid_until"]) == after(60) + span
        assert len(queue.heads(tx, "", after(60), 9)) == 1
        assert change(tx, number, after(60), valid_until=None)
        assert message(tx, number)["valid_until"] is None
        assert change(tx, number, after(60), text="still without an end")
        assert message(tx, number)["valid_until"] is None


def test_another_sim_is_another_queue(store: Store) -> None:
    with store.write() as tx:
        see(tx, SIM)
        see(tx, OTHER)
        number = add(tx)
        change(tx, number, **{"from": OTHER})
        assert (queue.heads(tx, "", NOW, 9), message(tx, number)["iccid"]) == ([], OTHER)
        assert len(queue.heads(tx, OTHER, NOW, 9)) == 1
        change(tx, number, **{"from": None})
        assert (len(queue.heads(tx, "", NOW, 9)), message(tx, number)["iccid"]) == (1, None)


def test_what_is_held_for_a_person_or_by_a_pause_stays_held(store: Store) -> None:
    with store.write() as tx:
        number = add(tx)
        labels.hold(tx, number, "sim_parked", {"iccid": SIM}, None)
        change(tx, number, text="new", send_at=after(60))
        row = message(tx, number)
        assert (row["state"], row["reason"], queue.heads(tx, "", after(99), 9)) == ("held", "sim_parked", [])
        other = add(tx)
        actions.pause(tx, "class", "conversation", NOW)
        change(tx, other, **{"class": "conversation"})
        row = message(tx, other)
        assert (row["state"], row["reason"], queue.heads(tx, "", after(99), 9)) == ("held", "paused", [])
        actions.resume(tx, "class", "conversation", NOW)
        assert len(queue.heads(tx, "", after(99), 9)) == 1


def test_it_is_checked_and_judged_as_at_intake(store: Store) -> None:
    with store.write() as tx:
        number = add(tx)
        for changes, wrong in (
            ({"text": " "}, BadFieldError),
            ({"text": "x" * 5000}, TextTooLongError),
            ({"priority": 12}, BadFieldError),
            ({"valid_until": NOW - timedelta(1)}, BadFieldError),
        ):
            with pytest.raises(wrong):
                change(tx, number, **changes)
        tx.run(
            "INSERT INTO suppressions (number, digits, since, source) VALUES (:to, :digits, 0, 'web')",
            to=TO,
            digits=digits_key(TO),
        )
        with pytest.raises(RefusedError) as raised:
            change(tx, number, text="x")
        assert (raised.value.code, message(tx, number)["text"]) == ("opted_out", "hello")


def test_a_longer_text_counts_for_the_keys_ceiling(store: Store) -> None:
    keyed = replace(INTAKE, quota=Quota("key:1", Ceiling(parts=3)))
    with store.write() as tx:
        number = add(tx, settings=keyed)
        assert edit(tx, number, {"text": LONG}, keyed, NOW)
        assert counters.used(tx, "key:1", "day", counters.day_start(Ceiling().days, NOW)) == 3
    with store.write() as tx, pytest.raises(KeyCeilingError):
        edit(tx, number, {"text": LONG + LONG}, keyed, NOW)
    with store.read() as tx:
        assert message(tx, number)["text"] == LONG
        assert counters.used(tx, "key:1", "day", counters.day_start(Ceiling().days, NOW)) == 3
