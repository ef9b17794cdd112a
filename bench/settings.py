"""How much of everything a bench does: whole, short, or the smallest that still runs the code."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Size:
    """Counts of one form of the bench.

    Attributes:
        lanes, parts: zero air.
        air_modems, air_each, air_ms: backlog with air time.
        pickups, announced: messages measured one at a time.
        memory: modems of each farm that is weighed.
        rows: of bulk intake.
        waiting: in the queue of the smaller and the larger claim; `claims` measured on each.
        day_h, an_hour: hours of virtual time, and messages in each.
        many, many_each: modems of a full host, and what each sends; the latter also beside intake.
        viewers, asks: pages that poll, and requests a second by programs.
    """

    repeats: int
    lanes: int
    parts: int
    air_modems: int
    air_each: int
    air_ms: int
    pickups: int
    announced: int
    memory: tuple[int, ...]
    rows: int
    waiting: tuple[int, int]
    claims: int
    many: int
    many_each: int
    day_h: int
    an_hour: int
    viewers: int
    asks: int
    whole: bool = False

    def repeated(self, times: int) -> Size:
        return replace(self, repeats=times)


WHOLE = Size(
    repeats=3, lanes=32, parts=4000, air_modems=64, air_each=10, air_ms=3000, pickups=120, announced=120,
    memory=(8, 128), rows=100_000, waiting=(1000, 1_000_000), claims=200, many=256,
    many_each=10, day_h=24, an_hour=300, viewers=200, asks=50, whole=True,
)  # fmt: skip
SHORT = Size(
    repeats=2, lanes=32, parts=1500, air_modems=64, air_each=3, air_ms=3000, pickups=60, announced=60,
    memory=(8, 32), rows=20_000, waiting=(1000, 100_000), claims=60, many=256, many_each=3, viewers=200, asks=50,
    day_h=8, an_hour=300,
)  # fmt: skip
SMALLEST = Size(
    repeats=1, lanes=2, parts=20, air_modems=2, air_each=2, air_ms=50, pickups=3, announced=3,
    memory=(1, 2), rows=200, waiting=(100, 1000), claims=5, many=3, many_each=2, viewers=3, asks=5,
    day_h=5, an_hour=10,
)  # fmt: skip
