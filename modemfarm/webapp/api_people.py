"""/v1/contacts: the people whom the owner writes to."""

from __future__ import annotations

import csv
import io
from typing import Any

from flask import Blueprint, Response, request

from modemfarm.errors import BadFieldError
from modemfarm.intake import people
from modemfarm.store import audit, contacts, erasing
from modemfarm.store.contacts import Contact
from modemfarm.store.engine import Tx
from modemfarm.webapp import asking
from modemfarm.webapp.access import by_whom, deps, needs
from modemfarm.webapp.bodies import ContactBody, body
from modemfarm.webapp.numbers import named
from modemfarm.webapp.problems import not_found, unsupported
from modemfarm.webapp.reading import octets
from modemfarm.webapp.settings import MOST_BATCH_OCTETS
from modemfarm.webapp.writing import Answer, go_on, reply, write

routes = Blueprint("contacts", __name__, url_prefix="/v1/contacts")
_FORMATS = ("text/csv", "application/x-ndjson", "application/jsonl")


@routes.get("")
@needs("people")
def several() -> Response:
    asking.only("search", "cursor", "limit")
    most = asking.limit()
    after, search = request.args.get("cursor", ""), request.args.get("search", "")[:255]
    rows = deps().store.look(contacts.listed, after, most + 1, search)
    data = [contacts.document(row) for row in rows[:most]]
    return reply(200, {"data": data, "next": data[-1]["number"] if len(rows) > most else None})


def _exact(number: str) -> str:
    return named(number, deps().intake.country)


@routes.get("/<number:number>")
@needs("people")
def one(number: str) -> Response:
    asking.only()
    row = deps().store.look(contacts.one, _exact(number))
    if row is None:
        raise not_found("contact", number)
    return reply(200, contacts.document(row))


@routes.put("/<number:number>")
@needs("people")
def put(number: str) -> Response:
    """Write a person down as given: what is not given is cleared."""
    return _keep(number, whole=True)


@routes.patch("/<number:number>")
@needs("people")
def patch(number: str) -> Response:
    """Change what is given; null clears."""
    return _keep(number, whole=False)


def _keep(number: str, *, whole: bool) -> Response:
    wanted = body(ContactBody)
    farm = deps()
    told = {
        key: None if not whole and key not in wanted.model_fields_set else getattr(wanted, key) or ""
        for key in ("name", "zone", "language")
    }
    given = {key: "" if value is None else str(value) for key, value in (wanted.attributes or {}).items()}
    exact = people.checked(number, farm.intake, attributes=given, **told)

    def work(tx: Tx) -> Answer:
        before = contacts.one(tx, exact.number)
        if before is None and not whole:
            raise not_found("contact", number)
        gone = dict.fromkeys(before["attributes"], "") if before is not None and whole else {}
        contact = Contact(exact.number, exact.name, exact.zone, exact.language, gone | dict(exact.attributes))
        people.add(tx, contact, "api", farm.clock.now())
        row = contacts.one(tx, exact.number)
        assert row is not None
        return 201 if before is None else 200, contacts.document(row)

    return reply(*write(work))


@routes.delete("/<number:number>")
@needs("people")
def forget(number: str) -> Response:
    """Erase the person; nothing more goes to the number."""
    farm = deps()
    erasing.forget(farm.offload_call, _exact(number), farm.clock.now(), by_whom())
    farm.wake()
    return Response(status=204)


@routes.post("/import")
@needs("people")
def import_() -> Response:
    asking.only("encoding")
    if request.mimetype not in _FORMATS:
        raise unsupported(*_FORMATS)
    data = octets(MOST_BATCH_OCTETS)
    encoding = request.args.get("encoding") or request.mimetype_params.get("charset")
    try:
        found = people.read(data, deps().intake, encoding)
    except BadFieldError as error:
        raise asking.unreadable(error) from None

    def work() -> dict[str, Any]:
        done = people.take(deps().offload_call, found, deps().clock.now())
        faults = [{"row": fault.row, "code": fault.code, "detail": fault.detail} for fault in done.rejected]
        return {"added": done.added, "known": done.known, "rejected": faults}

    return reply(*go_on(200, work))


@routes.get("/export")
@needs("people")
def export() -> Response:
    asking.only()
    farm, actor = deps(), by_whom()
    now = farm.clock.now()
    farm.offload_call(lambda tx: audit.note(tx, actor, "contacts.exported", now))
    return as_csv()


def as_csv() -> Response:
    """Everybody, as a file that `import` reads."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(people.table(list(contacts.everybody(deps().store.look))))
    name = {"Content-Disposition": 'attachment; filename="contacts.csv"'}
    return Response("\ufeff" + text.getvalue(), 200, name, content_type="text/csv; charset=utf-8")
