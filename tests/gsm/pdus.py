"""PDUs, and what hypothesis draws for their fields."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from modemfarm.gsm.tpdu import (
    SmsDeliver,
    SmsStatusReport,
    decode_pdu,
)

SENT = datetime(2026, 3, 29, 1, 30, 15, tzinfo=timezone(timedelta(hours=2)))
DELIVER = "00040C919471103254760000623092100351800AE8329BFD4697D9EC37"
REPORT = "00062A0C91947110325476623092100351806230921013748000"
NUMBERS = st.from_regex(r"\A\+?[0-9]{1,20}\Z")
OFFSETS = st.integers(-79, 79).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))
TIMES = st.datetimes(datetime(1990, 1, 3), datetime(2089, 12, 29), timezones=OFFSETS).map(
    lambda moment: moment.replace(microsecond=0)
)


def deliver(pdu: str) -> SmsDeliver:
    found = decode_pdu(bytes.fromhex(pdu)).tpdu
    assert isinstance(found, SmsDeliver)
    return found


def report(pdu: str) -> SmsStatusReport:
    found = decode_pdu(bytes.fromhex(pdu)).tpdu
    assert isinstance(found, SmsStatusReport)
    return found
