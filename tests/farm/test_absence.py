"""A SIM that is in no modem any more: its grace, and what is said of it after."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from modemfarm.farm.choosing import Presence
from modemfarm.store import sims
from tests.farm.benches import Bench, on_bench
from tests.farm.virtual import farm
from tests.store.tools import SIM
from tests.virtualtime import VirtualLoop, run

STARTS = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


def test_a_sim_whose_modem_went_is_absent_once_its_grace_is_over(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with farm(loop, tmp_path, 1, starts=STARTS) as one:

            async def stands() -> tuple[str, str | None]:
                rows = await one.rows("SELECT state, path FROM sims")
                return (rows[0]["state"], rows[0]["path"]) if rows else ("", None)

            async def is_in_its_modem() -> bool:
                return bool((await stands())[1])

            await one.until(is_in_its_modem)
            one.simulation.unplug(0)
            await asyncio.sleep(60)
            assert await stands() == ("active", None)
            await asyncio.sleep(timedelta(minutes=16).total_seconds())
            assert await stands() == ("absent", None)

    run(main)


def test_after_a_kill_every_sim_has_its_grace_again(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        await asyncio.sleep(timedelta(days=3).total_seconds())
        one.journal._here.clear()  # as in a new process
        one.journal.refresh_sims(await one.offload.run(sims.all_sims))
        assert one.journal.presence()[SIM] is Presence.AWAY
        await one.offload.run(sims.nowhere, "here", one.clock.now())
        one.journal.refresh_sims(await one.offload.run(sims.all_sims))
        assert one.journal.presence()[SIM] is Presence.HERE

    on_bench(tmp_path, script)
