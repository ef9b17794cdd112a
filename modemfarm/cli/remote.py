"""Speaks to a modemfarm elsewhere through its HTTP API."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import sentence, words

ANSWERS_WITHIN_S = 30.0
FILE_WITHIN_S = 900.0  # a million rows are written meanwhile
_EXITS = {
    401: Exit.UNREACHABLE,
    403: Exit.REFUSED,
    404: Exit.NOT_FOUND,
    409: Exit.FAILED,
    413: Exit.USAGE,
    422: Exit.USAGE,
    429: Exit.FAILED,
}


class ProblemError(CliError):
    """The API said no.

    Attributes:
        status: of HTTP.
        problem: the problem document (RFC 9457), or {}.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        what = problem.get("detail") or problem.get("title") or sentence("refusal.api_answered", status=status)
        code = _EXITS.get(status, Exit.UNREACHABLE if status >= 500 else Exit.USAGE)
        if status == 403 and "message_id" not in problem:
            code = Exit.UNREACHABLE  # the key lacks a scope; no message was refused
        super().__init__(str(what), code)
        self.status, self.problem = status, problem


class Remote:
    """One API.

    Raises (all methods):
        CliError: it cannot be reached (exit 5), or ProblemError.
    """

    def __init__(self, url: str, key: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise CliError(sentence("refusal.bad_url", given=repr(url)), Exit.USAGE)
        self.url = url.rstrip("/").removesuffix("/v1")
        self._key = key

    def get(self, path: str, **query: object) -> Any:
        """A document; query values of None are left out."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", f"{path}?{urlencode(asked, doseq=True)}" if asked else path, None, {})

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        idempotency_key: str | None = None,
        *,
        within_s: float = ANSWERS_WITHIN_S,
    ) -> Any:
        """Send a document, get the answer."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._ask("POST", path, json.dumps(body).encode(), headers, within_s)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Change a thing; get it as it is then."""
        return self._ask("PATCH", path, json.dumps(body).encode(), {})

    def delete(self, path: str, **query: object) -> Any:
        """Take a thing away; what the API says to it, if anything."""
        return self._ask("DELETE", f"{path}?{urlencode(query, doseq=True)}" if query else path, None, {})

    def text(self, path: str) -> str:
        """What is no JSON document, as it comes."""
        return self._octets("GET", path, None, {}, FILE_WITHIN_S).decode("utf-8", "replace")

    def upload(
        self, path: str, octets: bytes, content_type: str, idempotency_key: str | None = None, **query: object
    ) -> Any:
        """Send a file; it may take long."""
        asked = {name: value for name, value in query.items() if value is not None}
        headers = {"Content-Type": content_type}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return self._ask(
            "POST", f"{path}?{urlencode(asked, doseq=True)}" if asked else path, octets, headers, FILE_WITHIN_S
        )

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        within_s: float = ANSWERS_WITHIN_S,
    ) -> Any:
        try:
            return json.loads(self._octets(method, path, body, headers, within_s) or b"null")
        except ValueError as error:
            raise CliError(sentence("refusal.not_reached", name=self.url, what=error), Exit.UNREACHABLE) from error

    def _octets(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], within_s: float) -> bytes:
        request = urllib.request.Request(  # noqa: S310 # the scheme was checked
            f"{self.url}/v1{path}",
            data=body,
            method=method,
            headers={
                "Authorization": f"Bearer {self._key}",
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Accept-Language": words().lang,
                **headers,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=within_s) as answer:  # noqa: S310
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise ProblemError(error.code, _problem(error.read())) from error
        except (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, OSError, ValueError) as error:
            what = sentence("refusal.not_reached", name=self.url, what=getattr(error, "reason", error))
            raise CliError(what, Exit.UNREACHABLE) from error


def _problem(octets: bytes) -> dict[str, Any]:
    try:
        found = json.loads(octets)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
