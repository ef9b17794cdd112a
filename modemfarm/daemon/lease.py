"""A host's name belongs to one daemon at a time: two state directories may share a database, and only then meet."""

from __future__ import annotations

import os
import secrets
from datetime import datetime
from pathlib import Path

from modemfarm.errors import StoreError
from modemfarm.store import hosts
from modemfarm.store.engine import Row, Store, from_us


def enter(store: Store, host: str, state_dir: Path, version: str, now: datetime) -> str:
    """Take the lease of a host's name; the caller holds the lock of the state directory.

    A lease that a daemon of this state directory left is taken over at once: the lock says that it is dead.

    Returns:
        The name of this run; its first half is the state directory's own.

    Raises:
        StoreError: a daemon of another state directory lives under this name.
    """
    instance = f"{_own_name(state_dir)}{hosts.RUN}{secrets.token_hex(4)}"
    with store.write() as tx:
        taken = hosts.take_lease(tx, host, instance, os.getpid(), version, hosts.clock(tx, now))
    if not taken:
        with store.read() as tx:
            other = hosts.holder(tx, host)
        raise StoreError(
            f"another daemon runs as {host} on this database from another state directory"
            + ("" if other is None else f" ({_who(other)}, alive at least until {_clock(other)})")
            + ": give one of them another `host`"
        )
    return instance


def usurped(store: Store, host: str) -> str:
    """That another daemon has taken the name of a host, and which.

    Raises:
        StoreError
    """
    with store.read() as tx:
        other = hosts.holder(tx, host)
    named = "" if other is None else f" ({_who(other)})"
    return f"another daemon{named} took the name {host} on this database: this one stopped"


def _who(row: Row) -> str:
    return f"process {row['pid']}" + (f" on {row['machine']}" if row["machine"] else "")


def _clock(row: Row) -> str:
    return f"{from_us(row['lease_until']):%H:%M:%S} UTC"


def _own_name(state_dir: Path) -> str:
    """The state directory's own name, made once and kept in its file `instance`."""
    path = state_dir / "instance"
    try:
        kept = path.read_text("ascii").strip() if path.exists() else ""
        if not kept:
            kept = secrets.token_hex(8)
            fresh = path.with_suffix(".new")
            fresh.write_text(f"{kept}\n", "ascii")
            fresh.replace(path)
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot use {path}: {error}") from error
    return kept
