"""A request's body, whole or not at all."""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge


def octets(most: int) -> bytes:
    """The body; kept, so that it can be asked for again.

    Raises:
        RequestEntityTooLarge: it has more than `most` octets.
    """
    request.max_content_length = most + 1  # what comes in chunks says no length, and is cut off here without a word
    data = request.get_data(cache=True)
    if len(data) > most:
        raise RequestEntityTooLarge
    return data
