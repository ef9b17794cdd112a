"""Cuts a text into the user data of its parts, and counts parts for a live counter, with the cheapest encoding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modemfarm.errors import BadFieldError, TextTooLongError
from modemfarm.gsm.alphabet import encode7, known_locking, known_single
from modemfarm.gsm.clusters import last_cut
from modemfarm.gsm.header import NO_HEADER, ConcatRef, Header
from modemfarm.gsm.userdata import MOST_OCTETS, MOST_SEPTETS, UserData, build7, build16, encode16, header_septets
from modemfarm.model import Encoding

__all__ = ["MOST_PARTS", "Layout", "UserData", "measure", "split"]

MOST_PARTS = 255  # one octet counts them, TS 23.040 §9.2.3.24.1


@dataclass(frozen=True, slots=True)
class Layout:
    """How a text will travel.

    Attributes:
        units: septets (GSM-7) or UTF-16 units (UCS-2) of the text, headers not counted.
        room: units left in the last part.
        per_part: units that each part holds: 160 or 70 alone, 153 or 67 as one of several, fewer with national tables.
    """

    encoding: Encoding
    parts: int
    units: int
    room: int
    per_part: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """The pieces of a text with their octets: septets one an octet, or UTF-16."""

    encoding: Encoding
    pieces: list[tuple[str, bytes]]
    per_part: int
    tables: Header


def measure(
    text: str, *, encoding: Encoding | None = None, ref_bits: int = 8, locking: int = 0, single: int = 0
) -> Layout:
    """How many parts a text takes, and how much room the last one has left.

    Args:
        encoding, ref_bits, locking, single: as `split` takes them.

    Raises:
        TextTooLongError: more than 255 parts.
        BadFieldError: GSM-7 was asked for and the tables lack a character.
    """
    if encoding is None and not locking and not single and len(text) <= MOST_SEPTETS:
        lone = _measure_one(text)
        if lone is not None:
            return lone
    plan = _plan(text, encoding, ref_bits, locking, single)
    width = 2 if plan.encoding is Encoding.UCS2 else 1
    units = [len(octets) // width for _, octets in plan.pieces]
    return Layout(plan.encoding, len(units), sum(units), plan.per_part - units[-1], plan.per_part)


def _measure_one(text: str) -> Layout | None:
    """The layout of a text that fits one part without national tables, as most do; None: it does not."""
    septets = encode7(text)
    if septets is not None:
        units, most, encoding = len(septets), MOST_SEPTETS, Encoding.GSM7
    else:
        units, most, encoding = len(encode16(text)[1]) // 2, MOST_OCTETS // 2, Encoding.UCS2
    return Layout(encoding, 1, units, most - units, most) if units <= most else None


def split(
    text: str,
    concat_ref: int,
    *,
    encoding: Encoding | None = None,
    ref_bits: int = 8,
    locking: int = 0,
    single: int = 0,
) -> list[UserData]:
    """Cut a text into the user data of its parts, in sending order.

    No part ends inside an escape or surrogate pair, nor, where the pieces are small enough, inside a combining
    sequence, an emoji, a flag or a Hangul syllable. A lone surrogate becomes U+FFFD.

    Args:
        concat_ref: 0–255, or 0–65535 with 16 bits; unused when one part is enough.
        encoding: None takes GSM-7 where it can carry the text, else UCS-2.
        ref_bits: 8 or 16; phones older than 16-bit references show such parts one by one.
        locking, single: national tables that may be used; each is used only where the text needs it or it saves a
            part, and GSM-7 with them only where it takes no more parts than UCS-2.

    Returns:
        1 to 255 items. A lone part holds 160 septets or 70 UCS-2 units; one of several, 153 or 67 (152 or 66 with
        a 16-bit reference).

    Raises:
        TextTooLongError: more than 255 parts.
        BadFieldError: GSM-7 was asked for and the tables lack a character.

    Source: TS 23.040 §9.2.3.24.1; TS 23.038 §6.2.1.
    """
    plan = _plan(text, encoding, ref_bits, locking, single)
    build = build16 if plan.encoding is Encoding.UCS2 else build7
    if len(plan.pieces) == 1:
        return [build(*plan.pieces[0], plan.tables)]
    total = len(plan.pieces)
    return [
        build(
            piece,
            octets,
            Header(
                ConcatRef(concat_ref, total, number, ref_bits),
                single=plan.tables.single,
                locking=plan.tables.locking,
            ),
        )
        for number, (piece, octets) in enumerate(plan.pieces, 1)
    ]


def _plan(text: str, encoding: Encoding | None, ref_bits: int, locking: int, single: int) -> _Plan:
    if encoding is Encoding.DATA:
        msg = "a text has no encoding as 8-bit data"
        raise ValueError(msg)
    plans: list[_Plan] = []
    if encoding is not Encoding.UCS2:
        plans = [plan for tables in _choices(locking, single) if (plan := _plan7(text, ref_bits, tables))]
    if encoding is Encoding.GSM7 and not plans:
        raise BadFieldError("text", "not_gsm7", "GSM-7 lacks a character of it")
    best = min(plans, key=lambda plan: len(plan.pieces), default=None)  # of equals the first: the plainest tables
    if best is None or (encoding is None and best.tables != NO_HEADER):
        wide = _plan16(text, ref_bits)
        if best is None or len(wide.pieces) < len(best.pieces):
            best = wide
    if len(best.pieces) > MOST_PARTS:
        raise TextTooLongError(len(best.pieces), MOST_PARTS)
    return best


def _choices(locking: int, single: int) -> Iterator[Header]:
    """The permitted combinations of tables, plainest first.

    A phone without the tables shows most single shift characters as a near one (S for Ş), but takes the letters of
    a locking shift for others.
    """
    yield NO_HEADER
    lockings = dict.fromkeys((0, known_locking(locking)))
    singles = dict.fromkeys((0, known_single(single)))
    yield from (Header(single=one, locking=other) for other in lockings for one in singles if one or other)


def _plan7(text: str, ref_bits: int, tables: Header) -> _Plan | None:
    locking, single = tables.locking, tables.single
    septets = encode7(text, locking, single)
    if septets is None:
        return None
    front = len(tables.encode())
    room = MOST_SEPTETS - header_septets(front)
    if len(septets) <= room:
        return _Plan(Encoding.GSM7, [(text, septets)], room, tables)
    room = MOST_SEPTETS - header_septets(_with_concat(front, ref_bits))
    pieces: list[tuple[str, bytes]] = []
    flat = len(septets) == len(text)  # no escapes: characters and septets lie side by side

    def encoded(start: int, end: int) -> bytes:
        return septets[start:end] if flat else encode7(text[start:end], locking, single) or b""

    for start, end in _cuts(text, room, lambda start, end: len(encoded(start, end))):
        pieces.append((text[start:end], encoded(start, end)))
    return _Plan(Encoding.GSM7, pieces, room, tables)


def _plan16(text: str, ref_bits: int) -> _Plan:
    text, units = encode16(text)
    room = MOST_OCTETS // 2
    if len(units) <= 2 * room:
        return _Plan(Encoding.UCS2, [(text, units)], room, NO_HEADER)
    room = (MOST_OCTETS - _with_concat(0, ref_bits)) // 2
    flat = len(units) == 2 * len(text)

    def cost(start: int, end: int) -> int:
        return end - start if flat else len(text[start:end].encode("utf-16-be")) // 2

    pieces = [(text[start:end], text[start:end].encode("utf-16-be")) for start, end in _cuts(text, room, cost)]
    return _Plan(Encoding.UCS2, pieces, room, NO_HEADER)


def _with_concat(front: int, ref_bits: int) -> int:
    """Octets of a header of `front` octets once the concatenation element is in it."""
    return (front or 1) + (6 if ref_bits == 16 else 5)


def _cuts(text: str, room: int, cost: Callable[[int, int], int]) -> list[tuple[int, int]]:
    """Start and end of each piece; no piece costs more than `room`."""
    careful = list(_pieces(text, room, cost, whole=True))
    if len(careful) <= MOST_PARTS:
        return careful
    return list(_pieces(text, room, cost, whole=False))  # too long: perhaps not, if visible characters may be torn


def _pieces(text: str, room: int, cost: Callable[[int, int], int], *, whole: bool) -> Iterator[tuple[int, int]]:
    """The longest pieces from the front on; `whole` moves a visible character that would be torn to the next."""
    start, length = 0, len(text)
    while start < length:
        end = min(start + room, length)
        while (over := cost(start, end) - room) > 0:
            end -= (over + 1) // 2  # a character costs 1 or 2: fewer than these cannot be enough
        if whole:
            end = last_cut(text, start, end)
        yield start, end
        start = end
