"""What shares one commit of the writer thread, and what becomes of it when one command of it fails."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import Connection

from modemfarm.errors import RefusedError, StoreBusyError, StoreError
from modemfarm.store.engine import Store, Tx
from modemfarm.store.offload import Offload

Work = Callable[..., Any]


@pytest.fixture
def offload(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Offload]:
    for name in ("COMMIT_WITHIN_S", "BULK_SLICE_S"):  # however slow the machine is, what is queued shares a commit
        monkeypatch.setattr(f"modemfarm.store.offload.{name}", 600.0)
    made = Offload(sqlite_store)
    made.start()
    yield made
    made.stop()


class Ran:
    """Commands that write a key each, and note that they ran."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def put(self, tx: Tx, key: str) -> str:
        self.keys.append(key)
        tx.run("INSERT INTO farm (key, value) VALUES (:key, '1')", key=key)
        return key

    def fail(self, tx: Tx, key: str, error: Exception) -> None:
        self.put(tx, key)
        raise error

    def once(self, tx: Tx, key: str) -> str:
        """Fails when it runs a second time."""
        again = key in self.keys
        self.put(tx, key)
        if again:
            raise StoreError("not twice")
        return key


@contextlib.asynccontextmanager
async def in_one_commit(offload: Offload) -> AsyncIterator[None]:
    """What is queued inside goes into one commit."""
    inside, go = threading.Event(), threading.Event()

    def wait(_tx: Tx) -> None:
        inside.set()
        assert go.wait(60)

    held = asyncio.ensure_future(offload.run(wait))
    while not inside.is_set():
        await asyncio.sleep(0.001)
    yield
    await asyncio.sleep(0)
    go.set()
    with contextlib.suppress(StoreError):  # of its commit
        await held


def _keys(store: Store) -> set[str]:
    with store.read() as tx:
        return {row["key"] for row in tx.all("SELECT key FROM farm")} - {"schema", "farm_id", "epoch"}


async def _told(*answers: asyncio.Future[Any]) -> list[Any]:
    return await asyncio.gather(*answers, return_exceptions=True)


async def test_the_wires_commands_need_no_savepoint_and_bulk_ones_have_one(
    offload: Offload, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    execute = Tx._execute

    def noted(self: Tx, sql: str, binds: Mapping[str, object]) -> None:
        said.append(sql.split(maxsplit=1)[0])
        execute(self, sql, binds)

    monkeypatch.setattr(Tx, "_execute", noted)
    ran = Ran()
    async with in_one_commit(offload):
        answers = [asyncio.ensure_future(put(ran.put, key)) for put, key in ((offload.run, "a"), (offload.run, "b"))]
        answers.append(asyncio.ensure_future(offload.bulk(ran.put, "c")))
    assert await _told(*answers) == ["a", "b", "c"]
    assert said == ["INSERT", "INSERT", "SAVEPOINT", "INSERT", "RELEASE"]


@pytest.mark.parametrize("error", [RefusedError("opted_out"), StoreBusyError("busy"), StoreError("no"), KeyError("x")])
async def test_a_failing_command_of_the_wire_takes_no_other_down(
    offload: Offload, sqlite_store: Store, error: Exception
) -> None:
    ran = Ran()
    async with in_one_commit(offload):
        answers = [
            asyncio.ensure_future(offload.run(work, *args))
            for work, *args in ((ran.put, "a"), (ran.fail, "half", error), (ran.put, "b"))
        ]
    first, failed, last = await _told(*answers)
    assert (first, last) == ("a", "b")
    assert failed is error
    assert _keys(sqlite_store) == {"a", "b"}
    assert ran.keys == ["a", "half", "a", "half", "b"]  # what the first transaction had done is done anew


async def test_a_refused_bulk_command_is_undone_alone_and_nothing_runs_twice(
    offload: Offload, sqlite_store: Store
) -> None:
    ran = Ran()
    async with in_one_commit(offload):
        answers = [
            asyncio.ensure_future(put(work, *args))
            for put, work, *args in (
                (offload.run, ran.put, "wire"),
                (offload.bulk, ran.fail, "half", RefusedError("opted_out")),
                (offload.bulk, ran.put, "bulk"),
            )
        ]
    first, failed, last = await _told(*answers)
    assert (first, last) == ("wire", "bulk")
    assert isinstance(failed, RefusedError)
    assert ran.keys == ["wire", "half", "bulk"]
    assert _keys(sqlite_store) == {"wire", "bulk"}


async def test_a_command_that_fails_only_when_it_runs_again_is_told_so(offload: Offload, sqlite_store: Store) -> None:
    ran = Ran()
    async with in_one_commit(offload):
        answers = [
            asyncio.ensure_future(offload.run(work, *args))
            for work, *args in ((ran.once, "once"), (ran.put, "a"), (ran.fail, "half", KeyError("mine")))
        ]
    once, kept, failed = await _told(*answers)
    assert isinstance(once, StoreError)
    assert isinstance(failed, KeyError)
    assert kept == "a"
    assert _keys(sqlite_store) == {"a"}


async def test_when_no_second_transaction_can_begin_all_hear_of_it(
    offload: Offload, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = Ran()

    def refuse(self: Connection) -> None:
        raise StoreBusyError("somebody else writes")

    def fail(tx: Tx) -> None:
        monkeypatch.setattr(Connection, "begin", refuse)
        ran.fail(tx, "half", KeyError("mine"))

    async with in_one_commit(offload):
        answers = [asyncio.ensure_future(offload.run(work, *args)) for work, *args in ((ran.put, "a"), (fail,))]
    told = await _told(*answers)
    monkeypatch.undo()
    assert [type(one) for one in told] == [StoreBusyError, StoreBusyError]
    assert not _keys(sqlite_store)
    assert await offload.run(ran.put, "later") == "later"
    assert _keys(sqlite_store) == {"later"}


async def test_a_full_disk_in_the_middle_fails_what_shares_the_commit_and_nothing_later(
    offload: Offload, sqlite_store: Store
) -> None:
    ran = Ran()

    def large(tx: Tx) -> None:
        tx.run(f"PRAGMA max_page_count = {tx.value('PRAGMA page_count') + 20}")
        tx.run("INSERT INTO farm (key, value) VALUES ('large', hex(zeroblob(1000000)))")

    async with in_one_commit(offload):
        answers = [
            asyncio.ensure_future(offload.run(work, *args))
            for work, *args in ((ran.put, "a"), (large,), (ran.put, "b"))
        ]
    *failed, last = await _told(*answers)
    assert [(type(one), "full" in str(one)) for one in failed] == [(StoreError, True)] * 2  # SQLite gave all of it up
    assert last == "b"
    assert _keys(sqlite_store) == {"b"}


async def test_a_transaction_that_the_database_gave_up_fails_whole(offload: Offload, sqlite_store: Store) -> None:
    ran = Ran()

    def lose(tx: Tx) -> None:
        """What SQLite does by itself after some errors."""
        tx.run("ROLLBACK")
        raise StoreError("disk I/O error")

    async with in_one_commit(offload):
        answers = [asyncio.ensure_future(offload.run(work, *args)) for work, *args in ((ran.put, "a"), (lose,))]
    assert [type(one) for one in await _told(*answers)] == [StoreError, StoreError]
    assert await offload.run(ran.put, "b") == "b"
    assert _keys(sqlite_store) == {"b"}
