"""What would become of a file of rows: its sums, its first messages, and what would not be taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from modemfarm.errors import SubmitError
from modemfarm.intake.accept import preview, ruled
from modemfarm.intake.draft import IntakeSettings, Preview
from modemfarm.intake.rows import Row, RowError
from modemfarm.model import MessageState, Reason
from modemfarm.store.engine import Tx
from modemfarm.store.queue import Candidate

_WARNED = 1000  # rows; what a person reads, and no file's memory


@dataclass(slots=True)
class Foreseen:
    """The sums of a file.

    Attributes:
        accepted: messages that would be taken.
        people: how many different numbers they go to.
        cost: None where no plan names a price.
        rejected: the rows that would not be taken, by number.
        held: of those taken, how many would wait, by the reason.
        warnings: how many are worth a second look, by slug; `warned` has the first rows of them with their slugs.
        first: the first that would be taken.
        refused: the first that policy would not take; `reasons`: why, by slug, as the first row of each has it.
        firsts: the first part of each, for a forecast.
    """

    accepted: int = 0
    parts: int = 0
    people: int = 0
    cost: float | None = None
    rejected: dict[int, RowError] = field(default_factory=dict)
    held: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    warned: dict[int, tuple[str, ...]] = field(default_factory=dict)
    first: list[Preview] = field(default_factory=list)
    refused: list[Preview] = field(default_factory=list)
    reasons: dict[str, Reason] = field(default_factory=dict)
    firsts: list[Candidate] = field(default_factory=list)


def foresee(tx: Tx, rows: Iterable[Row], settings: IntakeSettings, now: datetime, *, shown: int = 0) -> Foreseen:
    """Judge every row as intake would.

    Args:
        shown: how many of the first are kept whole.
    """
    found = Foreseen()
    people: set[str] = set()
    for row in rows:
        if row.draft is None:
            found.rejected[row.number] = row.error or RowError(row.number, "", "unreadable", "")
            continue
        try:
            settings = ruled(tx, row.draft, settings, now)
            seen = preview(tx, row.draft, settings, now)
        except SubmitError as error:
            found.rejected[row.number] = RowError(row.number, error.field, error.code, str(error))
            continue
        if seen.verdict is MessageState.REFUSED and seen.reason is not None:
            slug = seen.reason.slug
            found.reasons.setdefault(slug, seen.reason)
            if len(found.refused) < shown:
                found.refused.append(seen)
            found.rejected[row.number] = RowError(row.number, "to", slug, f"refused: {slug}")
            continue
        found.accepted += 1
        found.parts += seen.parts
        found.cost = found.cost if seen.cost is None else (found.cost or 0.0) + seen.cost
        people.add(seen.recipient)
        if seen.verdict is MessageState.HELD and seen.reason is not None:
            found.held[seen.reason.slug] += 1
        found.warnings.update(seen.warnings)
        if seen.warnings and len(found.warned) < _WARNED:
            found.warned[row.number] = seen.warnings
        if len(found.first) < shown:
            found.first.append(seen)
        place = found.accepted
        found.firsts.append(replace(seen.first, message_id=-place, part_id=seen.first.part_id + place))
    found.people = len(people)
    return found
