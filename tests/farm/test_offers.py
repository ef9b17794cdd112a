"""Offers over a month that passes in seconds: hours, clock changes, holidays and caps, recounted from the network's log.

Nothing of the recount is shared with modemfarm/policy: it has its own clocks, calendar and counting.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft
from modemfarm.model import UNLIMITED
from modemfarm.modem.settings import ModemSettings
from modemfarm.policy.profiles import Configured
from modemfarm.store import consents, rules
from modemfarm.store.engine import Tx
from tests.farm.virtual import Farm, farm
from tests.store.tools import INTAKE
from tests.virtualtime import VirtualLoop, run

CLOCKS = {  # of the people, by how their numbers begin
    "+33612": ZoneInfo("Europe/Paris"),
    "+86138": ZoneInfo("Asia/Shanghai"),
    "+14155": ZoneInfo("America/Los_Angeles"),
    "+97150": ZoneInfo("Asia/Dubai"),
}
STARTS = datetime(2026, 3, 20, 20, 0, tzinfo=UTC)  # clocks change on 29 March in Paris, Easter Monday is 6 April
HOLIDAYS = {(2026, 4, 6), (2026, 5, 1)}
BRAND = "Chez Li: "
WAYS_OUT = " STOP pour ne plus recevoir"
CONFIGURED = Configured(profile="FR", brand="Chez Li", country="FR")
OFFERS = replace(INTAKE, country="FR", allow_countries="all", policy=CONFIGURED)
SETTINGS = FarmSettings("here", default_plan=UNLIMITED.name, policy=CONFIGURED)
SELDOM = ModemSettings(sweep_s=86_400, poll_s=7200)
NOON = datetime(2026, 3, 18, 11, 0, tzinfo=UTC)
SLACK_S = 20 * 60.0  # the farm's own clocks go in steps of minutes here


@dataclass(frozen=True)
class Wish:
    """An offer as it was handed in."""

    at: float
    to: str
    text: str


def is_open(to: str, moment: float) -> bool:
    local = datetime.fromtimestamp(moment, next(zone for begin, zone in CLOCKS.items() if to.startswith(begin)))
    return local.isoweekday() != 7 and (local.year, local.month, local.day) not in HOLIDAYS and 8 <= local.hour < 22


def fits(sent: list[tuple[float, str]], text: str, moment: float) -> bool:
    ages = [(moment - at, what) for at, what in sent if at <= moment]
    day = [what for age, what in ages if age < 86_400]
    return len(day) < 2 and text not in day and sum(age < 30 * 86_400 for age, _ in ages) < 5


def recount(submits: list[dict[str, Any]], wishes: list[Wish], ends: float) -> None:
    """That every offer left when it might, once, complete, and that none waited while it might have left."""
    got: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for entry in sorted(submits, key=lambda item: float(item["ctrl_z_at"])):
        at, to, text = float(entry["ctrl_z_at"]), str(entry["to"]), str(entry["text"])
        assert is_open(to, at), (to, datetime.fromtimestamp(at, UTC))
        assert is_open(to, float(entry["accepted_at"]))
        assert fits(got[to], text, at), (to, datetime.fromtimestamp(at, UTC), got[to])
        assert text.count(BRAND) == text.count(WAYS_OUT) == 1
        got[to].append((at, text))
    taken: dict[tuple[str, str], list[float]] = defaultdict(list)
    for to, sent in got.items():
        for at, text in sent:
            taken[to, text].append(at)
    wanted: dict[tuple[str, str], list[float]] = defaultdict(list)
    for wish in sorted(wishes, key=lambda one: one.at):
        wanted[wish.to, BRAND + wish.text + WAYS_OUT].append(wish.at)
    for (to, text), asked in wanted.items():
        left = taken.pop((to, text), [])
        assert len(left) <= len(asked)
        for place, since in enumerate(asked):
            until = left[place] if place < len(left) else ends
            assert since <= until
            idle = 0.0
            moment = since
            while moment < until:
                idle = idle + 600 if is_open(to, moment) and fits(got[to], text, moment) else 0.0
                assert idle <= SLACK_S, (to, text, datetime.fromtimestamp(moment, UTC))
                moment += 600
    assert not taken, "nobody asked for these"


def _open(tx: Tx, now: datetime) -> None:
    rules.attest(tx, "FR", "Li", "consent", now + timedelta(days=400), now, document="a document")


async def _hand_in(one: Farm, to: str, text: str, **more: Any) -> tuple[int, Wish]:
    def take(tx: Tx) -> int:
        if not consents.has_consent(tx, to, None, one.clock.now()):
            consents.grant(tx, to, ("marketing",), {}, one.clock.now())
        taken = accept(tx, Draft(to, text, message_class="marketing", **more), OFFERS, one.clock.now())
        assert taken is not None
        return taken.message_id

    message_id = await one.offload.bulk(take)
    one.journal.dispatcher.wake()
    return message_id, Wish(one.clock.now().timestamp(), to, text)


async def _month(one: Farm, days: int, seed: int) -> list[Wish]:
    chance = random.Random(seed)
    rest = {"+33612": "550{:03}", "+86138": "00138{:03}", "+14155": "550{:03}", "+97150": "1234{:03}"}
    people = [begin + ends.format(100 + number) for begin, ends in rest.items() for number in range(5)]
    wishes = []
    until = one.clock.now() + timedelta(days=days)
    while one.clock.now() < until:
        await asyncio.sleep(chance.expovariate(1 / 9000))
        wishes.append((await _hand_in(one, chance.choice(people), f"offre {chance.randrange(8)}"))[1])
    return wishes


def play(folder: Path, days: int, tick_s: float, seed: int = 7) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with farm(
            loop,
            folder,
            1,
            starts=STARTS,
            settings=SETTINGS,
            modem_settings=SELDOM,
            tick_s=tick_s,
            airtime_s=3,
            setup_s=1,
            report_s=2,
        ) as one:
            await one.offload.run(_open, one.clock.now())
            wishes = await _month(one, days, seed)
            assert len(one.submits()) > days
            recount(one.submits(), wishes, one.clock.now().timestamp())
            reasons = await one.rows("SELECT DISTINCT reason FROM messages WHERE state = 'held'")
            assert {row["reason"] for row in reasons} <= {"quiet_hours", "frequency_cap"}

    run(main, most=timedelta(days=days + 9))


@pytest.mark.slow
def test_a_month_of_offers_keeps_hours_holidays_and_caps(tmp_path: Path) -> None:
    play(tmp_path, 31, 600)


def test_two_days_of_offers_keep_hours_and_caps(tmp_path: Path) -> None:
    play(tmp_path, 2, 300)


def test_offers_stop_at_closing_and_go_on_at_opening_at_the_lanes_own_pace(tmp_path: Path) -> None:
    paris = CLOCKS["+33612"]
    closing = datetime(2026, 3, 20, 22, 0, tzinfo=paris)

    async def main(loop: VirtualLoop) -> None:
        starts = closing.astimezone(UTC) - timedelta(minutes=3)
        async with farm(loop, tmp_path, 2, starts=starts, settings=SETTINGS, tick_s=30, airtime_s=4, setup_s=1) as one:
            await one.offload.run(_open, one.clock.now())
            for number in range(150):
                await _hand_in(one, f"+33612550{number:03}", "offre " * 30 if number % 3 == 0 else "offre")
            await one.add(20, lambda number: Draft(f"+861380000{number:04}", "your order is ready"))
            await asyncio.sleep(1200)
            entries = one.submits()
            offers = [entry for entry in entries if "offre" in entry["text"]]
            assert 0 < len(offers) < 150
            assert max(float(entry["accepted_at"]) for entry in offers) < closing.timestamp()
            assert sum("order" in entry["text"] for entry in entries) == 20  # no other class is held
            opening = closing + timedelta(hours=10)
            held = await one.rows("SELECT DISTINCT state, reason, next_at FROM messages WHERE class = 'marketing'"
                                  " AND state NOT IN ('sent', 'delivered')")  # fmt: skip
            assert held == [{"state": "held", "reason": "quiet_hours", "next_at": int(opening.timestamp() * 1e6)}]
            await asyncio.sleep((opening - one.clock.now()).total_seconds() + 3600)
            times = sorted(float(e["ctrl_z_at"]) for e in one.submits() if float(e["ctrl_z_at"]) > closing.timestamp())
            late = [moment for moment in times if moment >= opening.timestamp()]
            assert late
            assert late[0] - opening.timestamp() < 60
            assert all(second - first >= 4 for first, second in zip(late, late[2:], strict=False))  # two lanes
            assert await one.count("messages WHERE state NOT IN ('sent', 'delivered')") == 0

    run(main)


@pytest.mark.parametrize("airtime_s", [20, pytest.param(9, marks=pytest.mark.slow)])
def test_with_slow_air_too_the_network_has_all_of_an_offer_before_closing(tmp_path: Path, airtime_s: float) -> None:
    closing = datetime(2026, 3, 20, 22, 0, tzinfo=CLOCKS["+33612"])

    async def main(loop: VirtualLoop) -> None:
        starts = closing.astimezone(UTC) - timedelta(minutes=12)
        async with farm(
            loop, tmp_path, 2, starts=starts, settings=SETTINGS, tick_s=30, airtime_s=airtime_s, setup_s=1
        ) as one:
            await one.offload.run(_open, one.clock.now())
            for number in range(200):
                await _hand_in(one, f"+33612550{number:03}", "offre " * 70 if number % 4 == 0 else "offre")
            await asyncio.sleep(1500)
            taken = [float(entry["accepted_at"]) for entry in one.submits()]
            assert max(taken) < closing.timestamp()
            assert max(taken) > closing.timestamp() - 6 * (airtime_s + 5)
            begun = await one.rows("SELECT m.state, m.parts_total, (SELECT count(*) FROM parts p WHERE p.message_id"
                                   " = m.id AND p.sent_at IS NOT NULL) AS n FROM messages m")  # fmt: skip
            assert {row["n"] for row in begun} == {0, 1, 3}
            assert all(row["n"] in {0, row["parts_total"]} for row in begun)

    run(main)


def test_caps_outlive_a_restart_and_change_of_sim(tmp_path: Path) -> None:
    to = "+33612550001"

    async def first(loop: VirtualLoop) -> None:
        async with farm(loop, tmp_path, 1, starts=NOON, settings=SETTINGS, tick_s=120, airtime_s=1) as one:
            await one.offload.run(_open, one.clock.now())
            await _hand_in(one, to, "one")
            await _hand_in(one, to, "two")
            await asyncio.sleep(300)
            assert len(one.submits()) == 2

    async def second(loop: VirtualLoop) -> None:
        starts = NOON + timedelta(hours=2)
        async with farm(loop, tmp_path, 3, starts=starts, settings=SETTINGS, tick_s=120, airtime_s=1) as one:
            number, _ = await _hand_in(one, to, "three")
            await asyncio.sleep(3600)
            row = (await one.rows("SELECT state, reason, next_at FROM messages WHERE id = :id", id=number))[0]
            assert (row["state"], row["reason"]) == ("held", "frequency_cap")
            assert 0 <= row["next_at"] / 1e6 - (NOON + timedelta(hours=24)).timestamp() < 300
            await asyncio.sleep(22 * 3600)
            assert len(one.submits()) == 3  # the log goes on

    run(first)
    run(second)
