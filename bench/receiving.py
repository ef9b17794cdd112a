"""Figure of the way in: an idle modem announces a message; until its PDU is committed."""

from __future__ import annotations

import statistics
import time

from bench.figures import Figure, percentile
from bench.rig import farm
from bench.settings import Size
from modemfarm.simulator.control import ask

LOOK_EVERY_S = 0.0005  # the figure is too large by up to this and one read


def announced(size: Size) -> list[Figure]:
    """From the log's line, written before `+CMTI`, to a row that another process can read."""
    waits, middles = [], []
    for _ in range(size.repeats):
        with farm(8) as rig:
            found = []
            for at in range(size.announced):
                text = f"inbound {at}"
                ask(rig.sim / "control.sock", "deliver", str(at % 8), "+8613700000000", text)
                until = time.monotonic() + 20
                while not rig.value("SELECT 1 FROM received WHERE text = :text AND id > :at", text=text, at=at):
                    if time.monotonic() > until:
                        raise TimeoutError(f"{text} was not committed")
                    time.sleep(LOOK_EVERY_S)
                found.append((text, time.time()))
                time.sleep(0.05)  # until the slot is deleted and the modem idle
            said = {line["text"]: line["t"] for line in rig.log("inbound")}
            times = [1000 * (committed - said[text]) for text, committed in found]
            waits.append(percentile(times, 0.95))
            middles.append(statistics.median(times))
    notes = (f"{size.announced} messages a repeat, one at a time", f"median {statistics.median(middles):.1f} ms")
    return [Figure("idle modem: +CMTI → committed, p95", "ms", 50, tuple(waits), notes=notes)]
