"""Copies are of one moment, whole, and never in the way; what is put back is examined first."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from modemfarm.errors import StoreError
from modemfarm.store import copying, epoch, hosts, migrations
from modemfarm.store.engine import Store
from modemfarm.store.migrations import SCHEMA
from tests.needs import missing
from tests.postgres import Cluster
from tests.store.tools import NOW, add, after


def numbers() -> itertools.count[int]:
    return itertools.count(13800138000)


def messages(store: Store) -> list[str]:
    with store.read() as tx:
        return [row["recipient"] for row in tx.all("SELECT recipient FROM messages ORDER BY id")]


def test_a_copy_is_whole_while_others_write(sqlite_store: Store, tmp_path: Path) -> None:
    stop = threading.Event()
    fresh = numbers()

    def feed() -> None:
        while not stop.is_set():
            with sqlite_store.write() as tx:
                for _ in range(5):
                    add(tx, to=f"+86{next(fresh)}")

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        for place in range(5):
            rows = copying.backup(sqlite_store, tmp_path / f"copy{place}.db")
            assert rows["messages"] == rows["parts"]
            assert rows["messages"] % 5 == 0  # a transaction is in it whole or not at all
    finally:
        stop.set()
        feeder.join()
    assert (tmp_path / "copy4.db").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_backup_replaces_no_file_and_leaves_none_half_made(sqlite_store: Store, tmp_path: Path) -> None:
    (tmp_path / "there.db").write_text("mine")
    with pytest.raises(StoreError, match="there already"):
        copying.backup(sqlite_store, tmp_path / "there.db")
    assert (tmp_path / "there.db").read_text() == "mine"
    with pytest.raises(StoreError, match="cannot write"):
        copying.backup(sqlite_store, tmp_path / "no folder" / "copy.db")


def test_a_restore_brings_the_time_of_the_copy_back_with_everything_open_held(
    sqlite_store: Store, tmp_path: Path
) -> None:
    assert epoch.enter(sqlite_store, tmp_path, NOW) is None
    with sqlite_store.write() as tx:
        add(tx, to="+8613800138000")
        hosts.take_lease(tx, "here", "a:b", 1, "test", NOW)
    copying.backup(sqlite_store, tmp_path / "copy.db")
    with sqlite_store.write() as tx:
        add(tx, to="+8613800138001")
    sqlite_store.close()
    held, kept = copying.restore(sqlite_store, tmp_path / "copy.db", tmp_path, after(1))
    assert held == 1
    assert messages(sqlite_store) == ["+8613800138000"]
    assert epoch.seen(tmp_path) == sqlite_store.look(epoch.current) == 3
    with sqlite_store.read() as tx:
        assert tx.one("SELECT state, reason FROM messages") == {"state": "held", "reason": "restored"}
        assert hosts.alive(tx, after(1)) == []
    assert kept is not None
    replaced = Store(f"sqlite:///{kept.name}", kept.parent)
    assert messages(replaced) == ["+8613800138000", "+8613800138001"]
    replaced.close()
    assert epoch.enter(sqlite_store, tmp_path, after(2)) is None  # held once, not again
    assert not (tmp_path / "farm.db.restoring").exists()


def test_a_damaged_database_is_replaced_and_its_log_put_aside(sqlite_store: Store, tmp_path: Path) -> None:
    with sqlite_store.write() as tx:
        add(tx)
    copying.backup(sqlite_store, tmp_path / "copy.db")
    sqlite_store.close()
    (tmp_path / "farm.db").write_bytes(b"x" * 8192)
    (tmp_path / "farm.db-wal").write_bytes(b"y" * 4096)
    _, kept = copying.restore(sqlite_store, tmp_path / "copy.db", tmp_path, NOW)
    assert messages(sqlite_store) == ["+8613800138000"]
    assert kept is not None
    assert Path(f"{kept}-wal").read_bytes() == b"y" * 4096


@pytest.mark.parametrize(
    ("name", "octets", "why"),
    [
        ("absent.db", None, "there is no file"),
        ("letter.db", b"Dear sir", "is not a database"),
        ("empty.db", b"", "not a database of modemfarm"),
    ],
)
def test_what_is_no_database_of_ours_is_refused_and_nothing_changes(
    sqlite_store: Store, tmp_path: Path, name: str, octets: bytes | None, why: str
) -> None:
    with sqlite_store.write() as tx:
        add(tx)
    if octets is not None:
        (tmp_path / name).write_bytes(octets)
    with pytest.raises(StoreError, match=why):
        copying.restore(sqlite_store, tmp_path / name, tmp_path, NOW)
    assert messages(sqlite_store) == ["+8613800138000"]


def test_a_torn_or_newer_copy_is_refused(sqlite_store: Store, tmp_path: Path) -> None:
    with sqlite_store.write() as tx:
        for number in range(200):
            add(tx, to=f"+86138001{number:05}")
    copying.backup(sqlite_store, tmp_path / "copy.db")
    torn = tmp_path / "torn.db"
    torn.write_bytes((tmp_path / "copy.db").read_bytes()[:-8192])
    with pytest.raises(StoreError, match=r"damaged|not a database"):
        copying.restore(sqlite_store, torn, tmp_path, NOW)
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        copy.execute("UPDATE farm SET value = ? WHERE key = 'schema'", (str(SCHEMA + 1),))
    copy.close()
    with pytest.raises(StoreError, match="newer"):
        copying.restore(sqlite_store, tmp_path / "copy.db", tmp_path, NOW)
    assert len(messages(sqlite_store)) == 200


def test_a_server_is_copied_and_put_back_with_its_own_programs(cluster: Cluster, tmp_path: Path) -> None:
    if shutil.which("pg_dump") is None:
        missing("pg_dump", "a server's database is copied with it (Debian: postgresql-client)")
    store = Store(cluster.create("copied"), tmp_path)
    migrations.upgrade(store, NOW)
    with store.write() as tx:
        add(tx, to="+8613800138000")
    copying.backup(store, tmp_path / "copy.dump")
    with store.write() as tx:
        add(tx, to="+8613800138001")
        hosts.take_lease(tx, "here", "a:b", 77, "test", NOW)
    with pytest.raises(StoreError, match="process 77"):
        copying.restore(store, tmp_path / "copy.dump", tmp_path, after(1))
    held, kept = copying.restore(store, tmp_path / "copy.dump", tmp_path, after(3600))
    assert (held, kept) == (1, None)
    assert messages(store) == ["+8613800138000"]
    store.close()
