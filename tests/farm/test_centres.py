"""A SIM without a service centre's address: filled from config.yaml or with its last one, and with nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modemfarm.farm.settings import FarmSettings
from modemfarm.gsm.tpdu import decode_pdu
from modemfarm.intake.draft import Draft
from modemfarm.model import SimSettings
from tests.farm.virtual import Farm, farm
from tests.virtualtime import VirtualLoop, run

STARTS = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
OTHER = "+8613010111500"


async def sends(one: Farm, to: str, within_s: float = 900) -> str | None:
    """One message; the service centre that its PDU named. A TimeoutError: it did not leave."""
    before = len(one.submits())
    await one.add(1, lambda _: Draft(to, "hello", report=False))
    async with asyncio.timeout(within_s):
        while len(one.submits()) == before:
            await asyncio.sleep(5)
    return decode_pdu(bytes.fromhex(one.submits()[-1]["pdu"]), submit=True).smsc


def centre(one: Farm) -> str:
    card = one.simulation.modems[0].card
    assert card is not None
    return card.smsc


def iccid(one: Farm) -> str:
    card = one.simulation.modems[0].card
    assert card is not None
    return card.iccid


def on_farm(
    folder: Path,
    script: Callable[[Farm], Awaitable[None]],
    *,
    before: Callable[[Farm], None] | None = None,
    sims: dict[str, SimSettings] | None = None,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        settings = FarmSettings("here", default_plan="unlimited", sims=sims or {})
        async with farm(loop, folder, 1, starts=STARTS, settings=settings, airtime_s=1, tick_s=20) as one:
            if before is not None:
                before(one)
            await script(one)

    run(main)


def test_an_address_that_went_empty_is_the_last_one_seen_again(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        assert await sends(one, "+8613800138001") is None
        held = centre(one)
        one.simulation.fault(0, "no-smsc")
        assert await sends(one, "+8613800138002") is None  # CMS 330, then the address is written
        assert centre(one) == held != ""

    on_farm(tmp_path, script)


def test_an_address_that_cannot_be_written_goes_with_each_message(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        assert await sends(one, "+8613800138001") is None
        held = centre(one)
        one.simulation.fault(0, "no-smsc", "fixed")
        assert await sends(one, "+8613800138002") == held
        assert centre(one) == ""

    on_farm(tmp_path, script)


def test_a_modem_that_vanished_and_does_not_tell_the_address_sends_all_the_same(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        assert await sends(one, "+8613800138001") is None
        held = centre(one)
        one.simulation.fault(0, "unplug", "20@ctrl-z")
        await one.add(1, lambda _: Draft("+8613800138002", "hello", report=False))
        await one.until(lambda: one.count("parts WHERE state = 'unknown'"))
        one.simulation.turn(0, "refuse", "+CSCA")
        one.simulation.fault(0, "no-smsc", "fixed")
        assert await sends(one, "+8613800138003") == held
        one.simulation.turn(0, "refuse", "")
        one.simulation.fault(0, "reboot", "5")
        assert await sends(one, "+8613800138004") == held

    on_farm(tmp_path, script)


def test_nothing_is_invented_for_a_card_that_never_had_one(tmp_path: Path) -> None:
    async def script(one: Farm) -> None:
        with pytest.raises(TimeoutError):
            await sends(one, "+8613800138001", 1200)
        assert centre(one) == ""

    on_farm(tmp_path, script, before=lambda one: one.simulation.fault(0, "no-smsc"))


def test_the_configured_address_is_written_whatever_the_card_holds(tmp_path: Path) -> None:
    card = "8986003100000000000"

    async def script(one: Farm) -> None:
        assert iccid(one) == card
        assert centre(one) != OTHER
        assert await sends(one, "+8613800138001") is None
        assert centre(one) == OTHER

    on_farm(tmp_path, script, sims={card: SimSettings(card, smsc=OTHER)})


def test_the_configured_address_goes_with_each_message_where_the_card_keeps_its_own(tmp_path: Path) -> None:
    card = "8986003100000000000"

    async def script(one: Farm) -> None:
        assert await sends(one, "+8613800138001") == OTHER

    def before(one: Farm) -> None:
        one.simulation.fault(0, "no-smsc", "fixed")

    on_farm(tmp_path, script, before=before, sims={card: SimSettings(card, smsc=OTHER)})
