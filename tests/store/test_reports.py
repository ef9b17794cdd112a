"""Delivery reports: which part each is about, and what it does to it."""

from __future__ import annotations

import pytest

from modemfarm.inbound.receive import match_loose, match_missed
from modemfarm.store import actions, reports
from modemfarm.store.engine import Store, Tx, from_us, to_us
from tests.store.tools import (
    INBOUND,
    LONG,
    NOW,
    OTHER,
    SIM,
    TO,
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
)

OTHER_TO = "+8613900139000"


def _sent(tx: Tx, mr: int = 7, **draft: object) -> int:
    see(tx)
    number = add(tx, **draft)
    send(tx, mr=mr)
    return number


@pytest.mark.parametrize(
    ("status", "state", "final", "reason"),
    [
        pytest.param(0x00, "delivered", True, None, id="00-delivered"),
        pytest.param(0x01, "sent", True, "unconfirmed", id="01-forwarded"),
        pytest.param(0x02, "sent", True, "unconfirmed", id="02-replaced"),
        pytest.param(0x1F, "sent", True, "unconfirmed", id="1F-centres-own"),
        pytest.param(0x20, "sent", False, None, id="20-congestion-still-trying"),
        pytest.param(0x30, "sent", False, None, id="30-centres-own-still-trying"),
        pytest.param(0x3F, "sent", False, None, id="3F"),
        pytest.param(0x40, "undelivered", True, "", id="40-permanent"),
        pytest.param(0x46, "undelivered", True, "", id="46-validity-expired"),
        pytest.param(0x60, "undelivered", True, "", id="60-stopped-trying"),
        pytest.param(0x7F, "undelivered", True, "", id="7F"),
        pytest.param(0x80, "undelivered", True, "", id="80-reserved"),
        pytest.param(0xFF, "undelivered", True, "", id="FF-reserved"),
    ],
)
def test_tp_st_moves_a_sent_part(store: Store, status: int, state: str, final: bool, reason: str | None) -> None:
    with store.write() as tx:
        number = _sent(tx)
        get(tx, report_pdu(7, status), at=after(5))
        row = message(tx, number)
        assert (states(tx, number), row["state"]) == ([state], state)
        assert (row["final_at"] is not None) is final
        if reason == "":
            assert row["reason"]
        else:
            assert row["reason"] == reason
        assert parts(tx, number)[0]["status"] == status


def test_a_pending_report_leaves_the_last_word_to_a_later_one(store: Store) -> None:
    with store.write() as tx:
        number = _sent(tx)
        get(tx, report_pdu(7, 0x20), at=after(5))
        assert parts(tx, number)[0]["reported_at"] is None
        get(tx, report_pdu(7, 0x00, done=after(60)), at=after(60))
        assert states(tx, number) == ["delivered"]


def test_an_unconfirmed_one_may_still_be_delivered(store: Store) -> None:
    with store.write() as tx:
        number = _sent(tx)
        get(tx, report_pdu(7, 0x01), at=after(5))
        get(tx, report_pdu(7, 0x00, done=after(9)), at=after(9))
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("delivered", None)


@pytest.mark.parametrize(("first", "then"), [(0x00, 0x41), (0x41, 0x00), (0x00, 0x20), (0x41, 0x01)])
def test_a_final_part_is_not_moved_again(store: Store, first: int, then: int) -> None:
    with store.write() as tx:
        number = _sent(tx)
        get(tx, report_pdu(7, first), at=after(5))
        before = (states(tx, number), message(tx, number))
        get(tx, report_pdu(7, then, done=after(9)), at=after(9))
        assert (states(tx, number), message(tx, number)) == before


def test_a_message_is_delivered_when_each_part_is(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG)
        for mr in (10, 11, 12):
            send(tx, mr=mr)
        for mr in (12, 10):
            get(tx, report_pdu(mr), at=after(5))
        assert message(tx, number)["state"] == "sent"
        get(tx, report_pdu(11), at=after(6))
        assert message(tx, number)["state"] == "delivered"


@pytest.mark.parametrize("order", [(0x00, 0x01), (0x01, 0x00)])
def test_parts_delivered_and_unconfirmed_make_it_final_in_any_order(store: Store, order: tuple[int, int]) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text="x" * 200)
        for mr in (10, 11):
            send(tx, mr=mr)
        for mr, status in zip((10, 11), order, strict=True):
            get(tx, report_pdu(mr, status), at=after(5))
        row = message(tx, number)
        assert (row["state"], row["reason"]) == ("sent", "unconfirmed")
        assert row["final_at"] is not None


@pytest.mark.parametrize("to", ["+8613800138000", "13800138000", "8613800138000", "013800138000"])
def test_the_recipient_is_known_in_any_spelling(store: Store, to: str) -> None:
    with store.write() as tx:
        number = _sent(tx)
        get(tx, report_pdu(7, to=to), at=after(5))
        assert states(tx, number) == ["delivered"]


def test_another_recipient_or_sim_with_that_mr_is_not_meant(store: Store) -> None:
    with store.write() as tx:
        number = _sent(tx)
        see(tx, OTHER)
        get(tx, report_pdu(7, to="+8613900139000"), at=after(5))
        get(tx, report_pdu(7), iccid=OTHER, at=after(5))
        assert states(tx, number) == ["sent"]
        assert len(reports.loose(tx, SIM, NOW)) == 1


def test_an_mr_that_wrapped_means_the_part_that_the_centre_took_then(store: Store) -> None:
    day = 86_400
    with store.write() as tx:
        see(tx)
        first = add(tx, valid_for=None)
        send(tx, mr=7)
        second = add(tx, at=after(2 * day))
        send(tx, mr=7, at=after(2 * day))
        get(tx, report_pdu(7, 0x41, sent=NOW, done=after(2 * day + 60)), at=after(2 * day + 60))
        assert (states(tx, first), states(tx, second)) == (["undelivered"], ["sent"])
        get(tx, report_pdu(7, sent=after(2 * day), done=after(2 * day + 90)), at=after(2 * day + 90))
        assert states(tx, second) == ["delivered"]


def test_a_second_report_about_one_part_does_not_move_its_namesake(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        first = add(tx)
        send(tx, mr=7)
        get(tx, report_pdu(7, done=after(5)), at=after(5))
        second = add(tx, at=after(3600))
        send(tx, mr=7, at=after(3600))
        get(tx, report_pdu(7, done=after(3700)), at=after(3700))
        assert (states(tx, first), states(tx, second)) == (["delivered"], ["sent"])


def test_an_mr_of_long_ago_is_another_message(store: Store) -> None:
    with store.write() as tx:
        number = _sent(tx)
        late = after(11 * 86_400)
        get(tx, report_pdu(7, sent=late), at=late)
        assert states(tx, number) == ["sent"]


def test_a_report_before_the_answer_waits_for_it(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        get(tx, report_pdu(9), at=after(1))
        assert states(tx, number) == ["submitting"]
        end(tx, attempt, accepted(9, after(2), ctrl_z_at=NOW))
        assert states(tx, number) == ["delivered"]
        assert reports.loose(tx, SIM, NOW.replace(year=2020)) == []


def test_many_reports_that_fit_nothing_hide_no_newer_one(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for mr in range(101):
            get(tx, report_pdu(mr, to=OTHER_TO), at=after(mr))
        number = add(tx)
        submit(tx)
        get(tx, report_pdu(200), at=after(200))
        tx.run("UPDATE parts SET state = 'sent', mr = 200, iccid = :sim, sent_at = :at", sim=SIM, at=to_us(after(200)))
        assert match_loose(tx, SIM, INBOUND, after(201)) == 1
        assert states(tx, number) == ["delivered"]


def test_a_report_written_at_once_with_the_answer_is_matched_later(store: Store) -> None:
    """On a server two writers may not see each other: the answer finds no report, and the report no answer."""
    with store.write() as tx:
        see(tx)
        number = add(tx)
        submit(tx)
        get(tx, report_pdu(9), at=after(1))
        tx.run("UPDATE parts SET state = 'sent', mr = 9, iccid = :sim, sent_at = :at", sim=SIM, at=to_us(after(1)))
    assert store.run(match_missed, INBOUND, after(60 * 60)) == 0
    assert store.run(match_missed, INBOUND, after(6)) == 1
    with store.read() as tx:
        assert states(tx, number) == ["delivered"]
        assert message(tx, number)["state"] == "delivered"
    assert store.run(match_missed, INBOUND, after(11)) == 0


def test_a_report_that_two_writers_match_is_told_once(store: Store) -> None:
    """On a server the second has read the row before the first one's commit, and takes the message after it."""
    with store.write() as tx:
        number = _sent(tx)
        get(tx, report_pdu(7, 0x20), at=after(5))
        row = tx.one("SELECT id, scts, part_id FROM received WHERE kind = 'status_report'")
        assert row is not None
        told = reports.Report(SIM, 7, TO, from_us(row["scts"]), None, 0x20, "pending", None)
        tx.run("UPDATE received SET part_id = NULL")
        assert [reports.match(tx, told, row["id"], after(6)) for _ in range(2)] == [True, False]
        kinds = "SELECT count(*) FROM events WHERE message_id = :id AND kind = 'part.reported'"
        assert tx.value(kinds, id=number) == 2
        assert tx.value("SELECT part_id FROM received WHERE id = :id", id=row["id"]) == row["part_id"]


def test_a_report_read_twice_is_kept_once(store: Store) -> None:
    with store.write() as tx:
        _sent(tx)
        for second in (5, 6, 7):
            get(tx, report_pdu(7), at=after(second))
        assert tx.value("SELECT count(*) FROM received") == 1
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'part.delivered'") == 1


def test_a_report_without_a_usable_time_goes_by_its_mr(store: Store) -> None:
    with store.write() as tx:
        number = _sent(tx)
        one = reports.Report(SIM, 7, TO, None, None, 0, "delivered", None)
        part = reports.find(tx, one)
        assert part is not None
        reports.apply(tx, part, one, after(5))
        assert states(tx, number) == ["delivered"]


def test_what_fits_nothing_is_tried_again_for_three_days(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        get(tx, report_pdu(9), at=NOW)
        assert match_loose(tx, SIM, INBOUND, after(60)) == 0
        number = add(tx, message_class="emergency")
        send(tx, mr=9, at=after(4 * 86_400 - 1))
        assert states(tx, number) == ["sent"]
        assert message(tx, number)["recipient"] == TO


def test_sent_becomes_final_an_hour_after_the_validity(store: Store) -> None:
    with store.write() as tx:
        number = _sent(tx, valid_until=after(3600))
        for_ever = _sent(tx, message_class="emergency")
        assert actions.close_unreported(tx, after(7200)) == 0
        assert actions.close_unreported(tx, after(7201)) == 1
        row = message(tx, number)
        assert (row["state"], row["reason"], row["final_at"] is not None) == ("sent", "no_report", True)
        assert message(tx, for_ever)["final_at"] is None
        get(tx, report_pdu(7, done=after(8000)), at=after(8000))
        assert "delivered" in {message(tx, number)["state"], message(tx, for_ever)["state"]}
