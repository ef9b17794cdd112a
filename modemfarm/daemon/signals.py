"""What SIGTERM and SIGINT do: the first asks for the end, the second is the end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType

_KILLED = 1


class Signals:
    """Handlers that the interpreter itself calls: they need no turn of a loop that may be busy or waiting.

    Args:
        stop: called in the loop at the first signal.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
        self._loop, self._stop = loop, stop
        self._came = 0

    def install(self) -> None:
        """From here on, for as long as the process lives."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._came += 1
        if self._came > 1 or self._loop.is_closed():
            os._exit(_KILLED)
        self._loop.call_soon_threadsafe(self._stop)
