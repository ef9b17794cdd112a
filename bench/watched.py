"""What a crowd in front of the page takes from a farm that sends."""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.crowded import backlog
from bench.figures import Figure
from bench.rig import Rig, farm, now
from bench.settings import Size
from modemfarm.store import sessions


def viewers(size: Size) -> list[Figure]:
    """Utilisation with pages that poll and programs that ask, against its spread without, in turn."""
    without, during, rates = [], [], []
    for at in range(2 * size.repeats):
        with farm(size.air_modems, airtime_ms=size.air_ms, report_ms=1000) as rig:
            if at % 2:
                with watching(rig, size.viewers, size.asks) as answers:
                    begun = time.monotonic()
                    during.append(statistics.median(backlog(rig, size.air_modems, size.many_each)[0]))
                    taken_s = time.monotonic() - begun
                rates.append(answers["answered"] / taken_s)
            else:
                without.append(statistics.median(backlog(rig, size.air_modems, size.many_each)[0]))
    spread = max(without) - min(without)
    lost = max(statistics.median(without) - statistics.median(during), 1e-6)
    notes = (f"without {statistics.median(without):.3f} (spread {spread:.3f}), with {statistics.median(during):.3f}",
             f"{size.viewers} pages and {size.asks} requests a second by programs")  # fmt: skip
    return [
        Figure("utilisation lost to those who watch", "", spread + 0.01, (lost,) * size.repeats, notes=notes),
        Figure("answers to those who watch", "/s", None, tuple(rates)),
    ]


@contextmanager
def watching(rig: Rig, pages: int, asks: int) -> Iterator[dict[str, int]]:
    """Pages and programs beside what is done meanwhile; afterwards, what they were answered."""
    command = [sys.executable, "-m", "bench.watching", str(rig.port), cookie(rig), rig.key, str(pages), str(asks)]
    crowd = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    answers: dict[str, int] = {}
    try:
        yield answers
    finally:
        told, _ = crowd.communicate(timeout=60)
        answers |= json.loads(told)


def cookie(rig: Rig) -> str:
    """The session of somebody who may look."""
    asked = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=60)
    asked.request("GET", f"/login?token={rig.store.run(sessions.create_login, 'viewer', now())}")
    given = asked.getresponse().getheader("Set-Cookie") or ""
    asked.close()
    return given.partition(";")[0]
