"""Puts one part on the air by the wire rules: claimed, AT+CMGS, prompt and commit, Ctrl-Z, result, settled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from modemfarm.at.events import CTRL_Z, Answered, Command, Late
from modemfarm.at.replies import parse_cmgs
from modemfarm.errors import CmeError, CmsError, CommandError, LinkLostError, NoAnswerError, StoreError
from modemfarm.gsm.address import encode_smsc
from modemfarm.model import ClaimedPart, Evidence, Outcome
from modemfarm.modem.family import Profile
from modemfarm.modem.journal import After, Go, GoOn, Resync, Stop, Wire
from modemfarm.modem.link import Link, Submission
from modemfarm.modem.settings import Clock

log = logging.getLogger(__name__)

FRESH_S = 0.2  # step 3 older than this when the prompt comes is re-checked with the prompt open
_PROMPTS = 3  # how often one attempt may ask for a prompt when its commit comes too late
_LEAVE_WITHIN_S = 1.0  # what a modem may take to leave the prompt after ESC
_RETRY_S = (0.5, 1.0, 2.0, 5.0)  # waits while the database cannot commit; the last one repeats


class Sender:
    """One modem's way to the air.

    Attributes:
        profile: the generic one until the modem was identified.
        accepted: parts this session put on the air with success.
        promptless: attempts in a row that got no prompt.
        centre: service centre that each PDU names; None: the card's.
        sent_at: loop time of the last result, for AT+CMMS.
    """

    def __init__(
        self, link: Link, journal: Wire, profile: Profile, clock: Clock, result_within_s: float | None = None
    ) -> None:
        self._link, self._journal, self.profile, self._clock = link, journal, profile, clock
        self._loop = asyncio.get_running_loop()
        self._result_within_s = result_within_s  # None: the profile's
        self._on_air: dict[int, tuple[str, datetime]] = {}  # attempts that had Ctrl-Z and no evidence: iccid, when
        self._settling: asyncio.Task[After] | None = None  # writes that the last part was accepted
        self.centre: str | None = None
        self.sent_at = float("-inf")
        self.accepted = self.promptless = 0

    def beside(self, journal: Wire) -> Sender:
        """The same way to the air for what is no part of a message; what comes of it is told to `journal`."""
        other = Sender(self._link, journal, self.profile, self._clock, self._result_within_s)
        other.centre = self.centre
        return other

    async def send(self, part: ClaimedPart, on_air: Callable[[], object] = lambda: None) -> After | None:
        """Try once to send a claimed part, and settle it; that it was accepted is written while the next one begins.

        Args:
            part: what to send.
            on_air: called after Ctrl-Z, where the lane has time.

        Returns:
            What to do next; None when the store said stop.

        Raises:
            LinkLostError: the port is gone; the part is settled all the same.
        """
        try:
            ready = await self._open(part)
        except NoAnswerError as error:
            log.info("attempt %d: the modem is not in step: %s", part.attempt_id, error)
            return await self._not_sent(part, "no_prompt")
        except BaseException as error:
            await self._not_sent(part, "port_lost" if isinstance(error, LinkLostError) else "stop")
            raise
        return await self._put_on_air(part, ready, on_air) if isinstance(ready, Submission) else ready

    async def _open(self, part: ClaimedPart) -> Submission | After | None:
        """All that comes before Ctrl-Z: a prompt that may be written to, or what to do instead; nothing has left.

        Raises:
            NoAnswerError: no prompt can be asked for; the part is not settled.
            LinkLostError: the port is gone; the part is not settled.
        """
        await self._keep_link_open(part)
        pdu = part.pdu if self.centre is None else encode_smsc(self.centre) + part.pdu[-part.tpdu_length :]
        command = Command(f"+CMGS={part.tpdu_length}", body=pdu.hex().upper().encode() + CTRL_Z, tag=part.attempt_id)
        submission = self._link.submit(command, self.profile.timeouts.prompt)
        try:
            if not self._journal.keeps_order:
                await self.settled()  # or step 3 could be judged by counts that lack the last part
            verdict = await self._journal.submitting(part)
            committed = self._loop.time()
            for _ in range(_PROMPTS):
                if isinstance(verdict, Stop):
                    await self._leave(submission)
                    return None
                what = await asyncio.shield(submission.prompt)
                await self.settled()
                if what != "prompt":
                    return await self._ended_at_prompt(part, submission)
                if not submission.escaped and self._is_old(verdict, committed):
                    verdict = await self._recheck(part)
                    committed = self._loop.time()
                    if isinstance(verdict, Stop):
                        continue
                if not submission.escaped:
                    return await self._ended_at_prompt(part, submission) if submission.answer.done() else submission
                await self._leave(submission)  # the commit came too late: back to AT+CMGS
                if not await resync(self._link, self.profile):
                    return await self._not_sent(part, "no_prompt")
                submission = self._link.submit(command, self.profile.timeouts.prompt)
        except StoreError as error:
            log.warning("attempt %d: not committed, not sent: %s", part.attempt_id, error)
            await self._leave(submission)
            await self._not_sent(part, "stop")
            return Resync()
        except BaseException:
            await self._leave(submission)
            raise
        await self._leave(submission)
        return await self._not_sent(part, "no_prompt")

    @property
    def behind(self) -> bool:
        """Whether the database was told of an accepted part a while ago and has not taken it: no new prompt."""
        return self._settling is not None and self._loop.time() - self.sent_at > FRESH_S and not self._settling.done()

    async def settled(self) -> None:
        """Wait until what the last accepted part came to is written."""
        if self._settling is not None:
            await (asyncio.shield(self._settling) if not self._settling.done() else self._settling)

    async def late(self, event: Late) -> After | None:
        """A result of a command that was given up: it belongs to that attempt."""
        known = self._on_air.get(event.command.tag)
        if known is None:
            return None
        iccid, ctrl_z_at = known
        accepted = next((line for line in event.lines if line.startswith("+CMGS")), None)
        if accepted is None and not (isinstance(event.error, CmsError | CmeError) and event.error.code is not None):
            return None  # a bare OK or ERROR says nothing about which command it ends
        del self._on_air[event.command.tag]
        if accepted is not None:
            outcome = Outcome(
                Evidence.ACCEPTED,
                "submitted",
                self._clock.now(),
                ctrl_z_at,
                mr=parse_cmgs(accepted),
                text=accepted,
                late=True,
            )
        else:
            assert event.error is not None
            kind, code, text = describe(event.error)
            outcome = Outcome(
                Evidence.REFUSED, "submitted", self._clock.now(), ctrl_z_at, kind=kind, code=code, text=text, late=True
            )
        return await self.settle(event.command.tag, iccid, outcome)

    def remember(self, attempt_id: int, iccid: str, ctrl_z_at: datetime) -> None:
        """An attempt of an earlier session whose result may still come."""
        self._on_air[attempt_id] = (iccid, ctrl_z_at)

    async def settle(self, attempt_id: int, iccid: str, outcome: Outcome) -> After:
        """Write an outcome; while the database cannot, hold it and try again."""
        waits = iter(_RETRY_S)
        wait = 0.0
        while True:
            try:
                return await self._journal.settle(attempt_id, iccid, outcome)
            except StoreError as error:
                wait = next(waits, wait)
                log.warning("attempt %d: its outcome waits for the database: %s", attempt_id, error)
                await asyncio.sleep(wait)

    async def _keep_link_open(self, part: ClaimedPart) -> None:
        """AT+CMMS=1 before a burst, where verified: the network keeps the channel (TS 27.005 §3.5.6)."""
        if part.more_follow and self.profile.cmms_verified and self._loop.time() - self.sent_at > 1.0:
            try:
                await self._link.command("+CMMS=1", self.profile.timeouts.command)
            except CommandError:
                log.debug("AT+CMMS=1 refused")

    def _is_old(self, verdict: Go, committed: float) -> bool:
        age_s = (self._clock.now() - verdict.committed_at).total_seconds()
        # A negative age: the clock was set back, so its word is worth nothing.
        return self._loop.time() - committed > FRESH_S or not 0 <= age_s <= FRESH_S

    async def _recheck(self, part: ClaimedPart) -> Go | Stop:
        try:
            return await self._journal.recheck(part)
        except StoreError as error:
            log.warning("attempt %d: not re-checked: %s", part.attempt_id, error)
            return Go(datetime.min.replace(tzinfo=self._clock.now().tzinfo))

    async def _put_on_air(self, part: ClaimedPart, submission: Submission, on_air: Callable[[], object]) -> After:
        ctrl_z_at = self._clock.now()
        self.promptless = 0
        self._on_air[part.attempt_id] = (part.iccid, ctrl_z_at)
        cancelled: BaseException | None = None
        try:
            self._link.write_body(submission, self._result_within_s or self.profile.timeouts.cmgs)
            on_air()
            answered = await asyncio.shield(submission.answer)
        except LinkLostError:
            answered = None
        except asyncio.CancelledError as error:
            answered, cancelled = None, error
        outcome = self._judge(submission, answered, ctrl_z_at, stopped=cancelled is not None)
        self.sent_at = self._loop.time()
        if outcome.evidence is not Evidence.UNCERTAIN:
            del self._on_air[part.attempt_id]
        if outcome.evidence is Evidence.ACCEPTED:
            self.accepted += 1
        if answered is None and not self._link.lost:
            self._link.give_up(submission)
        settling = self.settle(part.attempt_id, part.iccid, outcome)
        if outcome.evidence is Evidence.ACCEPTED and cancelled is None and not self._link.lost:
            self._settling = self._loop.create_task(settling, name=f"settle {part.attempt_id}")
            await asyncio.sleep(0)  # it is asked before the next part's step 3
            return GoOn() if self._link.in_step else Resync()
        after = await settling
        if cancelled is not None:
            raise cancelled
        if self._link.lost:
            raise LinkLostError("the port was lost on the air")
        if outcome.evidence is Evidence.UNCERTAIN and isinstance(after, GoOn):
            return Resync()
        return after

    def _judge(
        self, submission: Submission, answered: Answered | None, ctrl_z_at: datetime, *, stopped: bool
    ) -> Outcome:
        now = self._clock.now()
        lines = answered.lines if answered is not None else ()
        for line in (submission.accepted, *lines):
            if line is not None and line.startswith("+CMGS"):
                return Outcome(Evidence.ACCEPTED, "submitted", now, ctrl_z_at, mr=parse_cmgs(line), text=line)
        if answered is None:
            lost = self._link.lost or submission.lost
            text = "port_lost" if lost else "stop" if stopped else "timeout"
            return Outcome(Evidence.UNCERTAIN, "submitted", now, ctrl_z_at, text=text)
        if answered.error is None:
            return Outcome(Evidence.UNCERTAIN, "submitted", now, ctrl_z_at, text="ok_without_cmgs")
        kind, code, text = describe(answered.error)
        evidence = Evidence.UNCERTAIN if code is None else Evidence.REFUSED
        return Outcome(evidence, "submitted", now, ctrl_z_at, kind=kind, code=code, text=text)

    async def _ended_at_prompt(self, part: ClaimedPart, submission: Submission) -> After:
        """No prompt: an error, a silent modem or a lost port. Nothing left."""
        answered = submission.answer.result() if submission.answer.done() else None
        if answered is not None and answered.error is not None:
            kind, code, text = describe(answered.error)
            outcome = Outcome(Evidence.REFUSED, "prompt", self._clock.now(), kind=kind, code=code, text=text)
            return await self.settle(part.attempt_id, part.iccid, outcome)
        if self._link.lost:
            raise LinkLostError("the port was lost before the prompt")
        await self._leave(submission)
        await self._not_sent(part, "no_prompt")
        return Resync()

    async def _not_sent(self, part: ClaimedPart, text: str) -> After:
        self.promptless += text == "no_prompt"
        outcome = Outcome(Evidence.NOT_SENT, "prompt", self._clock.now(), text=text)
        return await self.settle(part.attempt_id, part.iccid, outcome)

    async def _leave(self, submission: Submission) -> None:
        """Get away from the prompt without sending: wait for it, then ESC."""
        if self._link.lost:
            return
        if not submission.prompt.done():
            await asyncio.wait({submission.prompt})
        if submission.answer.done() or self._link.lost:
            return
        try:
            if not submission.escaped:
                self._link.escape(submission)
            await asyncio.wait({submission.answer}, timeout=_LEAVE_WITHIN_S)
            if not submission.answer.done():
                self._link.give_up(submission)
        except LinkLostError:
            return


async def resync(link: Link, profile: Profile) -> bool:
    """Ask something with an unmistakable answer; True when it came and nothing older can come any more.

    +CSQ answers on every modem, and its line cannot be taken for a submission's result (TS 27.007 §8.5).
    """
    for command in (Command("+CSQ", info=("+CSQ:",)), Command("+CREG?", info=("+CREG:",)), Command("+CGSN")):
        try:
            lines = await link.command(command, profile.timeouts.command)
        except (CommandError, NoAnswerError) as error:
            log.debug("not in step: %s", error)
            continue
        if lines and link.in_step:
            return True
    return False


def describe(error: CommandError) -> tuple[str, int | None, str]:
    """Kind, code and text of an error line, as `Outcome` keeps them."""
    match error:
        case CmsError(code=code, text=text):
            return "cms", code, text
        case CmeError(code=code, text=text):
            return "cme", code, text
        case _:
            return "error", None, error.text
