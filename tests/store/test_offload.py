"""The one writer thread: who shares a commit, and who hears of what."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modemfarm.errors import StoreError
from modemfarm.store.engine import Store, Tx
from modemfarm.store.offload import COMMIT_WITHIN_S, SERVER_WRITERS, Offload
from tests.patience import PATIENT_S
from tests.postgres import Cluster


@pytest.fixture
def offload(sqlite_store: Store) -> Iterator[Offload]:
    made = Offload(sqlite_store)
    made.start()
    yield made
    made.stop()


def _put(tx: Tx, key: str) -> str:
    tx.run("INSERT INTO farm (key, value) VALUES (:key, '1')", key=key)
    return key


def _keys(store: Store) -> set[str]:
    with store.read() as tx:
        return {row["key"] for row in tx.all("SELECT key FROM farm")} - {"schema", "farm_id", "epoch"}


class Gate:
    """Holds the writer inside a transaction until the test has queued what it wants."""

    def __init__(self, offload: Offload) -> None:
        self._go, self.inside = threading.Event(), threading.Event()
        self.done = asyncio.ensure_future(offload.run(self._wait))

    def _wait(self, _tx: Tx) -> None:
        self.inside.set()
        assert self._go.wait(PATIENT_S)

    def open(self) -> None:
        self._go.set()


async def _until(event: threading.Event) -> None:
    while not event.is_set():
        await asyncio.sleep(0.001)


async def test_what_is_queued_meanwhile_shares_the_next_commit(offload: Offload, sqlite_store: Store) -> None:
    gate = Gate(offload)
    await _until(gate.inside)
    commits: list[int] = []

    def look(tx: Tx, key: str) -> None:
        _put(tx, key)
        commits.append(id(tx))

    waiting = [asyncio.ensure_future(offload.run(look, f"k{number}")) for number in range(20)]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(gate.done, *waiting)
    assert len(set(commits)) == 1
    assert len(_keys(sqlite_store)) == 20


async def test_one_failing_command_hurts_nobody_else(offload: Offload, sqlite_store: Store) -> None:
    def bad(tx: Tx) -> None:
        _put(tx, "half")
        raise KeyError("mine alone")

    def wrong(tx: Tx) -> None:
        _put(tx, "wrong")
        tx.run("INSERT INTO nowhere VALUES (1)")

    gate = Gate(offload)
    await _until(gate.inside)
    answers = [
        asyncio.ensure_future(offload.run(work, *args)) for work, *args in ((_put, "a"), (bad,), (wrong,), (_put, "b"))
    ]
    await asyncio.sleep(0)
    gate.open()
    first, failed, broken, second = await asyncio.gather(*answers, return_exceptions=True)
    await gate.done
    assert (first, second) == ("a", "b")
    assert isinstance(failed, KeyError)
    assert isinstance(broken, StoreError)
    assert _keys(sqlite_store) == {"a", "b"}


async def test_a_failed_commit_fails_all_that_were_in_it(
    offload: Offload, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = sqlite_store.connect().dialect
    gate = Gate(offload)
    await _until(gate.inside)
    answers = [asyncio.ensure_future(offload.run(_put, f"k{number}")) for number in range(3)]
    await asyncio.sleep(0)

    def fail(connection: object) -> None:
        raise broken.loaded_dbapi.OperationalError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(type(broken), "do_commit", lambda _self, connection: fail(connection))
        gate.open()
        heard = await asyncio.gather(gate.done, *answers, return_exceptions=True)
    assert all(isinstance(one, StoreError) for one in heard)
    assert not _keys(sqlite_store)
    assert await offload.run(_put, "later") == "later"
    assert _keys(sqlite_store) == {"later"}


async def test_a_database_that_cannot_be_opened_fails_what_waits_and_nothing_later(
    offload: Offload, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise StoreError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_store, "connect", refuse)
        heard = await asyncio.gather(offload.run(_put, "a"), offload.run(_put, "b"), return_exceptions=True)
        assert [str(one) for one in heard] == ["gone", "gone"]
    assert await offload.run(_put, "c") == "c"


async def test_a_cancelled_wait_leaves_the_others_alone(offload: Offload, sqlite_store: Store) -> None:
    gate = Gate(offload)
    await _until(gate.inside)
    given_up = asyncio.ensure_future(offload.run(_put, "given up"))
    kept = asyncio.ensure_future(offload.run(_put, "kept"))
    await asyncio.sleep(0)
    given_up.cancel()
    gate.open()
    assert await kept == "kept"
    await gate.done
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert "kept" in _keys(sqlite_store)
    assert offload.pending == 0


async def test_the_wire_goes_before_bulk_work(offload: Offload) -> None:
    gate = Gate(offload)
    await _until(gate.inside)
    order: list[str] = []
    waiting = [
        asyncio.ensure_future(put(lambda _tx, name=name: order.append(name)))
        for put, name in ((offload.bulk, "bulk"), (offload.run, "wire"))
    ]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(gate.done, *waiting)
    assert order == ["wire", "bulk"]


@pytest.fixture
def one_writer(sqlite_store: Store) -> Iterator[Offload]:
    """A server has several writers, a transaction for each command."""
    made = Offload(sqlite_store)
    made.start()
    yield made
    made.stop()


async def test_what_is_urgent_goes_first_and_is_committed_alone(one_writer: Offload, sqlite_store: Store) -> None:
    offload, store = one_writer, sqlite_store
    gate = Gate(offload)
    await _until(gate.inside)
    seen: list[set[str]] = []
    waiting = [
        asyncio.ensure_future(offload.run(_put, "wire")),
        asyncio.ensure_future(offload.at_once(_put, "urgent")),
        asyncio.ensure_future(offload.run(lambda _tx: seen.append(_keys(store)))),
    ]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(gate.done, *waiting)
    assert seen == [{"urgent"}]  # committed before anything else began
    assert _keys(store) == {"urgent", "wire"}


async def test_a_commit_does_not_grow_for_ever_while_new_commands_come(
    one_writer: Offload, sqlite_store: Store
) -> None:
    offload, store = one_writer, sqlite_store
    told: list[str] = []

    def slow(tx: Tx, key: str) -> None:
        _put(tx, key)
        until = time.monotonic() + COMMIT_WITHIN_S
        while time.monotonic() < until:
            pass
        told.append(f"{key} sees {len(_keys(store))}")

    await asyncio.gather(*(offload.run(slow, f"k{at}") for at in range(3)))
    assert told[:2] == ["k0 sees 0", "k1 sees 1"]  # the first was committed although more waited


async def test_pending_counts_back_to_zero_however_many_threads_ask(offload: Offload) -> None:
    def ask() -> None:
        for _ in range(50):
            offload.call(lambda _tx: None)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        await offload.run(lambda _tx: None)
    for thread in threads:
        thread.join()
    assert offload.pending == 0


async def test_stopping_finishes_what_is_queued_and_takes_nothing_more(store: Store) -> None:
    offload = Offload(store)
    waiting = [asyncio.ensure_future(offload.run(_put, f"k{number}")) for number in range(5)]
    await asyncio.sleep(0)
    offload.start()
    await asyncio.to_thread(offload.stop)
    await asyncio.gather(*waiting)
    assert len(_keys(store)) == 5
    with pytest.raises(StoreError, match="stopping"):
        await offload.run(_put, "late")


def test_who_reads_is_told_at_once_while_a_server_owes_an_answer_for_long(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemfarm.store.offload.SILENT_S", 0.0)
    store = Store(cluster.create("mute"), tmp_path)
    offload = Offload(store)
    offload.start()
    asked, answered = threading.Event(), threading.Event()

    def mute(_tx: Tx) -> bool:
        asked.set()
        return answered.wait(PATIENT_S)

    with ThreadPoolExecutor(1) as waiting:
        told = waiting.submit(offload.call, mute)
        assert asked.wait(PATIENT_S)
        with pytest.raises(StoreError, match="not answered"), store.read():
            pass
        answered.set()
        assert told.result(60)
    with store.read() as tx:
        assert tx.value("SELECT 1") == 1
    offload.stop()
    store.close()


def test_what_is_urgent_waits_for_no_other_work_on_a_server(cluster: Cluster, tmp_path: Path) -> None:
    offload = Offload(Store(cluster.create("urgent"), tmp_path))
    offload.start()
    go, inside = threading.Event(), threading.Semaphore(0)

    def busy(_tx: Tx) -> None:
        inside.release()
        assert go.wait(PATIENT_S)

    async def main() -> str:
        waiting = [asyncio.ensure_future(offload.run(busy)) for _ in range(SERVER_WRITERS)]
        for _ in waiting:
            await asyncio.to_thread(inside.acquire)
        later = asyncio.ensure_future(offload.run(lambda _tx: "wire"))
        told = await offload.at_once(lambda _tx: "urgent")
        assert not later.done()
        go.set()
        await asyncio.gather(*waiting, later)
        return told

    assert asyncio.run(main()) == "urgent"
    offload.stop()
