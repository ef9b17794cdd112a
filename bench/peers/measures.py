"""The figures: rate, share of the air, processor, memory, how long an idle farm takes to notice."""

from __future__ import annotations

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable

from bench.peers.contender import Contender
from bench.peers.field import Make, Size, contest
from bench.rig import numbers
from tests.e2e.farm import RealFarm

SETTLE_S = 60.0  # the slowest default looks every 30 s
LOOK_EVERY_S = 0.01
Found = dict[str, float]


def submissions(farm: RealFarm) -> int:
    """How often a Ctrl-Z came, by the simulator's count."""
    return sum(modem["ctrl_z"] for modem in farm.ctl("stats")["modems"])


def watch(done: Callable[[], bool], most_s: float, every_s: float = 0.1) -> bool:
    """Look until it is so, or the time is over; whether it is so."""
    end = time.monotonic() + most_s
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(every_s)
    return True


def backlog(make: Make, size: Size) -> Found:
    """No air time: messages a second from the first to the last that the network took, processor time, memory."""
    with contest(make, size.modems) as (farm, contender):
        memory = contender.memory_mb()
        before = contender.cpu_s()
        contender.submit([(to, f"message {at}") for at, to in enumerate(numbers(0, size.messages))])
        watch(lambda: submissions(farm) > 0, SETTLE_S)
        watch(lambda: submissions(farm) >= size.messages, size.most_s)
        cpu = contender.cpu_s() - before
        sent = sorted(line["accepted_at"] for line in farm.log("submit"))
    rate = (len(sent) - 1) / (sent[-1] - sent[0]) if len(sent) > 1 else 0.0
    return {
        "rate": rate,
        "cpu_ms": 1000 * cpu / max(1, len(sent)),
        "memory_all": memory,
        "share_sent": len(sent) / size.messages,
    }


def air(make: Make, size: Size) -> Found:
    """A backlog with air time: which share of the time a modem's message was on the air, the middle modem."""
    count = size.air_modems * size.air_each
    with contest(make, size.air_modems, airtime_ms=size.air_ms) as (farm, contender):
        contender.submit([(to, f"air {at}") for at, to in enumerate(numbers(0, count))])
        watch(lambda: submissions(farm) > 0, SETTLE_S)
        watch(lambda: submissions(farm) >= count, size.air_most_s)
        time.sleep(size.air_ms / 1000 + 0.2)
        lanes: dict[int, list[tuple[float, float]]] = defaultdict(list)
        for line in farm.log("submit"):
            lanes[line["modem"]].append((line["ctrl_z_at"], line["accepted_at"]))
    shares = [_share(sorted(lanes[number])) for number in range(size.air_modems)]
    return {"utilisation": statistics.median(shares), "utilisation_worst": min(shares)}


def _share(times: list[tuple[float, float]]) -> float:
    """On the air from the first Ctrl-Z to the last one; fewer than two messages are no share."""
    if len(times) < 2:
        return 0.0
    return sum(taken - ctrl_z for ctrl_z, taken in times[:-1]) / (times[-1][0] - times[0][0])


def idle(make: Make, size: Size, seed: int) -> Found:
    """An idle farm: from handing in to Ctrl-Z, from the network's delivery to a readable message; processor at rest."""
    with contest(make, size.idle_modems) as (farm, contender):
        before, began = contender.cpu_s(), time.monotonic()
        time.sleep(size.idle_s)
        resting = (contender.cpu_s() - before) / (time.monotonic() - began)
        memory = contender.memory_mb()
        picked = picked_up(farm, contender, size, random.Random(seed))
        heard = _heard(farm, contender, size, random.Random(seed))
    return {
        "resting": 100 * resting, "memory_few": memory,
        "pickup_mean": statistics.fmean(picked), "pickup_max": max(picked),
        "inbound_mean": statistics.fmean(heard), "inbound_max": max(heard),
    }  # fmt: skip


def picked_up(farm: RealFarm, contender: Contender, size: Size, dice: random.Random) -> list[float]:
    """One message after the other, at moments that no contender can foresee; what never left took all the time."""
    handed = {}
    for at, to in enumerate(numbers(1000, size.samples)):
        time.sleep(dice.uniform(0.5, 1.5) * size.gap_s)
        handed[to] = time.time()
        contender.submit([(to, f"pick-up {at}")])
    watch(lambda: submissions(farm) >= len(handed), SETTLE_S)
    left = {line["to"]: line["ctrl_z_at"] for line in farm.log("submit")}
    over = time.time()
    return [left.get(to, over) - since for to, since in handed.items()]


def _heard(farm: RealFarm, contender: Contender, size: Size, dice: random.Random) -> list[float]:
    wanted = [f"inbound {at} ends" for at in range(size.samples)]
    seen: dict[str, float] = {}

    def look() -> bool:
        inbox = contender.inbox()
        for text in wanted:
            if text not in seen and any(text in found for found in inbox):
                seen[text] = time.time()
        return len(seen) == len(wanted)

    for at, text in enumerate(wanted):
        watch(lambda: look() and False, dice.uniform(0.5, 1.5) * size.gap_s, LOOK_EVERY_S)
        farm.ctl("deliver", at % size.idle_modems, "+8613700000000", text)
    watch(look, SETTLE_S, LOOK_EVERY_S)
    said = {line["text"]: line["t"] for line in farm.log("inbound")}
    over = time.time()
    return [seen.get(text, over) - said[text] for text in wanted]
