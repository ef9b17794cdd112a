"""What goes into the AT machine and what comes out of it."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from modemfarm.errors import CommandError

CTRL_Z = b"\x1a"
ESC = b"\x1b"

_NAME = re.compile(r"[+^*$#%!_][A-Z][A-Z0-9]*")
_BODY = re.compile(rb"[0-9A-Fa-f]+\x1a")


@dataclass(frozen=True, slots=True)
class Command:
    """One command line for a modem.

    Attributes:
        text: the line without its ``AT``: ``+CSQ``; empty is the bare attention command.
        body: what follows the ``>`` prompt: PDU in hex and Ctrl-Z (TS 27.005 §4.3).
        info: prefixes of its information responses; they win over URCs of the same prefix.
            A query or an action without them gets its own name: ``+CREG?`` expects ``+CREG:``.
        final_prefixes: information lines that end the command by themselves: Wavecom's ``+CPIN:`` comes without OK.
        tag: the caller's own number, handed back with the events.
    """

    text: str
    body: bytes | None = None
    info: tuple[str, ...] = ()
    final_prefixes: tuple[str, ...] = ()
    tag: int = 0

    def __post_init__(self) -> None:
        """Refuse what would run as a second command.

        Raises:
            ValueError: a control or non-ASCII character in `text`, or a body that is not hex and one Ctrl-Z.
        """
        if not (self.text.isascii() and self.text.isprintable()):
            msg = f"a command line is printable ASCII: {self.text!r}"
            raise ValueError(msg)
        if self.body is not None and not _BODY.fullmatch(self.body):
            msg = "a body is hex digits and one Ctrl-Z at the end"
            raise ValueError(msg)

    @property
    def echo(self) -> str:
        """The line as the modem sees it, and as it repeats it while echo is on."""
        return f"AT{self.text}"

    @property
    def expected(self) -> tuple[str, ...]:
        """Prefixes of the lines that are surely this command's own answer."""
        return _expected(self.text, self.info + self.final_prefixes, has_body=self.body is not None)

    @property
    def bare(self) -> bool:
        """Its answer may carry no prefix at all, as +CGSN and +CIMI do."""
        return self.body is None and not self.info and not self.final_prefixes and self.text != ""


@functools.lru_cache(maxsize=512)
def _expected(text: str, own: tuple[str, ...], *, has_body: bool) -> tuple[str, ...]:
    if has_body:
        return (*own, "+CMGS:")
    name = _NAME.match(text)
    if own or name is None or "=" in text.partition('"')[0].removesuffix("=?"):
        return own
    return (f"{name[0]}:",)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The modem waits for the body of the command in flight."""


@dataclass(frozen=True, slots=True)
class Info:
    """``+CMGS`` of the command in flight, told before its final result: the network accepted the part."""

    command: Command
    line: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The command in flight ended.

    Attributes:
        lines: its information lines in order, PDU lines included, echo and URCs left out.
        error: None for OK. OK without ``+CMGS`` is told as it came: the caller decides.
    """

    command: Command
    lines: tuple[str, ...]
    error: CommandError | None


@dataclass(frozen=True, slots=True)
class Unsolicited:
    """A line that no command asked for.

    Attributes:
        pdu: the second line of +CMT, +CDS and +CBM as read; None where it never came, and with every other URC.
    """

    line: str
    pdu: str | None = None


@dataclass(frozen=True, slots=True)
class Late:
    """Something of a command that was given up.

    For a command with a body, ``+CMGS`` is told at once with that one line, and its OK is then swallowed.
    Without ``+CMGS`` this is weak evidence: an OK or ERROR is laid at the oldest open command's door.
    """

    command: Command
    lines: tuple[str, ...]
    error: CommandError | None


@dataclass(frozen=True, slots=True)
class Noise:
    """Octets that are part of no line we know: line noise, an over-long line's beginning, a stray result code."""

    octets: bytes


Event = Prompt | Info | Answered | Unsolicited | Late | Noise
