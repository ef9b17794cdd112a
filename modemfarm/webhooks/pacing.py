"""How many calls are under way to each address, and which addresses rest because they do not answer."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from modemfarm.webhooks.calling import Result

EACH = 2  # calls to one address at a time
REST_AFTER = 3  # calls in a row that were not answered
_REST = timedelta(seconds=30)

Key = TypeVar("Key", bound=Hashable)


class Pacing(Generic[Key]):
    """For several threads; `Key` names an address."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._flying: dict[int, Key] = {}  # call -> address
        self._silent: Counter[Key] = Counter()  # calls in a row that an address did not answer
        self._rests: dict[Key, datetime] = {}

    def room(self, key: Key) -> tuple[int, frozenset[int]]:
        """How many calls to an address may begin now, and those that are under way."""
        now = self._now()
        with self._lock:
            mine = frozenset(call for call, of in self._flying.items() if of == key)
            rests_until = self._rests.get(key)
        if rests_until is None:
            return max(0, EACH - len(mine)), mine
        return (0 if now < rests_until else max(0, 1 - len(mine))), mine  # one to try it with

    def begin(self, call: int, key: Key) -> None:
        """A call is under way."""
        with self._lock:
            self._flying[call] = key

    def end(self, call: int) -> None:
        """It is no longer."""
        with self._lock:
            self._flying.pop(call, None)

    def judge(self, key: Key, result: Result) -> bool:
        """Take note of what came of a call; whether the address fell silent with it.

        One that does not answer is not asked for everything that waits for it.
        """
        with self._lock:
            if result.status is not None and result.status < 500:
                self._silent.pop(key, None)
                self._rests.pop(key, None)
                return False
            self._silent[key] += 1
            if self._silent[key] >= REST_AFTER:
                self._rests[key] = self._now() + _REST
            return self._silent[key] == REST_AFTER
