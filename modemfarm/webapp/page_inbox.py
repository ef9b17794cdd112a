"""The inbox: who wrote, the talk with one person, an answer from the same SIM, and replies that may be refusals."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for

from modemfarm.errors import SubmitError
from modemfarm.intake.replying import answer, is_answerable
from modemfarm.store import reviews, suppress, threads, unread, views
from modemfarm.store.engine import Tx
from modemfarm.store.shapes import rfc3339
from modemfarm.webapp import asking
from modemfarm.webapp.access import by_whom, deps, may
from modemfarm.webapp.language import words
from modemfarm.webapp.page import back, fragment, frame, person, person_as, show, write
from modemfarm.webapp.page_send import once
from modemfarm.webapp.problems import Problem, not_found

routes = Blueprint("inbox", __name__)

_SHOWN = 40
_LONGEST_SEARCH = 100
_OPTED_OUT = ("exact", "opt_out", "opted_out")


@routes.get("/inbox")
@person
def inbox() -> Response:
    return show("inbox.html", mark="", number=None, talk=None, **_people(), **frame())


@routes.get("/inbox/with/<path:number>")
@person_as("operator")
def one(number: str) -> Response:
    return _one(number)


@routes.get("/inbox/talk/<int:inbound_id>")
@person
def by_reply(inbound_id: int) -> Response:
    """The same by one of its replies: an address that tells no number to who may only look."""
    return _one(_sender(inbound_id))


def _sender(inbound_id: int) -> str:
    came = deps().store.look(views.inbound_one, min(inbound_id, 2**62))
    if came is None:
        raise not_found("reply", inbound_id)
    return str(came["from"])


def _one(number: str, text: str = "", fault: str = "", status: int = 200) -> Response:
    told = _talk(number)
    if may("operator") and deps().store.look(threads.is_new, number):
        write(threads.mark_read, number, deps().clock.now())
    nonce = secrets.token_urlsafe(12)
    return show("inbox.html", status, mark="", text=text, fault=fault, nonce=nonce, **told, **_people(), **frame())


@routes.get("/fragment/inbox/people")
@person
def people_fragment() -> Response:
    talk = asking.whole("talk")
    return fragment("_people.html", number=None if talk is None else _sender(talk), talk=talk, **_people())


@routes.get("/fragment/inbox/talk")
@person
def talk_fragment() -> Response:
    talk = asking.whole("talk")
    if request.args.get("number") and not may("operator"):
        raise Problem(403, "forbidden_role", words().page("may_not"))
    number = request.args.get("number", "") if talk is None else _sender(talk)
    told = _talk(number)
    if may("operator") and deps().store.look(threads.is_new, number):  # it is on the screen of somebody
        write(threads.mark_read, number, deps().clock.now())
    return fragment("_talk.html", **told)


def _people() -> dict[str, Any]:
    """The left side: a folder of those who wrote."""
    folder = request.args.get("show", "people")
    search = request.args.get("q", "").strip()[:_LONGEST_SEARCH]
    with deps().store.read() as tx:
        doubted = [{**row, "since": rfc3339(row["since"])} for row in reviews.listed(tx, _SHOWN)]
        if folder not in threads.FOLDERS:
            folder = "review" if folder == "review" else "people"
        found = (
            {"data": [], "next": None}
            if folder == "review"
            else threads.listed(tx, folder, search=search, cursor=asking.cursor(), limit=_SHOWN)
        )
        fresh = threads.unread(tx)
    return {"folder": folder, "search": search, "found": found, "doubted": doubted, "fresh": fresh}


def _talk(number: str) -> dict[str, Any]:
    """The right side: what was said by both sides, and whether this person can be answered."""
    farm = deps()
    with farm.store.read() as tx:
        said, last = threads.talk(tx, number), threads.last_of(tx, number)
        if not said:
            raise not_found("such talk")
        why_not = _why_not(tx, number, last)
        card = views.sim(tx, last["iccid"], terms=farm.terms) if last and last["iccid"] else None
        in_doubt = reviews.is_open(tx, number)
    return {
        "number": number,
        "talk": last["id"] if last else None,
        "said": said,
        "opted_out_by": _OPTED_OUT,
        "last": last,
        "why_not": why_not,
        "card": card,
        "in_doubt": in_doubt,
    }


def _why_not(tx: Tx, number: str, last: dict[str, Any] | None) -> str:
    """Why nobody should answer here, as a slug of the section `inbox`; "" where one may."""
    if not is_answerable(number):
        return "no_number" if not number else "is_service"
    if last is None:
        return "wrote_nothing"
    if last["verdict"] in _OPTED_OUT and suppress.is_suppressed(tx, number):
        return "wants_nothing"
    return ""


@routes.post("/inbox/reply")
@person
def reply() -> Response:
    """An answer by the SIM that they wrote to; a button pressed twice sends once."""
    farm, w = deps(), words()
    number = request.form.get("number", "")
    text, nonce = request.form.get("text", "").replace("\r\n", "\n"), request.form.get("nonce", "")[:64]
    last = farm.store.look(threads.last_of, number)
    if last is None or farm.store.look(_why_not, number, last):
        raise not_found("such talk")
    try:
        write(once, "page reply", nonce or secrets.token_urlsafe(12), answer(last, text), farm)
    except SubmitError as error:
        return _one(number, text, w.fault(error), 422)
    return redirect(url_for("inbox.one", number=number), 303)  # type: ignore[return-value]  # werkzeug's base class


@routes.post("/inbox/read")
@person
def read() -> Response:
    """Everything up to what was on the screen counts as seen."""
    newest = request.form.get("newest", "")
    if newest.isdecimal() and len(newest) < 19:
        write(unread.mark_read, int(newest), deps().clock.now())
    return back()


@routes.post("/inbox/review/<number>/<any(opted_out, dismissed):decision>")
@person
def review(number: str, decision: reviews.Decision) -> Response:
    farm = deps()
    write(reviews.settle, number, decision, farm.clock.now(), by_whom(), farm.intake.exempt)
    return back()
