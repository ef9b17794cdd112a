"""The AT dialogue without I/O: commands in, octets out; octets in, events out (TS 27.007 §4, TS 27.005)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from modemfarm.at.events import ESC, Answered, Command, Event, Info, Late, Noise, Prompt, Unsolicited
from modemfarm.at.finals import Final, parse_final
from modemfarm.at.lines import LineKind, may_be_pdu, mostly_hex, sort_line, unglue
from modemfarm.at.urcs import GENERIC_URCS, UrcTable

LINE_LIMIT = 4096  # octets; the longest useful line, a list of operators, stays well below
_DROPPED = b"\x00\x11\x13\x1a\x1b"  # padding, XON/XOFF, echoed Ctrl-Z and ESC
_BREAKS = re.compile(rb"[\r\n]+")
_PRINTABLE = re.compile(rb"[\t\x20-\x7e]*")
_IDENTITY = re.compile(r'"?[0-9A-Fa-f]{10,}"?')
_OLD_ECHO = re.compile(r"AT[+^*$#%!&][A-Z]")
_URCS_BEFORE_PDU = 3  # one-line URCs that may stand between a header and its PDU
_GHOSTS = 8


@dataclass(slots=True)
class _Sent:
    """A command on its way: in flight, or given up and possibly still to be answered."""

    command: Command
    lines: list[str] = field(default_factory=list)
    recognised: bool = False  # a line came that only this command prints
    prompted: bool = False
    body_written: bool = False
    robbed: bool = False  # a final result that may have been its own went to a ghost
    accepted: bool = False  # its +CMGS line was told
    accepted_during: _Sent | None = None  # ghosts only: what was in flight then
    due: bool = True  # ghosts only: its final result may still come

    @property
    def submits(self) -> bool:
        return self.command.body is not None


class AtMachine:
    """One port's dialogue. It never waits; who gives up on an answer says so with `give_up`.

    A given-up command stays behind as a ghost, so that its late result is never taken for the next
    command's. ``+CMGS`` lines go to the oldest ghost that wrote a body, whatever is in flight. A final
    result goes to the oldest ghost unless the command in flight has shown a line that only it prints.
    So after a time-out, first send a command with a recognisable answer (``+CGSN``, ``+CSQ``) and send
    no body before `in_sync`.

    Attributes:
        echoed: a command in flight was repeated by the modem, since this was last set to False.
    """

    def __init__(self, urcs: UrcTable = GENERIC_URCS) -> None:
        self.urcs = urcs
        self.echoed = False
        self._partial = b""
        self._skipping = False
        self._running: _Sent | None = None
        self._ghosts: list[_Sent] = []
        self._echoes: list[str] = []
        self._header: str | None = None
        self._urcs_since_header = 0
        self._verbose = False  # once a worded result code was seen, a lone digit is none
        self._events: list[Event] = []

    @property
    def in_flight(self) -> Command | None:
        """The command whose final result has not come."""
        return self._running.command if self._running else None

    @property
    def in_sync(self) -> bool:
        """No given-up command can still print a final result."""
        return not any(ghost.due for ghost in self._ghosts)

    @property
    def awaits_pdu(self) -> bool:
        """A +CMT, +CDS or +CBM header came and its PDU did not yet."""
        return self._header is not None

    def send(self, command: Command) -> bytes:
        """The octets that start this command.

        Raises:
            RuntimeError: another one is in flight; the caller awaits it or gives it up first.
        """
        if self._running is not None:
            msg = f"{self._running.command.echo} is in flight"
            raise RuntimeError(msg)
        self._running = _Sent(command)
        if not self._partial.strip(b"> "):
            self._partial = b""  # a prompt that nobody waited for is not this command's
        self._echoes = [*self._echoes[-_GHOSTS:], command.echo]
        return command.echo.encode("ascii") + b"\r"

    def write_body(self) -> bytes:
        """The body of the command in flight, Ctrl-Z included, in one piece.

        Raises:
            RuntimeError: no prompt is open.
        """
        running = self._running
        if running is None or running.command.body is None or not running.prompted or running.body_written:
            msg = "no prompt is open"
            raise RuntimeError(msg)
        running.body_written = True
        self._ghosts = [ghost for ghost in self._ghosts if ghost.due]
        self._echoes.append(running.command.body[:-1].decode("ascii"))
        return running.command.body

    def escape(self) -> bytes:
        """The octet that leaves a prompt; most modems then end the command with OK (TS 27.005 §3.5.1)."""
        return ESC

    def give_up(self) -> tuple[str, ...]:
        """Stop waiting for the command in flight; what it still prints comes as `Late`.

        Returns:
            Its information lines so far.
        """
        running, self._running = self._running, None
        if running is None:
            return ()
        if running.body_written or not running.robbed:  # robbed: as many results as commands were seen
            self._add_ghost(running)
        return tuple(running.lines)

    def expect_late(self, command: Command) -> None:
        """Treat `command` as given up though this machine never sent it: an earlier session did."""
        self._add_ghost(_Sent(command))

    def _add_ghost(self, sent: _Sent) -> None:
        self._ghosts.append(sent)
        while len(self._ghosts) > _GHOSTS:
            self._ghosts.remove(next((ghost for ghost in self._ghosts if not ghost.submits), self._ghosts[0]))

    def forget(self) -> None:
        """Drop everything that an earlier command might still print: the modem was reset."""
        self._running = None
        self._ghosts.clear()
        self._echoes.clear()
        self._verbose = False

    def end_header(self) -> list[Event]:
        """Stop waiting for the PDU of a +CMT, +CDS or +CBM header, and tell the header without it."""
        self._close_header()
        events, self._events = self._events, []
        return events

    def receive(self, data: bytes) -> list[Event]:
        """What these octets mean, in order; any cut of a stream means the same."""
        *complete, self._partial = _BREAKS.split(self._partial + data.translate(None, _DROPPED))
        if self._skipping and complete:
            complete = complete[1:]
            self._skipping = False
        for raw in complete:
            if raw:
                self._whole(self._after_prompt(raw) if b">" in raw else raw)
        if self._skipping:
            self._partial = b""
        else:
            self._partial = self._after_prompt(self._partial)
            if len(self._partial) > LINE_LIMIT:
                self._whole(self._partial)
                self._partial, self._skipping = b"", True
        events, self._events = self._events, []
        return events

    # --- octets to lines ---

    def _after_prompt(self, raw: bytes) -> bytes:
        """Tell a prompt that begins these octets or is glued to a URC; what follows it."""
        running = self._running
        if running is None or not running.submits or running.prompted or b">" not in raw[:LINE_LIMIT]:
            return raw
        at = raw.index(b">")
        before = raw[:at]
        while before.count(b'"') % 2:  # inside quotes: a text, not a prompt
            at = raw.find(b">", at + 1, LINE_LIMIT)
            if at < 0:
                return raw
            before = raw[:at]
        text = before.decode("latin-1").strip()
        if any(0x20 < octet < 0x7F for octet in before):
            if not self.urcs.has(text) and text not in self._echoes:
                return raw
            self._line(text)
        running.prompted = True
        self._events.append(Prompt())
        return raw[at + 1 :]

    def _whole(self, raw: bytes) -> None:
        if not raw.strip():
            return
        if len(raw) > LINE_LIMIT:
            self._events.append(Noise(raw[:LINE_LIMIT]))
            return
        if _PRINTABLE.fullmatch(raw):
            self._line(raw.decode("ascii").strip())
            return
        clean = re.sub(rb"^[^\x21-\x7e]+|[^\x21-\x7e]+$", b"", raw).decode("utf-8", "replace")
        if self._known(clean) or (self._header is not None and len(clean) > 2 and mostly_hex(clean)):
            self._line(clean)  # noise around a line, or an operator's name in its own script
        else:
            self._events.append(Noise(raw))

    def _known(self, line: str) -> bool:
        kind = sort_line(line, self.in_flight, self.urcs)
        return kind not in (LineKind.TEXT, LineKind.TAGGED) or line.startswith("+CMGS:")

    # --- lines to events ---

    def _line(self, line: str) -> None:
        stripped = line.lstrip("> ")
        if not stripped:
            self._events.append(Noise(line.encode()))
            return
        rest = self._without_echo(stripped)
        for piece in unglue(rest, self.in_flight, self.urcs) if rest else ():
            self._piece(piece)

    def _without_echo(self, line: str) -> str:
        for at, echo in enumerate(self._echoes):
            command = echo.startswith("AT")
            if len(line) == len(echo) and line.casefold() == echo.casefold():
                self._echoed(at)
                return ""
            if line.startswith(echo) and self._known(line[len(echo) :].strip()):
                self._echoed(at)
                return line[len(echo) :].strip()
            # A URC may cut an echo in two; a short run of digits is an answer rather than a PDU's beginning.
            if echo.startswith(line) and (len(line) >= 4 or (command and not line.isdigit())):
                self._echoes[at] = echo[len(line) :]
                return ""
        return "" if _OLD_ECHO.match(line) else line

    def _echoed(self, at: int) -> None:
        echo = self._echoes.pop(at)
        self.echoed = self.echoed or (self._running is not None and echo == self._running.command.echo)

    def _piece(self, line: str) -> None:
        numeric = not self._verbose and (self._running is not None)
        kind = sort_line(line, self.in_flight, self.urcs, numeric=numeric)
        if self._header is not None:
            if kind is LineKind.TEXT and may_be_pdu(line, self._header, busy=self._running is not None):
                self._events.append(Unsolicited(self._header, line))
                self._header = None
                return
            self._urcs_since_header += 1
            if kind is not LineKind.URC or self._urcs_since_header > _URCS_BEFORE_PDU:
                self._close_header()
        if line.startswith("+CMGS:") or line == "+CMGS":
            self._cmgs(line)
            return
        match kind:
            case LineKind.HEADER:
                self._header, self._urcs_since_header = line, 0
            case LineKind.URC:
                self._events.append(Unsolicited(line))
            case LineKind.FINAL:
                final = parse_final(line, numeric=numeric)
                if final is not None:
                    self._verbose = self._verbose or not line.isdigit()
                    self._final(final)
            case LineKind.INFO:
                self._info(line)
            case LineKind.TAGGED | LineKind.TEXT:
                self._other(line, kind)

    def _close_header(self) -> None:
        if self._header is not None:
            self._events.append(Unsolicited(self._header, None))
            self._header = None

    def _cmgs(self, line: str) -> None:
        """``+CMGS`` belongs to the oldest command that wrote a body and has none yet."""
        ghost = next((ghost for ghost in self._ghosts if ghost.submits and not ghost.accepted), None)
        if ghost is not None:
            ghost.accepted = ghost.due = True
            ghost.accepted_during = self._running
            self._events.append(Late(ghost.command, (line,), None))
        elif self._running is not None and self._running.body_written:
            self._running.recognised = self._running.accepted = True
            self._running.lines.append(line)
            self._events.append(Info(self._running.command, line))
        else:
            self._events.append(Unsolicited(line))  # of an earlier session on this port

    def _info(self, line: str) -> None:
        running = self._running
        if running is None:
            return
        running.lines.append(line)
        running.recognised = True
        if line.startswith(running.command.final_prefixes):
            self._settle(running, None)

    def _other(self, line: str, kind: LineKind) -> None:
        running = self._running
        due = [ghost for ghost in self._ghosts if ghost.due]
        ghost = next((ghost for ghost in due if line.startswith(ghost.command.expected)), None)
        if ghost is None and running is None:
            ghost = next((ghost for ghost in due if self._wants(ghost.command, line, kind)), None)
        if ghost is not None:
            ghost.lines.append(line)
        elif running is not None and self._wants(running.command, line, kind):
            running.lines.append(line)
            if running.command.bare and _IDENTITY.fullmatch(line):
                running.recognised = True
        else:
            self._events.append(Unsolicited(line))

    @staticmethod
    def _wants(command: Command, line: str, kind: LineKind) -> bool:
        if line.startswith(command.expected):
            return True
        if kind is LineKind.TAGGED:  # without prefixes of its own, its answer may bear any name: +CICCID says +ICCID:
            return not command.info and command.body is None
        return command.body is None or command.text.startswith("+CMGW")

    def _final(self, final: Final) -> None:
        running = self._running
        ghost = next((ghost for ghost in self._ghosts if ghost.due), None)
        if running is not None and (ghost is None or running.recognised):
            self._settle(running, final)
        elif ghost is not None:
            if running is not None:
                running.robbed = True
            ghost.due = False
            if not ghost.accepted:
                self._events.append(Late(ghost.command, tuple(ghost.lines), final.error(ghost.command.echo)))
            if ghost.accepted or not ghost.submits:
                self._ghosts.remove(ghost)
        else:
            self._events.append(Noise(final.text.encode()))

    def _settle(self, sent: _Sent, final: Final | None) -> None:
        self._running = None
        error = final.error(sent.command.echo) if final else None
        self._events.append(Answered(sent.command, tuple(sent.lines), error))
        if sent.recognised:
            for ghost in self._ghosts:
                # Answers come in order, so an older command has none to give any more; the same words prove nothing.
                if not set(ghost.command.expected) & set(sent.command.expected):
                    ghost.due = ghost.due and ghost.accepted_during is sent
            self._ghosts = [ghost for ghost in self._ghosts if ghost.due or ghost.submits]
        if not self._ghosts:
            self._echoes.clear()
