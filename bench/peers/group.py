"""A peer's processes: unprivileged, in a session of their own, dead at the latest after half an hour."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.machine import cpu_s, rss_mb

LONGEST_S = 1800
_NOBODY = "nobody"


def unprivileged() -> pwd.struct_passwd | None:
    """Who the peers run as when the bench itself is run by root; None when it is not."""
    return pwd.getpwnam(_NOBODY) if os.geteuid() == 0 else None


def give(path: Path) -> None:
    """Let the peers own a path."""
    if who := unprivileged():
        os.chown(path, who.pw_uid, who.pw_gid)


class Group:
    """Everything that one contender started.

    Args:
        out: where what they print goes.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._leaders: list[subprocess.Popen[bytes]] = []

    def start(self, words: Sequence[str], env: Mapping[str, str]) -> None:
        """Start a program; it is in the foreground, whatever it starts stays in its session."""
        who = unprivileged()
        with self._out.open("ab") as out:
            self._leaders.append(
                subprocess.Popen(
                    ["timeout", "--signal=KILL", str(LONGEST_S), *words],
                    stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=dict(env), start_new_session=True,
                    user=who and who.pw_uid, group=who and who.pw_gid, extra_groups=[] if who else None,
                )
            )  # fmt: skip

    def pids(self) -> list[int]:
        """The living processes, without the ones that only watch the time."""
        sessions = {leader.pid for leader in self._leaders}
        return [pid for pid, _, session in _processes() if session in sessions and pid not in sessions]

    def cpu_s(self) -> float:
        return _total(cpu_s, self.pids())

    def memory_mb(self) -> float:
        return _total(rss_mb, self.pids())

    def kill(self) -> None:
        """SIGKILL to all at once: what a power cut or the kernel's memory killer does."""
        for leader in self._leaders:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(leader.pid, signal.SIGKILL)
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for leader in self._leaders:
            leader.wait(10)
        self._leaders.clear()

    def terminate(self, within_s: float) -> bool:
        """SIGTERM to the main processes, as a service manager's stop does; whether they ended in time."""
        leaders = {leader.pid for leader in self._leaders}
        for pid, parent, _ in _processes():
            if parent in leaders:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + within_s
        while self.pids() and time.monotonic() < end:
            time.sleep(0.05)
        in_time = not self.pids()
        self.kill()
        return in_time


def _total(figure: object, pids: list[int]) -> float:
    assert callable(figure)
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):  # it ended meanwhile
            total += figure(pid)
    return total


def _processes() -> list[tuple[int, int, int]]:
    """Every process of the host: its id, its parent's, its session's; the dead that nobody buried are left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
                if fields[0] != "Z":
                    found.append((int(entry.name), int(fields[1]), int(fields[3])))
    return found
