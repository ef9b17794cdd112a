"""The page: every figure of every contender, and how modemfarm's stands to the better setting of each peer."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.figures import shown
from bench.peers.field import CONTENDERS, Size
from bench.peers.trials import Killed

OURS = "modemfarm"
PEERS = ("smstools", "gammu")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        more_is_better: which way the ratio says that modemfarm is ahead.
    """

    key: str
    name: str
    unit: str
    more_is_better: bool = False


ROWS = (
    Row("rate", "no air time: messages a second", "/s", more_is_better=True),
    Row("utilisation", "3 s of air: utilisation, the middle modem", "", more_is_better=True),
    Row("utilisation_worst", "3 s of air: utilisation, the worst modem", "", more_is_better=True),
    Row("pickup_mean", "idle: handed in → Ctrl-Z, mean", "s"),
    Row("pickup_max", "idle: handed in → Ctrl-Z, longest", "s"),
    Row("inbound_mean", "idle: delivered by the network → readable, mean", "s"),
    Row("inbound_max", "idle: delivered by the network → readable, longest", "s"),
    Row("cpu_ms", "processor a message", "ms"),
    Row("resting", "processor at rest, share of a core", "%"),
    Row("memory", "memory a further modem", "MB"),
)
Values = Mapping[str, Mapping[str, Sequence[float]]]  # contender -> figure -> one value a repeat


def cell(values: Sequence[float], unit: str) -> str:
    """Minimum, median and maximum, or the one value."""
    if not values:
        return "–"
    middle = f"**{shown(statistics.median(values))}**"
    text = middle if len(values) == 1 else f"{shown(min(values))} – {middle} – {shown(max(values))}"
    return f"{text} {unit}".rstrip()


def ratio(row: Row, found: Values, peer: str) -> str:
    """How many times better modemfarm is than the better of a peer's two settings; under 1 it is worse."""
    ours = statistics.median(found[OURS][row.key])
    theirs = [statistics.median(of[row.key]) for name, of in found.items() if name.startswith(peer) and of.get(row.key)]
    if not theirs:
        return "–"
    best = max(theirs) if row.more_is_better else min(theirs)
    above, below = (ours, best) if row.more_is_better else (best, ours)
    return f"{shown(above / below)} ×" if above > 0 and below > 0 else "–"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def figures(found: Values) -> str:
    """The measured figures with their ratios."""
    names = [name for name in CONTENDERS if name in found]
    peers = [peer for peer in PEERS if any(name.startswith(peer) for name in names)]
    head = ["figure", *names, *(f"ahead of {peer}" for peer in peers)]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in ROWS:
        cells = [cell(found[name].get(row.key, ()), row.unit) for name in names]
        lines.append(_line([row.name, *cells, *(ratio(row, found, peer) for peer in peers)]))
    return "\n".join(lines)


def judged(kills: Mapping[str, Sequence[Killed]], texts: Mapping[str, Mapping[str, str]]) -> str:
    """The table of what is not a figure."""
    names = [name for name in CONTENDERS if name in kills]
    lines = [_line(["trial", *names]), _line(["---"] * (len(names) + 1))]
    lines.append(_line(["kill -9 while +CMGS is pending", *(_kills(kills[name]) for name in names)]))
    lines += [_line([kind, *(texts[name][kind] for name in names)]) for kind in texts[names[0]]]
    return "\n".join(lines)


def _kills(runs: Sequence[Killed]) -> str:
    return str(
        Killed(
            sum(run.kills for run in runs),
            sum(run.wanted for run in runs),
            sum(run.doubled for run in runs),
            sum(run.lost for run in runs),
        )
    )


def about(size: Size) -> list[str]:
    """Sentences on how much was measured."""
    air = f"{size.air_modems} modems × {size.air_each} messages × {size.air_ms / 1000:g} s"
    return [
        f"no air time: {size.messages:,} messages on {size.modems} modems, at most {size.most_s:g} s from the first on",
        f"with air time: {air}, at most {size.air_most_s:g} s from the first on",
        f"idle: {size.idle_modems} modems, {size.samples} samples at random moments",
        f"repeats: {size.repeats}; where there are several: minimum – median – maximum",
    ]
