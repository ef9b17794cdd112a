"""`modemfarm install` on a folder that stands for the machine: every step once, none without being asked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from modemfarm.cli.install import CONFIG, RULES, UNIT, System, install, unit
from modemfarm.modem.profile import load_profiles
from modemfarm.modem.udev_rules import rules
from modemfarm.resources import shipped
from tests.needs import require


def call(*arguments: str) -> str:
    result = CliRunner().invoke(install, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def every_file(root: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(root)): (path.read_text(), path.stat().st_mode & 0o777)
        for path in root.rglob("*")
        if path.is_file()
    }


def test_a_dry_run_says_each_step_and_changes_nothing(tmp_path: Path) -> None:
    told = call("--dry-run", "--root", str(tmp_path))
    assert "would   udev rules" in told
    assert "nothing was changed" in told
    assert list(tmp_path.iterdir()) == []


def test_installing_twice_is_as_good_as_once(tmp_path: Path) -> None:
    first = call("--root", str(tmp_path))
    assert "done    service" in first
    before = every_file(tmp_path)
    assert set(before) == {str(RULES), str(UNIT), str(CONFIG)}
    assert before[str(CONFIG)][1] == 0o600
    assert "done " not in call("--root", str(tmp_path))
    assert every_file(tmp_path) == before


def test_an_owners_configuration_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / CONFIG).parent.mkdir(parents=True)
    (tmp_path / CONFIG).write_text("host: mine\n")
    call("--root", str(tmp_path))
    assert (tmp_path / CONFIG).read_text() == "host: mine\n"


def test_an_older_unit_is_brought_up_to_date(tmp_path: Path) -> None:
    (tmp_path / UNIT).parent.mkdir(parents=True)
    (tmp_path / UNIT).write_text("[Service]\n")
    assert "done    service" in call("--root", str(tmp_path))
    assert "Type=notify" in (tmp_path / UNIT).read_text()


def test_uninstalling_leaves_what_people_wrote(tmp_path: Path) -> None:
    call("--root", str(tmp_path))
    assert "would   remove service" in call("--uninstall", "--dry-run", "--root", str(tmp_path))
    call("--uninstall", "--root", str(tmp_path))
    assert set(every_file(tmp_path)) == {str(CONFIG)}
    assert "is so   remove service" in call("--uninstall", "--root", str(tmp_path))


def test_the_unit_says_what_the_daemon_relies_on() -> None:
    lines = unit().splitlines()
    for wanted in (
        "Type=notify",
        "WatchdogSec=30",
        "LimitNOFILE=4096",
        "TimeoutStopSec=35",
        "ProtectSystem=strict",
        "RestartPreventExitStatus=2",
    ):
        assert wanted in lines
    assert any("AF_NETLINK" in line for line in lines), "hotplug messages come by netlink"
    (start,) = (line for line in lines if line.startswith("ExecStart="))
    assert start.startswith("ExecStart=/")
    assert "{" not in start


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = require("systemd-analyze", "to check the unit")
    path = tmp_path / "modemfarm.service"
    path.write_text(unit())
    ended = subprocess.run([program, "verify", str(path)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_shipped_rules_are_those_of_the_profiles() -> None:
    wanted = rules(load_profiles(shipped("drivers")))
    assert (shipped("udev") / RULES.name).read_text() == wanted, "modemfarm install --rules > udev/78-modemfarm.rules"


def test_printing_the_rules_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("--rules") == rules(load_profiles(shipped("drivers")))
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_is_not_running_is_told_at_its_next_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container or an image nobody listens to udevadm and systemctl; the files are what counts there."""
    said = tmp_path / "said"
    for name in ("udevadm", "systemctl"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {name} $* >> {said}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("modemfarm.cli.install._LISTENS", {"udevadm": tmp_path / "absent", "systemctl": tmp_path})
    system = System(Path("/"))
    system.call("udevadm", "control", "--reload")
    system.call("systemctl", "daemon-reload")
    assert said.read_text() == "systemctl daemon-reload\n"
