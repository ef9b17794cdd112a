"""Reads the small values that people type in files and flags: spans of time, moments, yes and no."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+", re.ASCII)
_STEP = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.ASCII)
_YES = frozenset({"1", "yes", "y", "true", "on", "是", "да", "д"})
_NO = frozenset({"0", "no", "n", "false", "off", "否", "нет", "н"})
LONGEST = timedelta(days=3660)


def is_own_number(text: str) -> bool:
    """Whether it can be a SIM's own number: 3 to 15 digits, with or without "+"."""
    digits = text.removeprefix("+")
    return digits.isascii() and digits.isdigit() and 3 <= len(digits) <= 15


def is_day(text: str) -> bool:
    """Whether it is a day that exists, like 2027-12-31."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def parse_span(text: str) -> timedelta:
    """A span of time as `48h`, `15m`, `60s`, `7d` or `1h30m`.

    Raises:
        ValueError: no number with a unit, zero, or more than ten years.
    """
    raw = text.strip().lower()
    if not _SPAN.fullmatch(raw):
        raise ValueError(f"expected a number with s, m, h, d or w, like 48h, not {text!r}")
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _STEP.findall(raw))
    if not 0 < seconds <= LONGEST.total_seconds():
        raise ValueError(f"expected more than nothing and less than ten years, not {text!r}")
    return timedelta(seconds=seconds)


def span_text(span: timedelta) -> str:
    """The shortest text that `parse_span` reads as this span."""
    seconds = span.total_seconds()
    if seconds % 1:
        return f"{seconds:g}s"
    for unit in ("h", "m"):
        if seconds % _UNITS_S[unit] == 0:
            return f"{int(seconds) // _UNITS_S[unit]}{unit}"
    return f"{int(seconds)}s"


def parse_moment(text: str, zone: tzinfo | None = None) -> datetime:
    """An RFC 3339 moment as aware UTC.

    Args:
        zone: where a moment without an offset is meant; None: such a moment is refused.

    Raises:
        ValueError: not a moment, or no offset and no zone.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"expected a time like 2026-03-01T09:30:00+08:00, not {text!r}") from None
    if moment.tzinfo is None:
        if zone is None:
            raise ValueError(f"{text!r} lacks its offset from UTC: write it like 2026-03-01T09:30:00+08:00")
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is out of range") from None


def parse_flag(text: str) -> bool:
    """Yes or no, in the words of the three languages.

    Raises:
        ValueError: neither.
    """
    raw = text.strip().lower()
    if raw in _YES:
        return True
    if raw in _NO:
        return False
    raise ValueError(f"expected yes or no, not {text!r}")
