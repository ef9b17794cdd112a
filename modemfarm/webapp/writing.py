"""One write of a request: one transaction, with the Idempotency-Key's row and the kept answer inside it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, g, request

from modemfarm.store import idempotency, views
from modemfarm.store.engine import Tx
from modemfarm.webapp.access import deps
from modemfarm.webapp.problems import Problem

Answer = tuple[int, dict[str, Any]]


def key_of_request() -> str | None:
    """The Idempotency-Key; a quoted string of RFC 8941 or bare.

    Raises:
        Problem: empty or longer than 255.
    """
    raw = request.headers.get("Idempotency-Key")
    if raw is None:
        return None
    key = raw.strip().strip('"')
    if not 1 <= len(key) <= 255:
        raise Problem(400, "bad_request", "Idempotency-Key wants 1 to 255 characters.", code="idempotency_key")
    return key


def scope_of_request() -> str:
    """Whose key it is and for what."""
    return f"{sender_of_request()}{request.method} {request.path}"


def sender_of_request() -> str:
    """How the scopes of this API key begin."""
    return f"{g.key.id} "


def fingerprint() -> str:
    """Digest of everything in the request that decides its outcome."""
    body = request.get_data(cache=True)
    digest = hashlib.sha256(request.query_string + b"\n" + (request.mimetype or "").encode() + b"\n")
    digest.update(body)
    found = digest.hexdigest()
    return idempotency.blinded(deps().store.secret, found) if b"store_text" in body else found


def other_body() -> Problem:
    """The key was used for something else."""
    return Problem(
        422,
        "idempotency_mismatch",
        "This Idempotency-Key was used with another body within the last 7 days.",
    )


def still_running() -> Problem:
    """The first request with this key has no answer yet."""
    return Problem(
        409,
        "idempotency_running",
        "The first request with this Idempotency-Key is still running.",
        headers={"Retry-After": "1"},
    )


def write(work: Callable[[Tx], Answer]) -> Answer:
    """Run `work` in one write transaction; with an Idempotency-Key, once.

    Returns:
        `work`'s answer, or the one it gave the first time.

    Raises:
        Problem: the key stands for another body.
        StoreError: nothing was written.
    """
    farm = deps()
    key = key_of_request()
    if key is None:
        answer: Answer = farm.offload_call(work)
    else:
        name = _Name(key, scope_of_request(), fingerprint(), sender_of_request())
        answer = farm.offload_call(_once, work, name, farm.clock.now())
    farm.wake()
    return answer


@dataclass(frozen=True, slots=True)
class _Name:
    """What one request's key stands for."""

    key: str
    scope: str
    body_hash: str
    sender: str


def _once(tx: Tx, work: Callable[[Tx], Answer], name: _Name, now: datetime) -> Answer:
    match idempotency.begin(tx, name.key, name.scope, name.body_hash, now, name.sender):
        case idempotency.OtherBody():
            raise other_body()
        case idempotency.Open():
            raise still_running()
        case idempotency.Replay(status, text):
            return status, _whole(tx, json.loads(text))
    status, document = work(tx)
    idempotency.finish(tx, name.key, name.scope, status, json.dumps(_kept(document), ensure_ascii=False))
    return status, document


def _kept(document: dict[str, Any]) -> dict[str, Any]:
    """An answer as it is kept: what a message says is in its own row alone."""
    return document | views.UNSAID if "store_text" in document else document


def _whole(tx: Tx, document: dict[str, Any]) -> dict[str, Any]:
    """A kept answer with what its message says now."""
    return document | views.said(tx, document["id"]) if "store_text" in document else document


_running: set[tuple[str, str]] = set()  # keys whose request is alive in this process; another one's is dead
_running_lock = threading.Lock()


def go_on(status: int, work: Callable[[], dict[str, Any]]) -> Answer:
    """Run `work`, which writes in many transactions and, repeated, goes on; with an Idempotency-Key, until it is done.

    Raises:
        Problem: the key stands for another body, or its request is still running.
    """
    key, farm = key_of_request(), deps()
    if key is None:
        return status, work()
    scope = scope_of_request()
    with _running_lock:
        if (scope, key) in _running:
            raise still_running()
        _running.add((scope, key))
    try:
        match farm.offload_call(idempotency.begin, key, scope, fingerprint(), farm.clock.now(), sender_of_request()):
            case idempotency.OtherBody():
                raise other_body()
            case idempotency.Replay(kept, text):
                return kept, json.loads(text)
        document = work()
        farm.offload_call(idempotency.finish, key, scope, status, json.dumps(document, ensure_ascii=False))
        return status, document
    finally:
        with _running_lock:
            _running.discard((scope, key))


def reply(status: int, document: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """A JSON answer; a kept problem keeps its content type."""
    is_problem = status >= 400
    return Response(
        json.dumps(document, ensure_ascii=False),
        status,
        headers,
        content_type="application/problem+json" if is_problem else "application/json",
    )
