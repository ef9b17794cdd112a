"""Figures of a full host: many modems with air time, and bulk intake beside a farm that sends."""

from __future__ import annotations

import statistics
import threading
import time

from bench.figures import Figure
from bench.rig import Rig, farm, numbers, wait_for
from bench.sending import all_final, shares
from bench.settings import Size

LATER = "2099-01-01T00:00:00Z"
ROWS = 500  # of one batch that comes in meanwhile


def many(size: Size) -> list[Figure]:
    """Many modems on one host, 3 s of air: utilisation, and how much of a core the daemon takes."""
    middle, cores = [], []
    for _ in range(size.repeats):
        with farm(size.many, airtime_ms=size.air_ms, report_ms=1000) as rig:
            taken, core = backlog(rig, size.many, size.many_each)
            middle.append(statistics.median(taken))
            cores.append(core)
    what = f"{size.many} modems × {size.many_each} parts × {size.air_ms / 1000:g} s air"
    return [
        Figure(
            f"utilisation, {size.many} modems, the middle one", "", 0.98, tuple(middle), at_least=True, notes=(what,)
        ),
        Figure("the daemon meanwhile", "of a core", 1.0, tuple(cores)),
    ]


def beside(size: Size) -> list[Figure]:
    """What bulk intake takes from the utilisation of a farm that sends, against its spread without."""
    without, during = [], []
    for at in range(2 * size.repeats):
        with farm(size.air_modems, airtime_ms=size.air_ms, report_ms=1000) as rig:
            (during if at % 2 else without).append(_utilisation(rig, size, intake=bool(at % 2)))
    spread = max(without) - min(without)
    lost = tuple(alone - taken for alone, taken in zip(without, during, strict=True))  # below nothing: the noise won
    notes = (f"without {statistics.median(without):.3f} (spread {spread:.3f}), with {statistics.median(during):.3f}",)
    return [Figure("utilisation lost to bulk intake", "", spread + 0.01, lost, notes=notes)]


def _utilisation(rig: Rig, size: Size, *, intake: bool) -> float:
    over = threading.Event()

    def hand_in() -> None:
        """One batch after the other, for a day that does not come."""
        start = 1_000_000
        while not over.is_set():
            people = numbers(start, ROWS)
            rig.submit([{"to": to, "text": f"later {to}", "send_at": LATER} for to in people])
            start += ROWS

    other = threading.Thread(target=hand_in)
    if intake:
        other.start()
    try:
        taken, _ = backlog(rig, size.air_modems, size.many_each)
    finally:
        over.set()
        if intake:
            other.join()
    return statistics.median(taken)


def backlog(rig: Rig, modems: int, each: int) -> tuple[list[float], float]:
    """Send a backlog; each modem's share of the wall on the air, and the daemon's share of a core."""
    count = modems * each
    used, begun = rig.cpu()[0], time.monotonic()
    rig.submit([{"to": to, "text": f"air {at}"} for at, to in enumerate(numbers(0, count))])
    wait_for("the backlog", lambda: all_final(rig, count), 900, 0.5)
    return shares(rig), (rig.cpu()[0] - used) / (time.monotonic() - begun)
