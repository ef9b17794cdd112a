"""Opens the database and runs transactions; foreign errors end here as StoreError."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import re
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from modemfarm.errors import DamagedStoreError, ReadOnlyStoreError, StoreBusyError, StoreError
from modemfarm.store import disk, locks
from modemfarm.store.sealing import Secret

log = logging.getLogger(__name__)

Row = dict[str, Any]
T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
CHANNEL = "modemfarm"
POOLED = 4  # connections that each of the two pools of a SQLite file keeps open
WAL_PAGES = 8192  # 32 MB: a commit moves the log only where the daemon's own checkpoints do not keep it shorter
_DAMAGE = ("malformed", "file is not a database")  # SQLITE_CORRUPT, SQLITE_NOTADB
_NO_WRITES = "readonly database"
_UNUSABLE = ("unable to open database file", _NO_WRITES, "disk I/O error")
_WAITED = "lock timeout"
_BUSY = ("locked", _WAITED, "deadlock detected", "could not serialize")
_MADE_WITHIN_S = 1.0  # another process between making the file and its first page
# Of a connection to a server: a host that stops in the middle of a transaction keeps nobody waiting for long, a cut
# cable is noticed before the lease ends, and what was committed is on the disk (of a synchronous standby, too).
SERVER: Mapping[str, Any] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 8000,
    "keepalives_idle": 3,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "application_name": "modemfarm",
    "options": "-c timezone=UTC -c statement_timeout=30s -c lock_timeout=10s"
    " -c idle_in_transaction_session_timeout=8s -c synchronous_commit=on",
}
TRIES = 3  # of work that the server rolled back for another's sake
BUSY_WITHIN_MS = 10_000  # another process's short transaction; a longer wait is an error
_PRAGMAS = (f"busy_timeout={BUSY_WITHIN_MS}", "journal_mode=WAL", "synchronous=FULL",
            f"wal_autocheckpoint={WAL_PAGES}", "secure_delete=FAST")  # fmt: skip


@functools.lru_cache(256)  # one command asks for the same moment again and again
def to_us(moment: datetime) -> int:
    """A moment as the database keeps it: whole microseconds since the epoch, UTC."""
    return (moment - _EPOCH) // _US


def from_us(us: int) -> datetime:
    """The aware UTC moment of a database time."""
    return _EPOCH + us * _US


@functools.cache
def _pyformat(sql: str) -> str:
    """`:name` binds as psycopg writes them."""
    return re.sub(r"(?<![:\w]):(\w+)", r"%(\1)s", sql.replace("%", "%%"))


class Tx:
    """One open transaction.

    Statements go to the driver as they are, with `:name` binds: on a message's way each costs 4 µs so,
    and 50 µs as a SQLAlchemy construct (docs/decisions/sqlalchemy.md).
    """

    __slots__ = ("_cursor", "_error", "_file", "_last", "_later", "_tells", "connection", "owners", "secret", "sqlite")

    def __init__(self, connection: Connection, secret: Secret) -> None:
        """Begin to speak on a connection.

        Args:
            secret: what hashes and seals in this database.
        """
        self.connection = connection
        self.secret = secret
        self.sqlite = connection.dialect.name == "sqlite"
        self._error = connection.dialect.loaded_dbapi.Error
        self._file = connection.engine.url.database if self.sqlite else None
        self._cursor = connection.connection.cursor()
        self._later: list[tuple[frozenset[str], str, Callable[[Tx], object]]] = []
        self._last: list[Callable[[Tx], object]] = []
        self._tells = False
        self.owners: set[str] = set()  # whose limits nobody else charges meanwhile (see locks.py)

    def later(self, work: Callable[[Tx], object], *, owners: Iterable[str] = (), person: str = "") -> None:
        """Write at the end of this transaction what others must not be kept waiting for, or wait for, before.

        Args:
            owners: whose limits it changes; where they are ours already, and in SQLite, it is done at once.
            person: whose last exchange it writes.
        """
        if self.sqlite or (not person and self.owners.issuperset(owners)):
            work(self)
        else:
            self._later.append((frozenset(owners), person, work))

    def at_last(self, work: Callable[[Tx], object]) -> None:
        """Write behind all that: what everybody in the farm waits for."""
        self._last.append(work)
        if self.sqlite:
            self._last.pop()(self)

    def tell(self) -> None:
        """Wake the daemons of all hosts once this is committed; in SQLite its one daemon is woken otherwise."""
        self._tells = not self.sqlite

    def mark(self) -> tuple[int, int]:
        """Where `drop` goes back to."""
        return len(self._later), len(self._last)

    def drop(self, mark: tuple[int, int]) -> None:
        """Forget what was put off since then: it was rolled back."""
        del self._later[mark[0] :], self._last[mark[1] :]

    def finish(self) -> None:
        """Do what was put off: what owners used, then persons, each in ascending order, then the ledger."""
        if self._later or self._last:
            locks.owners(self, (name for names, _, _ in self._later for name in names))
            for work in [*(item[2] for item in sorted(self._later, key=lambda item: item[1])), *self._last]:
                work(self)
            self._later.clear()
            self._last.clear()
        if self._tells:
            self._tells = False
            self.run(f"SELECT pg_notify('{CHANNEL}', '')")

    def run(self, sql: str, **binds: object) -> int:
        """Execute one statement; the number of rows it touched."""
        self._execute(sql, binds)
        return int(self._cursor.rowcount)

    def all(self, sql: str, **binds: object) -> list[Row]:
        """Every row of a query (or of RETURNING), by column name."""
        self._execute(sql, binds)
        names = [column[0] for column in self._cursor.description]
        return [dict(zip(names, row, strict=True)) for row in self._cursor.fetchall()]

    def one(self, sql: str, **binds: object) -> Row | None:
        """The first row, or None."""
        self._execute(sql, binds)
        row = self._cursor.fetchone()
        if row is None:
            return None
        return dict(zip((column[0] for column in self._cursor.description), row, strict=True))

    def value(self, sql: str, **binds: object) -> Any:
        """The first column of the first row, or None."""
        self._execute(sql, binds)
        row = self._cursor.fetchone()
        return None if row is None else row[0]

    def many(self, sql: str, binds: Sequence[Mapping[str, object]]) -> int:
        """The same statement for many rows; how many it touched in all."""
        try:
            self._cursor.executemany(sql if self.sqlite else _pyformat(sql), binds)
        except self._error as error:
            raise _renamed(error, self._file) from error
        return int(self._cursor.rowcount)

    def _execute(self, sql: str, binds: Mapping[str, object]) -> None:
        try:
            self._cursor.execute(sql if self.sqlite else _pyformat(sql), binds)
        except self._error as error:
            raise _renamed(error, self._file) from error


def _renamed(error: Exception, file: Path | str | None) -> StoreError:
    text = str(error).strip()
    if file is not None and any(sign in text for sign in _DAMAGE):
        what = f"{file} is damaged ({text}): stop the daemon and restore a backup"
        return DamagedStoreError(f"{what}; `modemfarm db check` says whether a file is whole")
    if any(sign in text for sign in _BUSY):
        return StoreBusyError(f"the database is busy: {text}")
    if file is not None and any(sign in text for sign in _UNUSABLE):
        if not disk.is_read_only(file):
            return StoreError(f"{file}: {text}")
        if _NO_WRITES in text:
            return ReadOnlyStoreError(str(file))
        return StoreError(f"{file} cannot be read: it lies on a read-only file system ({text})")
    return StoreError(text or type(error).__name__)


class Store:
    """One database: short write transactions, and reads beside them.

    Raises (all methods):
        StoreError: the database is unreachable, damaged, full or read-only.
    """

    def __init__(self, url: str, base: Path, *, brief: bool = False) -> None:
        """Prepare; nothing is opened yet.

        Args:
            url: ``sqlite:///file`` (relative to `base`) or ``postgresql+psycopg://…``.
            brief: for one command: a file on a read-only disk is opened all the same, to be read. Who stays does
                without, and writes again once the disk takes it.
        """
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise StoreError(f"{url!r} is not a database URL") from error
        self._base = base
        self.secret = Secret(base)  # what seals the secrets of this database: a key in the state directory
        self.file: Path | None = None
        if parsed.get_backend_name() == "sqlite":
            self.file = base / (parsed.database or "modemfarm.db")
            parsed = parsed.set(database=str(self.file))
        self.url: URL = parsed
        self.silent: Callable[[], bool] = lambda: False  # the server owes an answer for too long: see offload.py
        self._to_read = brief and self.file is not None and disk.is_read_only(self.file)
        self._whole = False  # it has pages, or this process made it
        self._writer = self._engine("BEGIN IMMEDIATE")
        self._reader = self._engine("BEGIN")

    @property
    def sqlite(self) -> bool:
        """Whether the database is a SQLite file of this host."""
        return self.file is not None

    def _engine(self, begin: str) -> Engine:
        try:
            if self.file is None:
                return create_engine(
                    self.url,
                    poolclass=QueuePool,
                    pool_size=POOLED,
                    max_overflow=12,
                    pool_timeout=5,
                    pool_pre_ping=True,
                    hide_parameters=True,
                    connect_args=SERVER,
                )
            opened = {"creator": functools.partial(disk.open_to_read, self.file)} if self._to_read else {}
            engine = create_engine(
                self.url, poolclass=QueuePool, pool_size=POOLED, max_overflow=60, hide_parameters=True, **opened
            )
        except (SQLAlchemyError, ImportError) as error:
            raise StoreError(f"cannot use {self.url.render_as_string()}: {error}") from error

        @event.listens_for(engine, "connect")
        def prepare(connection: sqlite3.Connection, _record: object) -> None:
            connection.isolation_level = None
            for said in _PRAGMAS[:1] if self._to_read else _PRAGMAS:
                connection.execute(f"PRAGMA {said}")

        @event.listens_for(engine, "begin")
        def start(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine

    def tighten(self) -> None:
        """Take from others what rights they have on the state directory and the database file, and say so."""
        if self.file is None:
            return
        for path, rights in ((self._base, 0o700), (self.file, 0o600)):
            try:
                given = stat.S_IMODE(path.stat().st_mode)
                if given & ~rights:
                    path.chmod(given & rights)
                    log.warning("%s was open to others (%o): now it is %o", path, given, given & rights)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("%s may be open to others: %s", path, error.strerror)

    def create_file(self) -> None:
        """Make the state directory and the database file, for nobody else to read."""
        if self.file is None:
            return
        try:
            self._base.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._whole = self._whole or not self.file.exists()
            os.close(os.open(self.file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(f"cannot create {self.file}: {error.strerror}") from error

    def exists(self) -> bool:
        """Whether there is a database file (always true for a server)."""
        return self.file is None or self.file.exists()

    def _refuse_emptied(self) -> None:
        """Refuse a file that lost its pages, before SQLite throws away the log that may still hold some.

        A database of no octets is a new one to SQLite; beside a log or a daemon's lock it was one in use.
        """
        if self._whole or self.file is None:
            return
        until = time.monotonic() + _MADE_WITHIN_S
        while not self._has_pages(self.file):
            signs = (Path(f"{self.file}-wal"), Path(f"{self.file}-shm"), self._base / "daemon.lock")
            sign = next((sign for sign in signs if sign.exists()), None)
            if sign is None:
                return
            if time.monotonic() > until:
                what = f"{self.file} is empty, though {sign} says that it was in use: its contents may be lost"
                raise StoreError(f"{what}; restore a backup, or move these files away to begin anew")
            time.sleep(0.05)
        self._whole = True

    @staticmethod
    def _has_pages(file: Path) -> bool:
        try:
            return file.stat().st_size > 0
        except FileNotFoundError:
            return True  # told as missing elsewhere

    @contextlib.contextmanager
    def write(self) -> Iterator[Tx]:
        """A short write transaction of a process's or thread's own: all or nothing."""
        with self._transaction(self._writer) as tx:
            yield tx

    @contextlib.contextmanager
    def read(self) -> Iterator[Tx]:
        """One consistent view; writes nothing."""
        if self.silent():  # who asked would wait with no end, and soon no thread were left to say so
            raise StoreError("the database server has not answered for a while")
        with self._transaction(self._reader) as tx:
            yield tx

    @contextlib.contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Tx]:
        if not self.exists():
            raise StoreError(f"there is no database at {self.file}")
        self._refuse_emptied()
        try:
            with engine.begin() as connection:
                tx = Tx(connection, self.secret)
                yield tx
                tx.finish()
        except DBAPIError as error:
            raise _renamed(error.orig if isinstance(error.orig, Exception) else error, self.file) from error
        except SQLAlchemyError as error:
            raise StoreError(str(error)) from error

    def connect(self) -> Connection:
        """A connection to keep: the writer thread's."""
        self._refuse_emptied()
        try:
            connection = self._writer.connect()
            if self.sqlite:  # else what a savepoint could undo goes to a temporary file, page by page
                connection.connection.cursor().execute("PRAGMA temp_store=MEMORY")
            return connection
        except DBAPIError as error:
            raise _renamed(error.orig if isinstance(error.orig, Exception) else error, self.file) from error

    def run(self, work: Callable[..., T], *args: Any) -> T:
        """Call one store function in a write transaction of its own; anew where a server rolled it back for another."""
        for last in (False,) * (0 if self.sqlite else TRIES) + (True,):
            try:
                with self.write() as tx:
                    return work(tx, *args)
            except StoreBusyError as error:
                if last or _WAITED in str(error):
                    raise
        raise AssertionError

    def look(self, work: Callable[..., T], *args: Any) -> T:
        """Call one store function in a read transaction of its own."""
        with self.read() as tx:
            return work(tx, *args)

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._writer.dispose()
        self._reader.dispose()


def checkpoint(store: Store) -> None:
    """Move SQLite's write-ahead log into the database, without making anyone wait."""
    if store.file is None:
        return
    engine = create_engine(store.url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
    except DBAPIError as error:
        raise _renamed(error.orig if isinstance(error.orig, Exception) else error, store.file) from error
    finally:
        engine.dispose()
