"""A journal and its dispatcher, with no modem."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from modemfarm.farm.journal import FarmJournal
from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft
from modemfarm.modem.journal import SimSeen
from modemfarm.store.engine import Store
from modemfarm.store.offload import Offload
from tests.fresh import fresh
from tests.store.tools import INBOUND, INTAKE, RULES, SIM
from tests.virtualtime import VirtualClock, VirtualLoop, run

CARD = SimSeen(SIM, "460001234567890", None, None)
PATH = "/dev/ttyV0"
IMEI = "356938035643809"


class Bench:
    """A journal and its dispatcher on a database, with no modem."""

    def __init__(self, store: Store, offload: Offload, journal: FarmJournal, clock: VirtualClock) -> None:
        self.store, self.offload, self.journal, self.clock = store, offload, journal, clock

    async def add(self, **draft: Any) -> int:
        facts = {"to": "+8613800138000", "text": "hello", **draft}
        taken = await self.offload.run(accept, Draft(**facts), INTAKE, self.clock.now())
        assert taken is not None
        self.journal.dispatcher.wake()
        return taken.message_id

    async def value(self, sql: str, **binds: object) -> Any:
        return await self.offload.run(lambda tx: tx.value(sql, **binds))

    async def state(self, message_id: int) -> Any:
        return await self.value("SELECT state FROM parts WHERE message_id = :id AND part_number = 1", id=message_id)


@asynccontextmanager
async def bench(loop: VirtualLoop, folder: Path, **settings: Any) -> AsyncIterator[Bench]:
    store = fresh(folder)
    clock = VirtualClock(loop)
    offload = Offload(store)
    loop.threads = [lambda: offload.pending]
    offload.start()
    journal = FarmJournal(
        offload, FarmSettings("here", **{"default_plan": "unlimited", **settings}), clock.now, "run", INBOUND, RULES
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(journal.dispatcher.run())
        try:
            await journal.sim_seen(PATH, None, CARD)
            yield Bench(store, offload, journal, clock)
        finally:
            task.cancel()
    offload.stop()
    store.close()


def on_bench(folder: Path, script: Callable[[Bench], Awaitable[None]], **settings: Any) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with bench(loop, folder, **settings) as one:
            await script(one)

    run(main)
