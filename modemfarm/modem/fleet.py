"""All modems of one host: a supervisor for every port that discovery finds, ended when the port vanishes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from modemfarm.modem.discovery import Discovery, Vanished
from modemfarm.modem.supervisor import Supervisor

log = logging.getLogger(__name__)

_SEES_WITHIN_S = 0.3  # a session notices its port's end by itself; the outcome on the air then says so


class Fleet:
    """Starts and ends supervisors.

    Attributes:
        supervisors: those running now, by path.
    """

    def __init__(self, discovery: Discovery, make: Callable[[str], Supervisor]) -> None:
        self._discovery, self._make = discovery, make
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._draining = False
        self.supervisors: dict[str, Supervisor] = {}

    async def run(self) -> None:
        """Watch for ports until cancelled; cancelling ends every supervisor."""
        async with asyncio.TaskGroup() as group:
            if self._discovery.scout is not None:
                group.create_task(self._discovery.scout.run(), name="scout")
            async for change in self._discovery.watch():
                path = change.path
                if isinstance(change, Vanished):
                    log.info("%s vanished", path)
                    supervisor = self.supervisors.pop(path, None)
                    if supervisor is not None:
                        group.create_task(self._farewell(path, supervisor), name=f"end {path}")
                elif not self._draining:
                    log.info("%s appeared", path)
                    self.supervisors[path] = supervisor = self._make(path)
                    supervisor.placed(change.usb_path)
                    serving = self._serve(supervisor, self._tasks.get(path))
                    self._tasks[path] = group.create_task(serving, name=f"modem {path}")

    async def drain(self) -> None:
        """No new prompts; returns when no part is on the air. The caller sets the deadline and then cancels `run`."""
        self._draining = True
        supervisors = list(self.supervisors.values())
        for supervisor in supervisors:
            supervisor.stop()
        for supervisor in supervisors:
            await supervisor.drain()

    async def _serve(self, supervisor: Supervisor, before: asyncio.Task[None] | None) -> None:
        """One supervisor's life, after whoever had the path before."""
        if before is not None:
            await asyncio.wait({before})
        await supervisor.run()

    async def _farewell(self, path: str, supervisor: Supervisor) -> None:
        """End a supervisor whose port is gone, once it had time to see that itself."""
        task = self._tasks[path]
        await supervisor.vanished()
        await asyncio.wait({task}, timeout=_SEES_WITHIN_S)
        task.cancel()
        await asyncio.wait({task})
        if self._tasks.get(path) is task:
            del self._tasks[path]
