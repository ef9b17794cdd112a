"""Virtual time: an event loop whose clock jumps to the next timer when nothing else is to be done."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")
EPOCH = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # where every virtual day begins, unless a test says otherwise
STARTS_S = 1000.0
_LOOKS_S = 0.0005  # how long threads are waited for before they are looked at again


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time stands still while anything works, threads included, and jumps when everything waits.

    Attributes:
        threads: each says how much it still has to do; time does not pass until all say zero.
    """

    def __init__(self) -> None:
        selector = selectors.DefaultSelector()
        self.virtual_s = STARTS_S
        self.threads: list[Callable[[], int]] = []
        look = selector.select

        def select(timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            ready = look(0)
            while not ready and timeout != 0:
                if any(busy() for busy in self.threads):
                    ready = look(_LOOKS_S)
                    continue
                ready = look(0)  # what a thread left behind as it finished
                if not ready and timeout is not None:
                    self.virtual_s += timeout
                    self._clock_resolution = math.ulp(self.virtual_s)
                    return []
                if not ready:
                    ready = look(None)
            return ready

        selector.select = select  # type: ignore[method-assign]
        super().__init__(selector)
        # No timer a hair too early: who looks at the time then would wait again, and time would stand still.
        self._clock_resolution = math.ulp(self.virtual_s)

    def time(self) -> float:
        return self.virtual_s


class VirtualClock:
    """Wall-clock time that follows the loop's."""

    def __init__(self, loop: VirtualLoop, starts: datetime = EPOCH) -> None:
        self._loop = loop
        self._starts = starts

    def now(self) -> datetime:
        return self._starts + timedelta(seconds=self._loop.virtual_s - STARTS_S)


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]], *, most: timedelta = timedelta(days=30)) -> T:
    """Run a coroutine on virtual time; it may use up so much of it."""

    async def bounded() -> T:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        async with asyncio.timeout(most.total_seconds()):
            return await main(loop)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(bounded())
