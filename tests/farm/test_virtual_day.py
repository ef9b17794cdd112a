"""Eight modems, the cautious plan and two thousand messages, over virtual hours: the network's log is the judge."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from modemfarm.intake.draft import Draft
from tests.farm.virtual import Farm, farm
from tests.virtualtime import VirtualLoop, run

MODEMS, MESSAGES = 8, 2000
STARTS = datetime(2026, 3, 14, 21, 0, tzinfo=UTC)
RESET = datetime(2026, 3, 15, 0, 0, tzinfo=UTC)


def _mixed(number: int) -> Draft:
    """One to three parts, GSM-7 and UCS-2, four priorities."""
    text = (
        ("订单已发货。" * 20)[: 10 + number % 100]
        if number % 5 == 0
        else f"Order {number} is on its way. " * (1 + number % 7)
    )
    return Draft(f"+86138{number:08}", f"{number}: {text}", priority=3 + number % 4, report=number % 3 == 0)


def _check(entries: list[dict[str, object]], day: datetime) -> None:
    """The plan's limits, recounted from what the network saw."""
    per_sim: dict[str, list[float]] = defaultdict(list)
    for entry in entries:
        per_sim[str(entry["iccid"])].append(float(str(entry["ctrl_z_at"])))
    for times in per_sim.values():
        times.sort()
        assert all(late - early >= 60 for early, late in zip(times, times[6:], strict=False)), "seven in 60 s"
    days = Counter(
        (iccid, int((moment - day.timestamp()) // 86_400)) for iccid, times in per_sim.items() for moment in times
    )
    assert max(days.values()) <= 100


def _once(entries: list[dict[str, object]]) -> None:
    seen = Counter((entry["to"], str(entry["text"]), str(entry["concat"])) for entry in entries)
    assert max(seen.values()) == 1


def test_a_farm_sends_what_its_plans_allow_and_not_one_part_more(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with farm(loop, tmp_path, MODEMS, starts=STARTS, airtime_s=3, setup_s=1, report_s=2, tick_s=10) as one:
            await one.add(MESSAGES, _mixed)
            await asyncio.sleep(2 * 3600)
            first = one.submits()
            _check(first, STARTS.replace(hour=0))
            _once(first)
            await _is_full(one, first)
            await _waits_for_tomorrow(one)
            await _in_order(one)
            await asyncio.sleep((RESET - one.clock.now()).total_seconds() - 5)
            assert len(one.submits()) == len(first)
            await asyncio.sleep(2 * 3600)
            both = one.submits()
            _check(both, STARTS.replace(hour=0))
            _once(both)
            await _is_full(one, both[len(first) :])

    run(main)


async def _is_full(one: Farm, entries: list[dict[str, object]]) -> None:
    """Each SIM used its day but for what no waiting message fits into."""
    used = Counter(str(entry["iccid"]) for entry in entries)
    assert len(used) == MODEMS
    smallest = (await one.rows("SELECT min(parts_total) AS n FROM messages WHERE state IN ('queued', 'held')"))[0]["n"]
    assert all(100 - smallest < count <= 100 for count in used.values()), used
    rows = await one.rows("SELECT owner, used FROM counters WHERE used > 0 ORDER BY starts_at DESC, owner LIMIT 8")
    assert sorted(row["used"] for row in rows) == sorted(used.values())


async def _waits_for_tomorrow(one: Farm) -> None:
    """Everything else is held, for the day's limit, and says until when."""
    rows = await one.rows("SELECT state, reason, next_at, count(*) AS n FROM messages GROUP BY state, reason, next_at")
    waiting = [row for row in rows if row["state"] not in ("sent", "delivered")]
    assert [(row["state"], row["reason"]) for row in waiting] == [("held", "plan_day")], rows
    assert waiting[0]["next_at"] == int(RESET.timestamp() * 1e6)


async def _in_order(one: Farm) -> None:
    """The urgent ones left first, and of those the oldest, but for what no longer fitted into a SIM's day."""
    rows = await one.rows("SELECT rank, id, sent_at FROM messages WHERE sent_at IS NOT NULL ORDER BY rank, id")
    urgent = [row for row in rows if row["rank"] == rows[0]["rank"]]
    assert len(urgent) == MESSAGES // 4
    assert {row["rank"] - rows[0]["rank"] for row in rows} == {0, 1}
    behind = [late for early, late in pairwise(urgent) if early["sent_at"] - late["sent_at"] > 120e6]
    assert len(behind) <= 2 * MODEMS


def test_a_paced_farm_says_so_while_it_sends(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with farm(loop, tmp_path, 2, starts=STARTS, airtime_s=1) as one:
            await one.add(100, lambda number: Draft(f"+86139{number:08}", f"{number}"))
            await asyncio.sleep(100)
            rows = await one.rows("SELECT state, reason, next_at FROM messages WHERE state IN ('queued', 'held')")
            assert rows
            assert {(row["state"], row["reason"]) for row in rows} == {("held", "plan_minute")}
            assert all(row["next_at"] is not None for row in rows)
            sent = len(one.submits())
            assert sent >= 12
            await asyncio.sleep(timedelta(minutes=10).total_seconds())
            assert await one.count("messages WHERE state NOT IN ('sent', 'delivered')") == 0
            _check(one.submits(), STARTS)

    run(main)
