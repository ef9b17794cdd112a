"""SMS-STATUS-REPORT: the fate of one SMS-SUBMIT, read so that nothing behind TP-ST can lose it (TS 23.040 §9.2.2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from modemfarm.errors import PduDecodeError
from modemfarm.gsm.address import Address, address_of, decode_address, encode_address
from modemfarm.gsm.dcs import decode_dcs
from modemfarm.gsm.reader import Reader
from modemfarm.gsm.timestamp import decode_timestamp, encode_timestamp
from modemfarm.gsm.userdata import UserData, decode_user_data

STATUS_REPORT = 2  # TP-MTI towards a phone, §9.2.3.1


@dataclass(frozen=True, slots=True)
class SmsStatusReport:
    """SMS-STATUS-REPORT, the fate of one SMS-SUBMIT (§9.2.2.3).

    Attributes:
        mr: TP-MR of that SMS-SUBMIT.
        recipient: TP-RA.
        scts, discharge_time: None when zero or no time at all; the report counts all the same.
        status: TP-ST (§9.2.3.15): below 32 done, 32–63 still trying, from 64 on given up.
        command_result: TP-SRQ, it answers an SMS-COMMAND.
        recipient_type: type octet of TP-RA; -1 derives it from `recipient`.
        tail: whatever followed TP-ST, as it was.
        pid, dcs, user_data: what the tail says; None where it says nothing or is broken.
    """

    mr: int
    recipient: str
    scts: datetime | None
    discharge_time: datetime | None
    status: int
    more_to_send: bool = False
    loop_prevention: bool = False
    command_result: bool = False
    has_header: bool = False
    recipient_type: int = -1
    tail: bytes = b""
    pid: int | None = None
    dcs: int | None = None
    user_data: UserData | None = None

    def __post_init__(self) -> None:
        if self.recipient_type < 0:
            object.__setattr__(self, "recipient_type", address_of(self.recipient).type_octet)

    def encode(self) -> bytes:
        """The TPDU, `tail` included.

        Raises:
            ValueError: a field that its octets cannot carry.
        """
        first = (
            STATUS_REPORT
            | (0 if self.more_to_send else 0x04)
            | (0x08 if self.loop_prevention else 0)
            | (0x20 if self.command_result else 0)
            | (0x40 if self.has_header else 0)
        )
        return b"".join(
            (
                bytes((first, self.mr)),
                encode_address(Address(self.recipient, self.recipient_type)),
                encode_timestamp(self.scts),
                encode_timestamp(self.discharge_time),
                bytes((self.status,)),
                self.tail,
            )
        )


def decode_status_report(reader: Reader, first: int) -> SmsStatusReport:
    """Read what follows the first octet."""
    mr = reader.octet("TP-MR")
    recipient = decode_address(reader, "TP-RA")
    scts = _time_if_any(reader, "TP-SCTS")
    discharge_time = _time_if_any(reader, "TP-DT")
    status = reader.octet("TP-ST")
    has_header = bool(first & 0x40)
    tail = reader.rest()
    pid, dcs, user_data = _read_tail(tail, has_header=has_header)
    return SmsStatusReport(
        mr,
        recipient.text,
        scts,
        discharge_time,
        status,
        more_to_send=not first & 0x04,
        loop_prevention=bool(first & 0x08),
        command_result=bool(first & 0x20),
        has_header=has_header,
        recipient_type=recipient.type_octet,
        tail=tail,
        pid=pid,
        dcs=dcs,
        user_data=user_data,
    )


def _time_if_any(reader: Reader, field: str) -> datetime | None:
    octets = reader.take(field, 7)
    try:
        return decode_timestamp(octets, field, 0)
    except PduDecodeError:
        return None  # networks write zeros or nonsense here, and the status still tells the fate


def _read_tail(tail: bytes, *, has_header: bool) -> tuple[int | None, int | None, UserData | None]:
    """What TP-PI announces (§9.2.3.27); nothing at all when the tail is broken anywhere."""
    if not tail:
        return None, None, None
    reader = Reader(tail)
    try:
        announced = octet = reader.octet("TP-PI")
        while octet & 0x80:
            octet = reader.octet("TP-PI")
        pid = reader.octet("TP-PID") if announced & 0x01 else None
        dcs = reader.octet("TP-DCS") if announced & 0x02 else None
        if not announced & 0x04:
            return pid, dcs, None
        return pid, dcs, decode_user_data(reader, decode_dcs(dcs or 0), has_header=has_header)
    except PduDecodeError:
        return None, None, None
