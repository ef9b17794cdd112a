"""What the machine is and how busy others keep it, read from /proc."""

from __future__ import annotations

import os
import platform
import resource
import sqlite3
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_LOOK_S = 2.0  # how long the machine is watched before anything is measured


def cpu_s(pid: int) -> float:
    """Processor seconds of a process so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def family(pid: int) -> list[int]:
    """A process and those that it started: a daemon's page."""
    started = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [pid, *(int(child) for child in started.split())]


def with_children_s(pid: int) -> float:
    """The same of a process with all its children, those included that have ended."""
    used = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if pid in (int(stat.parent.name), int(fields[1])):
            used += sum(int(field) for field in fields[11:15]) * _TICK_S
    return used


def rss_mb(pid: int) -> float:
    """Resident megabytes of a process that no other process shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    kilobytes = sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))
    return kilobytes / 1024


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor seconds since the machine started.

    Attributes:
        worked: of all processes together.
        stolen: that the host of a virtual machine gave to others while a process of ours wanted to run.
        ours: of this process and of those that it started and that have ended.
        at_s: of the monotonic clock.
    """

    worked: float
    stolen: float
    ours: float
    at_s: float

    def told(self, after: Spent) -> str:
        """What the host took and what other processes used from this look until `after`, of the whole machine."""
        whole_s = max(after.at_s - self.at_s, 1e-9) * (os.cpu_count() or 1)
        stolen = (after.stolen - self.stolen) / whole_s
        others = max(after.worked - self.worked - (after.ours - self.ours), 0.0) / whole_s
        return f"of the processors {100 * stolen:.0f} % stolen by the host, {100 * others:.0f} % used by others"


def spent() -> Spent:
    """What the processors did so far."""
    worked_s, stolen_s = read_stat(Path("/proc/stat").read_text(encoding="ascii"))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Spent(worked_s, stolen_s, sum(one.ru_utime + one.ru_stime for one in used), time.monotonic())


def read_stat(text: str) -> tuple[float, float]:
    """Seconds worked and stolen, by the first line of /proc/stat (proc_stat(5)).

    The guests' time is within `user` and `nice` already.
    """
    user, nice, system, _idle, _wait, irq, soft, steal = map(int, text.split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + soft) * _TICK_S, steal * _TICK_S


def fsync_ms(folder: Path, count: int = 50) -> tuple[float, float, float]:
    """Milliseconds of a 4 KB append with fsync in this folder: min, median, max."""
    target = folder / "fsync-probe"
    taken = []
    with target.open("wb", buffering=0) as file:
        for _ in range(count):
            begun = time.perf_counter()
            file.write(b"\0" * 4096)
            os.fsync(file.fileno())
            taken.append(1000 * (time.perf_counter() - begun))
    target.unlink()
    return min(taken), statistics.median(taken), max(taken)


def noise_percent(rounds: int = 15) -> float:
    """How far the same pure computation spreads on this machine now: (max - min) of its time, in percent of min."""
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        sum(number * number for number in range(200_000))
        taken.append(time.perf_counter() - begun)
    return 100 * (max(taken) - min(taken)) / min(taken)


def described(folder: Path) -> list[str]:
    """Sentences about the machine and its noise."""
    load = os.getloadavg()
    before = spent()
    time.sleep(_LOOK_S)
    idle = before.told(spent())
    low, middle, high = fsync_ms(folder)
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return [
        f"{os.cpu_count()} cores ({model}), Linux {platform.release()}",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        f"load average at the start {load[0]:.2f} {load[1]:.2f} {load[2]:.2f} (0 would be a machine of our own)",
        f"in the {_LOOK_S:g} s before: {idle}",
        f"fsync of 4 KB where the databases lie: {low:.2f} – {middle:.2f} – {high:.2f} ms",
        f"the same computation fifteen times spreads by {noise_percent():.0f} %",
    ]
