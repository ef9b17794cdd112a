"""How many offers one person gets: so many in any day and month, and the same text not twice in a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

DAY = timedelta(hours=24)
MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Caps:
    """The most offers that a person gets in any 24 hours and in any 30 days."""

    per_day: int = 2
    per_month: int = 5


@dataclass(frozen=True, slots=True)
class Sent:
    """One offer that left, or may have; `digest` is its text's."""

    at: datetime
    digest: str


def free_at(sent: Sequence[Sent], digest: str, caps: Caps, now: datetime) -> datetime | None:
    """When one more offer fits; None: now."""
    wait = [_fits_at(sent, caps.per_day, DAY, now), _fits_at(sent, caps.per_month, MONTH, now)]
    wait += [one.at + DAY for one in sent if one.digest == digest and one.at + DAY > now]
    return max((moment for moment in wait if moment is not None), default=None)


def _fits_at(sent: Sequence[Sent], most: int, span: timedelta, now: datetime) -> datetime | None:
    recent = sorted((one.at for one in sent if one.at + span > now), reverse=True)
    if len(recent) < most:
        return None
    return recent[most - 1] + span if most else now + span
