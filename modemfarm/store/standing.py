"""Where the limits stand that a message waits for: which plan, how much of it is used, when it opens, who says so."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from modemfarm.model import Plan
from modemfarm.store import counters, sims
from modemfarm.store.counters import HOUR, MINUTE
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.shapes import Terms, rfc3339

MOST = 5  # SIMs that are told of one message
BUILT_IN = ("cautious", "unlimited")
KEYS = {
    "plan_month": "per_month",
    "plan_day": "per_day",
    "plan_recipients": "recipients_per_month",
    "plan_hour": "per_hour",
    "plan_minute": "per_minute",
}  # in the order in which choosing asks


def short(iccid: str) -> str:
    """A SIM without a name."""
    return f"…{iccid[-5:]}"


def names(tx: Tx, terms: Terms) -> dict[str, str]:
    """What people call each SIM that has a label."""
    found = {row["iccid"]: row["label"] for row in tx.all("SELECT iccid, label FROM sims WHERE label IS NOT NULL")}
    return found | {iccid: said.label for iccid, said in terms.sims.items() if said.label}


def limits(tx: Tx, message: Row, terms: Terms, now: datetime) -> list[dict[str, Any]]:
    """Each limit that keeps one of its SIMs from taking a message: the one it is bound to, or those that it names."""
    rows = tx.all(
        "SELECT * FROM sims WHERE state = 'active' AND (iccid = :iccid OR CAST(:iccid AS TEXT) IS NULL) ORDER BY iccid",
        iccid=message["iccid"],
    )
    if message["iccid"] is None and message["pinned"] is not None:
        rows = [row for row in rows if message["pinned"] in sims.names(row, terms.sims.get(row["iccid"]))]
    rows = rows[:MOST]
    found = (_limit(tx, row, message, terms, now) for row in rows)
    return [one for one in found if one is not None]


def _limit(tx: Tx, sim: Row, message: Row, terms: Terms, now: datetime) -> dict[str, Any] | None:
    plan, owner = terms.plan(sim), terms.owner(sim)
    for slug, key in KEYS.items():
        limit: int | None = getattr(plan, key)
        if limit is None:
            continue
        used, needs, opens = _used(tx, slug, plan, owner, limit, message, now)
        if used + needs > limit:
            return {
                "reason": slug,
                "iccid": sim["iccid"],
                "plan": plan.name,
                "limit": limit,
                "used": used,
                "next_at": None if opens is None else rfc3339(to_us(opens)),
                "place": terms.place(f"plans.{plan.name}.{key}")
                or ("built_in" if plan.name in BUILT_IN else "default"),
                "plan_from": _plan_from(sim, terms),
            }
    return None


def _used(
    tx: Tx, slug: str, plan: Plan, owner: str, limit: int, message: Row, now: datetime
) -> tuple[int, int, datetime | None]:
    """How much is used, how much the message needs, and when there is room again."""
    month = counters.month_start(plan, now)
    match slug:
        case "plan_month":
            return counters.used_since(tx, owner, month), message["parts_total"], counters.month_end(plan, now)
        case "plan_day":
            used = counters.used(tx, owner, "day", counters.day_start(plan, now))
            return used, message["parts_total"], counters.day_end(plan, now)
        case "plan_recipients":
            is_known = bool(counters.known(tx, owner, month, {message["recipient"]}))
            return counters.people_seen(tx, owner, month), int(not is_known), counters.month_end(plan, now)
    span = HOUR if slug == "plan_hour" else MINUTE
    return counters.used_in(tx, owner, now, span), 1, counters.minute_free_at(tx, owner, limit, now, span=span)


def _plan_from(sim: Row, terms: Terms) -> str:
    """Who says that this is the SIM's plan."""
    said = terms.sims.get(sim["iccid"])
    if said is not None and said.plan:
        return "config"
    return "database" if sim["plan"] else terms.place("default_plan") or "default"
