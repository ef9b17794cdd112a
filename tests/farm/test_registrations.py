"""SIMs that no network takes, and SIMs abroad: parked with the reason, back by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modemfarm.farm.registrations import condition
from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.draft import Draft
from modemfarm.model import SimSettings
from modemfarm.store import actions
from tests.farm.virtual import Farm, farm
from tests.virtualtime import VirtualLoop, run

STARTS = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
CARD = "8986003100000000000"


@pytest.mark.parametrize(
    ("state", "minutes", "roams", "reason"),
    [
        ("home", 600, False, None),
        ("roaming", 0, False, "roaming"),
        ("roaming", 600, True, None),
        ("denied", 0, False, None),
        ("denied", 1, False, "no_registration"),
        ("searching", 14, False, None),
        ("searching", 15, False, "not_registered"),
        ("none", 15, True, "not_registered"),
    ],
)
def test_what_a_registration_means(state: str, minutes: int, roams: bool, reason: str | None) -> None:
    lasted, grace = timedelta(minutes=minutes), timedelta(minutes=15)
    assert condition(state, lasted, roams=roams, grace=grace) == reason


def on_farm(
    folder: Path,
    script: Callable[[Farm], Awaitable[None]],
    before: Callable[[Farm], None] = lambda _: None,
    modems: int = 1,
    **settings: Any,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        wanted = FarmSettings("here", default_plan="unlimited", **settings)
        async with farm(loop, folder, modems, starts=STARTS, settings=wanted, airtime_s=1, tick_s=5) as one:
            before(one)
            await script(one)

    run(main)


async def stands(one: Farm, state: str, reason: str | None, within_s: float = 7200) -> None:
    async with asyncio.timeout(within_s):
        await one.until(
            lambda: one.count(
                "sims WHERE iccid = :iccid AND state = :state AND coalesce(reason, '') = :reason",
                iccid=CARD,
                state=state,
                reason=reason or "",
            ),
            5,
        )


async def sent(one: Farm, count: int, within_s: float = 3600) -> None:
    async with asyncio.timeout(within_s):
        while len(one.submits()) < count:
            await asyncio.sleep(5)


def to(number: int) -> Draft:
    return Draft(f"+86138{number:08}", f"hello {number}", report=False)


def test_a_sim_abroad_sends_nothing_until_it_is_home(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        await one.add(3, to)
        await stands(one, "parked", "roaming")
        await asyncio.sleep(300)
        assert one.submits() == []
        one.simulation.turn(0, "roaming", "0")
        await stands(one, "active", None)
        await sent(one, 3)
        rows = await one.rows("SELECT data FROM events WHERE kind = 'sim.active' ORDER BY id")
        assert "registered" in rows[-1]["data"]

    on_farm(tmp_path, script, lambda one: one.simulation.turn(0, "roaming", "1"))


def test_a_person_lets_a_sim_send_abroad(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        await stands(one, "parked", "roaming")
        await one.offload.run(actions.sim_resume, CARD, one.clock.now())
        await one.add(2, to)
        await sent(one, 2)

    on_farm(tmp_path, script, lambda one: one.simulation.turn(0, "roaming", "1"))


@pytest.mark.parametrize("settings", [{"roaming": True}, {"sims": {CARD: SimSettings(CARD, roaming=True)}}])
def test_the_owner_lets_sims_send_abroad(tmp_path: Path, settings: dict[str, Any]) -> None:
    async def script(one: Farm) -> None:
        await one.add(2, to)
        await sent(one, 2)

    on_farm(tmp_path, script, lambda one: one.simulation.turn(0, "roaming", "1"), **settings)


@pytest.mark.parametrize(("fault", "reason"), [("denied", "no_registration"), ("no-network", "not_registered")])
def test_a_sim_that_no_network_takes_gives_its_work_to_others_and_comes_back(
    tmp_path: Path, fault: str, reason: str
) -> None:
    async def script(one: Farm) -> None:
        await one.add(4, to)
        await sent(one, 4)
        one.simulation.fault(0, fault)
        await stands(one, "parked", reason)
        await one.add(4, to)  # half of these people know the SIM that is out
        await sent(one, 8)
        one.simulation.fault(0, "clear")
        await stands(one, "active", None, 24 * 3600)

    on_farm(tmp_path, script, modems=2)
