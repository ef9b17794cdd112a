"""The user data header: its information elements, read and written (TS 23.040 §9.2.3.24)."""

from __future__ import annotations

from dataclasses import dataclass

from modemfarm.errors import PduDecodeError
from modemfarm.gsm.alphabet import known_locking, known_single

# Information element identifiers and the octets of their data, TS 23.040 §9.2.3.24.
_CONCAT_8, _PORTS_8, _PORTS_16, _CONCAT_16, _SINGLE, _LOCKING = 0x00, 0x04, 0x05, 0x08, 0x24, 0x25
_SIZES = {_CONCAT_8: 3, _PORTS_8: 2, _PORTS_16: 4, _CONCAT_16: 4, _SINGLE: 1, _LOCKING: 1}


@dataclass(frozen=True, slots=True)
class ConcatRef:
    """Which part of which message this is.

    Attributes:
        ref: 0–255, or 0–65535 with 16 bits.
        total: 1–255.
        number: 1 to `total`.
        bits: 8 or 16, the width of `ref` on the wire; equal references of different width are different messages.
    """

    ref: int
    total: int
    number: int
    bits: int = 8


@dataclass(frozen=True, slots=True)
class Ports:
    """Application port addresses; `bits` is their width on the wire, 8 or 16."""

    destination: int
    source: int
    bits: int = 16


@dataclass(frozen=True, slots=True)
class Header:
    """What the known elements of one header say; unknown elements are skipped.

    Attributes:
        locking, single: national language ids, 0 where there is none or it names no table that exists.
    """

    concat: ConcatRef | None = None
    ports: Ports | None = None
    single: int = 0
    locking: int = 0

    def encode(self) -> bytes:
        """TP-UDHL and the elements; empty when there is nothing to say."""
        if self is NO_HEADER:
            return b""
        elements = b""
        if self.concat is not None:
            elements += _concat_element(self.concat)
        if self.ports is not None:
            width = self.ports.bits // 8
            kind = _PORTS_16 if width == 2 else _PORTS_8
            ports = self.ports.destination.to_bytes(width, "big") + self.ports.source.to_bytes(width, "big")
            elements += bytes([kind, 2 * width]) + ports
        if self.single:
            elements += bytes([_SINGLE, 1, self.single])
        if self.locking:
            elements += bytes([_LOCKING, 1, self.locking])
        return bytes([len(elements)]) + elements if elements else b""


NO_HEADER = Header()


def decode_header(octets: bytes, at: int) -> tuple[Header, int]:
    """Read the header at the front of TP-UD.

    An element of a known kind but another length, and a concatenation that cannot be (part 0, part 3 of 2), are
    skipped like unknown ones (§9.2.3.24.1). Of two elements that exclude each other the last counts (§9.2.3.24).

    Args:
        octets: TP-UD, from TP-UDHL on.
        at: their offset, for errors.

    Returns:
        The header, and how many octets it takes with its length octet.

    Raises:
        PduDecodeError: the header or an element runs over its end.
    """
    if not octets:
        raise PduDecodeError("TP-UDHL", at, "a header is announced, TP-UD is empty")
    end = 1 + octets[0]
    if end > len(octets):
        raise PduDecodeError("TP-UDHL", at, f"{octets[0]} octets are announced, TP-UD has {len(octets) - 1} more")
    concat: ConcatRef | None = None
    ports: Ports | None = None
    single = locking = 0
    here = 1
    while here < end:
        if here + 2 > end or here + 2 + octets[here + 1] > end:
            raise PduDecodeError("TP-UDH", at + here, "an information element runs over the header's end")
        kind, size = octets[here], octets[here + 1]
        data = octets[here + 2 : here + 2 + size]
        here += 2 + size
        if _SIZES.get(kind) != size:
            continue
        match kind:
            case 0x00 | 0x08:
                concat = _concat(data) or concat
            case 0x04 | 0x05:
                width = size // 2
                ports = Ports(int.from_bytes(data[:width], "big"), int.from_bytes(data[width:], "big"), 8 * width)
            case 0x24:
                single = known_single(data[0])
            case _:
                locking = known_locking(data[0])
    return Header(concat, ports, single, locking), end


def _concat(data: bytes) -> ConcatRef | None:
    total, number = data[-2], data[-1]
    if not 1 <= number <= total:
        return None
    return ConcatRef(int.from_bytes(data[:-2], "big"), total, number, 8 * (len(data) - 2))


def _concat_element(concat: ConcatRef) -> bytes:
    if concat.bits == 16:
        return bytes([_CONCAT_16, 4, concat.ref >> 8, concat.ref & 0xFF, concat.total, concat.number])
    return bytes([_CONCAT_8, 3, concat.ref, concat.total, concat.number])
