"""Why each message waits, and until when: as the API tells it, for everything that can make it wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modemfarm.farm.labelling import Labeller
from modemfarm.model import Ceiling, Plan, SimSettings, SimState
from modemfarm.modem.journal import Go, SimSeen
from modemfarm.store import actions, counters, keys, sims
from modemfarm.webapp.app import create_app
from modemfarm.webapp.settings import WebDeps
from tests.farm.benches import PATH, Bench, on_bench
from tests.store.tools import INBOUND, INTAKE, OTHER, SIM, accepted

FREE = Plan("p")
Prepare = Callable[[Bench], Awaitable[object]]


async def _nothing(_one: Bench) -> None:
    pass


async def _everything(one: Bench) -> None:
    await one.offload.run(actions.pause, "all", "", one.clock.now())


async def _its_class(one: Bench) -> None:
    await one.offload.run(actions.pause, "class", "transactional", one.clock.now())


async def _sim_paused(one: Bench) -> None:
    await one.offload.run(actions.sim_pause, SIM, one.clock.now())


async def _sim_parked(one: Bench) -> None:
    await one.offload.run(sims.set_state, SIM, SimState.PARKED, one.clock.now())


async def _sim_gone(one: Bench) -> None:
    one.journal._here.clear()
    await one.offload.run(sims.gone, SIM, PATH, one.clock.now())
    await asyncio.sleep(timedelta(hours=1).total_seconds())


@pytest.mark.parametrize(("slug", "plan", "settings", "prepare", "draft", "opens"), [
    ("plan_minute", Plan("p", per_minute=1), {}, _nothing, {}, "minute"),
    ("plan_hour", Plan("p", per_hour=1), {}, _nothing, {}, "hour"),
    ("plan_day", Plan("p", per_day=1), {}, _nothing, {}, "day"),
    ("plan_month", Plan("p", per_month=1), {}, _nothing, {}, "month"),
    ("plan_recipients", Plan("p", recipients_per_month=1), {}, _nothing, {}, "month"),
    ("ceiling_parts", FREE, {"ceiling": Ceiling(parts=1)}, _nothing, {}, "day"),
    ("ceiling_cost", replace(FREE, price_per_part=0.1), {"ceiling": Ceiling(cost=100_000)}, _nothing, {}, "day"),
    ("paused", FREE, {}, _everything, {}, ""),
    ("paused", FREE, {}, _its_class, {}, ""),
    ("sim_paused", FREE, {}, _sim_paused, {"pinned": SIM}, ""),
    ("sim_parked", FREE, {}, _sim_parked, {"pinned": SIM}, ""),
    ("absent", FREE, {}, _sim_gone, {"pinned": SIM}, ""),
    ("no_sim", FREE, {}, _nothing, {"pinned": "front desk"}, ""),
])  # fmt: skip
def test_whatever_makes_a_message_wait_is_told_with_its_time(
    tmp_path: Path, slug: str, plan: Plan, settings: dict[str, Any], prepare: Prepare, draft: dict[str, Any], opens: str
) -> None:
    """Limits open by themselves and say when; what a person or a modem must end has no time."""

    async def script(one: Bench) -> None:
        await one.add(to="+8613800138001")
        part = await one.journal.claim(SIM, PATH)
        assert isinstance(await one.journal.submitting(part), Go)
        await one.journal.settle(part.attempt_id, SIM, accepted(1, one.clock.now()))
        sent = one.clock.now()
        await prepare(one)
        one.journal.refresh_sims(await one.offload.run(sims.all_sims))
        number = await one.add(to="+8613800138002", **draft)
        waiting = [asyncio.ensure_future(one.journal.claim(iccid, PATH)) for iccid in one.journal.here()]
        await asyncio.sleep(1)
        await Labeller(one.offload, one.journal, one.clock.now).turn()
        assert not any(claim.done() for claim in waiting)
        for claim in waiting:
            claim.cancel()
        shown = _shown(one, tmp_path, number)
        assert (shown["state"], shown["reason"]) == ("held", slug)
        assert shown["reason_params"] == ({"name": draft["pinned"]} if slug == "no_sim" else {})
        when = {
            "minute": sent + timedelta(minutes=1),
            "hour": sent + timedelta(hours=1),
            "day": counters.day_end(plan, sent),
            "month": counters.month_end(plan, sent),
        }.get(opens)
        assert shown["next_at"] == (when and when.isoformat(timespec="milliseconds").replace("+00:00", "Z"))

    on_bench(tmp_path, script, plans={"p": plan}, default_plan="p", **settings)


@pytest.mark.parametrize(("plan", "parts", "slug"), [
    (Plan("p", per_day=1), 1, "plan_day"),
    (Plan("p", per_hour=1), 1, "plan_hour"),
    (Plan("p", per_day=3), 3, "plan_day"),
    (Plan("p", per_month=3), 3, "plan_month"),
])  # fmt: skip
@pytest.mark.parametrize("name", ["desk", "shop", SIM])
def test_a_named_sims_limit_is_told_beside_a_free_one(
    tmp_path: Path, plan: Plan, parts: int, slug: str, name: str
) -> None:
    """Also where the limit has room left, but not for all parts of the message."""

    async def script(one: Bench) -> None:
        await one.journal.sim_seen("/dev/ttyV1", None, SimSeen(OTHER, "460001234567899", None, None))
        await one.add(to="+8613800138001", pinned=SIM)
        part = await one.journal.claim(SIM, PATH)
        assert isinstance(await one.journal.submitting(part), Go)
        await one.journal.settle(part.attempt_id, SIM, accepted(1, one.clock.now()))
        number = await one.add(to="+8613800138002", pinned=name, text="x" * (150 * parts))
        waiting = [asyncio.ensure_future(one.journal.claim(*lane)) for lane in ((SIM, PATH), (OTHER, "/dev/ttyV1"))]
        await asyncio.sleep(1)
        labeller = Labeller(one.offload, one.journal, one.clock.now)
        for _ in range(2):
            await labeller.turn()
        assert not any(claim.done() for claim in waiting)
        for claim in waiting:
            claim.cancel()
        shown = _shown(one, tmp_path, number)
        assert (shown["state"], shown["reason"]) == ("held", slug)
        assert shown["next_at"] is not None

    cards = {SIM: SimSettings(SIM, plan="p", label="desk", tags=("shop",)), OTHER: SimSettings(OTHER)}
    on_bench(tmp_path, script, plans={"p": plan}, sims=cards)


def test_the_time_of_a_paced_message_is_never_long_past(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        labeller = Labeller(one.offload, one.journal, one.clock.now)
        numbers = [await one.add(to=f"+861380013800{n}") for n in range(4)]
        for _ in range(2):
            part = await one.journal.claim(SIM, PATH)
            assert isinstance(await one.journal.submitting(part), Go)
            await one.journal.settle(part.attempt_id, SIM, accepted(1, one.clock.now()))
            claim = asyncio.ensure_future(one.journal.claim(SIM, PATH))
            for _ in range(50):
                await asyncio.sleep(1)
                await labeller.turn()
            assert not claim.done()
            claim.cancel()
            shown = _shown(one, tmp_path, numbers[-1])
            assert shown["reason"] == "plan_minute"
            assert datetime.fromisoformat(shown["next_at"]) > one.clock.now()
            await asyncio.sleep(20)

    on_bench(tmp_path, script, plans={"p": Plan("p", per_minute=1)}, default_plan="p")


def _shown(one: Bench, folder: Path, number: int) -> dict[str, Any]:
    """The message as `GET /v1/messages/{id}` tells it."""
    deps = WebDeps(one.store, one.offload.call, INTAKE, one.clock, folder, lambda: None, INBOUND.keywords)
    key = one.store.run(keys.create_key, "test", (), one.clock.now())
    answer = create_app(deps).test_client().get(f"/v1/messages/{number}", headers={"Authorization": f"Bearer {key}"})
    found: dict[str, Any] = answer.get_json()
    return found
