"""Watches the wall clock: one that went back, or jumped, must not start schedules or end validities."""

from __future__ import annotations

import ctypes
import time
from datetime import datetime, timedelta

JUMP = timedelta(seconds=60)
_UNSYNCHRONISED = 0x0040  # STA_UNSYNC of adjtimex(2)


class _Timex(ctypes.Structure):
    """struct timex as far as `status`; the kernel writes the whole, hence the room behind."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def synchronised() -> bool:
    """Whether the kernel's clock is disciplined by a time service (adjtimex)."""
    try:
        timex = _Timex()
        if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex)) < 0:
            return False
    except (OSError, AttributeError):
        return False
    return not timex.status & _UNSYNCHRONISED


class ClockGuard:
    """Says whether times may be acted on.

    A clock that stands before the newest row, or that moved by over a minute against the machine's uptime,
    is doubted until it is synchronised, comes back, or a person confirms it.
    """

    def __init__(self, now: datetime, newest_row: datetime | None) -> None:
        self._expected = now
        self._boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._newest = newest_row
        self.doubt: str | None = "behind" if newest_row is not None and now < newest_row - JUMP else None

    def look(self, now: datetime, boot_s: float | None = None, *, in_sync: bool | None = None) -> bool:
        """Take a look; whether the clock may be trusted.

        Args:
            boot_s: CLOCK_BOOTTIME, which no one can set.
            in_sync: what the kernel says of the clock; asked for only in doubt.
        """
        boot_s = time.clock_gettime(time.CLOCK_BOOTTIME) if boot_s is None else boot_s
        expected = self._expected + timedelta(seconds=boot_s - self._boot)
        if self.doubt is None and abs(now - expected) > JUMP:
            self.doubt = "jumped"
        elif self.doubt == "jumped" and abs(now - expected) <= JUMP:
            self.doubt = None
        elif self.doubt == "behind" and self._newest is not None and now >= self._newest:
            self.confirm(now, boot_s)
        if self.doubt is not None and (synchronised() if in_sync is None else in_sync) and self._not_behind(now):
            self.confirm(now, boot_s)
        if self.doubt is None:
            self._expected, self._boot = now, boot_s
        return self.doubt is None

    def _not_behind(self, now: datetime) -> bool:
        return self._newest is None or now >= self._newest - JUMP

    def confirm(self, now: datetime, boot_s: float | None = None) -> None:
        """The clock is right as it is."""
        self.doubt = None
        self._expected = now
        self._boot = time.clock_gettime(time.CLOCK_BOOTTIME) if boot_s is None else boot_s
        self._newest = None
