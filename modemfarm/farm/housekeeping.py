"""What falls due by the clock rather than by an event: once a second, behind the wire's work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from modemfarm.errors import StoreError
from modemfarm.farm.choosing import Presence
from modemfarm.farm.clockguard import ClockGuard
from modemfarm.farm.journal import FarmJournal
from modemfarm.farm.registrations import Seen
from modemfarm.inbound.receive import InboundSettings, judge
from modemfarm.store import actions, counters, epoch, erasing, hosts, idempotency, inbox, labels, offers, queue, sims
from modemfarm.store.engine import Row, Tx
from modemfarm.store.offload import Offload

log = logging.getLogger(__name__)

EVERY_S = 1.0
HOURLY = 3600  # turns
MINUTELY = 60
PEOPLE_KEPT = timedelta(days=100)  # a plan's month has 31 days and its clock may be wrong


@dataclass(slots=True)
class _Tick:
    moved: int = 0
    leased: bool = True
    wishes: list[tuple[str, str]] = field(default_factory=list)
    sims: list[Row] = field(default_factory=list)
    version: int = 0
    confirmed: bool = False
    judged: list[Seen] = field(default_factory=list)
    epoch: int | None = None
    erasing: list[str] = field(default_factory=list)


class Housekeeping:
    """Schedules that came, validities that ended, SIMs that stay away, wishes of other processes.

    Args:
        reset: called with the path of a modem that a person wants restarted.
        new_epoch: called with the farm's epoch once an hour, after its commit.
        retry: the same where a person entered a PIN.
    """

    def __init__(
        self,
        offload: Offload,
        journal: FarmJournal,
        inbound: InboundSettings,
        now: Callable[[], datetime],
        host: str,
        instance: str,
        guard: ClockGuard,
        reset: Callable[[str], None],
        new_epoch: Callable[[int], None],
        retry: Callable[[str], None],
    ) -> None:
        self._offload = offload
        self._journal = journal
        self._inbound = inbound
        self._now = now
        self._host = host
        self._instance = instance
        self._guard = guard
        self._reset, self._retry = reset, retry
        self._new_epoch = new_epoch
        self._version = 0
        self._turns = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.turn()
            except StoreError as error:
                log.warning("housekeeping waits for the store: %s", error)
            await asyncio.sleep(EVERY_S)

    async def turn(self) -> None:
        """One look at everything that may have fallen due."""
        before = self._guard.doubt
        trusted = self._journal.dispatcher.clock_trusted = self._guard.look(self._now())
        if self._guard.doubt != before:
            log.warning(
                "clock: %s", f"{self._guard.doubt}; schedules and expiry wait" if self._guard.doubt else "trusted again"
            )
        presence = dict(self._journal.presence())
        tick: _Tick = await self._offload.run(self._tick, presence, trusted, self._now())
        if tick.confirmed:
            self._guard.confirm(self._now())
        if tick.epoch is not None:
            self._new_epoch(tick.epoch)
        for number in tick.erasing:
            await asyncio.to_thread(erasing.finish, self._offload.call, number, self._now())
        self._journal.refresh_sims(tick.sims)
        for seen in tick.judged:
            seen.judged = True
        for path, wish in tick.wishes:
            if wish == "reset":
                self._reset(path)
            elif wish == "retry":
                self._retry(path)
        if not tick.leased:
            log.error("another daemon took the name %s: this one claims nothing more", self._host)
            self._journal.dispatcher.stop()
        if tick.moved or tick.version != self._version:
            self._version = tick.version
            self._journal.dispatcher.wake()
        await self._journal.give_back_unsettled()

    def _tick(self, tx: Tx, presence: dict[str, Presence], trusted: bool, now: datetime) -> _Tick:
        tick = _Tick()
        self._turns += 1
        if self._turns % HOURLY == 0:
            tick.epoch = epoch.advance(tx)
            if trusted:
                idempotency.prune(tx, now)
                counters.forget_people(tx, now - PEOPLE_KEPT)
                offers.forget_sends(tx, now - PEOPLE_KEPT)
        if self._turns % MINUTELY == 1:
            erasing.clear_loose(tx)
            tick.erasing = erasing.unfinished(tx)
        if trusted:
            tick.moved += labels.release_due(tx, now)
            tick.moved += actions.expire(tx, now)
            actions.close_unreported(tx, now)
        tick.moved += actions.resend_unknown(tx, now)
        for inbound_id in inbox.to_judge(tx, now):
            tick.moved += judge(tx, inbound_id, self._inbound, now).moved
        tick.judged = self._journal.registrations.judge(tx, self._journal.here(), now)
        for iccid, how in presence.items():
            if how in (Presence.PARKED, Presence.AWAY):
                tick.moved += queue.unbind(tx, iccid)
            if how is Presence.AWAY:
                queue.give_up_started(tx, iccid, now)
                sims.stays_away(tx, iccid, now)
        tick.leased = hosts.renew_lease(tx, self._host, self._instance, now)
        tick.wishes = sims.take_wishes(tx, self._host)
        tick.confirmed = self._guard.doubt is not None and hosts.clock_confirmed(tx)
        tick.sims = sims.all_sims(tx)
        tick.version = hosts.data_version(tx)
        return tick
