"""What sessions are told: claims and their cancellation, limits, a store that goes away."""

from __future__ import annotations

import asyncio
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from modemfarm.model import Ceiling, Plan, SimSettings
from modemfarm.modem.journal import Go, GoOn, SimSeen, Stop
from modemfarm.store import actions, sims
from modemfarm.store.engine import Tx
from tests.farm.benches import PATH, Bench, on_bench
from tests.store.tools import OTHER, SIM, accepted


def test_a_part_goes_its_way(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        number = await one.add()
        part = await one.journal.claim(SIM, PATH)
        assert (part.message_id, part.iccid) == (number, SIM)
        assert isinstance(await one.journal.submitting(part), Go)
        assert isinstance(await one.journal.recheck(part), Go)
        after = await one.journal.settle(part.attempt_id, SIM, accepted(5, one.clock.now()))
        assert after == GoOn()
        assert await one.state(number) == "sent"

    on_bench(tmp_path, script)


def test_a_new_message_wakes_a_waiting_session_at_once(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        waiting = asyncio.ensure_future(one.journal.claim(SIM, PATH))
        await asyncio.sleep(100)
        began = one.clock.now()
        await one.add()
        await waiting
        assert (one.clock.now() - began).total_seconds() < 0.01

    on_bench(tmp_path, script)


@pytest.mark.parametrize("turns", range(12))
def test_a_claim_cancelled_at_any_moment_loses_nothing(tmp_path: Path, turns: int) -> None:
    async def script(one: Bench) -> None:
        number = await one.add()
        waiting = asyncio.ensure_future(one.journal.claim(SIM, PATH))
        for _ in range(turns):
            await asyncio.sleep(0 if turns % 2 else 0.0001)
        waiting.cancel()
        await asyncio.wait({waiting})
        if not waiting.cancelled():
            await one.journal.release(waiting.result())
        await asyncio.sleep(5)
        assert await one.state(number) == "waiting"
        part = await one.journal.claim(SIM, PATH)
        assert part.message_id == number
        assert await one.value("SELECT sum(used) FROM counters") == 1

    on_bench(tmp_path, script)


def test_a_sim_paused_while_its_session_waits_gets_nothing(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        waiting = asyncio.ensure_future(one.journal.claim(SIM, PATH))
        await asyncio.sleep(1)
        await one.offload.run(actions.sim_pause, SIM, one.clock.now())
        one.journal.refresh_sims(await one.offload.run(sims.all_sims))
        number = await one.add()
        await asyncio.sleep(300)
        assert await one.state(number) == "waiting"
        await one.offload.run(actions.sim_resume, SIM, one.clock.now())
        one.journal.refresh_sims(await one.offload.run(sims.all_sims))
        assert (await waiting).message_id == number

    on_bench(tmp_path, script)


def test_messages_for_an_absent_name_stop_nobody(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        for _ in range(60):
            await one.add(pinned="cellar")
        number = await one.add()
        part = await one.journal.claim(SIM, PATH)
        assert part.message_id == number

    on_bench(tmp_path, script)


def test_messages_for_a_name_go_through_the_sim_that_has_it(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        number = await one.add(pinned="shop")
        assert (await one.journal.claim(SIM, PATH)).message_id == number

    on_bench(tmp_path, script, sims={SIM: SimSettings(SIM, tags=("shop", "b"))})


def test_tags_of_the_page_are_names_too(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        await one.offload.run(lambda tx: tx.run('UPDATE sims SET tags = \'["shop", "b"]\''))
        one.journal.refresh_sims(await one.offload.run(sims.all_sims))
        assert {"shop", "b", SIM} == set(one.journal.facts(SIM).names)

    on_bench(tmp_path, script)


def test_many_contacts_of_another_sim_in_front_do_not_stop_this_one(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        await one.journal.sim_seen("/dev/ttyV1", None, SimSeen(OTHER, None, None, None))
        await one.offload.run(_contacts, OTHER, 120)
        for number in range(120):
            await one.add(to=f"+86138{number:08}")
        last = await one.add(to="+8613900139000")
        began = one.clock.now()
        assert (await one.journal.claim(SIM, PATH)).message_id == last
        assert (one.clock.now() - began).total_seconds() < 1

    on_bench(tmp_path, script)


def _contacts(tx: Tx, iccid: str, count: int) -> None:
    for number in range(count):
        tx.run(
            "INSERT INTO people (number, digits, iccid) VALUES (:number, '', :iccid)",
            number=f"+86138{number:08}",
            iccid=iccid,
        )


@pytest.mark.parametrize(("plan", "count", "slug"), [
    (Plan("p", per_hour=3), 3, "plan_hour"),
    (Plan("p", per_day=4), 4, "plan_day"),
    (Plan("p", per_month=5), 5, "plan_month"),
    (Plan("p", recipients_per_month=5), 5, "plan_recipients"),
])  # fmt: skip
def test_each_limit_of_a_plan_is_kept(tmp_path: Path, plan: Plan, count: int, slug: str) -> None:
    async def script(one: Bench) -> None:
        for number in range(9):
            await one.add(to=f"+861380013800{number}")
        for _ in range(count):
            part = await one.journal.claim(SIM, PATH)
            await one.journal.submitting(part)
            await one.journal.settle(part.attempt_id, SIM, accepted(1, one.clock.now()))
        waiting = asyncio.ensure_future(one.journal.claim(SIM, PATH))
        await asyncio.sleep(60)
        assert not waiting.done()
        label = one.journal.dispatcher.blocked[SIM]
        assert label.slug == slug
        assert label.next_at is not None
        if slug in ("plan_month", "plan_recipients"):
            waiting.cancel()
            return
        await asyncio.sleep((label.next_at - one.clock.now()).total_seconds() - 1)
        assert not waiting.done()
        await asyncio.sleep(70)
        assert waiting.done()

    on_bench(tmp_path, script, plans={"p": plan}, default_plan="p")


def test_an_account_of_two_sims_shares_its_limit(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        await one.journal.sim_seen("/dev/ttyV1", None, SimSeen(OTHER, None, None, None))
        for _ in range(9):
            await one.add()
        claims = [asyncio.ensure_future(one.journal.claim(*lane)) for lane in ((SIM, PATH), (OTHER, "/dev/ttyV1")) * 1]
        await asyncio.wait(claims, timeout=5)
        more = [asyncio.ensure_future(one.journal.claim(*lane)) for lane in ((SIM, PATH), (OTHER, "/dev/ttyV1"))]
        await asyncio.wait(more, timeout=5)
        assert sum(claim.done() for claim in (*claims, *more)) == 3
        for claim in more:
            claim.cancel()

    account = {iccid: SimSettings(iccid, account="shop") for iccid in (SIM, OTHER)}
    on_bench(tmp_path, script, plans={"p": Plan("p", per_day=3)}, default_plan="p", sims=account, sticky=False)


class Outage:
    """Every COMMIT fails while it is on."""

    def __init__(self, one: Bench) -> None:
        self._patch = pytest.MonkeyPatch()
        dialect = one.store.connect().dialect
        error = dialect.loaded_dbapi.OperationalError

        def fail(_self: object, _connection: object) -> None:
            raise error("database or disk is full")

        self._patch.setattr(type(dialect), "do_commit", fail)

    def end(self) -> None:
        self._patch.undo()


def test_a_store_that_cannot_commit_lets_nothing_leave_and_loses_no_result(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        on_air, next_one = await one.add(), await one.add()
        part = await one.journal.claim(SIM, PATH)
        assert isinstance(await one.journal.submitting(part), Go)
        ahead = await one.journal.claim(SIM, PATH)
        outage = Outage(one)
        try:
            settling = asyncio.ensure_future(one.journal.settle(part.attempt_id, SIM, accepted(5, one.clock.now())))
            assert await one.journal.submitting(ahead) == Stop("store")
            await asyncio.sleep(600)
            assert not settling.done()
            assert one.journal.store_down_since is not None
        finally:
            outage.end()
        assert await settling == GoOn()
        assert one.journal.store_down_since is None
        await one.journal.give_back_unsettled()
        assert (await one.state(on_air), await one.state(next_one)) == ("sent", "waiting")
        assert (await one.journal.claim(SIM, PATH)).message_id == next_one

    on_bench(tmp_path, script)


def test_a_daemon_that_ends_waits_no_longer_for_a_store_that_takes_nothing(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        await one.add()
        part = await one.journal.claim(SIM, PATH)
        assert isinstance(await one.journal.submitting(part), Go)
        outage = Outage(one)
        try:
            settling = asyncio.ensure_future(one.journal.settle(part.attempt_id, SIM, accepted(5, one.clock.now())))
            await asyncio.sleep(600)
            assert not settling.done()
            one.journal.end()
            await asyncio.wait({settling}, timeout=10)
            assert settling.cancelled()
        finally:
            outage.end()
        assert await one.value("SELECT state FROM parts") == "submitting"  # the next start says that it may have left

    on_bench(tmp_path, script)


def test_dispatch_goes_on_when_the_store_is_back(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        number = await one.add()
        outage = Outage(one)
        try:
            waiting = asyncio.ensure_future(one.journal.claim(SIM, PATH))
            await asyncio.sleep(30)
            assert not waiting.done()
        finally:
            outage.end()
        assert (await asyncio.wait_for(waiting, 5)).message_id == number

    on_bench(tmp_path, script)


@pytest.mark.parametrize(("ceiling", "slug"), [
    (Ceiling(parts=3, zone="Asia/Shanghai"), "ceiling_parts"), (Ceiling(cost=350_000), "ceiling_cost"),
])  # fmt: skip
def test_a_ceiling_of_the_farm_holds_every_sim_until_the_next_day(tmp_path: Path, ceiling: Ceiling, slug: str) -> None:
    async def script(one: Bench) -> None:
        await one.journal.sim_seen("/dev/ttyV1", None, SimSeen(OTHER, None, None, None))
        for number in range(6):
            await one.add(
                to=f"+861380013800{number}",
                message_class="emergency" if number == 4 else None,
                confirm_emergency=True,
            )
        for iccid, path in ((SIM, PATH), (OTHER, "/dev/ttyV1"), (SIM, PATH)):
            part = await one.journal.claim(iccid, path)
            assert isinstance(await one.journal.submitting(part), Go)
            await one.journal.settle(part.attempt_id, iccid, accepted(1, one.clock.now()))
        lanes = ((SIM, PATH), (OTHER, "/dev/ttyV1"))
        waiting = [asyncio.ensure_future(one.journal.claim(*lane)) for lane in lanes]
        await asyncio.sleep(60)
        assert not any(claim.done() for claim in waiting)
        blocked = one.journal.dispatcher.blocked
        assert {iccid: label.slug for iccid, label in blocked.items()} == {SIM: slug, OTHER: slug}
        opens = blocked[SIM].next_at
        assert opens is not None
        local = opens.astimezone(ZoneInfo(ceiling.zone))
        assert (local.hour, local.minute) == (0, 0)
        await asyncio.sleep((opens - one.clock.now()).total_seconds() - 1)
        assert not any(claim.done() for claim in waiting)
        await asyncio.sleep(70)
        assert all(claim.done() for claim in waiting)

    plan = Plan("p", price_per_part=0.1, currency="CNY")
    on_bench(tmp_path, script, plans={"p": plan}, default_plan="p", ceiling=ceiling)


def test_a_sim_paused_by_another_process_is_not_claimed_for_again_at_once(tmp_path: Path) -> None:
    async def script(one: Bench) -> None:
        message = await one.add()
        part = await one.journal.claim(SIM, PATH)
        await one.offload.run(actions.sim_pause, SIM, one.clock.now())  # no session was told
        assert await one.journal.submitting(part) == Stop("sim_paused")
        assert not one.journal.sim_sends(SIM)
        again = asyncio.ensure_future(one.journal.claim(SIM, PATH))
        await asyncio.sleep(5)
        again.cancel()
        assert await one.state(message) == "waiting"
        assert await one.value("SELECT count(*) FROM attempts") == 1

    on_bench(tmp_path, script)
