"""Figures of the way out: parts a second and CPU a part with zero air time, utilisation with real air time, pick-up."""

from __future__ import annotations

import contextlib
import http.client
import statistics
import time
from collections import defaultdict

from bench.figures import Figure, percentile
from bench.machine import spent
from bench.rig import Rig, farm, now, numbers, wait_for
from bench.settings import Size
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.store.wake import wake

BOUND = 0.9  # a simulator that uses more of a core than this is what was measured


def all_final(rig: Rig, count: int) -> bool:
    """Whether so many messages have their delivery report."""
    return bool(rig.value("SELECT count(*) FROM messages WHERE state = 'delivered'") >= count)


def _bound(simulator_s: float, wall_s: float) -> str:
    share = simulator_s / wall_s
    return f"simulator {100 * share:.0f} % of a core" + (": IT IS THE BOUND" if share > BOUND else "")


def throughput(size: Size) -> list[Figure]:
    """Zero air: durable parts a second and CPU a part, intake (HTTP batch) to delivery report."""
    rates, cpu_ms, simulator_ms, notes = [], [], [], []
    for _ in range(size.repeats):
        with farm(size.lanes, report_ms=200) as rig:
            people = numbers(0, size.parts)
            rig.submit([{"to": to, "text": "warm"} for to in numbers(5_000_000, 50)])
            wait_for("the warm-up", lambda rig=rig: all_final(rig, 50))
            begun, (daemon, simulator), busy = time.monotonic(), rig.cpu(), spent().worked
            rig.submit([{"to": to, "text": f"part {at}"} for at, to in enumerate(people)])
            taken_s = time.monotonic() - begun
            wait_for("every report", lambda rig=rig: all_final(rig, size.parts + 50), 600, 0.25)
            wall_s = time.monotonic() - begun
            daemon, simulator = (after - before for after, before in zip(rig.cpu(), (daemon, simulator), strict=True))
            sent = sorted(line["accepted_at"] for line in rig.log("submit") if line["text"].startswith("part "))
            rates.append((len(sent) - 1) / (sent[-1] - sent[0]))
            cpu_ms.append(1000 * daemon / size.parts)
            simulator_ms.append(1000 * simulator / size.parts)
            others = (spent().worked - busy - daemon - simulator) / wall_s
            notes.append(
                f"{_bound(simulator, wall_s)}, daemon {100 * daemon / wall_s:.0f} %, others {100 * others:.0f} %"
            )
            assert len(sent) == size.parts, f"{len(sent)} submissions for {size.parts} parts"
    last = (f"{size.parts:,} parts, {size.lanes} modems, batch by HTTP taken in {taken_s:.1f} s", notes[-1])
    return [
        Figure("zero air: durable parts a second", "/s", 500, tuple(rates), at_least=True, notes=last),
        Figure("CPU a part, intake to report (daemon)", "ms", 1.6, tuple(cpu_ms)),
        Figure("beside it: the simulator's CPU a part", "ms", None, tuple(simulator_ms)),
    ]


def utilisation(size: Size) -> list[Figure]:
    """Backlog on many modems with real air time: the share of the wall in which a modem's message was on the air."""
    middle, lowest, notes = [], [], []
    for _ in range(size.repeats):
        with farm(size.air_modems, airtime_ms=size.air_ms, report_ms=1000) as rig:
            count = size.air_modems * size.air_each
            daemon, simulator = rig.cpu()
            begun = time.monotonic()
            rig.submit([{"to": to, "text": f"air {at}"} for at, to in enumerate(numbers(0, count))])
            wait_for("the backlog", lambda rig=rig, count=count: all_final(rig, count), 900, 0.5)
            wall_s = time.monotonic() - begun
            daemon, simulator = (after - before for after, before in zip(rig.cpu(), (daemon, simulator), strict=True))
            taken = shares(rig)
            middle.append(statistics.median(taken))
            lowest.append(min(taken))
            notes.append(f"daemon {100 * daemon / wall_s:.0f} %, {_bound(simulator, wall_s)}")
    what = f"{size.air_modems} modems × {size.air_each} parts × {size.air_ms / 1000:g} s air"
    return [
        Figure("utilisation, the middle modem", "", 0.99, tuple(middle), at_least=True, notes=(what, notes[-1])),
        Figure("utilisation, the worst modem", "", 0.99, tuple(lowest), at_least=True),
    ]


def shares(rig: Rig) -> list[float]:
    """The share of the wall that each modem was on the air, of those that sent more than once."""
    lanes: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for line in rig.log("submit"):
        lanes[line["modem"]].append((line["ctrl_z_at"], line["accepted_at"]))
    return [_share(sorted(times)) for times in lanes.values() if len(times) > 1]


def _share(times: list[tuple[float, float]]) -> float:
    """On the air from the first Ctrl-Z to the last one: as many sends as pauses."""
    on_air = sum(accepted - ctrl_z for ctrl_z, accepted in times[:-1])
    return on_air / (times[-1][0] - times[0][0])


def pickup(size: Size) -> list[Figure]:
    """An idle farm: from the intake's commit to Ctrl-Z at the virtual modem, by another process and by HTTP."""
    ways: dict[str, list[float]] = {"another process": [], "HTTP": []}
    middles: dict[str, list[float]] = {"another process": [], "HTTP": []}
    for _ in range(size.repeats):
        with farm(8, airtime_ms=0) as rig:
            committed = _by_process(rig, size.pickups)
            for way, found in (("another process", committed), ("HTTP", _by_http(rig, size.pickups))):
                read = {line["text"]: line["ctrl_z_at"] for line in rig.log("submit")}
                waits = [1000 * (read[text] - at) for text, at in found.items()]
                ways[way].append(percentile(waits, 0.95))
                middles[way].append(statistics.median(waits))
    return [
        Figure(
            f"idle: commit → Ctrl-Z, p95, {way}", "ms", 10, tuple(values),
            notes=(f"{size.pickups} a repeat, one at a time", f"median {statistics.median(middles[way]):.1f} ms"),
        )
        for way, values in ways.items()
    ]  # fmt: skip


def _by_process(rig: Rig, count: int) -> dict[str, float]:
    """What the CLI does after it has started; when each commit returned, by text."""
    settings = IntakeSettings(allow_countries="all")
    committed = {}
    for at, to in enumerate(numbers(0, count)):
        text = f"process {at}"
        rig.store.run(accept, Draft(to=to, text=text, report=False), settings, now())
        committed[text] = time.time()
        wake(rig.state)
        _one_by_one(rig, at + 1)
    return committed


def _by_http(rig: Rig, count: int) -> dict[str, float]:
    """`created_at` is taken as the commit: it lies before it, so the figure is an upper bound."""
    before = rig.stats()["total"]["ctrl_z"]
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", rig.port)) as peer:
        for at, to in enumerate(numbers(count, count)):
            body = f'{{"to": "{to}", "text": "http {at}", "report": false}}'
            rig.over(peer, "POST", "/v1/messages", body.encode())
            _one_by_one(rig, before + at + 1)
    with rig.store.read() as tx:
        rows = tx.all("SELECT text, created_at FROM messages WHERE text LIKE 'http %'")
    return {row["text"]: row["created_at"] / 1e6 for row in rows}


def _one_by_one(rig: Rig, count: int) -> None:
    wait_for("the message to leave", lambda: rig.stats()["total"]["ctrl_z"] >= count, 20, 0.01)
    time.sleep(0.03)  # until the farm is idle again
