"""What two classes of messages ask for: an emergency a second word and a measure, a conversation that it is one."""

from __future__ import annotations

from datetime import UTC, datetime

from modemfarm.errors import BadFieldError
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.model import MessageClass, Reason
from modemfarm.store import counters
from modemfarm.store.engine import Tx, to_us
from modemfarm.store.messages import NewMessage
from modemfarm.store.sticky import wrote_at

_OWNER = "emergency"  # whom an hour's emergencies are counted under


def confirmed(draft: Draft) -> None:
    """Refuse an emergency that was asked for only once.

    Raises:
        BadFieldError
    """
    if not draft.confirm_emergency:
        what = "an emergency passes over opt-outs and hours: confirm that it is one (confirm_emergency)"
        raise BadFieldError("class", "emergency_unconfirmed", what)


def _hour(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def too_many(tx: Tx, message: NewMessage, settings: IntakeSettings, now: datetime) -> Reason | None:
    """What the measure of emergencies says against one more."""
    most = settings.emergency_per_hour
    if message.message_class != MessageClass.EMERGENCY or most is None:
        return None
    return Reason("emergency_limit", {"most": most}) if counters.used(tx, _OWNER, "hour", _hour(now)) >= most else None


def count(tx: Tx, message: NewMessage, now: datetime) -> None:
    """One more was taken in."""
    if message.message_class == MessageClass.EMERGENCY:
        counters.charge(tx, _OWNER, "hour", to_us(_hour(now)), 1)


def is_talking(tx: Tx, message: NewMessage, settings: IntakeSettings, now: datetime) -> bool:
    """Whether a conversation is one: this person wrote a short while before it may go."""
    wrote = wrote_at(tx, message.recipient)
    return wrote is not None and (message.send_at or now) <= wrote + settings.conversation_within
