"""Two state directories on one database: one daemon per host name, and no waiting after a crash."""

from __future__ import annotations

import re
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modemfarm.daemon.lease import enter
from modemfarm.errors import StoreError
from modemfarm.store import hosts, migrations
from modemfarm.store.engine import Store

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Store, Path, Path]:
    found = (Store("sqlite:///farm.db", tmp_path), tmp_path / "one", tmp_path / "two")
    migrations.upgrade(found[0], NOW)
    for folder in found[1:]:
        folder.mkdir()
    return found


def test_a_second_daemon_of_the_same_name_is_refused_while_the_first_lives(folders: tuple[Store, Path, Path]) -> None:
    store, one, two = folders
    machine = re.escape(socket.gethostname())
    enter(store, "cellar", one, "0", NOW)
    with pytest.raises(StoreError, match=rf"as cellar .*\(process \d+ on {machine}, .*until 09:30:15 UTC"):
        enter(store, "cellar", two, "0", NOW + timedelta(seconds=14))
    enter(store, "attic", two, "0", NOW)
    enter(store, "cellar", two, "0", NOW + timedelta(seconds=15))
    store.close()


def test_a_killed_daemon_starts_again_in_its_state_directory_at_once(folders: tuple[Store, Path, Path]) -> None:
    store, one, _ = folders
    killed = enter(store, "cellar", one, "0", NOW)
    again = enter(store, "cellar", one, "0", NOW + timedelta(seconds=1))
    assert again != killed
    with store.write() as tx:
        assert not hosts.renew_lease(tx, "cellar", killed, NOW)
    store.close()
