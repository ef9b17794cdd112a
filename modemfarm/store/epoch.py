"""The farm's epoch: a number that grows, kept in the database and beside it, so that an older database is noticed.

What an older copy calls waiting may have left since it was made: nobody but a person knows whether to send it again.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from modemfarm.errors import StoreError
from modemfarm.store import gates, hosts, locks
from modemfarm.store.engine import Store, Tx
from modemfarm.store.events import record

FILE = "epoch"  # in the state directory
_RELEASING = "gates:restored:"  # in `farm`, while what a restore held is let go


def current(tx: Tx) -> int:
    """The epoch that the database stands in."""
    return int(tx.value("SELECT value FROM farm WHERE key = 'epoch'") or 1)


def advance(tx: Tx, beyond: int = 0) -> int:
    """Begin a new epoch, later than the database's own and than `beyond`; its number."""
    number = max(current(tx), beyond) + 1
    tx.run(
        "INSERT INTO farm (key, value) VALUES ('epoch', :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        value=str(number),
    )
    return number


def seen(state_dir: Path) -> int:
    """The last epoch that this state directory saw; 0 where it saw none.

    Raises:
        StoreError: its file cannot be read.
    """
    path = state_dir / FILE
    try:
        return int(path.read_text("ascii")) if path.exists() else 0
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot use {path}: {error}") from error


def remember(state_dir: Path, number: int) -> None:
    """Write down the epoch that was committed; only afterwards, so that the file is never ahead of its own database.

    Raises:
        StoreError: it cannot be written.
    """
    path = state_dir / FILE
    try:
        fresh = path.with_suffix(".new")
        fresh.write_text(f"{number}\n", "ascii")
        fresh.chmod(0o600)
        fresh.replace(path)
    except OSError as error:
        raise StoreError(f"cannot use {path}: {error.strerror}") from error


def enter(store: Store, state_dir: Path, now: datetime) -> int | None:
    """Begin an epoch as a daemon starts; a database older than what this state directory saw is held first.

    Returns:
        None for the farm's own database; else it was put back from a copy, and so many messages are held.
    """
    before = seen(state_dir)
    with store.write() as tx:
        held = hold(tx, now) if current(tx) < before else None
        number = advance(tx, before)
    remember(state_dir, number)
    return held


def hold(tx: Tx, now: datetime) -> int:
    """Hold all that is not final in a database put back from a copy, until a person releases it.

    A part at or past step 3 when the copy was made is `unknown`, as after a crash; nothing is sent again by itself.

    Returns:
        How many messages are held.
    """
    for row in tx.all(
        "SELECT DISTINCT a.host FROM parts p JOIN attempts a ON a.id = p.attempt_id"
        " WHERE p.state IN ('claimed', 'submitting')"
    ):
        hosts.recover(tx, row["host"], now)
    tx.run("DELETE FROM farm WHERE key = :key", key=_RELEASING)  # the copy was made while an earlier one was let go
    open_ones = "state IN ('scheduled', 'held', 'queued', 'sending')"
    tx.all(f"SELECT id FROM messages WHERE {open_ones} OR resend_at IS NOT NULL ORDER BY id{locks.taking(tx)}")  # noqa: S608 # ours
    tx.run("UPDATE messages SET resend_at = NULL WHERE resend_at IS NOT NULL")
    held = tx.run(
        "UPDATE messages SET state = CASE WHEN state = 'sending' THEN 'sending' ELSE 'held' END, reason = 'restored',"  # noqa: S608 # ours
        f" reason_params = NULL, next_at = NULL WHERE {open_ones}"
    )
    tx.run("UPDATE parts SET gate = 1 WHERE state = 'waiting' AND gate = 0")
    if held:
        tx.run("INSERT INTO farm (key, value) VALUES ('restored', '1') ON CONFLICT (key) DO NOTHING")
    record(tx, "farm.restored", now, held=held)
    return held


def held(tx: Tx) -> int:
    """How many messages wait for a person because of a restore; counted only while some do."""
    if tx.value("SELECT 1 FROM farm WHERE key = 'restored'") is None:
        return 0
    return int(
        tx.value("SELECT count(*) FROM messages WHERE state IN ('held', 'sending') AND reason = 'restored'") or 0
    )


def release(tx: Tx, now: datetime, *, who: str = "") -> int:
    """A person lets go what a restore held; a pause of its class or batch holds it on.

    The first ones go here, the others by `gates.follow`.

    Returns:
        How many messages they are, or 0 where they go already.
    """
    key = _RELEASING
    if tx.value("SELECT 1 FROM farm WHERE key = :key", key=key) is not None:
        return 0
    count = held(tx)
    if count:
        gates.begin(tx, "restored", "", now)
        record(tx, "farm.released", now, messages=count, who=who)
    else:
        tx.run("DELETE FROM farm WHERE key = 'restored'")
    return count
