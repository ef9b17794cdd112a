"""The writer threads of a daemon: commands of many tasks, each with a future that is told after COMMIT."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from modemfarm.errors import StoreBusyError, StoreError
from modemfarm.store.engine import TRIES, Store, Tx, checkpoint
from modemfarm.store.sealing import Secret

log = logging.getLogger(__name__)

MOST_PER_COMMIT = 256
COMMIT_WITHIN_S = 0.020  # work that one commit takes up, where an fsync is no slower: all of it waits for its end
BULK_SLICE_S = 0.010  # intake may hold the writer for so long while the wire waits
CHECKPOINT_EVERY_S = 5.0
SERVER_WRITERS = 4  # connections that a daemon writes to a server by, and one more for what is urgent
SILENT_S = 12.0  # a lock is waited for no longer than 10 s: a command that takes this long has no server, or a slow one
_GONE = ("terminating connection", "server closed the connection", "connection is lost", "the connection is closed")

T = TypeVar("T")
_Future = TypeVar("_Future", asyncio.Future[Any], Future[Any])
_Answer = asyncio.Future[Any] | Future[Any]  # of a task, or of another thread
_Job = tuple[Callable[..., Any], tuple[Any, ...], _Answer, bool]  # True: of bulk work
_Told = list[tuple[_Answer, Any, BaseException | None]]


class Offload:
    """Runs store functions: one after the other in a thread of its own, or on a server in several.

    Urgent commands go before those of the wire, these before bulk ones; an urgent one is committed at once. In SQLite,
    what is queued while a commit is on its way shares the next. A command changes nothing but its transaction: it may
    be rolled back for another's sake and run once more.
    """

    def __init__(self, store: Store, *, checkpoints: bool = True) -> None:
        """Begin with nothing to do.

        Args:
            checkpoints: move SQLite's write-ahead log into the database; one process does it for all.
        """
        self._store = store
        self._checkpoints = checkpoints and store.sqlite
        self._urgent: deque[_Job] = deque()
        self._wire: deque[_Job] = deque()
        self._bulk: deque[_Job] = deque()
        self._lock = threading.Lock()
        self._wake, self._wake_urgent = threading.Condition(self._lock), threading.Condition(self._lock)
        self._stopping = False
        one = _Together if store.sqlite else _Alone
        self._writers = [one(store, self._next, self._is_urgent) for _ in range(1 if store.sqlite else SERVER_WRITERS)]
        self._threads = [
            threading.Thread(
                target=self._work, args=(writer, self._wake, self._waits), name="store-writer", daemon=True
            )
            for writer in self._writers
        ]
        if not store.sqlite:  # however long the others wait, for locks or for the server
            self._writers.append(_Alone(store, self._next_urgent, self._is_urgent))
            its = (self._writers[-1], self._wake_urgent, self._is_urgent)
            self._threads.append(threading.Thread(target=self._work, args=its, name="store-urgent", daemon=True))
        store.silent = self._is_silent
        self._checkpointer = threading.Thread(target=self._checkpoint, name="store-checkpoint", daemon=True)
        self._stopped = threading.Event()
        self.pending = 0  # commands not yet answered; a virtual clock waits for zero

    def start(self) -> None:
        """Start the thread; until then commands wait."""
        for thread in self._threads:
            thread.start()
        if self._checkpoints:
            self._checkpointer.start()

    @property
    def sqlite(self) -> bool:
        """Whether what is queued shares a transaction."""
        return self._store.sqlite

    @property
    def secret(self) -> Secret:
        """What seals the secrets of this store."""
        return self._store.secret

    @property
    def alive(self) -> bool:
        """Whether the writer thread runs."""
        return all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Finish what is queued, then end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
            self._wake_urgent.notify_all()
        for thread in self._threads:
            thread.join()
        self._stopped.set()
        if self._checkpointer.is_alive():
            self._checkpointer.join()

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """Await one store function's result; returns after its COMMIT.

        Raises:
            StoreError: nothing of it was written, or (connection lost in COMMIT) nobody knows.
        """
        answer: T = await self._put(self._wire, work, args, asyncio.get_running_loop().create_future())
        return answer

    async def at_once(self, work: Callable[..., T], *args: Any) -> T:
        """The same, before all that waits: for what must have its effect within a tenth of a second."""
        answer: T = await self._put(self._urgent, work, args, asyncio.get_running_loop().create_future())
        return answer

    def call(self, work: Callable[..., T], *args: Any) -> T:
        """The same for other threads and for bulk work: it waits behind the wire's commands."""
        answer: T = self._put(self._bulk, work, args, Future()).result()
        return answer

    async def bulk(self, work: Callable[..., T], *args: Any) -> T:
        """Bulk work awaited from asyncio."""
        answer: T = await self._put(self._bulk, work, args, asyncio.get_running_loop().create_future())
        return answer

    def _put(self, queue: deque[_Job], work: Callable[..., Any], args: tuple[Any, ...], future: _Future) -> _Future:
        with self._wake:
            if self._stopping:
                raise StoreError("the daemon is stopping")
            queue.append((work, args, future, queue is self._bulk))
            self.pending += 1
            self._wake.notify()
            if queue is self._urgent:
                self._wake_urgent.notify()
        return future

    def _work(self, writer: _Together | _Alone, wake: threading.Condition, waits: Callable[[], bool]) -> None:
        while True:
            with wake:
                wake.wait_for(lambda: waits() or self._stopping)
                if not waits():
                    break
            self._tell(writer.commit())
        writer.close()

    def _is_silent(self) -> bool:
        """Whether a server has owed the answer to a command for so long that nobody should ask it more."""
        long_ago = time.monotonic() - SILENT_S
        return any(asked is not None and asked < long_ago for asked in [writer.asked_at for writer in self._writers])

    def _is_urgent(self) -> bool:
        return bool(self._urgent)

    def _waits(self) -> bool:
        return bool(self._urgent or self._wire or self._bulk)

    def _tell(self, answers: _Told) -> None:
        """Hand the results of one commit over: to each thread its own, to each event loop all of its tasks' at once."""
        loops: dict[asyncio.AbstractEventLoop, _Told] = {}
        for answer in answers:
            future = answer[0]
            if isinstance(future, asyncio.Future):
                loops.setdefault(future.get_loop(), []).append(answer)
                continue
            self._answered(1)
            if future.set_running_or_notify_cancel():
                _settle(*answer)
        for loop, told in loops.items():
            try:
                loop.call_soon_threadsafe(self._settle_all, told)
            except RuntimeError:  # its loop was closed meanwhile: nobody waits any more
                self._answered(len(told))

    def _settle_all(self, told: _Told) -> None:
        """In the loop's own thread: a virtual clock moves on only after its tasks were told."""
        for answer in told:
            if not answer[0].done():
                _settle(*answer)
        self._answered(len(told))

    def _answered(self, count: int) -> None:
        with self._wake:
            self.pending -= count

    def _next(self, bulk_too: bool) -> _Job | None:
        with self._wake:
            if self._urgent or self._wire:
                return (self._urgent or self._wire).popleft()
            return self._bulk.popleft() if self._bulk and bulk_too else None

    def _next_urgent(self, _bulk_too: bool) -> _Job | None:
        with self._wake:
            return self._urgent.popleft() if self._urgent else None

    def _checkpoint(self) -> None:
        while not self._stopped.wait(CHECKPOINT_EVERY_S):
            try:
                checkpoint(self._store)
            except StoreError as error:
                log.warning("store: checkpoint: %s", error)


class _Connected:
    """A writer's own connection, made anew after a failure."""

    def __init__(self, store: Store, take: Callable[[bool], _Job | None], is_urgent: Callable[[], bool]) -> None:
        self._store, self._take, self._is_urgent = store, take, is_urgent
        self._took_s = 0.0  # the last COMMIT
        self.asked_at: float | None = None  # since when a server has a command in hand
        self._connection: Connection | None = None

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._store.connect()
        return self._connection

    def close(self) -> None:
        """Give the connection up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.invalidate()
                connection.close()
            except SQLAlchemyError:
                log.warning("store writer: the old connection did not close")


class _Together(_Connected):
    """SQLite: one writer; what is queued shares a transaction.

    The wire's commands hardly ever fail, and share it as they are: when one does, all that the transaction did is
    rolled back and done anew, a savepoint each. Bulk commands may be refused any time: one has a savepoint, and so has
    what follows it.
    """

    def commit(self) -> _Told:
        """One transaction; what became of each of its commands."""
        taken: list[_Job] = []
        try:
            connection = self._connected()
            try:
                with connection.begin():
                    answers = self._take_all(Tx(connection, self._store.secret), taken)
                    begun = time.monotonic()
            except _UndoneError:
                with connection.begin():
                    tx = Tx(connection, self._store.secret)
                    answers = [_in_savepoint(tx, job) for job in taken]
                    begun = time.monotonic()
            self._took_s = time.monotonic() - begun
        except Exception as error:  # noqa: BLE001 # whatever it is, everyone in this commit must hear of it
            failure = _failure(error)
            self.close()
            if not taken and (job := self._take(True)):  # not even a transaction could be begun
                taken.append(job)
            answers = [(job[2], None, failure) for job in taken]
        return answers

    def _take_all(self, tx: Tx, taken: list[_Job]) -> _Told:
        """Take commands, and run each.

        Raises:
            _UndoneError: one that had no savepoint failed, and none of the others had one.
        """
        answers: _Told = []
        begun, urgent, spent, together = time.monotonic(), self._is_urgent(), 0.0, True
        within = max(COMMIT_WITHIN_S, 2 * self._took_s)
        while len(taken) < MOST_PER_COMMIT and spent < within and (job := self._take(spent < BULK_SLICE_S)):
            taken.append(job)
            work, args, future, bulk = job
            together = together and not bulk
            if together:
                try:
                    answers.append((future, work(tx, *args), None))
                except Exception as error:
                    raise _UndoneError from error
            else:
                answers.append(_in_savepoint(tx, job))
            if urgent is not self._is_urgent():  # the urgent ones are through, or one came
                break
            spent = time.monotonic() - begun
        return answers


def _in_savepoint(tx: Tx, job: _Job) -> tuple[_Answer, Any, BaseException | None]:
    work, args, future, _ = job
    tx.run("SAVEPOINT command")
    try:
        value = work(tx, *args)
    except Exception as error:  # noqa: BLE001 # the caller gets it; the other commands of this commit go on
        try:
            tx.run("ROLLBACK TO SAVEPOINT command")
        except StoreError:  # SQLite gave the whole transaction up, for want of room for example
            raise error from None
        return future, None, error
    tx.run("RELEASE SAVEPOINT command")
    return future, value, None


class _UndoneError(Exception):
    """A transaction was rolled back because one of its commands failed."""


class _Alone(_Connected):
    """A server: a transaction for each command, of several writers at once, so that locks are held in one order only.

    The server groups the commits.
    """

    def commit(self) -> _Told:
        """One transaction; what became of its command."""
        job = self._take(True)
        if job is None:  # another writer was faster
            return []
        for last in (False,) * TRIES + (True,):
            try:
                return [(job[2], self._one_command(job), None)]
            except _AgainError as error:
                if last:
                    return [(job[2], None, error.cause)]
            except Exception as error:  # noqa: BLE001 # the caller gets it
                return [(job[2], None, error)]
        raise AssertionError

    def _one_command(self, job: _Job) -> Any:
        """Run one command.

        Raises:
            _AgainError: it was rolled back for a reason that is over now.
        """
        self.asked_at = time.monotonic()
        try:
            return self._transacted(job)
        finally:
            self.asked_at = None

    def _transacted(self, job: _Job) -> Any:
        work, args, _, _ = job
        kept = self._connection is not None
        try:
            connection = self._connected()
        except Exception as error:
            raise _failure(error) from error
        done = False
        try:
            with connection.begin():
                tx = Tx(connection, self._store.secret)
                value = work(tx, *args)
                tx.finish()
                done = True
        except StoreBusyError as error:
            self.close()
            log.warning("store writer: once more: %s", error)
            raise _AgainError(error) from error
        except (StoreError, SQLAlchemyError) as error:
            self.close()
            if kept and not done and _is_lost(connection, error):  # it went while nothing was asked of it
                raise _AgainError(_failure(error)) from error
            raise _failure(error) from error
        return value


class _AgainError(Exception):
    def __init__(self, cause: StoreError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _is_lost(connection: Connection, error: BaseException) -> bool:
    """Whether a statement failed because the server was gone."""
    return connection.invalidated or any(sign in str(error) for sign in _GONE)


def _failure(error: Exception) -> StoreError:
    if not isinstance(error, (StoreError, SQLAlchemyError)):
        log.error("store writer: unexpected error", exc_info=error)
    return error if isinstance(error, StoreError) else StoreError(str(error))


def _settle(future: _Answer, value: Any, problem: BaseException | None) -> None:
    if problem is None:
        future.set_result(value)
    else:
        future.set_exception(problem)
