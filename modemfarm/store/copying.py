"""Copies of the whole database: made while a daemon runs, checked before anyone relies on them, put back."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from modemfarm.errors import StoreError
from modemfarm.store import disk, encrypting, epoch, hosts, migrations
from modemfarm.store.engine import Store

TABLES = ("messages", "parts", "attempts", "inbound", "suppressions", "sims")  # what a copy is counted by
_SERVER_WITHIN_S = 3600


def backup(store: Store, target: Path, secret: bytes | None = None) -> dict[str, int]:
    """Copy the database to a file that was not there, as of one moment; writers go on meanwhile.

    The copy is opened and examined before it gets its name.

    Args:
        secret: closes the copy.

    Returns:
        Rows of the main tables in the copy.

    Raises:
        StoreError: it cannot be made, or the copy is not whole.
    """
    if target.exists():
        raise StoreError(f"{target} is there already: name another file")
    fresh = target.with_name(f".{target.name}.part")
    closed = target.with_name(f".{target.name}.closed")
    try:
        fresh.unlink(missing_ok=True)
        os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        if store.file is None:
            _server(store, "pg_dump", "--format=custom", "--no-owner", "--file", str(fresh))
            rows = _listed(fresh)
        else:
            _copy(store.file, fresh)
            rows = examine(fresh)
        if secret is not None:
            _close(fresh, closed, secret)
        with (closed if secret else fresh).open("rb") as file:
            os.fsync(file.fileno())
        os.link(closed if secret else fresh, target)  # unlike a rename it never replaces what appeared there meanwhile
        _sync(target.parent)
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
            closed.unlink(missing_ok=True)
    return rows


def _close(plain: Path, closed: Path, secret: bytes) -> None:
    closed.unlink(missing_ok=True)
    with os.fdopen(os.open(closed, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as file:
        encrypting.encrypt(plain, file, secret)


def compact(store: Store) -> tuple[int, int]:
    """Rewrite a database without what was deleted from it; octets before and after, 0 for a server.

    Raises:
        StoreError: somebody uses it, or there is no room for a second copy.
    """
    if store.file is None:
        _server(store, "psql", "--quiet", "--no-psqlrc", "--command", "VACUUM FULL")
        return 0, 0
    before = store.file.stat().st_size
    store.close()
    try:
        with contextlib.closing(sqlite3.connect(store.file)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise StoreError(f"cannot rewrite {store.file}: {error}") from error
    return before, store.file.stat().st_size


def _copy(source: Path, target: Path) -> None:
    try:
        with _plain(source) as ours, contextlib.closing(sqlite3.connect(target)) as theirs:
            ours.backup(theirs)
            theirs.execute("PRAGMA journal_mode=DELETE")  # one file, without companions
    except sqlite3.Error as error:
        raise StoreError(f"cannot copy {source}: {error}") from error


@contextlib.contextmanager
def _plain(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads and leaves no files behind."""
    with contextlib.closing(disk.open_to_read(file)) as connection:
        yield connection


def examine(file: Path) -> dict[str, int]:
    """Say that a file is a whole database of modemfarm's that this version can use, and count its rows.

    Raises:
        StoreError: it is not.
    """
    if not file.is_file():
        raise StoreError(f"there is no file {file}")
    try:
        with _plain(file) as copy:
            faults = [str(row[0]) for row in copy.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]
            if faults:
                raise StoreError(f"{file} is damaged: {'; '.join(faults)}")
            tables = {str(row[0]) for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "farm" not in tables:
                raise StoreError(f"{file} is not a database of modemfarm's")
            return {
                table: int(copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 # ours
                for table in TABLES
                if table in tables
            }
    except sqlite3.Error as error:
        raise StoreError(f"{file} is not a database: {error}") from error


def restore(
    store: Store, source: Path, state_dir: Path, now: datetime, secret: bytes | None = None
) -> tuple[int, Path | None]:
    """Put a copy in the place of the database; all that is not final in it is held for a person.

    The caller holds the lock of the state directory. What stood there is kept beside it.

    Args:
        secret: opens a closed copy.

    Returns:
        How many messages are held, and where the replaced database lies.

    Raises:
        StoreError: the copy cannot be used (nothing was changed), or the disk refuses.
    """
    if secret is not None:
        plain = state_dir / ".restoring"
        try:
            plain.unlink(missing_ok=True)
            with os.fdopen(os.open(plain, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as file:
                encrypting.decrypt(source, file, secret)
            return restore(store, plain, state_dir, now)
        except OSError as error:
            raise StoreError(f"cannot open {source}: {error.strerror or error}") from error
        finally:
            plain.unlink(missing_ok=True)
    if store.file is None:
        return _restore_server(store, source, state_dir, now), None
    examine(source)
    fresh = store.file.with_name(f"{store.file.name}.restoring")
    try:
        _remove(fresh)
        shutil.copyfile(source, fresh)
        fresh.chmod(0o600)
        coming = Store(f"sqlite:///{fresh.name}", fresh.parent)
        number, held = _begin(coming, state_dir, now)
        coming.close()
        _fold(fresh)
        kept = _put_aside(store.file, now)
        fresh.replace(store.file)
        _sync(store.file.parent)
    except OSError as error:
        raise StoreError(f"cannot put {source} in place: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            _remove(fresh)
    epoch.remember(state_dir, number)
    return held, kept


def _begin(store: Store, state_dir: Path, now: datetime) -> tuple[int, int]:
    """Bring a restored database to this version's schema and into an epoch of its own, everything open held."""
    store.run(lambda tx: tx.run("UPDATE hosts SET lease_until = 0"))  # of daemons of the time of the copy
    migrations.upgrade(store, now)
    with store.write() as tx:
        held = epoch.hold(tx, now)
        return epoch.advance(tx, epoch.seen(state_dir)), held


def _fold(file: Path) -> None:
    """Bring all of a database nobody uses into its one file."""
    try:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise StoreError(f"{file}: {error}") from error
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def _put_aside(file: Path, now: datetime) -> Path | None:
    """Keep the database that is to be replaced, its log with it, under another name; None where there is none."""
    if not file.exists():
        return None
    kept = file.with_name(f"{file.name}.before-restore-{now:%Y%m%dT%H%M%S}")
    with contextlib.suppress(StoreError):  # a damaged one keeps its log as it is
        examine(file)
        _fold(file)
    os.link(file, kept)
    for end in ("-wal", "-shm"):  # a log that stayed belongs to what is put aside, never to what comes
        companion = Path(f"{file}{end}")
        if companion.exists():
            companion.rename(f"{kept}{end}")
    return kept


def _remove(file: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        Path(f"{file}{end}").unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _restore_server(store: Store, source: Path, state_dir: Path, now: datetime) -> int:
    _listed(source)
    if migrations.found(store):
        for host in store.look(hosts.alive, now):
            raise StoreError(f"the daemon on {host['name']} (process {host['pid']}) uses this database: stop it first")
    _server(store, "pg_restore", "--clean", "--if-exists", "--no-owner", "--single-transaction", str(source))
    number, held = _begin(store, state_dir, now)
    epoch.remember(state_dir, number)
    return held


def _listed(dump: Path) -> dict[str, int]:
    """What a dump of the server says that it holds; its rows are not counted."""
    text = _program("pg_restore", "--list", str(dump))
    if " TABLE DATA " not in text or " farm " not in text:
        raise StoreError(f"{dump} holds no database of modemfarm's")
    return {}


def _server(store: Store, program: str, *arguments: str) -> str:
    """Run one of PostgreSQL's own programs on this database; the password goes by the environment."""
    plain = store.url.set(drivername="postgresql", password=None).render_as_string()
    return _program(program, "--dbname", plain, *arguments, password=store.url.password)


def _program(program: str, *arguments: str, password: object = None) -> str:
    found = shutil.which(program)
    if found is None:
        raise StoreError(f"{program} is not installed (Debian: postgresql-client)")
    environ = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    try:
        done = subprocess.run(  # noqa: S603 # PostgreSQL's own programs, arguments of ours
            [found, *arguments], check=False, capture_output=True, text=True, env=environ, timeout=_SERVER_WITHIN_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StoreError(f"{program}: {error}") from error
    if done.returncode:
        raise StoreError(f"{program}: {done.stderr.strip() or done.returncode}")
    return done.stdout
