"""Writes bench/matrix-report.md: the slowest recovery of each fault in each phase, and what is not played."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modemfarm.simulator.faults import PHASES
from tests.matrix.cells import (
    LOCKS,
    NAMES,
    ORDER,
    PERSON,
    REPORTLESS,
    SPARED,
    UNCOUNTED,
    UNCOUNTING,
    impossible,
    possible,
)

REPORT = Path(__file__).resolve().parents[2] / "bench" / "matrix-report.md"
SLOWEST = 20

Recoveries = Mapping[tuple[str, str], Mapping[str, float]]


def render(recoveries: Recoveries) -> str:
    """The page.

    Args:
        recoveries: by fault and phase, seconds by family.
    """
    every = sorted(
        ((s, name, phase, family) for (name, phase), found in recoveries.items() for family, s in found.items()),
        key=lambda cell: (-cell[0], *cell[1:]),
    )
    lines = [
        "# Recoveries",
        "",
        f"Written by `MATRIX_REPORT=1 make matrix`. Virtual seconds from a fault to the network's yes to the next message; {len(every)}",
        "cells were played, each modem beside one that is well and may not wait. A message in doubt is waited for as long as",
        "its result could come: that is most of what the slowest took.",
        "",
        f"Families ({len(ORDER)}): {' '.join(ORDER)}",
        f"Faults ({len(NAMES)}): {' '.join(NAMES)}",
        f"Cells: {len(possible())} of a fault in a phase are played on each family, {len(impossible())} are impossible.",
        "",
        "## The slowest",
        "",
        "| s | fault | phase | family |",
        "|---|---|---|---|",
        *(f"| {s:.1f} | {name} | {phase} | {family} |" for s, name, phase, family in every[:SLOWEST]),
        "",
        "## The slowest family of each fault",
        "",
        f"| fault | {' | '.join(PHASES)} |",
        f"|---|{'---|' * len(PHASES)}",
        *(
            f"| {name} | {' | '.join(_slowest(recoveries.get((name, phase), {})) for phase in PHASES)} |"
            for name in NAMES
        ),
        "",
        "## Ended by a person",
        "",
        *(f"- {name}: {how}" for name, how in PERSON.items()),
        f"- {' and '.join(sorted(LOCKS))} on {' and '.join(UNCOUNTING)}: {UNCOUNTED}",
        "",
        "## Played another way",
        "",
        *(f"- {name} may not fire: {why}" for name, why in SPARED.items()),
        *(f"- {name} asks for no delivery report: {why}" for name, why in REPORTLESS.items()),
        "",
        "## Impossible",
        "",
    ]
    reasons: dict[tuple[str, str], list[str]] = {}
    for (name, phase), reason in impossible().items():
        reasons.setdefault((name, reason), []).append(phase)
    lines += [f"- {name} at {', '.join(phases)}: {reason}" for (name, reason), phases in reasons.items()]
    return "\n".join(lines) + "\n"


def _slowest(found: Mapping[str, float]) -> str:
    if not found:
        return ""
    family, seconds = max(found.items(), key=lambda item: (item[1], item[0]))
    return f"{family} {seconds:.1f}"
