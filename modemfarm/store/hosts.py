"""Which daemon lives where, by a clock that all share, and what is made of what a dead one left."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta

from modemfarm.store import locks
from modemfarm.store.engine import Row, Tx, from_us, to_us
from modemfarm.store.events import record
from modemfarm.store.messages import refresh
from modemfarm.store.queue import give_back
from modemfarm.store.reports import RESULT_WITHIN

LEASE = timedelta(seconds=15)
MARGIN = timedelta(seconds=2)  # before its lease ends a host puts nothing more on the air
DEAD_AFTER = timedelta(seconds=5)  # and so long after it what it had claimed goes to others
_SERVER_US = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
RUN = ":"  # in an instance: between the state directory's name and that of its run


def take_lease(tx: Tx, host: str, instance: str, pid: int, version: str, now: datetime) -> bool:
    """Enter this daemon as the one that runs on `host`.

    Args:
        instance: the name of its state directory, `RUN`, the name of this run. Who holds the state directory
            has the lock of it, so its own lease never stands in its way.

    Returns:
        False where the lease of another one's still runs; nothing is changed then.
    """
    moved = tx.run(
        "INSERT INTO hosts (name, instance, pid, version, machine, started_at, lease_until)"
        " VALUES (:name, :instance, :pid, :version, :machine, :now, :until) ON CONFLICT (name) DO UPDATE SET"
        " instance = excluded.instance, pid = excluded.pid, version = excluded.version,"
        " machine = excluded.machine, started_at = excluded.started_at, lease_until = excluded.lease_until"
        " WHERE hosts.lease_until <= excluded.started_at OR hosts.instance LIKE :own",
        name=host,
        own=instance.partition(RUN)[0] + RUN + "%",
        instance=instance,
        pid=pid,
        version=version,
        machine=socket.gethostname(),
        now=to_us(now),
        until=to_us(now + LEASE),
    )
    return bool(moved)


def holder(tx: Tx, host: str) -> Row | None:
    """Who took a host's name last: columns instance, pid, machine, lease_until."""
    return tx.one("SELECT instance, pid, machine, lease_until FROM hosts WHERE name = :name", name=host)


def renew_lease(tx: Tx, host: str, instance: str, now: datetime) -> bool:
    """Say that this daemon lives; False: another one took the name."""
    return bool(
        tx.run(
            "UPDATE hosts SET lease_until = :until WHERE name = :name AND instance = :instance",
            until=to_us(now + LEASE),
            name=host,
            instance=instance,
        )
    )


def end_lease(tx: Tx, host: str, instance: str, now: datetime) -> None:
    """This daemon ends in order."""
    tx.run(
        "UPDATE hosts SET lease_until = :now WHERE name = :name AND instance = :instance",
        now=to_us(now),
        name=host,
        instance=instance,
    )


def alive(tx: Tx, now: datetime) -> list[Row]:
    """The daemons whose lease runs."""
    return tx.all(
        "SELECT name, instance, pid, version, started_at FROM hosts WHERE lease_until > :now ORDER BY name",
        now=to_us(now),
    )


def clock(tx: Tx, now: datetime) -> datetime:
    """The server's clock, which all hosts share; `now` where there is one host."""
    return now if tx.sqlite else from_us(int(tx.value(f"SELECT {_SERVER_US}")))  # our own words


def is_fenced(tx: Tx, host: str, instance: str) -> bool:
    """Whether this daemon may claim and submit nothing: its lease is over, nearly over, or another's."""
    return not tx.sqlite and not tx.value(
        f"SELECT 1 FROM hosts WHERE name = :host AND instance = :instance AND lease_until > {_SERVER_US} + :margin",  # noqa: S608 # our own words
        host=host,
        instance=instance,
        margin=MARGIN // timedelta(microseconds=1),
    )


def take_job(tx: Tx, job: str, host: str, instance: str) -> bool:
    """Take on, or go on with, the work that one host does for all; False: another one does it."""
    return tx.sqlite or bool(
        tx.run(
            "INSERT INTO leases (job, host, instance, lease_until)"  # noqa: S608 # our own words
            f" VALUES (:job, :host, :instance, {_SERVER_US} + :span) ON CONFLICT (job) DO UPDATE SET"
            " host = excluded.host, instance = excluded.instance, lease_until = excluded.lease_until"
            f" WHERE leases.instance = :instance OR leases.lease_until <= {_SERVER_US}",
            job=job,
            host=host,
            instance=instance,
            span=LEASE // timedelta(microseconds=1),
        )
    )


def leave_jobs(tx: Tx, instance: str) -> None:
    """Let another host go on at once."""
    tx.run("UPDATE leases SET lease_until = 0 WHERE instance = :instance", instance=instance)


def recover_dead(tx: Tx, now: datetime) -> tuple[int, int]:
    """Settle what hosts left open whose lease is over; how many parts of each kind, as `recover`.

    Claimed parts wait again at once; submitting ones are unknown when their result could come no more.
    """
    if tx.sqlite:
        return 0, 0
    server = clock(tx, now)
    dead = tx.all(
        "SELECT name, lease_until FROM hosts WHERE lease_until < :before AND EXISTS"  # noqa: S608 # our own words
        " (SELECT 1 FROM parts p JOIN attempts a ON a.id = p.attempt_id WHERE p.state IN ('claimed', 'submitting')"
        f" AND a.host = hosts.name) ORDER BY name{locks.skipping(tx)}",
        before=to_us(server - DEAD_AFTER),
    )
    back = unknown = 0
    for row in dead:
        some = recover(tx, row["name"], now, submitting=from_us(row["lease_until"]) < server - RESULT_WITHIN)
        back, unknown = back + some[0], unknown + some[1]
    return back, unknown


def recover(tx: Tx, host: str, now: datetime, *, submitting: bool = True) -> tuple[int, int]:
    """Settle what a dead instance of this host left open.

    Claimed parts go back to waiting, refunded; submitting ones may have left and become unknown.

    Args:
        submitting: these too; else their result may still come.

    Returns:
        How many parts of each kind.
    """
    rows = tx.all(
        "SELECT p.id, p.part_number, p.state, p.message_id, p.attempt_id, m.resend_unknown, m.resent, a.iccid"
        " FROM parts p JOIN attempts a ON a.id = p.attempt_id JOIN messages m ON m.id = p.message_id"
        " WHERE p.state IN ('claimed', 'submitting') AND a.host = :host ORDER BY p.message_id, p.id",
        host=host,
    )
    locks.messages(tx, {row["message_id"] for row in rows})
    back = unknown = 0
    for row in rows:
        if row["state"] == "claimed":
            back += give_back(tx, row["id"], row["attempt_id"], now)
            continue
        if not submitting:
            continue
        unknown += 1
        tx.run("UPDATE parts SET state = 'unknown' WHERE id = :id AND state = 'submitting'", id=row["id"])
        tx.run(
            "UPDATE attempts SET outcome = 'uncertain', phase = 'submitted', detail = 'killed', ended_at = :now"
            " WHERE id = :id",
            id=row["attempt_id"],
            now=to_us(now),
        )
        again = row["resend_unknown"] and row["resent"] < 2
        tx.run(
            "UPDATE messages SET resend_at = coalesce(:at, resend_at), attempts = attempts + 1 WHERE id = :id",
            at=to_us(now + timedelta(minutes=2)) if again else None,
            id=row["message_id"],
        )
        refresh(tx, row["message_id"], now, reason="unknown")
        about = {"part": row["part_number"], "detail": "killed"}
        record(tx, "part.unknown", now, message_id=row["message_id"], subject=row["iccid"], **about)
    return back, unknown


def open_attempt(tx: Tx, host: str, path: str, now: datetime, within: timedelta | None) -> Row | None:
    """The newest attempt on a port whose fate is open and whose result could still come.

    Args:
        within: how long a result is waited for; None: the longest of any profile.

    Returns:
        Columns id, iccid, submitting_at, ctrl_z_at, ended_at, detail; None when the port is free.
    """
    return tx.one(
        "SELECT a.id, a.iccid, a.submitting_at, a.ctrl_z_at, a.ended_at, a.detail"
        " FROM attempts a JOIN parts p ON p.attempt_id = a.id"
        " WHERE a.path = :path AND a.host = :host AND a.outcome = 'uncertain' AND coalesce(a.kind, '') = ''"
        " AND p.state = 'unknown' AND a.submitting_at > :since ORDER BY a.id DESC LIMIT 1",
        path=path,
        host=host,
        since=to_us(now - (within or RESULT_WITHIN)),
    )


def newest_moment(tx: Tx) -> int | None:
    """The newest time that the database knows, in microseconds; a clock behind it is wrong."""
    moment = tx.value("SELECT max(at) FROM (SELECT at FROM events ORDER BY id DESC LIMIT 50) AS newest")
    return None if moment is None else int(moment)


def clock_confirmed(tx: Tx) -> bool:
    """Whether a person said that a doubted clock is right; the word is used up by asking."""
    return bool(tx.run("DELETE FROM farm WHERE key = 'clock_confirmed'"))


def confirm_clock(tx: Tx) -> None:
    """A person says that the clock is right."""
    tx.run("INSERT INTO farm (key, value) VALUES ('clock_confirmed', '1') ON CONFLICT (key) DO NOTHING")


def data_version(tx: Tx) -> int:
    """A number that changes when another process has written (SQLite); on a server, which tells, every 2 s as a net."""
    return int(tx.value("PRAGMA data_version" if tx.sqlite else f"SELECT {_SERVER_US} / 2000000"))  # our own words


def air_times(tx: Tx, most: int) -> list[tuple[str, int]]:
    """SIM and microseconds from Ctrl-Z to the result of the last accepted parts."""
    rows = tx.all(
        "SELECT iccid, ended_at - ctrl_z_at AS span FROM (SELECT iccid, ended_at, ctrl_z_at, outcome FROM attempts"
        " ORDER BY id DESC LIMIT :most) AS last WHERE outcome = 'accepted' AND ctrl_z_at IS NOT NULL",
        most=most,
    )
    return [(row["iccid"], row["span"]) for row in rows]
