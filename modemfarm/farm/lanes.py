"""What each SIM's limits leave it, read in the transaction that claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from modemfarm.farm.choosing import LaneView, blocked_by, room
from modemfarm.farm.settings import FarmSettings
from modemfarm.model import Ceiling, Plan, SimSettings
from modemfarm.store import counters, sims
from modemfarm.store.engine import Tx, to_us
from modemfarm.store.labels import Label
from modemfarm.store.messages import NAMED
from modemfarm.store.queue import Candidate


@dataclass(frozen=True, slots=True)
class SimFacts:
    """What the farm knows of one SIM, as the dispatcher needs it."""

    iccid: str
    plan: Plan
    owner: str
    names: frozenset[str]


def sim_facts(iccid: str, settings: FarmSettings, row: Mapping[str, object] | None) -> SimFacts:
    """What config.yaml (first) and the database say about one SIM."""
    own = settings.sims.get(iccid, SimSettings(iccid))
    row = {**(row or {}), "iccid": iccid}
    account = own.account or row.get("account")
    return SimFacts(
        iccid=iccid,
        plan=settings.plan(own.plan or (str(row["plan"]) if row.get("plan") else None)),
        owner=f"account:{account}" if account else iccid,
        names=sims.names(row, own),
    )


def view(tx: Tx, facts: SimFacts, now: datetime, *, failures: int, last_at: datetime | None) -> LaneView:
    """One lane with what its owner has used."""
    plan = facts.plan
    day = counters.day_start(plan, now)
    today = hour = month = people = 0  # a plan without a limit needs no count: turns alone spread its parts
    if plan.per_day is not None:
        today = counters.used(tx, facts.owner, "day", day)
    if plan.per_hour is not None:
        hour = counters.used_in(tx, facts.owner, now, counters.HOUR)
    began = None
    if plan.per_month is not None:
        month = counters.used_since(tx, facts.owner, counters.month_start(plan, now))
    if plan.recipients_per_month is not None:
        began = counters.month_start(plan, now)
        people = counters.people(tx, facts.owner, began)
    paced = None
    if plan.per_minute is not None:
        paced = counters.minute_free_at(tx, facts.owner, plan.per_minute, now)
    return LaneView(
        iccid=facts.iccid,
        owner=facts.owner,
        plan=plan,
        names=facts.names,
        day=to_us(day),
        used_today=today,
        used_hour=hour,
        used_month=month,
        paced_until=paced,
        failures=failures,
        last_at=last_at,
        month=began,
        people=people,
    )


def queues(one: LaneView) -> set[str]:
    """A lane's own queue, and those of what a sender may call it."""
    return {one.iccid, *(NAMED + name for name in one.names)}


def under(tx: Tx, views: Mapping[str, LaneView], ceiling: Ceiling, now: datetime) -> dict[str, LaneView]:
    """The same lanes with what the whole farm may still send today."""
    if not views or not ceiling:
        return dict(views)
    day = counters.day_start(ceiling.days, now)
    parts = cost = None
    if ceiling.parts is not None:
        parts = ceiling.parts - counters.used(tx, counters.FARM, "day", day)
    if ceiling.cost is not None:
        cost = ceiling.cost - counters.used(tx, counters.FARM, "cost", day)
    return {iccid: replace(one, farm_day=to_us(day), farm_parts=parts, farm_cost=cost) for iccid, one in views.items()}


def with_known(tx: Tx, one: LaneView, parts: list[Candidate]) -> LaneView:
    """A lane with those of the parts' recipients whom its month counts."""
    if one.month is None:
        return one
    return replace(one, known=counters.known(tx, one.owner, one.month, {part.recipient for part in parts}))


def opens_at(tx: Tx, one: LaneView, slug: str, ceiling: Ceiling, now: datetime) -> datetime | None:
    """When what blocks a lane is over."""
    if slug == "plan_minute":
        return one.paced_until
    if slug == "plan_hour":
        return counters.minute_free_at(tx, one.owner, one.plan.per_hour or 1, now, span=counters.HOUR)
    return _resets_at(one, slug, ceiling, now)


def _resets_at(one: LaneView, slug: str, ceiling: Ceiling, now: datetime) -> datetime:
    if slug.startswith("ceiling_"):
        return counters.day_end(ceiling.days, now)
    monthly = slug in ("plan_month", "plan_recipients")
    return counters.month_end(one.plan, now) if monthly else counters.day_end(one.plan, now)


def too_long(one: LaneView, parts: int, ceiling: Ceiling, now: datetime) -> Label | None:
    """What a message of so many parts waits for where the rest of a limit has no room for all of them."""
    left = room(one)
    if left is None or parts <= left:
        return None
    began = counters.day_start(one.plan, now), counters.day_start(ceiling.days, now)
    if one.day != to_us(began[0]) or one.farm_day not in (None, to_us(began[1])):
        return None  # it was looked at on another day
    slug = blocked_by(one, parts, now)
    return None if slug is None else Label(slug, _resets_at(one, slug, ceiling, now))
