"""The page's lists: messages with their stories, replies, and the small form that sends one."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for

from modemfarm.errors import SubmitError
from modemfarm.gsm.splitting import measure
from modemfarm.intake import many
from modemfarm.intake.accept import accept, preview
from modemfarm.intake.again import retry
from modemfarm.intake.draft import Draft
from modemfarm.model import MessageState
from modemfarm.store import actions, idempotency, labels, reviews, selecting, story, unread, views
from modemfarm.store.engine import Tx
from modemfarm.store.shapes import rfc3339
from modemfarm.webapp import asking, forecast
from modemfarm.webapp.access import deps
from modemfarm.webapp.api_many import act
from modemfarm.webapp.language import words
from modemfarm.webapp.page import back, fragment, person, seen_farm, show, write
from modemfarm.webapp.problems import not_found
from modemfarm.webapp.settings import WebDeps

routes = Blueprint("lists", __name__)

_SHOWN = 50
AT_ONCE = 20_000  # of what a button acts on; it stands there again for the others


@routes.get("/messages")
@person
def messages() -> Response:
    states = asking.states()
    with deps().store.read() as tx:
        found = views.messages(tx, state=states, cursor=asking.cursor(), limit=_SHOWN)
        counts = deps().lately.get("counts", lambda: views.counts(tx))
        newest = labels.newest(tx)
        able = {what: selecting.count(tx, which) for what, which in _meant(states, newest)}
    return show(
        "messages.html", mark="", found=found, states=states, counts=counts, able=able, newest=newest, **_frame()
    )


def _meant(states: Sequence[str], newest: int) -> list[tuple[str, selecting.Which]]:
    """What can be done at once to all that the filter shows."""
    return [
        (what, many.meant(what, states, upto=newest))
        for what in ("cancel", "retry")
        if states and set(states) <= set(many.STATES[what])
    ]


@routes.post("/messages/<any(cancel, retry):what>")
@person
def several(what: str) -> Response:
    newest = request.form.get("upto", "")
    for able, which in _meant(asking.states(), int(newest) if newest.isdecimal() and len(newest) < 19 else 0):
        if able == what:
            act(what, which, most=AT_ONCE, who="page")
    return back()


def _frame() -> dict[str, Any]:
    seen = seen_farm(words())
    return {name: seen[name] for name in ("phrases", "title", "paused", "restored", "new_replies", "trouble")}


@routes.get("/messages/<int:message_id>")
@person
def message(message_id: int) -> Response:
    return show("message.html", mark="", **_story(message_id), **_frame())


@routes.get("/fragment/messages/<int:message_id>")
@person
def its_story(message_id: int) -> Response:
    return fragment("_story.html", **_story(message_id))


def _story(message_id: int) -> dict[str, Any]:
    """A message, what became of it, and what a person can do about it."""
    with deps().store.read() as tx:
        found = views.message(tx, min(message_id, 2**62))
        told = story.explain(tx, min(message_id, 2**62), terms=deps().terms, now=deps().clock.now())
    if found is None:
        raise not_found(f"message {message_id}")
    can = {
        "cancel": found["state"] in {"scheduled", "held", "queued"},
        "retry": found["state"] in {"failed", "undelivered", "expired", "canceled"},
        "resolve": found["state"] == MessageState.UNKNOWN,
    }
    return {"m": found, "story": told, "can": can}


@routes.post("/messages/<int:message_id>/cancel")
@person
def cancel(message_id: int) -> Response:
    write(actions.cancel, message_id, deps().clock.now(), who="page")
    return back()


@routes.post("/messages/<int:message_id>/retry")
@person
def again(message_id: int) -> Response:
    taken = write(retry, message_id, deps().intake, deps().clock.now())
    if taken is None:
        raise not_found(f"message {message_id}")
    return redirect(url_for("lists.message", message_id=taken.message_id), 303)  # type: ignore[return-value]  # werkzeug's base class


@routes.post("/messages/<int:message_id>/resolve/<any(sent, failed):outcome>")
@person
def resolve(message_id: int, outcome: str) -> Response:
    write(actions.resolve, message_id, outcome == "sent", deps().clock.now(), who="page")
    return back()


@routes.get("/inbox")
@person
def inbox() -> Response:
    with deps().store.read() as tx:
        found = views.inbound_list(tx, cursor=asking.cursor(), limit=_SHOWN)
        newest = unread.newest(tx)
        doubted = (
            [] if asking.cursor() else [{**row, "since": rfc3339(row["since"])} for row in reviews.listed(tx, _SHOWN)]
        )
    response = show("inbox.html", mark="", found=found, doubted=doubted, **_frame())
    if newest and asking.cursor() is None:
        write(unread.mark_read, newest, deps().clock.now())
    return response


@routes.post("/inbox/review/<number>/<any(opted_out, dismissed):decision>")
@person
def review(number: str, decision: reviews.Decision) -> Response:
    farm = deps()
    write(reviews.settle, number, decision, farm.clock.now(), "page", farm.intake.exempt)
    return back()


@routes.get("/send")
@person
def form() -> Response:
    to, text = request.args.get("to", ""), request.args.get("text", "")
    return show("send.html", mark="", to=to, text=text, fault="", nonce=secrets.token_urlsafe(12), **_frame())


def _draft() -> Draft:
    return Draft(to=request.form.get("to", "").strip(), text=request.form.get("text", "").replace("\r\n", "\n"))


@routes.post("/send")
@person
def send() -> Response:
    draft = _draft()
    nonce = request.form.get("nonce", "")[:64] or secrets.token_urlsafe(12)
    try:
        message_id = write(_take_once, draft, nonce, deps())
    except SubmitError as error:
        return show(
            "send.html",
            422,
            mark="",
            to=draft.to,
            text=draft.text,
            fault=str(error),
            nonce=nonce,
            **_frame(),
        )
    return redirect(url_for("lists.message", message_id=message_id), 303)  # type: ignore[return-value]  # werkzeug's base class


def _take_once(tx: Tx, draft: Draft, nonce: str, farm: WebDeps) -> int:
    """A button pressed twice sends once."""
    now = farm.clock.now()
    begun = idempotency.begin(tx, nonce, "page send", "", now)
    if isinstance(begun, idempotency.Replay):
        return int(begun.answer)
    accepted = accept(tx, draft, farm.intake, now)
    if accepted is None:
        raise not_found("such message")
    idempotency.finish(tx, nonce, "page send", 202, str(accepted.message_id))
    return accepted.message_id


@routes.post("/send/measure")
@person
def counter() -> Response:
    """The live counter: parts, room, cost, when it will have left, what policy says."""
    farm = deps()
    w = words()
    draft = _draft()
    values: dict[str, Any] = {"layout": None, "verdict": None, "fault": "", "text": draft.text, "finish": ""}
    try:
        values["layout"] = measure(draft.text) if draft.text else None
        if draft.to and draft.text:
            with farm.store.read() as tx:
                values["verdict"] = preview(tx, draft, farm.intake, w.now)
            first, ahead = values["verdict"].first, farm.outlook.lately()
            if ahead.messages < forecast.QUICK:
                ahead = farm.outlook.fresh([first])
            values["finish"] = w.clock(ahead.finished.get(first.message_id, ahead.finish_at))
    except SubmitError as error:
        values["fault"] = str(error)
    text = render_template(
        "_counter.html", w=w, say=w.say, t=w.page, currency=farm.intake.currency, farm_name=farm.farm_name, **values
    )
    return Response(text, content_type="text/html; charset=utf-8")
