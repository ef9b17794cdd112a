"""What a SIM, an account and the whole farm may still send, played forward: the days, months and hours of plans."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from modemfarm.model import NO_CEILING, Ceiling, Plan
from modemfarm.store.counters import day_end, day_start, month_end, month_start

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


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
