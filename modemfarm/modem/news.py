"""What a session's reader noticed and its lane has not acted on yet."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from modemfarm.at.events import Late


@dataclass(slots=True)
class News:
    """What the reader noticed; the lane's task acts on it."""

    late: deque[Late] = field(default_factory=deque)
    restarted: bool = False
    card: bool = False
    network: bool = False
    sms_ready: bool = False
    stopping: bool = False
    reset_wanted: bool = False
    noted: bool = False  # woken while nobody waited
    waker: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """Something is there to be acted on."""
        self.noted = True
        if self.waker is not None and not self.waker.done():
            self.waker.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Until `wake` or `seconds` from now; not at all when it was woken since the last wait."""
        if self.noted:
            self.noted = False
            return
        loop = asyncio.get_running_loop()
        self.waker = loop.create_future()
        timer = loop.call_later(max(seconds, 0.0), self.wake)
        try:
            await self.waker
        finally:
            timer.cancel()
            self.waker = None
            self.noted = False
