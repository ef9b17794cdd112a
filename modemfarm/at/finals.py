"""Final result codes: V.250 §5.7, TS 27.007 §9.2, TS 27.005 §3.2.5, and what vendors made of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modemfarm.at.error_texts import CME_TEXTS, CMS_TEXTS
from modemfarm.errors import CmeError, CmsError, CommandError

_NUMBERED = re.compile(r"\+CM([ES]) ?ERROR ?:? ?(.*)", re.IGNORECASE)
_PLAIN_ERRORS = frozenset(
    {"ERROR", "COMMAND NOT SUPPORT", "COMMAND NOT SUPPORTED", "TOO MANY PARAMETERS", "NA", "+CMS ERROR", "+CME ERROR"}
)
_ERROR_STARTS = ("ERROR:", "MODEM ERROR:")
CALL_ENDS = frozenset({"NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE"})
_NUMERIC = {"0": "OK", "3": "NO CARRIER", "4": "ERROR", "6": "NO DIALTONE", "7": "BUSY", "8": "NO ANSWER"}


@dataclass(frozen=True, slots=True)
class Final:
    """A final result code.

    Attributes:
        kind: ``ok``, ``cms``, ``cme``, ``error``, or ``call`` for one that a call's end also shows unasked.
        code: the number; for words, what the table knows them as.
        text: the line as read.
    """

    kind: str
    code: int | None
    text: str

    def error(self, command: str) -> CommandError | None:
        """The error that it means for one command; None for OK."""
        if self.kind == "ok":
            return None
        if self.kind == "cms":
            return CmsError(command, self.code, _words(self.text))
        if self.kind == "cme":
            return CmeError(command, self.code, _words(self.text))
        return CommandError(command, self.text)


def parse_final(line: str, *, numeric: bool = False) -> Final | None:
    """The final result code that a line is, or None.

    Args:
        numeric: also take the one-digit codes of ATV0.
    """
    if line == "OK":
        return Final("ok", None, line)
    if numeric and line in _NUMERIC:
        return parse_final(_NUMERIC[line])
    upper = line.upper()
    if upper.startswith("+CM") and (match := _NUMBERED.fullmatch(line)):
        kind = "cms" if match[1] in "Ss" else "cme"
        return Final(kind, _code(kind, match[2]), line)
    if line in _PLAIN_ERRORS or upper.startswith(_ERROR_STARTS):
        return Final("error", None, line)
    if line in CALL_ENDS:
        return Final("call", None, line)
    return None


def _code(kind: str, rest: str) -> int | None:
    rest = rest.strip()
    if rest.isascii() and rest.isdigit() and len(rest) <= 6:
        return int(rest)
    texts = CMS_TEXTS if kind == "cms" else CME_TEXTS
    return texts.get(" ".join(rest.casefold().split()))


def _words(line: str) -> str:
    match = _NUMBERED.fullmatch(line)
    rest = match[2].strip() if match else line
    return "" if rest.isdigit() else rest
