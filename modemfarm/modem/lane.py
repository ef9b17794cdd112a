"""The working life of a ready modem: receive first, then send, then look after registration and signal."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from modemfarm.errors import LinkLostError, NoAnswerError, StoreError
from modemfarm.model import ClaimedPart
from modemfarm.modem import power
from modemfarm.modem.asking import Asking
from modemfarm.modem.bringup import FaultError, optional
from modemfarm.modem.family import Profile
from modemfarm.modem.journal import After, GoOn, Journal, Parked, Repair, Resync, SimSeen
from modemfarm.modem.link import Link
from modemfarm.modem.news import News
from modemfarm.modem.receiving import Inbox
from modemfarm.modem.registration import REGISTERED, health, operator, registration, signal
from modemfarm.modem.sending import Sender, resync
from modemfarm.modem.settings import Clock, ModemSettings
from modemfarm.modem.sim import is_still_in, read_iccid, read_imsi, wait_for_card
from modemfarm.modem.status import StatusBoard
from modemfarm.modem.storage import still_announces

log = logging.getLogger(__name__)

_CLAIM_RETRY_S = 2.0  # while the database cannot be asked for work
_SEARCH_EVERY_S = 2.0  # +CREG? while there is no network
_SWEEP_RETRY_S = 30.0  # after a sweep that could not be finished
_POLL_SWEEP_S = 10.0  # sweeps of a modem that announces nothing
_HOLD_CLAIM_S = 5.0  # a claimed part waits this long for its time; a longer wait gives it back
_AHEAD_S = 15.0  # the air takes 3 to 8 s; a part claimed behind a longer wait is another modem's chance
_DENIED_FIRST_S = 15 * 60.0
_DENIED_MOST_S = 24 * 3600.0
_SELECT_WITHIN_S = 120.0  # AT+COPS=0 searches all bands
_RESYNC_TRIES = 3
_MOST_PROMPTLESS = 3  # AT+CMGS without a prompt, in a row, of a modem that answers all else


class Lane:
    """Runs from ready to the session's end, in the session's own task."""

    def __init__(
        self,
        *,
        link: Link,
        journal: Journal,
        profile: Profile,
        sender: Sender,
        inbox: Inbox,
        board: StatusBoard,
        news: News,
        asking: Asking,
        card: SimSeen,
        settings: ModemSettings,
        clock: Clock,
        group: asyncio.TaskGroup,
        cnmi: str,
        ready: str,
    ) -> None:
        self._link, self._journal, self._profile = link, journal, profile
        self._sender, self._inbox, self._board, self._news = sender, inbox, board, news
        self._card, self._settings, self._clock, self._group = card, settings, clock, group
        self._asking = asking
        self._path = board.status.path
        self._cnmi = cnmi
        self._ready = ready
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._claim: asyncio.Task[ClaimedPart | None] | None = None
        self._hung: asyncio.TimerHandle | None = None  # until the part on the air takes long
        self._claim_not_before = now
        self._send_not_before = now
        self._out_of_step = False
        self._rest: GoOn | None = None  # after refusals
        self._open = False  # registered, or a modem that cannot tell
        self._lost_network_at = now
        self._next_registration = now
        self._denied_retry_s = _DENIED_FIRST_S
        self._denied_retry_at: float | None = None
        self._sweep_every_s = settings.sweep_s if cnmi else min(_POLL_SWEEP_S, settings.sweep_s)
        self._next_sweep = now
        self._swept = self._swept_whole = False
        self._next_poll = now
        self._next_card_look = now + settings.poll_s

    async def work(self) -> None:
        """Serve this modem until it is told to stop.

        Raises:
            LinkLostError, NoAnswerError, SimError, FaultError: the session cannot go on.
        """
        try:
            while not await self._turn():
                await self._answer_asked()
        except NoAnswerError:
            if self._news.restarted:
                raise FaultError("restarted") from None
            raise
        finally:
            await self._give_back()
            await self._sender.settled()

    async def _turn(self) -> bool:
        """One round; True when the session shall end."""
        news, inbox = self._news, self._inbox
        if self._link.lost:
            raise LinkLostError(f"{self._path}: the port is gone")
        while news.late:
            await self._obey(await self._sender.late(news.late.popleft()))
        if news.stopping:
            return True
        if news.restarted:
            raise FaultError("restarted")
        if news.reset_wanted:
            raise FaultError("reset_by_person")
        if self._out_of_step:
            await self._resync()
        if news.card:
            await self._check_card()
        if inbox.waiting:
            await inbox.fetch(self._profile)
            await self._say_how_it_stands()
        now = self._loop.time()
        if now >= self._next_card_look:
            await self._glance_at_card(now)
            return False
        await self._look_around(now)
        if inbox.sweep_due or now >= self._next_sweep:
            await self._sweep()
            return False
        part = self._next_part()
        if part is not None:
            await self._send(part)
            return False
        if now >= self._next_poll:
            await self._poll()
            return False
        await self._wait()
        return False

    # --- sending ---

    def _next_part(self) -> ClaimedPart | None:
        """The claimed part that may go now; asks for one where none is claimed."""
        now = self._loop.time()
        if not self._open or not self._swept:
            return None
        if self._claim is None and now >= self._claim_not_before:
            self._ask_for_part()
        if self._claim is None or not self._claim.done() or now < self._send_not_before:
            return None
        claim, self._claim = self._claim, None
        return claim.result()

    def _ask_for_part(self) -> None:
        self._claim = self._group.create_task(self._claimed(), name=f"claim {self._path}")

    async def _claimed(self) -> ClaimedPart | None:
        """The next part; None when the database could not be asked."""
        try:
            return await self._journal.claim(self._card.iccid, self._path)
        except StoreError as error:
            log.info("%s: no work can be claimed: %s", self._path, error)
            self._claim_not_before = self._loop.time() + _CLAIM_RETRY_S
            return None
        finally:
            self._news.wake()

    async def _send(self, part: ClaimedPart) -> None:
        if self._board.status.sentence == "sim_parked":
            await self._say_how_it_stands()
        before = self._sender.accepted
        try:
            after = await self._sender.send(part, self._claim_ahead)
        finally:
            if self._hung is not None:
                self._hung.cancel()
        if self._sender.accepted != before:
            self._board.succeeded()
            await self._board.flush(busy=True)
        await self._obey(after)
        if self._sender.promptless >= _MOST_PROMPTLESS:
            raise FaultError("no_prompt")

    def _claim_ahead(self) -> None:
        """The next part, while this one is on the air."""
        self._ask_for_part()
        self._hung = self._loop.call_later(_AHEAD_S, self._let_go)

    def _let_go(self) -> None:
        """This modem takes long: what was claimed ahead may go out by another one."""
        if not self._news.stopping:
            self._group.create_task(self._give_back(), name=f"give back {self._path}")

    async def _obey(self, after: After | None) -> None:
        match after:
            case GoOn(not_before=datetime() as when):
                wait_s = (when - self._clock.now()).total_seconds()
                self._send_not_before = self._loop.time() + max(wait_s, 0.0)
                self._rest = after if after.refusals else None
                await self._say_how_it_stands()
                if wait_s > _HOLD_CLAIM_S:
                    self._claim_not_before = self._send_not_before
                    await self._give_back()
            case Resync():
                self._out_of_step = True
            case Parked(slug=slug):
                self._out_of_step = self._news.card = True  # what was refused may be the card's doing
                await self._give_back()  # the next part was claimed while this one was on the air
                await self._board.say("sim_parked", reason=slug)
            case Repair(slug=slug):
                if slug == "card":
                    await self._check_card()
                raise FaultError(slug if slug == "no_result" else "sending_failed", code=slug)
            case _:
                return

    async def _give_back(self) -> None:
        """Stop asking for work; what was claimed and did not leave goes back."""
        claim, self._claim = self._claim, None
        if claim is None:
            return
        claim.cancel()
        await asyncio.wait({claim})
        part = None if claim.cancelled() else claim.result()
        if part is None:
            return
        try:
            await self._journal.release(part)
        except StoreError as error:
            log.warning("%s: a claimed part could not be given back: %s", self._path, error)

    # --- looking after the modem ---

    async def _resync(self) -> None:
        """Get in step and look at the registration before the lane opens again."""
        if not self._journal.parked(self._card.iccid):
            await self._board.say("resyncing")
        for _ in range(_RESYNC_TRIES):
            self._link.escape()
            if await resync(self._link, self._profile):
                self._out_of_step = False
                self._next_registration = self._loop.time()
                return
            if self._news.restarted:
                raise FaultError("restarted")
        raise FaultError("no_answer")

    async def _answer_asked(self) -> None:
        """Put one command of somebody else's to the modem; a part or a sweep may follow before the next."""
        self._asking.sender = self._sender if self._open and self._swept else None
        if not self._asking.waiting or self._out_of_step or self._news.restarted:
            return
        served = await self._asking.serve(self._link)
        if served.touched:
            raise FaultError("console_used")
        self._out_of_step = self._out_of_step or served.silent
        if self._asking.waiting:
            self._news.wake()

    async def _check_card(self) -> None:
        """Re-read who the card is; another one ends the session."""
        self._news.card = False
        self._next_card_look = self._loop.time() + self._settings.poll_s
        if await wait_for_card(self._link, self._profile) != "READY":
            raise FaultError("sim_changed")  # it wants its PIN: entering one is the next session's
        iccid = await read_iccid(self._link, self._profile)
        imsi = await read_imsi(self._link, self._profile)
        same = (iccid and iccid == self._card.iccid) or (imsi and imsi == self._card.imsi)
        if (iccid or imsi) and not same:
            raise FaultError("sim_changed")
        self._next_registration = self._loop.time()

    async def _glance_at_card(self, now: float) -> None:
        """Is it still the card that was read? Some modems say nothing of another one."""
        self._next_card_look = now + self._settings.poll_s
        try:
            if not await is_still_in(self._link, self._profile, self._card.iccid):
                await self._check_card()
        except NoAnswerError:
            self._out_of_step = True

    async def _look_around(self, now: float) -> None:
        """The network where it is time to ask; a rest that is over is no longer said; what is unwritten is awaited.

        Raises:
            FaultError: nothing came for too long after a store had been full.
        """
        if now >= self._inbox.stalls_at:
            raise FaultError("receiving_stalled")
        if self._sender.behind:
            await self._sender.settled()
        if self._news.network or now >= self._next_registration:
            await self._check_registration()
        if self._rest is not None and now >= self._send_not_before:
            self._rest = None
            await self._say_how_it_stands()

    async def _check_registration(self) -> None:
        self._news.network = False
        state = await registration(self._link, self._profile)
        now = self._loop.time()
        was_open, self._open = self._open, state in REGISTERED or state == ""
        await self._board.learn(registration=state or "unknown")
        if self._open:
            self._next_registration = now + self._settings.poll_s
            self._lost_network_at, self._denied_retry_at = now, None
            self._denied_retry_s = _DENIED_FIRST_S
            await self._say_how_it_stands()
            return
        if was_open:
            self._news.card = True  # no network: the card may be another one when it comes back
        await self._give_back()
        if state == "denied":
            await self._denied(now)
            return
        searching_s = now - self._lost_network_at
        self._next_registration = now + (_SEARCH_EVERY_S if searching_s < 60 else 5 * _SEARCH_EVERY_S)
        if searching_s > self._settings.searching_s:
            raise FaultError("no_network", seconds=int(searching_s))
        await self._board.say("searching", seconds=int(searching_s // 30 * 30))

    async def _say_how_it_stands(self) -> None:
        """Ready, resting or parked; what is said where there is no network stays."""
        if not self._open or not self._swept:
            return
        if parked := self._journal.parked(self._card.iccid):
            await self._board.say("sim_parked", reason=parked)
            return
        if self._rest is None or self._rest.not_before is None:
            slug, where = self._inbox.stores.trouble
            await self._board.say(slug or self._ready, **where)
            return
        until = self._rest.not_before.isoformat(timespec="seconds").replace("+00:00", "Z")
        await self._board.say("resting", count=self._rest.refusals, code=self._rest.code, until=until)

    async def _denied(self, now: float) -> None:
        """Refused by the network: no reset; ask it again after 15 minutes, doubling to a day."""
        self._lost_network_at = now
        self._next_registration = now + self._settings.poll_s
        if self._denied_retry_at is None:
            self._denied_retry_at = now + self._denied_retry_s
        elif now >= self._denied_retry_at:
            await optional(self._link, "+COPS=0", _SELECT_WITHIN_S)
            self._denied_retry_s = min(2 * self._denied_retry_s, _DENIED_MOST_S)
            self._denied_retry_at = self._loop.time() + self._denied_retry_s
        self._next_registration = min(self._next_registration, self._denied_retry_at)
        await self._board.say("registration_denied", minutes=int(self._denied_retry_s // 60))

    async def _sweep(self) -> None:
        if not self._swept:
            await self._board.say("sweeping")
        whole = await self._inbox.sweep(self._profile, everywhere=not self._swept, first=not self._swept)
        self._next_sweep = self._loop.time() + (self._sweep_every_s if whole else _SWEEP_RETRY_S)
        if whole and not self._swept_whole:
            await self._journal.swept(self._card.iccid)
            self._swept_whole = True
        self._swept = True
        await self._say_how_it_stands()

    async def _poll(self) -> None:
        """Signal and operator of an idle modem; also the sign of life that nothing else asks for."""
        self._next_poll = self._loop.time() + self._settings.poll_s
        try:
            dbm = await signal(self._link, self._profile)
        except NoAnswerError:
            self._out_of_step = True
            return
        if not await still_announces(self._link, self._profile, self._cnmi):
            raise FaultError("settings_lost")
        await self._board.learn(signal_dbm=dbm)
        await self._inbox.look(self._profile)
        if self._claim is not None and self._claim.done():
            return  # a part waits
        name, technology = await operator(self._link, self._profile)
        await self._board.learn(operator=name, technology=technology)
        if self._claim is None or not self._claim.done():
            degrees, millivolts = await health(self._link, self._profile)
            await self._board.learn(temperature_c=degrees, voltage_mv=millivolts)
            warning = power.of_readings(degrees, millivolts)
            if warning:
                self._board.warned(warning)

    async def _wait(self) -> None:
        await self._board.flush(busy=False)
        now = self._loop.time()
        until = min(self._next_registration, self._next_sweep, self._next_poll, self._next_card_look)
        until = min(until, self._inbox.stalls_at)
        if self._rest is not None:
            until = min(until, self._send_not_before)
        if self._claim is None and self._open:
            until = min(until, max(self._claim_not_before, now))
        elif self._claim is not None and self._claim.done():
            until = min(until, self._send_not_before)
        await self._news.wait(until - now)
