"""What a command line asks and what a modem may answer: requests, final result codes and their words."""

from __future__ import annotations

import re
from dataclasses import dataclass

# TS 27.007 §9.2.1 and vendor tables, as shown with AT+CMEE=2.
CME_WORDS = {
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    16: "incorrect password",
    21: "invalid index",
    30: "no network service",
    31: "network timeout",
    100: "unknown",
    256: "operation temporarily not allowed",
    258: "retry operation",
    515: "please wait, init or command processing in progress",
}
# TS 27.005 §3.2.5.
CMS_WORDS = {
    302: "operation not allowed",
    303: "operation not supported",
    304: "invalid PDU mode parameter",
    305: "invalid text mode parameter",
    310: "SIM not inserted",
    311: "SIM PIN required",
    316: "SIM PUK required",
    321: "invalid memory index",
    322: "memory full",
    330: "SMSC address unknown",
    331: "no network service",
    332: "network timeout",
    340: "no +CNMA acknowledgement expected",
    500: "unknown error",
    532: "SIM not ready",
}

_EXTENDED = re.compile(r"([+^#$%&*!_][A-Z0-9]+)(=\?|=|\?)?", re.IGNORECASE)
_BASIC = re.compile(r"(&?[A-Z])(\d*)(?:=\d*|\?)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """One command: ``+CSQ`` run, ``+CPIN`` read, ``+CNMI`` test, ``+CMGF`` set with arguments.

    Attributes:
        name: upper case with its sign, "I", "E", "&F"; "" is bare AT.
        kind: ``run``, ``read``, ``test`` or ``set``.
        arguments: as typed, without blanks around.
    """

    name: str
    kind: str
    arguments: str = ""

    def fields(self) -> list[str]:
        """The comma-separated arguments without their quotes; commas inside quotes stay."""
        if '"' not in self.arguments:
            return [item.strip() for item in self.arguments.split(",")]
        items, quoted = [""], False
        for char in self.arguments:
            if char == '"':
                quoted = not quoted
            elif char == "," and not quoted:
                items.append("")
            else:
                items[-1] += char
        return [item.strip() for item in items]


@dataclass(frozen=True, slots=True)
class Answer:
    """Lines and a final result code.

    Attributes:
        final: ``OK``, ``ERROR``, ``cme``, ``cms`` or a vendor's words; "" says none.
        code: for ``cme`` and ``cms``.
    """

    lines: tuple[str, ...] = ()
    final: str = "OK"
    code: int = 0


OK = Answer()
ERROR = Answer(final="ERROR")


def ok(*lines: str) -> Answer:
    return Answer(lines)


def cme(code: int) -> Answer:
    return Answer((), "cme", code)


def cms(code: int) -> Answer:
    return Answer((), "cms", code)


def final_line(answer: Answer, cmee: int) -> str:
    """The final result code as the level of +CMEE shows it (TS 27.007 §9.1): 0 bare, 1 number, 2 words."""
    if answer.final not in {"cme", "cms"}:
        return answer.final
    if cmee == 0:
        return "ERROR"
    words = CME_WORDS if answer.final == "cme" else CMS_WORDS
    shown = words.get(answer.code, "unknown error") if cmee == 2 else str(answer.code)
    return f"+{answer.final.upper()} ERROR: {shown}"


def parse_line(line: str) -> list[Request] | None:
    """The commands of one line, in order (ITU-T V.250 §5.2).

    Returns:
        None when the line is not a command line; unknown basic commands are kept, their name decides.
    """
    if line[:2].upper() != "AT":
        return None
    rest = line[2:].strip()
    if not rest:
        return [Request("", "run")]
    requests: list[Request] = []
    while rest:
        if rest[0] == ";":
            rest = rest[1:].lstrip()
        elif match := _EXTENDED.match(rest):
            name, sign = match[1].upper(), match[2] or ""
            arguments, rest = _until_semicolon(rest[match.end() :])
            kind = {"": "run", "?": "read", "=?": "test", "=": "set"}[sign]
            requests.append(Request(name, kind, arguments.strip()))
        elif match := _BASIC.match(rest):
            name, rest = match[1].upper(), rest[match.end() :].lstrip()
            if name == "D":  # a dial string takes the rest of the line
                requests.append(Request(name, "set", match[2] + rest))
                break
            requests.append(Request(name, "set", match[2]))
        else:
            requests.append(Request("?", "run"))
            break
    return requests


def _until_semicolon(text: str) -> tuple[str, str]:
    quoted = False
    for at, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == ";" and not quoted:
            return text[:at], text[at + 1 :].lstrip()
    return text, ""
