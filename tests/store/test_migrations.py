"""A database is created, recognised, upgraded, or refused with the reason."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from modemfarm.errors import SchemaOutdatedError, StoreError
from modemfarm.store import engine, hosts, migrations
from modemfarm.store.engine import Store
from modemfarm.store.migrations import SCHEMA
from modemfarm.store.schema.whole import meta
from tests.postgres import Cluster
from tests.store.tools import NOW, add, message


def test_a_fresh_file_gets_every_table_once(tmp_path: Path) -> None:
    store = Store("sqlite:///farm.db", tmp_path / "state")
    assert migrations.found(store) == 0
    assert migrations.upgrade(store, NOW)
    assert not migrations.upgrade(store, NOW)
    migrations.check(store)
    with store.read() as tx:
        tables = {row["name"] for row in tx.all("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {table.name for table in meta.sorted_tables} <= tables
    store.close()


def test_a_fresh_server_database_gets_every_table_once(cluster: Cluster, tmp_path: Path) -> None:
    store = Store(cluster.create("fresh"), tmp_path)
    assert migrations.found(store) == 0
    assert migrations.upgrade(store, NOW)
    assert not migrations.upgrade(store, NOW)
    migrations.check(store)
    assert _rewritten(store) == set(migrations.VACUUM)
    store.close()


def test_an_upgraded_server_vacuums_its_queue_as_a_fresh_one_does(cluster: Cluster, tmp_path: Path) -> None:
    store = Store(cluster.create("unswept"), tmp_path)
    migrations.upgrade(store, NOW)
    with store.write() as tx:
        for table in migrations.VACUUM:
            tx.run(
                f"ALTER TABLE {table} RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, fillfactor)"
            )
        tx.run("UPDATE farm SET value = '3' WHERE key = 'schema'")
    assert not _rewritten(store)
    assert migrations.upgrade(store, NOW)
    assert _rewritten(store) == set(migrations.VACUUM)
    store.close()


def test_an_upgraded_server_keeps_the_texts_of_messages_that_say_nothing_about_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    store = Store(cluster.create("kept"), tmp_path)
    migrations.upgrade(store, NOW)
    with store.write() as tx:
        number = add(tx, text="kept")
        tx.run("ALTER TABLE messages DROP COLUMN store_text")
        tx.run("UPDATE farm SET value = '4' WHERE key = 'schema'")
    assert migrations.upgrade(store, NOW)
    with store.read() as tx:
        assert (message(tx, number)["store_text"], message(tx, number)["text"]) == (1, "kept")
    store.close()


def _rewritten(store: Store) -> set[str]:
    """The tables of a server whose dead rows go soon."""
    with store.read() as tx:
        options = {row["relname"]: row["reloptions"] for row in tx.all("SELECT relname, reloptions FROM pg_class")}
    wanted = {
        name: [f"autovacuum_vacuum_scale_factor={share}", f"autovacuum_vacuum_threshold={rows}", f"fillfactor={full}"]
        for name, (share, rows, full) in migrations.VACUUM.items()
    }
    return {name for name, set_so in wanted.items() if options[name] == set_so}


def test_the_farm_keeps_its_id_over_upgrades(store: Store) -> None:
    with store.write() as tx:
        before = tx.value("SELECT value FROM farm WHERE key = 'farm_id'")
        tx.run("UPDATE farm SET value = '0' WHERE key = 'schema'")
    migrations.upgrade(store, NOW)
    with store.read() as tx:
        assert tx.value("SELECT value FROM farm WHERE key = 'farm_id'") == before


def test_a_newer_database_is_refused_by_its_number(store: Store) -> None:
    with store.write() as tx:
        tx.run("UPDATE farm SET value = :n WHERE key = 'schema'", n=str(SCHEMA + 1))
    for look in (migrations.check, lambda one: migrations.upgrade(one, NOW)):
        with pytest.raises(SchemaOutdatedError, match="newer modemfarm") as caught:
            look(store)
        assert (caught.value.found, caught.value.wanted) == (SCHEMA + 1, SCHEMA)


def test_an_older_database_is_not_used_unasked(store: Store) -> None:
    with store.write() as tx:
        tx.run("UPDATE farm SET value = '0' WHERE key = 'schema'")
    with pytest.raises(SchemaOutdatedError, match="modemfarm db upgrade"):
        migrations.check(store)


def test_an_upgrade_waits_for_the_daemon_that_uses_the_database(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "SCHEMA", SCHEMA + 1)
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, lambda _tx: None))
    store.run(hosts.take_lease, "cellar", "abc", 4711, "0.1.0", NOW)
    with pytest.raises(SchemaOutdatedError, match=r"cellar \(process 4711\)"):
        migrations.upgrade(store, NOW)
    store.run(hosts.end_lease, "cellar", "abc", NOW)
    assert migrations.upgrade(store, NOW)
    assert migrations.found(store) == SCHEMA + 1
    with store.write() as tx:
        tx.run("UPDATE farm SET value = :n WHERE key = 'schema'", n=str(SCHEMA))


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "farm.db").write_bytes(b"certainly not a database" * 100)
    store = Store("sqlite:///farm.db", tmp_path)
    with pytest.raises(StoreError, match="not a database"):
        migrations.found(store)
    store.close()


def test_a_damaged_database_is_an_error_of_the_store(tmp_path: Path) -> None:
    store = Store("sqlite:///farm.db", tmp_path)
    migrations.upgrade(store, NOW)
    store.close()
    path = tmp_path / "farm.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * 4096 + whole[4196:])
    damaged = Store("sqlite:///farm.db", tmp_path)
    with pytest.raises(StoreError, match="malformed") as caught:
        migrations.found(damaged)
    assert str(path) in str(caught.value)
    assert "restore a backup" in str(caught.value)
    damaged.close()


@pytest.mark.parametrize("sign", ["farm.db-wal", "farm.db-shm", "daemon.lock"])
def test_an_emptied_database_is_not_a_new_one(tmp_path: Path, sign: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_MADE_WITHIN_S", 0.01)
    for name in ("farm.db", sign):
        (tmp_path / name).touch()
    store = Store("sqlite:///farm.db", tmp_path)
    for ask in (migrations.check, migrations.found, lambda store: migrations.upgrade(store, NOW)):
        with pytest.raises(StoreError, match=r"is empty.*may be lost.*restore a backup"):
            ask(store)
    with pytest.raises(StoreError, match="is empty"):
        store.connect()
    assert (tmp_path / "farm.db").stat().st_size == 0
    assert (tmp_path / sign).exists()
    store.close()


def test_a_database_is_made_where_none_was_although_a_daemon_holds_the_folder(tmp_path: Path) -> None:
    (tmp_path / "daemon.lock").touch()
    store = Store("sqlite:///farm.db", tmp_path)
    assert migrations.upgrade(store, NOW)
    store.close()


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "farm.db") as other:
        other.execute("CREATE TABLE invoices (id INTEGER)")
    other.close()
    store = Store("sqlite:///farm.db", tmp_path)
    with pytest.raises(StoreError, match="invoices"):
        migrations.upgrade(store, NOW)
    store.close()


def test_a_database_without_its_number_is_not_guessed_at(store: Store) -> None:
    with store.write() as tx:
        number = tx.value("SELECT value FROM farm WHERE key = 'schema'")
        tx.run("DELETE FROM farm WHERE key = 'schema'")
    with pytest.raises(StoreError, match="schema number is missing"):
        migrations.check(store)
    with store.write() as tx:
        tx.run("INSERT INTO farm (key, value) VALUES ('schema', :n)", n=number)


def _columns(file: Path) -> dict[str, dict[str, tuple[object, ...]]]:
    with closing(sqlite3.connect(file)) as raw:
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: {row[1]: tuple(row[2:]) for row in raw.execute(f"PRAGMA table_info({table})")}
            for table in names
            if not table.startswith("sqlite_")
        }


@pytest.mark.parametrize("number", [3, 4])
def test_an_upgraded_database_has_the_tables_of_a_fresh_one(tmp_path: Path, number: int) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir(0o700)
    with closing(sqlite3.connect(old / "farm.db")) as raw:
        raw.executescript((Path(__file__).parent / "schemas" / f"{number}.sql").read_text("utf-8"))
        raw.execute("INSERT INTO farm (key, value) VALUES ('schema', ?)", (str(number),))
        raw.commit()
    for folder in (old, new):
        store = Store("sqlite:///farm.db", folder)
        assert migrations.upgrade(store, NOW)
        migrations.check(store)
        store.close()
    assert _columns(old / "farm.db") == _columns(new / "farm.db")
