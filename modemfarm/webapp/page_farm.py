"""Beside the tiles: the last 24 hours as a drawing and a table, and the farm for a wall."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response

from modemfarm.store import day
from modemfarm.webapp.access import deps
from modemfarm.webapp.language import words
from modemfarm.webapp.page import person, seen_farm, show, watched

routes = Blueprint("wall", __name__)


def last_day() -> dict[str, Any]:
    """What the drawing of the day needs."""
    farm, w = deps(), words()
    seen = farm.store.look(day.last_day, w.now)
    begins = [seen.begins + timedelta(hours=place) for place in range(day.HOURS)]
    return {
        "hours": [
            {"at": w.clock(at), "sent": sent, "failed": failed}
            for at, sent, failed in zip(begins, seen.sent, seen.failed, strict=True)
        ],
        "sent_in_all": sum(seen.sent),
        "failed_in_all": sum(seen.failed),
    }


@routes.get("/fragment/day")
@person
def day_fragment() -> Response:
    return watched("_day.html", last_day)


@routes.get("/wall")
@person
def wall() -> Response:
    """The farm for a screen on the wall: read from three metres."""
    return show("wall.html", mark="", **seen_farm(words()))


@routes.get("/fragment/wall")
@person
def wall_fragment() -> Response:
    return watched("_wall.html", lambda: seen_farm(words()))
