"""/v1/suppressions/import and /v1/reviews: whole lists of people, and replies that somebody must decide on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response

from modemfarm.errors import BadRecipientError
from modemfarm.store import audit, reviews, suppress
from modemfarm.store.engine import Tx
from modemfarm.store.shapes import rfc3339
from modemfarm.webapp import asking
from modemfarm.webapp.access import by_whom, deps, needs
from modemfarm.webapp.bodies import NumbersBody, ReviewBody, body
from modemfarm.webapp.numbers import number_of
from modemfarm.webapp.problems import not_found
from modemfarm.webapp.writing import go_on, reply

routes = Blueprint("people_lists", __name__, url_prefix="/v1")

_CHUNK = 500  # numbers a transaction
_MOST_OCTETS = 8 * 1024 * 1024  # the longest list of the longest numbers fits


@routes.post("/suppressions/import")
@needs("people")
def import_() -> Response:
    farm = deps()
    numbers: dict[str, None] = {}
    rejected: list[dict[str, Any]] = []
    for row, raw in enumerate(body(NumbersBody, most=_MOST_OCTETS).numbers, 1):
        try:
            numbers[number_of(raw, farm.intake.country)[0]] = None
        except BadRecipientError as error:
            rejected.append({"row": row, "code": error.code, "detail": str(error)})

    def work() -> dict[str, Any]:
        wanted, added, canceled = list(numbers), 0, 0
        for start in range(0, len(wanted), _CHUNK):
            some = wanted[start : start + _CHUNK]
            new, back = farm.offload_call(_add, some, farm.clock.now(), farm.intake.exempt, by_whom())
            added, canceled = added + new, canceled + back
        farm.offload_call(_noted, by_whom(), added, canceled, farm.clock.now())
        farm.wake()
        return {"added": added, "known": len(wanted) - added, "canceled": canceled, "rejected": rejected}

    return reply(*go_on(200, work))


def _add(tx: Tx, numbers: list[str], now: datetime, exempt: tuple[str, ...], actor: str) -> tuple[int, int]:
    return suppress.add_all(tx, numbers, now, exempt=exempt, actor=actor)


def _noted(tx: Tx, who: str, added: int, canceled: int, now: datetime) -> None:
    audit.note(tx, who, "suppressions.imported", now, count=added, canceled=canceled)


@routes.get("/reviews")
@needs("people")
def listed() -> Response:
    asking.only()
    rows = [{**row, "since": rfc3339(row["since"])} for row in deps().store.look(reviews.listed)]
    return reply(200, {"data": rows, "next": None})


@routes.post("/reviews/<number:number>")
@needs("people")
def decide(number: str) -> Response:
    decision = body(ReviewBody).decision
    farm = deps()
    parsed: str | None
    try:
        parsed = number_of(number, farm.intake.country)[0]
    except BadRecipientError:
        parsed = None

    def work() -> dict[str, Any]:
        exact, actor, now = farm.store.look(reviews.meant, number, parsed), by_whom(), farm.clock.now()
        if exact is None or not farm.offload_call(reviews.settle, exact, decision, now, actor, farm.intake.exempt):
            raise not_found(f"reply of {number} that waits for a decision")
        farm.wake()
        return {"number": exact, "decision": decision}

    return reply(*go_on(200, work))
