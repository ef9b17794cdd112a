"""What a person is told of, and when: the decision alone, and a farm on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from modemfarm import wording
from modemfarm.farm.alarm import Alarm, AlarmSettings, WayError, seen
from modemfarm.farm.alerts import HOLDS, RAISED, RESOLVED, Decision, Fact, Known, Notice, Told, decide, worded
from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.draft import Draft
from modemfarm.model import BalanceAsk, Plan, SimState
from modemfarm.store import actions, alerts, sims, suppress
from modemfarm.store.offload import Offload
from modemfarm.store.shapes import Terms
from tests.farm.virtual import Farm, farm
from tests.fresh import fresh
from tests.store.tools import INTAKE
from tests.virtualtime import VirtualLoop, run

STARTS = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
OWNER = "+8613800138000"
AWAY = Fact("modem_offline", "ttyV0", params={"name": "ttyV0", "sentence": "gone", "of": {}})


class Watch:
    """Looks again and again with what the last look remembered."""

    def __init__(self) -> None:
        self.facts: Mapping[tuple[str, str], Known] = {}
        self.causes: Mapping[str, Told] = {}

    def look(self, minutes: float, *seen: Fact) -> list[Notice]:
        found: Decision = decide(seen, self.facts, self.causes, STARTS + minutes * MINUTE)
        self.facts, self.causes = found.facts, found.causes
        return list(found.notices)


@pytest.mark.parametrize("cause", HOLDS)
def test_each_cause_is_told_once_it_stood_long_enough(cause: str) -> None:
    watch, hold = Watch(), HOLDS[cause] / MINUTE
    fact = Fact(cause, "x", params={"name": "x"})
    if hold:
        assert watch.look(0, fact) == []
        assert watch.look(hold - 0.1, fact) == []
    (notice,) = watch.look(hold, fact)
    assert (notice.kind, notice.cause, notice.items[0][0]) == (RAISED, cause, "x")
    assert watch.look(hold + 1, fact) == []


def test_what_stands_is_told_again_ever_more_seldom_for_a_week() -> None:
    watch = Watch()
    told = [minutes for minutes in range(0, 10 * 24 * 60, 5) if watch.look(minutes, AWAY)]
    assert told[:4] == [10, 70, 310, 1750]
    assert told[-1] <= 7 * 24 * 60
    assert {later - earlier for earlier, later in pairwise(told[3:])} == {1440}


def test_a_flapping_modem_is_told_once_an_hour_at_most() -> None:
    watch, told = Watch(), []
    for minutes in range(240):
        notices = watch.look(minutes, *([AWAY] if minutes % 13 else []))
        told += [minutes for notice in notices if notice.kind == RAISED]
    assert len(told) >= 3
    assert all(later - earlier >= 60 for earlier, later in pairwise(told))


def test_a_hub_without_power_is_one_notice_and_news_waits_for_the_hour() -> None:
    watch = Watch()
    hub = [Fact("modem_offline", f"tty{n}", params={"name": f"tty{n}"}) for n in range(16)]
    watch.look(0, *hub)
    (notice,) = watch.look(10, *hub)
    assert len(notice.items) == 16
    late = Fact("modem_offline", "tty16", params={"name": "tty16"})
    assert watch.look(20, *hub, late) == []
    assert watch.look(69, *hub, late) == []
    (second,) = watch.look(70, *hub, late)
    assert len(second.items) == 17
    assert watch.look(129, *hub, late) == []
    assert len(watch.look(130, *hub, late)) == 1


def test_only_what_was_told_is_told_to_be_over() -> None:
    watch = Watch()
    watch.look(0, AWAY)
    assert watch.look(5) == []
    watch.look(6, AWAY)
    watch.look(16, AWAY)
    (over,) = watch.look(17)
    assert (over.kind, over.items[0][0]) == (RESOLVED, "ttyV0")
    assert watch.look(18) == []


def test_a_queue_of_which_something_leaves_is_not_stuck() -> None:
    watch = Watch()
    for minutes in range(0, 60, 5):
        assert watch.look(minutes, Fact("queue_stuck", renewed=STARTS + (minutes - 3) * MINUTE)) == []
    assert [minutes for minutes in range(60, 80) if watch.look(minutes, Fact("queue_stuck", renewed=STARTS + 52 * MINUTE))] == [67]  # fmt: skip


def test_a_modem_that_was_gone_long_before_anybody_looked_is_not_told() -> None:
    assert Watch().look(0, Fact("modem_offline", "old", STARTS - timedelta(days=30))) == []


def test_a_clock_that_was_set_back_silences_nothing() -> None:
    watch = Watch()
    watch.look(0, AWAY)
    watch.look(10_000, AWAY)
    watch.facts = {}
    watch.look(20, AWAY)
    assert len(watch.look(30, AWAY)) == 1


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_every_cause_has_words_for_its_beginning_and_its_end(lang: str) -> None:
    for cause in HOLDS:
        for slug in (cause, f"{cause}_over"):
            assert wording.known(f"alert.{slug}", lang), slug
    of = {"cause": "no_answer"}
    params = {"name": "3", "minutes": 12, "sentence": "repairing_reset", "of": of}
    text = worded(Notice(RAISED, "modem_offline", tuple((f"tty{n}", params) for n in range(5))), "shop-1", lang)
    assert text.startswith("shop-1: ")
    assert "12" in text
    assert "2" in text
    assert "…" not in text
    assert "no_answer" not in text


def test_a_notice_is_one_line_whatever_a_modem_says() -> None:
    params = {"name": "a\x1b[31m\r\nX: y\0", "balance": "1", "currency": "CNY"}
    text = worded(Notice(RAISED, "low_balance", (("x", params),)), "shop", "en")
    assert text.isprintable()


class Ear:
    """Keeps what it is told."""

    name = "webhook"

    def __init__(self) -> None:
        self.heard: list[Mapping[str, str]] = []
        self.deaf = False

    async def tell(self, body: Mapping[str, str]) -> None:
        if self.deaf:
            raise WayError("answered with 500")
        self.heard.append(body)

    def kinds(self) -> list[tuple[str, str]]:
        return [(body["type"], body["cause"]) for body in self.heard]


PAID = Plan("paid", balance=BalanceAsk(ussd="*100#", low=5.0), currency="CNY")
TERMS = Terms(plans={"paid": PAID}, default_plan="paid")
SETTINGS = FarmSettings("here", plans={"paid": PAID}, default_plan="paid")


def alarm(one: Farm, ear: Ear, *sms: str) -> Alarm:
    return Alarm(
        AlarmSettings(sms, "shop-1"), [ear], one.offload, TERMS, INTAKE, one.clock.now, one.journal.dispatcher.wake
    )


async def watched(one: Farm, ear: Ear, *sms: str) -> asyncio.Task[None]:
    async def ready() -> bool:
        return await one.count("modems WHERE state = 'working'") == len(one.supervisors)

    await one.until(ready)
    return asyncio.create_task(alarm(one, ear, *sms).run())  # noqa: TID251 # ended by the test that watches


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def minutes(count: float) -> None:
    await asyncio.sleep(count * 60)


def test_an_unplugged_modem_is_told_once_and_again_after_an_hour_by_the_other_modem(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with farm(loop, tmp_path, 2, starts=STARTS, settings=SETTINGS, tick_s=5) as one:
            ear = Ear()
            task = await watched(one, ear, OWNER)
            one.simulation.unplug(0)
            await minutes(9)
            assert ear.heard == []
            await minutes(3)
            assert ear.kinds() == [(RAISED, "modem_offline")]
            assert ear.heard[0]["subject"] == one.simulation.path(0)
            assert ear.heard[0]["sentence"].startswith("shop-1: Modem ttyV0 has not worked for 10 min: ")
            await minutes(57)
            assert len(ear.heard) == 1
            await ended(task)  # a new daemon remembers
            task = await watched_again(one, ear)
            await minutes(3)
            assert len(ear.heard) == 2
            one.simulation.replug(0)
            await minutes(5)
            assert ear.kinds()[2:] == [(RESOLVED, "modem_offline")]
            texts = [(entry["to"], entry["text"], entry["modem"]) for entry in one.submits()]
            assert [(to, modem) for to, _, modem in texts] == [(OWNER, 1)] * 2
            assert texts[0][1] == ear.heard[0]["sentence"]
            await ended(task)

    async def watched_again(one: Farm, ear: Ear) -> asyncio.Task[None]:
        return asyncio.create_task(alarm(one, ear, OWNER).run())  # noqa: TID251 # ended by the test that watches

    run(main)


def test_no_modem_ready_and_a_queue_that_stands_still_are_told(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with farm(loop, tmp_path, 1, starts=STARTS, settings=SETTINGS, tick_s=5) as one:
            ear = Ear()
            task = await watched(one, ear)
            one.simulation.unplug(0)
            await one.add(1, lambda _: Draft(OWNER, "hello"))
            await minutes(20)
            assert ear.kinds() == [(RAISED, "no_modem_ready"), (RAISED, "modem_offline"), (RAISED, "queue_stuck")]
            one.simulation.replug(0)
            await minutes(5)
            assert sorted(ear.kinds()[3:]) == [
                (RESOLVED, "modem_offline"),
                (RESOLVED, "no_modem_ready"),
                (RESOLVED, "queue_stuck"),
            ]
            await ended(task)

    run(main)


def test_sims_that_a_person_paused_are_no_news(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with farm(loop, tmp_path, 2, starts=STARTS, settings=SETTINGS, tick_s=5) as one:
            await ended(await watched(one, Ear()))
            for row in await one.rows("SELECT iccid FROM sims"):
                await one.offload.run(actions.sim_pause, row["iccid"], one.clock.now())
            await minutes(1)
            await one.add(1, lambda _: Draft("+8613800138000", "hello"))
            await minutes(1)
            (message,) = await one.rows("SELECT state, reason FROM messages")
            assert (message["state"], message["reason"]) == ("held", "sim_paused")
            assert await one.offload.run(seen, TERMS, one.clock.now()) == []

    run(main)


def test_a_parked_sim_and_low_credit_are_told_at_once_and_not_again_after_a_restart(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with farm(loop, tmp_path, 1, starts=STARTS, settings=SETTINGS, tick_s=5) as one:
            ear = Ear()
            await ended(await watched(one, ear))
            (card,) = await one.rows("SELECT iccid FROM sims")

            def troubled(tx: Any) -> None:
                sims.set_state(tx, card["iccid"], SimState.PARKED, one.clock.now(), reason="operator_refusal")
                tx.run("UPDATE sims SET balance = 4.5")

            await one.offload.run(troubled)
            await alarm(one, ear).turn()
            assert ear.kinds() == [(RAISED, "sim_parked"), (RAISED, "low_balance")]
            assert "operator keeps refusing" in ear.heard[0]["sentence"]
            assert "4.5 CNY" in ear.heard[1]["sentence"]
            await alarm(one, ear).turn()
            assert len(ear.heard) == 2

            def well(tx: Any) -> None:
                sims.set_state(tx, card["iccid"], SimState.ACTIVE, one.clock.now())
                tx.run("UPDATE sims SET label = 'Front desk', balance = 20")

            await one.offload.run(well)
            await alarm(one, ear).turn()
            assert [body["sentence"] for body in ear.heard[2:]] == [
                "shop-1: SIM Front desk is no longer parked.",
                "shop-1: SIM Front desk has credit again.",
            ]

    run(main)


class Desk:
    """An alarm over a database without modems."""

    def __init__(self, folder: Path, loop: VirtualLoop, *sms: str) -> None:
        self.store = fresh(folder)
        self.offload = Offload(self.store)
        loop.threads = [lambda: self.offload.pending]
        self.offload.start()
        self.ear = Ear()
        settings = AlarmSettings(sms, "shop-1")
        self.alarm = Alarm(settings, [self.ear], self.offload, TERMS, INTAKE, lambda: STARTS, lambda: None)

    def messages(self) -> list[dict[str, Any]]:
        with self.store.read() as tx:
            return tx.all("SELECT recipient, state, reason, class, rank FROM messages ORDER BY id")

    def close(self) -> None:
        self.offload.stop()
        self.store.close()


def test_a_test_tells_everybody_in_spite_of_an_opt_out_and_keeps_who_was_not_reached(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        desk = Desk(tmp_path, loop, OWNER, "+12025550143", "12")
        desk.store.run(suppress.add, OWNER, "800138000", "phone", STARTS)
        desk.ear.deaf = True
        told = {item["way"]: item["error"] for item in await desk.alarm.test()}
        assert list(told) == [f"sms {OWNER}", "sms +12025550143", "sms 12", "webhook"]
        assert told["webhook"] == "answered with 500"
        assert told[f"sms {OWNER}"] == told["sms +12025550143"] == ""
        assert {row["class"] for row in desk.messages()} == {"emergency"}
        assert {row["rank"] for row in desk.messages()} == {0}
        kept = desk.store.look(alerts.outcomes)
        assert {way: what for way, (_, what) in kept.items()} == told
        desk.close()

    run(main)


def test_a_pause_holds_the_message_and_not_the_other_ways(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        desk = Desk(tmp_path, loop, OWNER)
        desk.store.run(actions.pause, "all", "", STARTS)
        assert await desk.alarm.test() == [{"way": f"sms {OWNER}", "error": "paused"}, {"way": "webhook", "error": ""}]
        assert [(row["state"], row["reason"]) for row in desk.messages()] == [("held", "paused")]
        assert desk.ear.kinds() == [("alert.test", "test")]
        desk.close()

    run(main)


def test_what_tells_of_a_stuck_queue_is_not_what_it_is_stuck_with(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        desk = Desk(tmp_path, loop, OWNER)
        await desk.alarm.test()
        assert desk.store.look(alerts.waits) is False
        desk.close()

    run(main)
