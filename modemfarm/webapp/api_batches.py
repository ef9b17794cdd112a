"""/v1/batches: many messages from one NDJSON or CSV body, resumable by Idempotency-Key."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, Response, request, url_for

from modemfarm.errors import BadFieldError
from modemfarm.intake.bulk import Bulk
from modemfarm.intake.mapping import parse_map
from modemfarm.intake.people import filler
from modemfarm.intake.rows import at_least_one, read_rows
from modemfarm.intake.values import parse_span
from modemfarm.model import MessageClass
from modemfarm.store import views
from modemfarm.webapp import asking, forecast, narrowed
from modemfarm.webapp.access import deps, intake, needs
from modemfarm.webapp.problems import not_found, unsupported
from modemfarm.webapp.reading import octets
from modemfarm.webapp.settings import MOST_BATCH_OCTETS
from modemfarm.webapp.writing import fingerprint, go_on, key_of_request, reply, scope_of_request

routes = Blueprint("batches", __name__, url_prefix="/v1/batches")

_FORMATS = {"application/x-ndjson": "ndjson", "application/jsonl": "ndjson", "text/csv": "csv"}
_TEXTS = {"class": "message_class", "purpose": "purpose", "from": "pinned", "reference": "reference"}
_FLAGS = ("flash", "report", "resend_unknown", "confirm_emergency", "store_text")
_TIMES = ("send_at", "valid_until")


def _defaults() -> dict[str, Any]:
    """Draft fields from the query, for rows that do not set them."""
    asking.only(*_TEXTS, *_FLAGS, *_TIMES, "priority", "template", "name", "encoding", "valid_for", "map")
    given: dict[str, Any] = {field: request.args[name] for name, field in _TEXTS.items() if name in request.args}
    if "message_class" in given and given["message_class"] not in {item.value for item in MessageClass}:
        raise asking.wrong("class", "expected", expected=", ".join(MessageClass))
    given |= {name: moment for name in _TIMES if (moment := asking.since(name)) is not None}
    if "valid_for" in request.args:
        try:
            given["valid_for"] = parse_span(request.args["valid_for"])
        except ValueError:
            raise asking.wrong("valid_for", "span") from None
    for name in _FLAGS:
        if name in request.args:
            given[name] = asking.flag(name)
    if (priority := asking.whole("priority")) is not None:
        if priority > 9:
            raise asking.wrong("priority", "between", least=0, most=9)
        given["priority"] = priority
    return given


@routes.post("")
@needs("messages:send")
def take() -> Response:
    kind = _FORMATS.get(request.mimetype)
    if kind is None:
        raise unsupported(*_FORMATS)
    defaults = _defaults()
    data = octets(MOST_BATCH_OCTETS)
    try:
        rows = read_rows(
            data,
            format=kind,
            encoding=request.args.get("encoding") or request.mimetype_params.get("charset"),
            template=request.args.get("template"),
            defaults=defaults,
            known=filler(deps().store.look, deps().intake),
            columns=parse_map(request.args.getlist("map")),
        )
        rows = at_least_one(rows)
    except BadFieldError as error:
        raise asking.unreadable(error) from None
    key = key_of_request()
    mark = secrets.token_hex(16) if key is None else f"key:{scope_of_request()}:{key}:{fingerprint()}"
    return _answered(*go_on(202, lambda: _store(rows, mark)))


def _store(rows: Any, mark: str) -> dict[str, Any]:
    farm = deps()
    bulk = Bulk(farm.offload_call, intake(), farm.clock.now, progress=lambda _count: farm.wake())
    report = bulk.take(rows, name=request.args.get("name", ""), fingerprint=mark)
    farm.wake()
    seen = farm.store.look(views.batch, report.batch_id) or {}
    ahead = farm.outlook.fresh()
    return {
        "id": report.batch_id,
        "accepted": report.accepted,
        "rejected": report.rejected,
        "errors": seen.get("errors", []),
        "finish_at": forecast.said(ahead.finish_at),
        "cannot_send": ahead.late_in.get(report.batch_id, 0),
    }


def _answered(status: int, document: dict[str, Any]) -> Response:
    return reply(status, document, {"Location": url_for("batches.one", batch_id=document["id"])})


def batch(batch_id: int) -> dict[str, Any]:
    """A batch as the API shows it.

    Raises:
        Problem: there is none of that id.
    """
    with deps().store.read() as tx:
        document, mine = views.batch(tx, min(batch_id, 2**62)), narrowed.own(tx)
        strange = document is not None and mine is not None and views.has_others(tx, batch_id, mine.name)
    if document is None or strange:
        raise not_found("batch", batch_id)
    return document


@routes.get("/<int:batch_id>")
@needs("messages:read")
def one(batch_id: int) -> Response:
    return reply(200, batch(batch_id))
