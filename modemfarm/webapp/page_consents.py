"""The page of consents: the ledger, one person's consent by hand, and the words by which people sign up."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from modemfarm.errors import BadFieldError, SubmitError
from modemfarm.intake import agreed
from modemfarm.policy.consent import GENERAL, METHODS
from modemfarm.store import audit, consents, signups, views
from modemfarm.webapp import asking
from modemfarm.webapp.access import by_whom, deps
from modemfarm.webapp.api_consents import ConsentBody, WordBody, as_ndjson, checked, taken
from modemfarm.webapp.language import words
from modemfarm.webapp.numbers import number_of
from modemfarm.webapp.page import frame, person, person_as, show, write
from modemfarm.webapp.problems import invalid, not_found
from modemfarm.webapp.uploads import MOST_OCTETS

routes = Blueprint("consent", __name__, url_prefix="/people/consents")
PROOF = (  # in the order in which a person reads it
    "method", "exact_wording", "wording_version", "source_url_or_form_id", "evidence_sha256", "language",
    "stated_frequency", "brand", "ip", "user_agent", "actor", "captured_at", "expires_at",
)  # fmt: skip
_SHOWN = 50
_TYPED = ("number", "method", "wording", "source", "evidence", "wording_version", "language", "frequency", "ip",
          "user_agent")  # fmt: skip


@routes.get("")
@person
def ledger() -> Response:
    return _page()


def _page(status: int = 200, **told: Any) -> Response:
    """The newest records, the words in force, and the head to note; all rows are read only when asked to check them."""
    farm = deps()
    with farm.store.read() as tx:
        found = views.consents(tx, cursor=asking.cursor(), limit=_SHOWN)
        kept, head = signups.words(tx), consents.head(tx)
    looked = checked(farm.store) if "check" in request.args else None
    told = {"fault": "", "listed": {}, "typed": {"number": request.args.get("number", "")[:40]}} | told
    return show("consents.html", status, mark="", found=found, kept=kept, head=head, looked=looked, proof=PROOF,
                methods=METHODS, general=GENERAL, **told, **frame())  # fmt: skip


@routes.post("")
@person
def grant() -> AnyResponse:
    """Write down that one person agreed."""
    farm, actor, form = deps(), by_whom(), request.form
    given: dict[str, Any] = {name: form[name].strip() for name in _TYPED if form.get(name, "").strip()}
    given["purpose"] = [name.strip() for name in form.get("purpose", "").split(",") if name.strip()] or [GENERAL]
    for name, after in (("captured_at", 0), ("expires_at", 1)):  # a day that is named last is still one of them
        given |= {name: _midnight(form[name], after)} if form.get(name) else {}
    try:
        wanted = ConsentBody.model_validate_json(json.dumps(given))
        number, _ = number_of(wanted.number, farm.intake.country)
        about = {**wanted.proof(), "actor": actor}
        write(agreed.grant, number, tuple(wanted.purpose), about, farm.intake, farm.clock.now())
    except ValidationError as error:
        raise invalid(error) from None
    except SubmitError as error:
        return _page(422, fault=words().fault(error), typed=form)
    return redirect(url_for("consent.ledger"), 303)


@routes.post("/import")
@person
def take_in() -> Response:
    """A list of people who agreed, with the word of whoever brings it; without that each is asked by one message."""
    farm, actor, form, w = deps(), by_whom(), request.form, words()
    try:
        brought = request.files.get("file")
        octets = b"" if brought is None else brought.stream.read(MOST_OCTETS + 1)
        if not octets:
            return _page(422, list_fault=w.say("send.no_file"), listed=form)
        if len(octets) > MOST_OCTETS:
            return _page(413, list_fault=w.say("send.file_too_large", mib=MOST_OCTETS // 1024 // 1024), listed=form)
        vouched = agreed.Vouched(
            actor=actor,
            sha256=hashlib.sha256(octets).hexdigest(),
            method=form["method"] if form.get("method") in METHODS else None,
            wording=form.get("wording", "").strip() or None,
            since=_day(form.get("since", ""), 0),
            until=_day(form.get("until", ""), 1),
            purposes=tuple(name.strip() for name in form.get("purpose", "").split(",") if name.strip()) or (GENERAL,),
            source=form.get("source", "").strip() or None,
        )
        answers = farm.keywords.answers
        done = agreed.take(farm.offload_call, agreed.read(octets), vouched, farm.intake, answers, farm.clock.now)
    except SubmitError as error:
        return _page(422, list_fault=w.fault(error), listed=form)
    farm.wake()
    faults: dict[str, dict[str, Any]] = {}
    for one in done.rejected:
        fault = faults.setdefault(w.row_fault(one.code, one.detail), {"row": one.row, "n": 0})
        fault["n"] += 1
    return _page(imported=done, row_faults=faults)


def _day(day: str, after: int) -> datetime | None:
    """When a day begins here, or so many after it; None: none is named.

    Raises:
        BadFieldError: it is none.
    """
    if not day.strip():
        return None
    try:
        return datetime.fromisoformat(_midnight(day.strip(), after))
    except ValueError as error:
        raise BadFieldError("since", "bad_time", f"{day!r} is no day") from error


def _midnight(day: str, after: int) -> str:
    """When a day begins here, or so many after it; what is none stays as it was typed."""
    try:
        begins = date.fromisoformat(day) + timedelta(days=after)
        return datetime.combine(begins, time(), words().zone).isoformat()
    except (ValueError, OverflowError):
        return day


@routes.post("/words")
@person
def add_word() -> AnyResponse:
    farm, actor = deps(), by_whom()
    given = {name: request.form.get(name, "").strip() for name in ("word", "purpose", "wording")}
    try:
        wanted = WordBody.model_validate_json(json.dumps({key: value for key, value in given.items() if value}))
    except ValidationError as error:
        raise invalid(error) from None
    if taken(wanted.word, farm.keywords):
        return _page(422, fault=words().page("signup_taken", word=wanted.word))
    write(signups.add_word, wanted.word, wanted.purpose, wanted.wording, farm.clock.now(), who=actor)
    return redirect(url_for("consent.ledger"), 303)


@routes.post("/words/remove")
@person
def remove_word() -> AnyResponse:
    word = request.form.get("word", "")
    if not write(signups.remove_word, word, deps().clock.now(), who=by_whom()):
        raise not_found("such word")
    return redirect(url_for("consent.ledger"), 303)


@routes.get("/export")
@person_as("operator")
def export() -> Response:
    """The whole ledger, as `consent verify` reads it anywhere."""
    actor, now = by_whom(), deps().clock.now()
    write(lambda tx: audit.note(tx, actor, "consents.exported", now))
    answer = as_ndjson(deps().store)
    answer.headers["Content-Disposition"] = 'attachment; filename="consents.ndjson"'
    return answer
