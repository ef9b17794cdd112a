"""The page is a process of its own: it dies alone, and never outlives its daemon."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from modemfarm.daemon.pulse import ASK_EVERY_S, MISSES
from tests.e2e.farm import RealFarm, until

TEXTS = [f"sent beside the page {number}" for number in range(2)]
PEOPLE = [f"+49170123456{number}" for number in range(len(TEXTS))]


def lives(pid: int) -> bool:
    """Whether a process does more than wait to be buried."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def test_a_killed_page_comes_back_while_the_daemon_sends_and_a_killed_daemon_leaves_none(tmp_path: Path) -> None:
    with RealFarm(tmp_path, modems=1, families=["generic"], result_within="20s").start() as farm:
        assert farm.daemon is not None
        first = farm.page()
        os.kill(first, signal.SIGSTOP)  # whoever asks now is not answered before the page is back
        for phone, text in zip(PEOPLE, TEXTS, strict=True):
            assert farm.cli("send", phone, "--text", text).code == 0
        until(lambda: len(farm.log("submit")) == len(TEXTS), 60, "the daemon sends without its page")
        with contextlib.suppress(ProcessLookupError):  # found hanging meanwhile
            os.kill(first, signal.SIGKILL)
        assert farm.http("GET", "/healthz", timeout_s=120)[0] == 200  # waited for, not refused
        assert farm.page() != first
        farm.wait_final()
        assert farm.daemon.poll() is None

        second = farm.page()
        farm.daemon.kill()
        farm.daemon.wait(20)
        until(lambda: not lives(second), 60, "the page ends with its daemon")
        farm.restart()
        assert farm.http("POST", "/v1/messages", {"to": PEOPLE[0], "text": "after all"})[0] == 202
        third = farm.page()
        assert farm.terminate()[0] == 0
        assert not lives(third)


@pytest.mark.slow
def test_a_page_that_hangs_is_replaced_and_one_that_is_slow_is_not(tmp_path: Path) -> None:
    with RealFarm(tmp_path, modems=1, families=["generic"], result_within="20s").start() as farm:
        first = farm.page()
        os.kill(first, signal.SIGSTOP)
        time.sleep(5)
        os.kill(first, signal.SIGCONT)
        time.sleep(ASK_EVERY_S * MISSES)
        assert farm.page() == first
        os.kill(first, signal.SIGSTOP)
        assert farm.http("GET", "/healthz", timeout_s=300)[0] == 200
        assert farm.page() != first
        assert "owes 3 answers" in farm.said()
        doctor = farm.cli("doctor", "--json").document
        assert [item["what"] for item in doctor["checks"] if item["code"] == "page"] != []
