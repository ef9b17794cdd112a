"""Message stores that are full, lie, or keep what was deleted: by the network's log nothing is lost, nothing doubled."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modemfarm.model import ModemState
from tests.farm.virtual import Farm, farm
from tests.virtualtime import VirtualLoop, run

STARTS = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
PERSON = "+8613712345678"
FAMILIES = (  # slots from 0 and from 1, three memories and one
    "huawei",
    "sim800",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("ec25", "wavecom")),
)


def on_farm(tmp_path: Path, script: Callable[[Farm], Awaitable[object]], family: str = "sim800") -> None:
    """One modem of a family; the script begins before its port is opened."""

    async def main(loop: VirtualLoop) -> None:
        async with farm(loop, tmp_path, 1, starts=STARTS, tick_s=10, families=(family,)) as one:
            await script(one)

    run(main)


def given(one: Farm) -> Counter[str]:
    """What the network gave to SIMs, by PDU."""
    entries = map(json.loads, one.log.read_text("utf-8").splitlines())
    return Counter(entry["pdu"] for entry in entries if entry["event"] == "inbound" and entry["answer"] == "given")


async def kept(one: Farm) -> Counter[str]:
    return Counter(row["pdu"] for row in await one.rows("SELECT pdu FROM received WHERE kind = 'deliver'"))


async def nothing_lost(one: Farm, count: int) -> None:
    """So many messages were given, and each was kept once."""

    async def all_given() -> bool:
        return given(one).total() >= count and given(one) == await kept(one)

    try:
        async with asyncio.timeout(2 * 3600):
            await one.until(all_given, 10)
    except TimeoutError:
        seen = await kept(one)
        lost, doubled = given(one) - seen, seen - given(one)
        raise AssertionError((given(one).total(), lost.total(), doubled.total(), stored(one))) from None
    assert given(one).total() == count


def stored(one: Farm) -> dict[str, int]:
    return one.simulation.stats()["modems"][0]["stored"]  # type: ignore[index,no-any-return]


def deliver(one: Farm, count: int, what: str = "message") -> None:
    for number in range(count):
        one.simulation.deliver(0, PERSON, f"{what} {number}")


def sentence(one: Farm) -> tuple[ModemState, str, dict[str, Any]]:
    status = one.supervisors[0].status
    return status.state, status.sentence, dict(status.params)


async def ready(one: Farm) -> None:
    async def works() -> bool:
        return one.supervisors[0].status.sentence.startswith("ready")

    await one.until(works)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_store_filled_to_the_brim_before_the_start_loses_nothing(tmp_path: Path, family: str) -> None:
    async def script(one: Farm) -> None:
        one.simulation.fault(0, "store-full")
        lay = given(one).total()
        deliver(one, 60)
        assert given(one).total() == lay  # the network keeps what the SIM cannot take
        await nothing_lost(one, lay + 60)
        assert await one.count("inbound WHERE old = 1") == lay
        assert await one.count("inbound WHERE old = 0") == 60
        assert set(stored(one).values()) == {0}

    on_farm(tmp_path, script, family)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_store_filled_while_running_loses_nothing_though_nothing_is_announced(tmp_path: Path, family: str) -> None:
    async def script(one: Farm) -> None:
        await ready(one)
        one.simulation.fault(0, "no-cmti", "", 0)
        deliver(one, 160)
        await nothing_lost(one, 160)
        assert await one.count("inbound WHERE old = 1") == 0
        assert sentence(one)[1].startswith("ready")

    on_farm(tmp_path, script, family)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("fault", "arg"), [("double-list", ""), ("cut-list", "1"), ("double-inbound", ""), ("blank-cmti", "")]
)
def test_a_listing_that_lies_loses_and_doubles_nothing(tmp_path: Path, family: str, fault: str, arg: str) -> None:
    async def script(one: Farm) -> None:
        one.simulation.fault(0, fault, arg, 0)
        deliver(one, 7, "before")
        await ready(one)
        deliver(one, 80)
        await nothing_lost(one, 87)
        assert set(stored(one).values()) == {0}

    on_farm(tmp_path, script, family)


@pytest.mark.parametrize(("family", "arg"), [("sim800", ""), ("huawei", ""), ("huawei", "refused")])
def test_a_slot_that_cannot_be_emptied_is_read_once_told_and_left(tmp_path: Path, family: str, arg: str) -> None:
    async def script(one: Farm) -> None:
        await ready(one)
        first = one.simulation.modems[0].personality.index_base
        one.simulation.fault(0, "undeletable", ",".join(filter(None, (str(first), arg))), 0)
        deliver(one, 5)
        await nothing_lost(one, 5)

        async def is_told() -> bool:
            return sentence(one)[1] == "store_stuck"

        await one.until(is_told)
        assert sentence(one)[0] is ModemState.WORKING
        assert sentence(one)[2]["count"] == 1
        before = one.simulation.modems[0].counters.commands
        await asyncio.sleep(1800)
        assert one.simulation.modems[0].counters.commands - before < 60  # no endless loop
        one.simulation.replug(0)  # a session that knows nothing of it
        await asyncio.sleep(300)
        deliver(one, 3, "later")
        await nothing_lost(one, 8)
        assert sentence(one)[1] == "store_stuck"
        one.simulation.fault(0, "clear")
        one.simulation.replug(0)
        await asyncio.sleep(900)
        assert sentence(one)[1].startswith("ready")
        assert set(stored(one).values()) == {0}

    on_farm(tmp_path, script, family)


@pytest.mark.parametrize(("family", "elsewhere"), [("sim800", False), ("huawei", True), ("wavecom", False)])
def test_a_store_full_of_what_cannot_be_deleted_is_told_or_gone_round(
    tmp_path: Path, family: str, elsewhere: bool
) -> None:
    async def script(one: Farm) -> None:
        await ready(one)
        one.simulation.fault(0, "undeletable", "", 0)
        deliver(one, 60)
        if not elsewhere:
            await asyncio.sleep(900)
            assert sentence(one)[:2] == (ModemState.NEEDS_YOU, "store_full")
            assert given(one) == await kept(one)
            one.simulation.fault(0, "clear")
            one.simulation.replug(0)
        else:
            assert one.simulation.modems[0].card is not None
            await asyncio.sleep(1800)
            assert stored(one)["ME"] > 0
            one.simulation.fault(0, "clear")
            one.simulation.replug(0)
        await nothing_lost(one, 60)

    on_farm(tmp_path, script, family)


def test_an_old_message_says_stop_and_counts(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        one.simulation.deliver(0, PERSON, "STOP")
        deliver(one, 3)
        await nothing_lost(one, 4)
        await ready(one)
        assert await one.count("inbound WHERE old = 1") == 4
        assert await one.count("suppressions WHERE digits IS NOT NULL") == 1
        await asyncio.sleep(3600)
        assert one.submits() == []
        assert await one.count("messages") == 0

    on_farm(tmp_path, script)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_modem_that_restarted_unseen_is_set_up_again(tmp_path: Path, family: str) -> None:
    async def script(one: Farm) -> None:
        await ready(one)
        await asyncio.sleep(1800)
        settings = one.simulation.modems[0].settings
        wanted = list(settings.cnmi)
        settings.cnmi = [0] * 5
        deliver(one, 2)
        await asyncio.sleep(1800)
        assert one.simulation.modems[0].settings.cnmi == wanted
        await nothing_lost(one, 2)

    on_farm(tmp_path, script, family)
