"""Settings on the page: who is told when something needs a person."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from modemfarm.store import alerts, audit, rates
from modemfarm.store.shapes import rfc3339
from modemfarm.webapp.access import deps, may
from modemfarm.webapp.language import words
from modemfarm.webapp.page import person, person_as, seen_farm, show

routes = Blueprint("settings", __name__)
_LINES = 20


@routes.get("/settings")
@person
def settings() -> Response:
    farm = deps()
    last, found = farm.store.look(alerts.outcomes), farm.store.look(rates.document, farm.clock.now())
    ways = [
        {"way": way, "at": rfc3339(last[way][0]) if way in last else None, "error": last.get(way, (0, ""))[1]}
        for way in farm.alert_ways
    ]
    lines = [_line(row) for row in farm.store.look(audit.listed, _LINES)] if may("admin") else []
    return show("settings.html", ways=ways, offers=found, lines=lines, mark="", **seen_farm(words()))


def _line(row: dict[str, Any]) -> dict[str, Any]:
    """One line of the audit, in words."""
    data = json.loads(row["data"])
    told = [row["subject"], *(f"{key}: {value}" for key, value in data.items() if value not in (None, "", [], {}))]
    action = "audit." + row["action"].replace(".", "_")
    return {
        "at": rfc3339(row["at"]),
        "who": row["who"],
        "what": words().say(action),
        "about": ", ".join(filter(None, told)),
    }


@routes.post("/settings/alerts/test")
@person_as("admin")
def test_alerts() -> AnyResponse:
    farm = deps()
    if farm.test_alerts is not None:
        farm.test_alerts()
    return redirect(url_for("settings.settings"), 303)
