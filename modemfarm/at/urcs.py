"""Exact tables of what a modem says unasked (TS 27.005 §3.4, TS 27.007, vendor manuals)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_TAG = "+^*$#%!"


@dataclass(frozen=True, slots=True)
class UrcTable:
    """Which lines are unsolicited.

    Attributes:
        prefixes: ``+CMTI:`` and the like; a line that begins so is a URC.
        words: a line that begins with one of these whole words is a URC: ``RING``, ``SMS Ready``.
        with_pdu: prefixes of headers that a PDU line follows.
    """

    prefixes: tuple[str, ...]
    words: tuple[str, ...] = ()
    with_pdu: tuple[str, ...] = ("+CMT:", "+CDS:", "+CBM:")
    _glued: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _starts: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tagged = sorted({p for p in (*self.prefixes, *self.with_pdu) if p[0] in _TAG}, key=len, reverse=True)
        object.__setattr__(self, "_glued", re.compile("|".join(map(re.escape, tagged)) or r"(?!)"))
        object.__setattr__(self, "_starts", (*self.prefixes, *self.with_pdu))

    def adding(self, entries: Iterable[str]) -> UrcTable:
        """This table and a profile's own entries: those ending in a colon are prefixes, the others words."""
        entries = [entry for entry in entries if entry]
        prefixes = dict.fromkeys((*self.prefixes, *(e for e in entries if e.endswith(":"))))
        words = dict.fromkeys((*self.words, *(e for e in entries if not e.endswith(":"))))
        return UrcTable(tuple(prefixes), tuple(words), self.with_pdu)

    def has(self, line: str) -> bool:
        """Whether this line is a URC, header or not."""
        if line.startswith(self._starts):
            return True
        return line.startswith(self.words) and any(
            line.startswith(word) and not line[len(word) : len(word) + 1].isalnum() for word in self.words
        )

    def is_header(self, line: str) -> bool:
        """Whether a PDU line follows this one."""
        return line.startswith(self.with_pdu)

    def starts_inside(self, line: str) -> list[int]:
        """Where, after its beginning, a line holds a URC that lost its line break; quoted text is left alone."""
        return [m.start() for m in self._glued.finditer(line) if m.start() and not quoted(line, m.start())]


def quoted(line: str, position: int) -> bool:
    """Whether this position lies inside a quoted string."""
    return line.count('"', 0, position) % 2 == 1


GENERIC_URCS = UrcTable(
    prefixes=(
        "+CMTI:", "+CDSI:", "+CBMI:", "+CUSD:", "+CRING:", "+CLIP:", "+CCWA:", "+CREG:", "+CGREG:", "+CEREG:",
        "+C5GREG:", "+CPIN:", "+CIEV:", "+CTZV:", "+CTZE:", "+CGEV:", "+CSSU:", "+CSSI:", "+CFUN:", "+CCWV:",
        "+CRC:", "+CDIP:", "+COLP:", "+CNAP:",
    ),
    words=("RING", "RDY"),
)  # fmt: skip
"""The generic table; NO CARRIER and its like are sorted with the final result codes."""
