"""The ladder of repairs, and the farm-wide limits on restarting modems and radios."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum

RESETS_AT_ONCE = 4  # a pool box shares one supply; radios starting together brown it out
RESETS_A_DAY = 6
_REOPEN_FIRST_S = 10.0
_REOPEN_MOST_S = 600.0
_AGAIN_AFTER = 6  # reopenings before radio and reset get another turn


class Rung(IntEnum):
    """How hard a session begins, gentlest first."""

    PLAIN = 0  # open, wake, set up
    REINIT = 1  # the same after a fault
    RADIO = 2  # +CFUN off and on
    RESET = 3  # the vendor's restart
    REOPEN = 4  # wait, then open anew


SENTENCE_OF = {
    Rung.REINIT: "repairing_reinit",
    Rung.RADIO: "repairing_radio",
    Rung.RESET: "repairing_reset",
    Rung.REOPEN: "repairing_reopen",
}


@dataclass(frozen=True, slots=True)
class Step:
    """What to try next, after how long."""

    rung: Rung
    wait_s: float


class Ladder:
    """One port's faults in a row. Pure: time stays outside."""

    def __init__(self) -> None:
        self._faults = 0

    def climb(self, at_least: Rung = Rung.REINIT) -> Step:
        """The next step after one more fault.

        Args:
            at_least: what is gentler than this is known not to help.
        """
        self._faults = max(self._faults + 1, at_least)
        match self._faults:
            case 1:
                return Step(Rung.REINIT, 1.0)
            case 2:
                return Step(Rung.RADIO, 2.0)
            case 3:
                return Step(Rung.RESET, 5.0)
        reopened = self._faults - 4
        if reopened and reopened % _AGAIN_AFTER == 0:
            return Step(Rung.RADIO if (reopened // _AGAIN_AFTER) % 2 else Rung.RESET, _REOPEN_FIRST_S)
        return Step(Rung.REOPEN, min(_REOPEN_FIRST_S * 2 ** min(reopened, 10), _REOPEN_MOST_S))

    def worked(self) -> None:
        """The modem did its work: the next fault begins at the bottom."""
        self._faults = 0


class Limits:
    """Shared by all modems of a farm.

    Attributes:
        served: the path whose session serves a card, by ICCID.
        stalled: when a modem was last restarted because it received nothing more, in loop time, by its path.
        ussd: the coding of USSD strings that a modem took, by IMEI, else path.
    """

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(RESETS_AT_ONCE)
        self.served: dict[str, str] = {}
        self.stalled: dict[str, float] = {}
        self.ussd: dict[str, str] = {}

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold one of the farm's places for a radio start or a reset."""
        async with self._turns:
            yield
