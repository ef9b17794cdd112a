"""A SIM that moves to another port in the middle of its day keeps what it has used, by the network's own count."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.draft import Draft
from modemfarm.model import Plan
from tests.farm.virtual import farm
from tests.virtualtime import VirtualLoop, run

STARTS = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
PLAN = Plan("p", per_minute=6, per_day=10)


def test_sims_that_change_places_at_noon_send_no_more_that_day(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        settings = FarmSettings("here", plans={"p": PLAN}, default_plan="p", sticky=False)
        async with farm(loop, tmp_path, 2, starts=STARTS, settings=settings) as one:

            async def has_sent(count: int) -> bool:
                return len(one.submits()) >= count

            await one.add(40, lambda number: Draft(f"+86138{number:08}", "hello", report=False))
            await one.until(lambda: has_sent(9))
            for number in (0, 1):
                one.simulation.unplug(number)
            one.simulation.swap(one.simulation._at(0), 1)
            for number in (0, 1):
                one.simulation.replug(number)
            await one.until(lambda: has_sent(20))
            await asyncio.sleep(3600)
            sent = one.submits()
            assert set(Counter(entry["iccid"] for entry in sent).values()) == {10}
            ports = defaultdict(set)
            for entry in sent:
                ports[entry["iccid"]].add(entry["modem"])
            assert all(len(used) == 2 for used in ports.values()), ports
            rows = await one.rows("SELECT owner, used FROM counters WHERE period = 'day'")
            assert {row["owner"]: row["used"] for row in rows} == dict.fromkeys(ports, 10)

    run(main)
