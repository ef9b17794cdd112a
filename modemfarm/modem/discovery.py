"""Which ports are there: the configured ones, and what the USB holds; one device is one port, whatever its names."""

from __future__ import annotations

import asyncio
import fnmatch
import glob
import os
import stat
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from modemfarm.modem.scout import Scout
from modemfarm.modem.settings import ModemSettings


@dataclass(frozen=True, slots=True)
class Appeared:
    """A port to be served.

    Attributes:
        usb_path: where its device hangs.
        anew: the device was made anew since this name was seen last: it was plugged in again, or is another one.
    """

    path: str
    usb_path: str | None = None
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Vanished:
    """A port that is gone, or goes by another name now."""

    path: str


# Device number and inode of a port; the URL itself for one on the network.
_Key = tuple[int, int] | str


class Discovery:
    """Looks every `scan_s` s; a plain look costs one stat a port, and no notification is missed on any file system.

    Args:
        scout: finds modems on the USB that the configuration does not name.
    """

    def __init__(self, settings: ModemSettings, scout: Scout | None = None) -> None:
        self.scout = scout
        self._ports, self._ignore, self._scan_s = settings.ports, settings.ignore, settings.scan_s
        self._known: dict[str, _Key] = {}
        self._gone: dict[str, _Key] = {}

    async def watch(self) -> AsyncIterator[Appeared | Vanished]:
        """Every change from nothing on, for ever; a vanished name is told before a new one of the same device."""
        while True:
            for change in self.look():
                yield change
            await self._wait()

    async def _wait(self) -> None:
        if self.scout is None:
            await asyncio.sleep(self._scan_s)
            return
        try:
            async with asyncio.timeout(self._scan_s):
                await self.scout.changed.wait()
            self.scout.changed.clear()
        except TimeoutError:
            return

    def look(self) -> list[Appeared | Vanished]:
        """The changes since the last look."""
        found = self._found()
        gone = [path for path, key in self._known.items() if found.get(path) != key]
        new = [path for path, key in found.items() if self._known.get(path) != key]
        self._gone |= {path: self._known[path] for path in gone}
        self._known = found
        place = self.scout.place if self.scout is not None else lambda _path: None
        return [
            *map(Vanished, gone),
            *(Appeared(path, place(path), self._gone.pop(path, found[path]) != found[path]) for path in new),
        ]

    def _found(self) -> dict[str, _Key]:
        """Paths and keys; of several names of one device, the one it is already known by, else the first configured."""
        found: dict[str, _Key] = {}
        taken: set[int | str] = set()
        for path in self._candidates():
            key = _key(path)
            if key is None:
                continue
            device = key if isinstance(key, str) else key[0]
            if device not in taken:
                taken.add(device)
                found[path] = key
        return found

    def _candidates(self) -> Iterable[str]:
        every: list[str] = []
        for pattern in self._ports:
            if "://" in pattern or not glob.has_magic(pattern):
                every.append(pattern)
            else:
                every += sorted(glob.glob(pattern))  # noqa: PTH207  # patterns may be absolute
        every += sorted(self.scout.ports) if self.scout is not None else ()
        kept = [path for path in every if not any(fnmatch.fnmatch(path, pattern) for pattern in self._ignore)]
        return sorted(dict.fromkeys(kept), key=lambda path: path not in self._known)


def _key(path: str) -> _Key | None:
    """None where nothing is that could be a port."""
    if "://" in path:
        return path
    try:
        status = os.stat(path)  # noqa: PTH116  # 210 of them four times a second: no path objects
    except OSError:
        return None
    return (status.st_rdev, status.st_ino) if stat.S_ISCHR(status.st_mode) else None
