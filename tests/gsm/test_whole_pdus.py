"""Whole PDUs: any octets are one or the one error, and what is written reads back."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modemfarm.errors import PduDecodeError
from modemfarm.gsm.splitting import split
from modemfarm.gsm.tpdu import (
    SmsStatusReport,
    SmsSubmit,
    decode_pdu,
    encode_pdu,
    encode_submit,
)
from modemfarm.gsm.userdata import one_part
from modemfarm.gsm.validity import AbsoluteValidity, RelativeValidity
from tests.gsm.pdus import DELIVER, NUMBERS, REPORT, TIMES, deliver

# --- whole PDUs


def test_octets_behind_the_end_are_told_apart() -> None:
    found = decode_pdu(bytes.fromhex("00040C9194711032547600006230921003518004E2347D0EFFFF"))
    assert found.surplus == b"\xff\xff"
    assert decode_pdu(bytes.fromhex("00040C9194711032547600006230921003518004E2347D0E")).surplus == b""


def test_reserved_type_is_read_as_a_delivery() -> None:
    assert deliver("00070C9194711032547600006230921003518004E2347D0E").text == "bits"


def test_service_centre_takes_nothing_but_submits() -> None:
    with pytest.raises(PduDecodeError) as caught:
        decode_pdu(bytes.fromhex("00040C9194711032547600006230921003518004E2347D0E"), submit=True)
    assert (caught.value.field, caught.value.octet) == ("TP-MTI", 1)
    octets, _ = encode_submit("10086", one_part("YE"), report=True, validity_s=3600, flash=True)
    found = decode_pdu(octets, submit=True).tpdu
    assert isinstance(found, SmsSubmit)
    assert (found.recipient, found.recipient_type, found.text) == ("10086", 0x81, "YE")
    assert (found.report, found.validity, found.message_class) == (True, RelativeValidity(11), 0)


def test_an_error_names_field_and_octet() -> None:
    with pytest.raises(PduDecodeError) as caught:
        decode_pdu(bytes.fromhex("0D91"))
    assert str(caught.value) == "SMSC address at octet 0: 13 octets, at most 11 are allowed"


def check_place(error: PduDecodeError, octets: bytes) -> None:
    assert error.field
    assert 0 <= error.octet <= len(octets)


def one_field_error_or_value(octets: bytes) -> None:
    for has_smsc in (True, False):
        try:
            found = decode_pdu(octets, has_smsc=has_smsc)
        except PduDecodeError as error:
            check_place(error, octets)
            continue
        tpdu = found.tpdu
        assert tpdu.encode()
        if not isinstance(tpdu, SmsStatusReport):
            tpdu.text.encode("utf-8")
            again = decode_pdu(tpdu.encode(), has_smsc=False)
            assert again.tpdu == tpdu
            assert again.surplus == b""


@given(octets=st.binary(max_size=200))
@example(octets=b"")
def test_any_octets_are_a_pdu_or_the_one_error(octets: bytes) -> None:
    one_field_error_or_value(octets)


@given(data=st.data(), base=st.sampled_from([DELIVER, REPORT, "0041000C9194711032547600000D0605040B8423F0E8329BFD06"]))
def test_any_damage_to_a_pdu_is_a_pdu_or_the_one_error(data: st.DataObject, base: str) -> None:
    octets = bytearray.fromhex(base)
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    one_field_error_or_value(bytes(octets))


@given(
    number=NUMBERS, text=st.text(max_size=400), ref=st.integers(0, 255), mr=st.integers(0, 255),
    asked=st.booleans(), flash=st.booleans(), validity_s=st.none() | st.integers(0, 10**8),
    smsc=st.none() | NUMBERS,
)  # fmt: skip
def test_what_is_submitted_reads_back(
    number: str, text: str, ref: int, mr: int, asked: bool, flash: bool, validity_s: int | None, smsc: str | None
) -> None:
    texts = []
    for part in split(text, ref):
        octets, length = encode_submit(number, part, report=asked, validity_s=validity_s, flash=flash, mr=mr, smsc=smsc)
        found = decode_pdu(octets, submit=True)
        assert (found.smsc, found.surplus, len(octets) - length) == (smsc, b"", octets[0] + 1)
        tpdu = found.tpdu
        assert isinstance(tpdu, SmsSubmit)
        assert tpdu.user_data == part
        assert (tpdu.recipient, tpdu.mr, tpdu.report) == (number, mr, asked)
        assert tpdu.message_class == (0 if flash else None)
        assert (tpdu.validity is None) == (validity_s is None)
        texts.append(tpdu.text)
    assert "".join(texts) == text


@given(
    report_of=st.builds(
        SmsStatusReport,
        mr=st.integers(0, 255),
        recipient=NUMBERS,
        scts=TIMES,
        discharge_time=TIMES,
        status=st.integers(0, 255),
        more_to_send=st.booleans(),
        command_result=st.booleans(),
    )
)
def test_report_reads_back(report_of: SmsStatusReport) -> None:
    octets, length = encode_pdu(report_of, "+491760000443")
    found = decode_pdu(octets)
    assert found.tpdu == report_of
    assert (found.smsc, length) == ("+491760000443", len(octets) - 8)


@given(moment=TIMES)
def test_absolute_validity_reads_back(moment: datetime) -> None:
    made = SmsSubmit("1", one_part("x"), validity=AbsoluteValidity(moment))
    assert decode_pdu(made.encode(), has_smsc=False).tpdu == made
