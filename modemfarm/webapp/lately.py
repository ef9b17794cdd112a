"""What many who watch ask for is shared: counts that cost much, and the pieces that every open page asks for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

T = TypeVar("T")

CHEAP_S = 0.01  # what costs less is counted each time
MOST_SHARE = 0.05  # of a core, at most, goes into counting one thing again and again
MOST_KEPT = 256  # names; whoever makes up more of them finds the oldest gone


@dataclass(frozen=True, slots=True)
class _Counted:
    value: Any
    at: float
    cost_s: float
    for_s: float


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

    def get(self, name: str, count: Callable[[], T], for_s: float = 0.0) -> T:
        """The last count of that name while it stands, else `count()`; what that raises is raised.

        Args:
            for_s: it stands so long at least, whatever it cost.
        """
        with self._lock:
            last = self._last.get(name)
            mine = self._counting.setdefault(name, threading.Lock())
        if last is not None and (self._stands(last) or mine.locked()):
            return cast(T, last.value)
        if last is None:
            return self._count(name, count, for_s)
        with mine:
            return self._count(name, count, for_s)

    def forget(self) -> None:
        """Somebody changed something: what stands for its time alone stands no longer."""
        with self._lock:
            self._last = {name: last for name, last in self._last.items() if not last.for_s}

    def _count(self, name: str, count: Callable[[], T], for_s: float) -> T:
        began = self._spent()
        value = count()
        cost = self._spent() - began
        with self._lock:
            self._last.pop(name, None)
            if cost >= CHEAP_S or for_s:
                self._last[name] = _Counted(value, self._clock(), cost, for_s)
            while len(self._last) > MOST_KEPT:
                oldest = next(iter(self._last))
                del self._last[oldest]
                self._counting.pop(oldest, None)
        return value

    def _stands(self, last: _Counted) -> bool:
        return self._clock() - last.at < max(last.cost_s / MOST_SHARE, last.for_s)
