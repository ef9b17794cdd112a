"""Step 3 and its reasons to stop, and what each outcome does to a part: every row of the wire's table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from modemfarm.model import CAUTIOUS, Evidence, Outcome, Plan, SimState
from modemfarm.modem.journal import After, GoOn, Parked, Repair, Resync
from modemfarm.store import actions, counters, hosts, queue, sims, steps, suppress, views
from modemfarm.store.engine import Store, Tx
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
    ended,
    message,
    parts,
    permit,
    refused,
    see,
    send,
    states,
    submit,
    take,
    uncertain,
)

DUE = timedelta(hours=48)


def _claimed(tx: Tx, **draft: object) -> tuple[int, int, int]:
    """A claimed message: message, part, attempt."""
    see(tx)
    number = add(tx, **draft)
    part, attempt = take(tx)
    return number, part.part_id, attempt


def _charges_fit(tx: Tx) -> None:
    assert counted(tx) == charged(tx)
    open_or_counted = tx.value(
        "SELECT count(*) FROM attempts a JOIN parts p ON p.attempt_id = a.id WHERE a.charged_at IS NOT NULL"
    )
    assert tx.value("SELECT count(*) FROM attempts WHERE charged_at IS NOT NULL") == open_or_counted


# step 3


def test_step_3_is_durable_and_moves_the_minute(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = _claimed(tx)
        assert steps.submitting(tx, permit(part, attempt), after(50)) is None
        assert states(tx, number) == ["submitting"]
        assert message(tx, number)["state"] == "sending"
        row = tx.one("SELECT submitting_at, charged_at FROM attempts")
        assert row is not None
        assert row["submitting_at"] == row["charged_at"]


def test_step_3_is_not_taken_twice(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = _claimed(tx)
        assert steps.submitting(tx, permit(part, attempt), NOW) is None
        assert steps.submitting(tx, permit(part, attempt), NOW) == "lost"
        assert states(tx, number) == ["submitting"]


def test_an_opt_out_cancels_what_is_claimed(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = _claimed(tx)
        suppress.add(tx, TO, TO[-9:], "web", NOW)
        assert states(tx, number) == ["canceled"]
        assert steps.submitting(tx, permit(part, attempt), NOW) == "canceled"
        assert message(tx, number)["reason"] == "opted_out"
        _charges_fit(tx)


def test_an_opt_out_that_only_stands_in_its_table_stops_step_3(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = _claimed(tx, text=LONG)
        tx.run("INSERT INTO suppressions (number, digits, since, source) VALUES (:n, :d, 0, 'import')", n=TO, d=TO[-9:])
        assert steps.submitting(tx, permit(part, attempt), NOW) == "opted_out"
        assert states(tx, number) == ["canceled"] * 3
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("canceled", "opted_out")
        _charges_fit(tx)


def test_an_opt_out_stops_the_rest_of_a_started_message(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG)
        send(tx)
        suppress.add(tx, TO, TO[-9:], "web", NOW)
        assert states(tx, number) == ["sent", "canceled", "canceled"]
        assert message(tx, number)["state"] == "canceled"
        _charges_fit(tx)


@pytest.mark.parametrize("message_class", ["conversation", "emergency"])
def test_an_opt_out_does_not_stop_what_is_no_offer(store: Store, message_class: str) -> None:
    with store.write() as tx:
        _, part, attempt = _claimed(tx, message_class=message_class)
        suppress.add(tx, TO, TO[-9:], "web", NOW)
        assert steps.submitting(tx, permit(part, attempt), NOW) is None


def test_the_owner_may_let_transactional_ones_through(store: Store) -> None:
    with store.write() as tx:
        _, part, attempt = _claimed(tx)
        suppress.add(tx, TO, TO[-9:], "web", NOW, exempt=(*suppress.EXEMPT, "transactional"))
        allowed = replace(permit(part, attempt), transactional_after_opt_out=True)
        assert steps.submitting(tx, allowed, NOW) is None
        assert steps.recheck(tx, allowed, NOW) is None


def test_a_cancel_before_step_3_stops_it(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = _claimed(tx, text=LONG)
        assert actions.cancel(tx, number, NOW) == "canceled"
        assert steps.submitting(tx, permit(part, attempt), NOW) == "canceled"
        assert states(tx, number) == ["canceled"] * 3
        _charges_fit(tx)


@pytest.mark.parametrize(("scope", "value"), [("all", ""), ("class", "transactional"), ("batch", "7")])
def test_a_pause_stops_step_3_and_the_part_waits(store: Store, scope: str, value: str) -> None:
    with store.write() as tx:
        number, part, attempt = _claimed(tx)
        tx.run("UPDATE parts SET batch_id = 7")
        tx.run("UPDATE messages SET batch_id = 7")
        actions.pause(tx, scope, value, NOW)
        assert steps.submitting(tx, permit(part, attempt), NOW) == "paused"
        assert states(tx, number) == ["waiting"]
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("held", "paused")
        hidden = queue.heads(tx, "", NOW, 1) == []
        assert hidden is (scope != "all")
        actions.resume(tx, scope, value, NOW)
        assert len(queue.heads(tx, "", NOW, 1)) == 1
        _charges_fit(tx)


@pytest.mark.parametrize(("scope", "value"), [("class", "conversation"), ("batch", "8")])
def test_another_pause_stops_nothing(store: Store, scope: str, value: str) -> None:
    with store.write() as tx:
        _, part, attempt = _claimed(tx)
        actions.pause(tx, scope, value, NOW)
        assert steps.submitting(tx, permit(part, attempt), NOW) is None


def test_a_validity_that_ended_stops_step_3(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = _claimed(tx, text=LONG)
        claim(tx)  # its second part, ahead
        assert steps.submitting(tx, permit(part, attempt, at=NOW + DUE), NOW + DUE) in ("validity_expired", "plan_day")
        late = replace(permit(part, attempt), day=counters.day_start(CAUTIOUS, NOW))
        if states(tx, number)[0] == "claimed":
            assert steps.submitting(tx, late, NOW + DUE) == "validity_expired"


def test_expiry_ends_the_parts_claimed_ahead_too(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = _claimed(tx, text=LONG, valid_until=after(60))
        second, ahead = take(tx)
        assert steps.submitting(tx, permit(part, attempt), after(60)) == "validity_expired"
        assert steps.submitting(tx, permit(second.part_id, ahead), after(61)) == "expired"
        assert states(tx, number) == ["expired"] * 3
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("expired", "validity_expired")
        _charges_fit(tx)


def test_expiry_does_not_stop_a_started_message(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG, valid_until=after(60))
        send(tx)
        part, attempt = take(tx, at=after(61))
        assert steps.submitting(tx, permit(part.part_id, attempt), after(61)) is None
        assert actions.expire(tx, after(62)) == 0
        assert actions.cancel(tx, number, after(62)) == "sending"


def test_the_first_part_is_no_exception_when_others_left(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG, valid_until=after(60))
        first, one = submit(tx)
        send(tx)
        end(tx, one, refused(38, after(2)))  # a temporary failure: part 1 waits again, part 2 has left
        part, attempt = take(tx, at=after(3600))
        assert part.part_id == first.part_id
        assert steps.submitting(tx, permit(part.part_id, attempt, at=after(3600)), after(3600)) is None
        assert states(tx, number) == ["submitting", "sent", "waiting"]


def test_a_part_charged_to_yesterday_goes_back(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = _claimed(tx)
        tomorrow = permit(part, attempt, at=after(86_400))
        assert steps.submitting(tx, tomorrow, after(86_400)) == "plan_day"
        assert states(tx, number) == ["waiting"]
        _charges_fit(tx)


def test_six_a_minute_are_six_in_any_sixty_seconds(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for _ in range(7):
            add(tx)
        for second in range(6):
            part, attempt = submit(tx, at=after(second * 5), plan=CAUTIOUS)
            end(tx, attempt, accepted(second, after(second * 5 + 4)))
        part, attempt = take(tx, at=after(31))
        for second in (31, 59, 63):
            slug = steps.submitting(tx, permit(part.part_id, attempt, plan=CAUTIOUS), after(second))
            assert slug == "plan_minute"
            part, attempt = take(tx, at=after(second))
        assert steps.submitting(tx, permit(part.part_id, attempt, plan=CAUTIOUS), after(64)) is None  # 4 s + 60 s


def test_a_part_long_claimed_counts_from_its_step_3(store: Store) -> None:
    plan = Plan("two", per_minute=1)
    with store.write() as tx:
        see(tx)
        add(tx)
        add(tx)
        first, one = take(tx, owner="account:a")
        second, two = take(tx, OTHER, owner="account:a")
        assert steps.submitting(tx, permit(first.part_id, one, plan=plan, owner="account:a"), after(100)) is None
        slug = steps.submitting(tx, permit(second.part_id, two, plan=plan, owner="account:a"), after(130))
        assert slug == "plan_minute"


def test_an_attempt_that_is_not_the_parts_any_more_is_lost(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = _claimed(tx)
        queue.give_back(tx, part, attempt, NOW)
        claim(tx, OTHER)
        assert steps.submitting(tx, permit(part, attempt), NOW) == "lost"
        assert states(tx, number) == ["claimed"]
        _charges_fit(tx)


def test_the_recheck_with_the_prompt_open_stops_what_the_first_one_let_go(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = _claimed(tx)
        assert steps.submitting(tx, permit(part, attempt), NOW) is None
        assert steps.recheck(tx, permit(part, attempt), NOW) is None
        tx.run("INSERT INTO suppressions (number, digits, since, source) VALUES (:n, :d, 0, 'import')", n=TO, d=TO[-9:])
        assert steps.recheck(tx, permit(part, attempt), NOW) == "opted_out"
        assert states(tx, number) == ["canceled"]
        _charges_fit(tx)


def test_the_recheck_stops_for_a_pause_and_gives_back(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = _claimed(tx)
        steps.submitting(tx, permit(part, attempt), NOW)
        actions.pause(tx, "all", "", NOW)
        assert steps.recheck(tx, permit(part, attempt), NOW) == "paused"
        assert states(tx, number) == ["waiting"]
        _charges_fit(tx)


# the wire's table


def test_acceptance_is_sent_with_its_mr(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        settled = end(tx, attempt, accepted(201, after(3)))
        assert (settled.after, settled.worked) == (GoOn(), True)
        row = parts(tx, number)[0]
        assert (row["state"], row["mr"], row["iccid"]) == ("sent", 201, SIM)
        assert (message(tx, number)["state"], message(tx, number)["final_at"]) == ("sent", None)
        _charges_fit(tx)


def test_acceptance_is_final_where_no_report_was_asked(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        one, long = add(tx, report=False), add(tx, report=False, text=LONG)
        for mr in range(4):
            send(tx, mr=mr)
        assert message(tx, one)["final_at"] is not None
        assert message(tx, long)["final_at"] is not None


def test_acceptance_told_twice_changes_nothing(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        end(tx, attempt, accepted(9))
        before = message(tx, number)
        end(tx, attempt, accepted(9))
        assert message(tx, number) == before
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'part.sent'") == 1


def test_every_part_put_to_the_network_is_one_attempt_however_often_its_fate_is_told(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        one = add(tx)
        _, attempt = submit(tx)
        end(tx, attempt, refused(42))
        _, attempt = submit(tx, at=after(4000))
        end(tx, attempt, uncertain("timeout", after(4001)))
        assert message(tx, one)["attempts"] == 2
        end(tx, attempt, accepted(9, after(4002), late=True))
        assert (message(tx, one)["state"], message(tx, one)["attempts"]) == ("sent", 2)
        long = add(tx, text=LONG, at=after(4010))
        for mr in range(2):
            send(tx, mr=mr, at=after(4010))
        submit(tx, at=after(4020))
        hosts.recover(tx, "here", after(4030))
        assert message(tx, long)["attempts"] == 3


def test_a_message_that_fails_for_good_was_tried_once(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        end(tx, attempt, refused(1))
        assert (message(tx, number)["state"], message(tx, number)["attempts"]) == ("failed", 1)


@pytest.mark.parametrize("text", ["no_prompt", "port_lost", "stop"])
def test_what_ended_before_ctrl_z_waits_again_and_cost_nothing(store: Store, text: str) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        for _ in range(9):
            _, attempt = submit(tx)
            end(tx, attempt, ended(Evidence.NOT_SENT, text=text))
        assert states(tx, number) == ["waiting"]
        assert (message(tx, number)["state"], message(tx, number)["attempts"]) == ("queued", 0)
        _charges_fit(tx)


def test_an_error_at_the_prompt_is_refunded_and_not_counted_at_first(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = take(tx)
        end(tx, attempt, refused(38, phase="prompt", ctrl_z_at=None))
        assert states(tx, number) == ["waiting"]
        assert parts(tx, number)[0]["attempts"] == 0
        _charges_fit(tx)


def test_the_same_refusal_at_the_prompt_of_a_second_modem_fails_the_message(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        see(tx, OTHER)
        number = add(tx)
        for iccid in (SIM, OTHER):
            _, attempt = take(tx, iccid, at=after(7200))
            settled = end(tx, attempt, refused(304, after(7200), phase="prompt", ctrl_z_at=None))
        assert states(tx, number) == ["failed"]
        assert message(tx, number)["state"] == "failed"
        assert settled.worked
        _charges_fit(tx)


def test_one_modem_alone_does_not_ask_itself_for_ever(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, valid_for=None, message_class="emergency")
        for turn in range(9):
            if states(tx, number) == ["failed"]:
                break
            _, attempt = take(tx, at=after(turn * 7200))
            end(tx, attempt, refused(304, after(turn * 7200), phase="prompt", ctrl_z_at=None))
        assert (states(tx, number), message(tx, number)["reason"]) == (["failed"], "content")
        assert counted(tx) == {}


def test_an_error_marked_as_not_accepted_is_refunded(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        end(tx, attempt, refused(38, after(5), ctrl_z_at=NOW))
        assert states(tx, number) == ["waiting"]
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("held", "network")
        _charges_fit(tx)


def test_the_same_error_later_than_thirty_seconds_says_nothing(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        settled = end(tx, attempt, refused(38, after(31), ctrl_z_at=NOW))
        assert (settled.after, states(tx, number)) == (Resync(), ["unknown"])
        assert (message(tx, number)["state"], counted(tx)) == ("unknown", {SIM: 1})


@pytest.mark.parametrize(
    "case",
    [
        pytest.param((uncertain("timeout", after(55), ctrl_z_at=NOW), Repair("no_result")), id="timeout"),
        pytest.param((uncertain("timeout", after(54), ctrl_z_at=NOW), Resync()), id="short-timeout"),
        pytest.param((uncertain("port_lost"), Resync()), id="port-lost"),
        pytest.param((uncertain("ok_without_cmgs"), Resync()), id="ok-without-cmgs"),
        pytest.param((uncertain("ERROR", kind="error"), Resync()), id="bare-error"),
        pytest.param((refused(197), Resync()), id="duplicate"),
        pytest.param((refused(512), Resync()), id="not-marked"),
    ],
)
def test_everything_else_after_ctrl_z_is_unknown_and_stays_charged(store: Store, case: tuple[Outcome, After]) -> None:
    outcome, then = case
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        settled = end(tx, attempt, outcome)
        assert settled.after == then
        assert states(tx, number) == ["unknown"]
        assert message(tx, number)["state"] == "unknown"
        assert counted(tx) == {SIM: 1}
        assert tx.value("SELECT charged_at FROM attempts") is not None
        end(tx, attempt, outcome)
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'part.unknown'") == 1


def test_two_uncertain_in_a_row_park_the_sim(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx)
        add(tx)
        results = []
        for _ in range(2):
            _, attempt = submit(tx)
            results.append(end(tx, attempt, uncertain("timeout", after(55), ctrl_z_at=NOW)).after)
        assert results == [Repair("no_result"), Parked("sim_uncertain")]
        row = tx.one("SELECT state, reason FROM sims")
        assert row == {"state": "parked", "reason": "sim_uncertain"}


@pytest.mark.parametrize("between", ["port_lost", "accepted", "killed"])
def test_a_lost_port_counts_for_no_park_and_a_success_begins_anew(store: Store, between: str) -> None:
    with store.write() as tx:
        see(tx)
        for _ in range(4):
            add(tx)
        for text in ("timeout", between, between):
            _, attempt = submit(tx)
            settled = end(tx, attempt, accepted() if text == "accepted" else uncertain(text))
            assert not isinstance(settled.after, Parked)
        _, attempt = submit(tx)
        last = end(tx, attempt, uncertain("timeout"))
        assert isinstance(last.after, Parked) is (between != "accepted")


def test_a_result_told_twice_does_not_park(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx)
        _, attempt = submit(tx)
        for _ in range(3):
            end(tx, attempt, uncertain("timeout"))
        assert tx.value("SELECT state FROM sims") == "active"


def test_a_late_acceptance_makes_an_unknown_part_sent(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, resend_unknown=True)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("timeout"))
        assert message(tx, number)["resend_at"] is not None
        end(tx, attempt, accepted(5, after(200), late=True))
        assert states(tx, number) == ["sent"]
        assert (message(tx, number)["state"], message(tx, number)["resend_at"]) == ("sent", None)
        assert counted(tx) == {SIM: 1}


def test_a_late_acceptance_reaches_a_part_that_already_waits_again(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, resend_unknown=True)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("timeout"))
        assert actions.resend_unknown(tx, after(120)) == 1
        end(tx, attempt, accepted(5, after(121), late=True))
        assert (states(tx, number), message(tx, number)["state"]) == (["sent"], "sent")
        assert claim(tx, at=after(122)) is None


def test_a_late_acceptance_stops_the_second_copy_that_is_only_claimed(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, resend_unknown=True)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("timeout"))
        actions.resend_unknown(tx, after(120))
        part, second = take(tx, at=after(121))
        end(tx, attempt, accepted(5, after(122), late=True))
        assert states(tx, number) == ["sent"]
        assert steps.submitting(tx, permit(part.part_id, second), after(123)) == "lost"
        assert counted(tx) == {SIM: 1}


def test_a_late_error_that_surely_means_no_gives_the_part_back(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, resend_unknown=True)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("timeout", after(10), ctrl_z_at=NOW))
        end(tx, attempt, refused(38, after(20), ctrl_z_at=NOW, late=True))
        assert states(tx, number) == ["waiting"]
        assert (message(tx, number)["state"], message(tx, number)["resend_at"]) == ("held", None)
        _charges_fit(tx)


def test_a_late_error_too_late_changes_nothing(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("timeout"))
        end(tx, attempt, refused(38, after(60), ctrl_z_at=NOW, late=True))
        assert states(tx, number) == ["unknown"]


def test_a_refusal_repeated_after_the_part_went_on_touches_nobody(store: Store) -> None:
    """The store may lose the answer to its own commit; the outcome is then written once more."""
    with store.write() as tx:
        see(tx)
        see(tx, OTHER)
        number = add(tx)
        _, attempt = submit(tx)
        fatal = refused(1, after(5), ctrl_z_at=NOW)  # an unassigned number
        temporary = refused(38, after(5), ctrl_z_at=NOW)
        end(tx, attempt, temporary)
        part, second = take(tx, OTHER, at=after(3600))
        before = (states(tx, number), message(tx, number), counted(tx))
        for outcome in (temporary, fatal, ended(Evidence.NOT_SENT)):
            end(tx, attempt, outcome, after(3601))
            assert (states(tx, number), message(tx, number), counted(tx)) == before
        assert steps.submitting(tx, permit(part.part_id, second, owner=OTHER), after(3602)) is None


def test_a_recipient_that_does_not_exist_fails_at_once(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG)
        _, attempt = submit(tx)
        ahead = take(tx)
        settled = end(tx, attempt, refused(1, after(5), ctrl_z_at=NOW))
        assert states(tx, number) == ["failed"] * 3
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("failed", "recipient")
        assert settled.worked
        assert steps.submitting(tx, permit(ahead[0].part_id, ahead[1]), after(6)) == "lost"
        _charges_fit(tx)


def test_a_part_that_fails_after_others_left_makes_the_message_partial(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG)
        send(tx)
        _, attempt = submit(tx)
        end(tx, attempt, refused(1, after(5), ctrl_z_at=NOW))
        assert states(tx, number) == ["sent", "failed", "failed"]
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("failed", "partial")
        assert counted(tx) == charged(tx) == {SIM: 1}


def test_after_an_unknown_part_the_rest_still_go_by_the_same_sim(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("timeout"))
        assert message(tx, number)["state"] == "sending"
        assert [part.part_number for part in queue.heads(tx, SIM, NOW, 9)] == [2, 3]
        send(tx)
        send(tx)
        assert (states(tx, number), message(tx, number)["state"]) == (["unknown", "sent", "sent"], "unknown")


def test_a_modem_at_fault_is_repaired_and_the_message_goes_elsewhere(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        settled = end(tx, attempt, refused(300, phase="prompt", ctrl_z_at=None))
        assert isinstance(settled.after, Repair)
        assert (states(tx, number), message(tx, number)["state"]) == (["waiting"], "queued")
        _charges_fit(tx)


def test_an_unknown_attempt_is_answered_and_nothing_else(store: Store) -> None:
    with store.write() as tx:
        assert end(tx, 4711, accepted()).after == GoOn()


# resend_unknown


def test_resend_unknown_waits_two_minutes_and_resends_twice_at_the_most(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, resend_unknown=True)
        at = 0.0
        for _ in range(3):
            _, attempt = submit(tx, at=after(at))
            end(tx, attempt, uncertain("port_lost", after(at)))
            assert states(tx, number) == ["unknown"]
            assert actions.resend_unknown(tx, after(at + 119)) == 0
            actions.resend_unknown(tx, after(at + 120))
            at += 120
        assert states(tx, number) == ["unknown"]
        assert message(tx, number)["resent"] == 2
        assert tx.value("SELECT count(*) FROM attempts") == 3
        assert counted(tx) == {SIM: 3}  # each may have left


def test_nothing_is_resent_unless_its_sender_asked(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("port_lost"))
        assert actions.resend_unknown(tx, after(9999)) == 0
        assert states(tx, number) == ["unknown"]


def test_evidence_for_one_part_does_not_end_the_resend_of_another(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG, resend_unknown=True)
        first = submit(tx)[1]
        end(tx, first, uncertain("port_lost"))
        second = submit(tx, at=after(2))[1]
        end(tx, second, uncertain("port_lost", after(3)))
        send(tx, at=after(4))
        end(tx, first, accepted(5, after(20), late=True))
        assert states(tx, number) == ["sent", "unknown", "sent"]
        assert actions.resend_unknown(tx, after(9999)) == 1
        assert states(tx, number) == ["sent", "waiting", "sent"]


def test_a_resend_after_the_validity_is_no_resend(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, resend_unknown=True, valid_until=after(60))
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("port_lost"))
        assert actions.resend_unknown(tx, after(120)) == 0
        assert actions.resend_unknown(tx, after(240)) == 0
        assert (states(tx, number), message(tx, number)["state"]) == (["unknown"], "unknown")


def test_resolving_is_a_persons_word_for_good(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        one, two = add(tx, resend_unknown=True), add(tx)
        for _ in range(2):
            _, attempt = submit(tx)
            end(tx, attempt, uncertain("port_lost"))
        assert actions.resolve(tx, one, True, NOW) == "sent"
        assert actions.resolve(tx, two, False, NOW) == "failed"
        assert actions.resolve(tx, two, True, NOW) == "failed"
        assert actions.resolve(tx, 999, True, NOW) is None
        assert (message(tx, one)["resolved"], message(tx, two)["resolved"]) == ("sent", "failed")
        assert actions.resend_unknown(tx, after(9999)) == 0


# a restart


def test_a_restart_gives_back_what_was_claimed_and_doubts_what_was_submitting(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        see(tx, OTHER)
        doubted, claimed = add(tx, resend_unknown=True), add(tx)
        submit(tx)
        claim(tx, OTHER)
        assert hosts.recover(tx, "elsewhere", NOW) == (0, 0)
        assert hosts.recover(tx, "here", NOW) == (1, 1)
        assert (states(tx, doubted), states(tx, claimed)) == (["unknown"], ["waiting"])
        assert (message(tx, doubted)["state"], message(tx, claimed)["state"]) == ("unknown", "queued")
        assert message(tx, doubted)["resend_at"] is not None
        assert counted(tx) == charged(tx) == {SIM: 1}
        assert hosts.recover(tx, "here", NOW) == (0, 0)
        assert tx.value("SELECT uncertain_in_row FROM sims WHERE iccid = :i", i=SIM) == 0


def test_a_port_whose_last_part_is_in_doubt_is_only_listened_to(store: Store) -> None:
    within = timedelta(seconds=60)
    with store.write() as tx:
        see(tx)
        add(tx)
        _, attempt = submit(tx)
        path = "/dev/23"
        assert hosts.open_attempt(tx, "here", path, after(1), within) is None  # a live one belongs to its session
        hosts.recover(tx, "here", after(1))
        row = hosts.open_attempt(tx, "here", path, after(2), within)
        assert row is not None
        assert (row["id"], row["iccid"]) == (attempt, SIM)
        assert hosts.open_attempt(tx, "elsewhere", path, after(2), within) is None
        assert hosts.open_attempt(tx, "here", "/dev/other", after(2), within) is None
        assert hosts.open_attempt(tx, "here", path, after(60), within) is None
        end(tx, attempt, accepted(3, after(3), late=True))
        assert hosts.open_attempt(tx, "here", path, after(4), within) is None


def test_what_ended_by_an_error_line_is_not_waited_for(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("ERROR", kind="error"))
        assert hosts.open_attempt(tx, "here", "/dev/23", after(1), None) is None


def test_the_lease_of_a_name_belongs_to_the_last_run_that_took_it(store: Store) -> None:
    with store.write() as tx:
        assert hosts.take_lease(tx, "here", "a:1", 1, "0", NOW)
        assert hosts.renew_lease(tx, "here", "a:1", after(5))
        assert hosts.take_lease(tx, "here", "a:2", 2, "0", after(6))
        assert not hosts.renew_lease(tx, "here", "a:1", after(7))
        assert [row["pid"] for row in hosts.alive(tx, after(20))] == [2]
        assert hosts.alive(tx, after(22)) == []


def test_a_living_lease_is_not_taken_by_another_state_directory(store: Store) -> None:
    with store.write() as tx:
        assert hosts.take_lease(tx, "here", "a:1", 1, "0", NOW)
        assert not hosts.take_lease(tx, "here", "b:1", 2, "0", after(14))
        assert hosts.take_lease(tx, "there", "b:1", 2, "0", after(14))
        assert hosts.renew_lease(tx, "here", "a:1", after(14))
        hosts.end_lease(tx, "here", "a:1", after(15))
        assert hosts.take_lease(tx, "here", "b:1", 2, "0", after(15))


def test_intake_settings_of_the_suite_are_the_defaults() -> None:
    assert INTAKE.max_parts == 10


@pytest.mark.parametrize("state", [SimState.PAUSED, SimState.PARKED])
def test_a_part_claimed_ahead_does_not_leave_a_sim_that_was_stopped(store: Store, state: SimState) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        part, attempt = take(tx)
        sims.set_state(tx, SIM, state, NOW)
        assert steps.submitting(tx, permit(part.part_id, attempt), NOW) == f"sim_{state}"
        assert states(tx, number) == ["waiting"]
        assert message(tx, number)["reason"] == f"sim_{state}"


def test_after_a_crash_no_modem_is_said_to_work(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        facts = dict.fromkeys(
            ("imei", "usb_path", "family", "manufacturer", "model", "firmware", "since", "signal_dbm", "operator",
             "technology", "last_success_at")
        )  # fmt: skip
        shown = {"path": "/dev/x", "state": "working", "sentence": "ready", "params": "{}", "next_action": ""}
        sims.write_modem(tx, "here", {**facts, **shown, "iccid": SIM, "registration": "home"}, NOW)
        assert views.can_send(tx)
        sims.nowhere(tx, "here", NOW)
        assert not views.can_send(tx)


@pytest.mark.parametrize(("trusted", "said"), [(True, "validity_expired"), (False, None)])
def test_a_clock_in_doubt_ends_no_validity_at_step_3(store: Store, trusted: bool, said: str | None) -> None:
    with store.write() as tx:
        see(tx)
        add(tx, valid_for=timedelta(hours=1))
        part, attempt = take(tx)
        late = after(7200)
        asked = replace(permit(part.part_id, attempt, at=NOW), clock_trusted=trusted)
        assert steps.submitting(tx, asked, late) == said
