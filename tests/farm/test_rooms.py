"""Messages that the rest of a day has no room for: they wait, say so, stop nobody, and go first once there is room."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from modemfarm.farm import further
from modemfarm.farm.labelling import Labeller
from modemfarm.model import Ceiling, Plan, SimSettings
from modemfarm.modem.journal import Go
from modemfarm.store import counters, labels
from modemfarm.store.engine import to_us
from tests.farm.benches import PATH, Bench, on_bench
from tests.store.tools import SIM, accepted

SEVEN = Plan("p", per_day=7)
FOUR = "x" * 600  # parts


async def _gone(one: Bench, most: int = 99) -> list[int]:
    """The messages whose parts a SIM takes, until it has waited a while for another."""
    found: list[int] = []
    while len(found) < most:
        try:
            async with asyncio.timeout(5):
                part = await one.journal.claim(SIM, PATH)
        except TimeoutError:
            break
        assert isinstance(await one.journal.submitting(part), Go)
        await one.journal.settle(part.attempt_id, SIM, accepted(len(found), one.clock.now()))
        found.append(part.message_id)
    return found


async def _next_day(one: Bench, plan: Plan) -> None:
    now = one.clock.now()
    await asyncio.sleep((counters.day_end(plan, now) - now + timedelta(seconds=61)).total_seconds())
    await one.offload.run(labels.release_due, one.clock.now())
    one.journal.dispatcher.wake()


@pytest.mark.parametrize("named", [None, "desk", SIM])
@pytest.mark.parametrize("limit", ["day", "month", "farm"])
def test_what_is_too_long_for_today_waits_and_stops_nobody(tmp_path: Path, named: str | None, limit: str) -> None:
    plan = {"day": SEVEN, "month": Plan("p", per_month=7), "farm": Plan("p")}[limit]

    async def script(one: Bench) -> None:
        long = [await one.add(to=f"+86138001380{n:02}", text=FOUR, pinned=named) for n in range(12)]
        short = [await one.add(to=f"+86139001390{n:02}", pinned=named) for n in range(5)]
        assert await _gone(one) == [long[0]] * 4 + short[:3]

    on_bench(
        tmp_path,
        script,
        plans={"p": plan},
        default_plan="p",
        sims={SIM: SimSettings(SIM, label="desk")},
        ceiling=Ceiling(parts=7) if limit == "farm" else Ceiling(),
    )


def test_what_is_too_long_for_today_says_until_when_and_goes_first_then(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        long = [await one.add(to=f"+86138001380{n:02}", text=FOUR) for n in range(3)]
        assert await _gone(one) == [long[0]] * 4
        for _ in range(2):
            await Labeller(one.offload, one.journal, one.clock.now).turn()
        for number in long[1:]:
            row = await one.offload.run(
                lambda tx, number=number: tx.one("SELECT * FROM messages WHERE id = :id", id=number)
            )
            assert (row["state"], row["reason"]) == ("held", "plan_day")
            assert row["next_at"] == to_us(counters.day_end(SEVEN, one.clock.now()))
        short = [await one.add(to=f"+86139001390{n:02}") for n in range(9)]
        assert await _gone(one) == short[:3]
        await _next_day(one, SEVEN)
        assert await _gone(one) == [long[1]] * 4 + short[3:6]
        await _next_day(one, SEVEN)
        assert await _gone(one) == [long[2]] * 4 + short[6:9]

    on_bench(tmp_path, script, plans={"p": SEVEN}, default_plan="p")


def test_one_that_fits_is_found_behind_any_number_that_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page at a time, in more than one transaction; what comes later is found without reading them again."""
    monkeypatch.setattr(further, "PAGE", 3)
    monkeypatch.setattr(further, "PAGES", 2)

    async def script(one: Bench) -> None:
        for n in range(50):
            await one.add(to=f"+86138001380{n:02}", text=FOUR, priority=3 + n % 3)
        await _gone(one, 4)
        for priority in (3, 4, 5, 9):
            number = await one.add(to=f"+8613900139{priority:03}", priority=priority)
            found = await _gone(one)
            assert found == ([number] if priority < 9 else []), "three had room"
        short = await one.value("SELECT count(*) FROM messages WHERE state = 'queued' AND parts_total = 1")
        assert short == 1

    on_bench(tmp_path, script, plans={"p": SEVEN}, default_plan="p")


def test_a_long_one_is_not_starved_by_urgent_short_ones(tmp_path: Path) -> None:
    """The turn by age always comes with the last part of the day: it is kept for the next day's first."""
    plan = Plan("p", per_day=8)

    async def script(one: Bench) -> None:
        long = await one.add(to="+8613800138000", text=FOUR, priority=0)
        await asyncio.sleep(7200)
        gone: list[int] = []
        for day in range(3):
            for n in range(12):
                await one.add(to=f"+861390013{day:02}{n:02}", priority=9)
            gone = await _gone(one)
            assert len(gone) == 8
            if long in gone:
                break
            await _next_day(one, plan)
        assert gone[:4] == [long] * 4

    on_bench(tmp_path, script, plans={"p": plan}, default_plan="p")
