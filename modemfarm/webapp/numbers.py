"""Numbers of people and rows as they arrive in URLs, queries, bodies and forms; people's by intake's own rules."""

from __future__ import annotations

from flask import request
from werkzeug.routing import BaseConverter, IntegerConverter, Map

from modemfarm.errors import BadRecipientError
from modemfarm.policy.numbers import parse_recipient
from modemfarm.webapp.problems import not_found

SIGNIFICANT = 9  # last digits that two spellings of one line share


def number_of(raw: str, country: str | None) -> tuple[str, str]:
    """A number as messages have it, and its last significant digits.

    Raises:
        BadRecipientError: not one number.
    """
    number = parse_recipient(raw, country=country, allow_countries="all", allow_fixed=True).number
    return number, number.lstrip("+")[-SIGNIFICANT:]


class NumberConverter(BaseConverter):
    """A number in a URL, as people write it: something with a digit, so that no word beside it is taken for one."""

    regex = r"[^/]*\d[^/]*"


class IdConverter(IntegerConverter):
    """A row's number in a URL; one that no database counts up to names nothing."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**63 - 1)


def named(raw: str, country: str | None) -> str:
    """The number in a URL, as messages have it.

    Raises:
        Problem: 404; what is no number names nothing.
    """
    try:
        return number_of(raw, country)[0]
    except BadRecipientError as error:
        raise not_found(f"person of that number: {error}") from None


def typed(name: str, country: str | None) -> str | None:
    """A query parameter that names a number; what is none (a sender's name) is taken as it stands."""
    raw = request.args.get(name)
    if not raw:
        return None
    if raw.startswith(" "):  # a + that nobody escaped
        raw = "+" + raw[1:]
    try:
        return number_of(raw, country)[0]
    except BadRecipientError:
        return raw
