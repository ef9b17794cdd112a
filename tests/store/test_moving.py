"""A farm that waits in a SQLite file goes on from a server: nothing lost, nothing doubled, the file closed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from modemfarm.errors import StoreError
from modemfarm.store import hosts, migrations, moving, queue
from modemfarm.store.engine import Row, Store, Tx
from modemfarm.store.schema.whole import meta
from tests.postgres import Cluster
from tests.store.tools import LONG, NOW, SIM, add, after, deliver_pdu, get, see, send, submit, take

_NUMBERS = count()


@pytest.fixture
def server(cluster: Cluster, tmp_path: Path) -> Iterator[Store]:
    """An empty database of a server."""
    store = Store(cluster.create(f"moved{next(_NUMBERS)}"), tmp_path)
    yield store
    store.close()


@pytest.fixture
def farm(sqlite_store: Store) -> Store:
    """Messages in every state that a stopped daemon leaves, an opt-out, and ids that were used and are gone."""
    with sqlite_store.write() as tx:
        see(tx)
        for number in range(5):
            add(tx, to=f"+861380013800{number}", text=LONG if number == 2 else "hello «мир» 你好 🙂")
        send(tx)
        submit(tx)
        take(tx)
        get(tx, deliver_pdu("STOP", by="13800138004"))
        gone = add(tx, to="+8613800138009")
        tx.run("DELETE FROM parts WHERE message_id = :id", id=gone)
        tx.run("DELETE FROM messages WHERE id = :id", id=gone)
    return sqlite_store


def _everything(store: Store) -> dict[str, list[str]]:
    with store.read() as tx:
        return {
            table.name: sorted(str(sorted(row.items())) for row in tx.all(f"SELECT * FROM {table.name}"))
            for table in meta.sorted_tables
        }


def test_every_row_is_there_once_and_the_old_file_is_closed(farm: Store, server: Store) -> None:
    before = _everything(farm)
    rows = moving.move(farm, server, NOW)
    after_it = _everything(server)
    after_it["events"] = [row for row in after_it["events"] if "farm.moved" not in row]
    assert after_it == before
    assert rows["messages"] == 6  # five, and the confirmation of the opt-out
    for use in (migrations.check, lambda store: migrations.upgrade(store, NOW)):
        with pytest.raises(StoreError, match="was moved to postgresql"):
            use(farm)
    with farm.read() as tx:
        gone = tx.value("SELECT seq FROM sqlite_sequence WHERE name = 'messages'")
    with server.write() as tx:
        assert add(tx, to="+8613800138010") == gone + 1  # an id is never used twice
        assert hosts.recover(tx, "here", NOW) == (1, 1)
        waiting = queue.heads(tx, SIM, after(9), 9) + queue.heads(tx, "", after(9), 9)
        assert len({part.message_id for part in waiting}) == len(waiting) or LONG in {part.text for part in waiting}


def test_a_database_in_use_is_neither_source_nor_target(farm: Store, server: Store) -> None:
    farm.run(hosts.take_lease, "cellar", "a:b", 77, "0", NOW)
    with pytest.raises(StoreError, match=r"cellar \(process 77\) uses this database"):
        moving.move(farm, server, NOW)
    farm.run(hosts.end_lease, "cellar", "a:b", NOW)
    migrations.upgrade(server, NOW)
    server.run(see)
    with pytest.raises(StoreError, match="holds a farm already"):
        moving.move(farm, server, NOW)
    migrations.check(farm)


def test_a_move_that_fails_leaves_the_old_one_open_and_can_be_repeated(
    farm: Store, server: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks: Callable[..., Iterator[list[Row]]] = moving._chunks  # type: ignore[assignment]  # to break one

    def broken(tx: object, table: object) -> Iterator[list[Row]]:
        if str(table) == "parts":
            raise StoreError("the server is gone")
        return chunks(tx, table)

    with monkeypatch.context() as patch:
        patch.setattr(moving, "_chunks", broken)
        with pytest.raises(StoreError, match="gone"):
            moving.move(farm, server, NOW)
    migrations.check(farm)
    assert moving.move(farm, server, NOW)["messages"] == 6


class _Unanswered(Exception):
    """The connection went while COMMIT was on its way."""


@pytest.mark.parametrize("done", [True, False])
def test_a_move_whose_last_answer_is_lost_stays_closed_and_the_same_command_goes_on(
    farm: Store, server: Store, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    write = server.write

    @contextlib.contextmanager
    def unanswered() -> Iterator[Tx]:
        with contextlib.suppress(_Unanswered if not done else ()), write() as tx:
            yield tx
            if not done:
                raise _Unanswered
        raise StoreError("server closed the connection unexpectedly")

    migrations.upgrade(server, NOW)
    with monkeypatch.context() as patch:
        patch.setattr(server, "write", unanswered)
        with pytest.raises(StoreError, match=r"lost in the last step .* until the same command is given again"):
            moving.move(farm, server, NOW)
    with pytest.raises(StoreError, match=r"is being moved to postgresql.*same URL goes on"):
        migrations.check(farm)
    assert server.look(hosts.alive, NOW) == []
    assert moving.move(farm, server, NOW)["messages"] == 6
    with pytest.raises(StoreError, match="was moved to postgresql"):
        migrations.check(farm)
    with server.read() as tx:
        assert tx.value("SELECT count(*) FROM messages") == 6
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'farm.moved'") == 1


def test_a_farm_that_was_moved_is_not_moved_again(farm: Store, server: Store) -> None:
    moving.move(farm, server, NOW)
    with pytest.raises(StoreError, match="holds a farm already"):
        moving.move(farm, server, NOW)
    with pytest.raises(StoreError, match="was moved to"):
        migrations.check(farm)


def test_a_server_that_cannot_be_reached_leaves_the_file_open(farm: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        moving.move(farm, Store(f"postgresql+psycopg://postgres@/none?host={tmp_path}", tmp_path), NOW)
    migrations.check(farm)
    with pytest.raises(StoreError, match="from a SQLite file to a PostgreSQL server"):
        moving.move(farm, Store("sqlite:///other.db", tmp_path), NOW)
    migrations.check(farm)
