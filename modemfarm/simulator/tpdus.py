"""What the network sends towards a SIM: SMS-DELIVER and SMS-STATUS-REPORT, written octet by octet (TS 23.040)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from modemfarm.gsm.alphabet import encode7, pack

ZONE = timezone(timedelta(hours=8))
_FIGURES = frozenset("0123456789*#abc")


@dataclass(frozen=True, slots=True)
class Body:
    """TP-PID, TP-DCS, TP-UDL and TP-UD of one part, as they travel unchanged from sender to recipient."""

    pid: int
    dcs: int
    length: int
    octets: bytes
    has_header: bool


def semi_octets(digits: str) -> bytes:
    """Digits in swapped nibbles, F as the filler of an odd count."""
    padded = digits + "f" if len(digits) % 2 else digits
    return bytes.fromhex("".join(padded[i + 1] + padded[i] for i in range(0, len(padded), 2)))


def address(number: str) -> bytes:
    """TP-OA (§9.1.2.5): international with "+", figures as unknown type, anything else alphanumeric."""
    digits = number.removeprefix("+")
    if digits and set(digits) <= _FIGURES:
        return bytes([len(digits), 0x91 if number.startswith("+") else 0x81]) + semi_octets(digits)
    septets = encode7(number[:11]) or encode7("?") or b""
    packed = pack(septets[:11])
    return bytes([(len(septets[:11]) * 7 + 3) // 4, 0xD0]) + packed


def smsc_address(number: str) -> bytes:
    """The RP address in front of a PDU: octets, type, digits (TS 27.005 §4.3)."""
    if not number:
        return b"\x00"
    digits = semi_octets(number.removeprefix("+"))
    return bytes([len(digits) + 1, 0x91 if number.startswith("+") else 0x81]) + digits


def timestamp(at: float) -> bytes:
    """TP-SCTS (§9.2.3.11) in the network's own zone, sign in bit 3 of the first zone nibble."""
    local = datetime.fromtimestamp(at, UTC).astimezone(ZONE)
    offset = ZONE.utcoffset(None)
    quarters = int(offset.total_seconds()) // 900
    zone = semi_octets(f"{abs(quarters):02d}")[0] | (0x08 if quarters < 0 else 0)
    return semi_octets(local.strftime("%y%m%d%H%M%S")) + bytes([zone])


def deliver_tpdu(originator: str, body: Body, at: float) -> bytes:
    """SMS-DELIVER (§9.2.2.1), no more messages waiting."""
    first = 0x04 | (0x40 if body.has_header else 0)
    return (
        bytes([first])
        + address(originator)
        + bytes([body.pid, body.dcs])
        + timestamp(at)
        + bytes([body.length])
        + body.octets
    )


def report_tpdu(mr: int, recipient: bytes, accepted_at: float, discharged_at: float, status: int) -> bytes:
    """SMS-STATUS-REPORT (§9.2.2.3), no optional fields; `recipient` is TP-RA as octets."""
    return b"\x06" + bytes([mr]) + recipient + timestamp(accepted_at) + timestamp(discharged_at) + bytes([status])
