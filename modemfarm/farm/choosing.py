"""Which waiting part goes through which free SIM: a pure decision over values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from modemfarm.model import Plan, millionths
from modemfarm.store.engine import to_us
from modemfarm.store.labels import Label
from modemfarm.store.queue import Candidate

PATIENCE = timedelta(hours=1)  # what waited longer may go before what is more urgent, on the turns that are for it
TURN_BY_AGE = 8  # every so many messages of a SIM


class Presence(StrEnum):
    """How a SIM stands, for those that wait for it."""

    HERE = "here"  # in a modem, or away for less than its grace
    PARKED = "parked"  # an operator's refusal or its own outcomes
    PAUSED = "paused"  # a person said so
    AWAY = "away"  # gone past its grace


@dataclass(frozen=True, slots=True)
class LaneView:
    """One SIM that could take a part now.

    Attributes:
        names: what a sender may call it in `from`: ICCID, label, number, tags.
        day: when the plan's current day began, as parts note the day that they are charged to.
        used_today: parts charged to its owner in that day.
        paced_until: when the plan lets the next part out; None: now.
        failures: recent sends that did not work, newest run.
        last_at: when it last took a part, for turns between equals.
        month: when the plan's current month began, where it counts people.
        people: how many different people its owner wrote to in that month.
        known: those of the parts' recipients who are counted there.
        farm_day: when the whole farm's day began, where it has a ceiling.
        farm_parts, farm_cost: what the ceilings leave of that day; None: no ceiling.
    """

    iccid: str
    owner: str
    plan: Plan
    names: frozenset[str]
    day: int = 0
    used_today: int = 0
    used_hour: int = 0
    used_month: int = 0
    paced_until: datetime | None = None
    failures: int = 0
    last_at: datetime | None = None
    month: datetime | None = None
    people: int = 0
    known: frozenset[str] = frozenset()
    farm_day: int | None = None
    farm_parts: int | None = None
    farm_cost: int | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """The SIM that came next, and a slug for what it had against it."""

    iccid: str
    why: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """This part goes through this SIM; `why` is a slug for `explain`: started, pinned, sticky, headroom, free.

    Attributes:
        beside: None where no other SIM was in question.
    """

    part: Candidate
    iccid: str
    why: str
    beside: Beside | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """This message waits for this SIM from now on."""

    message_id: int
    iccid: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What to do with the parts that were looked at; those in neither list go on waiting."""

    assignments: tuple[Assignment, ...]
    bindings: tuple[Binding, ...]


def headroom(lane: LaneView) -> float:
    """How much of its tightest limit a lane has left: 1 whole, 0 nothing."""
    shares = [
        (limit - used) / limit if limit else 0.0
        for limit, used in (
            (lane.plan.per_day, lane.used_today),
            (lane.plan.per_hour, lane.used_hour),
            (lane.plan.per_month, lane.used_month),
            (lane.plan.recipients_per_month, lane.people),
        )
        if limit is not None
    ]
    return min(shares, default=1.0)


def blocked_by(lane: LaneView, parts: int, now: datetime, recipient: str | None = None) -> str | None:
    """Why a lane may not take a message that still needs `parts` reservations: a reason slug, or None.

    Args:
        recipient: whom it would go to; None: somebody who is counted already.
    """
    for slug, limit, used in (
        ("plan_month", lane.plan.per_month, lane.used_month),
        ("plan_day", lane.plan.per_day, lane.used_today),
    ):
        if limit is not None and used + parts > limit:
            return slug
    most = lane.plan.recipients_per_month
    if most is not None and recipient is not None and recipient not in lane.known and lane.people + 1 > most:
        return "plan_recipients"
    if parts and lane.farm_parts is not None and parts > lane.farm_parts:
        return "ceiling_parts"
    if parts and lane.farm_cost is not None and parts * millionths(lane.plan.price_per_part) > lane.farm_cost:
        return "ceiling_cost"
    if (
        lane.plan.per_hour is not None and lane.used_hour >= lane.plan.per_hour
    ):  # any hour: it paces, as the minute does
        return "plan_hour"
    if lane.paced_until is not None and lane.paced_until > now:
        return "plan_minute"
    return None


def room(lane: LaneView) -> int | None:
    """How many parts a lane's limits and the farm's ceiling still leave of this day and month; None: any number."""
    plan, price = lane.plan, millionths(lane.plan.price_per_part)
    left = [
        None if plan.per_month is None else plan.per_month - lane.used_month,
        None if plan.per_day is None else plan.per_day - lane.used_today,
        lane.farm_parts,
        lane.farm_cost // price if lane.farm_cost is not None and price else None,
    ]
    return min((max(0, parts) for parts in left if parts is not None), default=None)


def choose(
    parts: Sequence[Candidate],
    lanes: Sequence[LaneView],
    presence: Mapping[str, Presence],
    now: datetime,
    *,
    sticky: bool = True,
    in_flight: Mapping[str, str] = MappingProxyType({}),
    by_age: Collection[str] = frozenset(),
) -> Choice:
    """Assign waiting parts to free lanes, one part a lane, and a limited account, at the most.

    Bound parts first, then priority, then oldest. A contact keeps the SIM of the last exchange unless
    that SIM is parked or gone past its grace; of several lanes the one with fewest recent failures, of the
    recipient's network, with most plan headroom and longest rest wins.

    Args:
        parts: heads of the lanes' own queues and of the unbound one.
        lanes: free ones only.
        presence: every SIM known; one not in it counts as away.
        in_flight: recipients of parts that are claimed now, and by which SIM.
        by_age: lanes whose turn it is to take what has waited longest, if that is longer than PATIENCE, whatever its
            priority; the rest of a started message still comes first.
    """
    free = {lane.iccid: lane for lane in sorted(lanes, key=_turn)}
    assignments: list[Assignment] = []
    bindings: dict[int, str] = {}
    going_to = dict(in_flight)  # recipient -> SIM
    messages: set[int] = set()
    personal = any(lane.known or lane.plan.on_net for lane in lanes)  # whom it goes to makes a difference
    usual = sorted(parts, key=lambda item: (not item.bound_iccid, item.rank, item.due_at, item.part_id))
    for part, fair in [*_old_first(parts, by_age, now), *((part, False) for part in usual)]:
        if part.message_id in messages:
            continue
        if not fair:
            messages.add(part.message_id)  # where its first part cannot go, no later one may
        wanted = part.bound_iccid
        if not wanted and part.pinned is None:
            wanted = _sticky(part, going_to, presence) if sticky else ""
        offered = [free[wanted]] if wanted in free else [] if wanted else list(free.values())
        if fair:
            offered = [one for one in offered if one.iccid in by_age]
        avoid = frozenset[str]() if part.bound_iccid else _to_avoid(part, presence)
        found = _best(part, offered, avoid, now, personal=personal)
        if found is None:
            if wanted and not part.bound_iccid and not fair:
                bindings[part.message_id] = wanted
            continue
        lane, beside = found
        messages.add(part.message_id)
        assignments.append(Assignment(part, lane.iccid, _why(part, wanted, beside), beside))
        going_to[part.recipient] = lane.iccid
        del free[lane.iccid]
        if lane.plan.is_limited:  # what an account has left is known anew after this claim only
            free = {iccid: other for iccid, other in free.items() if other.owner != lane.owner}
        if not free:
            break
    return Choice(tuple(assignments), tuple(Binding(key, value) for key, value in bindings.items()))


def _old_first(parts: Sequence[Candidate], by_age: Collection[str], now: datetime) -> list[tuple[Candidate, bool]]:
    """The first waiting part of each message, oldest first, for lanes whose turn it is; a started one's rest leads."""
    if not by_age:
        return []
    before = to_us(now - PATIENCE)
    firsts: dict[int, Candidate] = {}
    for part in sorted(parts, key=lambda item: (item.rank >= 0, item.due_at, item.part_id)):
        firsts.setdefault(part.message_id, part)
    return [(part, True) for part in firsts.values() if part.rank < 0 or part.due_at <= before]


def _sticky(part: Candidate, going_to: Mapping[str, str], presence: Mapping[str, Presence]) -> str:
    """The SIM that this contact keeps; "" when there is none that can still be waited for."""
    iccid = going_to.get(part.recipient) or part.sticky_iccid
    if iccid is None or iccid in part.avoid:
        return ""
    return iccid if presence.get(iccid) in (Presence.HERE, Presence.PAUSED) else ""


def _to_avoid(part: Candidate, presence: Mapping[str, Presence]) -> frozenset[str]:
    """The SIMs that refused this message, as long as there is another one that could take it."""
    others = any(how is Presence.HERE and iccid not in part.avoid for iccid, how in presence.items())
    return part.avoid if others else frozenset()


def _why(part: Candidate, wanted: str, beside: Beside | None) -> str:
    if part.rank < 0:
        return "started"
    if part.pinned is not None:
        return "pinned"
    return "sticky" if wanted else "headroom" if beside else "free"


def _best(
    part: Candidate, lanes: Sequence[LaneView], avoid: frozenset[str], now: datetime, *, personal: bool
) -> tuple[LaneView, Beside | None] | None:
    """The first of `lanes`, which stand in `_turn`'s order, that may take the part, and the one that came next.

    Of those as sound one that counts its recipient comes first, then one of its network; else it is `_turn`'s order.
    """
    needs = part.parts_total - part.part_number + 1
    lanes = [lane for lane in lanes if _is_asked_for(part, lane)]
    if personal and len(lanes) > 1:
        to = part.recipient
        lanes = sorted(lanes, key=lambda one: (one.failures, to not in one.known, not to.startswith(one.plan.on_net)))
    beside: Beside | None = None
    for place, lane in enumerate(lanes):
        against = _against(part, lane, avoid, needs, now)
        if against is None:
            if beside is None and place + 1 < len(lanes):
                after = lanes[place + 1]
                beside = Beside(after.iccid, _against(part, after, avoid, needs, now) or _behind(lane, after, part))
            return lane, beside
        if beside is None:
            beside = Beside(lane.iccid, against)
    return None


def _is_asked_for(part: Candidate, lane: LaneView) -> bool:
    """Whether the sender's `from`, where there is one, means this lane; what is bound already goes by that."""
    return part.pinned is None or part.pinned in lane.names or part.bound_iccid == lane.iccid


def _against(part: Candidate, lane: LaneView, avoid: frozenset[str], needs: int, now: datetime) -> str | None:
    """Why a lane may not take a part; None: it may."""
    if lane.iccid in avoid:
        return "refused_it"
    return blocked_by(lane, 0, now) if _is_reserved(part, lane) else blocked_by(lane, needs, now, part.recipient)


def _behind(first: LaneView, after: LaneView, part: Candidate) -> str:
    """In what `after` stands behind `first`, both of which could take the part."""
    if after.failures > first.failures:
        return "fails_more"
    if (part.recipient in first.known) > (part.recipient in after.known):
        return "new_to_it"
    if part.recipient.startswith(first.plan.on_net) > part.recipient.startswith(after.plan.on_net):
        return "other_network"
    if round(headroom(after), 2) < round(headroom(first), 2):
        return "less_headroom"
    return "used_more" if after.used_today > first.used_today else "rested_less"


def _turn(lane: LaneView) -> tuple[int, float, int, float]:
    """Where a lane stands among the free ones: fewest failures, most headroom, least used, longest rest."""
    rested = 0.0 if lane.last_at is None else lane.last_at.timestamp()
    return lane.failures, -round(headroom(lane), 2), lane.used_today, rested


def _is_reserved(part: Candidate, lane: LaneView) -> bool:
    """What was reserved on an earlier day is charged anew, within that day's limit."""
    farm = lane.farm_day is None or part.farm_day == lane.farm_day
    return farm and part.charged_to == lane.owner and part.charged_day == lane.day


def kept(given: Assignment, blocked: Mapping[str, Label]) -> str:
    """What an attempt keeps for `explain`: why this SIM, and after blanks the one that came next and why not that.

    Args:
        blocked: SIMs that were free and could take nothing.
    """
    beside = given.beside
    if beside is None and given.why in ("headroom", "free"):
        beside = next((Beside(iccid, label.slug) for iccid, label in blocked.items() if label.slug), None)
    return given.why if beside is None else f"{given.why} {beside.iccid} {beside.why}"
