"""Sorts the lines that a modem prints: whose is it, and where was a line break lost?"""

from __future__ import annotations

import re
from enum import Enum
from itertools import pairwise

from modemfarm.at.events import Command
from modemfarm.at.finals import CALL_ENDS, parse_final
from modemfarm.at.urcs import UrcTable, quoted

_ERRORS = ("+CMS ERROR:", "+CME ERROR:")
_TAIL = re.compile(r'(.*(?:[0-9A-F")]|READY))(OK|ERROR)')
_HEX = re.compile(r"[0-9A-Fa-f]+")
_NOT_HEX = re.compile(r"[^0-9A-Fa-f]+")
_TAGGED = re.compile(r"[+^*$#%!][A-Z][A-Z0-9]* ?:")
_TAG = re.compile(r"[+^*$#%!]")
_LONG_ANSWER = 24  # no identity without a prefix (IMEISV 16, ICCID 20) is longer; no PDU with a header is shorter


class LineKind(Enum):
    """Whose line it is."""

    INFO = "info"  # the answer of the command in flight, by its prefix
    URC = "urc"  # unsolicited, complete
    HEADER = "header"  # unsolicited, its PDU follows
    FINAL = "final"  # a final result code
    TAGGED = "tagged"  # a prefix that neither the command nor the table knows
    TEXT = "text"  # no prefix: a PDU, an identity, or noise that looks like text


def sort_line(line: str, in_flight: Command | None, urcs: UrcTable, *, numeric: bool = False) -> LineKind:
    """Whose line it is; the command in flight wins over the URC table, whole prefixes only.

    Args:
        numeric: take the one-digit result codes of ATV0 as well.

    Source: TS 27.007 §4.1; +CREG, +CPIN and others answer a query and come unasked in the same words.
    """
    if in_flight is not None:
        if line.startswith(in_flight.expected) or (in_flight.body is not None and line == "+CMGS"):
            return LineKind.INFO
        if line in CALL_ENDS and in_flight.body is not None:
            return LineKind.URC  # a call ended meanwhile: nothing that +CMGS can answer
        if parse_final(line, numeric=numeric) is not None:
            return LineKind.FINAL
    elif parse_final(line) is not None:
        return LineKind.URC if line in CALL_ENDS else LineKind.FINAL
    if urcs.is_header(line):
        return LineKind.HEADER
    if urcs.has(line):
        return LineKind.URC
    return LineKind.TAGGED if _TAGGED.match(line) else LineKind.TEXT


def unglue(line: str, in_flight: Command | None, urcs: UrcTable) -> list[str]:
    """The lines that one printed line holds: ``OK+CMTI: "SM",3`` is two."""
    if line == "OK" or _HEX.fullmatch(line):
        return [line]  # most of what a modem prints, and in one piece
    if not _TAG.search(line, 1) and not line.endswith(("OK", "ERROR")):
        return [line.strip()]  # nothing else begins inside it
    starts = {0, *urcs.starts_inside(line)}
    for prefix in (*_ERRORS, "+CMGS:", *(in_flight.expected if in_flight else ())):
        if not prefix.startswith(("+", "^", "*", "$", "#", "%", "!")) or not prefix.endswith(":"):
            continue
        at = line.find(prefix, 1)
        while at > 0:
            if not quoted(line, at):
                starts.add(at)
            at = line.find(prefix, at + 1)
    edges = [*sorted(starts), len(line)]
    cut = [line[a:b].strip() for a, b in pairwise(edges)]
    return [piece for item in cut for piece in _tail(item) if piece]


def _tail(piece: str) -> tuple[str, ...]:
    match = _TAIL.fullmatch(piece)
    if match is None or piece.startswith(("OK", "ERROR", *_ERRORS)):
        return (piece,)
    return (match[1].strip(), match[2])


def may_be_pdu(line: str, header: str, *, busy: bool) -> bool:
    """Whether this line is the PDU that `header` announced.

    Where it has not the announced length it may be damaged, and is taken all the same unless it
    could be the answer of a command in flight (`busy`).

    Source: TS 27.005 §3.4.1: the length counts the TPDU's octets, the SMSC address comes on top.
    """
    announced = re.search(r"(\d{1,3})\s*$", header)
    if announced and len(line) >= 2 and _HEX.fullmatch(line):
        smsc_octets = int(line[:2], 16)
        if len(line) == 2 * (1 + smsc_octets + int(announced[1])):
            return True
    return mostly_hex(line) and len(line) > (_LONG_ANSWER if busy else 1)


def mostly_hex(line: str) -> bool:
    """Whether at least four fifths of it are hex digits."""
    return len(line) > 0 and 5 * len(_NOT_HEX.sub("", line)) >= 4 * len(line)
