"""Figure of a daemon's memory over a simulated day: a whole farm on virtual time, and a steady stream through it."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Figure
from bench.machine import rss_mb
from bench.rig import folder
from bench.settings import Size
from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.draft import Draft
from tests.farm.virtual import Farm, farm
from tests.virtualtime import VirtualLoop, run

MODEMS = 4
STARTS = datetime(2026, 3, 2, tzinfo=UTC)
WARM_H = 4  # caches fill, the allocator and the database's own cache reach their size
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds at the end of an hour: resident megabytes, objects that the collector knows, tasks."""

    rss_mb: float
    objects: int
    tasks: int


def steady(place: Path, hours: int, an_hour: int) -> list[Held]:
    """What is held at the end of each hour; every message goes to a person of its own, answers come now and then."""

    async def main(loop: VirtualLoop) -> list[Held]:
        settings = FarmSettings("here", default_plan="unlimited")
        async with farm(
            loop, place, MODEMS, starts=STARTS, settings=settings, airtime_s=3, setup_s=1, report_s=2, tick_s=30
        ) as one:
            return [await _hour(one, hour, an_hour) for hour in range(hours)]

    return run(main)


async def _hour(one: Farm, hour: int, count: int) -> Held:
    for at in range(hour * count, (hour + 1) * count):
        await one.add(1, lambda _, at=at: Draft(f"+86138{at:08}", f"steady {at}"))
        if at % 10 == 5:
            one.simulation.deliver(at % MODEMS, f"+86139{at:08}", f"answer {at}")
        await asyncio.sleep(HOUR_S / count)
    await one.until(lambda: _is_idle(one))
    # Every phone that was ever written to stays in the network's memory: that is the simulator's, not the daemon's.
    one.simulation.network._phones.clear()  # noqa: SLF001
    gc.collect()
    return Held(rss_mb(os.getpid()), len(gc.get_objects()), len(asyncio.all_tasks()))


async def _is_idle(one: Farm) -> bool:
    return not await one.count("messages WHERE state <> 'delivered'")


def growth(held: Sequence[Held]) -> tuple[float, float]:
    """Objects and kilobytes an hour, after the first hours."""
    first, last, hours = held[WARM_H - 1], held[-1], max(1, len(held) - WARM_H)
    return (last.objects - first.objects) / hours, 1024 * (last.rss_mb - first.rss_mb) / hours


def memory(size: Size) -> list[Figure]:
    """How much more a process holds, hour by hour, when a farm has been steadily at work."""
    grown, seen = [], ""
    for _ in range(1 if size.whole else size.repeats):
        with folder() as place:
            held = steady(place, size.day_h, size.an_hour)
        grown.append(growth(held))
        seen = f"{held[WARM_H - 1].rss_mb:.1f} MB after {WARM_H} h, {held[-1].rss_mb:.1f} MB after {len(held)} h"
    what = f"{MODEMS} modems, {size.an_hour} messages an hour, daemon and simulator in one process on virtual time"
    return [
        Figure(
            "memory over a simulated day, growth an hour", "KB", 200, tuple(kb for _, kb in grown), notes=(what, seen)
        ),
        Figure("memory over a simulated day, objects more an hour", "", 50, tuple(objects for objects, _ in grown)),
    ]
