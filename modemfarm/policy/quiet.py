"""When an offer may leave: a profile's hours on the wall clocks of all it may reach, clock changes too."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? (?P<opens>\d\d:\d\d)-(?P<closes>\d\d:\d\d)", re.ASCII)
_MIDNIGHT = 24 * 60
LOOKS_AHEAD = 14  # days; a profile that opens on no weekday is refused, and holidays do not last so long


@dataclass(frozen=True, slots=True)
class Hours:
    """The minutes after midnight between which offers may leave, by weekday; None: not on that day.

    Attributes:
        days: Monday first.
        fixed: holidays as (month, day).
        easter: holidays as days after Easter Sunday.
    """

    days: tuple[tuple[int, int] | None, ...]
    fixed: frozenset[tuple[int, int]] = frozenset()
    easter: frozenset[int] = frozenset()


ALWAYS = Hours(((0, _MIDNIGHT),) * 7)


def parse_hours(text: str) -> tuple[tuple[int, int] | None, ...]:
    """``mon-fri 09:00-20:00, sat 10:00-18:00`` as minutes by weekday; what is not named is closed.

    Raises:
        ValueError: not of this form, a day twice, or closing before opening.
    """
    days: list[tuple[int, int] | None] = [None] * 7
    for item in text.lower().split(","):
        found = _SPAN.fullmatch(" ".join(item.split()))
        if found is None or found["first"] not in _DAYS or (found["last"] or "mon") not in _DAYS:
            raise ValueError(f"expected hours like mon-fri 09:00-20:00, sat 10:00-18:00, not {text!r}")
        opens, closes = _minute(found["opens"]), _minute(found["closes"])
        first = _DAYS.index(found["first"])
        last = _DAYS.index(found["last"]) if found["last"] else first
        if opens >= closes or last < first:
            raise ValueError(f"{item.strip()!r} ends before it begins")
        for day in range(first, last + 1):
            if days[day] is not None:
                raise ValueError(f"{_DAYS[day]} stands twice in {text!r}")
            days[day] = (opens, closes)
    return tuple(days)


def _minute(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    if minutes > 59 or hours * 60 + minutes > _MIDNIGHT:
        raise ValueError(f"expected a time from 00:00 to 24:00, not {text!r}")
    return hours * 60 + minutes


def hours_text(days: tuple[tuple[int, int] | None, ...]) -> str:
    """The hours as `parse_hours` reads them."""
    told: list[str] = []
    start = 0
    for end in range(1, 8):
        if end < 7 and days[end] == days[start]:
            continue
        span = days[start]
        if span is not None:
            name = _DAYS[start] if end - start == 1 else f"{_DAYS[start]}-{_DAYS[end - 1]}"
            told.append(f"{name} {_clock(span[0])}-{_clock(span[1])}")
        start = end
    return ", ".join(told)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def closes_at(hours: Hours, zones: tuple[str, ...], now: datetime) -> datetime | None:
    """When what is open now closes; None: it is closed now."""
    for opens, closes in _open_spans(hours, zones, now.astimezone(UTC).date()):
        if opens <= now < closes:
            return closes
    return None


def opens_at(hours: Hours, zones: tuple[str, ...], now: datetime) -> datetime | None:
    """When it is open next; `now` itself when it is open; None: not within two weeks."""
    for opens, closes in _open_spans(hours, zones, now.astimezone(UTC).date()):
        if now < closes:
            return max(now, opens)
    return None


@functools.lru_cache(maxsize=4096)
def _open_spans(hours: Hours, zones: tuple[str, ...], about: date) -> tuple[tuple[datetime, datetime], ...]:
    """The spans around a day in which it is open in every one of the zones, in order."""
    spans = _joined(list(_spans(hours, ZoneInfo(zones[0]), about)))
    for zone in zones[1:]:
        spans = _both(spans, _joined(list(_spans(hours, ZoneInfo(zone), about))))
    return tuple(spans)


def _spans(hours: Hours, zone: ZoneInfo, about: date) -> Iterator[tuple[datetime, datetime]]:
    for offset in range(-2, LOOKS_AHEAD + 1):
        day = about + timedelta(days=offset)
        span = hours.days[day.weekday()]
        if span is None or is_holiday(hours, day):
            continue
        # The strict reading where the clock shows a time twice or not at all: late to open, early to close.
        opens = max(_instants(zone, day, span[0]))
        closes = min(_instants(zone, day, span[1]))
        if opens < closes:
            yield opens, closes


def _instants(zone: ZoneInfo, day: date, minute: int) -> tuple[datetime, datetime]:
    """The moments that a wall clock's time of a day may mean: two in the nights of clock changes."""
    if minute == _MIDNIGHT:
        day, minute = day + timedelta(days=1), 0
    local = datetime.combine(day, time(minute // 60, minute % 60), zone)
    return local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)


def _joined(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The same without seams: a day that closes at 24:00 goes on into one that opens at 00:00."""
    whole: list[tuple[datetime, datetime]] = []
    for opens, closes in spans:
        if whole and opens <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(closes, whole[-1][1]))
        else:
            whole.append((opens, closes))
    return whole


def _both(
    left: list[tuple[datetime, datetime]], right: list[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime]]:
    return [
        (max(a[0], b[0]), min(a[1], b[1])) for a in left for b in right if max(a[0], b[0]) < min(a[1], b[1])
    ]  # both lists are short: two weeks of days


def is_holiday(hours: Hours, day: date) -> bool:
    """Whether a profile's holidays name this day."""
    if (day.month, day.day) in hours.fixed:
        return True
    return bool(hours.easter) and (day - easter(day.year)).days in hours.easter


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the computus in the form of Meeus, Jones and Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return date(year, f // 31, f % 31 + 1)
