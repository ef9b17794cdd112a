"""One suite, two databases: every test that asks for `store` runs on SQLite and on PostgreSQL.

Both watch every move of a part: one that is no row of MOVES fails the test.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from modemfarm.model import MOVES
from modemfarm.store import migrations
from modemfarm.store.engine import Store
from modemfarm.store.migrations import SCHEMA
from modemfarm.store.schema.whole import meta
from tests.postgres import Cluster
from tests.store.tools import NOW

_WRONG = " OR ".join(
    f"(OLD.state = '{old}' AND NEW.state NOT IN ({', '.join(repr(str(new)) for new in (old, *news))}))"
    for old, news in MOVES.items()
)
_TRIGGER = {
    "sqlite": (
        f"CREATE TRIGGER moves BEFORE UPDATE OF state ON parts WHEN {_WRONG}"
        " BEGIN SELECT RAISE(ABORT, 'a part moved as no row of MOVES says'); END"
    ),
    "postgresql": (
        "CREATE FUNCTION moves() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION"
        " 'a part moved from %% to %% as no row of MOVES says', OLD.state, NEW.state; END $$ LANGUAGE plpgsql;"
        f" CREATE TRIGGER moves BEFORE UPDATE ON parts FOR EACH ROW WHEN ({_WRONG}) EXECUTE FUNCTION moves()"
    ),
}
_EMPTY = "TRUNCATE audit; " + "; ".join(  # which refuses to be deleted from; TRUNCATE takes ten times as long
    f"DELETE FROM {table.name}" for table in meta.sorted_tables if table.name != "audit"
)

_FACTS = [{"key": "schema", "value": str(SCHEMA)}, {"key": "farm_id", "value": "cafe"}, {"key": "epoch", "value": "1"}]


def _prepared(store: Store, kind: str) -> Store:
    migrations.upgrade(store, NOW)
    with store.write() as tx:
        tx.connection.exec_driver_sql(_TRIGGER[kind])
    return store


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server for this run."""
    made = Cluster()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def _server(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = _prepared(Store(cluster.create("suite"), tmp_path_factory.mktemp("server")), "postgresql")
    yield store
    store.close()


@pytest.fixture(scope="session")
def _file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("file")
    store = _prepared(Store("sqlite:///first.db", folder), "sqlite")
    store.close()  # the last to close one moves the log into the file
    return folder / "first.db"


@pytest.fixture
def sqlite_store(_file: Path, tmp_path: Path) -> Iterator[Store]:
    """An empty database of this version in a file."""
    shutil.copy(_file, tmp_path / "farm.db")
    (tmp_path / "farm.db").chmod(0o600)
    store = Store("sqlite:///farm.db", tmp_path)
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Store:
    """An empty database of this version."""
    if request.param == "sqlite":
        found: Store = request.getfixturevalue("sqlite_store")
        return found
    server: Store = request.getfixturevalue("_server")
    with server.write() as tx:
        tx.connection.exec_driver_sql(_EMPTY)
        tx.many("INSERT INTO farm (key, value) VALUES (:key, :value)", _FACTS)
    return server
