"""The service centre's own reading of an SMS-SUBMIT: stricter than any decoder has to be.

It shares no structure with the codec that the product sends with, only its alphabet tables, so that the two cannot
agree on a mistake. Clauses are those of TS 23.040.
"""

from __future__ import annotations

from dataclasses import dataclass

from modemfarm.gsm.alphabet import decode7
from modemfarm.simulator.tpdus import Body

_DIGITS = "0123456789*#abc"


class BadTpduError(Exception):
    """A TPDU that a strict service centre does not take; never leaves the simulator."""


@dataclass(frozen=True, slots=True)
class Concat:
    """One element 00 or 08 (§9.2.3.24.1, §9.2.3.24.8)."""

    ref: int
    total: int
    number: int


@dataclass(frozen=True, slots=True)
class Submission:
    """What the network made of one SMS-SUBMIT.

    Attributes:
        recipient: "+" in front when the type of number is international.
        text: of this part; hex for 8-bit data.
        destination: TP-DA as octets, for the status report.
        smsc: "" when the PDU leaves it to the SIM.
    """

    recipient: str
    text: str
    concat: Concat | None
    wants_report: bool
    mr: int
    body: Body
    destination: bytes
    smsc: str


class _Octets:
    """Reads octets in order and refuses to read past the end."""

    def __init__(self, octets: bytes) -> None:
        self.octets, self.at = octets, 0

    def take(self, count: int, field: str) -> bytes:
        if self.at + count > len(self.octets):
            raise BadTpduError(f"{field} is cut at octet {len(self.octets)}")
        self.at += count
        return self.octets[self.at - count : self.at]

    def octet(self, field: str) -> int:
        return self.take(1, field)[0]


def inspect(pdu: bytes, announced: int) -> Submission:
    """Read one PDU as it came with Ctrl-Z.

    Args:
        pdu: SMSC address + TPDU.
        announced: the length given with +CMGS: octets of the TPDU (TS 27.005 §4.3).

    Raises:
        BadTpduError: anything that is not exactly as the standard wants it.
    """
    if not pdu:
        raise BadTpduError("no PDU")
    smsc_octets = pdu[0] + 1
    if smsc_octets > len(pdu):
        raise BadTpduError("the SMSC address is longer than the PDU")
    smsc = _smsc(pdu[1:smsc_octets])
    tpdu = pdu[smsc_octets:]
    if len(tpdu) != announced:
        raise BadTpduError(f"+CMGS announced {announced} octets, the TPDU has {len(tpdu)}")
    octets = _Octets(tpdu)
    first = octets.octet("TP-MTI")
    if first & 0x03 != 0x01:  # §9.2.3.1
        raise BadTpduError(f"TP-MTI {first & 3} is not SMS-SUBMIT")
    mr = octets.octet("TP-MR")
    recipient, destination = _address(octets)
    pid = octets.octet("TP-PID")
    if pid & 0xC0 == 0x80:  # §9.2.3.9
        raise BadTpduError(f"TP-PID {pid:02X} is reserved")
    dcs = octets.octet("TP-DCS")
    _validity(octets, first >> 3 & 0x03)
    length = octets.octet("TP-UDL")
    has_header = bool(first & 0x40)
    begin = octets.at
    text, concat = _user_data(octets, dcs, length, has_header=has_header)
    if octets.at != len(tpdu):
        raise BadTpduError(f"{len(tpdu) - octets.at} octets follow TP-UD")
    body = Body(pid, dcs, length, tpdu[begin:], has_header)
    return Submission(recipient, text, concat, bool(first & 0x20), mr, body, destination, smsc)


def _smsc(octets: bytes) -> str:
    """RP address (TS 24.011 §8.2.5.1): type of address, then swapped digits."""
    if not octets:
        return ""
    if not 2 <= len(octets) <= 11:
        raise BadTpduError("the SMSC address has an impossible length")
    digits = _swapped(octets[1:])
    if octets[0] & 0x80 == 0:
        raise BadTpduError("the SMSC's type of address lacks its top bit")
    number = digits.removesuffix("f")
    if any(char not in _DIGITS for char in number):
        raise BadTpduError("the SMSC address has an impossible digit")
    return ("+" if octets[0] & 0x70 == 0x10 else "") + number


def _address(octets: _Octets) -> tuple[str, bytes]:
    """TP-DA (§9.1.2.5): digits, type, swapped digits with F only as the filler of an odd count."""
    begin = octets.at
    count = octets.octet("TP-DA length")
    if not 1 <= count <= 20:
        raise BadTpduError(f"TP-DA announces {count} digits")
    kind = octets.octet("TP-DA type")
    ton, npi = kind >> 4 & 0x07, kind & 0x0F
    if kind & 0x80 == 0 or ton == 7:
        raise BadTpduError(f"type of address {kind:02X} is reserved")
    if ton == 5:
        raise BadTpduError("an alphanumeric address cannot be a recipient")
    if npi not in {0, 1, 3, 4, 5, 6, 8, 9, 10}:
        raise BadTpduError(f"numbering plan {npi} is reserved")
    digits = _swapped(octets.take((count + 1) // 2, "TP-DA"))
    if count % 2:
        if digits[-1] != "f":
            raise BadTpduError("an odd TP-DA must end with the filler F")
        digits = digits[:-1]
    if any(char not in _DIGITS for char in digits):
        raise BadTpduError("TP-DA has an impossible digit")
    return ("+" if ton == 1 else "") + digits, octets.octets[begin : octets.at]


def _swapped(octets: bytes) -> str:
    text = octets.hex()
    return "".join(text[i + 1] + text[i] for i in range(0, len(text), 2))


def _validity(octets: _Octets, form: int) -> None:
    """TP-VP (§9.2.3.12): relative one octet, absolute and enhanced seven."""
    if form == 3:
        stamp = _swapped(octets.take(7, "TP-VP"))
        fields = stamp[:12]
        if not fields.isdigit():
            raise BadTpduError("TP-VP has an impossible digit")
        month, day, hour, minute, second = (int(fields[i : i + 2]) for i in range(2, 12, 2))
        if not (1 <= month <= 12 and 1 <= day <= 31 and hour <= 23 and minute <= 59 and second <= 59):
            raise BadTpduError("TP-VP is no time")
    elif form == 2:
        octets.octet("TP-VP")
    elif form == 1:
        functionality = octets.take(7, "TP-VP")[0]
        if functionality & 0x07 > 3 or functionality & 0x38:
            raise BadTpduError("the enhanced TP-VP has reserved bits set")


def _alphabet(dcs: int) -> int:
    """0 for 7-bit, 1 for 8-bit, 2 for UCS-2 (TS 23.038 §4)."""
    group = dcs >> 4
    if group < 8:
        if dcs & 0x20:
            raise BadTpduError("compressed text is not supported")
        if dcs & 0x0C == 0x0C:
            raise BadTpduError(f"TP-DCS {dcs:02X} names a reserved alphabet")
        return dcs >> 2 & 0x03
    if group < 12:
        raise BadTpduError(f"TP-DCS {dcs:02X} is reserved")
    if group in {12, 13}:
        return 0
    if group == 14:
        return 2
    if dcs & 0x08:
        raise BadTpduError(f"TP-DCS {dcs:02X} has a reserved bit set")
    return dcs >> 2 & 0x01


def _user_data(octets: _Octets, dcs: int, length: int, *, has_header: bool) -> tuple[str, Concat | None]:
    """TP-UD (§9.2.3.24): header, fill bits, text; every octet accounted for."""
    alphabet = _alphabet(dcs)
    most = 160 if alphabet == 0 else 140
    if length > most:
        raise BadTpduError(f"TP-UDL {length} is more than {most}")
    data = octets.take((length * 7 + 7) // 8 if alphabet == 0 else length, "TP-UD")
    concat, locking, single, header_octets = None, 0, 0, 0
    if has_header:
        if not data or data[0] + 1 > len(data):
            raise BadTpduError("the user data header is longer than TP-UD")
        header_octets = data[0] + 1
        concat, locking, single = _header(data[1:header_octets])
    if alphabet == 0:
        begin = (header_octets * 8 + 6) // 7
        spare = len(data) * 8 - length * 7
        if spare and length and data[-1] >> (8 - spare):
            raise BadTpduError("the spare bits after the last septet are not zero")
        septets = _septets(data, begin, length)
        text = decode7(septets, locking, single)
        if septets[-1:] == b"\x1b":
            raise BadTpduError("TP-UD ends inside an escape pair")
        return text, concat
    body = data[header_octets:]
    if alphabet == 1:
        return body.hex().upper(), concat
    if len(body) % 2:
        raise BadTpduError("UCS-2 text has an odd number of octets")
    try:
        return body.decode("utf-16-be"), concat
    except UnicodeDecodeError as error:
        raise BadTpduError("UCS-2 text is cut inside a surrogate pair") from error


def _septets(data: bytes, begin: int, end: int) -> bytes:
    """Septets `begin` to `end` of packed octets, one an octet (TS 23.038 §6.1.2.1)."""
    bits = int.from_bytes(data, "little") >> (7 * begin)
    return bytes((bits >> (7 * i)) & 0x7F for i in range(end - begin))


def _header(header: bytes) -> tuple[Concat | None, int, int]:
    """Information elements (§9.2.3.24): all must fit exactly."""
    concat, locking, single, at = None, 0, 0, 0
    while at < len(header):
        if at + 2 > len(header) or at + 2 + header[at + 1] > len(header):
            raise BadTpduError("an information element is cut")
        kind, value = header[at], header[at + 2 : at + 2 + header[at + 1]]
        at += 2 + len(value)
        if kind in {0x00, 0x08}:
            wide = kind == 0x08
            if len(value) != 3 + wide:
                raise BadTpduError("a concatenation element has a wrong length")
            concat = Concat(int.from_bytes(value[: 1 + wide]), value[-2], value[-1])
            if not 1 <= concat.number <= concat.total:
                raise BadTpduError(f"part {concat.number} of {concat.total} cannot be")
        elif kind in {0x24, 0x25}:  # national language single shift, locking shift
            if len(value) != 1:
                raise BadTpduError("a national language element has a wrong length")
            locking, single = (locking, value[0]) if kind == 0x24 else (value[0], single)
    return concat, locking, single
