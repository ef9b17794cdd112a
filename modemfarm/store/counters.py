"""What each SIM, or account of SIMs, has used of its plan: rows that survive restarts and moves."""

from __future__ import annotations

import calendar
import functools
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from modemfarm.model import Plan
from modemfarm.store import locks
from modemfarm.store.engine import Tx, from_us, to_us

FARM = "farm"  # the owner of what all SIMs together used
MINUTE = timedelta(seconds=60)
HOUR = timedelta(hours=1)


def day_start(plan: Plan, now: datetime) -> datetime:
    """When the plan's current day began: its reset time, in its zone.

    On the night that skips the reset time the day begins when the clock resumes; on the night that
    has it twice, the first one counts.
    """
    return _day_start(plan.zone, plan.resets_minute, now.replace(second=0, microsecond=0))


@functools.lru_cache(256)  # asked for several times a part; days begin with a whole minute
def _day_start(name: str, resets_minute: int, now: datetime) -> datetime:
    local = now.astimezone(ZoneInfo(name))
    at = _reset(local, resets_minute)
    if at.astimezone(now.tzinfo) > now:
        at = _reset(local - timedelta(days=1), resets_minute)
    return at.astimezone(now.tzinfo)


def _reset(local: datetime, minute: int) -> datetime:
    """The reset on the date of a local time."""
    at = local.replace(hour=minute // 60, minute=minute % 60, second=0, microsecond=0, fold=0)
    while at.replace(fold=1).astimezone(UTC) < at.astimezone(UTC):  # the clock skips this minute
        at += MINUTE
    return at


def day_end(plan: Plan, now: datetime) -> datetime:
    """When the plan's current day ends and its limit is whole again."""
    zone = ZoneInfo(plan.zone)
    local = day_start(plan, now).astimezone(zone)
    return _reset(local + timedelta(days=1), plan.resets_minute).astimezone(now.tzinfo)


def month_start(plan: Plan, now: datetime) -> datetime:
    """When the plan's current month began; in a month without its day, the last one there is."""
    at = day_start(plan, now)
    while not _begins_month(plan, at):
        at = day_start(plan, at - timedelta(hours=12))
    return at


def month_end(plan: Plan, now: datetime) -> datetime:
    """When the plan's current month ends."""
    at = day_end(plan, now)
    while not _begins_month(plan, at):
        at = day_end(plan, at)
    return at


def _begins_month(plan: Plan, start: datetime) -> bool:
    local = start.astimezone(ZoneInfo(plan.zone))
    return local.day == min(plan.resets_day, calendar.monthrange(local.year, local.month)[1])


def used(tx: Tx, owner: str, period: str, starts_at: datetime) -> int:
    """Parts charged to an owner in the period that began then."""
    count = tx.value(
        "SELECT used FROM counters WHERE owner = :owner AND period = :period AND starts_at = :starts",
        owner=owner,
        period=period,
        starts=to_us(starts_at),
    )
    return int(count or 0)


def charge(tx: Tx, owner: str, period: str, starts_at: int, count: int) -> int:
    """Add to (or, negative, take from) a period's count; what it is now. Others who charge it wait for this one."""
    return int(
        tx.value(
            "INSERT INTO counters (owner, period, starts_at, used) VALUES (:owner, :period, :starts, :count)"
            " ON CONFLICT (owner, period, starts_at) DO UPDATE SET used = counters.used + excluded.used RETURNING used",
            owner=owner,
            period=period,
            starts=starts_at,
            count=count,
        )
    )


def minute_free_at(
    tx: Tx, owner: str, limit: int, now: datetime, *, besides: int | None = None, span: timedelta = MINUTE
) -> datetime | None:
    """When one more part fits into any 60 s (or `span`) of this owner; None: now.

    Args:
        besides: an attempt that is not counted: the one that asks.
    """
    blocking = tx.value(
        "SELECT charged_at FROM attempts WHERE owner = :owner AND charged_at > :since AND id <> :besides"
        " ORDER BY charged_at DESC LIMIT 1 OFFSET :limit",
        owner=owner,
        since=to_us(now - span),
        besides=besides or 0,
        limit=limit - 1,
    )
    return None if blocking is None else from_us(blocking) + span


def used_since(tx: Tx, owner: str, starts_at: datetime) -> int:
    """Parts charged to an owner in the days that began since then."""
    count = tx.value(
        "SELECT sum(used) FROM counters WHERE owner = :owner AND period = 'day' AND starts_at >= :starts",
        owner=owner,
        starts=to_us(starts_at),
    )
    return int(count or 0)


def used_in(tx: Tx, owner: str, now: datetime, span: timedelta) -> int:
    """Parts charged in the last `span`."""
    return int(
        tx.value(
            "SELECT count(*) FROM attempts WHERE owner = :owner AND charged_at > :since",
            owner=owner,
            since=to_us(now - span),
        )
    )


def people(tx: Tx, owner: str, month: datetime) -> int:
    """How many different people an owner's charged parts of this month go to.

    The first question of a month finds those who were written to before this was counted.
    """
    count = _people(tx, owner, to_us(month))
    return _find_people(tx, owner, to_us(month)) if count is None else count


def people_seen(tx: Tx, owner: str, month: datetime) -> int:
    """The same for a reader, who writes nothing."""
    count = _people(tx, owner, to_us(month))
    if count is None:
        count = tx.value(
            "SELECT count(DISTINCT recipient) FROM attempts WHERE owner = :owner AND charged_at >= :month",
            owner=owner,
            month=to_us(month),
        )
    return int(count)


def _people(tx: Tx, owner: str, month: int) -> int | None:
    count = tx.value(
        "SELECT used FROM counters WHERE owner = :owner AND period = 'people' AND starts_at = :month",
        owner=owner,
        month=month,
    )
    return None if count is None else int(count)


def _find_people(tx: Tx, owner: str, month: int) -> int:
    found = tx.run(
        "INSERT INTO plan_recipients (owner, month, recipient, parts)"
        " SELECT a.owner, CAST(:month AS BIGINT), a.recipient, count(*) FROM attempts a"
        " JOIN parts p ON p.id = a.part_id WHERE a.owner = :owner AND a.charged_at >= :month"
        " AND p.charged_month IS NULL GROUP BY a.owner, a.recipient"
        " ON CONFLICT (owner, month, recipient) DO NOTHING",
        owner=owner,
        month=month,
    )
    return charge(tx, owner, "people", month, found)


def charge_person(tx: Tx, owner: str, month: int, recipient: str, parts: int) -> int | None:
    """Charge parts to one person; how many people it are now, None: as many as before."""
    now = tx.value(
        "INSERT INTO plan_recipients (owner, month, recipient, parts) VALUES (:owner, :month, :recipient, :parts)"
        " ON CONFLICT (owner, month, recipient) DO UPDATE SET parts = plan_recipients.parts + excluded.parts"
        " RETURNING parts",
        owner=owner,
        month=month,
        recipient=recipient,
        parts=parts,
    )
    return charge(tx, owner, "people", month, 1) if now == parts else None


def refund_person(tx: Tx, owner: str, month: int, recipient: str, parts: int) -> None:
    """Take parts back from one person, who may have been forgotten since they were charged."""
    for name in (recipient, _forgotten_as(tx, owner, month, recipient)):
        of = {"owner": owner, "month": month, "recipient": name}
        left = tx.value(
            "UPDATE plan_recipients SET parts = parts - :parts"
            " WHERE owner = :owner AND month = :month AND recipient = :recipient RETURNING parts",
            parts=parts,
            **of,
        )
        if left is not None:
            break
    else:
        return
    if left <= 0:
        tx.run("DELETE FROM plan_recipients WHERE owner = :owner AND month = :month AND recipient = :recipient", **of)
        charge(tx, owner, "people", month, -1)


def hidden_person(tx: Tx, number: str, month: int) -> str:
    """What a month that counts a person who is forgotten calls the number; more may follow it, after a dot."""
    return tx.secret.digest(number, f"month {month}")


def _forgotten_as(tx: Tx, owner: str, month: int, number: str) -> str | None:
    of = "FROM plan_recipients WHERE owner = :owner AND month = :month AND recipient LIKE :alike"
    if not tx.value(f"SELECT 1 {of}", owner=owner, month=month, alike="%.%"):  # our own words
        return None
    alike = f"{hidden_person(tx, number, month)}%"
    name = tx.value(f"SELECT max(recipient) {of}", owner=owner, month=month, alike=alike)  # our own words
    return None if name is None else str(name)


def is_answered(tx: Tx, owner: str, month: datetime) -> bool:
    """Whether a person said this month what shall become of the many people that an owner writes to."""
    return bool(
        tx.value("SELECT 1 FROM plan_answers WHERE owner = :owner AND month = :month", owner=owner, month=to_us(month))
    )


def answer(tx: Tx, owner: str, month: datetime, word: str, now: datetime) -> None:
    """Keep a person's answer (``go_on``, ``pause``) for the rest of this month."""
    tx.run(
        "INSERT INTO plan_answers (owner, month, answer, at) VALUES (:owner, :month, :word, :now)"
        " ON CONFLICT (owner, month) DO UPDATE SET answer = excluded.answer, at = excluded.at",
        owner=owner,
        month=to_us(month),
        word=word,
        now=to_us(now),
    )


def known(tx: Tx, owner: str, month: datetime, recipients: Collection[str]) -> frozenset[str]:
    """Those of some people who are counted in this month already."""
    names = {f"r{place}": recipient for place, recipient in enumerate(recipients)}
    if not names:
        return frozenset()
    rows = tx.all(
        "SELECT recipient FROM plan_recipients WHERE owner = :owner AND month = :month"  # noqa: S608 # names of ours
        f" AND recipient IN ({', '.join(':' + name for name in names)})",
        owner=owner,
        month=to_us(month),
        **names,
    )
    return frozenset(row["recipient"] for row in rows)


def forget_people(tx: Tx, before: datetime) -> None:
    """Drop whom a month's limit counted, long after that month."""
    old = "SELECT owner, month, recipient FROM plan_recipients WHERE month < :before ORDER BY owner, month, recipient"
    taken = f"{old}{locks.taking(tx)}"  # all of a month or nothing: a rest of it would say less than its count
    tx.run(f"DELETE FROM plan_recipients WHERE (owner, month, recipient) IN ({taken})", before=to_us(before))  # noqa: S608 # ours


def charges(tx: Tx, owner: str, since: datetime) -> list[datetime]:
    """When this owner was charged since then, oldest first."""
    rows = tx.all(
        "SELECT charged_at FROM attempts WHERE owner = :owner AND charged_at > :since ORDER BY charged_at",
        owner=owner,
        since=to_us(since),
    )
    return [from_us(row["charged_at"]) for row in rows]


def used_in_minute(tx: Tx, owner: str, now: datetime) -> int:
    """Parts charged in the last 60 s."""
    return used_in(tx, owner, now, MINUTE)
