"""What stands behind messages that cannot go is foreseen as the dispatcher finds it, and never refused for that."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from modemfarm.farm.allowance import Owner
from modemfarm.farm.forecast import LaneFacts, Play, Work
from modemfarm.farm.outlook import Outlook
from modemfarm.farm.settings import FarmSettings
from modemfarm.model import UNLIMITED, Plan, normal_iccid
from modemfarm.store import sim_facts
from modemfarm.store.waiting import coming
from tests.farm.test_forecast import STARTS, draft, near, plain, play, ready
from tests.farm.virtual import Farm, farm
from tests.virtualtime import VirtualLoop, run

PLANS = {"one": Plan("one", per_day=1, zone="UTC"), "slow": Plan("slow", per_minute=6)}
HOUR = timedelta(hours=1)


async def named(there: Farm) -> None:
    """Three SIMs: one that may send one part a day, one that a tag names, one without a name."""
    cards = [normal_iccid(modem.card.iccid) for modem in there.simulation.modems]
    await there.offload.run(sim_facts.change, cards[0], {"label": "A", "plan": "one"})
    await there.offload.run(sim_facts.change, cards[1], {"tags": ["shop"], "plan": "slow"})
    await asyncio.sleep(5)


async def left(there: Farm, ids: list[int]) -> datetime:
    """When the last of some messages was taken by the network."""

    async def done() -> bool:
        waiting = await there.rows("SELECT message_id FROM parts WHERE state IN ('waiting', 'claimed', 'submitting')")
        return not {row["message_id"] for row in waiting} & set(ids)

    await there.until(done, every_s=5)
    to = {row["recipient"] for row in await there.rows("SELECT id, recipient FROM messages") if row["id"] in ids}
    return datetime.fromtimestamp(max(entry["accepted_at"] for entry in there.submits() if entry["to"] in to), UTC)


def test_messages_for_a_blocked_sim_hide_none_for_others(tmp_path: Path) -> None:
    settings = FarmSettings("here", plans=PLANS, default_plan="unlimited", sticky=False)

    async def main(loop: VirtualLoop) -> None:
        async with farm(loop, tmp_path, 3, starts=STARTS, settings=settings, airtime_s=3.5, tick_s=2) as there:
            await ready(there, 3)
            await named(there)
            await there.add(40, lambda number: replace(draft(number), pinned="A"))
            shop = await there.add(50, lambda number: replace(draft(100 + number), pinned="shop"))
            free = await there.add(80, lambda number: draft(200 + number))
            asked = there.clock.now()
            outlook = Outlook(there.store, settings, there.clock.now)
            said = await asyncio.to_thread(outlook.fresh)
            assert said.finish_at is not None
            assert said.finish_at > STARTS + timedelta(days=20)
            end = asked + HOUR
            for pinned in (None, "shop"):
                mine = coming(1, "+8613700000000", 1, "transactional", asked, rank=4, pinned=pinned, until=end)
                assert await asyncio.to_thread(outlook.misses, mine) is None
            card = normal_iccid(there.simulation.modems[0].card.iccid)
            for pinned, after in (("A", 20), (card, 0)):  # what is bound to a SIM goes before what its names call
                mine = coming(1, "+8613700000000", 1, "transactional", asked, rank=4, pinned=pinned, until=end)
                gone = await asyncio.to_thread(outlook.misses, mine)
                assert gone is not None
                assert timedelta(0) < gone - STARTS.replace(day=15, hour=0) - timedelta(days=after) < timedelta(days=12)
            for ids in (free, shop):
                found = await left(there, ids)
                assert near(max(said.finished[number] for number in ids if number in said.finished), found, asked)
            assert await there.count("parts WHERE state = 'waiting'") >= 39

    run(main)


def test_a_sim_that_may_write_to_nobody_new_is_foreseen_to_write_to_those_it_knows() -> None:
    plan = Plan("few", recipients_per_month=1, resets_day=1, zone="UTC")
    known = plain(100)
    owner = Owner(plan, people=1, known={known.first.recipient})
    lane = LaneFacts("sim", "sim", frozenset(), timedelta(seconds=3))
    said = Play([lane], {"sim": owner}, [*(plain(number) for number in range(1, 13)), known], STARTS).run()
    assert said.finished[-100] == STARTS + timedelta(seconds=3)
    assert min(said.finished[-number] for number in range(1, 13)) > datetime(2026, 4, 1, tzinfo=UTC)


def test_what_waited_long_has_its_turns() -> None:
    old = plain(100, due=STARTS - 2 * HOUR)
    urgent = [replace(one, first=replace(one.first, rank=0)) for one in map(plain, range(1, 30))]
    said = play([old, *urgent], lanes=1)
    assert said.finished[-100] == STARTS + timedelta(seconds=8 * 3)


def test_what_fits_into_the_rest_of_a_day_passes_what_is_too_long() -> None:
    long = [replace(one, first=replace(one.first, parts_total=3)) for one in (plain(n, parts=3) for n in range(1, 31))]
    lane = LaneFacts("sim", "sim", frozenset(), timedelta(seconds=3))
    owner = Owner(Plan("day", per_day=10, zone="UTC"), used_today=8)
    said = Play([lane], {"sim": owner}, [*long, plain(100), plain(101), plain(102)], STARTS).run()
    assert said.finished[-101] == STARTS + timedelta(seconds=6)
    assert said.finished[-1] > STARTS.replace(day=15, hour=0)
    assert said.finished[-102] > STARTS.replace(day=15, hour=0)


def test_a_message_that_a_free_sim_could_take_is_said_to_begin_whatever_hides_it() -> None:
    lanes = [LaneFacts(name, name, frozenset(), timedelta(seconds=3)) for name in ("free", "full")]
    works = [replace(one, first=replace(one.first, avoid=frozenset({"free"}))) for one in map(plain, range(1, 31))]

    def begins(*, watch: int | None, free: Plan = UNLIMITED) -> datetime:
        day = Plan("one", per_day=1, zone="UTC")
        owners = {"free": Owner(free, used_today=1), "full": Owner(day, used_today=1)}
        return Play(lanes, owners, [*works, plain(100)], STARTS, watch=watch).run().began[-100]

    assert begins(watch=None) > STARTS + timedelta(days=14)
    assert begins(watch=-100) == STARTS
    assert begins(watch=-100, free=Plan("one", per_day=1, zone="UTC")) == STARTS.replace(day=15, hour=0)


def test_a_name_has_its_own_queue() -> None:
    day = {"A": Owner(Plan("one", per_day=1, zone="UTC")), "B": Owner(UNLIMITED)}
    lanes = [LaneFacts(name, name, frozenset({name.lower()}), timedelta(seconds=3)) for name in day]

    def pinned(number: int, name: str | None) -> Work:
        one = plain(number)
        return replace(one, first=replace(one.first, pinned=name))

    works = [*(pinned(number, "a") for number in range(1, 30)), pinned(50, "b"), pinned(51, None)]
    said = Play(lanes, day, works, STARTS).run()
    assert said.finished[-50] == STARTS + timedelta(seconds=3)
    assert said.finished[-51] <= STARTS + timedelta(seconds=6)
    assert said.finished[-29] > STARTS + timedelta(days=27)
