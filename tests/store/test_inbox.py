"""What comes in: kept first, then known again, joined, judged and acted on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations

import pytest

from modemfarm.inbound.receive import judge, receive
from modemfarm.model import Received
from modemfarm.store import inbox, sims, suppress
from modemfarm.store.engine import Row, Store, Tx
from tests.store.tools import (
    INBOUND,
    LONG,
    NOW,
    OTHER,
    SIM,
    TO,
    add,
    after,
    counted,
    deliver_pdu,
    get,
    message,
    see,
    send,
    states,
    submit,
    take,
)

HOUR = 3600
BROKEN_CLOCK = datetime(2004, 1, 1, tzinfo=UTC)


def _inbound(tx: Tx) -> list[Row]:
    return tx.all("SELECT * FROM inbound ORDER BY id")


def test_a_message_is_kept_raw_and_understood(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        pdu = deliver_pdu("你好")
        got = get(tx, pdu, memory="SM", index=3)
        row = _inbound(tx)[0]
        assert (got.kind, got.inbound_id) == ("deliver", row["id"])
        assert (row["originator"], row["text"], row["complete"], row["kind"]) == (TO, "你好", 1, "message")
        raw = tx.one("SELECT * FROM received")
        assert raw is not None
        assert (raw["pdu"], raw["memory"], raw["slot"]) == (pdu.hex().upper(), "SM", 3)


def test_the_same_pdu_within_48_hours_is_the_same_message(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        pdu = deliver_pdu("hello")
        assert get(tx, pdu, memory="SM", index=3).kind == "deliver"
        assert get(tx, pdu, memory="SM", index=3, at=after(60)).kind == "duplicate"
        assert get(tx, pdu, at=after(47 * HOUR)).kind == "duplicate"
        assert get(tx, pdu, iccid=OTHER).kind == "deliver"
        assert get(tx, pdu, at=after(49 * HOUR)).kind == "deliver"
        assert len(_inbound(tx)) == 3


def test_two_sims_unknown_are_one_sim_to_a_duplicate(store: Store) -> None:
    with store.write() as tx:
        pdu = deliver_pdu("hello")
        assert get(tx, pdu, iccid=None).kind == "deliver"
        assert get(tx, pdu, iccid=None).kind == "duplicate"


@pytest.mark.parametrize("sent", [BROKEN_CLOCK, after(3 * 86_400)], ids=["long-ago", "in-the-future"])
def test_with_an_implausible_time_only_the_same_slot_is_the_same_message(store: Store, sent: datetime) -> None:
    with store.write() as tx:
        see(tx)
        pdu = deliver_pdu("ok", at=sent)
        assert get(tx, pdu, memory="SM", index=3).kind == "deliver"
        assert get(tx, pdu, memory="SM", index=3).kind == "duplicate"
        assert get(tx, pdu, memory="SM", index=4).kind == "deliver"
        assert get(tx, pdu, memory="SM", index=3).kind == "duplicate"
        assert get(tx, pdu, memory="ME", index=3).kind == "deliver"
        assert get(tx, pdu).kind == "deliver"  # it came without a slot
        inbox.slot_emptied(tx, SIM, "SM", 3)
        assert get(tx, pdu, memory="SM", index=3).kind == "deliver"
        assert get(tx, pdu, memory="SM", index=4).kind == "duplicate"


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
def test_parts_join_in_any_order(store: Store, order: tuple[int, ...]) -> None:
    with store.write() as tx:
        see(tx)
        answers = [
            get(tx, deliver_pdu(f"<{number}>", concat=(77, 3, number)), at=after(second))
            for second, number in enumerate(order)
        ]
        assert [one.inbound_id is not None for one in answers] == [False, False, True]
        row = _inbound(tx)[0]
        assert (row["text"], row["complete"], row["parts"], row["parts_read"]) == ("<1><2><3>", 1, 3, 3)
        assert len(_inbound(tx)) == 1


def test_parts_of_other_people_sims_and_references_do_not_mix(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        see(tx, OTHER)
        get(tx, deliver_pdu("a", concat=(1, 2, 1)))
        get(tx, deliver_pdu("b", concat=(2, 2, 2)))
        get(tx, deliver_pdu("c", concat=(1, 2, 2), by="+8613900139000"))
        get(tx, deliver_pdu("d", concat=(1, 2, 2)), iccid=OTHER)
        get(tx, deliver_pdu("e", concat=(1, 3, 2)))
        assert [row["complete"] for row in _inbound(tx)] == [0] * 5
        get(tx, deliver_pdu("!", concat=(1, 2, 2)))
        assert _inbound(tx)[0]["text"] == "a!"


def test_a_part_that_comes_twice_counts_once(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        get(tx, deliver_pdu("a", concat=(1, 2, 1)))
        assert get(tx, deliver_pdu("a", concat=(1, 2, 1)), at=after(5)).kind == "duplicate"
        get(tx, deliver_pdu("b", concat=(1, 2, 2)), at=after(6))
        assert [(row["text"], row["complete"]) for row in _inbound(tx)] == [("ab", 1)]


def test_a_reference_that_came_around_opens_a_new_message(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for text, at in (("old", NOW), ("new", after(HOUR))):
            for number in (1, 2):
                get(tx, deliver_pdu(f"{text}{number}", at=at, concat=(1, 2, number)), at=at)
        assert [row["text"] for row in _inbound(tx)] == ["old1old2", "new1new2"]


def test_references_of_8_and_16_bits_are_two_messages(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        get(tx, deliver_pdu("a", concat=(1, 2, 1)))
        wide = bytearray(deliver_pdu("b", concat=(1, 2, 2)))
        at = wide.index(bytes([5, 0, 3, 1, 2, 2]))
        wide[at - 1] += 1  # TP-UDL
        wide[at : at + 6] = bytes([6, 8, 4, 0, 1, 2, 2])
        get(tx, bytes(wide))
        assert [row["complete"] for row in _inbound(tx)] == [0, 0]


def test_what_stays_incomplete_is_shown_and_judged_at_its_time(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        get(tx, deliver_pdu("STOP", concat=(1, 2, 1)))
        assert inbox.to_judge(tx, after(599)) == []
        waiting = inbox.to_judge(tx, after(600))
        assert len(waiting) == 1
        judge(tx, waiting[0], INBOUND, after(600))
        assert inbox.to_judge(tx, after(601)) == []
        row = _inbound(tx)[0]
        assert (row["text"], row["complete"], row["verdict"]) == ("STOP", 0, "exact")
        assert suppress.is_suppressed(tx, TO)


def test_a_part_after_that_time_still_completes_its_message(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        get(tx, deliver_pdu("one ", concat=(1, 2, 1)))
        judge(tx, inbox.to_judge(tx, after(600))[0], INBOUND, after(600))
        assert get(tx, deliver_pdu("two", concat=(1, 2, 2)), at=after(700)).inbound_id is not None
        assert [(row["text"], row["complete"]) for row in _inbound(tx)] == [("one two", 1)]


@pytest.mark.parametrize("pdu", [b"", b"\x00", bytes.fromhex("07911326040000F0040B911346610089F60000208062")])
def test_what_cannot_be_decoded_is_kept_and_flagged(store: Store, pdu: bytes) -> None:
    with store.write() as tx:
        see(tx)
        assert get(tx, pdu, memory="SM", index=1).kind == "undecodable"
        assert get(tx, pdu, memory="SM", index=1).kind == "duplicate"
        row = tx.one("SELECT kind, what, pdu FROM received")
        assert row is not None
        assert (row["kind"], row["pdu"]) == ("undecodable", pdu.hex().upper())
        assert row["what"]
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'inbound.undecodable'") == 1
        assert _inbound(tx) == []


def test_a_line_that_is_not_even_hex_is_kept_as_it_was(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        line = "0791\x00\ud800zz"
        assert receive(tx, Received(b"", line, SIM, None, NOW), INBOUND, NOW).kind == "undecodable"
        assert tx.value("SELECT pdu FROM received").startswith("0791")


def test_a_text_with_half_a_character_is_kept(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        get(tx, deliver_pdu("a\ud83d\0b"))
        assert _inbound(tx)[0]["text"] == "a\ufffd\ufffdb"


@pytest.mark.parametrize("text", ["STOP", "stop", " Stop. ", "退订", "СТОП", "ＳＴＯＰ"])
def test_an_exact_opt_out_suppresses_and_cancels_in_the_same_transaction(store: Store, text: str) -> None:
    with store.write() as tx:
        see(tx)
        left = add(tx)
        send(tx)
        claimed = add(tx, text=LONG)
        take(tx)
        waiting, other = add(tx, send_at=after(9999)), add(tx, to="+8613900139000")
        got = get(tx, deliver_pdu(text), at=after(60))
        assert got.opted_out == TO
        assert states(tx, left) == ["sent"]
        assert states(tx, claimed) == ["canceled"] * 3
        assert (states(tx, waiting), states(tx, other)) == (["canceled"], ["waiting"])
        assert message(tx, waiting)["reason"] == "opted_out"
        assert counted(tx) == {SIM: 1}
        row = tx.one("SELECT source, keyword, inbound_id FROM suppressions")
        assert row is not None
        assert (row["source"], row["inbound_id"]) == ("reply", got.inbound_id)


def test_what_was_submitting_when_the_opt_out_came_is_left_to_its_result(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        submit(tx)
        get(tx, deliver_pdu("STOP"))
        assert states(tx, number) == ["submitting"]


@pytest.mark.parametrize("text", ["please stop calling me at night", "hello", "the bus stop"])
def test_a_word_inside_a_sentence_suppresses_nobody(store: Store, text: str) -> None:
    with store.write() as tx:
        see(tx)
        assert get(tx, deliver_pdu(text)).opted_out is None
        assert not suppress.is_suppressed(tx, TO)
        assert _inbound(tx)[0]["verdict"] != "exact"


@pytest.mark.parametrize("by", ["10086", "Alibaba", "106575", "12306"])
def test_a_service_sender_never_opts_anyone_out(store: Store, by: str) -> None:
    with store.write() as tx:
        see(tx)
        assert get(tx, deliver_pdu("STOP", by=by)).opted_out is None
        assert _inbound(tx)[0]["kind"] == "service"
        assert tx.value("SELECT count(*) FROM suppressions") == 0


def test_what_the_asked_operator_writes_is_a_services_however_long_its_number(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        pdu = deliver_pdu("STOP", by="+8613912345678")
        asked = replace(INBOUND, services=("13912345678",))
        assert receive(tx, Received(pdu, "", SIM, None, NOW), asked, NOW).opted_out is None
        assert _inbound(tx)[0]["kind"] == "service"


def test_a_national_originator_is_the_person_that_we_wrote_to(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        assert get(tx, deliver_pdu("STOP", by="13800138000")).opted_out == TO


def test_without_a_country_it_is_known_by_its_last_nine_digits(store: Store) -> None:
    nowhere = replace(INBOUND, country=None)
    with store.write() as tx:
        see(tx)
        add(tx)
        send(tx)
        for by, who in (("13800138000", TO), ("13800138111", "13800138111"), ("10086", None), ("1065512345", None)):
            pdu = deliver_pdu("STOP", by=by)
            assert receive(tx, Received(pdu, "", SIM, None, NOW), nowhere, NOW).opted_out == who
        assert suppress.is_suppressed(tx, "+8613800138111")  # whatever its country is
        assert not suppress.is_suppressed(tx, "+8613800138112")


def test_without_a_country_a_sender_is_at_home_where_the_sim_is(store: Store) -> None:
    nowhere = replace(INBOUND, country=None)
    with store.write() as tx:
        see(tx, imsi="460001234567890")
        pdu = deliver_pdu("TD", by="13800138222")
        assert receive(tx, Received(pdu, "", SIM, None, NOW), nowhere, NOW).opted_out == "+8613800138222"


def test_an_opt_out_in_national_spelling_cancels_what_waits_for_the_line(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, to="+8613800138333")
        pdu = deliver_pdu("TD", by="13800138333")
        receive(tx, Received(pdu, "", SIM, None, NOW), replace(INBOUND, country=None), NOW)
        assert states(tx, number) == ["canceled"]


def test_an_opt_out_from_what_lay_on_the_sim_counts_and_is_marked_old(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        get(tx, deliver_pdu("TD", at=after(-9 * 86_400)), first_sweep=True, memory="SM", index=1)
        get(tx, deliver_pdu("STOP", by="+8613900139000"), memory="SM", index=2)
        assert [row["old"] for row in _inbound(tx)] == [1, 0]
        assert suppress.is_suppressed(tx, "+8613900139000")


def test_what_came_while_a_known_sim_was_unplugged_is_not_old(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        get(tx, deliver_pdu("before us"), first_sweep=True, memory="SM", index=1)
        sims.swept(tx, SIM, NOW)
        see(tx)
        get(tx, deliver_pdu("while unplugged", at=after(60)), first_sweep=True, memory="SM", index=2, at=after(90))
        get(tx, deliver_pdu("of an earlier card"), iccid=None, first_sweep=True, memory="ME", index=1)
        assert [(row["old"], row["iccid"]) for row in _inbound(tx)] == [(1, SIM), (0, SIM), (1, None)]


def test_an_answer_is_threaded_to_the_last_message_and_the_contact_sticks(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        see(tx, OTHER)
        number = add(tx)
        send(tx)
        get(tx, deliver_pdu("thanks"), iccid=OTHER, at=after(60))
        assert _inbound(tx)[0]["in_reply_to"] == number
        assert tx.value("SELECT iccid FROM people WHERE number = :n", n=TO) == OTHER


def test_an_opt_out_lifted_and_given_again_stands_again(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        get(tx, deliver_pdu("STOP"))
        assert suppress.remove(tx, TO, after(1))
        assert not suppress.remove(tx, TO, after(2))
        assert not suppress.is_suppressed(tx, TO)
        get(tx, deliver_pdu("STOP", at=after(3)), at=after(3))
        assert [row["number"] for row in suppress.listed(tx)] == [TO]


def test_a_status_report_and_a_draft_are_no_messages(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        draft = bytes.fromhex("0001000B813108108300F0000005E8329BFD06")
        assert get(tx, draft, memory="SM", index=1).kind == "undecodable"
        assert _inbound(tx) == []


def test_a_message_that_stays_in_its_slot_is_never_a_new_one(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        pdu, odd = deliver_pdu("hello"), deliver_pdu("ok", at=BROKEN_CLOCK)
        for index, text in ((3, pdu), (4, odd)):
            assert get(tx, text, memory="SM", index=index).kind == "deliver"
        inbox.emptied_but(tx, SIM, "SM", [3, 4])
        inbox.emptied_but(tx, SIM, "ME", [])
        for index, text in ((3, pdu), (4, odd)):
            assert get(tx, text, memory="SM", index=index, at=after(90 * 86_400)).kind == "duplicate"
        inbox.emptied_but(tx, SIM, "SM", [3])
        assert get(tx, pdu, memory="SM", index=3, at=after(91 * 86_400)).kind == "duplicate"
        assert get(tx, odd, memory="SM", index=4, at=after(91 * 86_400)).kind == "deliver"
