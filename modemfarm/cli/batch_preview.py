"""`modemfarm batch --dry-run`: what would become of a file; nothing is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from modemfarm.cli.context import Farm, now
from modemfarm.cli.output import local, say, tell
from modemfarm.daemon.settings import farm_settings
from modemfarm.farm.outlook import Outlook
from modemfarm.intake import foresee as files
from modemfarm.intake.rows import Row
from modemfarm.webapp import forecast
from modemfarm.webapp.words import Words

_SHOWN = 20  # rows with warnings


def foresee(farm: Farm, rows: Iterable[Row]) -> tuple[files.Foreseen, dict[str, Any]]:
    """Judge every row as intake would, and play the farm forward with all of them.

    Returns:
        The sums, and the JSON document.
    """
    store, settings = farm.store(), farm.config.intake
    with store.read() as tx:
        found = files.foresee(tx, rows, settings, now())
    ahead = Outlook(store, farm_settings(farm.config), now).fresh(found.firsts)
    ours = [moment for message, moment in ahead.finished.items() if message < 0]
    document = {
        "accepted": found.accepted,
        "rejected": len(found.rejected),
        "parts": found.parts,
        "cost": None if found.cost is None else round(found.cost, 6),
        "currency": settings.currency,
        "finish_at": forecast.said(max(ours, default=None)),
        "cannot_send": ahead.late_in.get(ahead.NOT_THERE_YET, 0),
        "warnings": dict(sorted(found.warnings.items())),
        "warned": [{"row": row, "warnings": list(slugs)} for row, slugs in found.warned.items()],
    }
    return found, document


def tell_warned(document: dict[str, Any], said: Words) -> None:
    """What is worth a second look, by kind and by row."""
    for slug, count in document["warnings"].items():
        say(f"{count} × {said.say(f'warning.{slug}', {})}")
    for one in document["warned"][:_SHOWN]:
        say(f"{said.say('send.row', {'n': one['row']})} {', '.join(one['warnings'])}")
    if len(document["warned"]) > _SHOWN:
        say("…")


def tell_sums(document: dict[str, Any]) -> None:
    """The sums for a person."""
    cost = "" if document["cost"] is None else f", {document['cost']:g} {document['currency'] or ''}".rstrip()
    counts = {name: document[name] for name in ("accepted", "parts", "rejected")}
    tell("said.would_accept", **counts, cost=cost)
    if document["finish_at"]:
        tell("said.gone_by", time=local(document["finish_at"]))
    elif document["accepted"]:
        tell("said.no_forecast")
    if document["cannot_send"]:
        tell("said.would_be_late", n=document["cannot_send"])
