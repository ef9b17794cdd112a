"""All modems of one host: a supervisor for every port that discovery finds, ended when the port vanishes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from modemfarm.modem.discovery import Appeared, Discovery
from modemfarm.modem.supervisor import Supervisor

log = logging.getLogger(__name__)


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
            async for change in self._discovery.watch():
                if self._draining:
                    continue
                if isinstance(change, Appeared):
                    log.info("%s appeared", change.path)
                    await self._end(change.path)
                    supervisor = self._make(change.path)
                    self.supervisors[change.path] = supervisor
                    self._tasks[change.path] = group.create_task(supervisor.run(), name=f"modem {change.path}")
                else:
                    log.info("%s vanished", change.path)
                    supervisor_gone = self.supervisors.get(change.path)
                    if supervisor_gone is not None:
                        await supervisor_gone.vanished()
                    await self._end(change.path)

    async def drain(self) -> None:
        """No new prompts; returns when no part is on the air. The caller sets the deadline and then cancels `run`."""
        self._draining = True
        supervisors = list(self.supervisors.values())
        for supervisor in supervisors:
            supervisor.stop()
        for supervisor in supervisors:
            await supervisor.drain()

    async def _end(self, path: str) -> None:
        self.supervisors.pop(path, None)
        task = self._tasks.pop(path, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
