"""Opening, rights, transactions, and what becomes of the driver's errors."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemfarm.errors import StoreBusyError, StoreError
from modemfarm.store import engine, migrations
from modemfarm.store.engine import Store, Tx, from_us, to_us
from tests.patience import PATIENT_S
from tests.store.tools import NOW


def _rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_a_moment_comes_back_as_it_went_in(moment: datetime) -> None:
    assert from_us(to_us(moment)) == moment


def test_a_moment_of_any_zone_is_kept_in_utc() -> None:
    there = datetime(2026, 3, 14, 17, 30, tzinfo=timezone(timedelta(hours=8)))
    assert from_us(to_us(there)) == NOW


def test_a_new_database_is_for_nobody_else_to_read(tmp_path: Path) -> None:
    store = Store("sqlite:///farm.db", tmp_path / "state")
    migrations.upgrade(store, NOW)
    with store.write() as tx:
        tx.run("INSERT INTO farm (key, value) VALUES ('a', 'b')")
        for name in ("farm.db", "farm.db-wal", "farm.db-shm"):
            assert _rights(tmp_path / "state" / name) == 0o600
    assert _rights(tmp_path / "state") == 0o700
    store.close()


def test_wrong_rights_are_tightened_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "state"
    store = Store("sqlite:///farm.db", folder)
    migrations.upgrade(store, NOW)
    folder.chmod(0o755)
    (folder / "farm.db").chmod(0o644)
    migrations.upgrade(store, NOW)
    assert (_rights(folder), _rights(folder / "farm.db")) == (0o700, 0o600)
    assert str(folder / "farm.db") in caplog.text
    store.close()


def test_a_folder_that_is_not_ours_keeps_its_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    store = Store(f"sqlite:///{tmp_path}/elsewhere.db", tmp_path / "state")
    migrations.upgrade(store, NOW)
    migrations.upgrade(store, NOW)
    assert _rights(tmp_path) == 0o755
    store.close()


def test_reading_what_does_not_exist_creates_nothing(tmp_path: Path) -> None:
    store = Store("sqlite:///farm.db", tmp_path)
    with pytest.raises(StoreError, match="there is no database"), store.read():
        pass
    assert not list(tmp_path.iterdir())


def test_a_url_that_is_none_is_an_error_of_the_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a database URL"):
        Store("nonsense", tmp_path)


def test_an_unreachable_server_is_an_error_of_the_store(tmp_path: Path) -> None:
    store = Store(f"postgresql+psycopg://nobody@/none?host={tmp_path}", tmp_path)
    with pytest.raises(StoreError), store.read():
        pass
    with pytest.raises(StoreError):
        store.connect()


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    def half(tx: Tx) -> None:
        tx.run("INSERT INTO farm (key, value) VALUES ('half', '1')")
        raise KeyError("stop")

    with pytest.raises(KeyError):
        store.run(half)
    with store.read() as tx:
        assert tx.value("SELECT count(*) FROM farm WHERE key = 'half'") == 0


def test_a_drivers_error_is_renamed(store: Store) -> None:
    with pytest.raises(StoreError, match="nowhere"), store.read() as tx:
        tx.run("SELECT * FROM nowhere")
    with pytest.raises(StoreError), store.write() as tx:
        tx.many("INSERT INTO farm (key, value) VALUES (:key, :value)", [{"key": "a", "value": None}])


def test_binds_are_values_whatever_they_hold(store: Store) -> None:
    odd = "100 % :key ::text 'quoted' — 你好"
    with store.write() as tx:
        tx.run("INSERT INTO farm (key, value) VALUES ('odd', :value)", value=odd)
        assert tx.value("SELECT value FROM farm WHERE key = 'odd' AND value LIKE '100 %%'") == odd
        assert tx.one("SELECT value FROM farm WHERE key = :key", key="none") is None
        assert tx.all("SELECT value FROM farm WHERE key = :key", key="odd") == [{"value": odd}]


def test_a_writer_that_waits_too_long_is_told_so(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(engine, "BUSY_WITHIN_MS", 50)
    second = Store("sqlite:///farm.db", tmp_path)
    with sqlite_store.write(), pytest.raises(StoreBusyError), second.write():
        pass
    second.close()


def test_readers_go_on_beside_a_writer(store: Store) -> None:
    seen: list[int] = []

    def look() -> None:
        with store.read() as tx:
            seen.append(tx.value("SELECT count(*) FROM farm WHERE key = 'new'"))

    with store.write() as tx:
        tx.run("INSERT INTO farm (key, value) VALUES ('new', '1')")
        reader = threading.Thread(target=look)
        reader.start()
        reader.join(PATIENT_S)
    look()
    assert seen == [0, 1]


def test_a_commit_is_synced_before_it_is_told(sqlite_store: Store) -> None:
    with sqlite_store.read() as tx:
        assert tx.value("PRAGMA synchronous") == 2
        assert tx.value("PRAGMA journal_mode") == "wal"


def test_a_checkpoint_moves_the_log_into_the_file(sqlite_store: Store, tmp_path: Path) -> None:
    with sqlite_store.write() as tx:
        tx.run("INSERT INTO farm (key, value) VALUES ('kept', '1')")
    engine.checkpoint(sqlite_store)
    with sqlite3.connect(f"file:{tmp_path / 'farm.db'}?immutable=1", uri=True) as alone:
        assert alone.execute("SELECT value FROM farm WHERE key = 'kept'").fetchone() == ("1",)
    alone.close()


def test_work_that_a_server_rolled_back_for_another_is_done_anew(store: Store) -> None:
    """What waits for another's lock for too long is told at once, as a file that stays locked is."""
    told: list[str] = []

    def rolled_back(tx: Tx, error: str) -> int:
        told.append(error)
        tx.run("INSERT INTO farm (key, value) VALUES (:key, '')", key=f"try {len(told)}")
        if len(told) < 3:
            raise StoreBusyError(error)
        return len(told)

    if store.sqlite:
        with pytest.raises(StoreBusyError):
            store.run(rolled_back, "database is locked")
        assert len(told) == 1
        return
    assert store.run(rolled_back, "deadlock detected") == 3
    assert store.look(lambda tx: tx.value("SELECT count(*) FROM farm WHERE key LIKE 'try %'")) == 1
    told.clear()
    with pytest.raises(StoreBusyError):
        store.run(rolled_back, "canceling statement due to lock timeout")
    assert len(told) == 1


def test_what_a_savepoint_undid_is_not_done_at_the_end(store: Store) -> None:
    def put(key: str) -> Callable[[Tx], object]:
        return lambda tx: tx.run("INSERT INTO farm (key, value) VALUES (:key, '')", key=key)

    with store.write() as tx:
        tx.at_last(put("last"))
        tx.later(put("later"), person="+491701234567")
        tx.run("SAVEPOINT trying")
        mark = tx.mark()
        tx.at_last(put("undone last"))
        tx.later(put("undone later"), person="+491701234568")
        tx.run("ROLLBACK TO SAVEPOINT trying")
        tx.drop(mark)
        tx.run("RELEASE SAVEPOINT trying")
    found = store.look(
        lambda tx: tx.all("SELECT key FROM farm WHERE key LIKE '%last' OR key LIKE '%later' ORDER BY key")
    )
    assert [row["key"] for row in found] == ["last", "later"]
