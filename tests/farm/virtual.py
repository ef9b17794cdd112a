"""A whole farm on virtual time: virtual modems in this process, real sessions, a real database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modemfarm.farm import housekeeping, labelling
from modemfarm.farm import journal as journals
from modemfarm.farm.clockguard import ClockGuard
from modemfarm.farm.housekeeping import Housekeeping
from modemfarm.farm.journal import FarmJournal
from modemfarm.farm.labelling import Labeller
from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft
from modemfarm.modem.ladder import Limits
from modemfarm.modem.profile import load_profiles
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.supervisor import Supervisor
from modemfarm.resources import shipped
from modemfarm.simulator.simulation import Simulation
from modemfarm.store import hosts, migrations, sims
from modemfarm.store.engine import Store, Tx
from modemfarm.store.offload import Offload
from tests.fresh import fresh
from tests.store.tools import INBOUND, INTAKE, RULES
from tests.virtualtime import VirtualClock, VirtualLoop


class SteadyClock(ClockGuard):
    """The machine's uptime says nothing about virtual time."""

    def look(self, now: datetime, boot_s: float | None = None, *, in_sync: bool | None = None) -> bool:
        return True


@dataclass
class Farm:
    """One running farm; `log` is the virtual SMSC's own."""

    store: Store
    clock: VirtualClock
    simulation: Simulation
    journal: FarmJournal
    offload: Offload
    supervisors: list[Supervisor]
    log: Path

    async def add(self, count: int, make: Callable[[int], Draft]) -> list[int]:
        """Take messages in, some hundred to a transaction."""
        ids: list[int] = []
        for start in range(0, count, 200):
            ids += await self.offload.bulk(self._add, range(start, min(start + 200, count)), make)
        self.journal.dispatcher.wake()
        return ids

    def _add(self, tx: Tx, numbers: range, make: Callable[[int], Draft]) -> list[int]:
        taken = [accept(tx, make(number), INTAKE, self.clock.now()) for number in numbers]
        return [one.message_id for one in taken if one is not None]

    async def rows(self, sql: str, **binds: object) -> list[dict[str, Any]]:
        return await self.offload.run(lambda tx: tx.all(sql, **binds))

    async def count(self, where: str, **binds: object) -> int:
        rows = await self.rows(f"SELECT count(*) AS n FROM {where}", **binds)
        return int(rows[0]["n"])

    async def until(self, done: Callable[[], Any], every_s: float = 1.0) -> None:
        """Until an awaitable condition holds."""
        while not await done():
            await asyncio.sleep(every_s)

    def submits(self) -> list[dict[str, Any]]:
        """What the virtual network took, in order."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [entry for entry in map(json.loads, lines) if entry["event"] == "submit"]


@asynccontextmanager
async def farm(
    loop: VirtualLoop,
    folder: Path,
    modems: int,
    *,
    starts: datetime,
    settings: FarmSettings | None = None,
    database: Store | None = None,
    tick_s: float = 1.0,
    modem_settings: ModemSettings | None = None,
    limits: Callable[[int], Limits] | None = None,
    drivers: Path | None = None,
    **simulated: Any,
) -> AsyncIterator[Farm]:
    """Wires everything as the daemon does, without its sockets and signals; looks at the clock each `tick_s`.

    Args:
        limits: those of modem N, where they shall not share theirs.
        drivers: a folder of the owner's own profiles.
    """
    clock = VirtualClock(loop, starts - timedelta(seconds=loop.virtual_s - 1000.0))
    settings = settings or FarmSettings("here")
    store = database or fresh(folder)
    migrations.upgrade(store, clock.now())
    offload = Offload(store)
    loop.threads = [lambda: offload.pending]
    offload.start()
    log = folder / "smsc.jsonl"
    simulation = Simulation(modems, log_path=log, clock=lambda: clock.now().timestamp(), **simulated)
    journal = FarmJournal(offload, settings, clock.now, "run", INBOUND, RULES)
    guard = SteadyClock(clock.now(), None)
    supervisors: list[Supervisor] = []

    def retry(path: str) -> None:
        next(one for one in supervisors if one.path == path).retry()

    keeping = Housekeeping(
        offload, journal, INBOUND, clock.now, settings.host, "run", guard, lambda _path: None, int, retry
    )
    await offload.run(hosts.recover, settings.host, clock.now())
    await offload.run(hosts.take_lease, settings.host, "run", 1, "0", clock.now())
    await offload.run(sims.nowhere, settings.host, clock.now())
    journal.refresh_sims(await offload.run(sims.all_sims))
    folders = (shipped("drivers"), *([drivers] if drivers else []))
    profiles, shared = load_profiles(*folders), Limits()
    modem_settings = modem_settings or ModemSettings(sweep_s=7200, poll_s=600)
    supervisors += [
        Supervisor(
            simulation.path(number),
            simulation,
            profiles,
            journal,
            modem_settings,
            clock,
            limits(number) if limits else shared,
        )
        for number in range(modems)
    ]
    patch = pytest.MonkeyPatch()
    for module, name in ((housekeeping, "EVERY_S"), (labelling, "EVERY_S"), (journals, "STATUS_EVERY_S")):
        patch.setattr(module, name, tick_s)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(work)
            for work in (
                journal.dispatcher.run(),
                keeping.run(),
                journal.write_statuses(),
                Labeller(offload, journal, clock.now).run(),
                *(supervisor.run() for supervisor in supervisors),
            )
        ]
        try:
            yield Farm(store, clock, simulation, journal, offload, supervisors, log)
        finally:
            patch.undo()
            for task in tasks:
                task.cancel()
    await simulation.stop()
    offload.stop()
    if database is None:
        store.close()
