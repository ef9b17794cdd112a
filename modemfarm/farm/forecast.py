"""When what waits will have gone: the farm played forward with the same `choose`, over the real limits and windows.

Nothing here knows of a database or a clock; `farm/outlook.py` reads the farm and asks.
"""

from __future__ import annotations

import bisect
import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from modemfarm.farm.choosing import LaneView, Presence, blocked_by, choose
from modemfarm.model import NO_CEILING, Ceiling, Forecast, Plan, millionths
from modemfarm.store.counters import day_end, day_start, month_end, month_start
from modemfarm.store.engine import from_us, to_us
from modemfarm.store.queue import Candidate

MOST = 4_000  # messages played one by one; the rest goes on at the pace that these had
HEADS = 4  # of the queue for any SIM, beyond two a free lane
HORIZON = timedelta(days=400)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Work:
    """A waiting message: its first waiting part, and how many parts it still needs.

    Attributes:
        first: with `due_at` the time from which it may go.
        until: its validity's end.
    """

    first: Candidate
    parts: int
    until: datetime | None


@dataclass(slots=True)
class Owner:
    """Whose limits count: a SIM or an account, with what it has used up to now."""

    plan: Plan
    used_today: int = 0
    used_month: int = 0
    recent: deque[datetime] = field(default_factory=deque)  # charges of the last hour, oldest first
    people: int = 0
    known: set[str] = field(default_factory=set)
    day: datetime | None = None
    day_ends: datetime | None = None
    month: datetime | None = None
    month_ends: datetime | None = None

    def turn(self, now: datetime) -> None:
        """Begin the day and the month that `now` lies in, where it is another one."""
        if self.day is None or self.day_ends is None or now >= self.day_ends:
            if self.day is not None:
                self.used_today = 0
            self.day, self.day_ends = day_start(self.plan, now), day_end(self.plan, now)
        if self.month is None or self.month_ends is None or now >= self.month_ends:
            if self.month is not None:
                self.used_month, self.people, self.known = 0, 0, set()
            self.month, self.month_ends = month_start(self.plan, now), month_end(self.plan, now)
        while self.recent and self.recent[0] <= now - HOUR:
            self.recent.popleft()

    def free_at(self, limit: int | None, span: timedelta, now: datetime) -> datetime | None:
        """When one more part fits into any `span`; None: now."""
        if limit is None or len(self.recent) < limit:
            return None
        opens = self.recent[-limit] + span
        return opens if opens > now else None


@dataclass(slots=True)
class Purse:
    """What the whole farm's ceiling leaves of its day; the money in millionths."""

    ceiling: Ceiling = NO_CEILING
    parts: int = 0
    cost: int = 0
    day: datetime | None = None
    ends: datetime | None = None

    def turn(self, now: datetime) -> None:
        """Begin the day that `now` lies in, where it is another one."""
        if self.ceiling and (self.day is None or self.ends is None or now >= self.ends):
            if self.day is not None:
                self.parts = self.cost = 0
            self.day, self.ends = day_start(self.ceiling.days, now), day_end(self.ceiling.days, now)

    def left(self) -> tuple[int | None, int | None]:
        """Parts and money; None: no ceiling."""
        most = self.ceiling
        parts = None if most.parts is None else most.parts - self.parts
        return parts, None if most.cost is None else most.cost - self.cost

    def pays(self, parts: int, cost: int) -> bool:
        """Take so much of the day; False, and nothing taken, where there is not enough."""
        left, money = self.left()
        if (left is not None and parts > left) or (money is not None and cost > money):
            return False
        self.parts, self.cost = self.parts + parts, self.cost + cost
        return True


@dataclass(frozen=True, slots=True)
class LaneFacts:
    """One SIM that sends: whose limits, its names, and how long a part takes it."""

    iccid: str
    owner: str
    names: frozenset[str]
    part: timedelta


class _Queue:
    """What waits in one place, in the order it should go; what is not due yet stands aside."""

    def __init__(self) -> None:
        self.ready: list[tuple[int, int, int, Work]] = []  # rank, due, part, sorted
        self.later: list[tuple[int, int, Work]] = []  # due, part: a heap

    def put(self, work: Work, now: int) -> None:
        one = work.first
        if one.due_at > now:
            heapq.heappush(self.later, (one.due_at, one.part_id, work))
        else:
            bisect.insort(self.ready, (one.rank, one.due_at, one.part_id, work))

    def due(self, now: int) -> None:
        while self.later and self.later[0][0] <= now:
            self.put(heapq.heappop(self.later)[2], now)

    def heads(self, most: int) -> list[Work]:
        return [item[3] for item in self.ready[:most]]

    def take(self, work: Work) -> None:
        one = work.first
        place = bisect.bisect_left(self.ready, (one.rank, one.due_at, one.part_id))
        del self.ready[place]


class Play:
    """The farm from `now` on, played until nothing is left to do.

    Args:
        opens: the first moment from `at` on at which a message's class may go to its recipient; None: never.
        went: told of each message when it has gone.
        purse: the farm's ceiling, with what is used of its day.
    """

    def __init__(
        self,
        lanes: Sequence[LaneFacts],
        owners: Mapping[str, Owner],
        works: Iterable[Work],
        now: datetime,
        *,
        sticky: bool = True,
        opens: Callable[[Candidate, datetime], datetime | None] = lambda _part, at: at,
        went: Callable[[Candidate, datetime], None] = lambda _part, _at: None,
        purse: Purse | None = None,
    ) -> None:
        self.now = now
        self._lanes = {lane.iccid: lane for lane in lanes}
        self._owners = owners
        self._sticky = sticky
        self._opens = opens
        self._went = went
        self._purse = purse or Purse()
        self._presence = dict.fromkeys(self._lanes, Presence.HERE)
        self._queues: dict[str, _Queue] = {}
        self._busy: list[tuple[datetime, str]] = []
        self._free = set(self._lanes)
        self._going: dict[str, tuple[str, datetime]] = {}
        self._last: dict[str, datetime] = {}
        self._late: Counter[int] = Counter()  # by batch
        self._stuck = self._messages = self._parts = 0
        self.finished: dict[int, datetime] = {}
        self.began: dict[int, datetime] = {}
        for work in works:
            self._enter(work)

    def _enter(self, work: Work) -> None:
        wanted, pinned = work.first.bound_iccid, work.first.pinned
        if self._can_serve(wanted, pinned):
            self._queues.setdefault(wanted, _Queue()).put(work, to_us(self.now))
        else:
            self._stuck += 1

    def _can_serve(self, bound: str, pinned: str | None) -> bool:
        """Whether any SIM that sends now may take it."""
        if bound:
            return bound in self._lanes
        return any(pinned is None or pinned in lane.names for lane in self._lanes.values())

    def run(self) -> Forecast:
        """Play to the end."""
        ends = self.now + HORIZON
        while self._waits() and self.now < ends:
            if self._round():
                continue
            following = self._next()
            if following is None or following > ends:
                break
            self.now = following
        self._stuck += sum(len(queue.ready) + len(queue.later) for queue in self._queues.values())
        last = max(self.finished.values(), default=None)
        late = self._late.total()
        return Forecast(
            last, self._messages, self._parts, late, self._stuck, self.finished, dict(self._late), self.began
        )

    def _waits(self) -> bool:
        return any(queue.ready or queue.later for queue in self._queues.values())

    def _round(self) -> bool:
        """Choose once; whether anything moved."""
        now = self.now
        while self._busy and self._busy[0][0] <= now:
            self._free.add(heapq.heappop(self._busy)[1])
        for queue in self._queues.values():
            queue.due(to_us(now))
        views = {}
        for iccid in self._free:
            view = self._view(self._lanes[iccid])
            if blocked_by(view, 0, now) is None:
                views[iccid] = view
        if not views:
            return False
        works = self._heads(list(views))
        if not works:
            return False
        moved = self._let_wait(works)
        if moved:
            return True
        going = {to: iccid for to, (iccid, until) in self._going.items() if until > now}
        parts = [work.first for work in works.values()]
        seen = [self._with_known(view, parts) for view in views.values()]
        choice = choose(parts, seen, self._presence, now, sticky=self._sticky, in_flight=going)
        for binding in choice.bindings:
            work = works[binding.message_id]
            self._queues[work.first.bound_iccid].take(work)
            bound = replace(work, first=replace(work.first, bound_iccid=binding.iccid))
            self._queues.setdefault(binding.iccid, _Queue()).put(bound, to_us(now))
        sent = False
        for assignment in choice.assignments:
            sent |= self._send(works[assignment.part.message_id], self._lanes[assignment.iccid])
        return bool(choice.bindings) or sent

    def _heads(self, free: Sequence[str]) -> dict[int, Work]:
        found: list[Work] = []
        for iccid in free:
            if iccid in self._queues:
                found += self._queues[iccid].heads(3)
        if "" in self._queues:
            found += self._queues[""].heads(2 * len(free) + HEADS)
        return {work.first.message_id: work for work in found}

    def _let_wait(self, works: Mapping[int, Work]) -> bool:
        """Set aside what may not go yet, and drop what can no longer go; whether there was any."""
        moved = False
        for work in works.values():
            queue = self._queues[work.first.bound_iccid]
            opens = self._opens(work.first, self.now)
            if work.until is not None and work.until <= (opens or self.now):
                queue.take(work)
                self._late[work.first.batch_id or 0] += 1
            elif opens is None:
                queue.take(work)
                self._stuck += 1
            elif opens > self.now:
                queue.take(work)
                queue.put(replace(work, first=replace(work.first, due_at=to_us(opens))), to_us(self.now))
            else:
                continue
            moved = True
        return moved

    def _send(self, work: Work, lane: LaneFacts) -> bool:
        """Let a message go; False: one that was chosen beside it took the last of the farm's day."""
        owner = self._owners[lane.owner]
        cost = work.parts * millionths(owner.plan.price_per_part)
        anew = self._purse.day is None or work.first.farm_day != to_us(self._purse.day)
        if anew and not self._purse.pays(work.parts, cost):
            return False
        self._queues[work.first.bound_iccid].take(work)
        if not (work.first.charged_to == lane.owner and owner.day and work.first.charged_day == to_us(owner.day)):
            owner.used_today += work.parts
            owner.used_month += work.parts
        if owner.plan.recipients_per_month is not None and work.first.recipient not in owner.known:
            owner.known.add(work.first.recipient)
            owner.people += 1
        at = self.now
        for _ in range(work.parts):
            for limit, span in ((owner.plan.per_minute, MINUTE), (owner.plan.per_hour, HOUR)):
                at = owner.free_at(limit, span, at) or at
            at += lane.part
            owner.recent.append(at)
        self._free.discard(lane.iccid)
        self._last[lane.iccid] = self.now
        self._going[work.first.recipient] = lane.iccid, at
        heapq.heappush(self._busy, (at, lane.iccid))
        self._went(work.first, at)
        self.began[work.first.message_id] = self.now
        self.finished[work.first.message_id] = at
        self._messages += 1
        self._parts += work.parts
        return True

    def _view(self, lane: LaneFacts) -> LaneView:
        owner = self._owners[lane.owner]
        owner.turn(self.now)
        assert owner.day is not None
        self._purse.turn(self.now)
        farm_parts, farm_cost = self._purse.left()
        counts = owner.plan.recipients_per_month is not None
        return LaneView(
            iccid=lane.iccid,
            owner=lane.owner,
            plan=owner.plan,
            names=lane.names,
            day=to_us(owner.day),
            used_today=owner.used_today,
            used_hour=len(owner.recent),
            used_month=owner.used_month,
            paced_until=owner.free_at(owner.plan.per_minute, MINUTE, self.now),
            last_at=self._last.get(lane.iccid),
            month=owner.month if counts else None,
            people=owner.people,
            farm_day=None if self._purse.day is None else to_us(self._purse.day),
            farm_parts=farm_parts,
            farm_cost=farm_cost,
        )

    def _with_known(self, view: LaneView, parts: Sequence[Candidate]) -> LaneView:
        if view.month is None:
            return view
        known = self._owners[view.owner].known
        return replace(view, known=frozenset(part.recipient for part in parts if part.recipient in known))

    def _next(self) -> datetime | None:
        """The next moment at which something may be possible that is not now."""
        moments = [self._busy[0][0]] if self._busy else []
        moments += [from_us(queue.later[0][0]) for queue in self._queues.values() if queue.later]
        if any(queue.ready for queue in self._queues.values()):
            moments += [self._purse.ends] if self._purse.ends is not None else []
            for iccid in self._free:
                owner = self._owners[self._lanes[iccid].owner]
                paced = (
                    owner.free_at(owner.plan.per_minute, MINUTE, self.now),
                    owner.free_at(owner.plan.per_hour, HOUR, self.now),
                    owner.day_ends if owner.plan.per_day is not None else None,
                    owner.month_ends,
                )
                moments += [moment for moment in paced if moment is not None]
        return min((moment for moment in moments if moment > self.now), default=None)


def extrapolate(played: Forecast, now: datetime, parts: int) -> datetime | None:
    """The end of so many parts behind those that were played, at the pace that these had."""
    if played.finish_at is None or not played.parts:
        return None
    return played.finish_at + (played.finish_at - now) * (parts / played.parts)
