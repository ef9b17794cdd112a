"""What hangs on the USB is read from sysfs, and judged by id, interface and what a person allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemfarm.modem.family import Usb
from modemfarm.modem.usb import Candidate, Device, Finding, judge, read_devices
from modemfarm.modem.usb_ids import UsbIds
from tests.modem.usbtree import Face, Plugged, box, lay, stick

QUECTEL = Usb(("2c7c:0125",), "serial", {"00": "diag", "01": "nmea", "02": "at", "03": "ppp"}, {})
HUAWEI = Usb(
    ("12d1:1506",), "serial", {}, {"01/01": "ppp", "01/02": "at", "01/03": "diag", "02/02": "at", "02/01": "ppp"}
)
IDS = UsbIds(
    {
        "2c7c:0125": QUECTEL,
        "12d1:1506": HUAWEI,
        "12d1:14db": Usb(("12d1:14db",), "hilink", {}, {}),
        "12d1:1446": Usb(("12d1:1446",), "cdrom", {}, {}),
        "1e2d:0058": Usb(("1e2d:0058",), "serial", {}, {}),
    },
    {"2c7c": {}, "12d1": HUAWEI.protocols, "1e2d": {}},
)


def only(root: Path, device: Plugged) -> Device:
    lay(root, device)
    (found,) = read_devices(root)
    return found


def verdict(root: Path, device: Plugged, *allowed: tuple[str, str]) -> tuple[Candidate, ...] | Finding | None:
    return judge(only(root, device), IDS, allowed)


def slug(found: tuple[Candidate, ...] | Finding | None) -> str:
    assert isinstance(found, Finding)
    return found.slug


def test_an_empty_or_missing_tree_holds_nothing(tmp_path: Path) -> None:
    assert read_devices(tmp_path / "nowhere") == []


def test_a_device_is_read_with_its_interfaces_and_ttys(tmp_path: Path) -> None:
    found = only(tmp_path, stick("1-1.4", "2C7C:0125", ["ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3"], product="EC25"))
    assert (found.path, found.usb_id, found.name) == ("1-1.4", "2c7c:0125", "EC25")
    assert [(face.number, face.endpoints, face.driver) for face in found.interfaces] == [
        ("00", 2, "option"),
        ("01", 3, "option"),
        ("02", 3, "option"),
        ("03", 3, "option"),
    ]
    assert [tty.name for tty in found.ttys] == ["ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3"]


def test_hubs_are_no_devices(tmp_path: Path) -> None:
    lay(tmp_path, Plugged("1-1", "05e3:0608", [], facts={"bDeviceClass": "09"}))
    assert read_devices(tmp_path) == []


def test_a_known_stick_is_one_modem_and_its_diag_and_nmea_are_never_candidates(tmp_path: Path) -> None:
    found = verdict(tmp_path, stick("1-1", "2c7c:0125", ["ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3"]))
    assert found == (Candidate("1-1", ("ttyUSB2", "ttyUSB3"), sure=True),)


def test_roles_by_protocol_hold_for_sticks_of_that_vendor_that_nobody_listed(tmp_path: Path) -> None:
    faces = [
        Face("00", sub="02", protocol="01", tty="ttyUSB0"),
        Face("01", sub="02", protocol="03", tty="ttyUSB1"),
        Face("02", sub="02", protocol="02", tty="ttyUSB2"),
    ]
    assert verdict(tmp_path, Plugged("2-3", "12d1:15ff", faces)) == (Candidate("2-3", ("ttyUSB2", "ttyUSB0")),)


def test_without_roles_a_port_without_interrupt_endpoint_is_not_talked_to(tmp_path: Path) -> None:
    found = verdict(tmp_path, stick("1-1", "1e2d:0058", ["ttyUSB0", "ttyUSB1", "ttyUSB2"]))
    assert found == (Candidate("1-1", ("ttyUSB1", "ttyUSB2"), sure=False),)


def test_a_port_with_qualcomms_diag_protocol_is_not_talked_to(tmp_path: Path) -> None:
    faces = [Face("00", protocol="30", tty="ttyUSB0"), Face("01", tty="ttyUSB1")]
    assert verdict(tmp_path, Plugged("1-1", "1e2d:0058", faces)) == (Candidate("1-1", ("ttyUSB1",), sure=False),)


def test_an_unknown_product_of_a_vendor_of_modems_is_offered_not_opened(tmp_path: Path) -> None:
    found = verdict(tmp_path, stick("1-1", "2c7c:ffff", ["ttyUSB0", "ttyUSB1"]))
    assert found == Finding("usb_possible", {"name": "2c7c:ffff", "id": "2c7c:ffff", "ports": "ttyUSB0 ttyUSB1"})


@pytest.mark.parametrize("usb_id", ["0403:6001", "1a86:7523", "10c4:ea60", "067b:2303", "2341:0043"])
def test_a_bridge_or_a_stranger_is_offered_not_opened(tmp_path: Path, usb_id: str) -> None:
    assert slug(verdict(tmp_path, Plugged("1-2", usb_id, [Face("00", tty="ttyUSB7")]))) == "usb_possible"


def test_an_allowed_bridge_is_a_modem_there_and_nowhere_else(tmp_path: Path) -> None:
    device = only(tmp_path, Plugged("1-2", "1a86:7523", [Face("00", tty="ttyUSB7")]))
    assert judge(device, IDS, {("1-2", "1a86:7523")}) == (Candidate("1-2", ("ttyUSB7",)),)
    assert slug(judge(device, IDS, {("1-3", "1a86:7523"), ("1-2", "0403:6001")})) == "usb_possible"


def test_each_channel_of_an_allowed_box_is_a_modem_named_by_path_and_interface(tmp_path: Path) -> None:
    found = verdict(tmp_path, box("1-4.2", 8), ("1-4.2", "0403:6011"))
    assert found == tuple(Candidate(f"1-4.2:0{n}", (f"ttyUSB{8 + n}",)) for n in range(4))


def test_several_ports_behind_one_interface_are_told_apart_by_their_order(tmp_path: Path) -> None:
    faces = [Face("00", tty=" ".join(f"ttyUSB{n}" for n in (2, 10, 1)), driver="ch9344")]
    found = verdict(tmp_path, Plugged("1-4", "1a86:55d9", faces), ("1-4", "1a86:55d9"))
    assert found == tuple(Candidate(f"1-4:00.{n}", (tty,)) for n, tty in enumerate(["ttyUSB1", "ttyUSB2", "ttyUSB10"]))


@pytest.mark.parametrize(
    ("usb_id", "faces", "wanted"),
    [
        pytest.param("12d1:14db", [Face("00", "e0", "01", "03")], "usb_network_mode", id="hilink-by-id"),
        pytest.param("12d1:aaaa", [Face("00", "e0", "01", "03")], "usb_network_mode", id="rndis-of-a-modem-vendor"),
        pytest.param("12d1:aaaa", [Face("00", "02", "06", "00")], "usb_network_mode", id="ecm-of-a-modem-vendor"),
        pytest.param("12d1:1446", [Face("00", "08", "06", "50")], "usb_cdrom_mode", id="cdrom-by-id"),
        pytest.param("12d1:1506", [Face("00", "08", "06", "50")], "usb_cdrom_mode", id="storage-only"),
        pytest.param("05c6:9008", [Face("00", tty="ttyUSB0", driver="qcserial")], "usb_download_mode", id="qdl"),
        pytest.param("0e8d:2000", [Face("00", "02", "02", tty="ttyACM0")], "usb_download_mode", id="preloader"),
        pytest.param("2c7c:0125", [Face("02", driver="")], "usb_no_driver", id="nothing-bound"),
        pytest.param("1a86:7523", [Face("00", driver="usbfs")], "usb_taken", id="brltty"),
    ],
)
def test_a_device_that_cannot_serve_says_why(tmp_path: Path, usb_id: str, faces: list[Face], wanted: str) -> None:
    assert slug(verdict(tmp_path, Plugged("1-1", usb_id, faces), ("1-1", usb_id))) == wanted


@pytest.mark.parametrize(
    ("usb_id", "faces"),
    [
        pytest.param("0bda:8153", [Face("00", "02", "06", "00")], id="somebody-elses-network-card"),
        pytest.param("0781:5567", [Face("00", "08", "06", "50")], id="memory-stick"),
        pytest.param("046d:c31c", [Face("00", "03", "01", "01")], id="keyboard"),
    ],
)
def test_other_devices_are_no_business_of_ours(tmp_path: Path, usb_id: str, faces: list[Face]) -> None:
    assert verdict(tmp_path, Plugged("1-1", usb_id, faces)) is None
