"""Figure of the daemon's memory: what one more modem costs, after each has sent a little."""

from __future__ import annotations

from bench.figures import Figure
from bench.machine import family, rss_mb
from bench.rig import farm, numbers, wait_for
from bench.settings import Size

EACH = 5


def further_modem(size: Size) -> list[Figure]:
    """Private resident memory of daemons with few and many modems: the difference, a modem."""
    slopes, seen = [], []
    for _ in range(size.repeats):
        weights = []
        for modems in size.memory:
            with farm(modems) as rig:
                count = EACH * modems
                rig.submit([{"to": to, "text": f"weigh {at}"} for at, to in enumerate(numbers(0, count))])
                wait_for(
                    "the messages",
                    lambda rig=rig, count=count: (
                        rig.value("SELECT count(*) FROM messages WHERE state = 'delivered'") >= count
                    ),
                )
                weights.append(sum(map(rss_mb, family(rig.daemon.pid))))
        slopes.append((weights[-1] - weights[0]) / (size.memory[-1] - size.memory[0]))
        seen.append(
            ", ".join(f"{modems}: {weight:.0f} MB" for modems, weight in zip(size.memory, weights, strict=True))
        )
    return [Figure("memory a further modem", "MB", 0.5, tuple(slopes), notes=(f"daemon alone, by modems: {seen[-1]}",))]
