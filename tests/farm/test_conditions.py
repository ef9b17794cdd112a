"""What keeps a SIM from sending: seen over different recipients, told with evidence, and ended by itself where it can be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from modemfarm.farm.balances import Balances
from modemfarm.farm.settings import FarmSettings
from modemfarm.farm.ussd import UssdDesk
from modemfarm.intake.draft import Draft
from modemfarm.model import BalanceAsk, Plan
from modemfarm.store import actions, story
from tests.farm.virtual import Farm, farm
from tests.virtualtime import VirtualLoop, run

STARTS = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
ASKS = Plan("asks", price_per_part=0.1, balance=BalanceAsk(ussd="*100#", every=timedelta(hours=24)))
PLAIN = Plan("plain")


def on_farm(
    folder: Path, script: Callable[[Farm], Awaitable[None]], plan: Plan = ASKS, modems: int = 1, **settings: Any
) -> None:
    async def main(loop: VirtualLoop) -> None:
        wanted = FarmSettings("here", plans={plan.name: plan}, default_plan=plan.name, **settings)
        async with farm(loop, folder, modems, starts=STARTS, settings=wanted, airtime_s=1, tick_s=10) as one:
            desk = UssdDesk({item.path: item for item in one.supervisors}, one.offload, "here", one.clock.now)
            balances = Balances(desk, one.offload, wanted, one.clock.now, one.journal.registrations.forbids)
            async with asyncio.TaskGroup() as group:
                asking = group.create_task(balances.run())
                await one.until(lambda: swept(one, modems), 10)
                await script(one)
                asking.cancel()

    run(main)


async def swept(one: Farm, modems: int) -> bool:
    return await one.count("sims WHERE swept_at IS NOT NULL") == modems


async def sim(one: Farm, number: int = 0) -> dict[str, Any]:
    card = one.simulation.modems[number].card
    assert card is not None
    (row,) = await one.rows("SELECT * FROM sims WHERE iccid = :iccid", iccid=card.iccid)
    return row


async def stands(one: Farm, state: str, reason: str | None, within_s: float = 7200) -> dict[str, Any]:
    """Until the first SIM stands so; its row."""
    row = await sim(one)
    async with asyncio.timeout(within_s):
        while (row["state"], row["reason"]) != (state, reason):
            await asyncio.sleep(10)
            row = await sim(one)
    return row


def to(number: int) -> Draft:
    return Draft(f"+86138{number:08}", f"hello {number}", report=False)


async def kinds(one: Farm) -> list[tuple[str, str | None]]:
    rows = await one.rows("SELECT kind, data FROM events WHERE kind LIKE 'sim.%' ORDER BY id")
    return [
        (row["kind"], json.loads(row["data"]).get("cause") or json.loads(row["data"]).get("reason")) for row in rows
    ]


def test_a_sim_without_credit_is_told_so_and_goes_on_when_there_is_some(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        one.simulation.fault(0, "no-credit", "50")
        ids = await one.add(3, to)
        row = await stands(one, "parked", "no_credit")
        seen = json.loads(row["reason_params"])
        assert (seen["codes"], seen["recipients"], seen["balance"]) == ("CMS 50", 2, 0.0)
        assert one.submits() == []
        await asyncio.sleep(60)
        told = one.store.look(story.explain, ids[0]) or []
        assert ("sim_is", "no_credit") in [(item["code"], item["params"].get("reason")) for item in told]
        one.simulation.turn(0, "balance", "5")
        await stands(one, "active", None, 2 * 3600)
        async with asyncio.timeout(3600):
            await one.until(lambda: all_sent(one, 3), 10)
        assert ("sim.parked", "no_credit") in await kinds(one)
        assert (await kinds(one))[-1] == ("sim.active", "credit")

    on_farm(tmp_path, script)


async def all_sent(one: Farm, count: int) -> bool:
    return await one.count("parts WHERE state = 'sent'") == count


def test_an_outage_code_with_an_empty_account_is_no_credit(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        one.simulation.fault(0, "no-credit", "38")
        await one.add(4, to)
        row = await stands(one, "parked", "no_credit", 6 * 3600)
        assert json.loads(row["reason_params"])["recipients"] >= 3

    on_farm(tmp_path, script)


def test_a_modem_that_swallows_without_credit_is_found_out(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        one.simulation.fault(0, "no-credit", "50")  # empties the account
        one.simulation.fault(0, "no-send", "stays")
        await one.add(3, to)
        await stands(one, "parked", "no_credit")
        assert await one.count("parts WHERE state = 'unknown'") == 2
        one.simulation.fault(0, "clear")
        one.simulation.turn(0, "balance", "5")
        await stands(one, "active", None)
        assert await one.count("parts WHERE state = 'unknown'") == 2  # nobody knows, whatever was paid since

    on_farm(tmp_path, script)


def test_a_barred_sim_waits_for_a_person_whatever_its_credit(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        one.simulation.fault(0, "barred", "10")
        await one.add(3, to)
        row = await stands(one, "parked", "sim_barred")
        assert json.loads(row["reason_params"])["codes"] == "CMS 10"
        await asyncio.sleep(70 * 60)  # its credit is asked each hour
        assert (await sim(one))["reason"] == "sim_barred"

    on_farm(tmp_path, script)


def test_one_number_never_parks_a_sim(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        one.simulation.fault(0, "no-credit", "38")
        await one.add(4, lambda number: Draft("+8613800138000", f"hello {number}", report=False))
        await asyncio.sleep(3600)
        assert (await sim(one))["state"] == "active"

    on_farm(tmp_path, script)


def test_an_empty_account_alone_parks_nothing(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        one.simulation.turn(0, "balance", "0")
        await one.add(3, to)
        async with asyncio.timeout(3600):
            await one.until(lambda: all_sent(one, 3), 10)
        await asyncio.sleep(1800)
        row = await sim(one)
        assert (row["state"], row["balance"]) == ("active", 0.0)

    on_farm(tmp_path, script)


def test_what_was_refused_before_a_person_resumed_it_counts_no_more(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        one.simulation.fault(0, "barred", "10")
        await one.add(2, to)
        row = await stands(one, "parked", "sim_barred")
        assert await one.offload.run(actions.sim_resume, row["iccid"], one.clock.now())
        await one.add(1, lambda _: to(77))
        row = await stands(one, "parked", "sim_barred")
        assert json.loads(row["reason_params"])["recipients"] == 2

    on_farm(tmp_path, script, plan=PLAIN)


BY_MESSAGE = BalanceAsk(to="10086", text="YE", match="余额([0-9.]+)")
WRITES = Plan("writes", price_per_part=0.1, balance=BY_MESSAGE)
EACH_HOUR = Plan("each-hour", balance=replace(BY_MESSAGE, text="?", every=timedelta(hours=1)))  # answered without it


def to_operator(one: Farm) -> list[dict[str, Any]]:
    return [entry for entry in one.submits() if entry["to"] == "10086"]


def test_a_sim_without_credit_that_asks_by_message_goes_on_when_there_is_some(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        await one.until(lambda: balance_of(one, 12.34), 10)
        one.simulation.fault(0, "no-credit", "50")
        await one.add(3, to)
        await stands(one, "parked", "no_credit")
        one.simulation.turn(0, "balance", "5")
        await asyncio.sleep(600)
        one.simulation.deliver(0, "10086", "充值成功")
        await stands(one, "active", None, 1800)
        async with asyncio.timeout(3600):
            await one.until(lambda: all_sent(one, 3), 10)
        assert (await kinds(one))[-1] == ("sim.active", "credit")
        assert 2 <= len(to_operator(one)) <= 4
        assert await one.count("messages") == 3
        assert await one.count("attempts WHERE part_id NOT IN (SELECT id FROM parts)") == 0
        answers = await one.rows("SELECT kind, verdict FROM inbound")
        assert {row["kind"] for row in answers} == {"service"}

    on_farm(tmp_path, script, plan=WRITES)


async def balance_of(one: Farm, amount: float) -> bool:
    return bool((await sim(one))["balance"] == amount)


async def all_asked(one: Farm, count: int) -> bool:
    return await one.count("balances WHERE what = 'sent'") == count


def test_a_question_whose_result_is_lost_is_not_repeated_and_the_lane_goes_on(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        await one.until(lambda: all_asked(one, 1), 10)
        one.simulation.fault(0, "lost-result", "")
        await asyncio.sleep(130 * 60)  # asked each hour, were the second one not lost
        assert len(to_operator(one)) == 2
        (asked,) = await one.rows("SELECT count(*) AS n FROM balances WHERE what = 'asked'")
        assert asked["n"] == 1
        await one.add(2, to)
        async with asyncio.timeout(600):
            await one.until(lambda: all_sent(one, 2), 10)
        assert await one.count("parts WHERE mr IS NULL") == 0

    on_farm(tmp_path, script, plan=EACH_HOUR)
