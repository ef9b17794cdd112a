"""The shell around the AT machine: one reader, one command at a time, time-outs, and what came unasked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from modemfarm.at.events import Answered, Command, Event, Info, Late, Prompt, Unsolicited
from modemfarm.at.machine import AtMachine
from modemfarm.at.urcs import UrcTable
from modemfarm.errors import LinkLostError, NoAnswerError
from modemfarm.modem.port import Port

ESCAPE_AFTER_S = 2.0  # an open prompt nobody writes to is left after this (architecture.md, step 3)

_PDU_WITHIN_S = 2.0  # from a +CMT or +CDS header to its PDU line
_FINAL_WITHIN_S = 5.0  # from +CMGS: to its OK


class Submission:
    """One AT+CMGS on its way: the prompt, then the result.

    Attributes:
        prompt: becomes ``prompt``, ``answered`` (a final result came instead), ``timeout`` or ``lost``.
        answer: the final result; None when none came in time, or (`lost`) the port is gone or the modem restarted.
        prompt_at: loop time of the prompt.
        accepted: the +CMGS line, as soon as it was read; it counts whatever follows.
        escaped: nobody wrote the PDU within `ESCAPE_AFTER_S` of the prompt; ESC was sent.
    """

    __slots__ = ("accepted", "answer", "command", "escaped", "lost", "prompt", "prompt_at", "timer")

    def __init__(self, command: Command, loop: asyncio.AbstractEventLoop) -> None:
        self.command = command
        self.prompt: asyncio.Future[str] = loop.create_future()
        self.answer: asyncio.Future[Answered | None] = loop.create_future()
        self.prompt_at: float | None = None
        self.accepted: str | None = None
        self.escaped = False
        self.lost = False
        self.timer: asyncio.TimerHandle | None = None

    def at_prompt(self, what: str) -> None:
        if not self.prompt.done():
            self.prompt.set_result(what)

    def end(self, answered: Answered | None, why: str = "timeout") -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.at_prompt("answered" if answered is not None else why)
        if not self.answer.done():
            self.lost = answered is None and why == "lost"
            self.answer.set_result(answered)


class Link:
    """Commands to one modem over one port.

    Attributes:
        on_echo: called when the modem repeated a command.
    """

    def __init__(
        self,
        port: Port,
        machine: AtMachine,
        on_event: Callable[[Unsolicited | Late], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._port = port
        self._machine = machine
        self._on_event = on_event
        self._on_lost = on_lost
        self.on_echo: Callable[[], None] = lambda: None
        self._header_timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[Answered] | None = None
        self._submission: Submission | None = None
        self._lost: LinkLostError | None = None

    @property
    def lost(self) -> bool:
        return self._lost is not None

    @property
    def in_step(self) -> bool:
        """No command that was given up can still print a result that would look like another's."""
        return self._machine.in_sync

    async def read_on(self) -> None:
        """Read the port until it is gone; everything else happens in between. Raises LinkLostError."""
        try:
            while True:
                data = await self._port.read()
                events = self._machine.receive(data)
                if self._machine.echoed:
                    self._machine.echoed = False
                    self.on_echo()  # before the prompt that followed it
                self._sort(events)
                if self._header_timer is not None:
                    self._header_timer.cancel()
                    self._header_timer = None
                if self._machine.awaits_pdu:
                    self._header_timer = self._loop.call_later(_PDU_WITHIN_S, self._header_alone)
        except LinkLostError as error:
            self._end(error)
            raise
        finally:
            if self._header_timer is not None:
                self._header_timer.cancel()

    def _sort(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Answered):
                self._answered(event)
            elif isinstance(event, Prompt):
                self._prompted()
            elif isinstance(event, Info):
                self._accepted(event)
            elif isinstance(event, Unsolicited | Late):
                self._on_event(event)

    def _header_alone(self) -> None:
        self._header_timer = None
        self._sort(self._machine.end_header())

    async def command(self, command: Command | str, within_s: float) -> tuple[str, ...]:
        """The information lines that a command was answered with.

        Raises:
            CommandError, CmeError, CmsError: the modem said no.
            NoAnswerError: no final result in time; a late one will not be taken for another command's.
            LinkLostError: the port is gone.
        """
        event = await self.exchange(Command(command) if isinstance(command, str) else command, within_s)
        if event.error is not None:
            raise event.error
        return event.lines

    async def exchange(self, command: Command, within_s: float) -> Answered:
        """What a command was answered with, the modem's own errors included.

        Raises:
            NoAnswerError, LinkLostError: as `command`.
        """
        self._check()
        answer: asyncio.Future[Answered] = self._loop.create_future()
        self._answer = answer
        timer = self._loop.call_later(within_s, _time_out, answer, command, within_s)
        try:
            self._write(self._machine.send(command))
            return await answer
        except NoAnswerError:
            self._machine.give_up()
            raise
        except asyncio.CancelledError:
            self._machine.give_up()
            raise
        finally:
            timer.cancel()
            self._answer = None
            if answer.done() and not answer.cancelled():
                answer.exception()  # where the write itself failed, nobody else looks at it

    def submit(self, command: Command, prompt_within_s: float) -> Submission:
        """Write AT+CMGS; the prompt and the result arrive in the submission.

        Raises:
            NoAnswerError: the link is not in step; re-synchronise first.
            LinkLostError: the port is gone.
        """
        self._check()
        if not self._machine.in_sync:
            raise NoAnswerError("AT+CMGS", 0)
        submission = Submission(command, self._loop)
        self._submission = submission
        submission.timer = self._loop.call_later(prompt_within_s, submission.at_prompt, "timeout")
        self._write(self._machine.send(command))
        return submission

    def write_body(self, submission: Submission, within_s: float) -> None:
        """PDU and Ctrl-Z, in one write; the result must come within `within_s`."""
        if submission.timer is not None:
            submission.timer.cancel()
        submission.timer = self._loop.call_later(within_s, submission.end, None)
        self._write(self._machine.write_body())

    def escape(self, submission: Submission | None = None) -> None:
        """Leave the prompt: nothing is sent (TS 27.005 §3.5.1)."""
        if submission is not None and submission.timer is not None:
            submission.timer.cancel()
            submission.timer = None
        self._write(self._machine.escape())

    def give_up(self, submission: Submission) -> None:
        """Stop waiting for a submission; its late result comes as `Late`."""
        if submission.timer is not None:
            submission.timer.cancel()
        if self._submission is submission:
            self._submission = None
            self._machine.give_up()

    def expect_late(self, command: Command) -> None:
        """Treat `command` as given up, though an earlier session wrote it."""
        self._machine.expect_late(command)

    def restarted(self) -> None:
        """The modem started anew: whatever it owed is not coming."""
        self._machine.forget()
        if self._submission is not None:
            self._submission.end(None, "lost")
            self._submission = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NoAnswerError("AT", 0))

    def use(self, urcs: UrcTable) -> None:
        """From here on these lines are unsolicited."""
        self._machine.urcs = urcs

    def abort(self) -> None:
        self._port.abort()

    def _answered(self, event: Answered) -> None:
        submission = self._submission
        if submission is not None and event.command is submission.command:
            self._submission = None
            submission.end(event)
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(event)

    def _accepted(self, event: Info) -> None:
        submission = self._submission
        if submission is None or event.command is not submission.command or submission.timer is None:
            return
        submission.accepted = event.line
        submission.timer.cancel()
        submission.timer = self._loop.call_later(_FINAL_WITHIN_S, submission.end, None)

    def _prompted(self) -> None:
        submission = self._submission
        if submission is None or submission.prompt.done():
            return
        submission.prompt_at = self._loop.time()
        if submission.timer is not None:
            submission.timer.cancel()
        submission.timer = self._loop.call_later(ESCAPE_AFTER_S, self._nobody_wrote, submission)
        submission.at_prompt("prompt")

    def _nobody_wrote(self, submission: Submission) -> None:
        submission.timer = None
        submission.escaped = True
        try:
            self.escape(submission)
        except LinkLostError:
            submission.end(None, "lost")

    def _write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except LinkLostError as error:
            self._end(error)
            raise

    def _check(self) -> None:
        if self._lost is not None:
            raise LinkLostError(str(self._lost)) from self._lost

    def _end(self, error: LinkLostError) -> None:
        if self._lost is None:
            self._lost = error
            self._on_lost()
        if self._submission is not None:
            self._submission.end(None, "lost")
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(LinkLostError(str(error)))


def _time_out(answer: asyncio.Future[Answered], command: Command, within_s: float) -> None:
    if not answer.done():
        answer.set_exception(NoAnswerError(f"AT{command.text}", within_s))
