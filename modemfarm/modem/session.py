"""One modem's life from the opening of its port to the close: listen, wake, identify, set up, work."""

from __future__ import annotations

import asyncio
import logging
import math
from datetime import datetime

from modemfarm.at.events import CTRL_Z, Command, Late, Unsolicited
from modemfarm.at.machine import AtMachine
from modemfarm.at.replies import parse_registration
from modemfarm.errors import CommandError, LinkLostError, ModemError, NoAnswerError, SimError
from modemfarm.modem import bringup, power
from modemfarm.modem.asking import Asking
from modemfarm.modem.bringup import FaultError, optional
from modemfarm.modem.calls import Calls
from modemfarm.modem.family import Profiles, says
from modemfarm.modem.journal import Journal, Pending, SimSeen
from modemfarm.modem.ladder import Limits, Rung
from modemfarm.modem.lane import Lane
from modemfarm.modem.link import Link
from modemfarm.modem.news import News
from modemfarm.modem.port import Port
from modemfarm.modem.receiving import Inbox
from modemfarm.modem.registration import turn_on
from modemfarm.modem.sending import Sender
from modemfarm.modem.settings import Clock, ModemSettings
from modemfarm.modem.sim import fill_centre, read_card, unlock
from modemfarm.modem.status import StatusBoard
from modemfarm.modem.storage import announce, choose_memories, reports_of

log = logging.getLogger(__name__)

_RADIO_OFF_S = 5.0
_RADIO_WITHIN_S = 30.0
_RESET_WITHIN_S = 5.0
_RESET_HOLD_S = 10.0  # how long a starting modem keeps its place among the farm's RESETS_AT_ONCE
_CANNOT_SEND = frozenset({"no_prompt", "no_result", "sending_failed"})  # however long the modem answered all else
_STALLS_EVERY_S = 86_400.0  # one restart for this a day: a store may be small, and full often
_NETWORK_URCS = ("+CREG:", "+CGREG:", "+CEREG:", "+C5GREG:")


class Session:
    """Serves one open port once.

    Attributes:
        profile: the generic one until the modem was identified.
        worked: the modem became ready and did not fall ill at once.
        started_anew: it did since its last message: what it owed cannot come any more.
    """

    def __init__(
        self,
        port: Port,
        profiles: Profiles,
        journal: Journal,
        board: StatusBoard,
        *,
        settings: ModemSettings,
        clock: Clock,
        limits: Limits,
        asking: Asking,
    ) -> None:
        self._port, self._profiles, self._journal, self._board = port, profiles, journal, board
        self._settings, self._clock, self._limits = settings, clock, limits
        self._asking = asking
        self._loop = asyncio.get_running_loop()
        self._machine = AtMachine()
        self._news = News()
        asking.wake = self._news.wake
        self._link = Link(port, self._machine, self._on_event, self._news.wake)
        self._link.on_echo = self._on_echo
        self.profile = profiles.generic
        self._urcs = profiles.starting
        self._machine.urcs = self._machine.urcs.adding(self._urcs.all)
        self._inbox = Inbox(self._link, journal, clock, self._news.wake)
        self._sender = Sender(self._link, journal, self.profile, clock, settings.result_within_s)
        self._calls = Calls(asking, journal, clock, lambda: self._inbox.iccid, reject=settings.reject_calls)
        self._card: str | None = None
        self._waking = False
        self._echoes = self._quiet = False  # it echoed since it was told not to; it did not, and it works
        self.worked = self.started_anew = False

    def stop(self) -> None:
        """No new prompt; the result on the air is waited for, then `run` returns."""
        self._news.stopping = True
        self._news.wake()

    def reset(self) -> None:
        """End as soon as nothing is on the air, so that the next session restarts the modem."""
        self._news.reset_wanted = True
        self._news.wake()

    async def run(self, rung: Rung, *, owes_nothing: bool = False) -> None:
        """Live; returns when stopped.

        Args:
            owes_nothing: the modem started anew since its last message: no result of it is waited for.

        Raises:
            LinkLostError, NoAnswerError, CommandError, SimError, FaultError: why it ended.
        """
        ended: ModemError | None = None
        self.started_anew = owes_nothing
        # Before the first octet is read: the port may hold the very result that is waited for.
        pending = await self._journal.pending(self._port.path)
        if pending is not None:
            self._expect(pending)
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._read(), name=f"read {self._port.path}"),
                group.create_task(self._inbox.keep_direct(), name=f"keep {self._port.path}"),
                group.create_task(self._calls.keep(), name=f"calls {self._port.path}"),
            ]
            try:
                await self._live(rung, group, None if owes_nothing else pending)
            except ModemError as error:
                ended = error
            finally:
                for helper in helpers:
                    helper.cancel()
                if self._card is not None:
                    self._limits.served.pop(self._card, None)
                await self._inbox.drain_direct()
                await self._calls.drain()
        if ended is not None:
            raise ended

    async def _read(self) -> None:
        try:
            await self._link.read_on()
        except LinkLostError as error:
            log.debug("%s", error)

    async def _live(self, rung: Rung, group: asyncio.TaskGroup, pending: Pending | None) -> None:
        if pending is not None and await self._listen(pending):
            return
        await self._board.say("waking")
        self._waking = True
        try:
            await bringup.wake(self._link, self._settings.wake_within_s)
        except NoAnswerError:
            if rung is Rung.RESET:
                await self._restart_silent()
            raise
        self._waking = False
        starting, self._news.restarted = self._news.restarted, False
        await self._identify()
        await self._answer_asked()
        await self._climb(rung)
        if not await bringup.radio_is_on(self._link, self.profile):
            await self._start_radio()
        try:
            card = await self._find_card()
        except SimError:
            await self._answer_asked()  # a person may well ask this modem what is wrong with its card
            raise
        await self._board.say("setting_up")
        await bringup.initialise(self._link, self.profile)
        await self._settle(starting=starting)
        await bringup.pdu_mode(self._link, self.profile)
        centre = await self._journal.centre(card.iccid)
        self._sender.centre = await fill_centre(self._link, self.profile, card, centre)
        self._inbox.stores.memories = await choose_memories(self._link, self.profile)
        cnmi = await announce(self._link, self.profile)
        await turn_on(self._link, self.profile)
        await optional(self._link, "+CLIP=1", self.profile.timeouts.command)
        if self._news.restarted:
            raise FaultError("restarted")
        if self._news.stopping:
            return
        lane = Lane(
            link=self._link,
            journal=self._journal,
            profile=self.profile,
            sender=self._sender,
            inbox=self._inbox,
            board=self._board,
            news=self._news,
            asking=self._asking,
            card=card,
            settings=self._settings,
            clock=self._clock,
            group=group,
            cnmi=cnmi,
            ready="ready"
            if reports_of(cnmi) != "none" or "stored" in self.profile.reports
            else "ready_without_reports",
        )
        stalled_at = self._limits.stalled.get(self._port.path, -math.inf)
        self._inbox.watches_for_stall = self._loop.time() - stalled_at > _STALLS_EVERY_S
        began, idle = self._loop.time(), True
        self._quiet, self.started_anew = not self._echoes, False
        try:
            await lane.work()
        except FaultError as error:
            if error.slug == "receiving_stalled":
                self._limits.stalled[self._port.path] = self._loop.time()
            idle = error.slug not in _CANNOT_SEND
            raise
        finally:
            self._asking.sender = None
            self.worked = self._sender.accepted > 0 or (idle and self._loop.time() - began > 2 * self._settings.poll_s)

    async def _answer_asked(self) -> None:
        """Put to the modem what people wait for; before the lane runs, this is between two steps."""
        while self._asking.waiting:
            served = await self._asking.serve(self._link)
            if served.touched:
                raise FaultError("console_used")

    def _expect(self, pending: Pending) -> None:
        """A result that comes now belongs to an attempt of an earlier session."""
        self._link.expect_late(Command("+CMGS=0", body=b"00" + CTRL_Z, tag=pending.attempt_id))
        if pending.iccid:
            self._inbox.belongs_to(pending.iccid)  # until the card itself is read
        written_at: datetime = pending.ctrl_z_at or self._clock.now()
        self._sender.remember(pending.attempt_id, pending.iccid, written_at)

    async def _listen(self, pending: Pending) -> bool:
        """Say nothing to a modem that may still owe a result; True when told to stop meanwhile.

        A late ``+CMGS:`` or error ends the listening at once, and so does its word that it started anew; what else
        it says is received as ever.
        """
        wait_s = (pending.listen_until - self._clock.now()).total_seconds()
        until = self._loop.time() + wait_s
        if wait_s <= 0:
            return False
        await self._board.say("listening", seconds=int(wait_s))
        while self._loop.time() < until:
            if self._link.lost:
                raise LinkLostError(f"{self._port.path}: the port is gone")
            while self._news.late:
                if await self._sender.late(self._news.late.popleft()) is not None:
                    return self._news.stopping
            if self._news.stopping:
                return True
            if self._news.restarted:
                break  # it is not coming any more
            await self._news.wait(until - self._loop.time())
        return False

    async def _identify(self) -> None:
        await self._board.say("identifying")
        who = await bringup.identify(self._link, self.profile.timeouts.command)
        self._echoes = False  # the echo of ATE0 itself
        self.profile = bringup.choose(self._profiles, who)
        self._sender.profile = self.profile
        self._inbox.imei = who.imei
        self._urcs = self.profile.urcs
        self._machine.urcs = self._machine.urcs.adding(self._urcs.all)
        await self._board.learn(
            imei=who.imei,
            family=self.profile.family,
            manufacturer=who.manufacturer or None,
            model=who.model or None,
            firmware=who.firmware or None,
        )

    async def _climb(self, rung: Rung) -> None:
        """Do what this session was opened for, within the farm's limits."""
        if rung not in {Rung.RADIO, Rung.RESET}:
            return
        sim = self._board.status.iccid or self._port.path
        if not await self._journal.may_reset(sim):
            await self._board.say("resets_used_up")
            return
        async with self._limits.turn():
            if rung is Rung.RADIO:
                await optional(self._link, self.profile.radio_off, _RADIO_WITHIN_S)
                await asyncio.sleep(_RADIO_OFF_S)
                await optional(self._link, self.profile.radio_on, _RADIO_WITHIN_S)
                return
            await self._restart_modem()
            await asyncio.sleep(_RESET_HOLD_S)
        raise FaultError("restarted")

    async def _restart_silent(self) -> None:
        """A modem that answers nothing may still hear; only one that told what it is gets its family's commands.

        Raises:
            FaultError: they were written; the next session sees whether it started anew.
        """
        status = self._board.status
        if not status.model and not status.manufacturer:
            return
        if not await self._journal.may_reset(status.iccid or self._port.path):
            await self._board.say("resets_used_up")
            return
        profile = self._profiles.choose(status.manufacturer or "", status.model or "", status.firmware or "")
        async with self._limits.turn():
            for command in (*profile.reset_first, *profile.reset):
                await optional(self._link, command, _RESET_WITHIN_S)
            await asyncio.sleep(_RESET_HOLD_S)
        raise FaultError("restarted")

    async def _restart_modem(self) -> None:
        """The vendor's command; the next one where it is refused. Silence means that it went down at once."""
        for command in self.profile.reset_first:
            await optional(self._link, command, _RESET_WITHIN_S)
        for command in self.profile.reset:
            try:
                await self._link.command(command, _RESET_WITHIN_S)
            except CommandError as error:
                log.debug("%s: %s", self._port.path, error)
            except NoAnswerError:
                return
            else:
                return

    async def _settle(self, *, starting: bool) -> None:
        """Wait for what tells that SMS works: the modem's answer, or its own word where it was seen to start."""
        until = self._loop.time() + self.profile.timeouts.boot
        await bringup.settle(self._link, self.profile, self.profile.timeouts.boot)
        if self.profile.ready is not None or not starting or not self.profile.urcs.boot_ready:
            return
        while not self._news.sms_ready and not self._news.stopping and not self._link.lost:
            if self._loop.time() >= until:
                return
            await self._news.wait(until - self._loop.time())

    async def _start_radio(self) -> None:
        async with self._limits.turn():
            await self._board.say("starting_radio")
            await optional(self._link, self.profile.radio_on, _RADIO_WITHIN_S)

    async def _find_card(self) -> SimSeen:
        """Unlock the card and tell the journal who it is."""
        await self._board.say("waiting_for_sim")
        imei = self._inbox.imei
        await unlock(self._link, self.profile, self._journal, imei, self._port.path)
        self._news.card = False
        card = await read_card(self._link, self.profile)
        other = self._limits.served.setdefault(card.iccid, self._port.path)
        if other != self._port.path:
            raise SimError("twice", other)  # two ports of one modem, or a card that moved: never fought over
        self._card = card.iccid
        self._inbox.belongs_to(card.iccid)
        self._inbox.own_memory_of_another = await self._journal.sim_seen(self._port.path, imei, card)
        await self._board.learn(iccid=card.iccid)
        return card

    def _taken(self, event: Unsolicited) -> bool:
        """Whether somebody waited for this line."""
        ear = self._asking.ear
        heard = ear is not None and ear.hear(event.line, known=self._machine.urcs.has(event.line))
        return heard or self._calls.take(event.line) or self._inbox.take(event)

    def _on_echo(self) -> None:
        """Called by the reader. A modem that was told not to echo and does started anew without a word."""
        self._echoes = True
        if self._quiet:
            log.warning("%s: echo is on again: the modem started anew", self._port.path)
            self._quiet = False
            self._started_anew()
            self._news.wake()

    def _on_event(self, event: Unsolicited | Late) -> None:
        """Called by the reader: note, never wait."""
        news = self._news
        if not isinstance(event, Late) and (warning := power.of_line(event.line, self._urcs)):
            self._board.warned(warning)
        if isinstance(event, Late):
            news.late.append(event)
        elif self._taken(event):
            return
        elif event.line.startswith(_NETWORK_URCS):
            news.network = True
            # A modem without a card is on no network, and not every one says more than this when cards change.
            found = parse_registration(event.line)
            news.card = news.card or (found is not None and found.state == "none")
        elif says(event.line, self._urcs.reboot):
            self._started_anew()
        elif says(event.line, self._urcs.boot_ready):
            news.sms_ready = True
        elif says(event.line, self._urcs.sim):
            news.card = True
        elif says(event.line, self._urcs.network):
            news.network = True
        elif says(event.line, self._urcs.full):
            self._inbox.brim()
        elif not says(event.line, self._urcs.power):
            return
        news.wake()

    def _started_anew(self) -> None:
        self.started_anew = True
        self._news.restarted, self._news.sms_ready = True, False
        self._asking.interrupted()
        if not self._waking:  # a starting modem may well answer the AT that met its first words
            self._link.restarted()
