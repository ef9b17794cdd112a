"""Brings waiting parts and free lanes together: woken by a new message, a lane coming free, or a time that has come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from modemfarm.errors import StoreError
from modemfarm.farm import lanes
from modemfarm.farm.choosing import Assignment, LaneView, Presence, blocked_by, choose, kept
from modemfarm.farm.encoding import encode
from modemfarm.farm.fronts import Fronts
from modemfarm.farm.further import Further
from modemfarm.farm.lanes import SimFacts
from modemfarm.farm.looking import ANYONE
from modemfarm.farm.settings import FarmSettings
from modemfarm.model import UNLIMITED, ClaimedPart
from modemfarm.store import (
    actions,
    attempts,
    beside,
    counters,
    gates,
    hosts,
    labels,
    leaving,
    locks,
    queue,
    steps,
    suppress,
    waiting,
)
from modemfarm.store.engine import Tx
from modemfarm.store.offload import Offload
from modemfarm.store.queue import Candidate, Lane

log = logging.getLogger(__name__)

ROUNDS = 8  # bindings and stale heads may hide parts that a lane could take; look again so often
STORE_AGAIN_S = 1.0
IDLE_LOOK_S = 60.0
FENCED_FOR = timedelta(seconds=1)  # until the lease is renewed
TAKEN_FOR = timedelta(milliseconds=50)  # another host's transaction


@dataclass(slots=True)
class _Waiter:
    """A session that wants its SIM's next part."""

    iccid: str
    path: str
    given: asyncio.Future[ClaimedPart]


@dataclass(frozen=True, slots=True)
class _Claimed:
    part: Candidate
    attempt_id: int
    lane: Lane
    concat_ref: int
    at: datetime


@dataclass(slots=True)
class _Round:
    claimed: list[_Claimed] = field(default_factory=list)
    blocked: dict[str, labels.Label] = field(default_factory=dict)  # by ICCID
    views: dict[str, LaneView] = field(default_factory=dict)  # by ICCID
    paused: bool = False
    next_at: datetime | None = None


class Dispatcher:
    """Gives each asking session its SIM's next part.

    Args:
        presence: how every known SIM stands; asked anew each round.
        instance: this run of the daemon, written with each attempt.
    """

    def __init__(
        self,
        offload: Offload,
        settings: FarmSettings,
        now: Callable[[], datetime],
        presence: Callable[[], Mapping[str, Presence]],
        facts: Callable[[str], SimFacts],
        instance: str,
    ) -> None:
        self._offload = offload
        self._settings = settings
        self._now = now
        self._presence = presence
        self._facts = facts
        self._instance = instance
        self._waiters: dict[str, _Waiter] = {}
        self._returned: list[tuple[int, int]] = []  # (part, attempt) claimed, and nobody there to take them
        self._wake = asyncio.Event()
        self._stopped = False
        self._last_at: dict[str, datetime] = {}
        self._in_flight: dict[int, tuple[str, str]] = {}  # attempt -> recipient, ICCID
        self._fronts, self._further = Fronts(), Further()
        self.failures: dict[str, int] = {}
        self.blocked: dict[str, labels.Label] = {}
        self._seen: dict[str, LaneView] = {}  # by ICCID: what each lane had left when it last asked
        self.paused = False
        self._doubted = False  # a round ended without an answer from the store
        self.clock_trusted = True

    def wake(self) -> None:
        """Something may be possible now that was not before."""
        self._wake.set()

    def ended(self, attempt_id: int) -> None:
        """An attempt is over, however: its recipient is free for any SIM again."""
        self._in_flight.pop(attempt_id, None)
        self._wake.set()

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopped = True

    def too_long(self, iccid: str, parts: int, now: datetime) -> labels.Label | None:
        """What a message of so many parts waits for at a SIM whose limits have no room for all of them."""
        view = self._seen.get(iccid)
        return None if view is None else lanes.too_long(view, parts, self._settings.ceiling, now)

    async def claim(self, iccid: str, path: str) -> ClaimedPart:
        """Wait for the next part of a SIM. Cancelling the wait claims nothing, or gives it back."""
        waiter = _Waiter(iccid, path, asyncio.get_running_loop().create_future())
        self._waiters[iccid] = waiter
        self._wake.set()
        try:
            return await waiter.given
        except asyncio.CancelledError:
            if waiter.given.done() and not waiter.given.cancelled():  # cancelled between the claim and its taker
                part = waiter.given.result()
                self._returned.append((part.part_id, part.attempt_id))
                self._wake.set()
            raise
        finally:
            if self._waiters.get(iccid) is waiter:
                del self._waiters[iccid]

    async def run(self) -> None:
        """Until cancelled."""
        next_at: datetime | None = None
        while True:
            try:
                async with asyncio.timeout(self._patience(next_at)):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            await self._take_back()
            waiters = [waiter for waiter in self._waiters.values() if not waiter.given.done()]
            if not waiters or self._stopped:
                next_at = None
                continue
            try:
                await self._find_lost()
                done: _Round = await self._offload.run(self._round, waiters, self._now())
                for claimed in done.claimed:
                    await self._hand_over(claimed)
            except StoreError as error:
                log.warning("dispatch: the store does not answer: %s", error)
                self._doubted = True
                await asyncio.sleep(STORE_AGAIN_S)
                self._wake.set()
                continue
            next_at = done.next_at
            self._seen |= done.views
            self.paused = done.paused
            for waiter in waiters:
                if waiter.iccid in done.blocked:
                    self.blocked[waiter.iccid] = done.blocked[waiter.iccid]
                else:
                    self.blocked.pop(waiter.iccid, None)

    def _patience(self, next_at: datetime | None) -> float:
        if next_at is None:
            return IDLE_LOOK_S
        return min(IDLE_LOOK_S, max(0.0, (next_at - self._now()).total_seconds()) + 0.001)

    async def _take_back(self) -> None:
        while self._returned:
            part_id, attempt_id = self._returned[-1]
            try:
                await self._offload.run(queue.give_back, part_id, attempt_id, self._now())
            except StoreError:
                return  # the next round tries again
            self._returned.remove((part_id, attempt_id))
            self._in_flight.pop(attempt_id, None)

    async def _find_lost(self) -> None:
        """After a round whose COMMIT may have happened all the same: give back what it claimed."""
        if self._doubted:
            known = frozenset(self._in_flight) | {attempt_id for _, attempt_id in self._returned}
            lost = await self._offload.run(leaving.give_back_lost, self._instance, known, self._now())
            self._doubted = False
            if lost:
                log.info("dispatch: %d parts were claimed by a commit that nobody answered: they wait again", lost)

    async def _hand_over(self, claimed: _Claimed) -> None:
        part, waiter = claimed.part, self._waiters.get(claimed.lane.iccid)
        self._last_at[claimed.lane.iccid] = claimed.at
        if part.rank >= 0:
            self._fronts.began(claimed.lane.iccid, claimed.lane.day)
        try:
            pdu, length = encode(part, claimed.concat_ref, claimed.at)
        except ValueError:
            log.exception("message %d cannot be encoded", part.message_id)
            await self._offload.run(self._unencodable, claimed.attempt_id, claimed.at)
            return
        if waiter is None or waiter.given.done() or self._stopped:
            self._returned.append((part.part_id, claimed.attempt_id))
            self._wake.set()
            return
        self._in_flight[claimed.attempt_id] = (part.recipient, claimed.lane.iccid)
        del self._waiters[claimed.lane.iccid]
        waiter.given.set_result(
            ClaimedPart(
                attempt_id=claimed.attempt_id,
                part_id=part.part_id,
                message_id=part.message_id,
                iccid=claimed.lane.iccid,
                recipient=part.recipient,
                part_number=part.part_number,
                parts_total=part.parts_total,
                pdu=pdu,
                tpdu_length=length,
                more_follow=part.part_number < part.parts_total,
                claimed_at=claimed.at,
            )
        )

    @staticmethod
    def _unencodable(tx: Tx, attempt_id: int, now: datetime) -> None:
        one = attempts.attempt(tx, attempt_id)
        if one is not None:
            steps.failed(tx, one, "content", now)

    def _round(self, tx: Tx, waiters: list[_Waiter], now: datetime) -> _Round:
        """One transaction: look at the heads, choose, claim."""
        done = _Round()
        pauses = frozenset((row["scope"], row["value"]) for row in actions.pauses(tx))
        done.paused = ("all", "") in pauses
        if hosts.is_fenced(tx, self._settings.host, self._instance):
            done.next_at = now + FENCED_FOR
            return done
        if done.paused:
            return done
        presence = self._presence()
        free = {
            waiter.iccid: waiter
            for waiter in waiters
            if presence.get(waiter.iccid) not in (Presence.PAUSED, Presence.PARKED)
        }
        in_flight = dict(self._in_flight.values()) | beside.on_the_air(tx)
        locks.owners(tx, self._limited(free))
        taken: set[int] = set()  # parts that another host stands in the way of just now
        more = self._further.anew()
        for _ in range(ROUNDS):
            views = self._views(tx, free, now)
            done.views |= views
            for view in views.values():
                self._say_blocked(tx, done, view, now)
            # what is reserved, or goes to people who are counted, may still go
            able = {iccid: view for iccid, view in views.items() if blocked_by(view, 0, now) is None}
            if not able:
                break
            by_age = self._fronts.by_age(able.values())
            filled = waiting.filled(tx, {one for view in able.values() for one in lanes.queues(view)})
            parts = self._fronts.heads(tx, able, filled, now) + more
            parts += self._fronts.old_ones(tx, [view for view in able.values() if view.iccid in by_age], filled, now)
            parts = [part for part in parts if part.part_id not in taken and (self.clock_trusted or not part.by_clock)]
            seen, parts = parts, gates.sift(tx, parts, pauses)
            able = {iccid: lanes.with_known(tx, view, parts) for iccid, view in able.items()}
            choice = choose(
                parts,
                list(able.values()),
                presence,
                now,
                sticky=self._settings.sticky,
                in_flight=in_flight,
                by_age=by_age,
            )
            for binding in choice.bindings:
                queue.bind(tx, binding.message_id, binding.iccid)
            taken |= {one.part.part_id for one in choice.assignments if not beside.is_free(tx, one.part, one.iccid)}
            for assignment in (one for one in choice.assignments if one.part.part_id not in taken):
                claimed = self._claim(tx, assignment, free[assignment.iccid], done.blocked, now)
                if claimed is not None:
                    done.claimed.append(claimed)
                    in_flight[claimed.part.recipient] = assignment.iccid
                    del free[assignment.iccid]
            moving = bool(choice.bindings or choice.assignments or len(parts) < len(seen))
            found = self._further.anew() if moving else self._further.following(tx, parts, able.values(), now)
            if not free or found is None:
                break
            more = found
        else:
            self._further.unfinished |= moving  # bound parts stood before all others so far
        if self._further.unfinished:
            done.next_at = now
            return done
        done.next_at = self._next_look(tx, done, now)
        if taken:
            done.next_at = min(done.next_at or now + TAKEN_FOR, now + TAKEN_FOR)
        return done

    def _say_blocked(self, tx: Tx, done: _Round, view: LaneView, now: datetime) -> None:
        slug = blocked_by(view, 1, now, ANYONE)
        if slug is not None:
            opens_at = lanes.opens_at(tx, view, slug, self._settings.ceiling, now)
            done.blocked[view.iccid] = labels.Label(slug, opens_at)

    def _limited(self, lanes_: Collection[str]) -> set[str]:
        """Whose use must not change under this round's eyes: the farm's, and that of every owner with a limit."""
        facts = [self._facts(iccid) for iccid in lanes_]
        owners = {one.owner for one in facts if one.plan != UNLIMITED}
        return owners | ({counters.FARM} if self._settings.ceiling and facts else set())

    def _views(self, tx: Tx, free: Collection[str], now: datetime) -> dict[str, LaneView]:
        views = {
            iccid: lanes.view(
                tx, self._facts(iccid), now, failures=self.failures.get(iccid, 0), last_at=self._last_at.get(iccid)
            )
            for iccid in free
        }
        return lanes.under(tx, views, self._settings.ceiling, now)

    def _claim(
        self, tx: Tx, given: Assignment, waiter: _Waiter, blocked: Mapping[str, labels.Label], now: datetime
    ) -> _Claimed | None:
        part = given.part
        facts = self._facts(waiter.iccid)
        lane = Lane(
            iccid=waiter.iccid,
            owner=facts.owner,
            path=waiter.path,
            host=self._settings.host,
            instance=self._instance,
            day=counters.day_start(facts.plan, now),
            plan=facts.plan,
            ceiling=self._settings.ceiling,
            policy=self._settings.policy,
            transactional_after_opt_out=self._settings.transactional_after_opt_out,
        )
        attempt_id = queue.claim(tx, part, lane, now, kept(given, blocked))
        if attempt_id is None:
            exempt = suppress.exempt_classes(transactional=lane.transactional_after_opt_out)
            suppress.take_back(tx, part.recipient, now, exempt)
            return None
        ref = 0
        if part.parts_total > 1:
            ref = (
                part.concat_ref
                if part.concat_ref is not None
                else queue.next_concat_ref(tx, lane.iccid, part.recipient, part.message_id)
            )
        return _Claimed(part, attempt_id, lane, ref, now)

    @staticmethod
    def _next_look(tx: Tx, done: _Round, now: datetime) -> datetime | None:
        times = [label.next_at for label in done.blocked.values() if label.next_at is not None]
        due = labels.next_due(tx, now)
        if due is not None:
            times.append(due)
        return min(times, default=None)
