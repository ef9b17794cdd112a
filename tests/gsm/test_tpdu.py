"""TPDUs beyond the vectors: every group of TP-DCS, odd addresses, odd times, odd headers, broken octets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemfarm.errors import PduDecodeError
from modemfarm.gsm.dcs import Waiting, decode_dcs, encode_dcs
from modemfarm.gsm.header import ConcatRef, Header, Ports
from modemfarm.gsm.timestamp import encode_timestamp
from modemfarm.gsm.tpdu import (
    SmsDeliver,
    SmsSubmit,
    decode_pdu,
    encode_submit,
)
from modemfarm.gsm.userdata import build8, one_part
from modemfarm.gsm.validity import EnhancedValidity, RelativeValidity, relative_validity
from modemfarm.model import Encoding
from tests.gsm.pdus import REPORT, SENT, TIMES, deliver, report

# --- TP-DCS


@pytest.mark.parametrize(
    ("octets", "encoding"),
    [
        pytest.param([0x00, 0x0C, 0x10, 0x1F, 0x40, 0x5C], Encoding.GSM7, id="general-7-bit"),
        pytest.param([0x04, 0x14, 0x17, 0x44], Encoding.DATA, id="general-8-bit"),
        pytest.param([0x08, 0x18, 0x1B, 0x48, 0x58], Encoding.UCS2, id="general-16-bit"),
        pytest.param([0x80, 0x8F, 0x94, 0xA8, 0xBF], Encoding.GSM7, id="reserved-groups"),
        pytest.param([0xC0, 0xC8, 0xD0, 0xDB], Encoding.GSM7, id="waiting-7-bit"),
        pytest.param([0xE0, 0xE8, 0xEF], Encoding.UCS2, id="waiting-16-bit"),
        pytest.param([0xF0, 0xF3, 0xF8], Encoding.GSM7, id="class-group-7-bit"),
        pytest.param([0xF4, 0xF7], Encoding.DATA, id="class-group-8-bit"),
    ],
)
def test_group_names_the_alphabet(octets: list[int], encoding: Encoding) -> None:
    assert {decode_dcs(octet).encoding for octet in octets} == {encoding}


def test_class_deletion_waiting_and_compression_are_read() -> None:
    assert [decode_dcs(octet).message_class for octet in (0x00, 0x03, 0x10, 0x13, 0x52, 0xF2, 0xC3)] == [
        None, None, 0, 3, 2, 2, None,
    ]  # fmt: skip
    assert decode_dcs(0x40).auto_delete
    assert decode_dcs(0x20).compressed
    assert decode_dcs(0xC8).waiting == Waiting(kind=0, active=True, keep=False)
    assert decode_dcs(0xD2).waiting == Waiting(kind=2, active=False, keep=True)


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("message_class", [None, 0, 1, 2, 3])
def test_written_scheme_reads_back(encoding: Encoding, message_class: int | None) -> None:
    coding = decode_dcs(encode_dcs(encoding, message_class))
    assert (coding.encoding, coding.message_class) == (encoding, message_class)


@given(octet=st.integers(0, 255))
def test_every_scheme_reads_a_message(octet: int) -> None:
    octets = bytearray(bytes.fromhex("00040C9194711032547600006230921003518004E2347D0E"))
    octets[11] = octet
    found = decode_pdu(bytes(octets)).tpdu
    assert isinstance(found, SmsDeliver)
    assert found.dcs == octet
    assert found.encode() == bytes(octets[1:])


def test_compressed_text_is_kept_as_octets() -> None:
    found = deliver("00040C919471103254760020623092100351800401020304")
    assert (found.text, found.data) == ("", b"\x01\x02\x03\x04")


# --- addresses


@pytest.mark.parametrize(
    ("address", "number"),
    [
        pytest.param("0481214F", None, id="filler-between-digits"),
        pytest.param("03812143", "123", id="odd-without-filler"),
        pytest.param("048121F3", "123", id="filler-counted-in"),
        pytest.param("0081", "", id="empty"),
        pytest.param("0091", "", id="empty-international"),
        pytest.param("06A1214365", "123456", id="national-keeps-no-plus"),
        pytest.param("06B1214365", "123456", id="network-specific"),
        pytest.param("04818F21", None, id="filler-first"),
        pytest.param("0581BADCFE", "*#abc", id="stars-and-letters"),
    ],
)
def test_address_reads_as_a_phone_would_show_it(address: str, number: str | None) -> None:
    pdu = "0004" + address + "00006230921003518005E8329BFD06"
    if number is None:
        with pytest.raises(PduDecodeError) as caught:
            decode_pdu(bytes.fromhex(pdu))
        assert caught.value.field == "TP-OA"
        return
    assert deliver(pdu).originator == number


def test_stars_and_letters_of_an_address_are_written_back() -> None:
    pdu = "00040581BADCFE00006230921003518005E8329BFD06"
    assert deliver(pdu).encode().hex().upper() == pdu[2:]


@pytest.mark.parametrize("name", ["A", "AB", "ABC", "MyBank", "Amazon1", "12345678", "ABCDEFGHIJK", "Ü[x]", "A B"])
def test_name_of_a_sender_survives(name: str) -> None:
    made = SmsDeliver(name, one_part("x"), SENT, originator_type=0xD0)
    found = decode_pdu(made.encode(), has_smsc=False).tpdu
    assert isinstance(found, SmsDeliver)
    assert found.originator == name
    assert found.originator_is_name


@pytest.mark.parametrize("number", ["", "+", "12a", "ABC", "+49 170", "1" * 21, "+" + "1" * 21])
def test_recipient_that_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(ValueError):
        encode_submit(number, one_part("x"), report=False, validity_s=None, flash=False)


@pytest.mark.parametrize("smsc", ["abc", "+", "1" * 21])
def test_service_centre_that_is_no_number_is_refused(smsc: str) -> None:
    with pytest.raises(ValueError):
        encode_submit("123", one_part("x"), report=False, validity_s=None, flash=False, smsc=smsc)


# --- times


@given(moment=TIMES)
def test_time_survives_with_its_zone(moment: datetime) -> None:
    found = decode_pdu(SmsDeliver("+1", one_part("x"), moment).encode(), has_smsc=False).tpdu
    assert isinstance(found, SmsDeliver)
    assert found.scts == moment
    assert found.scts is not None
    assert found.scts.utcoffset() == moment.utcoffset()


def test_years_turn_at_the_pivot() -> None:
    for digits, year in (("00", 2000), ("98", 2089), ("09", 1990), ("99", 1999)):
        found = deliver(f"00040C919471103254760000{digits}10101000000002743D")
        assert found.scts is not None
        assert found.scts.year == year


def test_zone_between_two_quarters_moves_to_the_nearer_one() -> None:
    odd = datetime(2026, 1, 1, 12, 0, tzinfo=timezone(timedelta(minutes=5 * 60 + 40)))
    assert encode_timestamp(odd) == encode_timestamp(odd.astimezone(timezone(timedelta(hours=5, minutes=45))))


@pytest.mark.parametrize(
    "moment", [datetime(2026, 1, 1), datetime(1989, 12, 31, tzinfo=UTC), datetime(2090, 1, 2, tzinfo=UTC)]
)
def test_time_that_seven_octets_cannot_tell_is_an_error(moment: datetime) -> None:
    with pytest.raises(ValueError):
        encode_timestamp(moment)


def test_message_without_a_time_is_still_a_message() -> None:
    found = deliver("00040C919471103254760000" + "00" * 7 + "02743D")
    assert (found.scts, found.text) == (None, "tz")


@pytest.mark.parametrize(
    ("stamp", "octet", "what"),
    [
        pytest.param("62319210035180", 13, "month", id="month-13"),
        pytest.param("62009210035180", 13, "month", id="month-0"),
        pytest.param("62200310035180", 14, "day", id="february-30"),
        pytest.param("62309242035180", 15, "hour", id="hour-24"),
        pytest.param("62309210065180", 16, "minute", id="minute-60"),
        pytest.param("62309210030680", 17, "second", id="second-60"),
        pytest.param("6A309210035180", 12, "digits", id="not-digits"),
        pytest.param("623092100351A0", 18, "zone", id="zone-not-digits"),
    ],
)
def test_time_that_cannot_be_names_its_octet(stamp: str, octet: int, what: str) -> None:
    with pytest.raises(PduDecodeError) as caught:
        decode_pdu(bytes.fromhex("00040C919471103254760000" + stamp + "02743D"))
    assert (caught.value.field, caught.value.octet) == ("TP-SCTS", octet)
    assert what in str(caught.value)


# --- validity


@pytest.mark.parametrize(
    ("seconds", "octet"),
    [
        (0, 0), (299, 0), (300, 0), (599, 0), (600, 1), (43200, 143), (44999, 143), (45000, 144), (86400, 167),
        (172799, 167), (172800, 168), (48 * 3600, 168), (30 * 86400, 196), (34 * 86400, 196), (5 * 604800, 197),
        (63 * 604800, 255), (10**9, 255),
    ],
)  # fmt: skip
def test_relative_period_is_rounded_down_to_a_step(seconds: int, octet: int) -> None:
    assert relative_validity(seconds).octet == octet


@given(octet=st.integers(0, 255))
def test_each_step_of_the_relative_period_is_its_own(octet: int) -> None:
    assert relative_validity(RelativeValidity(octet).seconds).octet == octet


@pytest.mark.parametrize(
    ("octets", "seconds", "single_shot"),
    [
        pytest.param("00000000000000", None, False, id="none"),
        pytest.param("010B0000000000", 3600, False, id="relative"),
        pytest.param("421E0000000000", 30, True, id="seconds-once"),
        pytest.param("03214355000000", 12 * 3600 + 34 * 60 + 55, False, id="hours-minutes-seconds"),
        pytest.param("82010A00000000", 10, False, id="extended-indicator"),
        pytest.param("07000000000000", None, False, id="reserved"),
    ],
)
def test_enhanced_period_is_kept_and_read(octets: str, seconds: int | None, single_shot: bool) -> None:
    validity = EnhancedValidity(bytes.fromhex(octets))
    assert (validity.seconds, validity.single_shot) == (seconds, single_shot)
    made = SmsSubmit("+491701234567", one_part("vp"), validity=validity)
    assert made.encode()[0] == 0x09
    assert decode_pdu(made.encode(), has_smsc=False).tpdu == made


# --- headers


@pytest.mark.parametrize(
    ("header", "concat"),
    [
        pytest.param("050003420201", ConcatRef(66, 2, 1), id="8-bit"),
        pytest.param("06080412340201", ConcatRef(0x1234, 2, 1, 16), id="16-bit"),
        pytest.param("0A7003010203" + "0003420201", ConcatRef(66, 2, 1), id="behind-an-unknown-element"),
        pytest.param("050003420203", None, id="part-3-of-2"),
        pytest.param("050003420200", None, id="part-0"),
        pytest.param("050003420001", None, id="part-1-of-0"),
        pytest.param("0400024202", None, id="known-kind-of-another-length"),
        pytest.param("0A0003010201" + "0003420202", ConcatRef(66, 2, 2), id="the-last-of-two-counts"),
        pytest.param("0A0003420202" + "0003010203", ConcatRef(66, 2, 2), id="an-impossible-one-does-not-count"),
        pytest.param("00", None, id="empty-header"),
    ],
)
def test_concatenation_is_found_among_the_elements(header: str, concat: ConcatRef | None) -> None:
    octets = bytes.fromhex(header) + b"\x04\x36"
    pdu = f"00440C91947110325476000862309210035180{len(octets):02X}{octets.hex()}"
    found = deliver(pdu)
    assert (found.text, found.concat) == ("ж", concat)


@pytest.mark.parametrize(
    ("user_data", "field"),
    [
        pytest.param("00", "TP-UDHL", id="no-room-for-the-length"),
        pytest.param("0205", "TP-UD", id="user-data-too-short"),
        pytest.param("020500", "TP-UDHL", id="header-over-the-end"),
        pytest.param("0403000361", "TP-UDH", id="element-over-the-header"),
        pytest.param("03020003", "TP-UDH", id="element-without-its-data"),
        pytest.param("020100", "TP-UDH", id="element-without-its-length"),
        pytest.param("8D" + "00" * 141, "TP-UDL", id="more-than-140-octets"),
    ],
)
def test_header_that_runs_over_is_refused(user_data: str, field: str) -> None:
    with pytest.raises(PduDecodeError) as caught:
        decode_pdu(bytes.fromhex("00440C91947110325476000462309210035180" + user_data))
    assert caught.value.field == field


def test_septets_of_a_header_may_not_exceed_the_length() -> None:
    with pytest.raises(PduDecodeError) as caught:
        decode_pdu(bytes.fromhex("00440C9194711032547600006230921003518006050003420201"))
    assert caught.value.field == "TP-UDHL"


def test_161_septets_are_refused() -> None:
    with pytest.raises(PduDecodeError) as caught:
        decode_pdu(bytes.fromhex("00040C91947110325476000062309210035180A1" + "00" * 141))
    assert (caught.value.field, caught.value.octet) == ("TP-UDL", 19)


@pytest.mark.parametrize("width", [8, 16])
def test_ports_and_data_survive(width: int) -> None:
    part = build8(b"\x00\xff", Header(concat=ConcatRef(9, 2, 1), ports=Ports(200, 240, width)))
    made = SmsSubmit("+491701234567", part, mr=1)
    found = decode_pdu(made.encode(), has_smsc=False).tpdu
    assert found == made
    assert isinstance(found, SmsSubmit)
    assert (found.ports, found.data, found.dcs) == (Ports(200, 240, width), b"\x00\xff", 4)


@pytest.mark.parametrize("language", [0, 14, 200])
def test_unknown_national_table_means_the_default(language: int) -> None:
    found = deliver(f"00440C9194711032547600006230921003518008032501{language:02X}088BC7")
    assert (found.user_data.locking, found.text) == (0, "abc")


# --- UCS-2


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        pytest.param("D83D", "\ufffd", id="lone-high"),
        pytest.param("DE000061", "\ufffda", id="lone-low"),
        pytest.param("006100", "a\ufffd", id="odd-octet"),
        pytest.param("D83DDE00", "😀", id="pair"),
        pytest.param("FEFF0061", "\ufeffa", id="byte-order-mark-is-a-character"),
    ],
)
def test_broken_utf16_is_still_a_text(octets: str, text: str) -> None:
    found = deliver(f"00040C91947110325476000862309210035180{len(octets) // 2:02X}{octets}")
    assert found.text == text
    found.text.encode("utf-8")
    assert found.encode().hex().upper().endswith(octets)


# --- status reports


@pytest.mark.parametrize(
    "tail",
    ["00", "01", "07", "0700", "070000", "0700000A41", "80", "8080", "8100", "FF" * 30, "0704" + "FF" * 3, "0405"],
)
def test_bad_tail_never_loses_the_report(tail: str) -> None:
    found = report(REPORT + tail)
    assert (found.mr, found.status, found.recipient) == (42, 0, "+491701234567")
    assert found.tail.hex().upper() == tail
    assert found.encode().hex().upper() == REPORT[2:] + tail


def test_good_tail_is_read() -> None:
    found = report(REPORT + "07400002EF35")
    assert (found.pid, found.dcs) == (0x40, 0)
    assert found.user_data is not None
    assert found.user_data.text == "ok"
    found = report(REPORT + "8002")  # a second indicator octet, kept for future use
    assert (found.pid, found.dcs, found.user_data) == (None, None, None)


def test_report_with_useless_times_is_still_a_report() -> None:
    zero = report("00062A0C91947110325476" + "00" * 7 + "F" * 14 + "46")
    assert (zero.scts, zero.discharge_time, zero.status, zero.mr) == (None, None, 0x46, 42)


def test_report_that_ends_before_its_status_is_refused() -> None:
    with pytest.raises(PduDecodeError) as caught:
        decode_pdu(bytes.fromhex(REPORT)[:-1])
    assert caught.value.field == "TP-ST"
