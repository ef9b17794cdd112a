"""An empty database of this version in a file: made once, then copied, as making one takes longer than most tests."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from modemfarm.store import migrations
from modemfarm.store.engine import Store

NAME = "farm.db"


def fresh(folder: Path) -> Store:
    """The database `farm.db` of a folder, empty where it was not there before."""
    path = folder / NAME
    if not path.exists():
        path.touch(0o600)
        path.write_bytes(_octets())
    return Store(f"sqlite:///{NAME}", folder)


@cache
def _octets() -> bytes:
    with TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{NAME}", Path(folder))
        migrations.upgrade(store, datetime(2026, 1, 1, tzinfo=UTC))
        store.close()  # the last to close one moves the log into the file
        return (Path(folder) / NAME).read_bytes()
