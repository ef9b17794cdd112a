"""Errors as application/problem+json (RFC 9457): a stable type, a code, and pointers to what is wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from modemfarm import wording
from modemfarm.errors import BadFieldError, KeyCeilingError, StoreError, SubmitError
from modemfarm.webapp.faults import of_model, shown, summed
from modemfarm.webapp.words import Words

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
# what werkzeug says of these is about browsers
_SAID = {
    "bad_request": "api.not_understood",
    "forbidden": "api.forbidden",
    "not_found": "api.not_found",
    "method_not_allowed": "api.method_not_allowed",
    "too_large": "api.too_large",
    "unsupported_media_type": "api.media_type",
}


class Problem(Exception):  # noqa: N818 - it is the document of RFC 9457, raised
    """An answer that is an error.

    Attributes:
        kind: last word of the `type`.
        detail: what is wrong, in English.
        slug: of the sentence that says it to readers of other languages; found by code and kind when not given.
        params: of that sentence.
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
        slug: str | None = None,
        params: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.code = code or kind
        self.slug, self.params = slug, params or {}
        self.errors, self.headers, self.more = errors, headers or {}, more

    def said(self, words: Words) -> str:
        """The detail in the reader's language; English where no sentence says it."""
        if words.lang == "en":
            return self.detail
        known = (slug for slug in (self.slug, f"api.{self.code}") if slug and wording.known(slug))
        slug = next(known, None)
        told = None if slug else words.row_fault(self.code, self.detail, self.params)
        if told == self.detail and wording.known(f"api.{self.kind}"):
            slug = f"api.{self.kind}"
        if slug is None:
            return told or self.detail
        what = summed(self.errors, words, self.params) if self.errors else self.detail.removesuffix(".")
        return words.say(slug, {"what": what, **self.params})

    def document(self, words: Words | None = None) -> dict[str, Any]:
        """The JSON members, in English or in a reader's language."""
        members: dict[str, Any] = {
            "type": TYPE + self.kind,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail if words is None else self.said(words),
        }
        if self.errors is not None:
            members["errors"] = [shown(one, words, self.params) for one in self.errors]
        return members | self.more

    def answer(self, words: Words) -> Response:
        """The HTTP answer."""
        return Response(
            json.dumps(self.document(words), ensure_ascii=False),
            self.status,
            {"Content-Language": words.lang, **self.headers},
            content_type="application/problem+json",
        )


def not_found(thing: str, name: object = "", which: str = "") -> Problem:
    """Nothing has that name.

    Args:
        thing: what it would be, as the sentences `refusal.no_…` have it.
        which: what is further asked of it, in English.
    """
    slug, told = f"refusal.no_{thing.lower()}", f"{thing} {name}{which}".strip()
    about = {"id": name, "name": name, "number": name}
    return Problem(404, "not_found", f"There is no {told}.", slug=slug if name != "" else None, params=about)


def invalid(error: ValidationError, aliases: dict[str, str] | None = None) -> Problem:
    """A body of the wrong form, each fault with its JSON pointer (RFC 6901)."""
    errors = of_model(error, aliases or {})
    if any(fault["code"] == "json_invalid" for fault in errors):
        return Problem(400, "malformed_json", "The body is not JSON: " + errors[0]["detail"], errors=errors)
    names = ", ".join(sorted({item["pointer"] or "the body" for item in errors}))
    return Problem(422, "validation", f"Not as expected: {names}.", errors=errors)


def unsupported(*types: str) -> Problem:
    """A body of another type than the route takes."""
    accept, what = {"Accept": ", ".join(types)}, " / ".join(types)
    return Problem(415, "unsupported_media_type", f"Send {' or '.join(types)}.", headers=accept, params={"what": what})


def unsubmittable(error: SubmitError, member: str = "") -> Problem:
    """A message that intake does not take.

    Args:
        member: of the body, where it is not called as in a message.
    """
    if isinstance(error, KeyCeilingError):
        return Problem(429, "key_ceiling", f"{error}.", headers={"Retry-After": str(error.wait_s)})
    code = error.code
    name = member or (error.field if isinstance(error, BadFieldError) else type(error).field)
    fault = {"pointer": f"/{name}", "code": code, "detail": str(error)}
    return Problem(422, "validation", str(error), code=code, errors=[fault], params=dict(error.params))


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
    slug = _SAID.get(kind)
    detail = wording.say(slug) if slug else error.description or HTTPStatus(status).phrase
    return Problem(status, kind, detail, headers=headers, slug=slug)


def install(app: Flask, is_api: Any, page: Any, words: Callable[[], Words]) -> None:
    """Answer every error: as problem+json to programs, as a page to people.

    Args:
        is_api: () -> bool, whether this request is a program's.
        page: (Problem) -> Response for people.
        words: the words of the request's language.
    """

    def answered(problem: Problem) -> Response:
        return problem.answer(words()) if is_api() else page(problem)

    app.register_error_handler(Problem, answered)
    app.register_error_handler(StoreError, lambda error: answered(store_down(error)))
    app.register_error_handler(SubmitError, lambda error: answered(unsubmittable(error)))
    app.register_error_handler(HTTPException, lambda error: answered(from_http(error)))

    def unexpected(error: Exception) -> Response:
        log.error("http: %s %s", request.method, _route(), exc_info=error)
        return answered(Problem(500, "internal", "Something went wrong here; the log has the details."))

    app.register_error_handler(Exception, unexpected)
