"""Delivery reports that lie in a store, and modems whose stores are read slot by slot."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.draft import Draft
from modemfarm.model import Plan
from modemfarm.modem.ladder import Limits
from modemfarm.modem.profile import load_profiles
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.supervisor import Supervisor
from modemfarm.resources import shipped
from modemfarm.simulator import commands
from modemfarm.simulator.answers import ERROR, Answer, Request
from modemfarm.simulator.virtual import VirtualModem
from tests.farm.test_storage import deliver, nothing_lost, ready, stored
from tests.farm.virtual import Farm, farm
from tests.virtualtime import VirtualLoop, run

STARTS = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
# into SR, which has ten slots; among the messages
STORE_THEM = ("cinterion", pytest.param("huawei", marks=pytest.mark.slow))
UNLIMITED = FarmSettings("here", default_plan=Plan("unlimited"))


def on_farm(
    tmp_path: Path,
    script: Callable[[Farm], Awaitable[object]],
    family: str,
    *,
    drivers: Path | None = None,
    report_s: float = 1.0,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with farm(
            loop,
            tmp_path,
            1,
            starts=STARTS,
            tick_s=10,
            settings=UNLIMITED,
            families=(family,),
            drivers=drivers,
            report_s=report_s,
            modem_settings=ModemSettings(),
        ) as one:
            await script(one)

    run(main)


async def send(one: Farm, count: int) -> None:
    await one.add(count, lambda number: Draft(f"+86139{number:08}", f"number {number}"))
    while len(one.submits()) < count:
        await asyncio.sleep(1)


async def all_delivered(one: Farm, count: int, within_s: float = 3600) -> None:
    states: Counter[str] = Counter()
    try:
        async with asyncio.timeout(within_s):
            while states["delivered"] < count:
                await asyncio.sleep(10)
                states = Counter(row["state"] for row in await one.rows("SELECT state FROM messages"))
    except TimeoutError:
        raise AssertionError((states, stored(one))) from None
    assert await one.count("received WHERE kind = 'status_report'") == count
    while set(stored(one).values()) != {0}:
        await asyncio.sleep(10)


@pytest.mark.parametrize("family", STORE_THEM)
def test_reports_that_nobody_announced_are_found_in_their_store(tmp_path: Path, family: str) -> None:
    async def script(one: Farm) -> None:
        await ready(one)
        one.simulation.fault(0, "no-cmti", "", 0)
        await send(one, 25)  # more than SR holds: the network keeps the rest until there is room
        await all_delivered(one, 25)

    on_farm(tmp_path, script, family)


@pytest.mark.parametrize("family", STORE_THEM)
def test_reports_that_came_while_no_daemon_lived_are_read_at_the_next_start(tmp_path: Path, family: str) -> None:
    async def script(one: Farm) -> None:
        await ready(one)
        await send(one, 8)
        await one.supervisors[0].drain()
        await asyncio.sleep(1200)
        assert sum(stored(one).values()) == 8
        settings, profiles = ModemSettings(), load_profiles(shipped("drivers"))
        next_one = Supervisor(
            one.simulation.path(0), one.simulation, profiles, one.journal, settings, one.clock, Limits()
        )
        serving = asyncio.ensure_future(next_one.run())
        await all_delivered(one, 8, 120)
        serving.cancel()
        await asyncio.wait({serving})

    on_farm(tmp_path, script, family, report_s=600)


@pytest.fixture
def listings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The virtual modems know no +CMGL; how often they were asked all the same."""
    asked: list[str] = []

    def refuse(_modem: VirtualModem, request: Request) -> Answer:
        asked.append(request.arguments)
        return ERROR

    monkeypatch.setitem(commands.HANDLERS, "+CMGL", refuse)  # type: ignore[arg-type]  # a dict behind its Mapping
    return asked


@pytest.mark.parametrize(
    ("family", "profile", "said"),
    [
        pytest.param("cinterion", "cinterion", True, id="cinterion, by its profile"),
        pytest.param("huawei", "huawei_e", False, id="huawei, found out"),
        pytest.param("sim800", "simcom_2g", True, id="sim800, by its profile", marks=pytest.mark.slow),
        pytest.param("sim800", "simcom_2g", False, id="sim800, found out", marks=pytest.mark.slow),
        pytest.param("huawei", "huawei_e", True, id="huawei, by its profile", marks=pytest.mark.slow),
    ],
)
def test_a_modem_that_lists_nothing_is_read_slot_by_slot(
    tmp_path: Path, listings: list[str], family: str, profile: str, said: bool
) -> None:
    drivers = tmp_path / "drivers"
    drivers.mkdir()
    if said:
        text = (shipped("drivers") / f"{profile}.toml").read_text("utf-8")
        (drivers / f"{profile}.toml").write_text(f'list_method = "cmgr"\n{text}', "utf-8")

    async def script(one: Farm) -> None:
        one.simulation.fault(0, "store-full")
        lay = sum(stored(one).values())
        deliver(one, 40)
        await nothing_lost(one, lay + 40)
        one.simulation.fault(0, "no-cmti", "", 0)
        deliver(one, 60, "unannounced")
        await nothing_lost(one, lay + 100)
        one.simulation.fault(0, "clear")
        await send(one, 12)
        await all_delivered(one, 12)
        assert bool(listings) is not said

    on_farm(tmp_path, script, family, drivers=drivers)
