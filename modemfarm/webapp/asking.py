"""Query parameters, checked: unknown ones are refused, so that a mistyped filter does not list everything."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import request

from modemfarm.errors import BadFieldError
from modemfarm.intake.values import parse_flag, parse_moment
from modemfarm.model import MessageState
from modemfarm.store.views import MOST_PER_PAGE, PER_PAGE
from modemfarm.webapp.faults import fault, of_file
from modemfarm.webapp.problems import Problem


def wrong(name: str, slug: str, **params: Any) -> Problem:
    """A query parameter that cannot be used.

    Args:
        slug: of the sentence `form.…` that says what is expected.
    """
    found = fault({"parameter": name}, "query", slug, params)
    return Problem(422, "validation", f"{name}: {found['detail']}", code="query", errors=[found])


def unreadable(error: BadFieldError) -> Problem:
    """A body of rows that cannot be read as a whole."""
    found = of_file(error, request.args, charset="charset" in request.mimetype_params)
    return Problem(422, "validation", str(error), code=error.code, errors=[found], params=dict(error.params))


def only(*names: str) -> None:
    """Refuse any other query parameter."""
    for name in request.args:
        if name not in names:
            raise wrong(name, "unknown_parameter", known=", ".join(names) or "-")
    for name, value in request.args.items(multi=True):
        if "\x00" in value:
            raise wrong(name, "null_character")


def limit() -> int:
    """How many items a page has: 50 unasked, 1000 at most."""
    raw = request.args.get("limit")
    if raw is None:
        return PER_PAGE
    if not raw.isascii() or not raw.isdigit() or int(raw[:9]) < 1:
        raise wrong("limit", "between", least=1, most=MOST_PER_PAGE)
    return min(int(raw[:9]), MOST_PER_PAGE)


def order() -> str:
    """Newest first unless asked otherwise."""
    raw = request.args.get("order", "desc")
    if raw not in {"asc", "desc"}:
        raise wrong("order", "expected", expected="asc, desc")
    return raw


def cursor() -> str | None:
    """Where the last page ended; `after` is the poller's word for it."""
    for name in ("cursor", "after"):
        raw = request.args.get(name)
        if raw:
            if not raw.isascii() or not raw.isdigit():
                raise wrong(name, "cursor")
            return raw
    return None


def paging() -> dict[str, Any]:
    """The three above, as the views take them."""
    return {"order": order(), "cursor": cursor(), "limit": limit()}


def since(name: str = "since") -> datetime | None:
    """An RFC 3339 moment."""
    raw = request.args.get(name)
    if raw is None:
        return None
    try:
        return parse_moment(raw.replace(" ", "+"))  # a + that nobody escaped arrives as a space
    except ValueError:
        raise wrong(name, "moment") from None


def flag(name: str) -> bool:
    """Yes or no; no unasked."""
    raw = request.args.get(name)
    try:
        return raw is not None and parse_flag(raw)
    except ValueError:
        raise wrong(name, "flag") from None


def whole(name: str) -> int | None:
    """A whole number."""
    raw = request.args.get(name)
    if raw is None:
        return None
    if not raw.isascii() or not raw.isdigit() or len(raw) > 18:
        raise wrong(name, "int_type")
    return int(raw)


def states() -> list[str]:
    """Message states, separated by commas or repeated."""
    known = {state.value for state in MessageState}
    wanted = [item for raw in request.args.getlist("state") for item in raw.split(",") if item]
    for item in wanted:
        if item not in known:
            raise wrong("state", "expected", expected=", ".join(sorted(known)))
    return wanted
