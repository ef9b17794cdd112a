"""The wheel alone, in an environment of its own and from another folder, is the whole product."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.e2e.farm import free_port
from tests.patience import PATIENT_S

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that has the wheel and, from here, what it depends on."""
    home = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    python = home / "bin" / "python"
    install = ["-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    subprocess.run([sys.executable, *install], check=True, capture_output=True)
    # a path in a .pth is looked into for packages; the .pth files there, the editable checkout's among them, are not read
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def clean() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MODEMFARM", "VIRTUAL"))
    }


def run(installed: Path, folder: Path, *arguments: str) -> str:
    command = [str(installed / "modemfarm"), *arguments]
    return subprocess.run(command, cwd=folder, env=clean(), check=True, capture_output=True, text=True).stdout


def test_the_wheel_holds_every_file_of_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("modemfarm/shipped/")}
    here = [path for data in ("drivers", "web") for path in (ROOT / data).rglob("*") if path.is_file()]
    wanted = {f"modemfarm/shipped/{path.relative_to(ROOT).as_posix()}" for path in [*here, ROOT / "config.yaml"]}
    assert {name for name in wanted if "__pycache__" not in name and not name.endswith(".keep")} <= names


def test_the_installed_copy_is_the_one_that_runs(installed: Path, tmp_path: Path) -> None:
    where = [str(installed / "python"), "-c", "import modemfarm.resources as r; print(r.__file__, r.shipped('web'))"]
    told = subprocess.run(where, cwd=tmp_path, env=clean(), check=True, capture_output=True, text=True).stdout
    assert str(ROOT / "modemfarm") not in told
    assert told.count(str(installed.parent)) == 2


def test_commands_work_from_another_folder(installed: Path, tmp_path: Path) -> None:
    made = json.loads(run(installed, tmp_path, "init", "--yes", "--country", "DE", "--json"))
    assert made["key"].startswith("mf_")
    profiles = json.loads(run(installed, tmp_path, "drivers", "list", "--json"))["data"]
    assert "generic" in {profile["family"] for profile in profiles}
    assert json.loads(run(installed, tmp_path, "suppress", "test", "STOP", "--json"))["tier"] == "exact"
    assert json.loads(run(installed, tmp_path, "db", "check", "--json"))["faults"] == []


def test_the_daemon_serves_its_page_and_sends(installed: Path, tmp_path: Path) -> None:
    run(installed, tmp_path, "init", "--yes", "--country", "DE", "--json")
    port = free_port()
    with (tmp_path / "farm" / "config.yaml").open("a") as config:
        config.write(f'http: {{listen: "127.0.0.1:{port}"}}\n')
    daemon = subprocess.Popen(
        [str(installed / "modemfarm"), "run", "--simulate", "1"], cwd=tmp_path, env=clean(), stderr=subprocess.DEVNULL
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz", daemon)
        for path in ("/login", "/static/app.css", "/static/vendor/htmx.min.js", "/v1/openapi.json"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENT_S) as answer:
                assert answer.status == 200, path
        sent = run(installed, tmp_path, "send", "+4915112345678", "--text", "Hi", "--wait", "sent", "--json")
        assert json.loads(sent)[0]["state"] in {"sent", "delivered"}
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENT_S) == 0


def wait_for(url: str, daemon: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENT_S
    while time.monotonic() < until and daemon.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail("the daemon did not get ready")
