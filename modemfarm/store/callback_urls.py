"""Addresses that senders name in Kannel's dlr-url: which of them may be called, and what their escapes stand for.

Source: Kannel User's Guide, escape codes of a service's get-url, and what its smsbox makes of them for a report.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, quote, quote_plus, unquote, urlsplit

LONGEST = 2048  # characters; Kannel has no limit, receivers have
FILLED = "aABcCdFiInopPqQtT"
_UNFILLED = "bDfkmMOrRsSuvV#"  # Kannel fills them; of a message that was sent they say nothing, or what we do not know
_PORTS = {"http": 80, "https": 443}
_ESCAPE = re.compile(r"%(.)", re.DOTALL)
_ASCII = "".join(map(chr, range(33, 127)))


def origin(url: str) -> str:
    """Scheme, host and port of an address: what may stand in a log.

    Raises:
        ValueError: it is no address that could be called.
    """
    parts = _split(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def beginning(text: str) -> str:
    """What addresses may begin with, as config.yaml names it: scheme, host, and a port and a path if need be.

    Raises:
        ValueError: it is no such thing.
    """
    parts = _split(text)
    if parts.query or parts.fragment or "%" in text:
        raise ValueError("expected the beginning of addresses without escapes, ? and #")
    return text


def is_listed(url: str, beginnings: Iterable[str]) -> bool:
    """Whether an address begins as one of these does: the same scheme, host and port, and whole steps of its path."""
    try:
        asked = _split(url)
    except ValueError:
        return False
    return any(_begins(asked, _split(known)) for known in beginnings)


def unfilled(url: str) -> str:
    """The first escape that Kannel fills and we do not; "" where there is none."""
    return next((f"%{letter}" for letter in _ESCAPE.findall(url) if letter in _UNFILLED), "")


def filled(url: str, values: Mapping[str, str]) -> str:
    """An address with its escapes replaced.

    Args:
        values: by the letters of FILLED. `t` stands as it is; whatever else is encoded, blanks as +.

    Returns:
        Printable ASCII. What is no escape stays: %2F is meant so.
    """

    def said(found: re.Match[str]) -> str:
        letter = found[1]
        if letter == "%":
            return "%"
        value = values.get(letter)
        if value is None:
            return found[0]
        return value if letter == "t" else quote_plus(value)

    return quote(_ESCAPE.sub(said, url), safe=_ASCII)


def _split(url: str) -> SplitResult:
    if any(not char.isprintable() for char in url) or "\\" in url:
        raise ValueError("expected an address without control characters")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or not parts.netloc.isascii():
        raise ValueError("expected an http:// or https:// address")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected an address without user and password")
    _ = parts.port  # raises ValueError
    if {".", ".."} & set(unquote(parts.path).split("/")):
        raise ValueError("expected an address without . and .. in its path")
    return parts


def _begins(asked: SplitResult, known: SplitResult) -> bool:
    if (asked.scheme, asked.hostname, _port(asked)) != (known.scheme, known.hostname, _port(known)):
        return False
    path, root = asked.path or "/", known.path or "/"
    return path == root or path.startswith(root if root.endswith("/") else f"{root}/")


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS[parts.scheme]
