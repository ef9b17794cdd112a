"""Devices on the USB, at the command line: allowed, forbidden, examined."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from modemfarm.store import devices
from tests.cli.farm import FarmAt
from tests.modem.usbtree import Face, Plugged, box, lay

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def offer(farm: FarmAt, usb_path: str, ports: str) -> None:
    facts: dict[str, Any] = dict.fromkeys(
        ("imei", "family", "manufacturer", "model", "firmware", "iccid", "signal_dbm", "operator", "technology",
         "last_success_at", "temperature_c", "voltage_mv")
    )  # fmt: skip
    facts |= {"path": f"usb:{usb_path}", "usb_path": usb_path, "state": "paused", "sentence": "usb_possible"}
    facts |= {"next_action": "allow_device", "since": 0, "registration": "unknown"}
    facts |= {"params": json.dumps({"name": "FT4232", "id": "0403:6011", "ports": ports})}
    farm.write(devices.show, "cellar", [facts], NOW)


def test_a_possible_modem_is_listed_and_allowed_by_any_of_its_names(farm: FarmAt) -> None:
    offer(farm, "1-4", "ttyUSB0 ttyUSB1")
    assert "may be a modem" in farm("modems", "list").out
    ran = farm("modems", "allow", "/dev/ttyUSB1", "--json")
    assert ran.json == {"allowed": [{"usb_path": "1-4", "usb_id": "0403:6011", "name": "FT4232", "host": "cellar"}]}
    assert farm("modems", "allow", "1-4").code == 0
    assert farm("modems", "forbid", "1-4", "--host", "cellar").code == 0
    assert farm("modems", "forbid", "1-4", "--host", "cellar").code == 4


def test_nothing_is_allowed_when_one_of_several_is_unknown(farm: FarmAt) -> None:
    offer(farm, "1-4", "ttyUSB0")
    assert farm("modems", "allow", "1-4", "1-9").code == 4
    assert farm("modems", "forbid", "1-4", "--host", "cellar").code == 4


def test_doctor_names_devices_that_cannot_serve_with_the_fix(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    sysfs = farm.folder / "sys"
    lay(sysfs, Plugged("1-1", "12d1:14db", [Face("00", "e0", "01", "03")], "HUAWEI_MOBILE"))
    lay(sysfs, Plugged("1-2", "1a86:7523", [Face("00", driver="usbfs")]))
    lay(sysfs, Plugged("1-3", "2c7c:0125", [Face("02", tty="ttyUSB4711")], "EC25"))
    lay(sysfs, box("1-4", 4712))
    monkeypatch.setenv("SYSFS_PATH", str(sysfs))
    ran = farm("doctor", "--json")
    found = {item["check"]: item for item in ran.json["checks"] if item["check"].startswith("USB ")}
    assert {name: item["ok"] for name, item in found.items()} == {
        "USB 1-1": False,
        "USB 1-2": False,
        "USB 1-3": False,
        "USB 1-4": True,
    }
    assert "HUAWEI_MOBILE (12d1:14db) is in network mode" in found["USB 1-1"]["what"]
    assert "brltty" in found["USB 1-2"]["fix"]
    assert "/dev/ttyUSB4711 is not there" in found["USB 1-3"]["what"]
    assert "modems allow" in found["USB 1-4"]["fix"]
    assert all(item["fix"] for item in found.values())


def test_doctor_speaks_the_readers_language_of_devices(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(farm.folder / "sys", Plugged("1-1", "12d1:14db", [Face("00", "e0", "01", "03")]))
    monkeypatch.setenv("SYSFS_PATH", str(farm.folder / "sys"))
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert "网卡模式" in farm("doctor").out
