"""Plays a recording to the AT machine again: what each octet meant, and what does not fit together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from modemfarm.at.events import Answered, Command, Event, Info, Late, Noise, Prompt, Unsolicited
from modemfarm.at.machine import AtMachine
from modemfarm.modem.family import Profile, Profiles, says
from modemfarm.modem.readings import Query

HEADER_ALONE_S = 2.0  # as long as a session waits for the PDU behind a header

_WRITTEN = re.compile(r"\x1b|[^\r\x1a\x1b]*[\r\x1a]|[^\r\x1a\x1b]+")
_SUBMITS = re.compile(r"\+CMG[SW]=", re.IGNORECASE)
_HEX = re.compile(r"[0-9A-Fa-f]+\x1a")
_READS = re.compile(r"(\+CMG[LR]|\+CPBR|\+CPINR)=", re.IGNORECASE)
_DUMMY_BODY = b"00\x1a"


@dataclass(frozen=True, slots=True)
class Note:
    """Something at a moment of the recording.

    Attributes:
        s: seconds from the recording's first piece.
        kind: ``event`` (what the machine understood), ``state``, ``mark``, ``odd`` (what does not fit within the
            recording: a command without an answer, octets that are no line) or ``difference`` (what the replayed
            session did otherwise than the recorded one).
    """

    s: float
    kind: str
    text: str


@dataclass(slots=True)
class Exchange:
    """Something written, and what the modem said from then on.

    Attributes:
        out: one command line with its CR, one body with its Ctrl-Z, or ESC; "" before the first.
        said: how long after it, and what.
    """

    out: str
    at_s: float
    said: list[tuple[float, str]] = field(default_factory=list)


def exchanges(pieces: Iterable[dict[str, Any]]) -> list[Exchange]:
    """A recording as questions and answers."""
    found = [Exchange("", 0.0)]
    for piece in pieces:
        if piece["dir"] == "out":
            found += [Exchange(written, float(piece["s"])) for written in _WRITTEN.findall(piece["data"])]
        elif piece["dir"] == "in":
            found[-1].said.append((float(piece["s"]) - found[-1].at_s, piece["data"]))
    return found


def profile_of(head: dict[str, Any], profiles: Profiles) -> Profile:
    """The profile that the recorded session used, or would use now."""
    for profile in (*profiles.families, profiles.generic):
        if profile.name == head.get("family"):
            return profile
    return profiles.choose(head.get("manufacturer") or "", head.get("model") or "", head.get("firmware") or "")


def replay_machine(pieces: Sequence[dict[str, Any]], profile: Profile) -> list[Note]:
    """What the AT machine makes of a recording, in order."""
    return list(_Replay(profile).notes(pieces))


class _Replay:
    """One pass over a recording."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._infos = dict(_infos(profile))
        self._machine = self._fresh()
        self._header_s: float | None = None

    def _fresh(self) -> AtMachine:
        machine = AtMachine()
        machine.urcs = machine.urcs.adding(self._profile.urcs.all)
        return machine

    def notes(self, pieces: Sequence[dict[str, Any]]) -> Iterator[Note]:
        last = 0.0
        for number, piece in enumerate(pieces):
            last = float(piece["s"])
            if self._header_s is not None and last - self._header_s > HEADER_ALONE_S:
                yield from self._told(self._header_s + HEADER_ALONE_S, self._machine.end_header())
            match piece["dir"]:
                case "mark":
                    yield from self._unanswered(last)
                    self._machine = self._fresh()
                    facts = " ".join(f"{key}={value}" for key, value in piece.items() if key not in {"s", "at", "dir"})
                    yield Note(last, "mark", facts)
                case "state":
                    params = "".join(f" {key}={value}" for key, value in piece.get("params", {}).items())
                    yield Note(last, "state", f"{piece.get('sentence')}{params}")
                case "out":
                    yield from self._wrote(last, piece["data"], pieces[number + 1 :])
                case "in":
                    yield from self._told(last, self._machine.receive(piece["data"].encode("latin-1", "replace")))
            self._header_s = (self._header_s or last) if self._machine.awaits_pdu else None
        yield from self._unanswered(last)

    def _wrote(self, s: float, data: str, later: Sequence[dict[str, Any]]) -> Iterator[Note]:
        tokens = _WRITTEN.findall(data)
        for number, written in enumerate(tokens):
            if written == "\x1b":
                yield Note(s, "event", "escape")
            elif written.endswith("\x1a"):
                try:
                    self._machine.write_body()
                    yield Note(s, "event", f"body {len(written) // 2} octets")
                except RuntimeError:
                    yield Note(s, "odd", "a body was written and no prompt was open")
            elif written.endswith("\r"):
                yield from self._unanswered(s)
                yield from self._send(s, written.removesuffix("\r"), tokens[number + 1 :], later)
            else:
                yield Note(s, "odd", f"a line without an end was written: {written!r}")

    def _send(self, s: float, line: str, same: Sequence[str], later: Sequence[dict[str, Any]]) -> Iterator[Note]:
        if line[:2].upper() != "AT":
            yield Note(s, "odd", f"no command: {line!r}")
            return
        try:
            self._machine.send(self._command(line[2:], same, later))
            yield Note(s, "event", f"sent {line}")
        except ValueError as error:
            yield Note(s, "odd", str(error))

    def _command(self, text: str, same: Sequence[str], later: Sequence[dict[str, Any]]) -> Command:
        if _SUBMITS.match(text):
            body = next(_bodies(same, later), "")
            return Command(text, body=body.encode("ascii") if _HEX.fullmatch(body) else _DUMMY_BODY)
        read = _READS.match(text)
        info = (f"{read[1].upper()}:",) if read else self._infos.get(text, ())
        return Command(text, info=info, final_prefixes=("+CPIN:",) if self._ends_early(text) else ())

    def _ends_early(self, text: str) -> bool:
        return text == "+CPIN?" and self._profile.cpin_no_ok

    def _unanswered(self, s: float) -> Iterator[Note]:
        running = self._machine.in_flight
        if running is not None:
            self._machine.give_up()
            yield Note(s, "odd", f"{running.echo} had no final result")

    def _told(self, s: float, events: Iterable[Event]) -> Iterator[Note]:
        for event in events:
            kind, text = describe(event)
            yield Note(s, kind, text)
            if isinstance(event, Unsolicited) and says(event.line, self._profile.urcs.reboot):
                self._machine.forget()


def _bodies(same: Sequence[str], later: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The body that was written behind a command, before the next command."""
    tokens = [
        *same,
        *(written for piece in later if piece["dir"] == "out" for written in _WRITTEN.findall(piece["data"])),
    ]
    for written in tokens:
        if written.endswith("\x1a"):
            yield written
        if written.endswith(("\x1a", "\r")):
            return


def _infos(profile: Profile) -> Iterator[tuple[str, tuple[str, ...]]]:
    for item in fields(profile):
        value = getattr(profile, item.name)
        for query in value if isinstance(value, tuple) else (value,):
            if isinstance(query, Query) and query.prefix:
                yield query.command, (query.prefix,)


def describe(event: Event) -> tuple[str, str]:
    """Kind and text of what the machine understood."""
    match event:
        case Answered(command, lines, error):
            return "event", f"answered {command.echo}: {_lines(lines)}{'OK' if error is None else error.text}"
        case Late(command, lines, error):
            return "event", f"late {command.echo}: {_lines(lines)}{'OK' if error is None else error.text}"
        case Unsolicited(line, None):
            return "event", f"unsolicited {line}"
        case Unsolicited(line, pdu):
            return "event", f"unsolicited {line} | {pdu}"
        case Info(_, line):
            return "event", f"accepted {line}"
        case Prompt():
            return "event", "prompt"
        case Noise(octets):
            return "odd", f"no line that is known: {octets[:80]!r}"


def _lines(lines: tuple[str, ...]) -> str:
    return "".join(f"{line} | " for line in lines)
