"""When what waits will be done: the plans of the SIMs that work, and the air's own pace."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from modemfarm.store import views
from modemfarm.store.engine import Tx, to_us
from modemfarm.store.shapes import Terms, rfc3339

AIR_PER_MINUTE = 17.0  # about 3.5 s of air and link set-up a part


def minutes_for(parts: int, lanes: Sequence[tuple[float, int | None, int | None]]) -> float | None:
    """How long some parts take.

    Args:
        lanes: a working SIM each: parts a minute, what is left of its day (None: no limit), its day's limit.

    Returns:
        None when no SIM works or the days' limits are zero.
    """
    if not lanes:
        return None
    left = float(parts)
    spent = 0.0
    open_lanes = sorted(
        ((room / pace if room is not None else math.inf, pace) for pace, room, _ in lanes if pace > 0),
    )
    while open_lanes:
        pace = sum(item[1] for item in open_lanes)
        until = open_lanes[0][0]
        if left <= pace * (until - spent):
            return spent + left / pace
        left -= pace * (until - spent)
        spent = until
        open_lanes.pop(0)
    a_day = sum(limit or 0 for _, _, limit in lanes)
    return spent + 1440.0 * math.ceil(left / a_day) if a_day else None


def lanes(sims: Sequence[dict[str, Any]]) -> list[tuple[float, int | None, int | None]]:
    """The SIMs that can send now, as `minutes_for` wants them."""
    found = []
    for sim in sims:
        if sim["state"] == "active" and sim["modem_state"] == "working":
            limit = sim["limits"]["day"]
            room = None if limit is None else max(0, limit - (sim["used"]["day"] or 0))
            found.append((min(AIR_PER_MINUTE, sim["limits"]["minute"] or AIR_PER_MINUTE), room, limit))
    return found


def finish_at(tx: Tx, terms: Terms, now: datetime, *, more: int = 0) -> str | None:
    """When everything that waits now, and `more` parts, will have gone; None: nobody can say."""
    moment = finish(views.waiting_parts(tx) + more, views.sims(tx, terms=terms, now=now), now)
    return None if moment is None else rfc3339(to_us(moment))


def finish(parts: int, sims: Sequence[dict[str, Any]], now: datetime) -> datetime | None:
    """The moment itself."""
    minutes = minutes_for(parts, lanes(sims))
    return None if minutes is None or minutes > 5_000_000 else now + timedelta(minutes=minutes)
