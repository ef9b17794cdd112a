"""One suite on both databases: `store` is an empty, upgraded one of each kind."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import psycopg
import pytest

from modemfarm.store.engine import Store
from modemfarm.store.migrations import upgrade
from tests.needs import missing

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
_numbers = count(1)


def _program(name: str) -> str:
    found = shutil.which(name) or next(
        (str(p) for p in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None
    )
    return found or missing("postgresql", "the store's tests run on it too")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A server of this test run's own, reached by a socket; its folder."""
    initdb, server = _program("initdb"), _program("pg_ctl")
    folder = Path(tempfile.mkdtemp(prefix="modemfarm-pg-", dir="/tmp"))
    owner = None
    if os.geteuid() == 0:  # the server refuses to run as root
        try:
            owner = pwd.getpwnam("postgres").pw_uid
        except KeyError:
            missing("the user postgres", "a PostgreSQL server does not run as root")
        os.chown(folder, owner, -1)

    def call(*words: str | Path) -> None:
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd=folder, user=owner)

    call(initdb, "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    call(server, "-D", folder / "data", "-l", folder / "log", "-w", "-o", options, "start")
    yield str(folder)
    call(server, "-D", folder / "data", "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        built = Store("sqlite:///farm.db", tmp_path)
    else:
        folder, name = request.getfixturevalue("postgres"), f"farm{next(_numbers)}"
        with psycopg.connect(f"host={folder} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        built = Store(f"postgresql+psycopg://postgres@/{name}?host={folder}", tmp_path)
    upgrade(built, NOW)
    yield built
    built.close()
