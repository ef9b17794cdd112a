"""Whether somebody who is asked again and again still answers, on a machine that may be slow."""

from __future__ import annotations

import os

ASK_EVERY_S = 10.0  # and so long is waited for each answer
MISSES = 3  # in a row, and then it hangs


def load() -> float:
    """How many times as long as usual things may take: those who wait for each processor, at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Pulse:
    """What is known of who is asked.

    Args:
        now: seconds of a clock that never goes back, as in all that follows.
    """

    def __init__(self, now: float) -> None:
        self._asked_at, self._is_owed, self._misses = now, False, 0

    def ask(self, now: float, patience: float) -> bool:
        """Whether to ask now; what was asked before counts as missed.

        Args:
            patience: how many times as long as usual an answer may take.
        """
        if now - self._asked_at < ASK_EVERY_S * patience:
            return False
        self._misses += self._is_owed
        self._asked_at, self._is_owed = now, True
        return True

    def heard(self) -> None:
        """It answered."""
        self._is_owed, self._misses = False, 0

    @property
    def hangs(self) -> bool:
        """Whether it missed too many in a row."""
        return self._misses >= MISSES
