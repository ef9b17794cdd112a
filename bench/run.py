"""`python -m bench.run [NAME…]`: measure, print the table, write bench/results.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench import claiming, crowded, day, intake, memory, receiving, sending, watched
from bench.figures import Figure, table
from bench.machine import described, spent
from bench.rig import folder
from bench.settings import SHORT, SMALLEST, WHOLE, Size

BENCHES: dict[str, Callable[[Size], list[Figure]]] = {
    "throughput": sending.throughput,
    "pickup": sending.pickup,
    "inbound": receiving.announced,
    "intake": intake.bulk,
    "claim": claiming.claim,
    "memory": memory.further_modem,
    "utilisation": sending.utilisation,
    "many": crowded.many,
    "beside": crowded.beside,
    "viewers": watched.viewers,
    "day": day.memory,
}
RESULTS = Path(__file__).parent / "results.md"


def measure(names: list[str], size: Size) -> str:
    """Run benches one after the other; the page of their results."""
    with folder() as place:
        machine = described(place)
    figures: list[Figure] = []
    for name in names:
        begun, before = time.monotonic(), spent()
        found = BENCHES[name](size)
        meanwhile = before.told(spent())
        found = [replace(figure, notes=(*figure.notes, meanwhile)) for figure in found]
        figures += found
        print(f"{name} ({time.monotonic() - begun:.0f} s)", file=sys.stderr)
        print(table(found), flush=True)
    about = "\n".join(f"- {line}" for line in machine)
    front = "# Figures\n\nWritten by `python -m bench.run`; what each means is in README.md."
    return f"{front}\n\n{about}\n\n{table(figures)}\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure modemfarm on virtual modems.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {' '.join(BENCHES)}; none: all")
    parser.add_argument("--short", action="store_true", help="seconds each instead of minutes")
    parser.add_argument("--smallest", action="store_true", help="only to see that it runs")
    parser.add_argument("--repeats", type=int, help="how often each is measured")
    parser.add_argument("--out", type=Path, help="where to write; bench/results.md only when all were measured")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in BENCHES]
    if unknown:
        parser.error(f"no bench called {' '.join(unknown)}; there are: {' '.join(BENCHES)}")
    size = SMALLEST if asked.smallest else SHORT if asked.short else WHOLE
    if asked.repeats:
        size = size.repeated(asked.repeats)
    page = measure(asked.names or list(BENCHES), size)
    target = asked.out or (RESULTS if not asked.names and size.whole else None)
    if target is not None:
        target.write_text(page, encoding="utf-8")
        print(f"written: {target}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
