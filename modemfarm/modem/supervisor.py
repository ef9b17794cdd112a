"""One port's supervisor: opens, runs session after session, climbs the ladder, lets no error out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from modemfarm.at.events import Answered, Command
from modemfarm.errors import CommandError, LinkLostError, NoAnswerError, PortBusyError, PortGoneError, SimError
from modemfarm.model import ClaimedPart
from modemfarm.modem.asking import START_WITHIN_S, Asking, NotAskedError
from modemfarm.modem.bringup import FaultError
from modemfarm.modem.family import Profiles
from modemfarm.modem.journal import Journal, ModemStatus, Resync, Wire
from modemfarm.modem.ladder import SENTENCE_OF, Ladder, Limits, Rung, Step
from modemfarm.modem.link import Link
from modemfarm.modem.port import PortOpener
from modemfarm.modem.recorder import Recorder, Recordings
from modemfarm.modem.sentences import CAUSES
from modemfarm.modem.session import Session
from modemfarm.modem.settings import Clock, ModemSettings
from modemfarm.modem.status import StatusBoard
from modemfarm.modem.ussd import Dialogue, Ear, converse

log = logging.getLogger(__name__)

_BUSY_RETRY_S = 10.0
_SIM_RETRY_S = 15.0  # a card may be put in at any time
_TWICE_RETRY_S = 2.0
# A modem that sees a card only as it starts is restarted after so many looks in vain: soon, and ever more seldom.
_RESTARTS_FOR_A_CARD = frozenset(3**n for n in range(12))
_LOCKED_RETRY_S = 300.0  # a card that waits for a person
_GONE_RETRY_S = (0.3, 0.5, 1.0, 2.0, 5.0)  # a port that vanished is looked for; never a reason for a reset
_INSIDE_RETRY_S = 30.0
_AT_ONCE_S = 0.2
_RESTARTS_IN_A_ROW = 5  # a modem that restarts again and again is ill: brown-outs look like this

# Sentences for a card that cannot be used, by `SimError.condition`; a PIN's own slug wins.
_SIM_SLUGS = {"absent": "sim_absent", "puk": "puk_wanted", "wrong_pin": "pin_wrong", "locked": "sim_locked"}
_PIN_SLUGS = frozenset({"pin_unknown", "pin_blocked", "pin_sealed", "pin_counter_unreadable", "pin_last_try"})
_ONLY_A_RESTART = frozenset({"no_result", "receiving_stalled"})
_NOT_THE_MODEMS_FAULT = frozenset({"restarted", "settings_lost", "sim_changed"})


class Supervisor:
    """Keeps one port served for as long as `run` is not cancelled or drained."""

    def __init__(
        self,
        path: str,
        opener: PortOpener,
        profiles: Profiles,
        journal: Journal,
        settings: ModemSettings,
        clock: Clock,
        limits: Limits | None = None,
        recordings: Recordings | None = None,
    ) -> None:
        self.path = path
        self._opener, self._profiles, self._journal = opener, profiles, journal
        self._settings, self._clock = settings, clock
        self._limits = limits or Limits()
        self.recorder = Recorder(path, clock, recordings)
        self._asking = Asking()
        self._board = StatusBoard(path, journal, clock, self.recorder.changed)
        self._ladder = Ladder()
        self._session: Session | None = None
        self._stopping = False
        self._stopped = asyncio.Event()
        self._reset_asked = self._retry_asked = False
        self._nudge = asyncio.Event()
        self._patient = False  # waiting for a person or a card: a request may cut that short
        self._gone = 0
        self._restarts = 0
        self._cardless = 0  # looks in vain for a card, in a row
        self._owes_nothing = False

    @property
    def status(self) -> ModemStatus:
        """What the modem is doing now."""
        return self._board.status

    def plugged_in_anew(self) -> None:
        """The device is another one than the last that bore this name: it owes no result of a message."""
        self._owes_nothing = True

    def placed(self, usb_path: str | None) -> None:
        """Where on the USB the port's device hangs; told with the next change."""
        self._board.placed(usb_path)

    async def run(self) -> None:
        """Serve the port; returns after `drain`, raises nothing but CancelledError."""
        step = Step(Rung.PLAIN, 0.0)
        try:
            while not self._stopping:
                try:
                    step = await self._once(step.rung)
                except Exception:
                    log.exception("%s: a session failed inside", self.path)
                    await self._board.say("failed_inside", seconds=int(_INSIDE_RETRY_S))
                    step = Step(Rung.REINIT, _INSIDE_RETRY_S)
                if not self._stopping:
                    self._patient = step.rung is Rung.PLAIN
                    await self._pause(step.wait_s)
                    self._patient = False
        finally:
            self._asking.stop()
            self._stopped.set()

    async def hold(self, seconds: float, stays_s: float) -> None:
        """Serve nothing for so long, since the port comes and goes; it has to stay `stays_s`. `stop` ends it."""
        await self._board.say("flapping", seconds=int(stays_s))
        try:
            async with asyncio.timeout(seconds):
                while not self._stopping:
                    self._nudge.clear()
                    await self._nudge.wait()
        except TimeoutError:
            return

    async def reset(self) -> None:
        """Restart the modem as soon as nothing of ours is on the air; a person asked."""
        self._reset_asked = True
        self._nudge.set()
        if self._session is not None:
            self._session.reset()

    def retry(self) -> None:
        """Look at the card again at once: a person entered its PIN."""
        self._retry_asked = True
        self._nudge.set()

    async def ask(
        self, command: Command | str, within_s: float, *, start_within_s: float = START_WITHIN_S, touches: bool = False
    ) -> Answered:
        """What the modem answers to one command, put to it by its own session between its other work.

        Args, Raises: as `Asking.ask`.
        """
        if self._patient:
            self._nudge.set()
        return await self._asking.ask(command, within_s, start_within_s=start_within_s, touches=touches)

    async def ussd(self, steps: Sequence[str]) -> Dialogue:
        """A dialogue with the network: a code, then an answer to each menu.

        Raises:
            UssdError: the network gave no answer.
            NotAskedError, NoAnswerError, LinkLostError: as `ask`.
        """
        status = self.status
        profile = self._profiles.choose(status.manufacturer or "", status.model or "", status.firmware or "")
        modem = status.imei or self.path
        ear = Ear()

        async def errand(link: Link) -> Dialogue:
            self._asking.ear = ear
            try:
                return await converse(link, ear, profile, steps, self._limits.ussd.get(modem))
            finally:
                self._asking.ear = None

        if self._patient:
            self._nudge.set()
        dialogue = await self._asking.lend(errand, "USSD")
        self._limits.ussd[modem] = dialogue.encoding
        return dialogue

    async def submit(self, part: ClaimedPart, wire: Wire) -> None:
        """Put something of the farm's own on the air, between two parts of the lane; `wire` is told what comes of it.

        Raises:
            NotAskedError, NoAnswerError, LinkLostError: as `ask`.
        """

        async def errand(_link: Link) -> None:
            sender = self._asking.sender
            if sender is None:
                raise NotAskedError("busy")
            if sender.behind:  # the database takes nothing
                raise NotAskedError("busy")
            await sender.settled()
            beside = sender.beside(wire)
            after = await beside.send(part)
            await beside.settled()
            if isinstance(after, Resync):
                raise NoAnswerError("AT+CMGS", 0)

        if self._patient:
            self._nudge.set()
        await self._asking.lend(errand, "AT+CMGS", sends=True)

    def stop(self) -> None:
        """Begin to drain: no new prompt."""
        self._asking.stop()
        self._stopping = True
        self._nudge.set()
        if self._session is not None:
            self._session.stop()

    async def drain(self) -> None:
        """Stop, and wait until the result on the air is written; the caller sets the deadline, then cancels `run`."""
        self.stop()
        await self._stopped.wait()

    async def vanished(self) -> None:
        """Discovery lost sight of the port: say so; whoever says it ends `run`."""
        await self._board.say("gone")

    async def _once(self, rung: Rung) -> Step:
        """One session; what to do next."""
        self._retry_asked = False
        if self._reset_asked:
            self._reset_asked = False
            rung = Rung.RESET
            await self._board.say("reset_by_person")
        try:
            port = await self._opener.open(self.path)
        except PortBusyError as error:
            await self._board.say("port_busy", what=str(error))
            return Step(rung, _BUSY_RETRY_S)
        except LinkLostError as error:
            self._owes_nothing = self._owes_nothing or isinstance(error, PortGoneError)
            return await self._absent(rung, str(error))
        port = self.recorder.tap(port, rung=rung.name.lower())
        session = Session(
            port,
            self._profiles,
            self._journal,
            self._board,
            settings=self._settings,
            clock=self._clock,
            limits=self._limits,
            asking=self._asking,
        )
        self._session = session
        if self._stopping:
            session.stop()
        try:
            await session.run(rung, owes_nothing=self._owes_nothing)
        except LinkLostError as error:
            log.info("%s", error)
            if session.worked:
                self._ladder.worked()
                self._gone = 0
            return await self._absent(Rung.PLAIN, "")
        except SimError as error:
            return await self._card_unusable(session, error)
        except NoAnswerError as error:
            return await self._fault(session, "no_answer", str(error))
        except CommandError as error:
            return await self._fault(session, "init_refused", str(error))
        except FaultError as error:
            return await self._fault(session, error.slug, str(error))
        finally:
            self._session = None
            self._owes_nothing = session.started_anew
            port.abort()
        await self._board.say("stopped")
        return Step(Rung.PLAIN, 0.0)

    async def _absent(self, rung: Rung, what: str) -> Step:
        wait_s = _GONE_RETRY_S[min(self._gone, len(_GONE_RETRY_S) - 1)]
        self._gone += 1
        if "ermission" in what:
            await self._board.say("port_refused", what=what)
        else:
            await self._board.say("gone")
        return Step(rung, wait_s)

    async def _card_unusable(self, session: Session, error: SimError) -> Step:
        await self._board.learn(iccid=None)
        text = str(error)
        if error.condition == "twice":
            await self._board.say("sim_twice", other=text)
            return Step(Rung.PLAIN, _TWICE_RETRY_S)
        if text in _PIN_SLUGS:
            await self._board.say(text, **error.params)
        elif error.condition == "locked" or error.condition not in _SIM_SLUGS:
            await self._board.say(_SIM_SLUGS.get(error.condition, "sim_failure"), what=text)
        else:
            await self._board.say(_SIM_SLUGS[error.condition], **error.params)
        if error.condition not in {"absent", "failure"}:
            return Step(Rung.PLAIN, _LOCKED_RETRY_S)
        self._cardless = 1 if session.worked else self._cardless + 1
        blind = session.profile.sim_at_power_on and self._cardless in _RESTARTS_FOR_A_CARD
        return Step(Rung.RESET if blind else Rung.PLAIN, _SIM_RETRY_S)

    async def _fault(self, session: Session, slug: str, what: str) -> Step:
        if slug == "reset_by_person":
            return Step(Rung.RESET, 0.0)
        if slug == "console_used":
            await self._board.say(slug)
            return Step(Rung.PLAIN, _AT_ONCE_S)
        self._restarts = 0 if session.worked else self._restarts + 1
        if slug in _NOT_THE_MODEMS_FAULT and self._restarts <= _RESTARTS_IN_A_ROW:
            await self._board.say(slug)
            return Step(Rung.PLAIN, _AT_ONCE_S)
        if session.worked:
            self._ladder.worked()
        step = self._ladder.climb(Rung.RESET if slug in _ONLY_A_RESTART else Rung.REINIT)
        cause = slug if slug in CAUSES else "device"
        log.warning("%s: %s; next: %s in %g s", self.path, what, step.rung.name.lower(), step.wait_s)
        if step.rung is Rung.REOPEN:
            await self._board.say("repairing_reopen", cause=cause, seconds=int(step.wait_s))
        else:
            await self._board.say(SENTENCE_OF[step.rung], cause=cause)
        return step

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when a person asks for something."""
        self._nudge.clear()
        if self._stopping or self._reset_asked or self._retry_asked:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._nudge.wait()
        except TimeoutError:
            return
