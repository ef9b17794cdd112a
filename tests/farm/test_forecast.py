"""The forecast is held against what a farm on virtual time then does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from modemfarm.farm.allowance import Owner, Purse
from modemfarm.farm.forecast import LaneFacts, Play, Work, extrapolate
from modemfarm.farm.hours import OfferHours
from modemfarm.farm.outlook import Outlook
from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft
from modemfarm.model import UNLIMITED, Ceiling, Forecast, Plan
from modemfarm.policy.frequency import Sent
from modemfarm.policy.profiles import Attestation, Configured, Rules
from modemfarm.store import consents, rules
from modemfarm.store.engine import Tx, from_us
from modemfarm.store.offers import Known
from modemfarm.store.queue import STARTED_RANK, Candidate
from modemfarm.store.waiting import coming
from tests.farm.virtual import Farm, farm
from tests.store.tools import INTAKE
from tests.virtualtime import VirtualLoop, run

STARTS = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
LONG_PATIENCE = {"valid_for": timedelta(days=30)}


def draft(number: int) -> Draft:
    return Draft(f"+86138{number:08}", "您好，您的订单已到店", report=False, **LONG_PATIENCE)


async def finished(there: Farm) -> datetime:
    """Waits until nothing waits; when the last part was taken by the network."""

    async def done() -> bool:
        return not await there.count("parts WHERE state IN ('waiting', 'claimed', 'submitting')")

    await there.until(done, every_s=30)
    return datetime.fromtimestamp(max(entry["accepted_at"] for entry in there.submits()), UTC)


async def ready(there: Farm, modems: int) -> None:
    async def all_work() -> bool:
        return await there.count("modems WHERE state = 'working'") == modems

    await there.until(all_work)


def near(expected: datetime | None, found: datetime, asked_at: datetime) -> bool:
    assert expected is not None
    return abs(expected - found) <= (found - asked_at) * 0.1


def test_a_forecast_over_the_reset_of_a_plan_comes_true(tmp_path: Path) -> None:
    plan = Plan("small", per_minute=6, per_day=40, resets_minute=12 * 60, zone="UTC")
    settings = FarmSettings("here", plans={"small": plan}, default_plan="small")

    async def main(loop: VirtualLoop) -> None:
        async with farm(loop, tmp_path, 2, starts=STARTS, settings=settings, airtime_s=3, tick_s=10) as there:
            await ready(there, 2)
            await there.add(130, draft)  # 80 before noon, 50 after it
            asked = there.clock.now()
            said = await asyncio.to_thread(Outlook(there.store, settings, there.clock.now).fresh)
            assert 120 <= said.messages <= 130  # the first ones may have left while it was asked
            assert (said.late, said.stuck) == (0, 0)
            found = await finished(there)
            assert found > STARTS.replace(hour=12)
            assert near(said.finish_at, found, asked), (said.finish_at, found)

    run(main)


def test_a_forecast_after_a_modem_was_lost_comes_true(tmp_path: Path) -> None:
    settings = FarmSettings("here", default_plan="unlimited", sticky=False, sim_grace=timedelta(seconds=60))

    async def main(loop: VirtualLoop) -> None:
        async with farm(loop, tmp_path, 3, starts=STARTS, settings=settings, airtime_s=4, tick_s=2) as there:
            await ready(there, 3)
            await there.add(400, draft)
            outlook = Outlook(there.store, settings, there.clock.now)
            first = await asyncio.to_thread(outlook.fresh)
            await asyncio.sleep(120)
            there.simulation.unplug(1)
            await asyncio.sleep(90)
            asked = there.clock.now()
            again = await asyncio.to_thread(outlook.fresh)
            found = await finished(there)
            assert again.finish_at is not None
            assert first.finish_at is not None
            assert again.finish_at > first.finish_at + timedelta(minutes=1)
            assert near(again.finish_at, found, asked), (again.finish_at, found)

    run(main)


def test_a_forecast_through_a_closed_window_comes_true(tmp_path: Path) -> None:
    configured = Configured(profile="FR", brand="Chez Li", country="FR")  # 8:00 to 22:00 in Paris
    plan = Plan("slow", per_minute=3)
    settings = FarmSettings("here", plans={"slow": plan}, default_plan="slow", policy=configured)
    intake = replace(INTAKE, country="FR", allow_countries="all", policy=configured)
    evening = datetime(2026, 3, 10, 20, 48, tzinfo=UTC)  # a Tuesday, 21:48 there
    opening = datetime(2026, 3, 11, 7, 0, tzinfo=UTC)

    def offers(tx: Tx, now: datetime) -> None:
        rules.attest(tx, "FR", "Li", "consent", now + timedelta(days=90), now, document="a document")
        for number in range(150):
            to = f"+33612{number:06}"
            consents.grant(tx, to, ("marketing",), {}, now)
            assert accept(tx, Draft(to, "offre", message_class="marketing", report=False), intake, now)

    async def main(loop: VirtualLoop) -> None:
        async with farm(loop, tmp_path, 2, starts=evening, settings=settings, airtime_s=4, tick_s=120) as there:
            await ready(there, 2)
            await there.offload.bulk(offers, there.clock.now())
            there.journal.dispatcher.wake()
            asked = there.clock.now()
            said = await asyncio.to_thread(Outlook(there.store, settings, there.clock.now).fresh)
            assert (said.late, said.stuck) == (0, 0)
            found = await finished(there)
            left = [datetime.fromtimestamp(entry["accepted_at"], UTC) for entry in there.submits()]
            assert len(left) == 150
            assert 30 < sum(moment < opening.replace(day=10, hour=21) for moment in left) < 90
            assert not [moment for moment in left if moment.hour in range(21, 24) or moment.hour < 7]
            assert near(said.finish_at, found, asked), (said.finish_at, found)
            assert near(said.finish_at, found, opening), (said.finish_at, found)  # the night counted out

    run(main)


def test_what_ends_before_its_turn_is_counted(tmp_path: Path) -> None:
    settings = FarmSettings("here", default_plan="cautious")

    async def main(loop: VirtualLoop) -> None:
        async with farm(loop, tmp_path, 1, starts=STARTS, settings=settings, airtime_s=3, tick_s=10) as there:
            await ready(there, 1)
            await there.add(130, lambda n: Draft(f"+86138{n:08}", "x", report=False, valid_for=timedelta(hours=2)))
            said = await asyncio.to_thread(Outlook(there.store, settings, there.clock.now).fresh)
            assert (said.messages, said.late) == (100, 30)
            await asyncio.sleep(3 * 3600)
            assert await there.count("messages WHERE state = 'expired'") == 30

    run(main)


# --- the play itself


def plain(number: int, *, due: datetime = STARTS, parts: int = 1, until: datetime | None = None) -> Work:
    return Work(coming(number, f"+4917{number:08}", parts, "transactional", due, until=until), parts, until)


def play(works: list[Work], plan: Plan = UNLIMITED, lanes: int = 2, **more: object) -> Forecast:
    sims = [LaneFacts(f"sim{place}", f"sim{place}", frozenset(), timedelta(seconds=3)) for place in range(lanes)]
    owners = {sim.iccid: Owner(plan) for sim in sims}
    return Play(sims, owners, works, STARTS, **more).run()  # type: ignore[arg-type]


def test_the_air_alone_bounds_a_farm_without_limits() -> None:
    said = play([plain(number) for number in range(1, 101)])
    assert said.finish_at == STARTS + timedelta(seconds=150)


def test_nothing_leaves_while_a_window_is_closed() -> None:
    opens = STARTS + timedelta(hours=11)

    def hours(_part: Candidate, at: datetime) -> datetime:
        return max(at, opens)

    said = play([plain(1), plain(2, until=STARTS + timedelta(hours=5))], opens=hours)
    assert said.finished == {-1: opens + timedelta(seconds=3)}
    assert said.late == 1


def test_a_scheduled_message_waits_for_its_time_and_urgent_ones_go_before() -> None:
    later = STARTS + timedelta(hours=1)
    said = play([plain(1, due=later), plain(2)], lanes=1)
    assert said.finished == {-2: STARTS + timedelta(seconds=3), -1: later + timedelta(seconds=3)}


def test_a_month_that_is_used_up_goes_on_in_the_next() -> None:
    said = play([plain(number) for number in range(1, 4)], Plan("two", per_month=2, resets_day=1, zone="UTC"), lanes=1)
    assert said.finish_at == datetime(2026, 4, 1, 0, 0, 3, tzinfo=UTC)


def test_only_so_many_people_a_month() -> None:
    plan = Plan("few", recipients_per_month=2, resets_day=1, zone="UTC")
    again = replace(plain(4), first=replace(plain(4).first, recipient=plain(1).first.recipient))
    said = play([plain(1), plain(2), plain(3), again], plan, lanes=1)
    assert said.finished[-3] == datetime(2026, 4, 1, 0, 0, 3, tzinfo=UTC)
    assert max(said.finished[-1], said.finished[-2], said.finished[-4]) < STARTS + timedelta(minutes=1)


def test_without_a_sim_nobody_can_say() -> None:
    said = play([plain(1)], lanes=0)
    assert (said.finish_at, said.stuck) == (None, 1)


def test_what_is_behind_goes_on_at_the_same_pace() -> None:
    said = play([plain(number) for number in range(1, 101)])
    assert extrapolate(said, STARTS, 900) == STARTS + timedelta(seconds=1500)


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 7200)), min_size=1, max_size=40),
    st.integers(1, 6),
    st.integers(4, 30),
    st.integers(1, 3),
)
def test_no_limit_is_exceeded_and_nothing_is_forgotten(
    what: list[tuple[int, int]], minute: int, day: int, lanes: int
) -> None:
    plan = Plan("any", per_minute=minute, per_day=day, zone="UTC")
    works = [
        plain(number, parts=parts, due=STARTS + timedelta(seconds=after))
        for number, (parts, after) in enumerate(what, 1)
    ]
    said = play(works, plan, lanes)
    assert said.messages == len(works)
    assert said.parts == sum(work.parts for work in works)
    assert all(said.finished[work.first.message_id] >= from_us(work.first.due_at) for work in works)
    days = -(-said.parts // (day * lanes))
    assert said.finish_at is not None
    assert said.finish_at >= datetime(2026, 3, 14, tzinfo=UTC) + timedelta(days=days - 1)


def offer(number: int, to: int = 1, text: str = "") -> Work:
    first = coming(number, f"+3361200000{to}", 1, "marketing", STARTS, text=text or f"offer {number}")
    return Work(first, 1, None)


def test_offers_wait_for_their_hours_and_for_their_persons_number_of_them() -> None:
    profile = rules.shipped_profile("FR")
    word = Attestation("FR", "Li", "consent", "a document", STARTS + timedelta(days=90), STARTS)
    evening = STARTS.replace(hour=20, minute=59, second=55)  # 21:59:55 there
    paris = ("Europe/Paris",)
    lately = (Sent(evening - timedelta(hours=1), "x"),)
    known = {"+33612000001": Known(paris, lately), "+33612000002": Known(paris, ())}
    hours = OfferHours(Rules(profile, word, brand="Li", zone="UTC"), known, {})
    sims = [LaneFacts("sim", "sim", frozenset(), timedelta(seconds=3))]
    works = [offer(1), offer(2), offer(3, to=2, text="same"), offer(4, to=2, text="SAME")]
    said = Play(sims, {"sim": Owner(UNLIMITED)}, works, evening, opens=hours.opens, went=hours.went).run()
    monday = STARTS.replace(day=16, hour=7, minute=0)  # Sunday is closed
    assert said.finished[-1] < monday + timedelta(minutes=1) <= said.finished[-2] + timedelta(days=1)
    assert said.finished[-4] >= said.finished[-3] + timedelta(days=1)
    assert said.stuck == 0
    nobody = OfferHours(Rules(profile, None, brand="Li"), known, {})
    said = Play(sims, {"sim": Owner(UNLIMITED)}, works, evening, opens=nobody.opens, went=nobody.went).run()
    assert (said.finish_at, said.stuck) == (None, 4)


def test_an_offer_shortly_before_closing_goes_by_the_pace_of_its_sim() -> None:
    word = Attestation("FR", "Li", "consent", "a document", STARTS + timedelta(days=90), STARTS)
    known = {"+33612000001": Known(("Europe/Paris",), ())}
    rules_now = Rules(rules.shipped_profile("FR"), word, brand="Li", zone="UTC")
    takes = {"quick": timedelta(seconds=4), "slow": timedelta(seconds=30)}
    closing = STARTS.replace(hour=21, minute=0, second=0)  # 22:00 there
    for iccid, pace, before in (("quick", takes, 11), ("slow", takes, 63), ("", takes, 63), ("", {}, 43)):
        hours = OfferHours(rules_now, known, pace)
        part = coming(1, "+33612000001", 1, "marketing", STARTS, text="offer")
        part = replace(part, bound_iccid=iccid)
        for late in (False, True):
            at = closing - timedelta(seconds=before - (1 if late else -1))
            assert (hours.opens(part, at) == at) is not late, (iccid, pace, late)
    rest = replace(part, rank=STARTED_RANK, part_number=2, parts_total=3, bound_iccid="quick")
    hours = OfferHours(rules_now, known, takes)
    assert hours.opens(rest, closing - timedelta(seconds=12)) == closing - timedelta(seconds=12)  # two parts, no more


def test_the_farms_ceilings_hold_until_its_own_midnight() -> None:
    priced = Plan("p", price_per_part=0.05, zone="UTC")
    noon = datetime(2026, 3, 14, 16, 0, tzinfo=UTC)  # midnight in Shanghai
    works = [plain(number) for number in range(1, 8)]
    said = play(works, priced, purse=Purse(Ceiling(parts=5, zone="Asia/Shanghai"), parts=2))
    assert sum(moment < noon for moment in said.finished.values()) == 3
    assert said.finish_at == noon + timedelta(seconds=6)
    said = play(works, priced, purse=Purse(Ceiling(cost=250_000, zone="Asia/Shanghai"), cost=150_000))
    assert sum(moment < noon for moment in said.finished.values()) == 2
    assert said.finish_at == noon + timedelta(seconds=9)


def test_sims_of_one_account_share_its_day_and_the_recipients_network_goes_first() -> None:
    shared = Owner(Plan("day", per_day=3, zone="UTC"))
    sims = [LaneFacts(name, "account:shop", frozenset(), timedelta(seconds=3)) for name in ("one", "two")]
    said = Play(sims, {"account:shop": shared}, [plain(number) for number in range(1, 6)], STARTS).run()
    tomorrow = STARTS.replace(day=15, hour=0, minute=0)
    assert sum(moment < tomorrow for moment in said.finished.values()) == 3
    slow = LaneFacts("own", "own", frozenset(), timedelta(seconds=30))
    other = LaneFacts("other", "other", frozenset(), timedelta(seconds=3))
    owners = {"own": Owner(Plan("own", on_net=("+4917",))), "other": Owner(UNLIMITED)}
    said = Play([other, slow], owners, [plain(1)], STARTS).run()
    assert said.finish_at == STARTS + timedelta(seconds=30)
