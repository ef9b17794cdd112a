"""What a person should be told of: the facts as the rows have them, and what was told before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from modemfarm.store import views, wanting
from modemfarm.store.engine import Row, Tx, from_us, to_us
from modemfarm.store.shapes import Terms, is_low, parsed

PURPOSE = "alert"  # of messages that tell; they are not what a queue is stuck with
_DRAWER = timedelta(days=1)  # a parked SIM that is in no modem for so long lies in one
_LOOKED_AT = 50


def modems_down(tx: Tx) -> list[Row]:
    """Modems that do not work, whatever the reason, unless it is their parked SIM, which is told of by itself."""
    return tx.all(
        "SELECT m.path, m.state, m.sentence, m.params, m.since, s.label, s.iccid FROM modems m"
        " LEFT JOIN sims s ON s.iccid = m.iccid WHERE m.state NOT IN ('working', 'paused')"
        " AND m.sentence <> 'sim_parked' AND m.path NOT LIKE 'usb:%' ORDER BY m.path"
    )


def sims_parked(tx: Tx, now: datetime) -> list[Row]:
    """Parked SIMs that are in a modem, or were within the last day."""
    return tx.all(
        "SELECT iccid, label, reason, reason_params FROM sims WHERE state = 'parked'"
        " AND (path IS NOT NULL OR seen_at > :since) ORDER BY iccid",
        since=to_us(now - _DRAWER),
    )


def none_ready(tx: Tx) -> bool:
    """Whether there is a modem whose SIM no person paused, and none of them can send."""
    wanted = tx.value(
        "SELECT 1 FROM modems m WHERE m.path NOT LIKE 'usb:%'"
        " AND NOT EXISTS (SELECT 1 FROM sims s WHERE s.iccid = m.iccid AND s.state = 'paused') LIMIT 1"
    )
    return bool(wanted) and not views.can_send(tx)


def waits(tx: Tx) -> bool:
    """Whether a message waits for a SIM, here or not, and nothing else; what tells of faults does not count."""
    return bool(
        tx.value(
            "SELECT 1 FROM (SELECT * FROM (SELECT purpose FROM messages WHERE state = 'queued' ORDER BY id"  # noqa: S608 # our own words
            " LIMIT :most) AS q UNION ALL SELECT * FROM (SELECT purpose FROM messages"
            f" WHERE {wanting.WANTING} ORDER BY id LIMIT :most) AS w) AS first"
            " WHERE coalesce(purpose, '') <> :purpose LIMIT 1",
            most=_LOOKED_AT,
            purpose=PURPOSE,
        )
    )


def last_success(tx: Tx) -> datetime | None:
    """When the network last took a part from any modem."""
    found = tx.value("SELECT max(last_success_at) FROM modems")
    return None if found is None else from_us(found)


def low_credit(tx: Tx, terms: Terms) -> list[tuple[Row, float, str]]:
    """SIMs whose last known credit is below what their plan calls low, with the amount and its currency."""
    found: list[tuple[Row, float, str]] = []
    for row in tx.all("SELECT * FROM sims WHERE balance IS NOT NULL AND state <> 'absent' ORDER BY iccid"):
        plan = terms.plan(row)
        if is_low(row, plan):
            found.append((row, row["balance"], plan.currency or ""))
    return found


def named(tx: Tx, subject: str) -> Row | None:
    """ICCID and label of the SIM that a subject is, or of the one in the modem that it is."""
    return tx.one("SELECT iccid, label FROM sims WHERE iccid = :subject", subject=subject) or tx.one(
        "SELECT s.iccid, s.label FROM modems m JOIN sims s ON s.iccid = m.iccid WHERE m.path = :subject",
        subject=subject,
    )


def remembered(tx: Tx) -> tuple[dict[tuple[str, str], tuple[datetime, datetime | None]], dict[str, Any]]:
    """What was known before: (cause, subject) -> since, told; cause -> (told last, how often in a row)."""
    facts = {
        (row["cause"], row["subject"]): (
            from_us(row["since"]),
            None if row["told_at"] is None else from_us(row["told_at"]),
        )
        for row in tx.all("SELECT cause, subject, since, told_at FROM alert_facts")
    }
    causes = {
        row["cause"]: (from_us(row["told_at"]), row["times"])
        for row in tx.all("SELECT cause, told_at, times FROM alert_causes")
    }
    return facts, causes


def keep_fact(tx: Tx, cause: str, subject: str, since: datetime, told: datetime | None) -> None:
    """A fact stands since then, and was told then or not yet."""
    tx.run(
        "INSERT INTO alert_facts (cause, subject, since, told_at) VALUES (:cause, :subject, :since, :told)"
        " ON CONFLICT (cause, subject) DO UPDATE SET since = excluded.since, told_at = excluded.told_at",
        cause=cause,
        subject=subject,
        since=to_us(since),
        told=None if told is None else to_us(told),
    )


def forget_facts(tx: Tx, gone: Iterable[tuple[str, str]]) -> None:
    """These do not stand any more."""
    for cause, subject in gone:
        tx.run("DELETE FROM alert_facts WHERE cause = :cause AND subject = :subject", cause=cause, subject=subject)


def keep_cause(tx: Tx, cause: str, told: datetime, times: int) -> None:
    """A cause was told last then, so often in a row."""
    tx.run(
        "INSERT INTO alert_causes (cause, told_at, times) VALUES (:cause, :told, :times)"
        " ON CONFLICT (cause) DO UPDATE SET told_at = excluded.told_at, times = excluded.times",
        cause=cause,
        told=to_us(told),
        times=times,
    )


def keep_outcome(tx: Tx, way: str, now: datetime, what: str) -> None:
    """What came of telling somebody this way; "" when it worked."""
    tx.run(
        "INSERT INTO alert_ways (way, at, what) VALUES (:way, :at, :what)"
        " ON CONFLICT (way) DO UPDATE SET at = excluded.at, what = excluded.what",
        way=way,
        at=to_us(now),
        what=what,
    )


def outcomes(tx: Tx) -> dict[str, tuple[int, str]]:
    """What came last of each way: at (microseconds), and why it failed, or nothing."""
    return {row["way"]: (row["at"], row["what"]) for row in tx.all("SELECT way, at, what FROM alert_ways ORDER BY way")}


def params(row: Row, column: str) -> Mapping[str, Any]:
    """A JSON column of one of these rows."""
    found: Mapping[str, Any] = parsed(row[column])
    return found
