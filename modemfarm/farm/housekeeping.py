"""What falls due by the clock rather than by an event: once a second, behind the wire's work."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from modemfarm.errors import StoreError
from modemfarm.farm.choosing import Presence
from modemfarm.farm.clockguard import ClockGuard
from modemfarm.farm.journal import FarmJournal
from modemfarm.farm.registrations import Seen
from modemfarm.inbound.receive import InboundSettings, judge, match_missed
from modemfarm.store import (
    actions,
    counters,
    epoch,
    erasing,
    errands,
    hosts,
    idempotency,
    inbox,
    labels,
    leaving,
    offers,
    rates,
    rules,
    sims,
)
from modemfarm.store.engine import Row, Tx
from modemfarm.store.offload import Offload
from modemfarm.store.retention import Pruner

log = logging.getLogger(__name__)

Work = Callable[[Tx, datetime], int]  # how much it moved

EVERY_S = 1.0
JOBS = "jobs"
HOURLY = 3600  # turns
RATES_EVERY = 600  # it reads a month of offers
MINUTELY = 60
MISSED_EVERY = 5
PEOPLE_KEPT = timedelta(days=100)  # a plan's month has 31 days and its clock may be wrong


@dataclass(slots=True)
class _Tick:
    moved: int = 0
    leased: bool = True
    wishes: list[tuple[str, str]] = field(default_factory=list)
    sims: list[Row] = field(default_factory=list)
    version: int = 0
    confirmed: bool = False
    to_judge: list[int] = field(default_factory=list)
    elsewhere: frozenset[str] = frozenset()
    epoch: int | None = None
    erasing: list[str] = field(default_factory=list)
    errands: list[Row] = field(default_factory=list)


class Housekeeping:
    """Schedules that came, validities that ended, SIMs that stay away, wishes of other processes.

    Args:
        reset: called with the path of a modem that a person wants restarted.
        new_epoch: called with the farm's epoch once an hour, after its commit.
        retry: the same where a person entered a PIN.
        keep: how long texts, replies and the like are kept.
        serve: called with what another host asks of a SIM here.
        usurped: called when another daemon has taken the name of this host.
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
        keep: Mapping[str, timedelta] | None = None,
        serve: Callable[[Row], None] | None = None,
        usurped: Callable[[], None] | None = None,
    ) -> None:
        self._offload = offload
        self._journal = journal
        self._inbound = inbound
        self._now = now
        self._host = host
        self._instance = instance
        self._guard = guard
        self._reset, self._retry = reset, retry
        self._new_epoch, self._serve, self._usurped = new_epoch, serve, usurped
        self._version = 0
        self._turns = 0
        self._rules_seen = False  # config.yaml's, since this daemon started
        self._pruner = Pruner(keep or {})
        self._leads = True

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
        self._turns += 1
        leased, moved, judged, _ = await asyncio.gather(
            self._beat(),
            self._each(self._for_all(presence, trusted)),
            self._judge_registrations(),
            self._prune(trusted),
        )
        tick = await self._offload.run(self._tick, self._now())
        self._rules_seen = True  # now that it is committed
        tick.leased, tick.moved = leased, moved
        self._journal.refresh_sims(tick.sims, tick.elsewhere)
        for seen in judged:
            seen.judged = True
        self._hand_out(tick)  # before all that may fail or take long: what was taken here nobody takes again
        for inbound_id in tick.to_judge:
            tick.moved += (await self._offload.run(judge, inbound_id, self._inbound, self._now())).moved
        if tick.confirmed:
            self._guard.confirm(self._now())
        if tick.epoch is not None:
            self._new_epoch(tick.epoch)
        for number in tick.erasing:
            await asyncio.to_thread(erasing.finish, self._offload.call, number, self._now())
        if not tick.leased:
            log.error("another daemon took the name %s: this one claims nothing more", self._host)
            self._journal.dispatcher.stop()
            if self._usurped is not None:
                self._usurped()
        if tick.moved or tick.version != self._version:
            self._version = tick.version
            self._journal.dispatcher.wake()
        await self._journal.give_back_unsettled()

    def _hand_out(self, tick: _Tick) -> None:
        """What others want of the modems here."""
        for path, wish in tick.wishes:
            if wish == "reset":
                self._reset(path)
            elif wish == "retry":
                self._retry(path)
        if self._serve is not None:
            for errand in tick.errands:
                self._serve(errand)

    async def _beat(self) -> bool:
        """Say that this host lives, in a transaction that waits for nobody; False: its name is another's."""
        leased, leads = await self._offload.run(self._renew, self._now())
        if leads != self._leads:
            log.info("this host %s what one does for all", "does" if leads else "no longer does")
        self._leads = self._journal.leads = leads
        return leased

    def _renew(self, tx: Tx, now: datetime) -> tuple[bool, bool]:
        leased = hosts.renew_lease(tx, self._host, self._instance, hosts.clock(tx, now))
        return leased, leased and hosts.take_job(tx, JOBS, self._host, self._instance)

    async def _judge_registrations(self) -> list[Seen]:
        """Park and resume, each SIM in a transaction of its own; those whose turn it was."""
        registrations, now = self._journal.registrations, self._now()
        due = registrations.due(self._journal.here(), now)
        return [seen for seen in due if await self._offload.run(registrations.judge, seen, now)]

    async def _prune(self, trusted: bool) -> None:
        """A piece of what is kept no longer."""
        if trusted and self._leads:
            stands: Pruner | None = await self._offload.run(self._pruner.step, self._now())
            self._pruner = stands or self._pruner

    async def _each(self, works: Sequence[Work]) -> int:
        """Do one after the other; how much was moved.

        On a server each in a transaction of its own, so that what one holds keeps nobody waiting while the next waits
        for others; in SQLite nobody waits for a row, and one commit is enough.
        """
        now = self._now()
        moved = 0
        for some in [works] if self._offload.sqlite else [[work] for work in works]:
            moved += await self._offload.run(_all, some, now) if some else 0
        return moved

    def _tick(self, tx: Tx, now: datetime) -> _Tick:
        tick = _Tick()
        if not self._rules_seen:
            tick.moved += rules.look_for_changes(tx, self._inbound.policy, now)
        if self._turns % HOURLY == 0:
            tick.epoch = epoch.advance(tx) if self._leads else epoch.current(tx)
        if self._leads:
            tick.to_judge = inbox.to_judge(tx, now)
            tick.erasing = erasing.unfinished(tx) if self._turns % MINUTELY == 1 else []
        tick.elsewhere = sims.elsewhere(tx, self._host, now - self._journal.grace)
        tick.wishes = sims.take_wishes(tx, self._host)
        tick.errands = errands.take(tx, self._host, now) if self._serve is not None else []
        tick.confirmed = self._guard.doubt is not None and hosts.clock_confirmed(tx)
        tick.sims = sims.all_sims(tx)
        tick.version = hosts.data_version(tx)
        return tick

    def _for_all(self, presence: Mapping[str, Presence], trusted: bool) -> list[Work]:
        """What one host does for all of them."""
        if not self._leads:
            return []
        works: list[Work] = []
        if self._turns % MINUTELY == 1:
            works += [_quietly(lambda tx, _: erasing.clear_loose(tx)), _quietly(errands.forget)]
        if trusted and self._turns % RATES_EVERY == 2:
            works.append(rates.watch)
        if trusted and self._turns % HOURLY == 0:
            works += [
                _quietly(idempotency.prune),
                _quietly(lambda tx, now: counters.forget_people(tx, now - PEOPLE_KEPT)),
                _quietly(lambda tx, now: offers.forget_sends(tx, now - PEOPLE_KEPT)),
            ]
        if trusted:
            works += [
                labels.release_due,
                actions.expire,
                _quietly(actions.close_unreported),
            ]
        if self._turns % MISSED_EVERY == 0:
            works.append(lambda tx, now: match_missed(tx, self._inbound, now))
        works.append(actions.resend_unknown)
        works += [
            functools.partial(_set_free, iccid=iccid, how=how)
            for iccid, how in presence.items()
            if how in (Presence.PARKED, Presence.AWAY)
        ]
        return [*works, lambda tx, now: sum(hosts.recover_dead(tx, now))]


def _set_free(tx: Tx, now: datetime, *, iccid: str, how: Presence) -> int:
    """What waits for a SIM that is parked or away; how much of it others may take."""
    moved = leaving.unbind(tx, iccid)
    if how is Presence.AWAY:
        leaving.give_up_started(tx, iccid, now)
        sims.stays_away(tx, iccid, now)
    return moved


def _quietly(work: Callable[[Tx, datetime], object]) -> Work:
    """What moves nothing that the dispatcher should look at."""

    def done(tx: Tx, now: datetime) -> int:
        work(tx, now)
        return 0

    return done


def _all(tx: Tx, works: Sequence[Work], now: datetime) -> int:
    return sum(work(tx, now) for work in works)
