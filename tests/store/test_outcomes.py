"""What each outcome does to a part: every row of the wire's table."""

from __future__ import annotations

import pytest

from modemfarm.model import Evidence, Outcome
from modemfarm.modem.journal import After, GoOn, Parked, Repair, Resync
from modemfarm.store import actions, hosts, queue, steps
from modemfarm.store.engine import Store
from tests.store.tools import (
    LONG,
    NOW,
    OTHER,
    SIM,
    accepted,
    add,
    after,
    charged,
    charges_fit,
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
        charges_fit(tx)


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
        charges_fit(tx)


def test_an_error_at_the_prompt_is_refunded_and_not_counted_at_first(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = take(tx)
        end(tx, attempt, refused(38, phase="prompt", ctrl_z_at=None))
        assert states(tx, number) == ["waiting"]
        assert parts(tx, number)[0]["attempts"] == 0
        charges_fit(tx)


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
        charges_fit(tx)


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
        charges_fit(tx)


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
        charges_fit(tx)


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
        charges_fit(tx)


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
        for following in (2, 3):
            assert [part.part_number for part in queue.heads(tx, SIM, NOW, 9)] == [following]
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
        charges_fit(tx)


def test_an_unknown_attempt_is_answered_and_nothing_else(store: Store) -> None:
    with store.write() as tx:
        assert end(tx, 4711, accepted()).after == GoOn()
