"""Counts that cost much are shared: many who watch a farm with a million messages cost it no more than one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

T = TypeVar("T")

CHEAP_S = 0.01  # what costs less is counted each time
MOST_SHARE = 0.05  # of a core, at most, goes into counting one thing again and again


@dataclass(frozen=True, slots=True)
class _Counted:
    value: Any
    at: float
    cost_s: float


class Lately:
    """What was counted lately, by name.

    A count stands for as long as keeps counting under `MOST_SHARE` of a core: what took 75 ms stands for 1.5 s. While
    somebody counts, the others get the last count.
    """

    def __init__(
        self, spent: Callable[[], float] = time.thread_time, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with nothing counted.

        Args:
            spent: seconds of work so far. This thread's alone, unless a server does the counting.
        """
        self._spent, self._clock = spent, clock
        self._lock = threading.Lock()
        self._last: dict[str, _Counted] = {}
        self._counting: dict[str, threading.Lock] = {}

    def get(self, name: str, count: Callable[[], T]) -> T:
        """The last count of that name while it stands, else `count()`; what that raises is raised."""
        with self._lock:
            last = self._last.get(name)
            mine = self._counting.setdefault(name, threading.Lock())
        if last is not None and (self._stands(last) or mine.locked()):
            return cast(T, last.value)
        if last is None:
            return self._count(name, count)
        with mine:
            return self._count(name, count)

    def _count(self, name: str, count: Callable[[], T]) -> T:
        began = self._spent()
        value = count()
        cost = self._spent() - began
        with self._lock:
            if cost < CHEAP_S:
                self._last.pop(name, None)
            else:
                self._last[name] = _Counted(value, self._clock(), cost)
        return value

    def _stands(self, last: _Counted) -> bool:
        return self._clock() - last.at < last.cost_s / MOST_SHARE
