"""/v1/complaints: who complained, with the proof of consent and what was sent."""

from __future__ import annotations

from typing import Annotated, Literal

from flask import Blueprint, Response
from pydantic import Field

from modemfarm.store import complaints, views
from modemfarm.store.engine import Tx
from modemfarm.webapp import asking
from modemfarm.webapp.access import by_whom, deps, needs
from modemfarm.webapp.bodies import Body, Content, Moment, Word, body
from modemfarm.webapp.numbers import number_of, typed
from modemfarm.webapp.writing import Answer, reply, write

routes = Blueprint("complaints", __name__, url_prefix="/v1")


class ComplaintBody(Body):
    """`POST /v1/complaints`."""

    number: Word
    text: Annotated[Content, Field(min_length=1, max_length=complaints.LONGEST)]
    channel: Literal["phone", "web", "operator", "counter"] = "phone"
    at: Moment | None = None


@routes.get("/complaints")
@needs("people")
def listed() -> Response:
    asking.only("number", "cursor", "limit")
    farm = deps()
    number, cursor = typed("number", farm.intake.country), asking.cursor()
    with farm.store.read() as tx:
        return reply(200, views.complaints(tx, number=number, cursor=cursor, limit=asking.limit()))


@routes.post("/complaints")
@needs("people")
def add() -> Response:
    wanted = body(ComplaintBody)
    farm, who = deps(), by_whom()
    number, _ = number_of(wanted.number, farm.intake.country)

    def work(tx: Tx) -> Answer:
        now, exempt = farm.clock.now(), farm.intake.exempt
        return 201, complaints.add(tx, number, wanted.text, wanted.channel, now, who=who, at=wanted.at, exempt=exempt)

    answer = reply(*write(work))
    farm.wake()
    return answer
