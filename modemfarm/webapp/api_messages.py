"""/v1/messages: send, list, show, explain, take back, send again, decide about an unknown one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, request, url_for

from modemfarm.errors import BadFieldError, RefusedError
from modemfarm.intake import asked
from modemfarm.intake.accept import accept, preview
from modemfarm.intake.again import retry
from modemfarm.intake.draft import Accepted, Draft, IntakeSettings, Preview
from modemfarm.intake.edit import edit
from modemfarm.intake.people import filler
from modemfarm.model import MessageState
from modemfarm.policy.remedy import command
from modemfarm.store import actions, idempotency, story, views
from modemfarm.store.engine import Tx
from modemfarm.webapp import asking, forecast, narrowed
from modemfarm.webapp.access import by_whom, deps, intake, needs
from modemfarm.webapp.bodies import EditBody, EmptyBody, MessageBody, ResolveBody, body
from modemfarm.webapp.language import words
from modemfarm.webapp.numbers import typed
from modemfarm.webapp.problems import Problem, not_found
from modemfarm.webapp.words import Words
from modemfarm.webapp.writing import Answer, key_of_request, reply, scope_of_request, write

routes = Blueprint("messages", __name__, url_prefix="/v1/messages")


def refused(document: dict[str, Any], said: Words) -> dict[str, Any]:
    """The problem that tells of a message which policy refused."""
    slug, params = document["reason"] or "refused", document["reason_params"] or {}
    return Problem(
        403,
        "refused",
        said.refusal(slug, document["to"], params),
        code=slug,
        message_id=document["id"],
        command=command(slug, document["to"], params),
    ).document()


def taken(tx: Tx, accepted: Accepted | None, said: Words) -> Answer:
    """The answer to a message that intake stored, in the reader's language."""
    document = None if accepted is None else views.message(tx, accepted.message_id)
    if document is None:
        raise not_found("such message")
    if document["state"] == MessageState.REFUSED:
        return 403, refused(document, said)
    warned = accepted.warnings if accepted else ()
    return 202, document | ({"warnings": told(warned, said)} if warned else {})


def told(slugs: Sequence[str], said: Words) -> list[dict[str, str]]:
    """Each warning with its sentence."""
    return [{"code": slug, "detail": said.say(f"warning.{slug}")} for slug in slugs]


def _sent(status: int, document: dict[str, Any]) -> Response:
    headers = {"Location": url_for("messages.one", message_id=document["id"])} if status == 202 else None
    return reply(status, document, headers)


@routes.post("")
@needs("messages:send")
def send() -> Response:
    asking.only("dry_run")
    farm = deps()
    draft = body(MessageBody).draft(filler(farm.store.look, farm.intake))
    settings = intake()
    said = words()
    if asking.flag("dry_run"):
        key_of_request()  # a real one would refuse what is no key
        return _dry_run(draft)

    _in_time(draft, settings)

    def work(tx: Tx) -> Answer:
        return taken(tx, accept(tx, draft, settings, farm.clock.now()), said)

    return _sent(*write(work))


def _in_time(draft: Draft, settings: IntakeSettings) -> None:
    """Refuse a message that cannot leave before the end that it names. Nothing is kept of it, nor of its key.

    Raises:
        Problem: 429.
    """
    farm, key, until = deps(), key_of_request(), draft.valid_until
    now, look = farm.clock.now(), farm.store.look
    gone = forecast.too_late(look, farm.outlook, draft, settings, now, until)
    if gone is None or until is None:
        return
    if key is not None and look(idempotency.is_known, key, scope_of_request(), now):
        return  # this request came before: it gets the answer that it got then
    eta, end = forecast.said(gone), forecast.said(until)
    raise Problem(
        429,
        "cannot_before_expiry",
        f"It would leave about {eta}, and its valid_until is {end}: nothing was taken in.",
        headers={"Retry-After": str(max(1, math.ceil((gone - until).total_seconds())))},
        params={"next_at": eta},
        eta=eta,
        valid_until=end,
    )


def _dry_run(draft: Draft) -> Response:
    farm = deps()
    now = farm.clock.now()
    try:
        seen: Preview = farm.store.look(preview, draft, intake(), now)
    except RefusedError as error:
        raise Problem(403, "refused", str(error), code=error.slug) from None
    return reply(
        200,
        {
            "to": seen.recipient,
            "encoding": seen.encoding.value,
            "parts": seen.parts,
            "room": seen.room,
            "cost": seen.cost,
            "currency": seen.currency,
            "verdict": seen.verdict.value,
            "reason": seen.reason.slug if seen.reason else None,
            "reason_params": dict(seen.reason.params) if seen.reason else {},
            "forecast": forecast.of_one(farm.outlook.fresh([seen.first]), seen.first),
            "command": command(seen.reason.slug, seen.recipient, seen.reason.params) if seen.reason else None,
            "next_at": seen.next_at.isoformat() if seen.next_at else None,
            "text": seen.text,
            "warnings": told(seen.warnings, words()),
        },
    )


@routes.get("")
@needs("messages:read")
def several() -> Response:
    asking.only("state", "to", "reference", "batch", "since", "cursor", "after", "order", "limit")
    farm = deps()
    with farm.store.read() as tx:
        found = views.messages(
            tx,
            state=asking.states(),
            to=typed("to", farm.intake.country),
            reference=request.args.get("reference"),
            batch=asking.whole("batch"),
            since=asking.since(),
            of=narrowed.own(tx),
            **asking.paging(),
        )
    return reply(200, found)


@routes.get("/<int:message_id>")
@needs("messages:read")
def one(message_id: int) -> Response:
    return reply(200, _mine(message_id))


@routes.get("/<int:message_id>/explain")
@needs("messages:read")
def explain(message_id: int) -> Response:
    farm = deps()
    _mine(message_id)
    with farm.store.read() as tx:
        lines = story.explain(tx, _id(message_id), terms=farm.terms, now=farm.clock.now())
        rules = asked.table(tx, message_id, farm.intake, farm.clock.now())
    if lines is None:
        raise not_found("message", message_id)
    return reply(200, {"data": lines, "rules": rules})


def _id(message_id: int) -> int:
    if message_id >= 2**63:
        raise not_found("message", message_id)
    return message_id


def _known(tx: Tx, message_id: int) -> dict[str, Any]:
    document = views.message(tx, message_id)
    if document is None:
        raise not_found("message", message_id)
    return document


def _mine(message_id: int) -> dict[str, Any]:
    """The message, if this request's key may know of it; asked before the writer thread, which knows no request.

    Raises:
        Problem: 404.
    """
    with deps().store.read() as tx:
        document = narrowed.message(tx, views.message(tx, _id(message_id)))
    if document is None:
        raise not_found("message", message_id)
    return document


@routes.patch("/<int:message_id>")
@needs("messages:send")
def change(message_id: int) -> Response:
    changes = body(EditBody).changes()
    _mine(message_id)
    farm, who = deps(), by_whom()
    settings = intake()

    def work(tx: Tx) -> Answer:
        before = _known(tx, _id(message_id))
        try:
            edit(tx, message_id, changes, settings, farm.clock.now(), who=who)
        except BadFieldError as error:
            if error.code not in {"too_late", "text_gone"}:
                raise
            raise Problem(409, "conflict", str(error), code=error.code, state=before["state"]) from None
        except RefusedError as error:
            raise Problem(403, "refused", str(error), code=error.slug, message_id=message_id) from None
        return 200, _known(tx, message_id)

    return reply(*write(work))


@routes.post("/<int:message_id>/cancel")
@needs("messages:send")
def cancel(message_id: int) -> Response:
    body(EmptyBody, optional=True)
    _mine(message_id)
    farm, who = deps(), by_whom()

    def work(tx: Tx) -> Answer:
        _known(tx, _id(message_id))
        state = actions.cancel(tx, message_id, farm.clock.now(), who=who)
        if state is not MessageState.CANCELED:
            raise Problem(409, "conflict", f"Message {message_id} is {state}: too late.", code="too_late", state=state)
        return 200, _known(tx, message_id)

    return reply(*write(work))


@routes.post("/<int:message_id>/retry")
@needs("messages:send")
def again(message_id: int) -> Response:
    body(EmptyBody, optional=True)
    _mine(message_id)
    farm = deps()
    settings = intake()
    said = words()

    def work(tx: Tx) -> Answer:
        _known(tx, _id(message_id))
        try:
            return taken(tx, retry(tx, message_id, settings, farm.clock.now()), said)
        except BadFieldError as error:
            if error.code not in {"not_retriable", "text_gone"}:
                raise
            raise Problem(409, "conflict", str(error), code=error.code) from None

    return _sent(*write(work))


@routes.post("/<int:message_id>/resolve")
@needs("messages:send")
def resolve(message_id: int) -> Response:
    wanted = body(ResolveBody)
    _mine(message_id)
    farm, who = deps(), by_whom()

    def work(tx: Tx) -> Answer:
        state = _known(tx, _id(message_id))["state"]
        if state != MessageState.UNKNOWN:
            raise Problem(409, "conflict", f"Message {message_id} is {state}, not unknown.", code="not_unknown")
        actions.resolve(tx, message_id, wanted.outcome == "sent", farm.clock.now(), who=who)
        return 200, _known(tx, message_id)

    return reply(*write(work))
