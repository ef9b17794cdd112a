"""Watches the USB: which ttys are modems to be served unasked, and what to say of devices that are not."""

from __future__ import annotations

import asyncio
import fnmatch
import glob
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from modemfarm.modem.confirm import command_port
from modemfarm.modem.port import PortOpener
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.uevents import Uevents
from modemfarm.modem.usb import Candidate, Device, Finding, judge, place_of, read_devices
from modemfarm.modem.usb_ids import UsbIds

log = logging.getLogger(__name__)

DEVICE = "usb:"  # what stands before the USB path of a device that has no port of ours
_STEP_S = 0.2  # names and rights appear a little after the device
_STEPS = 10
_POLL_S = 0.25  # where nobody tells of changes
_NET_S = 2.0  # where somebody does
_FORMED_S = 0.3  # a stick's ttys appear one after the other
_SETTLED_S = 3.0  # a device is complained of only when nothing came of it so long; sticks switch modes at first


@dataclass(slots=True)
class _Stick:
    """One modem that was found, until it is pulled."""

    candidate: Candidate
    since: float
    chosen: str | None = None
    choosing: asyncio.Task[None] | None = field(default=None, compare=False)


async def _nothing_pending(_path: str) -> bool:
    return False


class Scout:
    """Keeps `ports` and `findings` true.

    Attributes:
        ports: tty path -> USB path, of every modem to be served unasked.
        findings: USB path -> why that device is not served.
        changed: set whenever one of them changed.
    """

    def __init__(
        self,
        settings: ModemSettings,
        ids: UsbIds,
        opener: PortOpener,
        *,
        pending: Callable[[str], Awaitable[bool]] = _nothing_pending,
        sysfs: Path | None = None,
        dev: Path = Path("/dev"),
    ) -> None:
        self._settings, self._ids, self._opener, self._pending = settings, ids, opener, pending
        self._sysfs, self._dev = sysfs or Path(os.environ.get("SYSFS_PATH", "/sys")), dev
        self._allowed: frozenset[tuple[str, str]] = frozenset()
        self._happened = asyncio.Event()
        self._seen: object = None
        self._sticks: dict[tuple[str, str, int], _Stick] = {}
        self._complaints: dict[str, tuple[Finding, float]] = {}
        self.ports: Mapping[str, str] = {}
        self.findings: Mapping[str, Finding] = {}
        self.changed = asyncio.Event()

    def allow(self, allowed: Iterable[tuple[str, str]]) -> None:
        """The devices, (USB path, id), that a person allowed to be opened."""
        new = frozenset(allowed)
        if new != self._allowed:
            self._allowed = new
            self._happened.set()

    def place(self, path: str) -> str | None:
        """The USB path of a port, whatever name it is called by."""
        return self.ports.get(path) or place_of(path, self._sysfs)

    async def run(self) -> None:
        """Watch until cancelled."""
        uevents = Uevents(self._happened)
        told = uevents.open()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    try:
                        await self._turn(group)
                    except Exception:
                        log.exception("looking at the USB failed")
                    await self._wait(_NET_S if told else _POLL_S)
        finally:
            uevents.close()

    async def _turn(self, group: asyncio.TaskGroup) -> None:
        """Look where something changed; then again in small steps for a while, as names appear one by one."""
        steps = _STEPS if await self._look_if_changed(group) else 0
        for _ in range(steps):
            await self._wait(_STEP_S)
            await self._look_if_changed(group)

    async def _look_if_changed(self, group: asyncio.TaskGroup) -> bool:
        """Reading everything takes a millisecond for each stick; seeing that nothing changed, next to nothing."""
        now = await asyncio.to_thread(self._signature)
        changed = now != self._seen or self._happened.is_set()
        if changed or self._unsettled():
            self._seen = now
            self._happened.clear()
            await self._look(group)
        return changed

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._happened.wait()
        except TimeoutError:
            return

    def _unsettled(self) -> bool:
        return len(self.findings) < len(self._complaints) or any(s.chosen is None for s in self._sticks.values())

    def _signature(self) -> object:
        """Differs after every change; a few hundred microseconds."""
        folder = self._sysfs / "bus/usb/devices"
        try:
            with os.scandir(folder) as entries:
                devices = sorted((entry.name, entry.stat().st_ino) for entry in entries if ":" not in entry.name)
            with os.scandir(self._sysfs / "class/tty") as entries:
                ttys = sorted(entry.name for entry in entries if not entry.name[3:].isdigit())
        except OSError:
            return None
        return devices, ttys

    async def _look(self, group: asyncio.TaskGroup) -> None:
        """Read everything once, and settle what follows."""
        devices, taken = await asyncio.to_thread(self._read)
        now = asyncio.get_running_loop().time()
        sticks: dict[tuple[str, str, int], _Stick] = {}
        complaints: dict[str, Finding] = {}
        for device in devices:
            verdict = judge(device, self._ids, self._allowed) if self._settings.discover else None
            if isinstance(verdict, Finding):
                if not self._served(device, taken):
                    complaints[device.path] = verdict
                continue
            for candidate in verdict or ():
                ttys = tuple(path for path in map(self._path, candidate.ttys) if not self._ignored(path))
                alone = len(verdict or ()) == 1
                rivals = {tty.name for tty in device.ttys} if alone else set(candidate.ttys)
                if not ttys or taken & rivals:
                    continue
                found = replace(candidate, ttys=ttys)
                key = (candidate.usb_path, device.usb_id, device.node)
                sticks[key] = self._same(key, found) or _Stick(found, now)
        for key, stick in self._sticks.items():
            if sticks.get(key) is not stick and stick.choosing is not None:
                stick.choosing.cancel()
        self._sticks = sticks
        for stick in sticks.values():
            self._choose(group, stick, now)
        self._complain(complaints, now)
        self._tell(now)

    def _read(self) -> tuple[list[Device], set[str]]:
        """The devices, and the names of the ttys that the configuration serves under names of its own."""
        devices = read_devices(self._sysfs)
        configured: set[str] = set()
        for pattern in self._settings.ports:
            if "://" not in pattern:
                configured.update(os.path.realpath(path) for path in glob.glob(pattern))  # noqa: PTH207 # absolute
        names = [tty.name for device in devices for tty in device.ttys]
        return devices, {name for name in names if os.path.realpath(self._path(name)) in configured}

    def _ignored(self, path: str) -> bool:
        return any(fnmatch.fnmatch(path, pattern) for pattern in self._settings.ignore)

    def _path(self, name: str) -> str:
        return str(self._dev / name)

    def _same(self, key: tuple[str, str, int], found: Candidate) -> _Stick | None:
        """The stick as it is known; a tty that comes late does not disturb one that serves."""
        stick = self._sticks.get(key)
        if stick is not None and stick.chosen in found.ttys:
            stick.candidate = found
        return stick if stick is not None and stick.candidate == found else None

    def _served(self, device: Device, taken: set[str]) -> bool:
        """Whether the configuration speaks of it already: as a port, or as one to be left alone."""
        if self._ignored(f"{DEVICE}{device.path}"):
            return True
        ttys = [self._path(tty.name) for tty in device.ttys]
        return bool(ttys) and (all(map(self._ignored, ttys)) or any(tty.name in taken for tty in device.ttys))

    def _choose(self, group: asyncio.TaskGroup, stick: _Stick, now: float) -> None:
        """Take the only port; of several, the one that answers."""
        if stick.chosen is not None or stick.choosing is not None or not all(map(os.path.exists, stick.candidate.ttys)):
            return
        if now - stick.since < _FORMED_S:
            return
        if len(stick.candidate.ttys) == 1:
            stick.chosen = stick.candidate.ttys[0]
        else:
            stick.choosing = group.create_task(self._confirm(stick), name=f"confirm {stick.candidate.usb_path}")

    async def _confirm(self, stick: _Stick) -> None:
        try:
            stick.chosen = await command_port(
                self._opener, stick.candidate.ttys, sure=stick.candidate.sure, pending=self._pending
            )
        except Exception:
            log.exception("%s: asking its ports failed", stick.candidate.usb_path)
            stick.chosen = stick.candidate.ttys[0]
        stick.choosing = None
        log.info("%s: commands go to %s", stick.candidate.usb_path, stick.chosen)
        self._tell(asyncio.get_running_loop().time())

    def _complain(self, complaints: Mapping[str, Finding], now: float) -> None:
        """Keep what was found wrong, with the moment since when."""
        self._complaints = {
            path: before if (before := self._complaints.get(path, (finding, now)))[0] == finding else (finding, now)
            for path, finding in complaints.items()
        }

    def _tell(self, now: float) -> None:
        ports = {s.chosen: s.candidate.usb_path for s in self._sticks.values() if s.chosen is not None}
        findings = {path: f for path, (f, since) in self._complaints.items() if now - since >= _SETTLED_S}
        if (ports, findings) != (self.ports, self.findings):
            self.ports, self.findings = ports, findings
            self.changed.set()
