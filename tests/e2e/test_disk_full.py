"""A full disk: nothing new goes on the air, what is on the air is written down later, and it goes on by itself."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.farm import RealFarm, mixed_texts, until
from tests.needs import missing, require


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of a few megabytes."""
    mount = require("mount", "a full disk needs a small file system (apt-get install mount)")
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode != 0:
        missing("the right to mount a tmpfs", "a full disk needs a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    """Fill the disk to the last octet; a reader keeps SQLite's log from starting over in the room that it has."""
    reader = sqlite3.connect(f"file:{disk}/modemfarm.db?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM messages").fetchone()
    filler = os.open(disk / "filler", os.O_WRONLY | os.O_CREAT)
    try:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while os.write(filler, bytes(size)):
                    pass
        yield
    finally:
        os.close(filler)
        (disk / "filler").unlink()
        reader.close()


TEXTS = [(to, f"short {number}") for number, (to, _) in enumerate(mixed_texts(24))]


@contextlib.contextmanager
def sending(folder: Path, disk: Path) -> Iterator[RealFarm]:
    """A farm on that disk that has parts on the air."""
    with RealFarm(folder, airtime_ms=700, result_within="20s", state_dir=disk).start() as farm:
        farm.submit(TEXTS)
        until(lambda: farm.on_air() >= 4, 20, "parts on the air", 0.01)
        yield farm


def test_a_full_disk_stops_sending_and_intake_and_loses_nothing(tmp_path: Path, small_disk: Path) -> None:
    with sending(tmp_path, small_disk) as farm:
        with full(small_disk):
            until(lambda: farm.http("GET", "/healthz")[0] == 503, 20, farm.said)
            stopped_at = farm.landed()
            status, problem = farm.http("POST", "/v1/messages", {"to": "+491701999999", "text": "not now"})
            assert status == 503, problem
            refused = farm.cli("send", "+491701999999", "--text", "not now", "--json")
            assert refused.code == 5, refused
            time.sleep(3)
            assert farm.on_air() == stopped_at  # no Ctrl-Z while nothing can be committed
            assert len(farm.log("submit")) == stopped_at
        rows = farm.wait_final(60)
        assert Counter(row["state"] for row in rows) == {"delivered": len(TEXTS)}
        assert farm.http("GET", "/healthz")[0] == 200
        assert farm.http("POST", "/v1/messages", {"to": "+491701999999", "text": "now"})[0] == 202
        verdict = farm.judge(TEXTS)
        assert not verdict.lost
        assert not verdict.doubled
        assert not farm.log("refuse")


@pytest.mark.slow
def test_a_daemon_ends_while_nothing_can_be_written_and_the_next_one_tells_what_was_open(
    tmp_path: Path, small_disk: Path
) -> None:
    with sending(tmp_path, small_disk) as farm:
        with full(small_disk):
            until(lambda: farm.http("GET", "/healthz")[0] == 503, 20, farm.said)
            assert farm.terminate()[0] == 5
        farm.restart()
        moving = "/v1/messages?state=held&state=queued&state=sending&limit=1"
        until(lambda: farm.get(moving)["data"] == [], 60, farm.said)
        # a report that came to nobody leaves `sent`
        assert {row["state"] for row in farm.messages()} <= {"delivered", "sent", "unknown"}
        verdict = farm.judge(TEXTS)
        assert not verdict.lost
        assert not verdict.doubled
