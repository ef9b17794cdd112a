"""Text to septets and back (TS 23.038 §6.2.1), and septets to octets and back (§6.1.2.1)."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from functools import cache

from modemfarm.gsm.tables import ESCAPE, LOCKING, SINGLE

RESERVED = "\N{REPLACEMENT CHARACTER}"  # a cell to which no table gives a character

_ESCAPE_OCTET = bytes([ESCAPE])


def known_locking(language: int) -> int:
    """The language if it has a locking shift table, else 0: the default alphabet (TS 23.040 §9.2.3.24.15)."""
    return language if language in LOCKING else 0


def known_single(language: int) -> int:
    """The language if it has a single shift table, else 0: the default extension (TS 23.040 §9.2.3.24.15)."""
    return language if language in SINGLE else 0


def encode7(text: str, locking: int = 0, single: int = 0) -> bytes | None:
    """The septets of a text, one in each octet; a character of the single shift table takes two.

    Args:
        locking, single: ids of national tables; 0 is the default alphabet or its extension. An id without such a
            table means 0.

    Returns:
        None when the tables lack a character of the text.

    Source: TS 23.038 §6.2.1.
    """
    try:
        return codecs.charmap_encode(text, "strict", _encoder(locking, single))[0]
    except UnicodeEncodeError:
        return None


def decode7(septets: bytes, locking: int = 0, single: int = 0) -> str:
    """The text of septets, one in each octet, 0 to 127.

    Any septets have a text: a reserved cell is U+FFFD; an escape before a cell that the single shift table leaves
    empty is dropped; an escape before an escape, or at the end, is a space (TS 23.038 §6.2.1 note 1, §6.2.1.1).
    """
    cells, shifted = _decoders(locking, single)
    if _ESCAPE_OCTET not in septets:
        return codecs.charmap_decode(septets, "strict", cells)[0]
    out: list[str] = []
    at, end = 0, len(septets)
    while at < end:
        escape = septets.find(ESCAPE, at)
        if escape < 0:
            escape = end
        out.append(codecs.charmap_decode(septets[at:escape], "strict", cells)[0])
        if escape < end:
            out.append(shifted[septets[escape + 1]] if escape + 1 < end else " ")
        at = escape + 2
    return "".join(out)


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """Septets (one in each octet) as octets, the first bit lowest, after `fill_bits` zero bits.

    Source: TS 23.038 §6.1.2.1.1; fill bits: TS 23.040 §9.2.3.24.
    """
    count = len(septets)
    groups = -(-count // 8)
    keep_7, move_7, keep_14, move_14, keep_28, move_28 = _masks(groups)
    bits = int.from_bytes(septets, "little")
    # Pairs of septets close up to 14 bits, pairs of those to 28, then to 56: eight septets in seven octets.
    bits = (bits & keep_7) | (bits & move_7) >> 1
    bits = (bits & keep_14) | (bits & move_14) >> 2
    bits = (bits & keep_28) | (bits & move_28) >> 4
    octets = bytearray(bits.to_bytes(8 * groups, "little"))
    del octets[7::8]
    size = (7 * count + fill_bits + 7) // 8
    if fill_bits:
        return (int.from_bytes(octets, "little") << fill_bits).to_bytes(size, "little")
    return bytes(octets[:size])


def unpack(octets: bytes, count: int, fill_bits: int = 0) -> bytes:
    """The first `count` septets of packed octets, one in each octet; octets that are missing count as zero."""
    groups = -(-count // 8)
    if fill_bits:
        octets = (int.from_bytes(octets, "little") >> fill_bits).to_bytes(len(octets), "little")
    packed = octets[: 7 * groups].ljust(7 * groups, b"\0")
    spread = bytearray(8 * groups)
    for column in range(7):
        spread[column::8] = packed[column::7]
    keep_7, move_7, keep_14, move_14, keep_28, move_28 = _masks(groups)
    bits = int.from_bytes(spread, "little")
    bits = (bits & keep_28) | (bits << 4) & move_28
    bits = (bits & keep_14) | (bits << 2) & move_14
    bits = (bits & keep_7) | (bits << 1) & move_7
    return bits.to_bytes(8 * groups, "little")[:count]


@cache
def _masks(groups: int) -> tuple[int, ...]:
    """For so many groups of 64 bits: per width (7, 14, 28), the fields that stay and those that move."""
    masks = (
        0x007F007F007F007F,
        0x7F007F007F007F00,
        0x00003FFF00003FFF,
        0x3FFF00003FFF0000,
        0x000000000FFFFFFF,
        0x0FFFFFFF00000000,
    )
    return tuple(int.from_bytes(mask.to_bytes(8, "little") * groups, "little") for mask in masks)


@cache
def _encoder(locking: int, single: int) -> Mapping[int, int | bytes]:
    cells: dict[int, int | bytes] = {}
    for code, char in SINGLE[known_single(single)].items():
        cells.setdefault(ord(char), bytes([ESCAPE, code]))
    for code, char in LOCKING[known_locking(locking)].items():
        cells[ord(char)] = code  # the later of two cells: Kannada U+0CAA stands in 24 by what looks like a misprint
    return cells


@cache
def _decoders(locking: int, single: int) -> tuple[str, tuple[str, ...]]:
    main = LOCKING[known_locking(locking)]
    cells = "".join(main.get(code, RESERVED) for code in range(128))
    shifted = SINGLE[known_single(single)]
    return cells, tuple(" " if code == ESCAPE else shifted.get(code, cells[code]) for code in range(128))
