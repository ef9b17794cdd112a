"""A question to the network, which cannot be taken back: under one Idempotency-Key it is asked once, by any process."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from flask import Response

from modemfarm.modem.ussd import UNASKED, UssdError, worded
from modemfarm.store import idempotency
from modemfarm.webapp.access import deps
from modemfarm.webapp.problems import Problem
from modemfarm.webapp.writing import (
    fingerprint,
    key_of_request,
    other_body,
    reply,
    scope_of_request,
    sender_of_request,
    still_running,
)

RUNS_AT_MOST = timedelta(hours=1)  # six steps of 6 minutes, and what waits for the modem before them


def ask(question: Callable[[], Mapping[str, Any]]) -> Response:
    """The network's answer; with an Idempotency-Key also what came of the question when it was asked before.

    Args:
        question: asks; UssdError where there is no answer.

    Raises:
        Problem: there is no answer; or the key stands for another body, or for a question that is being asked, or was,
            by a process that died.
    """
    key, farm = key_of_request(), deps()
    if key is None:
        try:
            return reply(200, dict(question()))
        except UssdError as error:
            raise _problem(error) from error
    scope, now = scope_of_request(), farm.clock.now()
    match farm.offload_call(idempotency.begin, key, scope, fingerprint(), now, sender_of_request()):
        case idempotency.OtherBody():
            raise other_body()
        case idempotency.Open(since):
            raise still_running() if now - since < RUNS_AT_MOST else _lost()
        case idempotency.Replay(status, text):
            return reply(status, json.loads(text))
    try:
        answer = dict(question())
    except UssdError as error:
        problem = _problem(error)
        if error.slug in UNASKED:
            farm.offload_call(idempotency.drop, key, scope)
        else:
            farm.offload_call(idempotency.finish, key, scope, problem.status, _kept(problem.document()))
        raise problem from error
    farm.offload_call(idempotency.finish, key, scope, 200, _kept(answer))
    return reply(200, answer)


def _kept(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False)


def _problem(error: UssdError) -> Problem:
    detail = f"{worded(error)}."
    if error.slug == "bad_code":
        fault = {"pointer": "/code", "code": "bad_code", "detail": worded(error)}
        return Problem(422, "validation", detail, code="bad_code", errors=[fault])
    return Problem(409, "conflict", detail, code=f"ussd_{error.slug}")


def _lost() -> Problem:
    what = "Who asked this with the same Idempotency-Key ended before the answer came; another key asks again."
    return Problem(409, "conflict", what, code="idempotency_lost")
