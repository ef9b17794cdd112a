"""/v1/consents: who agreed to offers, with the proof, and the words that sign up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, request
from pydantic import Field

from modemfarm.errors import BadFieldError
from modemfarm.intake import agreed
from modemfarm.policy.consent import GENERAL, METHODS, faults, head_of
from modemfarm.policy.optout import Keywords, verdict
from modemfarm.store import consents, signups, views, withdrawing
from modemfarm.store.engine import Store, Tx
from modemfarm.webapp import asking, reading
from modemfarm.webapp.access import by_whom, deps, needs
from modemfarm.webapp.bodies import Body, Content, Moment, Word, body
from modemfarm.webapp.numbers import named, number_of, typed
from modemfarm.webapp.problems import Problem, not_found, unsupported
from modemfarm.webapp.settings import MOST_BATCH_OCTETS
from modemfarm.webapp.writing import Answer, go_on, reply, write

routes = Blueprint("consents", __name__, url_prefix="/v1")
_LISTS = ("application/x-ndjson", "application/jsonl", "text/csv")


class ConsentBody(Body):
    """`POST /v1/consents`."""

    number: Word
    purpose: Annotated[list[Word], Field(min_length=1, max_length=20, default_factory=lambda: [GENERAL])]
    method: Literal["web", "paper", "sms_keyword", "counter", "phone", "import"]
    wording: Annotated[Content, Field(min_length=1)]
    source: Word | None = None
    evidence: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    wording_version: Word | None = None
    language: Word | None = None
    frequency: Word | None = None
    ip: Word | None = None
    user_agent: Word | None = None
    captured_at: Moment | None = None
    expires_at: Moment | None = None

    def proof(self) -> dict[str, Any]:
        """What the ledger keeps of it."""
        found: dict[str, Any] = {
            "method": self.method,
            "exact_wording": self.wording,
            "source_url_or_form_id": self.source,
            "evidence_sha256": self.evidence,
        }
        for name in ("wording_version", "language", "ip", "user_agent"):
            found |= {name: getattr(self, name)} if getattr(self, name) is not None else {}
        found |= {"stated_frequency": self.frequency} if self.frequency is not None else {}
        for name in ("captured_at", "expires_at"):
            moment = getattr(self, name)
            found |= {name: moment.isoformat()} if moment is not None else {}
        return found


class WordBody(Body):
    """`POST /v1/consents/words`."""

    word: Annotated[Word, Field(min_length=1, max_length=signups.LONGEST_WORD)]
    purpose: Annotated[Word, Field(min_length=1)] = GENERAL
    wording: Annotated[Content, Field(min_length=1)]


@routes.get("/consents")
@needs("people")
def listed() -> Response:
    asking.only("number", "cursor", "limit")
    farm = deps()
    number = typed("number", farm.intake.country)
    cursor = asking.cursor()
    with farm.store.read() as tx:
        return reply(200, views.consents(tx, number=number, cursor=cursor, limit=asking.limit()))


@routes.post("/consents")
@needs("people")
def grant() -> Response:
    wanted = body(ConsentBody)
    farm = deps()
    number, _ = number_of(wanted.number, farm.intake.country)
    about = {**wanted.proof(), "actor": by_whom()}

    def work(tx: Tx) -> Answer:
        return 201, {
            "number": number,
            "seq": agreed.grant(tx, number, tuple(wanted.purpose), about, farm.intake, farm.clock.now()),
        }

    return reply(*write(work))


@routes.delete("/consents/<number:number>")
@needs("people")
def revoke(number: str) -> Response:
    asking.only("purpose", "via")
    farm, who = deps(), by_whom()
    exact = named(number, farm.intake.country)
    purposes = tuple(request.args.getlist("purpose")) or (GENERAL,)
    via = request.args.get("via", "counter")

    def work(tx: Tx) -> Answer:
        canceled = withdrawing.revoke(tx, exact, purposes, via, farm.clock.now(), actor=who)
        return 200, {"number": exact, "canceled": canceled}

    return reply(*write(work))


@routes.post("/consents/import")
@needs("people")
def import_() -> Response:
    if request.mimetype not in _LISTS:
        raise unsupported(*_LISTS)
    asking.only("method", "wording", "since", "until", "purpose", "source", "encoding")
    method = request.args.get("method")
    if method not in (None, *METHODS):
        raise asking.wrong("method", "expected", expected=", ".join(METHODS))
    farm, octets = deps(), reading.octets(MOST_BATCH_OCTETS)
    vouched = agreed.Vouched(
        actor=by_whom(),
        sha256=hashlib.sha256(octets).hexdigest(),
        method=method,
        wording=request.args.get("wording"),
        since=asking.since("since"),
        until=asking.since("until"),
        purposes=tuple(request.args.getlist("purpose")) or (GENERAL,),
        source=request.args.get("source"),
    )
    encoding = request.args.get("encoding") or request.mimetype_params.get("charset")
    try:
        rows = agreed.read(octets, encoding)
    except BadFieldError as error:
        raise asking.unreadable(error) from None

    def work() -> dict[str, Any]:
        answers = farm.keywords.answers
        done = agreed.take(farm.offload_call, rows, vouched, farm.intake, answers, farm.clock.now)
        farm.wake()
        return done.document()

    return reply(*go_on(200, work))


@routes.get("/consents/export")
@needs("people")
def export() -> Response:
    asking.only()
    return as_ndjson(deps().store)


def as_ndjson(store: Store) -> Response:
    """The whole ledger, a JSON document a line."""
    rows = store.look(lambda tx: list(consents.ledger(tx)))

    def lines() -> Iterator[str]:
        for row in rows:
            yield json.dumps(row, ensure_ascii=False) + "\n"

    return Response(lines(), 200, content_type="application/x-ndjson")


@routes.get("/consents/verify")
@needs("people")
def verify() -> Response:
    """Whether the ledger is whole, and holds the row of a head that was noted earlier."""
    asking.only("head")
    return reply(200, checked(deps().store, request.args.get("head")))


def checked(store: Store, head: str | None = None) -> dict[str, Any]:
    """How many rows the ledger has, its head, and what is wrong with it."""
    rows = store.look(lambda tx: list(consents.ledger(tx)))
    return {"rows": len(rows), "head": head_of(rows[-1]) if rows else None, "faults": faults(rows, head)}


@routes.get("/consents/words")
@needs("people")
def words() -> Response:
    asking.only()
    return reply(200, {"data": deps().store.look(signups.words), "next": None})


@routes.post("/consents/words")
@needs("people")
def add_word() -> Response:
    wanted = body(WordBody)
    farm, who = deps(), by_whom()
    if taken(wanted.word, farm.keywords):
        what = f"{wanted.word!r} means something else already, or nothing"
        fault = {"pointer": "/word", "code": "reserved", "detail": what}
        raise Problem(422, "validation", what, code="reserved", errors=[fault])

    def work(tx: Tx) -> Answer:
        signups.add_word(tx, wanted.word, wanted.purpose, wanted.wording, farm.clock.now(), who=who)
        return 201, {"word": wanted.word, "purpose": wanted.purpose, "wording": wanted.wording}

    return reply(*write(work))


def taken(word: str, keywords: Keywords) -> bool:
    """Whether a word means something else already, or nothing: nobody can sign up by it."""
    return verdict(word, keywords).tier != "none" or not signups.usable(word)


@routes.delete("/consents/words/<word>")
@needs("people")
def remove_word(word: str) -> Response:
    farm, who = deps(), by_whom()
    if not farm.offload_call(lambda tx: signups.remove_word(tx, word, farm.clock.now(), who=who)):
        raise not_found("word", word)
    return Response(status=204)
