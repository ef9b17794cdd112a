"""Stories of plugging and pulling, told in umockdev's testbed: run as a program under umockdev-wrapper.

The testbed stands in for /sys, /dev and the uevent socket of this process; its library is called through ctypes.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from modemfarm.modem import scout as scout_module
from modemfarm.modem.discovery import Appeared, Discovery, Vanished
from modemfarm.modem.profile import load_profiles
from modemfarm.modem.scout import Scout
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.usb_ids import UsbIds
from modemfarm.resources import shipped
from tests.modem.fakeports import FakeOpener
from tests.modem.usbtree import Face, Plugged, box, described, stick
from tests.patience import PATIENT_S


class Testbed:
    """A machine with no USB devices yet."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL("libumockdev.so.0")
        self._lib.umockdev_testbed_new.restype = ctypes.c_void_p
        self._bed = ctypes.c_void_p(self._lib.umockdev_testbed_new())

    async def plug(self, device: Plugged) -> None:
        """Add parents before children; each tells its uevent, which the loop must read before the next ones."""
        for _, text in described(device):
            await asyncio.sleep(0.002)
            error = ctypes.c_void_p()
            if not self._lib.umockdev_testbed_add_from_string(self._bed, text.encode(), ctypes.byref(error)):
                raise RuntimeError(f"umockdev refuses {text}")

    async def pull(self, device: Plugged) -> None:
        for path, _ in reversed(described(device)):
            await asyncio.sleep(0.002)
            self._lib.umockdev_testbed_uevent(self._bed, f"/sys{path}".encode(), b"remove")
            self._lib.umockdev_testbed_remove_device(self._bed, f"/sys{path}".encode())


async def changes(discovery: Discovery, count: int) -> list[Appeared | Vanished]:
    """The next `count` changes, with how long they took in all."""
    found: list[Appeared | Vanished] = []
    watching: AsyncIterator[Appeared | Vanished] = discovery.watch()
    async with asyncio.timeout(PATIENT_S):
        while len(found) < count:
            found.append(await anext(watching))
    return found


def told(found: list[Appeared | Vanished]) -> list[list[str | None]]:
    return [[type(one).__name__, one.path, getattr(one, "usb_path", None)] for one in found]


async def four_interfaces(bed: Testbed, scout: Scout, opener: FakeOpener) -> dict[str, object]:
    opener.answering = {"ttyUSB2", "ttyUSB3"}
    discovery = Discovery(ModemSettings(discover=True), scout)
    device = stick("1-1.4", "2c7c:0125", ["ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3"])
    await asyncio.sleep(0.1)
    began = time.monotonic()
    await bed.plug(device)
    found = await changes(discovery, 1)
    took = time.monotonic() - began
    await bed.pull(device)
    return {"found": told(found + await changes(discovery, 1)), "took": took, "opened": sorted(set(opener.opened))}


async def replug(bed: Testbed, scout: Scout, opener: FakeOpener) -> dict[str, object]:
    opener.answering = {"ttyUSB2", "ttyUSB6"}
    discovery = Discovery(ModemSettings(discover=True), scout)
    device = stick("1-1.4", "2c7c:0125", ["ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3"])
    await bed.plug(device)
    found = await changes(discovery, 1)
    began = time.monotonic()
    await bed.pull(device)
    await bed.plug(stick("1-1.4", "2c7c:0125", ["ttyUSB4", "ttyUSB5", "ttyUSB6", "ttyUSB7"]))
    found += await changes(discovery, 2)
    return {"found": told(found), "took": time.monotonic() - began, "opened": sorted(set(opener.opened))}


async def sixteen_ports(bed: Testbed, scout: Scout, opener: FakeOpener) -> dict[str, object]:
    discovery = Discovery(ModemSettings(discover=True), scout)
    for n in range(4):
        await bed.plug(box(f"1-4.{n + 1}", 4 * n))
    await bed.plug(Plugged("1-3", "1a86:7523", [Face("00", endpoints="03", tty="ttyUSB16", driver="ch341-uart")]))
    async with asyncio.timeout(PATIENT_S):
        while len(scout.findings) < 5:
            await asyncio.sleep(0.1)
    offered = {path: [finding.slug, finding.params["ports"]] for path, finding in scout.findings.items()}
    unasked = dict(scout.ports)
    scout.allow({(f"1-4.{n + 1}", "0403:6011") for n in range(4)})
    found = await changes(discovery, 16)
    left = sorted(scout.findings)
    return {"offered": offered, "unasked": unasked, "found": told(found), "left": left, "opened": opener.opened}


async def configured(bed: Testbed, _scout: Scout, opener: FakeOpener) -> dict[str, object]:
    settings = ModemSettings(ports=("/dev/ttyUSB*",), ignore=("/dev/ttyUSB[013]", "/dev/ttyUSB[457]"))
    await bed.plug(stick("1-1.4", "2c7c:0125", ["ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3"]))
    await bed.plug(box("1-4.1", 4))
    plain = Scout(settings, UsbIds({}, {}), opener)  # type: ignore[arg-type]
    return {"found": told(await changes(Discovery(settings, plain), 2))}


STORIES: dict[str, Callable[[Testbed, Scout, FakeOpener], Awaitable[dict[str, object]]]] = {
    story.__name__: story for story in (four_interfaces, replug, sixteen_ports, configured)
}


async def inline(work: Callable[[], object]) -> object:
    """In place of a thread: the testbed's stand-ins for stat and readlink know only one."""
    return work()


async def main(name: str) -> None:
    scout_module.asyncio.to_thread = inline  # type: ignore[assignment]
    bed, opener = Testbed(), FakeOpener()
    scout = Scout(ModemSettings(discover=True), UsbIds.of(load_profiles(shipped("drivers"))), opener)  # type: ignore[arg-type]
    await bed.plug(Plugged("1-9", "05e3:0608", [], facts={"bDeviceClass": "09"}))  # a hub: makes /sys/bus/usb
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(scout.run())
        sys.stdout.write(json.dumps(await STORIES[name](bed, scout, opener)))
        watching.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
