"""A SIM that is refused again and again rests, and both its modem and what waits for it say so."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.draft import Draft
from tests.farm.virtual import farm
from tests.virtualtime import VirtualLoop, run

STARTS = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


def test_a_rest_after_refusals_is_told_of_the_modem_and_of_what_waits(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        settings = FarmSettings("here", default_plan="unlimited")
        async with farm(loop, tmp_path, 1, starts=STARTS, settings=settings) as one:
            one.simulation.fault(0, "cms", "302@prompt", 5)
            await one.add(9, lambda number: Draft(f"+8613800138{number:03}", "hello"))

            async def rests() -> bool:
                return await one.count("messages WHERE reason = 'sim_rests' AND state = 'held'") > 0

            await one.until(rests)
            (modem,) = await one.rows("SELECT state, sentence, params FROM modems")
            assert (modem["state"], modem["sentence"]) == ("recovering", "resting")
            assert '"code": "CMS 302"' in modem["params"]
            assert await one.count("messages WHERE reason = 'sim_rests' AND next_at IS NULL") == 0

            async def goes_on() -> bool:
                return await one.count("messages WHERE state IN ('sent', 'delivered')") > 3

            await one.until(goes_on)
            assert await one.count("messages WHERE reason = 'sim_rests'") == 0
            assert await one.count("modems WHERE sentence = 'resting'") == 0

    run(main)
