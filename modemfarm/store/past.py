"""What happened to one modem and its SIM: the events and the attempts that a person who looks after it wants to see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from modemfarm.model import Plan
from modemfarm.store import counters, shapes
from modemfarm.store.engine import Row, Tx, from_us, to_us
from modemfarm.store.shapes import Shape, rfc3339

_LOOKED_AT = 400  # events of a port that belong to another modem are passed over
_ATTEMPTS = 2000  # of a SIM, within which its last errors are looked for


def ports(tx: Tx, modem: Shape) -> list[str]:
    """Every port that a modem was seen at: its own, and those it left."""
    left = tx.all(
        "SELECT path FROM modems WHERE imei = :imei AND host = :host AND state = 'gone'",
        imei=modem["imei"],
        host=modem["host"],
    )
    return sorted({modem["path"], *(row["path"] for row in left)})


def history(tx: Tx, subjects: Sequence[str], imei: str | None, kinds: frozenset[str], most: int = 40) -> list[Shape]:
    """The newest events first: at, kind, data.

    Args:
        subjects: ICCID and ports; what a port tells of another IMEI is left out.
        kinds: those wanted.
    """
    names = {f"s{place}": subject for place, subject in enumerate(subjects)}
    if not names:
        return []
    rows = tx.all(
        "SELECT at, kind, data FROM events WHERE message_id IS NULL"  # noqa: S608  names of ours only
        f" AND subject IN ({', '.join(':' + name for name in names)}) ORDER BY id DESC LIMIT :looked",
        **names,
        looked=_LOOKED_AT,
    )
    told = [
        {"at": rfc3339(row["at"]), "kind": row["kind"], "data": shapes.parsed(row["data"])}
        for row in rows
        if row["kind"] in kinds
    ]
    return [event for event in told if event["data"].get("imei") in {None, imei}][:most]


def of_sim(tx: Tx, iccid: str, kinds: frozenset[str], most: int) -> list[Shape]:
    """What happened to a SIM, and to modems while it was in them, newest first: at, kind, data."""
    rows = tx.all(
        "SELECT at, kind, data FROM events WHERE message_id IS NULL AND (subject = :iccid OR"
        " (subject IN (SELECT path FROM modems) AND data LIKE :named)) ORDER BY id DESC LIMIT :looked",
        iccid=iccid,
        named=f'%"iccid":"{iccid}"%',
        looked=most + _LOOKED_AT,
    )
    return [
        {"at": rfc3339(row["at"]), "kind": row["kind"], "data": shapes.parsed(row["data"])}
        for row in rows
        if row["kind"] in kinds
    ][:most]


def sent_per_day(tx: Tx, iccid: str, plan: Plan, now: datetime, days: int = 14) -> list[tuple[str, int]]:
    """The parts that the network took from a SIM on each of its plan's days, newest first; empty days are left out."""
    rows = tx.all(
        "SELECT ended_at FROM attempts WHERE iccid = :iccid AND outcome = 'accepted' AND ended_at >= :since",
        iccid=iccid,
        since=to_us(counters.day_start(plan, now - timedelta(days=days - 1))),
    )
    zone = ZoneInfo(plan.zone)
    counted = Counter(
        counters.day_start(plan, from_us(row["ended_at"])).astimezone(zone).date().isoformat() for row in rows
    )
    return sorted(counted.items(), reverse=True)


def errors(tx: Tx, iccid: str, most: int = 10) -> list[Row]:
    """A SIM's last attempts that the network did not take, newest first.

    Returns:
        Columns message_id, recipient, ended_at, outcome, kind, code, detail.
    """
    return tx.all(
        "SELECT message_id, recipient, ended_at, outcome, kind, code, detail FROM"
        " (SELECT * FROM attempts WHERE iccid = :iccid ORDER BY id DESC LIMIT :looked) AS lately"
        " WHERE outcome IN ('refused', 'uncertain', 'not_sent') ORDER BY id DESC LIMIT :n",
        iccid=iccid,
        looked=_ATTEMPTS,
        n=most,
    )
