"""All modems of one host: a supervisor for every port that discovery finds, ended when the port vanishes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from modemfarm.modem.damping import Damper
from modemfarm.modem.discovery import Appeared, Discovery, Vanished
from modemfarm.modem.supervisor import Supervisor

log = logging.getLogger(__name__)

_SEES_WITHIN_S = 0.3  # a session notices its port's end by itself; the outcome on the air then says so


@dataclass(slots=True)
class _Hold:
    """A port that comes and goes, until when it has to stay, and whether it is there now."""

    until: float
    there: bool = True


class Fleet:
    """Starts and ends supervisors; a port that comes and goes is served once it stays.

    Attributes:
        supervisors: those running now, by path.
    """

    def __init__(self, discovery: Discovery, make: Callable[[str], Supervisor]) -> None:
        self._discovery, self._make = discovery, make
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._draining = False
        self._damper = Damper()
        self._holds: dict[str, _Hold] = {}
        self.supervisors: dict[str, Supervisor] = {}

    async def run(self) -> None:
        """Watch for ports until cancelled; cancelling ends every supervisor."""
        async with asyncio.TaskGroup() as group:
            if self._discovery.scout is not None:
                group.create_task(self._discovery.scout.run(), name="scout")
            async for change in self._discovery.watch():
                if isinstance(change, Vanished):
                    self._vanished(change.path, group)
                elif not self._draining:
                    self._appeared(change, group)

    def _vanished(self, path: str, group: asyncio.TaskGroup) -> None:
        if path in self._holds:
            self._holds[path].there = False
            return
        log.info("%s vanished", path)
        supervisor = self.supervisors.pop(path, None)
        if supervisor is not None:
            group.create_task(self._farewell(supervisor, self._tasks[path]), name=f"end {path}")

    def _appeared(self, change: Appeared, group: asyncio.TaskGroup) -> None:
        path, now = change.path, asyncio.get_running_loop().time()
        hold_s = self._damper.appeared(change.usb_path or path, now)
        if path in self._holds:
            self._holds[path] = _Hold(now + hold_s)
            return
        log.info("%s appeared", path)
        if hold_s:
            log.warning("%s comes and goes: it is served once it has stayed for %g s", path, hold_s)
            self._holds[path] = _Hold(now + hold_s)
        self.supervisors[path] = supervisor = self._make(path)
        supervisor.placed(change.usb_path)
        if change.anew:
            supervisor.plugged_in_anew()
        serving = self._serve(supervisor, self._tasks.get(path), hold_s)
        self._tasks[path] = group.create_task(serving, name=f"modem {path}")

    async def drain(self) -> None:
        """No new prompts; returns when no part is on the air. The caller sets the deadline and then cancels `run`."""
        self._draining = True
        supervisors = list(self.supervisors.values())
        for supervisor in supervisors:
            supervisor.stop()
        for supervisor in supervisors:
            await supervisor.drain()

    async def _serve(self, supervisor: Supervisor, before: asyncio.Task[None] | None, hold_s: float) -> None:
        """One supervisor's life, after whoever had the path before, once its port stays."""
        if before is not None:
            await asyncio.wait({before})
        if not hold_s or await self._stays(supervisor, hold_s):
            await supervisor.run()

    async def _stays(self, supervisor: Supervisor, hold_s: float) -> bool:
        """Wait until the port has stayed long enough; False: it went for good, and its page says so."""
        path, loop = supervisor.path, asyncio.get_running_loop()
        try:
            while not self._draining and (left_s := self._holds[path].until - loop.time()) > 0:
                await supervisor.hold(left_s, hold_s)
            there = self._holds[path].there or self._draining
        finally:
            del self._holds[path]
        if not there:
            log.info("%s vanished", path)
            del self.supervisors[path], self._tasks[path]
            await supervisor.vanished()
        return there

    async def _farewell(self, supervisor: Supervisor, task: asyncio.Task[None]) -> None:
        """End a supervisor whose port is gone, once it had time to see that itself."""
        await supervisor.vanished()
        await asyncio.wait({task}, timeout=_SEES_WITHIN_S)
        task.cancel()
        await asyncio.wait({task})
        if self._tasks.get(supervisor.path) is task:
            del self._tasks[supervisor.path]
