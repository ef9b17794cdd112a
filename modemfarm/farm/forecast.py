"""When what waits will have gone: the farm played forward with the same `choose`, over the real limits and windows.

Nothing here knows of a database or a clock; `farm/outlook.py` reads the farm and asks.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from modemfarm.farm import looking
from modemfarm.farm.allowance import HOUR, MINUTE, Owner, Purse
from modemfarm.farm.choosing import PATIENCE, TURN_BY_AGE, Choice, LaneView, Presence, blocked_by, choose
from modemfarm.farm.further import crowded
from modemfarm.farm.lanes import queues
from modemfarm.model import Forecast, millionths
from modemfarm.store.behind import MOST as FITTING
from modemfarm.store.engine import from_us, to_us
from modemfarm.store.messages import NAMED
from modemfarm.store.queue import STARTED_RANK, Candidate

MOST = 4_000  # messages played one by one; the rest goes on at the pace that these had
HORIZON = timedelta(days=400)


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

    @property
    def needs(self) -> int:
        """How much room it needs in a limit."""
        return self.first.parts_total - self.first.part_number + 1

    @property
    def queue(self) -> str:
        """Where it waits: for one SIM, for those of a name, or for any ("")."""
        return self.first.bound_iccid or ("" if self.first.pinned is None else NAMED + self.first.pinned)


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

    def to_known(self, known: Container[str], most: int) -> list[Work]:
        found = (item[3] for item in self.ready if item[3].first.recipient in known)
        return list(itertools.islice(found, most))

    def fitting(self, parts: int) -> list[Work]:
        return list(itertools.islice((item[3] for item in self.ready if item[3].needs <= parts), FITTING))

    def longest(self, before: int) -> list[Work]:
        """The first two of each priority that have been due since `before`; what began already goes anyway."""
        found: list[Work] = []
        place = bisect.bisect_left(self.ready, (STARTED_RANK + 1,))
        while place < len(self.ready):
            rank = self.ready[place][0]
            found += [item[3] for item in self.ready[place : place + 2] if item[0] == rank and item[1] <= before]
            place = bisect.bisect_left(self.ready, (rank + 1,))
        return found

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
        watch: a message that began, at the latest, when a free SIM could have taken it, whatever hid it.
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
        watch: int | None = None,
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
        self._called: dict[str, set[str]] = {}  # by ICCID: its queue, and those of its names
        self._taken: Counter[str] = Counter()  # messages that each SIM began, for the turns by age
        self._looked_for_known: dict[str, datetime] = {}  # by ICCID: when there was nothing
        self._watch = watch
        self._watched: Work | None = None
        self._late: Counter[int] = Counter()  # by batch
        self._stuck = self._messages = self._parts = 0
        self.finished: dict[int, datetime] = {}
        self.began: dict[int, datetime] = {}
        for work in works:
            self._enter(work)

    def _enter(self, work: Work) -> None:
        wanted, pinned = work.first.bound_iccid, work.first.pinned
        if self._can_serve(wanted, pinned):
            self._put(work)
        else:
            self._stuck += 1

    def _put(self, work: Work) -> None:
        self._queues.setdefault(work.queue, _Queue()).put(work, to_us(self.now))
        if work.first.message_id == self._watch:
            self._watched = work

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
        by_age = {iccid for iccid in views if self._taken[iccid] % TURN_BY_AGE == TURN_BY_AGE - 1}
        works = self._heads(views, by_age)
        if self._let_go(works, views, by_age):
            return True
        further = self._further(works, views)
        if self._let_go(further, views):
            return True
        self._look_behind(works | further, views)
        return False

    def _let_go(
        self, works: Mapping[int, Work], views: Mapping[str, LaneView], by_age: Collection[str] = frozenset()
    ) -> bool:
        """Choose among some messages; whether anything moved."""
        if not works:
            return False
        if self._let_wait(works):
            return True
        choice = self._choose([work.first for work in works.values()], views, by_age)
        for binding in choice.bindings:
            work = works[binding.message_id]
            self._queues[work.queue].take(work)
            self._put(replace(work, first=replace(work.first, bound_iccid=binding.iccid)))
        moved = bool(choice.bindings)
        for assignment in choice.assignments:
            moved |= self._send(works[assignment.part.message_id], self._lanes[assignment.iccid])
        return moved

    def _choose(self, parts: Sequence[Candidate], views: Mapping[str, LaneView], by_age: Collection[str]) -> Choice:
        last = {part.recipient: self._going[part.recipient] for part in parts if part.recipient in self._going}
        going = {to: iccid for to, (iccid, until) in last.items() if until > self.now}
        seen = [self._with_known(view, parts) for view in views.values()]
        return choose(parts, seen, self._presence, self.now, sticky=self._sticky, in_flight=going, by_age=by_age)

    def _look_behind(self, works: Mapping[int, Work], views: Mapping[str, LaneView]) -> None:
        """Note where SIMs stand idle that could take the message that is watched: it only was not seen."""
        work = self._watched
        if work is None or work.first.message_id in works or work.first.due_at > to_us(self.now):
            return
        opens = self._opens(work.first, self.now)
        if opens is not None and opens <= self.now and self._choose([work.first], views, ()).assignments:
            self.began.setdefault(work.first.message_id, self.now)

    def _heads(self, views: Mapping[str, LaneView], by_age: Collection[str]) -> dict[int, Work]:
        """What the dispatcher looks at: the heads of each free SIM's queues, and what waited longest on its turn."""
        found: list[Work] = []
        for iccid, view in views.items():
            if iccid in self._queues:
                found += self._queues[iccid].heads(looking.OWN)
            if looking.is_for_known(view, self.now):
                found += self._to_known(view)
        for name in self._filled(views.values()) - views.keys():
            found += self._queues[name].heads(looking.NAMED)
        if "" in self._queues:
            found += self._queues[""].heads(len(views) + looking.BEYOND)
        if by_age:
            before = to_us(self.now - PATIENCE)
            for name in self._filled(views[iccid] for iccid in by_age) | ({""} & self._queues.keys()):
                found += self._queues[name].longest(before)
        return {work.first.message_id: work for work in found}

    def _further(self, works: Mapping[int, Work], views: Mapping[str, LaneView]) -> dict[int, Work]:
        """What fits behind messages that are too long for the rest of a limit."""
        rooms = crowded([work.first for work in works.values()], views.values(), self.now)
        found = [
            work for name, left in rooms.items() if name in self._queues for work in self._queues[name].fitting(left)
        ]
        return {work.first.message_id: work for work in found if work.first.message_id not in works}

    def _filled(self, views: Iterable[LaneView]) -> set[str]:
        called: set[str] = set()
        for view in views:
            called |= self._called.get(view.iccid) or self._called.setdefault(view.iccid, queues(view))
        return called & self._queues.keys()

    def _to_known(self, view: LaneView) -> list[Work]:
        last = self._looked_for_known.get(view.iccid)
        if last is not None and self.now - last < looking.KNOWN_EVERY:
            return []
        known = self._owners[view.owner].known
        where = [self._queues[name] for name in ("", view.iccid) if name in self._queues]
        found = [work for queue in where for work in queue.to_known(known, looking.OWN)]
        if not found:
            self._looked_for_known[view.iccid] = self.now
        return found

    def _let_wait(self, works: Mapping[int, Work]) -> bool:
        """Set aside what may not go yet, and drop what can no longer go; whether there was any."""
        moved = False
        for work in works.values():
            queue = self._queues[work.queue]
            opens = self._opens(work.first, self.now)
            if work.until is not None and work.until <= (opens or self.now):
                queue.take(work)
                self._late[work.first.batch_id or 0] += 1
            elif opens is None:
                queue.take(work)
                self._stuck += 1
            elif opens > self.now:
                queue.take(work)
                self._put(replace(work, first=replace(work.first, due_at=to_us(opens))))
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
        self._queues[work.queue].take(work)
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
        self._taken[lane.iccid] += work.first.rank >= 0
        self._going[work.first.recipient] = lane.iccid, at
        heapq.heappush(self._busy, (at, lane.iccid))
        self._went(work.first, at)
        self.began.setdefault(work.first.message_id, self.now)
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
