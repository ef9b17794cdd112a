"""Plays one supervisor against scripted ports, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from modemfarm.model import Outcome
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.supervisor import Supervisor
from tests.modem.fakes import FakeJournal, ScriptedOpener, ScriptedPort, profiles, run

Play = Callable[[FakeJournal, Supervisor], Awaitable[None]]


def play(port: ScriptedPort | list[ScriptedPort], journal: FakeJournal, script: Play, **settings: float) -> Supervisor:
    """Run one supervisor on virtual time beside a script; the script's end drains it."""

    async def main() -> Supervisor:
        ports = port if isinstance(port, list) else [port]
        supervisor = Supervisor(
            "script",
            ScriptedOpener(*ports),  # type: ignore[arg-type]
            profiles(),
            journal,
            ModemSettings(**settings),  # type: ignore[arg-type]
            journal.clock,
        )
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(supervisor.run())
            try:
                async with asyncio.timeout(5000):
                    await script(journal, supervisor)
                async with asyncio.timeout(200):
                    await supervisor.drain()
            finally:
                serving.cancel()
        return supervisor

    return run(main())


def wait_for(count: int) -> Play:
    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while len(journal.outcomes) < count:
            await asyncio.sleep(0.1)

    return script


def only(journal: FakeJournal) -> Outcome:
    assert len(journal.outcomes) == 1, journal.outcomes
    return journal.outcomes[0][1]
