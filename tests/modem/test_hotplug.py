"""Plugging and pulling under umockdev, with real uevents and sysfs; the udev rules by udev itself."""

from __future__ import annotations

import grp
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modemfarm.resources import shipped
from tests.modem.usbtree import Face, Plugged, box, described, stick
from tests.needs import missing, require
from tests.patience import PATIENT_S

ROOT = Path(__file__).parents[2]
LONG_S = 60.0  # it takes a second; who waits for something else waits for minutes


def played(story: str) -> dict[str, Any]:
    wrapper = require("umockdev-wrapper", "a testbed for USB devices (Debian: umockdev)")
    ended = subprocess.run(
        [wrapper, sys.executable, "-m", "tests.modem.umock", story],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=2 * PATIENT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_a_stick_with_four_interfaces_is_one_modem_on_its_command_port() -> None:
    found = played("four_interfaces")
    assert found["found"] == [["Appeared", "/dev/ttyUSB2", "1-1.4"], ["Vanished", "/dev/ttyUSB2", None]]
    assert found["opened"] == ["ttyUSB2"], "the port was asked, and DIAG and NMEA were not even opened"
    assert found["took"] < LONG_S


def test_a_stick_that_comes_back_under_new_names_is_served_again_within_seconds() -> None:
    found = played("replug")
    assert found["found"] == [
        ["Appeared", "/dev/ttyUSB2", "1-1.4"],
        ["Vanished", "/dev/ttyUSB2", None],
        ["Appeared", "/dev/ttyUSB6", "1-1.4"],
    ]
    assert found["opened"] == ["ttyUSB2", "ttyUSB6"]
    assert found["took"] < LONG_S


def test_a_box_of_sixteen_ports_is_offered_and_once_allowed_each_port_is_a_modem() -> None:
    found = played("sixteen_ports")
    assert found["unasked"] == {}
    assert found["opened"] == []
    assert {slug for slug, _ in found["offered"].values()} == {"usb_possible"}
    assert found["offered"]["1-4.2"][1] == "ttyUSB4 ttyUSB5 ttyUSB6 ttyUSB7"
    assert sorted(found["found"]) == sorted(
        ["Appeared", f"/dev/ttyUSB{4 * chip + n}", f"1-4.{chip + 1}:0{n}"] for chip in range(4) for n in range(4)
    )
    assert found["left"] == ["1-3"], "what was not allowed stays offered"


def test_a_configured_port_has_the_usb_path_of_its_stick_or_of_its_channel() -> None:
    assert played("configured")["found"] == [
        ["Appeared", "/dev/ttyUSB2", "1-1.4"],
        ["Appeared", "/dev/ttyUSB6", "1-4.1:02"],
    ]


def asked_udev(tmp_path: Path, device: Plugged, path: str) -> dict[str, str]:
    """What udev makes of one sysfs path, with our rules among the system's."""
    for program in ("umockdev-run", "udevadm", "unshare"):
        require(program, "to let udev judge its rules (Debian: umockdev, udev, util-linux)")
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:
        missing("a mount namespace", "to put the rules where udev reads them")
    (tmp_path / "device").write_text("".join(text for _, text in described(device)))
    script = (
        'mount -t tmpfs rules /etc/udev/rules.d && cp "$1" /etc/udev/rules.d/ &&'
        ' exec umockdev-run -d "$2" -- udevadm test "$3"'
    )
    rules = shipped("udev") / "78-modemfarm.rules"
    ended = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", str(rules), str(tmp_path / "device"), f"/sys{path}"],
        capture_output=True,
        text=True,
        timeout=PATIENT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = dict(line.partition("=")[::2] for line in ended.stdout.splitlines() if "=" in line)
    for line in ended.stderr.splitlines():
        _, ours, said = line.partition("78-modemfarm.rules:")
        words = said.split()
        if ours:
            assert words[1] in {"GROUP", "MODE", "LINK"}, f"udev complains of a rule: {line}"
            found[words[1]] = words[2]
    return found


def paths(device: Plugged, end: str) -> str:
    return next(path for path, _ in described(device) if path.endswith(end))


@pytest.mark.parametrize(
    ("device", "wanted"),
    [
        pytest.param(
            stick("1-1.4", "2c7c:0125", ["ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3"]),
            {"ttyUSB0": "", "ttyUSB1": "", "ttyUSB2": "/dev/modemfarm/1-1.4-at", "ttyUSB3": ""},
            id="by-interface-number",
        ),
        pytest.param(
            Plugged(
                "2-3.1",
                "12d1:1506",
                [
                    Face("00", sub="02", protocol="01", tty="ttyUSB4"),
                    Face("01", sub="02", protocol="02", tty="ttyUSB5"),
                    Face("02", sub="02", protocol="03", tty="ttyUSB6"),
                ],
            ),
            {"ttyUSB4": "", "ttyUSB5": "/dev/modemfarm/2-3.1-at", "ttyUSB6": ""},
            id="by-protocol",
        ),
    ],
)
def test_udev_names_the_command_port_of_a_stick_and_no_other(
    tmp_path: Path, device: Plugged, wanted: dict[str, str]
) -> None:
    for name, link in wanted.items():
        found = asked_udev(tmp_path, device, paths(device, f"/tty/{name}"))
        assert (found["ID_MM_PORT_IGNORE"], found["MODE"]) == ("1", "0660")
        assert found["GROUP"] == str(grp.getgrnam("dialout").gr_gid)
        links = [one for one in found.get("DEVLINKS", "").split() if one.startswith("/dev/modemfarm/")]
        assert links == ([link] if link else [])


def test_udev_keeps_modem_manager_off_the_whole_device(tmp_path: Path) -> None:
    device = stick("1-1.4", "2c7c:0125", ["ttyUSB0"])
    assert asked_udev(tmp_path, device, f"/{device.folder}")["ID_MM_DEVICE_IGNORE"] == "1"


def test_udev_gives_bridges_no_name_of_ours(tmp_path: Path) -> None:
    device = box("1-4", 0)
    found = asked_udev(tmp_path, device, paths(device, "/tty/ttyUSB0"))
    assert "modemfarm" not in found.get("DEVLINKS", "")
    assert "ID_MM_PORT_IGNORE" not in found
