"""What the whole farm may send in a day: counted with the claim, given back with the part, never exceeded."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from modemfarm.errors import KeyCeilingError
from modemfarm.intake.accept import preview
from modemfarm.intake.draft import Draft, Quota
from modemfarm.model import CAUTIOUS, UNLIMITED, Ceiling, Plan, SimSettings
from modemfarm.store import actions, counters, queue, steps
from modemfarm.store.engine import Store, Tx
from modemfarm.store.shapes import Terms
from tests.store.tools import (
    INTAKE,
    LONG,
    NOW,
    OTHER,
    SIM,
    TO,
    accepted,
    add,
    end,
    lane,
    parts,
    permit,
    refused,
    see,
    states,
)

DAY = datetime(2026, 3, 14, tzinfo=UTC)
PRICED = Plan("p", price_per_part=0.05, currency="CNY")


def _used(tx: Tx, what: str = "day", day: datetime = DAY) -> int:
    return counters.used(tx, counters.FARM, what, day)


def _claim(
    tx: Tx, ceiling: Ceiling, iccid: str = SIM, *, plan: Plan = UNLIMITED, at: datetime = NOW
) -> tuple[int, int] | None:
    """Claim the first part in the queue: its id and its attempt's."""
    part = (queue.heads(tx, iccid, at, 1) or queue.heads(tx, "", at, 1))[0]
    one = lane(iccid, plan=plan, at=at)
    one = queue.Lane(one.iccid, one.owner, one.path, one.host, one.instance, one.day, plan, ceiling)
    attempt = queue.claim(tx, part, one, at)
    return None if attempt is None else (part.part_id, attempt)


def test_beyond_the_ceiling_no_sim_claims_and_nothing_stays(store: Store) -> None:
    ceiling = Ceiling(parts=4)
    with store.write() as tx:
        add(tx, text=LONG)
        add(tx)
        third = add(tx)
        for _ in range(3):
            assert _claim(tx, ceiling) is not None
            assert _used(tx) == 3  # the message is reserved as a whole
        assert _claim(tx, ceiling, "8986009999999999999") is not None
        assert _used(tx) == 4
        assert _claim(tx, ceiling, "8986009999999999999") is None
        assert _used(tx) == 4
        assert states(tx, third) == ["waiting"]
        assert all(row["charged_to"] is None and row["farm_day"] is None for row in parts(tx, third))
        assert tx.value("SELECT count(*) FROM attempts WHERE message_id = :id", id=third) == 0
        assert _claim(tx, ceiling, at=NOW + timedelta(days=1)) is not None


def test_money_is_counted_by_the_plan_of_the_sim_that_claims(store: Store) -> None:
    ceiling = Ceiling(cost=120_000)
    with store.write() as tx:
        for _ in range(5):
            add(tx)
        assert _claim(tx, ceiling, plan=PRICED) is not None
        second = _claim(tx, ceiling, plan=PRICED)
        assert second is not None
        assert (_used(tx, "cost"), _used(tx)) == (100_000, 2)
        assert _claim(tx, ceiling, plan=PRICED) is None
        assert _claim(tx, ceiling, plan=CAUTIOUS) is not None  # it costs nothing
        assert (_used(tx, "cost"), _used(tx)) == (100_000, 3)
        queue.give_back(tx, *second, NOW)
        assert (_used(tx, "cost"), _used(tx)) == (50_000, 2)
        assert _claim(tx, ceiling, plan=PRICED) is not None


@pytest.mark.parametrize("end_by", ["refused", "canceled"])
def test_what_comes_back_is_taken_off_the_farms_day(store: Store, end_by: str) -> None:
    ceiling = Ceiling(parts=3, cost=10_000_000)
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG)
        claimed = _claim(tx, ceiling, plan=PRICED)
        assert claimed is not None
        assert (_used(tx), _used(tx, "cost")) == (3, 150_000)
        if end_by == "refused":
            assert steps.submitting(tx, permit(*claimed, plan=PRICED), NOW) is None
            end(tx, claimed[1], refused(38))
        else:
            assert actions.cancel(tx, number, NOW) == "canceled"
        assert (_used(tx), _used(tx, "cost")) == (0, 0)


def test_what_left_stays_counted_and_the_rest_of_a_message_counts_on_the_day_it_leaves(store: Store) -> None:
    ceiling = Ceiling(parts=3)
    late, morning = DAY + timedelta(hours=23), DAY + timedelta(days=1, hours=1)
    plan = Plan("p", per_day=100, resets_minute=600)  # its own day goes on over midnight
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG)
        claimed = _claim(tx, ceiling, plan=plan, at=late)
        assert claimed is not None
        asked = permit(*claimed, plan=plan, at=late)
        assert steps.submitting(tx, asked, late) is None
        end(tx, claimed[1], accepted(1, late))
        assert (_used(tx), _used(tx, day=DAY + timedelta(days=1))) == (3, 0)
        assert _claim(tx, ceiling, plan=plan, at=morning) is not None
        assert (_used(tx), _used(tx, day=DAY + timedelta(days=1))) == (2, 1)
        assert counters.used(tx, SIM, "day", counters.day_start(plan, late)) == 3
        assert states(tx, number) == ["sent", "claimed", "waiting"]


def test_a_part_claimed_before_midnight_does_not_leave_after_it(store: Store) -> None:
    ceiling = Ceiling(parts=3)
    late, morning = DAY + timedelta(hours=23, minutes=59), DAY + timedelta(days=1)
    plan = Plan("p", per_day=100, resets_minute=600)
    with store.write() as tx:
        see(tx)
        number = add(tx)
        claimed = _claim(tx, ceiling, plan=plan, at=late)
        assert claimed is not None
        day = counters.day_start(plan, morning)
        asked = steps.Permit(*claimed, SIM, None, day, farm_day=counters.day_start(ceiling.days, morning))
        assert steps.submitting(tx, asked, morning) == "ceiling_parts"
        assert states(tx, number) == ["waiting"]
        assert _used(tx) == 0


def test_without_a_ceiling_a_claim_has_not_a_statement_more(sqlite_store: Store) -> None:
    said: list[str] = []
    counted: list[list[str]] = []
    with sqlite_store.write() as tx:
        for _ in range(3):
            add(tx)
        driver = tx.connection.connection.driver_connection
        assert driver is not None
        driver.set_trace_callback(said.append)
        for ceiling in (Ceiling(), Ceiling(), Ceiling(parts=9)):
            said.clear()
            assert _claim(tx, ceiling) is not None
            # the suite's trigger comes as a comment, and has a statement told twice
            counted.append([line.split()[0] for line in dict.fromkeys(said) if line[0] != "-"])
        driver.set_trace_callback(None)
        assert _used(tx) == 1
    heads = ["SELECT"] * 4  # the last: whether anybody was ever forgotten
    # attempt, part with what it is charged to, the owner's day, message
    plain = [*heads, "INSERT", "UPDATE", "INSERT", "UPDATE"]
    assert counted[:2] == [plain, plain]
    assert counted[2] == [*heads, "SAVEPOINT", *plain[4:6], "INSERT", *plain[6:], "RELEASE"]


PAID = Plan("paid", price_per_part=1, currency="EUR")
TERMS = Terms({"cautious": CAUTIOUS, "paid": PAID}, sims={SIM: SimSettings(SIM, label="C", plan="paid", tags=("eur",))})
KEYED = replace(INTAKE, terms=TERMS, quota=Quota("key:7", Ceiling(cost=2_000_000)))


def _spent(tx: Tx) -> int:
    return counters.used(tx, "key:7", "cost", DAY)


@pytest.mark.parametrize("pinned", [None, "C", "eur", SIM])
def test_a_key_is_charged_by_the_dearest_plan_that_its_message_may_go_by(store: Store, pinned: str | None) -> None:
    with store.write() as tx:
        see(tx)
        see(tx, OTHER)
        for _ in range(2):
            add(tx, settings=KEYED, pinned=pinned)
        assert _spent(tx) == 2_000_000
        with pytest.raises(KeyCeilingError):
            add(tx, settings=KEYED, pinned=pinned)
        with pytest.raises(KeyCeilingError):
            preview(tx, Draft(TO, "x", pinned=pinned), KEYED, NOW)
        add(tx, settings=KEYED, pinned=OTHER)  # which costs nothing
        assert _spent(tx) == 2_000_000


def test_a_keys_charge_is_put_right_by_the_sim_that_takes_the_message(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        see(tx, OTHER)
        add(tx, settings=replace(KEYED, quota=Quota("key:7", Ceiling(cost=9_000_000))), text=LONG)
        assert _spent(tx) == 3_000_000
    claimed = store.run(lambda tx: _claim(tx, Ceiling(), OTHER, plan=CAUTIOUS))
    assert claimed is not None
    assert store.look(_spent) == 0
    store.run(lambda tx: queue.give_back(tx, *claimed, NOW))
    for _ in range(2):  # its second part changes nothing
        assert store.run(lambda tx: _claim(tx, Ceiling(), plan=PAID)) is not None
        assert store.look(_spent) == 3_000_000
