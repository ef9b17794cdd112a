"""Many messages at once: pauses in chunks, and what a person asks for by state or batch."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from modemfarm.errors import BadFieldError
from modemfarm.intake import many
from modemfarm.intake.draft import Quota
from modemfarm.model import Ceiling, SimState
from modemfarm.store import actions, counters, epoch, gates, labels, queue, releasing, selecting, sims, steps, story
from modemfarm.store.engine import Store, Tx, to_us
from modemfarm.store.selecting import Which
from tests.store.tools import (
    INTAKE,
    LONG,
    NOW,
    OTHER,
    SIM,
    TO,
    accepted,
    add,
    after,
    charged,
    claim,
    counted,
    end,
    message,
    permit,
    see,
    send,
    states,
    submit,
    uncertain,
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "CHUNK", 2)
    monkeypatch.setattr(gates, "LOOKED_AT", 4)
    monkeypatch.setattr(many, "PAGE", 3)
    monkeypatch.setattr(releasing, "CHUNK", 2)
    monkeypatch.setattr(releasing, "LOOKED_AT", 4)


def _do(store: Store, what: str, which: Which, *, word: str = "", most: int | None = None) -> many.Done:
    act = many.acting(what, which.states, INTAKE, word=word, who="api")
    return many.do(store.look, store.run, act, which, lambda: NOW, most=most)


def _hidden(tx: Tx) -> int:
    return int(tx.value("SELECT count(*) FROM parts WHERE gate = 1"))


@pytest.mark.usefixtures("small")
def test_a_pause_hides_and_a_resume_shows_a_chunk_to_a_transaction(store: Store) -> None:
    with store.write() as tx:
        ids = [add(tx, text=LONG if n == 1 else "x") for n in range(5)]
        others = [add(tx, message_class="conversation") for _ in range(5)]
    seen = []
    for change, gate in ((actions.pause, 7), (actions.resume, 0)):
        store.run(change, "class", "transactional", NOW)
        with store.read() as tx:
            seen.append(_hidden(tx))
        while store.run(gates.follow, NOW):
            pass
        with store.read() as tx:
            assert _hidden(tx) == gate
            assert {message(tx, number)["state"] for number in ids} == {"held" if gate else "queued"}
            assert {message(tx, number)["state"] for number in others} == {"queued"}
            assert tx.value("SELECT count(*) FROM farm WHERE key LIKE 'gates:%'") == 0
    assert seen == [2, 5]


@pytest.mark.usefixtures("small")
def test_a_pause_lifted_in_the_middle_leaves_nothing_hidden(store: Store) -> None:
    with store.write() as tx:
        for _ in range(9):
            add(tx)
    store.run(actions.pause, "class", "transactional", NOW)
    store.run(gates.follow, NOW)
    store.run(actions.resume, "class", "transactional", NOW)
    store.run(actions.pause, "class", "conversation", NOW)
    while store.run(gates.follow, NOW):
        pass
    with store.read() as tx:
        assert (_hidden(tx), len(queue.heads(tx, "", NOW, 20))) == (0, 9)


def test_what_is_paused_and_not_hidden_yet_is_hidden_when_it_is_looked_at(store: Store) -> None:
    with store.write() as tx:
        first, other = add(tx), add(tx, message_class="conversation")
        found = queue.heads(tx, "", NOW, 9)
        assert [part.message_id for part in gates.sift(tx, found, {("class", "transactional")})] == [other]
        assert [part.message_id for part in queue.heads(tx, "", NOW, 9)] == [other]
        assert (message(tx, first)["state"], message(tx, first)["reason"]) == ("held", "paused")


def test_the_index_finds_what_is_hidden(store: Store) -> None:
    if not store.sqlite:
        return  # PostgreSQL plans by what tables hold
    with store.read() as tx:
        plan = tx.all(
            "EXPLAIN QUERY PLAN SELECT p.id FROM parts p JOIN messages m ON m.id = p.message_id"
            " WHERE p.state = 'waiting' AND p.gate = 1 AND p.id > 5 ORDER BY p.id LIMIT 9"
        )
        assert "parts_hidden" in plan[0]["detail"]


@pytest.mark.usefixtures("small")
def test_many_are_cancelled_but_for_what_is_on_the_air(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        on_air, claimed = add(tx), add(tx)
        submit(tx)
        attempt = claim(tx)
        waiting = [add(tx) for _ in range(6)] + [add(tx, send_at=after(60))]
        other = add(tx, message_class="conversation")
    which = many.meant("cancel", message_class="transactional")
    with store.read() as tx:
        assert selecting.count(tx, which) == 9
    done = _do(store, "cancel", which)
    assert (done.count, done.more) == (8, False)
    assert done.not_done == [{"id": on_air, "state": "sending", "reason": "on_the_air"}]
    with store.write() as tx:
        assert {message(tx, number)["state"] for number in [claimed, *waiting]} == {"canceled"}
        assert message(tx, other)["state"] == "queued"
        assert attempt is not None
        assert steps.submitting(tx, permit(attempt[0].part_id, attempt[1]), NOW) == "canceled"
        assert counted(tx) == charged(tx) == {SIM: 1}
    again = _do(store, "cancel", which)
    assert (again.count, len(again.not_done)) == (0, 1)
    with store.read() as tx:
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'message.canceled'") == 8


def _edit(store: Store, which: Which, *, most: int | None = None, behind: int = 0, **changes: Any) -> many.Done:
    act = many.acting("edit", which.states, INTAKE, changes=changes, who="api")
    return many.do(store.look, store.run, act, which, lambda: NOW, most=most, after=behind)


@pytest.mark.usefixtures("small")
def test_many_are_changed_but_for_what_has_left(store: Store) -> None:
    later = after(3600)
    with store.write() as tx:
        see(tx)
        on_air, claimed = add(tx), add(tx)
        submit(tx)
        attempt = claim(tx)
        waiting = [add(tx, valid_until=after(7200)) for _ in range(5)]
        other = add(tx, message_class="conversation")
    which = many.meant("edit", message_class="transactional")
    done = _edit(store, which, send_at=later, priority=8, text=LONG)
    assert (done.count, done.more) == (6, False)
    assert done.not_done == [{"id": on_air, "state": "sending", "reason": "too_late"}]
    with store.write() as tx:
        assert attempt is not None
        assert steps.submitting(tx, permit(attempt[0].part_id, attempt[1]), NOW) == "lost"
        for number in (claimed, *waiting):
            row = message(tx, number)
            assert (row["state"], row["send_at"], row["rank"]) == ("scheduled", to_us(later), 1)
            assert states(tx, number) == ["waiting"] * 3
        assert message(tx, waiting[0])["valid_until"] == to_us(after(3600 + 7200))
        assert message(tx, other)["state"] == "queued"
        assert counted(tx) == charged(tx) == {SIM: 1}
        told = tx.all("SELECT data FROM events WHERE kind = 'message.edited'")
        assert len(told) == 6
        assert all('"who":"api"' in row["data"] for row in told)


@pytest.mark.usefixtures("small")
def test_what_cannot_be_as_asked_stays_and_says_why(store: Store) -> None:
    with store.write() as tx:
        first, other = add(tx), add(tx, send_at=after(3600))
        before = [message(tx, number) for number in (first, other)]
    which = many.meant("edit", to=TO)
    done = _edit(store, which, valid_until=after(1800))
    assert (done.count, done.not_done) == (1, [{"id": other, "state": "scheduled", "reason": "in_the_past"}])
    done = _edit(store, which, **{"class": "marketing"})
    assert (done.count, [left["reason"] for left in done.not_done]) == (0, ["profile"] * 2)
    keyed = replace(INTAKE, quota=Quota("key:1", Ceiling(parts=2, zone="UTC")))
    act = many.acting("edit", which.states, keyed, changes={"text": LONG}, who="api")
    done = many.do(store.look, store.run, act, which, lambda: NOW)
    assert (done.count, [left["reason"] for left in done.not_done]) == (1, ["key_ceiling"])
    with store.read() as tx:
        assert message(tx, first)["valid_until"] == to_us(after(1800))
        assert [message(tx, number)["parts_total"] for number in (first, other)] == [3, 1]
        assert message(tx, other) == before[1]


@pytest.mark.usefixtures("small")
def test_a_limit_goes_on_where_it_ended_though_what_is_changed_is_still_meant(store: Store) -> None:
    with store.write() as tx:
        ids = [add(tx, to=f"+86138001380{n:02}") for n in range(7)]
    which, at = many.meant("edit", ["queued"]), 0
    for count, more in ((3, True), (3, True), (1, False)):
        done = _edit(store, which, most=3, behind=at, reference="r")
        assert (done.count, done.more) == (count, more)
        at = done.last
    with store.read() as tx:
        assert at == ids[-1]
        assert tx.value("SELECT count(*) FROM messages WHERE reference = 'r'") == 7
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'message.edited'") == 7


@pytest.mark.parametrize("text", ["您好{name}", "a }", "{{"])
def test_a_text_for_many_has_no_names_to_fill_in(text: str) -> None:
    with pytest.raises(BadFieldError) as error:
        many.acting("edit", (), INTAKE, changes={"text": text})
    assert (error.value.field, error.value.code) == ("text", "placeholders")


@pytest.mark.usefixtures("small")
def test_many_are_sent_again_each_once_however_often_one_asks(store: Store) -> None:
    with store.write() as tx:
        ids = [add(tx, reference=str(n)) for n in range(7)]
        tx.run("UPDATE parts SET state = 'failed'")
        tx.run("UPDATE messages SET state = 'failed', reason = 'network', batch_id = 4, final_at = 1")
        tx.run("UPDATE messages SET reason = 'recipient' WHERE id = :id", id=ids[3])
    which = many.meant("retry", reason="network", batch=4)
    assert _do(store, "retry", which, most=4).more
    assert _do(store, "retry", which).count == 2
    assert _do(store, "retry", which).count == 0
    with store.read() as tx:
        copies = tx.all("SELECT retry_of, state FROM messages WHERE retry_of IS NOT NULL ORDER BY id")
        assert [row["retry_of"] for row in copies] == [number for number in ids if number != ids[3]]
        assert {row["state"] for row in copies} == {"queued"}
        assert many.retrying(INTAKE, ["failed"])(tx, ids[0], NOW) == "retried"


def test_many_that_nobody_knows_of_are_resolved(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        ids = [add(tx) for _ in range(3)]
        send(tx)
        for _ in ids[1:]:
            end(tx, submit(tx)[1], uncertain())
    assert _do(store, "resolve", many.meant("resolve"), word="failed").count == 2
    with store.read() as tx:
        assert [states(tx, number) for number in ids] == [["sent"], ["failed"], ["failed"]]
        assert {message(tx, number)["resolved"] for number in ids[1:]} == {"failed"}


@pytest.mark.parametrize(
    ("what", "state"), [("cancel", "sent"), ("edit", "sent"), ("retry", "delivered"), ("resolve", "failed")]
)
def test_what_makes_no_sense_is_refused(what: str, state: str) -> None:
    with pytest.raises(BadFieldError):
        many.meant(what, [state])


def test_a_retry_that_cannot_be_taken_any_more_says_why(store: Store) -> None:
    with store.write() as tx:
        number = add(tx)
        tx.run("UPDATE parts SET state = 'failed'")
        tx.run("UPDATE messages SET state = 'failed', text = :text", text="x" * 9000)
    done = _do(store, "retry", many.meant("retry"))
    assert (done.count, done.not_done) == (0, [{"id": number, "state": "failed", "reason": "too_long"}])


@pytest.mark.usefixtures("small")
def test_what_a_parked_sim_held_goes_in_chunks_and_a_killed_daemon_goes_on(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        ids = [add(tx, to=f"+86138001380{n:02}") for n in range(9)]
        for number in ids:
            queue.bind(tx, number, SIM)
            labels.hold(tx, number, "sim_parked", {}, None)
        labels.hold(tx, ids[4], "opt_out_review", {}, None)
        actions.pause(tx, "batch", "7", NOW)
        tx.run("UPDATE messages SET batch_id = 7 WHERE id = :id", id=ids[5])
        sims.set_state(tx, SIM, SimState.PARKED, NOW, reason="no_credit")
        actions.sim_resume(tx, SIM, NOW)
        free = "SELECT count(*) FROM parts WHERE gate = 0 AND state = 'waiting'"
        assert 0 < tx.value(free) < 4
    while store.run(gates.follow, NOW):  # each in a transaction of its own
        pass
    with store.read() as tx:
        assert tx.value(free) == 7
        assert message(tx, ids[0])["state"] == "queued"
        assert (message(tx, ids[4])["state"], message(tx, ids[4])["reason"]) == ("held", "opt_out_review")
        assert tx.all("SELECT key FROM farm WHERE key LIKE 'gates:%'") == []


@pytest.mark.usefixtures("small")
def test_what_a_sim_held_stays_where_it_is_parked_again_meanwhile(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for n in range(9):
            number = add(tx, to=f"+86138001380{n:02}")
            queue.bind(tx, number, SIM)
            labels.hold(tx, number, "sim_parked", {}, None)
        actions.sim_resume(tx, SIM, NOW)
        sims.set_state(tx, SIM, SimState.PARKED, NOW, reason="no_credit")
    while store.run(gates.follow, NOW):
        pass
    with store.read() as tx:
        assert tx.value("SELECT count(*) FROM messages WHERE reason = 'sim_parked'") > 4


@pytest.mark.usefixtures("small")
def test_what_a_restore_held_goes_in_chunks_and_a_second_restore_stops_it(store: Store) -> None:
    with store.write() as tx:
        for n in range(9):
            add(tx, to=f"+86138001380{n:02}", send_at=after(3600) if n == 3 else None)
        assert epoch.hold(tx, NOW) == 9
        assert epoch.release(tx, NOW) == 9
        assert epoch.release(tx, NOW) == 0
        assert 0 < epoch.held(tx) < 9
        assert epoch.hold(tx, NOW) == 9
        assert not gates.follow(tx, NOW)
        assert epoch.release(tx, NOW) == 9
    while store.run(gates.follow, NOW):
        pass
    with store.read() as tx:
        assert epoch.held(tx) == 0
        assert tx.value("SELECT count(*) FROM messages WHERE state = 'queued'") == 8
        assert tx.value("SELECT count(*) FROM messages WHERE state = 'scheduled'") == 1
        assert tx.value("SELECT count(*) FROM parts WHERE gate = 1") == 0
        assert tx.value("SELECT count(*) FROM farm WHERE key IN ('restored', 'gates:restored:')") == 0


def test_what_a_keys_ceiling_refuses_is_not_marked_as_sent_again(store: Store) -> None:
    with store.write() as tx:
        ids = [add(tx) for _ in range(3)]
        tx.run("UPDATE parts SET state = 'failed'")
        tx.run("UPDATE messages SET state = 'failed', reason = 'network', final_at = 1")
    keyed = replace(INTAKE, quota=Quota("key:1", Ceiling(parts=2, zone="UTC")))
    which = many.meant("retry")
    done = many.do(store.look, store.run, many.acting("retry", which.states, keyed), which, lambda: NOW)
    assert (done.count, done.not_done) == (2, [{"id": ids[2], "state": "failed", "reason": "key_ceiling"}])
    with store.read() as tx:
        assert tx.value("SELECT count(*) FROM messages WHERE retry_of IS NOT NULL") == 2
        assert counters.used(tx, "key:1", "day", NOW.replace(hour=0, minute=0, second=0, microsecond=0)) == 2
    tomorrow = many.do(
        store.look, store.run, many.acting("retry", which.states, keyed), which, lambda: NOW + timedelta(days=1)
    )
    assert (tomorrow.count, tomorrow.not_done) == (1, [])


def test_a_chunk_ends_with_its_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "WRITING_S", 0.0)
    with store.write() as tx:
        for _ in range(4):
            add(tx)
    writes: list[datetime] = []

    def run(work: object, *args: object) -> object:
        writes.append(NOW)
        return store.run(work, *args)  # type: ignore[arg-type]  # any function of a transaction

    act = many.acting("cancel", (), INTAKE, who="api")
    assert many.do(store.look, run, act, many.meant("cancel"), lambda: NOW).count == 4  # type: ignore[arg-type]  # the same
    assert len(writes) == 4


@pytest.mark.parametrize(("scope", "value"), [("class", "transactional"), ("all", "")])
def test_a_started_message_whose_rest_is_paused_says_so(store: Store, scope: str, value: str) -> None:
    """Whether the pause finds it between two parts or with one on the air; and not once it may go on."""
    with store.write() as tx:
        see(tx)
        see(tx, OTHER)
        between = add(tx, text=LONG)
        send(tx, mr=1)
        air = add(tx, text=LONG)
        part, attempt = submit(tx, OTHER)
        assert part.message_id == air
    store.run(actions.pause, scope, value, NOW)
    while store.run(gates.follow, NOW):
        pass
    with store.write() as tx:
        assert (message(tx, between)["state"], message(tx, between)["reason"]) == ("sending", "paused")
        assert (message(tx, air)["state"], message(tx, air)["reason"]) == ("sending", None)
        end(tx, attempt, accepted(2))
        assert (message(tx, air)["state"], message(tx, air)["reason"]) == ("sending", "paused")
        lines = story.explain(tx, between)
        assert lines is not None
        assert (lines[-1]["code"], lines[-1]["params"]["command"]) == (
            "help_opens",
            "modemfarm resume" + (f" --{scope} {value}" if value else ""),
        )
    store.run(actions.resume, scope, value, NOW)
    while store.run(gates.follow, NOW):
        pass
    with store.read() as tx:
        for number in (between, air):
            assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("sending", None)
