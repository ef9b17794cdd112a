"""One part's user data: TP-UD and TP-UDL, built from text or octets and read back (TS 23.040 §9.2.3.16, §9.2.3.24)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import zip_longest

from modemfarm.errors import PduDecodeError
from modemfarm.gsm.alphabet import decode7, encode7, pack, unpack
from modemfarm.gsm.dcs import Coding
from modemfarm.gsm.header import NO_HEADER, ConcatRef, Header, Ports, decode_header
from modemfarm.gsm.reader import Reader
from modemfarm.model import Encoding

MOST_OCTETS = 140  # TP-UD of SMS-SUBMIT and SMS-DELIVER, TS 23.040 §9.2.2
MOST_SEPTETS = 160


@dataclass(frozen=True, slots=True)
class UserData:
    """What one TPDU carries.

    Attributes:
        text: this part's text; "" with 8-bit data and with compressed text.
        octets: TP-UD, header included.
        udl: TP-UDL: septets with GSM-7, else octets; header and fill bits included.
        has_header: TP-UDHI.
        data: the payload behind the header with 8-bit data and compressed text, else None.
        locking, single: the national tables in use, 0 for none.
    """

    encoding: Encoding
    text: str
    octets: bytes
    udl: int
    has_header: bool = False
    concat: ConcatRef | None = None
    locking: int = 0
    single: int = 0
    ports: Ports | None = None
    data: bytes | None = None


def header_septets(header_octets: int) -> int:
    """Septets that a header of so many octets takes, its fill bits included."""
    return -(-8 * header_octets // 7)


def build7(text: str, septets: bytes, header: Header = NO_HEADER) -> UserData:
    """User data of a text in GSM-7.

    Args:
        septets: the text as `encode7` gave it with the header's tables.
    """
    front = header.encode()
    taken = header_septets(len(front))
    packed = pack(septets, 7 * taken - 8 * len(front))
    return _made(Encoding.GSM7, text, front + packed, taken + len(septets), header)


def build16(text: str, utf16: bytes, header: Header = NO_HEADER) -> UserData:
    """User data of a text in UCS-2; `utf16` is the text in UTF-16, big end first."""
    octets = header.encode() + utf16
    return _made(Encoding.UCS2, text, octets, len(octets), header)


def build8(data: bytes, header: Header = NO_HEADER) -> UserData:
    """User data of octets that are no text."""
    octets = header.encode() + data
    return replace(_made(Encoding.DATA, "", octets, len(octets), header), data=data)


def one_part(text: str, header: Header = NO_HEADER) -> UserData:
    """User data of a text that fits one part, in GSM-7 with the header's tables if these suffice, else UCS-2.

    Raises:
        ValueError: it does not fit.
    """
    septets = encode7(text, header.locking, header.single)
    return build16(*encode16(text), header) if septets is None else build7(text, septets, header)


def encode16(text: str) -> tuple[str, bytes]:
    """The text in UTF-16, big end first, and the text that these octets say.

    Both differ from what was asked only where the text holds a lone surrogate: it becomes U+FFFD.
    """
    try:
        return text, text.encode("utf-16-be")
    except UnicodeEncodeError:
        text = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
        return text, text.encode("utf-16-be")


def decode_user_data(reader: Reader, coding: Coding, *, has_header: bool) -> UserData:
    """Read TP-UDL and TP-UD.

    A text in UCS-2 with a lone surrogate or an odd octet is still a text: U+FFFD stands where it is broken.

    Raises:
        PduDecodeError: fewer octets than TP-UDL says, more than a TPDU may hold, or a header that runs over.
    """
    at = reader.at
    udl = reader.octet("TP-UDL")
    in_septets = coding.encoding is Encoding.GSM7 and not coding.compressed
    most = MOST_SEPTETS if in_septets else MOST_OCTETS
    if udl > most:
        raise PduDecodeError("TP-UDL", at, f"{udl}, at most {most} fit")
    octets = reader.take("TP-UD", (7 * udl + 7) // 8 if in_septets else udl)
    header, front = decode_header(octets, at + 1) if has_header else (NO_HEADER, 0)
    text, data = "", None
    encoding = Encoding.DATA if coding.compressed else coding.encoding
    if encoding is Encoding.GSM7:
        taken = header_septets(front)
        if taken > udl:
            raise PduDecodeError("TP-UDHL", at + 1, f"the header takes {taken} septets, TP-UDL is {udl}")
        text = decode7(unpack(octets[front:], udl - taken, 7 * taken - 8 * front), header.locking, header.single)
    elif encoding is Encoding.UCS2:
        text = octets[front:].decode("utf-16-be", "replace")
    else:
        data = octets[front:]
    return UserData(
        encoding, text, octets, udl, has_header, header.concat, header.locking, header.single, header.ports, data
    )


def join(parts: list[UserData]) -> str:
    """The text of parts in their order, also where a sender cut an escape or a surrogate pair in two."""
    texts: list[str] = []
    held = b""
    for part, following in zip_longest(parts, parts[1:]):
        if part.encoding is Encoding.UCS2:
            units = held + _payload(part)
            held = b""
            if following is not None and following.encoding is Encoding.UCS2 and _ends_high(units):
                units, held = units[:-2], units[-2:]
            texts.append(units.decode("utf-16-be", "replace"))
        elif part.encoding is Encoding.GSM7:
            septets = held + _septets(part)
            held = b""
            if following is not None and following.encoding is Encoding.GSM7 and _ends_in_escape(septets):
                septets, held = septets[:-1], septets[-1:]
            texts.append(decode7(septets, part.locking, part.single))
    return "".join(texts)


def _made(encoding: Encoding, text: str, octets: bytes, udl: int, header: Header) -> UserData:
    if len(octets) > MOST_OCTETS:
        msg = f"{len(octets)} octets of user data, at most {MOST_OCTETS} fit"
        raise ValueError(msg)
    if header is NO_HEADER:
        return UserData(encoding, text, octets, udl)
    front = header != NO_HEADER
    return UserData(encoding, text, octets, udl, front, header.concat, header.locking, header.single, header.ports)


def _payload(part: UserData) -> bytes:
    return part.octets[1 + part.octets[0] :] if part.has_header else part.octets


def _septets(part: UserData) -> bytes:
    front = 1 + part.octets[0] if part.has_header else 0
    taken = header_septets(front)
    return unpack(part.octets[front:], part.udl - taken, 7 * taken - 8 * front)


def _ends_high(units: bytes) -> bool:
    return len(units) >= 2 and len(units) % 2 == 0 and 0xD8 <= units[-2] <= 0xDB


def _ends_in_escape(septets: bytes) -> bool:
    """An odd run of escapes at the end: its last has nothing to escape."""
    return (len(septets) - len(septets.rstrip(b"\x1b"))) % 2 == 1
