"""What a daemon holds, counted before and after: descriptors, threads, tasks, objects, memory; and what of it leaks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.machine import rss_mb
from modemfarm.daemon.line import Line
from modemfarm.daemon.run import PORT_THREADS
from modemfarm.store.engine import POOLED
from tests.e2e.farm import RealFarm

DATABASE = "database"
_POOL = "port"  # threads that ports are opened in; made as needed, kept, PORT_THREADS at most
# A connection holds the file and its log, and the log's index is held once; two pools keep connections once opened.
MOST_DATABASE = 2 * POOLED * 2 + 2
OBJECTS_A_RETURN = 20.0  # a session alone has hundreds
RSS_MB_A_RETURN, RSS_MB_FREE = 0.02, 12.0  # a session and its recorder hold more; the allocator keeps what it had


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a process holds.

    Attributes:
        descriptors, threads: how many of each kind.
    """

    descriptors: Mapping[str, int]
    threads: Mapping[str, int]
    tasks: int
    objects: int
    rss_mb: float

    def counts(self) -> tuple[int, int, int]:
        """What must stand still once everything is at rest: descriptors, threads, tasks."""
        return sum(self.descriptors.values()), sum(self.threads.values()), self.tasks


def look(farm: RealFarm) -> Vitals:
    """Descriptors and memory from outside, where /proc tells; threads, tasks and objects by the daemon itself."""
    assert farm.daemon is not None
    pid = farm.daemon.pid
    with Line(farm.state_dir) as line:
        inside = line.ask("vitals")
        kinds = Counter(_kind(link) for link in Path(f"/proc/{pid}/fd").iterdir())
    kinds["socket"] -= 1  # the question's own
    return Vitals(dict(kinds), inside["threads"], inside["tasks"], inside["objects"], rss_mb(pid))


def settled(farm: RealFarm) -> Vitals:
    """The counts once three looks in a row agree: farewells take a moment."""
    last, same = look(farm), 0
    for _ in range(40):
        time.sleep(1.0)
        now = look(farm)
        same = same + 1 if now.counts() == last.counts() else 0
        if same == 2:
            return now
        last = now
    return last


def _kind(link: Path) -> str:
    try:
        target = str(link.readlink())
    except FileNotFoundError:
        return "closed"
    if ".db" in target:
        return DATABASE
    if target.startswith("/dev/pts/"):
        return "port"
    return target.partition(":[")[0] if ":[" in target else target


def leaks(before: Vitals, after: Vitals, returns: int) -> list[str]:
    """A sentence for everything that grew and should not have; nothing when all is well.

    Args:
        returns: how many modems came back between the two.
    """
    found = [
        f"descriptors of {kind}: {after.descriptors[kind]}, before {before.descriptors.get(kind, 0)}"
        for kind in sorted(after.descriptors)
        if kind != DATABASE and after.descriptors[kind] > before.descriptors.get(kind, 0)
    ]
    if after.descriptors.get(DATABASE, 0) > MOST_DATABASE:
        found.append(f"descriptors of the database: {after.descriptors[DATABASE]}, its pools keep {MOST_DATABASE}")
    found += [
        f"threads {kind}: {after.threads[kind]}, before {before.threads.get(kind, 0)}"
        for kind in sorted(after.threads)
        if after.threads[kind] > (PORT_THREADS if kind == _POOL else before.threads.get(kind, 0))
    ]
    if after.tasks > before.tasks:
        found.append(f"tasks: {after.tasks}, before {before.tasks}")
    if (after.objects - before.objects) > OBJECTS_A_RETURN * returns + 5000:
        found.append(f"objects: {after.objects}, before {before.objects}")
    if after.rss_mb - before.rss_mb > RSS_MB_A_RETURN * returns + RSS_MB_FREE:
        found.append(f"memory: {after.rss_mb:.1f} MB, before {before.rss_mb:.1f} MB")
    return found
