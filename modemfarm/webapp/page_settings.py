"""Settings on the page: who is told when something needs a person."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from modemfarm.store import alerts, rates
from modemfarm.store.shapes import rfc3339
from modemfarm.webapp.access import deps
from modemfarm.webapp.language import words
from modemfarm.webapp.page import person, person_as, seen_farm, show

routes = Blueprint("settings", __name__)


@routes.get("/settings")
@person
def settings() -> Response:
    farm = deps()
    last, found = farm.store.look(alerts.outcomes), farm.store.look(rates.document, farm.clock.now())
    ways = [
        {"way": way, "at": rfc3339(last[way][0]) if way in last else None, "error": last.get(way, (0, ""))[1]}
        for way in farm.alert_ways
    ]
    return show("settings.html", ways=ways, offers=found, mark="", **seen_farm(words()))


@routes.post("/settings/alerts/test")
@person_as("admin")
def test_alerts() -> AnyResponse:
    farm = deps()
    if farm.test_alerts is not None:
        farm.test_alerts()
    return redirect(url_for("settings.settings"), 303)
