"""What the machine is and how busy others keep it, read from /proc."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import time
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Processor seconds of a process so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def rss_mb(pid: int) -> float:
    """Resident megabytes of a process that no other process shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    kilobytes = sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))
    return kilobytes / 1024


def total_busy_s() -> float:
    """Processor seconds that the whole machine worked since it started."""
    user, nice, system, _idle, _wait, irq, soft, steal = map(
        int, Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + soft + steal) * _TICK_S


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
        f"fsync of 4 KB where the databases lie: {low:.2f} – {middle:.2f} – {high:.2f} ms",
        f"the same computation fifteen times spreads by {noise_percent():.0f} %",
    ]
