"""The one way in: what is taken, refused by name, stored as refused, held; one message or a whole file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modemfarm.errors import BadFieldError, BadRecipientError, TextTooLongError
from modemfarm.intake.accept import accept, preview
from modemfarm.intake.again import retry
from modemfarm.intake.bulk import Bulk
from modemfarm.intake.draft import Draft
from modemfarm.intake.rows import Row, RowError
from modemfarm.model import MessageClass, MessageState
from modemfarm.store import actions, batches, story, suppress
from modemfarm.store.engine import Store, to_us
from modemfarm.store.labels import Label, label
from tests.store.tools import (
    INTAKE,
    LONG,
    NOW,
    OTHER,
    SIM,
    TO,
    add,
    after,
    end,
    message,
    parts,
    see,
    states,
    submit,
    take,
    uncertain,
    wrote,
)


def test_a_message_is_written_with_its_parts_and_event(store: Store) -> None:
    with store.write() as tx:
        taken = accept(tx, Draft(TO, LONG, reference="order 1", tags=("a",), metadata={"x": [1]}), INTAKE, NOW)
        assert taken is not None
        assert (taken.parts, taken.state, taken.recipient) == (3, MessageState.QUEUED, TO)
        row = message(tx, taken.message_id)
        assert (row["reference"], row["tags"], row["metadata"]) == ("order 1", '["a"]', '{"x": [1]}')
        assert [part["part_number"] for part in parts(tx, taken.message_id)] == [1, 2, 3]
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'message.accepted'") == 1


@pytest.mark.parametrize(
    ("facts", "field", "code"),
    [
        ({"text": ""}, "text", "empty"),
        ({"text": "a\0b"}, "text", "not_text"),
        ({"text": "half \ud83d of it"}, "text", "not_text"),
        ({"reference": "\0"}, "reference", "not_text"),
        ({"purpose": "\udfff"}, "purpose", "not_text"),
        ({"pinned": "\0"}, "from", "not_text"),
        ({"tags": ("fine", "\ud800")}, "tags", "not_text"),
        ({"metadata": {"a": ["\udc00"]}}, "metadata", "not_text"),
        ({"metadata": {"\ud800": 1}}, "metadata", "not_text"),
        ({"message_class": "advert"}, "class", "unknown_class"),
        ({"priority": 10}, "priority", "out_of_range"),
        ({"priority": -1}, "priority", "out_of_range"),
        ({"valid_until": NOW}, "valid_until", "in_the_past"),
        ({"valid_until": after(60), "send_at": after(61)}, "valid_until", "in_the_past"),
        ({"valid_for": timedelta(0)}, "valid_for", "not_positive"),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_name(store: Store, facts: dict[str, Any], field: str, code: str) -> None:
    with store.write() as tx, pytest.raises(BadFieldError) as caught:
        accept(tx, replace(Draft(TO, "hello"), **facts), INTAKE, NOW)
    assert (caught.value.field, caught.value.code) == (field, code)
    with store.read() as tx:
        assert tx.value("SELECT count(*) FROM messages") == 0


def test_a_recipient_that_is_none_writes_nothing(store: Store) -> None:
    with store.write() as tx, pytest.raises(BadRecipientError):
        accept(tx, Draft("1.38E+10", "hello"), INTAKE, NOW)
    with store.write() as tx, pytest.raises(BadRecipientError):
        accept(tx, Draft("+86138\0", "hello"), INTAKE, NOW)


def test_more_parts_than_allowed_or_than_a_day_holds_are_refused(store: Store) -> None:
    for settings in (replace(INTAKE, max_parts=2), replace(INTAKE, parts_a_day=2)):
        with store.write() as tx, pytest.raises(TextTooLongError):
            accept(tx, Draft(TO, LONG), settings, NOW)


def test_an_opted_out_person_is_refused_in_a_row_that_can_be_explained(store: Store) -> None:
    with store.write() as tx:
        suppress.add(tx, TO, TO[-9:], "web", NOW)
        taken = accept(tx, Draft(TO, LONG), INTAKE, NOW)
        assert taken is not None
        assert (taken.state, taken.reason and taken.reason.slug) == (MessageState.REFUSED, "opted_out")
        row = message(tx, taken.message_id)
        assert (row["state"], row["reason"], row["final_at"]) == ("refused", "opted_out", to_us(NOW))
        assert parts(tx, taken.message_id) == []
        assert [step["code"] for step in story.explain(tx, taken.message_id) or []] != []
        wrote(tx, TO, NOW)
        for message_class in ("conversation", "emergency"):
            other = accept(tx, Draft(TO, "x", message_class=message_class, confirm_emergency=True), INTAKE, NOW)
            assert other is not None
            assert other.state is MessageState.QUEUED
        allowed = accept(tx, Draft(TO, "x"), replace(INTAKE, transactional_after_opt_out=True), NOW)
        assert allowed is not None
        assert allowed.state is MessageState.QUEUED


def test_a_dry_run_says_the_same_and_writes_nothing(store: Store) -> None:
    with store.write() as tx:
        suppress.add(tx, TO, TO[-9:], "web", NOW)
        seen = preview(tx, Draft(TO, LONG), replace(INTAKE, price_per_part=0.1), NOW)
        assert (seen.parts, seen.cost, seen.verdict) == (3, 0.3, MessageState.REFUSED)
        assert (
            preview(tx, Draft("+8613900139000", "x", send_at=after(9)), INTAKE, NOW).verdict is MessageState.SCHEDULED
        )
        assert tx.value("SELECT count(*) FROM messages") == 0


def test_a_pause_of_the_class_holds_what_comes_in(store: Store) -> None:
    with store.write() as tx:
        actions.pause(tx, "class", "transactional", NOW)
        taken = accept(tx, Draft(TO, "x"), INTAKE, NOW)
        assert taken is not None
        assert taken.state is MessageState.HELD
        assert parts(tx, taken.message_id)[0]["gate"] == 1
        other = accept(tx, Draft(TO, "x", message_class="emergency", confirm_emergency=True), INTAKE, NOW)
        assert other is not None
        assert other.state is MessageState.QUEUED


@pytest.mark.parametrize("name", [SIM, SIM + "4", "+8613911112222"])
def test_from_names_a_sim_by_iccid_or_number(store: Store, name: str) -> None:
    with store.write() as tx:
        see(tx, number="+8613911112222")
        see(tx, OTHER)
        number = add(tx, pinned=name)
        assert (message(tx, number)["iccid"], parts(tx, number)[0]["bound_iccid"]) == (SIM, SIM)


def test_a_validity_counts_from_when_it_may_go(store: Store) -> None:
    settings = replace(INTAKE, valid_for={MessageClass.TRANSACTIONAL: timedelta(hours=1)})
    with store.write() as tx:
        assert message(tx, add(tx, settings=settings))["valid_until"] == to_us(after(3600))
        assert message(tx, add(tx, settings=settings, send_at=after(60)))["valid_until"] == to_us(after(3660))
        assert message(tx, add(tx, settings=settings, valid_for=timedelta(minutes=1)))["valid_until"] == to_us(
            after(60)
        )
        assert message(tx, add(tx, settings=settings, message_class="emergency"))["valid_until"] is None


def test_sending_again_makes_a_new_message_that_names_the_old(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, priority=8, reference="r", report=False)
        with pytest.raises(BadFieldError, match="queued"):
            retry(tx, number, INTAKE, NOW)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("port_lost"))
        again = retry(tx, number, INTAKE, NOW)
        assert again is not None
        row = message(tx, again.message_id)
        assert (row["retry_of"], row["rank"], row["reference"], row["report"]) == (number, 1, "r", 0)
        assert states(tx, number) == ["unknown"]
        assert retry(tx, 999, INTAKE, NOW) is None


# whole files


def rows(count: int, *bad: int) -> Iterator[Row]:
    for number in range(1, count + 1):
        to = "nonsense" if number in bad else f"+86138{number:08}"
        yield Row(number, Draft(to, f"text {number}"), None)


def bulk(store: Store, run: Any = None, **facts: Any) -> Bulk:
    return Bulk(run or store.run, INTAKE, lambda: NOW, **facts)


def test_a_file_is_taken_row_by_row_and_its_errors_are_kept(store: Store) -> None:
    refused: list[RowError] = []
    through: list[int] = []
    with store.write() as tx:
        suppress.add(tx, "+8613800000004", "800000004", "web", NOW)
    report = bulk(store, rejected=refused.append, progress=through.append).take(
        rows(450, 2, 300), name="a.csv", fingerprint="f"
    )
    assert (report.accepted, report.rejected, report.finished, report.replayed) == (447, 3, True, False)
    assert sorted(one.row for one in refused) == [2, 4, 300]
    assert through[-1] == 450
    assert through == sorted(through)
    with store.read() as tx:
        assert [row["row"] for row in batches.errors(tx, report.batch_id)] == [2, 4, 300]
        assert tx.value("SELECT count(*) FROM messages WHERE state = 'queued'") == 447
        assert tx.value("SELECT count(*) FROM parts") == 447
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'message.accepted'") == 0
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'batch.accepted'") == 1


@pytest.mark.parametrize("kill_at", [1, 2, 3, 4])
def test_a_killed_file_goes_on_where_it_was(store: Store, kill_at: int) -> None:
    calls = 0

    def dies(work: Any, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > kill_at:
            raise KeyboardInterrupt
        return store.run(work, *args)

    with pytest.raises(KeyboardInterrupt):
        bulk(store, dies).take(rows(450, 7), name="a", fingerprint="f")
    with store.read() as tx:
        before = tx.value("SELECT count(*) FROM messages")
    report = bulk(store).take(rows(450, 7), name="a", fingerprint="f")
    assert (report.accepted, report.rejected, report.finished, report.replayed) == (449, 1, True, False)
    with store.read() as tx:
        assert before < 449 or kill_at == 4
        assert tx.value("SELECT count(*) FROM batches") == 1
        assert (
            tx.value("SELECT count(*) FROM messages")
            == tx.value("SELECT count(DISTINCT recipient) FROM messages")
            == 449
        )
        assert tx.value("SELECT count(*) FROM batch_errors") == 1


def test_a_kill_in_the_middle_of_a_chunk_leaves_nothing_of_it(store: Store) -> None:
    def dies(work: Any, *args: Any) -> Any:
        if work.__name__ != "_write_some":
            return store.run(work, *args)
        with store.write() as tx:
            work(tx, *args)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bulk(store, dies).take(rows(50), name="a", fingerprint="f")
    with store.read() as tx:
        assert tx.value("SELECT count(*) FROM messages") == 0
        assert tx.value("SELECT rows_done FROM batches") == 0
    assert bulk(store).take(rows(50), name="a", fingerprint="f").accepted == 50


def test_the_same_file_within_a_day_adds_nothing_unless_again(store: Store) -> None:
    first = bulk(store).take(rows(5, 1), name="a", fingerprint="f")
    second = bulk(store).take(rows(5, 1), name="b", fingerprint="f")
    assert (second.batch_id, second.accepted, second.rejected, second.replayed) == (first.batch_id, 4, 1, True)
    assert bulk(store).take(rows(5), name="a", fingerprint="other").accepted == 5
    again = bulk(store).take(rows(5, 1), name="a", fingerprint="f", again=True)
    assert (again.batch_id != first.batch_id, again.accepted) == (True, 4)
    later = Bulk(store.run, INTAKE, lambda: after(86_401)).take(rows(5), name="a", fingerprint="f")
    assert (later.replayed, later.accepted) == (False, 5)


def test_chunks_are_short(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks: list[int] = []

    def counting(work: Any, *args: Any) -> Any:
        if work.__name__ == "_write_some":
            with store.read() as tx:
                chunks.append(tx.value("SELECT count(*) FROM messages"))
        return store.run(work, *args)

    bulk(store, counting).take(rows(1000), name="a", fingerprint="f")
    assert len(chunks) >= 5


def test_a_file_into_a_paused_class_is_held(store: Store) -> None:
    with store.write() as tx:
        actions.pause(tx, "class", "transactional", NOW)
    report = bulk(store).take(rows(5), name="a", fingerprint="f")
    with store.read() as tx:
        assert tx.value("SELECT count(*) FROM messages WHERE state = 'held' AND reason = 'paused'") == 5
        assert tx.value("SELECT count(*) FROM parts WHERE gate = 1") == 5
    assert report.accepted == 5


def test_a_row_pinned_or_long_in_a_file_is_what_it_would_be_alone(store: Store) -> None:
    with store.write() as tx:
        see(tx)
    drafts = [
        Draft(TO, "x", pinned=SIM),
        Draft(TO, "x", pinned="shop"),
        Draft(TO, LONG),
        Draft(TO, "x", send_at=after(60)),
    ]
    bulk(store).take((Row(at, draft, None) for at, draft in enumerate(drafts, 1)), name="a", fingerprint="f")
    with store.write() as tx:
        found = tx.all(
            "SELECT m.batch_row, p.bound_iccid, p.due_at, m.state FROM parts p JOIN messages m ON m.id = p.message_id ORDER BY p.id"
        )
        assert [(row["batch_row"], row["bound_iccid"]) for row in found] == [
            (1, SIM),
            (2, "from:shop"),
            *[(3, "")] * 3,
            (4, ""),
        ] or sorted((row["batch_row"], row["bound_iccid"]) for row in found) == [
            (1, SIM),
            (2, "from:shop"),
            *[(3, "")] * 3,
            (4, ""),
        ]
        assert {row["state"] for row in found if row["batch_row"] == 4} == {"scheduled"}
        assert take(tx)[0].bound_iccid == SIM


@pytest.mark.parametrize(
    ("field", "given", "code"),
    [
        ("text", {"text": " \n"}, "empty"),
        ("text", {"text": "\u3000"}, "empty"),
        ("send_at", {"send_at": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)}, "out_of_range"),
        ("send_at", {"send_at": NOW + timedelta(days=2000)}, "out_of_range"),
    ],
)
def test_blanks_and_times_far_off_are_refused_by_name(
    store: Store, field: str, given: dict[str, Any], code: str
) -> None:
    with store.write() as tx, pytest.raises(BadFieldError) as caught:
        accept(tx, Draft(**{"to": TO, "text": "x", **given}), INTAKE, NOW)
    assert (caught.value.field, caught.value.code) == (field, code)


def test_while_the_farm_is_paused_a_new_message_is_held_and_hidden_from_nobody(store: Store) -> None:
    with store.write() as tx:
        actions.pause(tx, "all", "", NOW)
        held, later = add(tx), add(tx, send_at=after(3600))
        assert (message(tx, held)["state"], message(tx, held)["reason"]) == ("held", "paused")
        assert message(tx, later)["state"] == "scheduled"
        assert [part["gate"] for part in parts(tx, held)] == [0]
        actions.resume(tx, "all", "", NOW)
        label(tx, 0, lambda _waiting: Label(None), NOW)
        assert (message(tx, held)["state"], message(tx, held)["reason"]) == ("queued", None)


def test_a_class_that_was_paused_beside_the_farm_stays_held_when_the_farm_goes_on(store: Store) -> None:
    with store.write() as tx:
        actions.pause(tx, "all", "", NOW)
        actions.pause(tx, "class", "transactional", NOW)
        held = add(tx)
        assert [part["gate"] for part in parts(tx, held)] == [1]
        actions.resume(tx, "all", "", NOW)
        assert message(tx, held)["state"] == "held"
        actions.resume(tx, "class", "transactional", NOW)
        assert message(tx, held)["state"] == "queued"
        assert [part["gate"] for part in parts(tx, held)] == [0]


def test_a_file_taken_while_the_farm_is_paused_is_held(store: Store) -> None:
    store.run(actions.pause, "all", "", NOW)
    bulk = Bulk(store.run, INTAKE, lambda: NOW)
    bulk.take([Row(1, Draft(TO, "x"), None)], name="f", fingerprint="p")
    with store.read() as tx:
        assert tx.value("SELECT state FROM messages") == "held"
        assert tx.value("SELECT gate FROM parts") == 0


@pytest.mark.parametrize(("at", "state"), [(86_399, "queued"), (86_401, "refused")])
def test_a_conversation_with_who_opted_out_is_one_for_a_day_after_they_wrote(
    store: Store, at: float, state: str
) -> None:
    with store.write() as tx:
        suppress.add(tx, TO, TO[-9:], "counter", NOW)
        assert message(tx, add(tx, message_class="conversation"))["reason"] == "opted_out"
        wrote(tx, TO, NOW)
        row = message(tx, add(tx, message_class="conversation", at=after(at)))
        assert (row["state"], row["reason"]) == (state, None if state == "queued" else "opted_out")
        late = add(tx, message_class="conversation", send_at=after(2 * 86_400))
        assert message(tx, late)["reason"] == "opted_out"
        other = add(tx, to="+8613900139000", message_class="conversation", at=after(at))
        assert message(tx, other)["state"] == "queued"


def test_an_emergency_has_to_be_said_twice_and_is_measured_by_the_hour(store: Store) -> None:
    settings = replace(INTAKE, emergency_per_hour=2)
    with store.write() as tx:
        with pytest.raises(BadFieldError, match="confirm_emergency"):
            accept(tx, Draft(TO, "x", message_class="emergency"), settings, NOW)
        ids = [add(tx, message_class="emergency", settings=settings) for _ in range(3)]
        assert [message(tx, one)["reason"] for one in ids] == [None, None, "emergency_limit"]
        later = add(tx, message_class="emergency", settings=settings, at=after(3600))
        assert message(tx, later)["state"] == "queued"
        unmeasured = add(tx, message_class="emergency", settings=replace(INTAKE, emergency_per_hour=None))
        assert message(tx, unmeasured)["state"] == "queued"
