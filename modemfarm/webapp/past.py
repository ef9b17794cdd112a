"""What happened to one SIM, in words: its events and refusals, and what it sent on each day."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from modemfarm.store import past, views
from modemfarm.store.engine import Tx
from modemfarm.store.shapes import Terms
from modemfarm.webapp import device
from modemfarm.webapp.words import Words


def of_sim(tx: Tx, iccid: str, terms: Terms, limit: int, now: datetime, told: Words) -> dict[str, Any]:
    """The newest first: ``{"iccid", "data": [{"at", "kind", "said", "data"}], "sent": [{"day", "parts"}]}``."""
    events = past.of_sim(tx, iccid, device.KINDS, limit)
    row = tx.one("SELECT * FROM sims WHERE iccid = :iccid", iccid=iccid) or {}
    shown = views.sim(tx, iccid) or {}
    holder = views.modem(tx, shown["modem"]) if shown.get("modem") else None
    lines = [device.event(one, told) | {"data": one["data"]} for one in events]
    for attempt in past.errors(tx, iccid, limit):
        error = device.error(attempt, holder["family"] if holder else None, told)
        said = " ".join(word for word in (error["number"], error["said"]) if word)
        data = {"message": error["message"], "to": error["to"], "meaning": error["meaning"]}
        lines.append({"at": error["at"], "kind": f"attempt.{attempt['outcome']}", "said": said, "data": data})
    lines = sorted(lines, key=lambda line: line["at"] or "", reverse=True)[:limit]
    days = past.sent_per_day(tx, iccid, terms.plan(row), now)
    return {"iccid": iccid, "data": lines, "sent": [{"day": day, "parts": parts} for day, parts in days]}
