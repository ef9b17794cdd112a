"""One measured figure: its aim, every repeat of it, and how a table shows it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """What one bench measured.

    Attributes:
        aim: the bound; None where the figure only explains another one.
        at_least: the aim is a floor, not a ceiling.
        values: one a repeat.
        notes: what a reader must know beside the numbers: who was the bound, how many, how long.
    """

    name: str
    unit: str
    aim: float | None
    values: tuple[float, ...]
    at_least: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        """``yes`` when the median reaches the aim, ``no`` when not, a dash without an aim."""
        if self.aim is None:
            return "–"
        reached = self.median >= self.aim if self.at_least else self.median <= self.aim
        return "yes" if reached else "no"

    @property
    def wanted(self) -> str:
        if self.aim is None:
            return "–"
        return f"{'≥' if self.at_least else '≤'} {shown(self.aim)} {self.unit}".rstrip()

    @property
    def spread(self) -> str:
        """Minimum, median and maximum of the repeats."""
        low, high = min(self.values), max(self.values)
        return f"{shown(low)} – **{shown(self.median)}** – {shown(high)} {self.unit}".rstrip()


def shown(value: float) -> str:
    """Three significant digits, thousands with a thin comma."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    lines = ["| figure | aim | min – median – max | repeats | reached | notes |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {item.name} | {item.wanted} | {item.spread} | {len(item.values)} | {item.verdict} |"
        f" {'; '.join(item.notes)} |"
        for item in figures
    ]
    return "\n".join(lines)
