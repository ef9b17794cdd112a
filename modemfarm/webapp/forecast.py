"""What the page and the API say about the time ahead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from modemfarm.model import Forecast
from modemfarm.store.engine import to_us
from modemfarm.store.queue import Candidate
from modemfarm.store.shapes import rfc3339

QUICK = 2000  # messages that may wait where a forecast is made at each key that is pressed


class Outlook(Protocol):
    """Who looks ahead (`farm/outlook.py`)."""

    def lately(self) -> Forecast:
        """The forecast of the last seconds."""

    def fresh(self, more: Sequence[Candidate] = ()) -> Forecast:
        """The forecast as of now, with messages that are not there yet."""


class NoOutlook:
    """A farm that nobody plays forward."""

    def lately(self) -> Forecast:
        return Forecast(None, 0, 0, 0, 0)

    def fresh(self, more: Sequence[Candidate] = ()) -> Forecast:  # noqa: ARG002 # the protocol's
        return self.lately()


def said(moment: datetime | None) -> str | None:
    """A moment of the forecast; None: nobody can say."""
    return None if moment is None else rfc3339(to_us(moment))


def of_one(forecast: Forecast, first: Candidate) -> dict[str, Any]:
    """The forecast of a message that is not there yet: when it will have left, or that its validity ends first."""
    moment = forecast.finished.get(first.message_id)
    return {"finish_at": said(moment), "expires_first": moment is None and forecast.late_in.get(0, 0) > 0}
