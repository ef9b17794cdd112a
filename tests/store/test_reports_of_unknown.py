"""Delivery reports about parts whose fate nobody knows: found by time, service centre and counting references."""

from __future__ import annotations

from modemfarm.store import actions
from modemfarm.store.engine import Store
from tests.store.tools import (
    LONG,
    NOW,
    accepted,
    add,
    after,
    end,
    get,
    message,
    parts,
    report_pdu,
    see,
    send,
    states,
    submit,
    uncertain,
)


def test_a_report_tells_the_fate_of_an_unknown_part_by_its_time(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, resend_unknown=True)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("timeout", after(60), ctrl_z_at=NOW))
        get(tx, report_pdu(200, sent=after(70)), at=after(71))
        assert states(tx, number) == ["unknown"]
        get(tx, report_pdu(201, sent=after(30), done=after(80)), at=after(80))
        assert states(tx, number) == ["delivered"]
        assert parts(tx, number)[0]["mr"] == 201
        assert actions.resend_unknown(tx, after(9999)) == 0


def test_a_report_before_the_time_out_is_matched_when_the_part_becomes_unknown(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        get(tx, report_pdu(200, sent=after(3)), at=after(4))
        end(tx, attempt, uncertain("timeout", after(60), ctrl_z_at=NOW))
        assert states(tx, number) == ["delivered"]


def test_a_pending_report_makes_an_unknown_part_sent(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("port_lost"))
        get(tx, report_pdu(201, 0x30, sent=after(2)), at=after(3))
        assert (states(tx, number), message(tx, number)["state"]) == (["sent"], "sent")
        get(tx, report_pdu(201, 0x00, sent=after(2), done=after(9)), at=after(9))
        assert states(tx, number) == ["delivered"]


def test_two_unknown_parts_that_fit_are_left_to_a_person(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        one, two = add(tx), add(tx)
        for _ in range(2):
            _, attempt = submit(tx)
            end(tx, attempt, uncertain("port_lost"))
        get(tx, report_pdu(201, sent=after(2)), at=after(3))
        assert (states(tx, one), states(tx, two)) == (["unknown"], ["unknown"])


def test_the_centres_clock_is_learned_and_allowed_for(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx)
        send(tx, mr=3)
        get(tx, report_pdu(3, sent=after(3600)), at=after(5))  # an hour ahead of ours
        number = add(tx)
        _, attempt = submit(tx, at=after(100))
        end(tx, attempt, uncertain("timeout", after(160), ctrl_z_at=after(100)))
        get(tx, report_pdu(88, sent=after(105)), at=after(161))
        assert states(tx, number) == ["unknown"]
        get(tx, report_pdu(89, sent=after(3705)), at=after(162))
        assert states(tx, number) == ["delivered"]


def test_where_mrs_count_up_only_the_next_one_fits(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for mr in (253, 254, 255, 0, 1):
            add(tx)
            send(tx, mr=mr)
        number = add(tx)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("timeout", after(60), ctrl_z_at=NOW))
        get(tx, report_pdu(77, sent=after(2)), at=after(61))
        assert states(tx, number) == ["unknown"]
        get(tx, report_pdu(2, sent=after(2)), at=after(62))
        assert states(tx, number) == ["delivered"]


def test_a_late_answer_after_its_report_changes_nothing(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("timeout", after(60), ctrl_z_at=NOW))
        get(tx, report_pdu(201, sent=after(30)), at=after(61))
        end(tx, attempt, accepted(201, after(99), late=True, ctrl_z_at=NOW))
        assert (states(tx, number), message(tx, number)["state"]) == (["delivered"], "delivered")


def test_a_report_of_a_message_on_the_air_is_not_an_earlier_unknown_ones(store: Store) -> None:
    """The report of a second message to one person may come before its +CMGS is read."""
    with store.write() as tx:
        see(tx)
        never_left = add(tx, text="never left")
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("ERROR", at=after(0.2), kind="error", ctrl_z_at=NOW))
        left = add(tx, text="left", at=after(5))
        _, attempt = submit(tx, at=after(5))
        get(tx, report_pdu(174, sent=after(5), done=after(6)), at=after(6))
        assert states(tx, never_left) == ["unknown"]
        end(tx, attempt, accepted(174, at=after(8), ctrl_z_at=after(5)), at=after(8))
        assert (states(tx, never_left), states(tx, left)) == (["unknown"], ["delivered"])


def test_an_attempt_that_ended_at_once_takes_no_report_of_minutes_later(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain("ERROR", at=after(0.2), kind="error", ctrl_z_at=NOW), at=after(0.2))
        get(tx, report_pdu(122, sent=after(173), done=after(174)), at=after(175))
        assert states(tx, number) == ["unknown"]


def test_a_message_with_an_unknown_part_says_so_whatever_is_told_of_the_others(store: Store) -> None:
    """The forms for many messages find it by that reason."""
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG)
        for mr in (7, None, 9):
            _, attempt = submit(tx)
            end(tx, attempt, uncertain("timeout") if mr is None else accepted(mr))
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("unknown", "unknown")
        for mr, status in ((7, 0), (9, 0x46)):
            get(tx, report_pdu(mr, status))
            assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("unknown", "unknown")
