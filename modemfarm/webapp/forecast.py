"""What the page and the API say about the time ahead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from modemfarm.intake.accept import preview
from modemfarm.intake.bulk import Run
from modemfarm.intake.draft import Draft, IntakeSettings, Preview
from modemfarm.model import Forecast, MessageClass, MessageState
from modemfarm.store.actions import is_paused
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

    def misses(self, first: Candidate) -> datetime | None:
        """When a message will have left that cannot before its validity ends; None: it can, or nobody can say."""


class NoOutlook:
    """A farm that nobody plays forward."""

    def lately(self) -> Forecast:
        return Forecast(None, 0, 0, 0, 0)

    def fresh(self, more: Sequence[Candidate] = ()) -> Forecast:  # noqa: ARG002 # the protocol's
        return self.lately()

    def misses(self, first: Candidate) -> None:
        """Nobody can say."""


def too_late(
    look: Run, outlook: Outlook, draft: Draft, settings: IntakeSettings, now: datetime, until: datetime | None
) -> datetime | None:
    """When a message will have left that cannot before the end that its sender names; None: take it in.

    Only where all that waits ends later than that is it looked at more closely. What goes by other ways than the queue
    is taken in: what is held or scheduled may be let go or sent by somebody, and an emergency goes first.

    Args:
        look: calls a store function in a read transaction.
        until: that end; None: none is named.

    Raises:
        SubmitError: it is not taken in anyway.
        StoreError
    """
    ends = None if until is None else outlook.lately().finish_at
    if until is None or ends is None or ends <= until:
        return None
    seen: Preview = look(preview, draft, settings, now)
    held = seen.verdict is not MessageState.QUEUED or look(is_paused, seen.first.message_class, None)
    return None if held or seen.first.message_class == MessageClass.EMERGENCY else outlook.misses(seen.first)


def said(moment: datetime | None) -> str | None:
    """A moment of the forecast; None: nobody can say."""
    return None if moment is None else rfc3339(to_us(moment))


def of_one(forecast: Forecast, first: Candidate) -> dict[str, Any]:
    """The forecast of a message that is not there yet: when it will have left, or that its validity ends first."""
    moment = forecast.finished.get(first.message_id)
    return {
        "finish_at": said(moment),
        "expires_first": moment is None and forecast.late_in.get(forecast.NOT_THERE_YET, 0) > 0,
    }
