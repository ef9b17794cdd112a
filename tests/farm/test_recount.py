"""Every limit of a plan, counted again from the network's log alone: over a clock change, a month's end and a restart."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.draft import Draft
from modemfarm.model import Plan, SimSettings
from modemfarm.simulator.card import make_card
from modemfarm.store.engine import Store
from tests.farm.virtual import Farm, farm
from tests.virtualtime import VirtualLoop, run

STARTS = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
# 03:00 in Berlin, by hand: the clocks go forward on 29 March at 01:00 UTC, in the moment when that day begins
DAYS = [datetime(2026, 3, day, hour, tzinfo=UTC) for day, hour in ((28, 2), (29, 1), (30, 1), (31, 1))]
MONTH = DAYS[3]  # the 31st
PLAN = Plan(
    "p", per_minute=5, per_hour=12, per_day=30, per_month=65, recipients_per_month=40,
    resets_day=31, resets_minute=180, zone="Europe/Berlin",
)  # fmt: skip


def _draft(number: int) -> Draft:
    text = f"{number} " + "x" * (200 if number % 7 == 0 else 20)
    return Draft(f"+86138{number % 110:08}", text, priority=number % 3 + 4, report=False, valid_for=timedelta(days=9))


def _judge(entries: list[dict[str, Any]], owner: dict[str, str]) -> dict[str, Counter[int]]:
    by_owner: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for entry in entries:
        by_owner[owner[entry["iccid"]]].append((entry["ctrl_z_at"], entry["to"]))
    days: dict[str, Counter[int]] = {}
    for name, sent in by_owner.items():
        times = sorted(at for at, _ in sent)
        for span, most in ((60, 5), (3600, 12)):
            assert all(late - early >= span for early, late in zip(times, times[most:], strict=False)), (name, span)
        days[name] = Counter(sum(at >= day.timestamp() for day in DAYS) for at in times)
        assert max(days[name].values()) <= 30, (name, days)
        for early, late in ((0.0, MONTH.timestamp()), (MONTH.timestamp(), 1e12)):
            month = [to for at, to in sent if early <= at < late]
            assert len(month) <= 65, name
            assert len(set(month)) <= 40, name
    return days


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_recount_finds_every_limit_kept_and_used(tmp_path: Path) -> None:
    iccids = [make_card(number, mr=0).iccid for number in range(3)]
    owner = dict(zip(iccids, ("shop", "shop", "alone"), strict=True))
    settings = FarmSettings(
        "here",
        plans={"p": PLAN},
        default_plan="p",
        sims={iccid: SimSettings(iccid, account="shop") for iccid in iccids[:2]},
        sticky=False,
    )
    submits: list[dict[str, Any]] = []

    async def main(loop: VirtualLoop) -> None:
        database = Store("sqlite:///farm.db", tmp_path)
        at = STARTS
        for until in (DAYS[1] + timedelta(minutes=20), DAYS[2] + timedelta(hours=9), DAYS[3] + timedelta(hours=9)):
            folder = tmp_path / until.strftime("%d")
            folder.mkdir()
            facts: dict[str, Any] = {"starts": at, "settings": settings, "database": database, "tick_s": 60}
            async with farm(loop, folder, 3, airtime_s=2, **facts) as one:
                await _sends(one, until, fresh=at == STARTS)
                submits.extend(one.submits())
            at = until + timedelta(seconds=5)
        database.close()

    run(main)
    days = _judge(submits, owner)
    assert all(count[2] >= 28 for count in days.values()), days  # a day of 23 hours, used up
    assert all(count[1] + count[2] + count[3] >= 63 for count in days.values()), days  # then the month
    assert all(count[4] >= 28 for count in days.values()), days  # the new one


async def _sends(one: Farm, until: datetime, *, fresh: bool) -> None:
    if fresh:
        await one.add(400, _draft)
    await asyncio.sleep((until - one.clock.now()).total_seconds())
