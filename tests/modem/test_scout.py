"""Sticks that come and go: the port that takes commands is found, everything else is left alone or named."""

from __future__ import annotations

import asyncio
import os
import pty
import shutil
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from modemfarm.errors import LinkLostError, PortBusyError
from modemfarm.modem import scout as scout_module
from modemfarm.modem.discovery import Appeared, Discovery, Vanished
from modemfarm.modem.family import Usb
from modemfarm.modem.scout import Scout
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.usb_ids import UsbIds
from tests.modem.fakeports import FakeOpener
from tests.modem.fakes import run
from tests.modem.usbtree import BUS, Face, Plugged, box, lay, stick

ROLES = Usb(("2c7c:0125",), "serial", {"00": "diag", "01": "nmea", "02": "at", "03": "ppp"}, {})
IDS = UsbIds({"2c7c:0125": ROLES, "1e2d:0058": Usb(("1e2d:0058",), "serial", {}, {})}, {"2c7c": {}, "1e2d": {}})
NAMES = ["ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3"]


@dataclass
class World:
    root: Path
    node: str
    opener: FakeOpener = field(default_factory=FakeOpener)

    @property
    def sys(self) -> Path:
        return self.root / "sys"

    @property
    def dev(self) -> Path:
        return self.root / "dev"

    def plug(self, device: Plugged) -> None:
        lay(self.sys, device, self.dev, self.node)

    def pull(self, device: Plugged) -> None:
        shutil.rmtree(self.sys / device.folder)
        for folder in ("bus/usb/devices", "class/tty"):
            for link in (self.sys / folder).iterdir():
                if not link.exists():
                    link.unlink()
                    (self.dev / link.name).unlink(missing_ok=True)

    def scout(self, settings: ModemSettings | None = None, **more: object) -> Scout:
        settings = settings or ModemSettings(discover=True)
        return Scout(settings, IDS, self.opener, sysfs=self.sys, dev=self.dev, **more)  # type: ignore[arg-type]

    def paths(self, ports: dict[str, str]) -> dict[str, str]:
        return {str(self.dev / name): place for name, place in ports.items()}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    async def inline(work: Callable[[], object]) -> object:
        return work()

    monkeypatch.setattr(scout_module.asyncio, "to_thread", inline)
    master, slave = pty.openpty()
    (tmp_path / "dev").mkdir()
    (tmp_path / "sys/bus/usb/devices").mkdir(parents=True)
    (tmp_path / "sys/class/tty").mkdir(parents=True)
    yield World(tmp_path, os.ttyname(slave))
    os.close(master)
    os.close(slave)


def watched(scout: Scout, story: Callable[[Scout], Coroutine[None, None, None]]) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(scout.run())
            await story(scout)
            task.cancel()

    run(main())


def after(seconds: float, scout: Scout) -> Scout:
    async def story(_scout: Scout) -> None:
        await asyncio.sleep(seconds)

    watched(scout, story)
    return scout


def test_the_control_port_of_a_known_stick_is_served_and_its_diag_and_nmea_are_never_opened(world: World) -> None:
    world.plug(stick("1-1.4", "2c7c:0125", NAMES))
    world.opener.answering = {"ttyUSB2", "ttyUSB3"}
    scout = after(2, world.scout())
    assert scout.ports == world.paths({"ttyUSB2": "1-1.4"})
    assert set(world.opener.opened) == {"ttyUSB2"}


def test_another_port_serves_where_the_control_port_stays_silent(world: World) -> None:
    world.plug(stick("1-1", "2c7c:0125", NAMES))
    world.opener.answering = {"ttyUSB3"}
    assert after(15, world.scout()).ports == world.paths({"ttyUSB3": "1-1"})
    assert set(world.opener.opened) == {"ttyUSB2", "ttyUSB3"}


def test_a_stick_that_never_answers_is_served_by_its_control_port(world: World) -> None:
    world.plug(stick("1-1", "2c7c:0125", NAMES))
    assert after(60, world.scout()).ports == world.paths({"ttyUSB2": "1-1"})


@pytest.mark.parametrize(
    "error", [PortBusyError("held by another program"), LinkLostError("ttyUSB2: Permission denied")]
)
def test_a_control_port_that_cannot_be_opened_is_left_to_whoever_says_so(world: World, error: Exception) -> None:
    world.plug(stick("1-1", "2c7c:0125", NAMES))
    world.opener.errors = {"ttyUSB2": error}
    assert after(2, world.scout()).ports == world.paths({"ttyUSB2": "1-1"})


def test_nothing_is_written_to_a_port_on_which_a_messages_fate_hangs(world: World) -> None:
    async def pending(path: str) -> bool:
        return path.endswith("ttyUSB3")

    world.plug(stick("1-1", "2c7c:0125", NAMES))
    world.opener.answering = {"ttyUSB2"}
    assert after(2, world.scout(pending=pending)).ports == world.paths({"ttyUSB3": "1-1"})
    assert world.opener.opened == []


def test_a_port_that_tells_positions_is_heard_and_not_written_to(world: World) -> None:
    world.plug(stick("1-1", "1e2d:0058", ["ttyUSB0", "ttyUSB1", "ttyUSB2"]))
    world.opener.talking = {"ttyUSB1": b"$GPGGA,1"}
    world.opener.answering = {"ttyUSB1", "ttyUSB2"}
    assert after(8, world.scout()).ports == world.paths({"ttyUSB2": "1-1"})
    assert world.opener.written["ttyUSB1"] == []


def test_a_bridge_is_not_opened_until_a_person_allows_it_and_then_each_channel_is_a_modem(world: World) -> None:
    world.plug(box("1-4", 0))

    async def story(scout: Scout) -> None:
        await asyncio.sleep(8)
        assert scout.ports == {}
        assert {path: finding.slug for path, finding in scout.findings.items()} == {"1-4": "usb_possible"}
        scout.allow({("1-4", "0403:6011")})
        await asyncio.sleep(3)
        assert scout.ports == world.paths({f"ttyUSB{n}": f"1-4:0{n}" for n in range(4)})
        assert scout.findings == {}

    watched(world.scout(), story)
    assert world.opener.opened == []


def test_a_tty_that_comes_late_does_not_disturb_the_port_that_serves(world: World) -> None:
    early = Plugged("1-1", "2c7c:0125", [Face("02", tty="ttyUSB2")])
    late = stick("1-1", "2c7c:0125", NAMES)

    async def story(scout: Scout) -> None:
        await asyncio.sleep(3)
        assert scout.ports == world.paths({"ttyUSB2": "1-1"})
        late_face = world.sys / late.folder / "1-1:1.3"
        lay(world.root / "other", late)
        shutil.copytree(world.root / "other" / late.folder / "1-1:1.3", late_face, symlinks=True)
        (world.sys / "class/tty/ttyUSB3").symlink_to(late_face / "ttyUSB3/tty/ttyUSB3")
        (world.dev / "ttyUSB3").symlink_to(world.node)
        for _ in range(50):
            await asyncio.sleep(0.1)
            assert scout.ports == world.paths({"ttyUSB2": "1-1"})

    world.plug(early)
    watched(world.scout(), story)


def test_nothing_is_served_unasked_where_discovery_is_off(world: World) -> None:
    world.plug(stick("1-1", "2c7c:0125", NAMES))
    world.plug(box("1-4", 4))
    scout = after(6, world.scout(ModemSettings(discover=False)))
    assert (scout.ports, scout.findings) == ({}, {})


def test_a_configured_port_wins_and_its_stick_is_not_served_twice(world: World) -> None:
    world.plug(Plugged("1-1", "2c7c:0125", [Face("02", tty="ttyUSB2")]))
    settings = ModemSettings(discover=True, ports=(str(world.dev / "ttyUSB2"),))
    assert after(2, world.scout(settings)).ports == {}


def test_ignored_ports_and_devices_are_neither_served_nor_complained_of(world: World) -> None:
    world.plug(Plugged("1-1", "2c7c:0125", [Face("02", tty="ttyUSB2")]))
    world.plug(box("1-4", 4))
    world.plug(Plugged("1-5", "05c6:9008", [Face("00")]))
    settings = ModemSettings(discover=True, ignore=("*/ttyUSB2", "*/ttyUSB[4-7]", "usb:1-5"))
    scout = after(6, world.scout(settings))
    assert (scout.ports, scout.findings) == ({}, {})


def test_a_stick_in_its_install_disc_mode_is_named_only_when_it_stays_there(world: World) -> None:
    disc = Plugged("1-1", "12d1:1f01", [Face("00", "08", "06", "50")])
    disc = Plugged("1-1", "05c6:1000", disc.faces)
    world.plug(disc)

    async def story(scout: Scout) -> None:
        await asyncio.sleep(1.5)
        assert scout.findings == {}
        await asyncio.sleep(8)
        assert scout.findings["1-1"].slug == "usb_cdrom_mode"
        world.pull(disc)
        await asyncio.sleep(5)
        assert scout.findings == {}

    watched(world.scout(), story)


def test_discovery_tells_of_a_stick_and_of_its_return_under_another_name(world: World) -> None:
    first = Plugged("1-1", "2c7c:0125", [Face("02", tty="ttyUSB2")])
    again = Plugged("1-1", "2c7c:0125", [Face("02", tty="ttyUSB9")])

    async def story(scout: Scout) -> None:
        watching = Discovery(ModemSettings(discover=True), scout).watch()
        assert await anext(watching) == Appeared(str(world.dev / "ttyUSB2"), "1-1")
        world.pull(first)
        world.plug(again)
        assert await anext(watching) == Vanished(str(world.dev / "ttyUSB2"))
        assert await anext(watching) == Appeared(str(world.dev / "ttyUSB9"), "1-1")
        await watching.aclose()  # type: ignore[attr-defined]

    world.plug(first)
    watched(world.scout(), story)


def test_a_port_is_not_taken_before_its_node_is_there(world: World) -> None:
    device = Plugged("1-1", "2c7c:0125", [Face("02", tty="ttyUSB2")])
    lay(world.sys, device)

    async def story(scout: Scout) -> None:
        await asyncio.sleep(3)
        assert scout.ports == {}
        (world.dev / "ttyUSB2").symlink_to(world.node)
        await asyncio.sleep(3)
        assert scout.ports == world.paths({"ttyUSB2": "1-1"})

    watched(world.scout(), story)


def test_the_tree_of_the_tests_looks_like_the_kernels(world: World) -> None:
    world.plug(stick("1-1", "2c7c:0125", NAMES))
    assert (world.sys / BUS / "1-1/1-1:1.2/ttyUSB2/tty/ttyUSB2/dev").read_text() == "188:2\n"
