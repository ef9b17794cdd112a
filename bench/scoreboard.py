"""`python -m bench.scoreboard`: ten situations, modemfarm and its peers, beside what was published of the peers."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench import situations
from bench.machine import described
from bench.peers import debian
from bench.peers.field import CONTENDERS, Make
from bench.rig import folder
from bench.situations import Told

RESULTS = Path(__file__).parent / "scoreboard.md"
OURS, GAMMU, SMSTOOLS = "modemfarm", "gammu default", "smstools default"
FRONT = """\
# Scoreboard

Written by `python -m bench.scoreboard`. Each situation is played with real processes on the simulator's virtual modems
and judged by its log. Measured: here, in this run, all with default settings. Published: what a survey measured of
Debian 12's packages (gammu 1.42.0-8, smstools 3.1.21-4, Kannel 1.4.5-12) on another simulator, one run each; where the
two differ, both stand here.
"""


@dataclass(frozen=True, slots=True)
class Situation:
    """One row.

    Attributes:
        published: of gammu-smsd, smstools and Kannel.
        alone: a daemon for one modem cannot be played in it.
    """

    name: str
    play: Callable[[Make], Told]
    published: tuple[str, str, str]
    alone: bool = False


ROWS = (
    Situation(
        "service restart (SIGTERM) while `+CMGS` is pending",
        situations.sigterm,
        ("duplicate", "clean, exactly once", "clean, exactly once (exit 5 s)"),
    ),
    Situation("SIGKILL in the same window", situations.sigkill, ("duplicate", "duplicate", "duplicate")),
    Situation(
        "2 modems, one rejects everything, 40 messages",
        situations.rejecting,
        (
            "one modem a process",
            "3 messages lost to `failed`, then the modem off for 1 h",
            "14 of 20 sent in 150 s, 16 rejections, the modem still “online”",
        ),
        alone=True,
    ),
    Situation(
        "one message that always fails, 2 good ones behind",
        situations.poison,
        (
            "56 attempts in 60 s, the good ones starve",
            "goes to `failed` after 3 attempts",
            "the others pass, retried every 60 s (by its source)",
        ),
    ),
    Situation(
        "unplug and replug, same path",
        situations.replug,
        ("never recovers", "103 s", "never in 9 min, still answers 202"),
    ),
    Situation(
        "Chinese text, default settings",
        situations.chinese,
        ("empty message marked sent (C locale)", "characters dropped, marked sent", "`?`, HTTP 202"),
    ),
    Situation(
        "emoji in UTF-8 text, default settings",
        situations.emoji,
        ("correct in a UTF-8 locale", "rest of the text cut, marked sent", "two `?` an emoji, HTTP 202"),
    ),
    Situation(
        "300 characters by the default command line or spool",
        situations.long_by_cli,
        ("cut to 160", "2 linked parts", "only the first 160 sent, HTTP 202"),
    ),
    Situation(
        "idle pick-up, mean / longest of 8",
        situations.pickup,
        ("12.2 / 29.8 s", "6.6 / 10.4 s", "0.66 / 1.02 s"),
    ),
    Situation("own overhead a message", situations.overhead, ("0.71 s", "0.36 s", "2.3 s")),
)


def table(found: Mapping[tuple[str, str], Told]) -> str:
    """The board; a dash where a contender was not played."""

    def told(row: Situation, who: str) -> str:
        outcome = found.get((row.name, who))
        return "–" if outcome is None else outcome.text

    peers = "gammu-smsd (measured) | gammu-smsd (published) | smstools (measured) | smstools (published)"
    lines = [f"| situation | modemfarm (measured) | {peers} | Kannel (published) |", "|---|---|---|---|---|---|---|"]
    for row in ROWS:
        gammu, smstools, kannel = row.published
        cells = (told(row, OURS), told(row, GAMMU), gammu, told(row, SMSTOOLS), smstools, kannel)
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _played(pair: tuple[Situation, str]) -> tuple[tuple[str, str], Told]:
    row, name = pair
    began = time.monotonic()
    told = row.play(CONTENDERS[name])
    print(f"{row.name} | {name} | {told.text} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
    return (row.name, name), told


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Play the situations with modemfarm and with its peers.")
    parser.add_argument("--alone", action="store_true", help="only modemfarm")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once; most of them wait most of the time")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args(arguments)
    names = [OURS]
    if not asked.alone:
        if why := debian.ensure():
            print(f"The peers are not played: {why}", file=sys.stderr)
        else:
            names += [GAMMU, SMSTOOLS]
    with folder() as place:
        machine = described(place)
    pairs = [(row, name) for row in ROWS for name in names if not (row.alone and name == GAMMU)]
    with ThreadPoolExecutor(asked.jobs) as pool:
        found = dict(pool.map(_played, pairs))
    at_once = "one situation at a time" if asked.jobs == 1 else f"{asked.jobs} situations at once"
    listed = "\n".join(f"- {line}" for line in [*machine, debian.versions(), at_once])
    page = f"{FRONT}\n{listed}\n\n{table(found)}\n"
    asked.out.write_text(page, encoding="utf-8")
    print(page)
    return 0 if all(told.right for (_, name), told in found.items() if name == OURS) else 1


if __name__ == "__main__":
    sys.exit(main())
