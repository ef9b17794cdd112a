"""The wheel: built, installed into an empty environment and used from another folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.farm import free_port, until
from tests.patience import PATIENT_S

CHECKOUT = Path(__file__).parents[2]


class Installed:
    """An environment with the wheel in it, and a folder that is not the checkout."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "venv" / "bin" / "modemfarm"
        self.python = folder / "venv" / "bin" / "python"
        self.folder = folder / "elsewhere"
        self.folder.mkdir()

    def run(self, *words: str, program: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program or self.program, *words],
            capture_output=True, text=True, check=False, timeout=PATIENT_S, cwd=self.folder, env=bare(),
        )  # fmt: skip


def bare() -> dict[str, str]:
    """An environment that leads to no checkout."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}


def run(*words: object, cwd: Path | None = None) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, CHECKOUT)
    (wheel,) = folder.glob("modemfarm-*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", "--quiet", wheel)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    # The wheel's dependencies, which no network brings here. A .pth below it is not followed, so no checkout comes in.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return Installed(folder)


def test_it_is_the_wheel_that_runs(installed: Installed) -> None:
    where = "import modemfarm.resources as r; print(r.__file__); print(*(r.shipped(n) for n in ('drivers', 'web', 'udev', 'config.yaml')), sep='\\n')"
    done = installed.run("-c", where, program=installed.python)
    assert done.returncode == 0, done.stderr
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert len(paths) == 5
    for path in paths:
        assert path.is_relative_to(installed.python.parents[1])
        assert path.exists()


def test_the_commands_that_need_nothing_work(installed: Installed) -> None:
    assert "simulate" in installed.run("--help").stdout
    pdu = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"
    decoded = installed.run("pdu", "decode", "--json", pdu)
    assert json.loads(decoded.stdout)["text"] == "How are you?"
    opted = installed.run("suppress", "test", "--json", "回复TD")
    assert json.loads(opted.stdout)["tier"] == "exact", opted
    checked = installed.run("drivers", "check", "--json")
    assert checked.returncode == 0, checked
    assert list(installed.folder.iterdir()) == []


def test_init_simulate_and_run_work_from_another_folder(installed: Installed) -> None:
    done = installed.run("init", "shop", "--yes", "--country", "DE")
    assert done.returncode == 0, done
    port = free_port()
    config = installed.folder / "shop" / "config.yaml"
    simulating = subprocess.Popen(
        [installed.program, "simulate", "--modems", "1", "--dir", "sim", "--airtime-ms", "10"],
        cwd=installed.folder, env=bare(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    config.write_text(
        config.read_text("utf-8")
        + f'\nhttp: {{listen: "127.0.0.1:{port}"}}\nmodems: {{discover: false, ports: ["{installed.folder}/sim/ttyV*"]}}\n',
        "utf-8",
    )
    with (installed.folder / "run.log").open("wb") as log:
        running = subprocess.Popen(
            [installed.program, "-c", config, "run"], cwd=installed.folder, env=bare(), stdout=log, stderr=log
        )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 40, (installed.folder / "run.log").read_text)
        sent = installed.run("-c", str(config), "send", "01701234567", "--text", "Hallo", "--wait", "delivered")
        assert sent.returncode == 0, sent
        assert b"<html" in fetch(f"http://127.0.0.1:{port}/login").lower()
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENT_S) == 0
    finally:
        for process in (running, simulating):
            process.kill()
            process.wait(PATIENT_S)


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as response:
        return bytes(response.read())


def answers(url: str) -> bool:
    try:
        return bool(fetch(url))
    except OSError:
        time.sleep(0.1)
        return False
