"""Who is measured, on which farm, and how much of everything."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench.peers.contender import Contender, Modemfarm
from bench.peers.gammu import Gammu
from bench.peers.smstools import SmsTools
from tests.e2e.farm import RealFarm

FAMILY = "sim800"  # one that all three know without a word of configuration
Make = Callable[[RealFarm], Contender]
CONTENDERS: dict[str, Make] = {
    "modemfarm": Modemfarm,
    "smstools default": lambda farm: SmsTools(farm, tuned=False),
    "smstools tuned": lambda farm: SmsTools(farm, tuned=True),
    "gammu default": lambda farm: Gammu(farm, tuned=False),
    "gammu tuned": lambda farm: Gammu(farm, tuned=True),
}


@dataclass(frozen=True, slots=True)
class Size:
    """Counts of one form of the bench.

    Attributes:
        modems, messages: of the backlog without air time; looked at for `most_s` at the most.
        air_modems, air_each, air_ms: of the backlog with air time; looked at for `air_most_s` at the most.
        samples, gap_s: of pick-up and of inbound: so many, on average so far apart, on `idle_modems`.
        idle_s: how long the processor time of doing nothing is watched.
        kills: how often all its processes are killed while results are pending.
    """

    repeats: int
    modems: int
    messages: int
    most_s: float
    air_modems: int
    air_each: int
    air_ms: int
    air_most_s: float
    idle_modems: int
    samples: int
    gap_s: float
    idle_s: float
    kills: int

    def repeated(self, times: int) -> Size:
        return replace(self, repeats=times)


WHOLE = Size(
    repeats=3, modems=32, messages=1600, most_s=60, air_modems=32, air_each=10, air_ms=3000, air_most_s=75,
    idle_modems=8, samples=24, gap_s=4, idle_s=20, kills=10,
)  # fmt: skip
SHORT = Size(
    repeats=1, modems=32, messages=640, most_s=20, air_modems=32, air_each=4, air_ms=3000, air_most_s=25,
    idle_modems=8, samples=8, gap_s=2.5, idle_s=5, kills=2,
)  # fmt: skip
SMALLEST = Size(
    repeats=1, modems=2, messages=6, most_s=12, air_modems=2, air_each=2, air_ms=100, air_most_s=12,
    idle_modems=1, samples=1, gap_s=0.1, idle_s=0.5, kills=1,
)  # fmt: skip


@contextlib.contextmanager
def contest(
    make: Make, modems: int, *, airtime_ms: float = 0, result_within: str = "20s"
) -> Iterator[tuple[RealFarm, Contender]]:
    """A farm of virtual modems, the same for all, and one contender that is ready to send; both gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="modemfarm-peers-", ignore_cleanup_errors=True) as name:
        farm = RealFarm(
            Path(name),
            modems=modems,
            families=[FAMILY],
            airtime_ms=airtime_ms,
            chatter_ms=0,
            result_within=result_within,
        )
        with farm:
            farm.start_simulator()
            contender = make(farm)
            try:
                contender.start()
                yield farm, contender
            finally:
                contender.kill()
