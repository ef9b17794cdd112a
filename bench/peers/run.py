"""`python -m bench.peers.run`: drive modemfarm and its peers on the same virtual modems, write bench/peers.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path

from bench.machine import described
from bench.peers import debian, measures, report, trials
from bench.peers.field import CONTENDERS, SHORT, SMALLEST, WHOLE, Size
from bench.rig import folder

RESULTS = Path(__file__).parents[1] / "peers.md"
FRONT = """\
# Beside the peers

Written by `python -m bench.peers.run`; what each figure means is in README.md. Each contender has the same virtual
modems, air time and seed, one after the other in one run; who is measured first changes with every repeat. The judge is
the simulator's log. Peers are Debian's packages, run without privileges and with their own configuration files.
"""


def measure(names: list[str], size: Size) -> str:
    """Everything, for these contenders; the page."""
    with folder() as place:
        machine = described(place)
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in names}
    kills: dict[str, list[trials.Killed]] = defaultdict(list)
    texts: dict[str, dict[str, str]] = {}
    for repeat in range(size.repeats):
        order = [*names[repeat % len(names) :], *names[: repeat % len(names)]]
        for name in order:
            make, began = CONTENDERS[name], time.monotonic()
            values = measures.backlog(make, size) | measures.air(make, size) | measures.idle(make, size, repeat)
            if size.modems > size.idle_modems:
                more = size.modems - size.idle_modems
                values["memory"] = (values["memory_all"] - values["memory_few"]) / more
            for key, value in values.items():
                found[name][key].append(value)
            kills[name].append(trials.killed(make, size))
            texts[name] = texts.get(name) or trials.texts(make)
            print(f"{name}, repeat {repeat + 1}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    lines = [*machine, debian.versions(), *report.about(size)]
    listed = "\n".join(f"- {line}" for line in lines)
    return f"{FRONT}\n{listed}\n\n{report.figures(found)}\n\n{report.judged(kills, texts)}\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure modemfarm beside SMS Server Tools 3 and Gammu SMSD.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(CONTENDERS)}; none: all")
    parser.add_argument("--short", action="store_true", help="minutes for all instead of an hour")
    parser.add_argument("--smallest", action="store_true", help="only to see that it runs")
    parser.add_argument("--repeats", type=int, help="how often each is measured")
    parser.add_argument("--out", type=Path, help="where to write; bench/peers.md only when all were measured")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in CONTENDERS]
    if unknown:
        parser.error(f"no contender called {', '.join(unknown)}; there are: {', '.join(CONTENDERS)}")
    if why := debian.ensure():
        print(f"The peers cannot be measured here. {why}", file=sys.stderr)
        return 1
    size = SMALLEST if asked.smallest else SHORT if asked.short else WHOLE
    if asked.repeats:
        size = size.repeated(asked.repeats)
    names = asked.names or list(CONTENDERS)
    page = measure(names if report.OURS in names else [report.OURS, *names], size)
    print(page)
    target = asked.out or (RESULTS if not asked.names and not asked.smallest else None)
    if target is not None:
        target.write_text(page, encoding="utf-8")
        print(f"written: {target}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
