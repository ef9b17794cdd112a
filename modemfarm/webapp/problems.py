"""Errors as application/problem+json (RFC 9457): a stable type, a code, and pointers to what is wrong."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from modemfarm.errors import BadFieldError, KeyCeilingError, StoreError, SubmitError

log = logging.getLogger(__name__)

TYPE = "urn:modemfarm:problem:"

# status -> the type of what werkzeug itself refuses
_BY_STATUS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "validation",
}


class Problem(Exception):  # noqa: N818 - it is the document of RFC 9457, raised
    """An answer that is an error.

    Attributes:
        kind: last word of the `type`.
        more: further members of the document.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        code: str | None = None,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.code = code or kind
        self.errors, self.headers, self.more = errors, headers or {}, more

    def document(self) -> dict[str, Any]:
        """The JSON members."""
        members: dict[str, Any] = {
            "type": TYPE + self.kind,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.errors is not None:
            members["errors"] = self.errors
        return members | self.more

    def answer(self) -> Response:
        """The HTTP answer."""
        return Response(
            json.dumps(self.document(), ensure_ascii=False),
            self.status,
            self.headers,
            content_type="application/problem+json",
        )


def not_found(what: str) -> Problem:
    """Nothing has that name."""
    return Problem(404, "not_found", f"There is no {what}.")


def invalid(error: ValidationError, aliases: dict[str, str] | None = None) -> Problem:
    """A body of the wrong form, each fault with its JSON pointer (RFC 6901)."""
    errors = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        place = [(aliases or {}).get(str(step), str(step)) for step in fault["loc"]]
        pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in place)
        errors.append({"pointer": pointer, "code": fault["type"], "detail": fault["msg"]})
    if any(fault["code"] == "json_invalid" for fault in errors):
        return Problem(400, "malformed_json", "The body is not JSON: " + errors[0]["detail"], errors=errors)
    names = ", ".join(sorted({item["pointer"] or "the body" for item in errors}))
    return Problem(422, "validation", f"Not as expected: {names}.", errors=errors)


def unsubmittable(error: SubmitError) -> Problem:
    """A message that intake does not take."""
    if isinstance(error, KeyCeilingError):
        return Problem(429, "key_ceiling", f"{error}.", headers={"Retry-After": str(error.wait_s)})
    code = error.code
    name = error.field if isinstance(error, BadFieldError) else type(error).field
    fault = {"pointer": f"/{name}", "code": code, "detail": str(error)}
    return Problem(422, "validation", str(error), code=code, errors=[fault])


def _route() -> str:
    """The route that was asked, for the log: a path may hold a number."""
    return "an unknown path" if request.url_rule is None else request.url_rule.rule


def store_down(error: StoreError) -> Problem:
    """The database cannot be used now; the sender should come again."""
    log.warning("http: %s %s: store: %s", request.method, _route(), error)
    return Problem(
        503,
        "store_unavailable",
        "The database cannot be used right now; nothing was changed by this request. Send it again.",
        headers={"Retry-After": "5"},
    )


def from_http(error: HTTPException) -> Problem:
    """What Flask and werkzeug refuse by themselves."""
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}
    if 300 <= status < 400 or status == 500:
        status = 500 if status == 500 else 404
    kind = _BY_STATUS.get(status, "internal" if status >= 500 else "bad_request")
    return Problem(status, kind, error.description or HTTPStatus(status).phrase, headers=headers)


def install(app: Flask, is_api: Any, page: Any) -> None:
    """Answer every error: as problem+json to programs, as a page to people.

    Args:
        is_api: () -> bool, whether this request is a program's.
        page: (Problem) -> Response for people.
    """

    def shown(problem: Problem) -> Response:
        return problem.answer() if is_api() else page(problem)

    app.register_error_handler(Problem, shown)
    app.register_error_handler(StoreError, lambda error: shown(store_down(error)))
    app.register_error_handler(SubmitError, lambda error: shown(unsubmittable(error)))
    app.register_error_handler(HTTPException, lambda error: shown(from_http(error)))

    def unexpected(error: Exception) -> Response:
        log.error("http: %s %s", request.method, _route(), exc_info=error)
        return shown(Problem(500, "internal", "Something went wrong here; the log has the details."))

    app.register_error_handler(Exception, unexpected)
