"""What a virtual modem hears: octets in any cut become command lines, or the body after a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemfarm.simulator.answering import command
from modemfarm.simulator.answers import OK, parse_line
from modemfarm.simulator.submission import submit

if TYPE_CHECKING:
    from modemfarm.simulator.virtual import VirtualModem

CTRL_Z, ESC, CR = 0x1A, 0x1B, 0x0D
MOST_INPUT = 8192  # a line or PDU longer than this is thrown away


class Ear:
    """One modem's input.

    Attributes:
        busy: an answer has to wait; nothing more is heard until it was given.
    """

    def __init__(self, modem: VirtualModem) -> None:
        self._modem = modem
        self._input = bytearray()
        self._body = bytearray()
        self.busy = False

    def forget(self) -> None:
        """Power was off: what was heard is gone."""
        self._input.clear()
        self._body.clear()
        self.busy = False

    def drop_input(self) -> None:
        self._input.clear()

    @property
    def waiting(self) -> bool:
        """Whether something is being done or half heard."""
        return self.busy or bool(self._input) or self._modem.expects is not None

    def hear(self, data: bytes) -> None:
        self._input += data
        self.go_on()

    def go_on(self) -> None:
        """Work through what was heard, until an answer has to wait."""
        modem = self._modem
        while self._input and not self.busy and modem.powered and not modem.hung:
            if not (self._hear_body() if modem.expects is not None else self._hear_line()):
                return

    def _hear_line(self) -> bool:
        modem = self._modem
        end = self._input.find(CR)
        if end < 0:
            if len(self._input) > MOST_INPUT:
                self._input.clear()
            return False
        raw = bytes(self._input[:end])
        del self._input[: end + 1]
        if modem.settings.echo and not modem.deaf:
            modem.speech.say(raw + b"\r")
        for stop in (b"\x1b", b"\x1a"):  # ESC and Ctrl-Z outside a prompt end what was typed so far
            raw = raw.rpartition(stop)[2]
        line = raw.decode("latin-1").strip("\n\x00 ")
        requests = parse_line(line)
        if requests is not None:
            command(modem, requests)
        return True

    def _hear_body(self) -> bool:
        modem = self._modem
        ends = [at for at in (self._input.find(CTRL_Z), self._input.find(ESC)) if at >= 0]
        end = min(ends) if ends else len(self._input)
        if modem.moments and self._cut_line(len(self._body) + end):
            return False
        heard = bytes(self._input[:end])
        self._body += heard
        if modem.settings.echo and heard and not modem.deaf:
            modem.speech.say(heard)
        if not ends:
            self._input.clear()
            del self._body[MOST_INPUT:]
            return False
        stop = self._input[end]
        del self._input[: end + 1]
        expects, modem.expects = modem.expects, None
        body = bytes(self._body).strip()
        self._body.clear()
        if stop == ESC:
            modem.finish(OK)
        elif expects is not None:
            submit(modem, expects, body)
        return True

    def _cut_line(self, heard: int) -> bool:
        """Tell ``mid-pdu`` once per body; when a listener cuts the line, what is left of the input is lost."""
        modem = self._modem
        assert modem.expects is not None
        kind, length, _ = modem.expects
        half = length if kind == "pdu" else 1
        if len(self._body) >= half or heard < half:
            return False
        if modem.moments.tell("mid-pdu", modem.number):
            self._body += self._input[: max(0, half - len(self._body))]
            self._input.clear()
            return True
        return False
