"""Named moments in a virtual modem's life, for those who want to act exactly then: tests, and the kill switch."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

# prompt: "> " was written. mid-pdu: half of the PDU was read. ctrl-z: Ctrl-Z was read. result: the final result of a
# submission was written. report, inbound: it was logged and the modem has said or stored it.
MOMENTS = ("prompt", "mid-pdu", "ctrl-z", "result", "report", "inbound")
_DEAD_WITHIN_S = 2.0

OnMoment = Callable[[str, int], bool | None]


class Moments:
    """Tells listeners; one that answers True at ``mid-pdu`` cuts the line: the rest of that PDU never comes."""

    def __init__(self) -> None:
        self._listeners: list[OnMoment] = []

    def add(self, listener: OnMoment) -> None:
        self._listeners.append(listener)

    def remove(self, listener: OnMoment) -> None:
        with contextlib.suppress(ValueError):
            self._listeners.remove(listener)

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def tell(self, moment: str, modem: int) -> bool:
        """Call everybody; True when one of them cut the line."""
        cut = False
        for listener in tuple(self._listeners):
            cut = bool(listener(moment, modem)) or cut
        return cut


class OneShot:
    """Acts the N-th time that a moment comes, once; at ``mid-pdu`` the line is cut with it.

    Args:
        act: called with the modem's number.
        only: the modem that counts; None counts all together.
    """

    def __init__(
        self, moments: Moments, moment: str, count: int, act: Callable[[int], None], only: int | None = None
    ) -> None:
        if moment not in MOMENTS:
            raise ValueError(f"there is no moment {moment!r}; there are: {' '.join(MOMENTS)}")
        self._moments, self._moment, self._left, self._act, self._only = moments, moment, count, act, only
        moments.add(self._told)

    def _told(self, moment: str, modem: int) -> bool:
        if moment != self._moment or self._only not in {None, modem}:
            return False
        self._left -= 1
        if self._left > 0:
            return False
        self._moments.remove(self._told)
        self._act(modem)
        return True


def kill(pid: int) -> None:
    """SIGKILL, and wait until the process does nothing any more: the modem must not outrun its death."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + _DEAD_WITHIN_S
    while time.monotonic() < until and _lives(pid):
        time.sleep(0.0005)


def _lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def who_has_open(device: str) -> int | None:
    """The process, other than this one, that has a device open; the lowest id when several do."""
    for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        if int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            for entry in (folder / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(entry.readlink()) == device:
                        return int(folder.name)
    return None
