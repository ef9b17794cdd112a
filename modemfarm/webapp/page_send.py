"""Sending from the page: one message, with its count, price and what policy says while one writes, and a test of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for

from modemfarm.errors import BadFieldError, SubmitError
from modemfarm.gsm.splitting import measure
from modemfarm.intake.accept import accept, preview
from modemfarm.intake.draft import Draft
from modemfarm.intake.values import parse_moment
from modemfarm.model import MessageClass, MessageState
from modemfarm.store import batches, idempotency, views
from modemfarm.store.engine import Tx
from modemfarm.store.shapes import rfc3339
from modemfarm.webapp import forecast
from modemfarm.webapp.access import deps, secure
from modemfarm.webapp.language import words
from modemfarm.webapp.page import frame, person, piece, show, write
from modemfarm.webapp.problems import not_found
from modemfarm.webapp.settings import WebDeps

routes = Blueprint("send", __name__)

CLASSES = tuple(item.value for item in MessageClass)
COOKIE_ME = "modemfarm_me"  # where "send a test to me" went last
_RECENT = 8  # mailings
_TEST = "page test"


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form."""

    to: str = ""
    text: str = ""
    message_class: str = ""
    pinned: str = ""
    send_at: str = ""
    confirmed: bool = False  # the second word that an emergency needs
    unkept: bool = False  # the text is not to be kept

    def draft(self) -> Draft:
        """The message that it means.

        Raises:
            BadFieldError: a time that is none.
        """
        return Draft(
            to=self.to,
            text=self.text,
            message_class=self.message_class or None,
            pinned=self.pinned or None,
            send_at=moment(self.send_at),
            confirm_emergency=self.confirmed,
            store_text=not self.unkept,
        )


def typed() -> Typed:
    """The form of this request."""
    form = request.form
    return Typed(
        to=form.get("to", "").strip(),
        text=form.get("text", "").replace("\r\n", "\n"),
        message_class=form.get("class", ""),
        pinned=form.get("from", "").strip(),
        send_at=form.get("send_at", "").strip(),  # blanks are no time, and no wish to have none
        confirmed=bool(form.get("confirm_emergency")),
        unkept=bool(form.get("no_store_text")),
    )


def moment(raw: str) -> datetime | None:
    """A time that a person typed, where the page's clock is.

    Raises:
        BadFieldError: it is none.
    """
    if not raw.strip():
        return None
    try:
        return parse_moment(raw.strip(), deps().zone)
    except ValueError as error:
        raise BadFieldError("send_at", "bad_send_at", str(error)) from None


@routes.get("/send")
@person
def form() -> Response:
    return _form(Typed(to=request.args.get("to", ""), text=request.args.get("text", "")))


def _form(what: Typed, fault: str = "", nonce: str = "", status: int = 200) -> Response:
    farm = deps()
    with farm.store.read() as tx:
        cards = views.sims(tx, terms=farm.terms, now=farm.clock.now())
        recent = batches.recent(tx, _RECENT)
    return show(
        "send.html",
        status,
        mark="",
        typed=what,
        fault=fault,
        nonce=nonce or secrets.token_urlsafe(12),
        trial=secrets.token_urlsafe(12),
        my_number=request.cookies.get(COOKIE_ME, ""),
        sims=[card for card in cards if card["state"] != "absent"],
        recent=[{**row, "at": rfc3339(row["created_at"])} for row in recent],
        names=CLASSES,
        usual=farm.intake.default_class.value,
        **frame(),
    )


@routes.post("/send")
@person
def send() -> Response:
    what, nonce = typed(), request.form.get("nonce", "")[:64] or secrets.token_urlsafe(12)
    try:
        message_id = write(once, "page send", nonce, what.draft(), deps())
    except SubmitError as error:
        return _form(what, words().fault(error), nonce, 422)
    return redirect(url_for("lists.message", message_id=message_id), 303)  # type: ignore[return-value]  # werkzeug's base class


def once(tx: Tx, scope: str, nonce: str, draft: Draft, farm: WebDeps) -> int:
    """The message's id; a button pressed twice sends once.

    Raises:
        SubmitError: nothing is written.
    """

    def take() -> int:
        accepted = accept(tx, draft, farm.intake, farm.clock.now())
        if accepted is None:
            raise not_found("such message")
        return accepted.message_id

    return only_once(tx, scope, nonce, take, farm.clock.now())


def only_once(tx: Tx, scope: str, nonce: str, work: Callable[[], int], now: datetime) -> int:
    """The id that `work` made, or made when the same form came before."""
    begun = idempotency.begin(tx, nonce, scope, "", now)
    if isinstance(begun, idempotency.Replay):
        return int(begun.answer)
    made = work()
    idempotency.finish(tx, nonce, scope, 202, str(made))
    return made


@routes.post("/send/measure")
@person
def counter() -> Response:
    """The live counter: parts, room, cost, when it will have left, what policy says; and the button's words."""
    farm, w, what = deps(), words(), typed()
    values: dict[str, Any] = {"layout": None, "verdict": None, "fault": "", "finish": "", "late": False, "refusal": ""}
    try:
        values["layout"] = measure(what.text) if what.text else None
        if what.to and what.text:
            with farm.store.read() as tx:
                seen = values["verdict"] = preview(tx, what.draft(), farm.intake, w.now)
            ahead = farm.outlook.lately()
            if ahead.messages < forecast.QUICK:
                ahead = farm.outlook.fresh([seen.first])
            told = forecast.of_one(ahead, seen.first)
            values["finish"], values["late"] = w.clock(told["finish_at"]), told["expires_first"]
            if seen.verdict is MessageState.REFUSED and seen.reason:
                values["refusal"] = w.refusal(seen.reason.slug, seen.recipient, seen.reason.params)
    except SubmitError as error:
        values["fault"] = w.fault(error)
    return piece("_counter.html", text=what.text, currency=farm.intake.currency, **values)


@routes.post("/send/test")
@person
def trial() -> Response:
    """The text as it stands, to the person at the page."""
    what, farm, w = typed(), deps(), words()
    me, nonce = request.form.get("me", "").strip(), request.form.get("trial", "")[:64]
    try:
        with farm.store.read() as tx:
            seen = preview(tx, replace(what, to=me, confirmed=True).draft(), farm.intake, w.now)
        said = send_test(seen.text, me, nonce, what.pinned)
    except SubmitError as error:
        return piece("_trial.html", trial=nonce or secrets.token_urlsafe(12), fault=w.fault(error))
    return said


def send_test(text: str, me: str, nonce: str, pinned: str = "") -> Response:
    """A text to one's own number, as a notice, whatever it will be to others.

    Raises:
        SubmitError: nothing is written.
    """
    farm = deps()
    draft = Draft(me, text, message_class="transactional", pinned=pinned or None, reference=_TEST, priority=9)
    message_id = write(once, "page test", nonce or secrets.token_urlsafe(12), draft, farm)
    response = piece("_trial.html", trial=secrets.token_urlsafe(12), sent=message_id)
    response.set_cookie(COOKIE_ME, me, max_age=31_536_000, httponly=True, samesite="Strict", secure=secure())
    return response
