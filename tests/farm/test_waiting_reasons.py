"""Why each message waits, and until when: as the API tells it, for everything that can make it wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from modemfarm.farm.labelling import Labeller
from modemfarm.model import Ceiling, Plan, SimState
from modemfarm.modem.journal import Go
from modemfarm.store import actions, counters, keys, sims
from modemfarm.webapp.app import create_app
from modemfarm.webapp.settings import WebDeps
from tests.farm.benches import PATH, Bench, on_bench
from tests.store.tools import INBOUND, INTAKE, SIM, accepted

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
        when = {
            "minute": sent + timedelta(minutes=1),
            "hour": sent + timedelta(hours=1),
            "day": counters.day_end(plan, sent),
            "month": counters.month_end(plan, sent),
        }.get(opens)
        assert shown["next_at"] == (when and when.isoformat(timespec="milliseconds").replace("+00:00", "Z"))

    on_bench(tmp_path, script, plans={"p": plan}, default_plan="p", **settings)


def _shown(one: Bench, folder: Path, number: int) -> dict[str, Any]:
    """The message as `GET /v1/messages/{id}` tells it."""
    deps = WebDeps(one.store, one.offload.call, INTAKE, one.clock, folder, lambda: None, INBOUND.keywords)
    key = one.store.run(keys.create_key, "test", (), one.clock.now())
    answer = create_app(deps).test_client().get(f"/v1/messages/{number}", headers={"Authorization": f"Bearer {key}"})
    found: dict[str, Any] = answer.get_json()
    return found
