"""Moves a farm from its SQLite file to a PostgreSQL server: every row, once, and the file is used no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from sqlalchemy import Table

from modemfarm.errors import StoreError
from modemfarm.store import hosts, migrations
from modemfarm.store.engine import Row, Store, Tx
from modemfarm.store.events import record
from modemfarm.store.migrations import MOVED, MOVING
from modemfarm.store.schema.whole import meta

AT_ONCE = 2000
_OF_DAEMONS = frozenset({"hosts", "leases"})  # who lives where is told anew


def move(source: Store, target: Store, now: datetime) -> dict[str, int]:
    """Copy everything to an empty database and close the old one for good. The caller holds the state directory's lock.

    The old database is closed first, so that no daemon can use both; where the copy fails it is opened again. Killed in
    the middle, or with the answer to the last COMMIT lost, it stays closed and says so: the same command goes on, or
    finds that all is there.

    Returns:
        Rows of each table, counted in the new database.

    Raises:
        StoreError: a daemon uses the old one, the new one is not empty, cannot be reached, or a count differs. Nothing
            has changed then. Or nobody knows whether the last COMMIT was done: the old one stays closed.
    """
    if source.file is None or target.file is not None:
        raise StoreError("a farm is moved from a SQLite file to a PostgreSQL server")
    name = target.url.render_as_string()
    migrations.upgrade(source, now, moved_ok=True)
    for host in source.look(hosts.alive, now):
        raise StoreError(f"the daemon on {host['name']} (process {host['pid']}) uses this database: stop it first")
    begun = source.look(_fact, MOVING) == name
    if migrations.found(target) and target.look(_is_used):
        if not (begun and source.look(_fact, "farm_id") == target.look(_fact, "farm_id")):
            raise StoreError(f"{name} holds a farm already: name an empty database")
        source.run(_close, name, MOVED)  # the last time all of it was written, and the answer lost
        return target.look(_counted)
    migrations.upgrade(target, now)
    source.run(_close, name, MOVING)
    copied = False
    try:
        with source.read() as old, target.write() as new:
            rows = {table.name: _copy(old, new, table) for table in _tables()}
            new.run("DELETE FROM farm WHERE key IN (:moving, :moved)", moving=MOVING, moved=MOVED)
            record(new, "farm.moved", now, subject=name)
            copied = True
    except BaseException as error:
        if not copied:
            source.run(_open)
            raise
        what = f"the connection to {name} was lost in the last step ({error}): nobody knows whether all of it is there"
        raise StoreError(f"{what}; this database stays closed until the same command is given again") from error
    source.run(_close, name, MOVED)
    return rows


def _tables() -> list[Table]:
    return [table for table in meta.sorted_tables if table.name not in _OF_DAEMONS]


def _is_used(tx: Tx) -> bool:
    return any(tx.value(f"SELECT 1 FROM {name} LIMIT 1") for name in ("messages", "sims", "inbound", "hosts"))  # noqa: S608 # ours


def _counted(tx: Tx) -> dict[str, int]:
    return {table.name: int(tx.value(f"SELECT count(*) FROM {table.name}")) for table in _tables()}  # noqa: S608 # ours


def _fact(tx: Tx, key: str) -> str | None:
    value = tx.value("SELECT value FROM farm WHERE key = :key", key=key)
    return None if value is None else str(value)


def _close(tx: Tx, name: str, how: str) -> None:
    _open(tx)
    tx.run("INSERT INTO farm (key, value) VALUES (:how, :name)", how=how, name=name)


def _open(tx: Tx) -> None:
    tx.run("DELETE FROM farm WHERE key IN (:moving, :moved)", moving=MOVING, moved=MOVED)


def _copy(old: Tx, new: Tx, table: Table) -> int:
    """Copy one table, and let its numbers go on where they stood.

    Raises:
        StoreError: the two hold different numbers of rows.
    """
    names = [column.name for column in table.columns]
    columns, binds = ", ".join(f'"{name}"' for name in names), ", ".join(f":{name}" for name in names)
    new.run(f"DELETE FROM {table.name}")  # noqa: S608 # ours; what a new database begins with
    for rows in _chunks(old, table):
        new.many(f"INSERT INTO {table.name} ({columns}) VALUES ({binds})", rows)  # noqa: S608 # ours
    there = int(old.value(f"SELECT count(*) FROM {table.name}"))  # noqa: S608 # ours
    here = int(new.value(f"SELECT count(*) FROM {table.name}"))  # noqa: S608 # ours
    if there != here:
        raise StoreError(f"{table.name}: {there} rows there, {here} here")
    if "id" in table.c and table.c["id"].autoincrement is True:
        last = old.value("SELECT seq FROM sqlite_sequence WHERE name = :name", name=table.name)
        if last:  # also of rows that are deleted: an id is never used twice
            new.run("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)", name=table.name, last=int(last))
    return here


def _chunks(old: Tx, table: Table) -> Iterator[list[Mapping[str, object]]]:
    """Every row in the order of the rows' own numbers."""
    after = -1
    while True:
        rows: list[Row] = old.all(
            f"SELECT rowid AS row_number, * FROM {table.name} WHERE rowid > :after ORDER BY rowid LIMIT :n",  # noqa: S608 # ours
            after=after,
            n=AT_ONCE,
        )
        if not rows:
            return
        after = rows[-1]["row_number"]
        yield [{name: value for name, value in row.items() if name != "row_number"} for row in rows]
