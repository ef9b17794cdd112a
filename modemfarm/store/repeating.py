"""When a call that was not answered is made again, and for how long."""

from __future__ import annotations

import hashlib
from datetime import timedelta

TOLD_WITHIN = timedelta(days=3)
_MOST_ASKED = timedelta(days=1)  # of a receiver's Retry-After
_FIRST, _LONGEST = timedelta(seconds=5), timedelta(hours=6)


def pause(attempts: int, event_id: str, wait: timedelta | None = None) -> timedelta:
    """5 s, doubled with each attempt up to 6 h, or what a receiver asked for where that is longer.

    Up to a tenth more, by the event, so that not all come back at once.
    """
    plain = min(_FIRST.total_seconds() * 2 ** min(attempts, 20), _LONGEST.total_seconds())
    own = timedelta(seconds=plain * (1 + hashlib.sha256(event_id.encode()).digest()[0] / 2550))
    return max(own, min(wait or timedelta(0), _MOST_ASKED))
