"""/v1/batches: many messages from one NDJSON or CSV body, resumable by Idempotency-Key."""

from __future__ import annotations

import json
import secrets
import threading
from typing import Any

from flask import Blueprint, Response, request, url_for

from modemfarm.errors import BadFieldError
from modemfarm.intake.bulk import Bulk
from modemfarm.intake.rows import read_rows
from modemfarm.intake.values import parse_flag
from modemfarm.model import MessageClass
from modemfarm.store import actions, idempotency, views
from modemfarm.webapp import asking, forecast
from modemfarm.webapp.access import deps, needs
from modemfarm.webapp.bodies import EmptyBody, body
from modemfarm.webapp.problems import Problem, not_found
from modemfarm.webapp.settings import MOST_BATCH_OCTETS
from modemfarm.webapp.writing import (
    fingerprint,
    key_of_request,
    other_body,
    reply,
    scope_of_request,
    sender_of_request,
    still_running,
)

routes = Blueprint("batches", __name__, url_prefix="/v1/batches")

_FORMATS = {"application/x-ndjson": "ndjson", "application/jsonl": "ndjson", "text/csv": "csv"}
_TEXTS = {"class": "message_class", "purpose": "purpose", "from": "pinned", "reference": "reference"}
_FLAGS = ("flash", "report", "resend_unknown")
_TIMES = ("send_at", "valid_until")

_running: set[tuple[str, str]] = set()  # keys whose request is alive in this process; another one's is dead
_running_lock = threading.Lock()


def _defaults() -> dict[str, Any]:
    """Draft fields from the query, for rows that do not set them."""
    asking.only(*_TEXTS, *_FLAGS, *_TIMES, "priority", "template", "name", "encoding")
    given: dict[str, Any] = {field: request.args[name] for name, field in _TEXTS.items() if name in request.args}
    if "message_class" in given and given["message_class"] not in {item.value for item in MessageClass}:
        raise asking.wrong("class", "transactional, marketing, conversation or emergency")
    given |= {name: moment for name in _TIMES if (moment := asking.since(name)) is not None}
    for name in _FLAGS:
        if name in request.args:
            try:
                given[name] = parse_flag(request.args[name])
            except ValueError as error:
                raise asking.wrong(name, str(error)) from None
    if (priority := asking.whole("priority")) is not None:
        if priority > 9:
            raise asking.wrong("priority", "0 to 9")
        given["priority"] = priority
    return given


@routes.post("")
@needs("messages:send")
def take() -> Response:
    kind = _FORMATS.get(request.mimetype)
    if kind is None:
        raise Problem(
            415,
            "unsupported_media_type",
            "Send application/x-ndjson or text/csv.",
            headers={"Accept": ", ".join(_FORMATS)},
        )
    request.max_content_length = MOST_BATCH_OCTETS
    defaults = _defaults()
    data = request.get_data(cache=True)
    try:
        rows = read_rows(
            data,
            format=kind,
            encoding=request.args.get("encoding") or request.mimetype_params.get("charset"),
            template=request.args.get("template"),
            defaults=defaults,
        )
    except BadFieldError as error:
        fault = {"pointer": "", "code": error.code, "detail": str(error)}
        raise Problem(422, "validation", str(error), code=error.code, errors=[fault]) from None
    key = key_of_request()
    if key is None:
        return _answered(202, _store(rows, secrets.token_hex(16)))
    return _once(rows, key, scope_of_request(), fingerprint())


def _once(rows: Any, key: str, scope: str, body_hash: str) -> Response:
    """The same body under the same key is one batch, however often its request is repeated or killed."""
    farm = deps()
    with _running_lock:
        if (scope, key) in _running:
            raise still_running()
        _running.add((scope, key))
    try:
        match farm.offload_call(idempotency.begin, key, scope, body_hash, farm.clock.now(), sender_of_request()):
            case idempotency.OtherBody():
                raise other_body()
            case idempotency.Replay(status, text):
                return _answered(status, json.loads(text))
        document = _store(rows, f"key:{scope}:{key}:{body_hash}")
        farm.offload_call(idempotency.finish, key, scope, 202, json.dumps(document, ensure_ascii=False))
        return _answered(202, document)
    finally:
        with _running_lock:
            _running.discard((scope, key))


def _store(rows: Any, mark: str) -> dict[str, Any]:
    farm = deps()
    bulk = Bulk(farm.offload_call, farm.intake, farm.clock.now, progress=lambda _count: farm.wake())
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


def _batch(batch_id: int) -> dict[str, Any]:
    document = deps().store.look(views.batch, min(batch_id, 2**62))
    if document is None:
        raise not_found(f"batch {batch_id}")
    return document


@routes.get("/<int:batch_id>")
@needs("messages:read")
def one(batch_id: int) -> Response:
    return reply(200, _batch(batch_id))


@routes.post("/<int:batch_id>/cancel")
@needs("messages:send")
def cancel(batch_id: int) -> Response:
    body(EmptyBody, optional=True)
    _batch(batch_id)
    farm = deps()
    total, after = 0, 0
    while True:
        count, last = farm.offload_call(_cancel_chunk, batch_id, after, farm.clock.now())
        total += count
        if last is None:
            break
        after = last
    farm.wake()
    return reply(200, _batch(batch_id) | {"canceled": total})


def _cancel_chunk(tx: Any, batch_id: int, after: int, now: Any) -> tuple[int, int | None]:
    return actions.cancel_batch(tx, batch_id, after, now, who="api")
