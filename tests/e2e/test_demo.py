"""`modemfarm demo`, as a newcomer meets it: what it prints works, one runs at a time, and it ends without a trace."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.demo import Demo, demo
from tests.e2e.farm import free_port, until
from tests.needs import require
from tests.patience import PATIENT_S

PERSON = "+8613800138000"


@pytest.mark.parametrize(
    ("serial", "number", "group"),
    [
        pytest.param("serialx", signal.SIGINT, True, id="serialx, ended by Ctrl-C in a terminal"),
        pytest.param("pyserial", signal.SIGTERM, False, id="pyserial, ended by SIGTERM", marks=pytest.mark.slow),
    ],
)
def test_what_the_demo_prints_works_verbatim_and_no_process_is_left(
    tmp_path: Path, serial: str, number: signal.Signals, group: bool
) -> None:
    bash = require("bash", "the printed command is run in it")
    require("curl", "the demo prints a command for it (Debian: apt-get install curl)")
    with demo(tmp_path / "demo", "--modems", "2", "--serial", serial) as running:
        assert running.login_link.startswith(f"{running.base}/login?token=")
        done = subprocess.run(
            [bash, "-c", running.curl], capture_output=True, text=True, check=False, timeout=PATIENT_S
        )
        assert done.returncode == 0, done
        taken = json.loads(done.stdout)
        assert (taken["to"], taken["text"]) == (PERSON, "Hello from modemfarm 👋")
        until(lambda: running.state_of(taken["id"]) == "delivered", 60, lambda: running.api("/v1/messages"))
        got = running.control("phone", PERSON)
        assert [text["text"] for text in got].count("Hello from modemfarm 👋") == 1
        running.control("deliver", got[-1]["modem"], PERSON, "谢谢 👍")
        (reply,) = until(lambda: running.api("/v1/inbound")["data"], 30, "the reply came")
        assert (reply["from"], reply["text"]) == (PERSON, "谢谢 👍")
        assert f"serial: {serial}" in (running.folder / "config.yaml").read_text("utf-8")
        assert len(running.processes()) == 4, running.processes()  # demo, simulator, daemon, its page
        assert running.end(number, group=group) == 0, running.said
        assert running.processes() == []
        assert "Traceback" not in running.said


def test_a_demo_ended_while_it_starts_leaves_no_process(tmp_path: Path) -> None:
    starting = Demo(tmp_path / "demo", "--modems", "1")
    try:
        until(lambda: len(starting.processes()) > 1, 60, lambda: starting.said)
        assert starting.end() != 0
        until(lambda: starting.processes() == [], 60, "a daemon that was ended while it started takes its page with it")
        assert "Traceback" not in starting.said
    finally:
        starting.clear()


def refused(folder: Path, port: int) -> tuple[int, str]:
    """Exit code and words of a demo that cannot start."""
    other = Demo(folder, port=port)
    try:
        code = other.process.wait(PATIENT_S)
        assert other.processes() == []
        return code, other.said
    finally:
        other.clear()


@pytest.mark.slow
def test_one_demo_runs_in_a_folder_and_on_a_port_and_says_so_and_the_next_begins_anew(tmp_path: Path) -> None:
    with demo(tmp_path / "demo", "--modems", "1") as running:
        code, said = refused(running.folder, free_port())
        assert code == 5
        assert said == (
            f"modemfarm: a demo is running already on {running.folder} (process {running.process.pid});"
            " end it, or give this one its own --dir and --port\n"
        )
        code, said = refused(tmp_path / "other", running.port)
        assert (code, said) == (
            1, f"modemfarm: cannot listen on 127.0.0.1:{running.port}: Address already in use; choose another --port\n"
        )  # fmt: skip
        until(lambda: running.state_of(3) == "delivered", 60, lambda: running.api("/v1/messages"))
    with demo(running.folder, "--modems", "1") as anew:
        assert sorted(message["id"] for message in anew.api("/v1/messages")["data"]) == [1, 2, 3]
        assert anew.api("/v1/messages/3")["state"] in {"queued", "sending"}
