"""The page People: who is written down, and of one person what was agreed, sent, answered; and how to forget him."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from modemfarm.errors import BadFieldError, BadRecipientError
from modemfarm.intake import people
from modemfarm.model import digits_key
from modemfarm.store import audit, complaints, consents, contacts, erasing, forgotten, suppress, views
from modemfarm.store.shapes import rfc3339
from modemfarm.webapp.access import by_whom, deps
from modemfarm.webapp.api_people import as_csv
from modemfarm.webapp.language import words
from modemfarm.webapp.numbers import number_of
from modemfarm.webapp.page import person, person_as, seen_farm, show, write
from modemfarm.webapp.problems import not_found

routes = Blueprint("people", __name__)
_SHOWN = 50
_TALK = 20


def _frame() -> dict[str, Any]:
    seen = seen_farm(words())
    return {name: seen[name] for name in ("phrases", "title", "paused", "restored", "new_replies", "trouble")}


def _list(status: int = 200, **told: Any) -> Response:
    search = request.args.get("search", "").strip()[:100]
    after = request.args.get("cursor", "")
    with deps().store.read() as tx:
        rows = contacts.listed(tx, after, _SHOWN + 1, search)
        out = suppress.suppressed_among(tx, [row["number"] for row in rows])
        total, gone = contacts.count(tx), forgotten.count(tx)
    more = rows[_SHOWN - 1]["number"] if len(rows) > _SHOWN else None
    told = {"fault": "", "done": None} | told
    return show(
        "people.html", status, mark="", rows=rows[:_SHOWN], out=out, total=total, gone=gone, more=more,
        search=search, **told, **_frame(),
    )  # fmt: skip


@routes.get("/people")
@person
def everybody() -> Response:
    return _list()


@routes.post("/people")
@person
def keep() -> AnyResponse:
    """Write a person down, or change what is known."""
    farm = deps()
    number, name, zone, language = (request.form.get(key, "").strip() for key in ("number", "name", "zone", "language"))
    try:
        contact = people.checked(number, farm.intake, name=name, zone=zone, language=language)
        write(people.add, contact, "page", farm.clock.now())
    except (BadRecipientError, BadFieldError) as error:
        return _list(422, fault=str(error))
    return redirect(url_for("people.one", number=contact.number), 303)


@routes.post("/people/import")
@person
def take() -> Response:
    farm = deps()
    file = request.files.get("file")
    try:
        found = people.read(b"" if file is None else file.read(), farm.intake)
        done = people.take(farm.offload_call, found, farm.clock.now())
    except BadFieldError as error:
        return _list(422, fault=str(error))
    return _list(done=done)


@routes.get("/people/export")
@person_as("operator")
def export() -> Response:
    actor, now = by_whom(), deps().clock.now()
    write(lambda tx: audit.note(tx, actor, "contacts.exported", now))
    return as_csv()


def _exact(number: str) -> str:
    try:
        return number_of(number, deps().intake.country)[0]
    except BadRecipientError:
        raise not_found("such person") from None


@routes.get("/people/<number>")
@person_as("operator")
def one(number: str) -> Response:
    exact, actor, now = _exact(number), by_whom(), deps().clock.now()
    deps().offload_call(lambda tx: audit.note(tx, actor, "contact.viewed", now, subject=exact))
    with deps().store.read() as tx:
        contact = contacts.one(tx, exact)
        standing = _told(suppress.of(tx, exact))
        records = consents.records(tx, exact)
        sent = views.messages(tx, to=exact, limit=_TALK)["data"]
        got = views.inbound_list(tx, from_number=exact, limit=_TALK)["data"]
        gone = bool(forgotten.among(tx, [exact]))
        complained = complaints.listed(tx, exact)
    return show(
        "person.html", mark="", number=exact, contact=contact, standing=standing, records=records[::-1], sent=sent,
        got=got, gone=gone, complained=complained, **_frame(),
    )  # fmt: skip


def _told(row: dict[str, Any] | None) -> dict[str, Any] | None:
    """An opt-out with its time as the page reads it."""
    return None if row is None else {**row, "since": rfc3339(row["since"])}


@routes.post("/people/<number>/<any(suppress, lift):what>")
@person
def switch(number: str, what: str) -> AnyResponse:
    exact, now, actor = _exact(number), deps().clock.now(), by_whom()
    if what == "suppress":
        write(suppress.add, exact, digits_key(exact), "counter", now, actor=actor)
    elif not write(suppress.remove, exact, now, actor=actor):
        raise not_found("opt-out of this person")
    return redirect(url_for("people.one", number=exact), 303)


@routes.post("/people/<number>/forget")
@person_as("admin")
def forget(number: str) -> AnyResponse:
    if request.form.get("sure") != "yes":
        return redirect(url_for("people.one", number=_exact(number)), 303)
    farm = deps()
    erasing.forget(farm.offload_call, _exact(number), farm.clock.now(), by_whom())
    farm.wake()
    return redirect(url_for("people.everybody"), 303)
