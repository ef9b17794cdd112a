"""`modemfarm batch --dry-run`: what would become of a file; nothing is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from modemfarm.cli.context import Farm, now
from modemfarm.cli.output import local, say
from modemfarm.daemon.settings import farm_settings
from modemfarm.errors import SubmitError
from modemfarm.farm.outlook import Outlook
from modemfarm.intake.accept import preview
from modemfarm.intake.rows import Row, RowError
from modemfarm.model import MessageState
from modemfarm.store.queue import Candidate
from modemfarm.webapp import forecast


@dataclass(slots=True)
class BatchPreview:
    """The sums of a file: messages that would be taken, their parts and price, and the rows that would not."""

    accepted: int = 0
    parts: int = 0
    cost: float | None = None
    rejected: dict[int, RowError] = field(default_factory=dict)
    firsts: list[Candidate] = field(default_factory=list)


def foresee(farm: Farm, rows: Iterable[Row]) -> tuple[BatchPreview, dict[str, Any]]:
    """Judge every row as intake would, and play the farm forward with all of them.

    Returns:
        The sums, and the JSON document.
    """
    store, settings = farm.store(), farm.config.intake
    found = BatchPreview()
    with store.read() as tx:
        for row in rows:
            if row.draft is None:
                found.rejected[row.number] = row.error or RowError(row.number, "", "unreadable", "")
                continue
            try:
                seen = preview(tx, row.draft, settings, now())
            except SubmitError as error:
                found.rejected[row.number] = RowError(row.number, error.field, error.code, str(error))
                continue
            if seen.verdict is MessageState.REFUSED and seen.reason is not None:
                slug = seen.reason.slug
                found.rejected[row.number] = RowError(row.number, "to", slug, f"refused: {slug}")
                continue
            found.accepted += 1
            found.parts += seen.parts
            found.cost = found.cost if seen.cost is None else (found.cost or 0.0) + seen.cost
            place = found.accepted
            found.firsts.append(replace(seen.first, message_id=-place, part_id=seen.first.part_id + place))
    ahead = Outlook(store, farm_settings(farm.config), now).fresh(found.firsts)
    ours = [moment for message, moment in ahead.finished.items() if message < 0]
    document = {
        "accepted": found.accepted,
        "rejected": len(found.rejected),
        "parts": found.parts,
        "cost": None if found.cost is None else round(found.cost, 6),
        "currency": settings.currency,
        "finish_at": forecast.said(max(ours, default=None)),
        "cannot_send": ahead.late_in.get(0, 0),
    }
    return found, document


def tell(document: dict[str, Any]) -> None:
    """The sums for a person."""
    cost = "" if document["cost"] is None else f", {document['cost']:g} {document['currency'] or ''}".rstrip()
    say(f"would accept {document['accepted']} ({document['parts']} parts{cost}), reject {document['rejected']}")
    if document["finish_at"]:
        say(f"gone by {local(document['finish_at'])}")
    elif document["accepted"]:
        say("nobody can say when: no SIM sends now")
    if document["cannot_send"]:
        say(f"{document['cannot_send']} would end before their turn")
