"""The one function that every door hands its messages to: check, judge, write message, parts and event."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from modemfarm.errors import BadFieldError, KeyCeilingError, TextTooLongError
from modemfarm.gsm.splitting import Layout, measure
from modemfarm.intake import classes
from modemfarm.intake.draft import Accepted, Draft, IntakeSettings, Preview, Quota
from modemfarm.intake.prices import price_of, priced
from modemfarm.model import Encoding, MessageClass, MessageState, Reason, millionths
from modemfarm.policy.lint import warnings
from modemfarm.policy.numbers import parse_recipient
from modemfarm.policy.profiles import completed
from modemfarm.store.actions import is_farm_paused, is_paused
from modemfarm.store.charging import affords, spend, unspend
from modemfarm.store.consents import has_consent
from modemfarm.store.counters import day_end, day_start
from modemfarm.store.engine import Tx
from modemfarm.store.events import record
from modemfarm.store.labels import Label
from modemfarm.store.messages import NewMessage, insert
from modemfarm.store.offers import waits
from modemfarm.store.queue import home
from modemfarm.store.reviews import is_open
from modemfarm.store.rules import in_force
from modemfarm.store.sims import is_known
from modemfarm.store.suppress import is_suppressed
from modemfarm.store.waiting import coming

PRIORITY_MOST = 9
PRIORITY_USUAL = 5
FURTHEST = timedelta(days=5 * 366)  # a message for a later time is a mistyped one


def check(draft: Draft, settings: IntakeSettings, now: datetime) -> tuple[NewMessage, Layout]:
    """Everything about a draft that needs no database.

    Args:
        settings: of `ruled`, where the draft may be an offer, which gets its sender and the way out, or may cost.

    Raises:
        BadRecipientError, BadFieldError, TextTooLongError
    """
    recipient = parse_recipient(
        draft.to,
        country=settings.country,
        allow_countries=settings.allow_countries,
        short_codes=settings.short_codes,
        allow_fixed=draft.fixed_line,
    )
    if not draft.text.strip():
        raise BadFieldError("text", "empty", "there is no text to send")
    for field, value in _texts(draft):
        if value is not None and not _is_text(value):
            raise BadFieldError(field, "not_text", "holds half a surrogate pair or a NUL")
    message_class = _message_class(draft, settings)
    if message_class is MessageClass.EMERGENCY:
        classes.confirmed(draft)
    text = draft.text
    if message_class is MessageClass.MARKETING and settings.rules is not None:
        text = completed(text, settings.rules)
    layout = measure(text)
    if layout.parts > settings.max_parts:
        raise TextTooLongError(layout.parts, settings.max_parts)
    if settings.parts_a_day is not None and layout.parts > settings.parts_a_day:
        raise TextTooLongError(layout.parts, settings.parts_a_day)
    priority = PRIORITY_USUAL if draft.priority is None else draft.priority
    if not 0 <= priority <= PRIORITY_MOST:
        raise BadFieldError("priority", "out_of_range", f"priority is 0 to {PRIORITY_MOST}, not {priority}")
    if draft.send_at is not None and draft.send_at - now > FURTHEST:
        raise BadFieldError("send_at", "out_of_range", "more than five years ahead")
    send_at = draft.send_at if draft.send_at is not None and draft.send_at > now else None
    pinned = _pinned(draft, settings)
    price, currency = price_of(settings, pinned)
    scheduled = send_at is not None
    return (
        NewMessage(
            recipient=recipient.number,
            text=text,
            message_class=message_class.value,
            state=MessageState.SCHEDULED if scheduled else MessageState.QUEUED,
            next_at=send_at,
            encoding=layout.encoding.value,
            parts_total=layout.parts,
            rank=PRIORITY_MOST - priority,
            purpose=draft.purpose,
            pinned=pinned,
            send_at=send_at,
            valid_until=_valid_until(draft, settings, message_class, send_at or now, now),
            reference=draft.reference,
            retry_of=draft.retry_of,
            resend_unknown=draft.resend_unknown,
            report=settings.reports if draft.report is None else draft.report,
            flash=draft.flash,
            tags=draft.tags,
            metadata=draft.metadata,
            store_text=draft.store_text,
            price=price,
            currency=currency,
        ),
        layout,
    )


def _pinned(draft: Draft, settings: IntakeSettings) -> str | None:
    own = settings.only_from
    if own is not None and draft.pinned not in {None, own}:
        raise BadFieldError("from", "not_allowed", f"this API key sends from {own} only")
    return draft.pinned if own is None else own


def ruled(tx: Tx, draft: Draft, settings: IntakeSettings, now: datetime) -> IntakeSettings:
    """The settings with what a part costs by each SIM and, where the draft is an offer, the rules in force."""
    settings = priced(tx, settings)
    if settings.rules is not None or _message_class(draft, settings) is not MessageClass.MARKETING:
        return settings
    return replace(settings, rules=in_force(tx, settings.policy, now))


def _texts(draft: Draft) -> Iterator[tuple[str, str | None]]:
    """What of a draft is kept as text, by field."""
    yield "text", draft.text
    yield "reference", draft.reference
    yield "purpose", draft.purpose
    yield "from", draft.pinned
    for tag in draft.tags:
        yield "tags", tag
    if draft.metadata:
        yield "metadata", json.dumps(dict(draft.metadata), ensure_ascii=False)


def _is_text(value: str) -> bool:
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False


def _message_class(draft: Draft, settings: IntakeSettings) -> MessageClass:
    if draft.message_class is None:
        return settings.default_class
    try:
        return MessageClass(draft.message_class)
    except ValueError:
        known = ", ".join(item.value for item in MessageClass)
        raise BadFieldError("class", "unknown_class", f"{draft.message_class!r} is none of {known}") from None


def _valid_until(
    draft: Draft, settings: IntakeSettings, message_class: MessageClass, starts: datetime, now: datetime
) -> datetime | None:
    if draft.valid_until is not None:
        if draft.valid_until <= max(now, starts):
            raise BadFieldError("valid_until", "in_the_past", "the validity ends before the message could be sent")
        return draft.valid_until
    span = draft.valid_for if draft.valid_for is not None else settings.valid_for.get(message_class)
    if span is not None and span.total_seconds() <= 0:
        raise BadFieldError("valid_for", "not_positive", "a validity is longer than nothing")
    try:
        return None if span is None else starts + span
    except OverflowError:
        raise BadFieldError("valid_for", "out_of_range", "the validity ends after the year 9999") from None


def judge(tx: Tx, message: NewMessage, settings: IntakeSettings, now: datetime) -> Reason | None:
    """What policy says against a checked message; None: nothing."""
    free = message.message_class in settings.exempt
    talks = message.message_class == MessageClass.CONVERSATION
    stopped = (talks or not free) and is_suppressed(tx, message.recipient)
    if stopped and not (talks and classes.is_talking(tx, message, settings, now)):
        return Reason("opted_out")
    if many := classes.too_many(tx, message, settings, now):
        return many
    if message.message_class == MessageClass.MARKETING:
        return _against_offer(tx, message, settings, now)
    return None


def _against_offer(tx: Tx, message: NewMessage, settings: IntakeSettings, now: datetime) -> Reason | None:
    """What the rules in force say against an offer."""
    rules = settings.rules
    if rules is None or not rules.is_open:
        profile = None if rules is None else rules.profile
        return Reason("profile", {} if profile is None else {"profile": profile.name, "own_sim": profile.own_sim})
    if rules.signature is None:
        return Reason("signature_missing", {"profile": rules.profile.name})
    if not has_consent(tx, message.recipient, message.purpose, now):
        return Reason("consent_missing", {"purpose": message.purpose} if message.purpose else {})
    return None


def _warnings(tx: Tx, message: NewMessage, settings: IntakeSettings, held_until: datetime | None) -> tuple[str, ...]:
    marketing = message.message_class == MessageClass.MARKETING
    found = warnings(message.text, marketing=marketing, rules=settings.rules)
    if held_until and message.valid_until and message.valid_until <= held_until:
        found += ("expires_in_hold",)
    if message.pinned is not None and not is_known(tx, settings.terms, message.pinned):
        found += ("sim_unknown",)
    return found


def _grown(draft: Draft, message: NewMessage) -> tuple[str, ...]:
    """Whether the sender and the way out made an offer longer by a part."""
    added = message.text != draft.text and measure(draft.text).parts < message.parts_total
    return ("more_parts",) if added else ()


def accept(
    tx: Tx,
    draft: Draft,
    settings: IntakeSettings,
    now: datetime,
    batch_id: int | None = None,
    batch_row: int | None = None,
) -> Accepted | None:
    """Take one message in: durable when the transaction is.

    Returns:
        With state `refused` and its reason when policy said no: that row is written too, so that `explain`
        works, and the door turns it into its own refusal. None when this row of its batch is already there.

    Raises:
        BadRecipientError, BadFieldError, TextTooLongError: nothing is written.
    """
    settings = ruled(tx, draft, settings, now)
    message, _ = check(draft, settings, now)
    done = write(tx, message, settings, now, batch_id, batch_row)
    return (
        done if done is None or batch_id is not None else replace(done, warnings=done.warnings + _grown(draft, message))
    )


def starting(tx: Tx, message: NewMessage, batch_id: int | None, settings: IntakeSettings, now: datetime) -> NewMessage:
    """The same message, held where a pause, a likely refusal, the hours or the number of offers stand against it."""
    if message.message_class == MessageClass.MARKETING and is_open(tx, message.recipient):
        return replace(message, state=MessageState.HELD, reason=Reason("opt_out_review"))
    if is_paused(tx, message.message_class, batch_id):
        return replace(message, state=MessageState.HELD, reason=Reason("paused"))
    if message.state is MessageState.QUEUED and is_farm_paused(tx):
        return replace(message, state=MessageState.HELD, reason=Reason("paused"), open=True)
    label = None if message.state is MessageState.SCHEDULED else _waits(tx, message, settings, now)
    if label is None or label.slug is None:
        return message
    return replace(message, state=MessageState.HELD, reason=Reason(label.slug), next_at=label.next_at, open=True)


def _waits(tx: Tx, message: NewMessage, settings: IntakeSettings, now: datetime) -> Label | None:
    """What the hours and the number of offers have against a message at the time that it is meant for."""
    if settings.rules is None or message.message_class != MessageClass.MARKETING:
        return None
    at = message.send_at or now
    return waits(tx, settings.rules, message.recipient, message.text, at)


def _goes_at(tx: Tx, message: NewMessage, settings: IntakeSettings, now: datetime) -> datetime | None:
    """When the rules let go what is held, or scheduled for a time at which they would hold it."""
    if message.state is MessageState.HELD:
        return message.next_at
    label = _waits(tx, message, settings, now) if message.state is MessageState.SCHEDULED else None
    return None if label is None else label.next_at


def write(
    tx: Tx,
    message: NewMessage,
    settings: IntakeSettings,
    now: datetime,
    batch_id: int | None = None,
    batch_row: int | None = None,
) -> Accepted | None:
    """Judge and write a checked message; see `accept`.

    Raises:
        KeyCeilingError: the sender's key has had as much taken in today as it may; nothing is written.
    """
    against = judge(tx, message, settings, now)
    quota = None if against else settings.quota
    share = (message.parts_total, message.parts_total * millionths(message.price))
    if quota is not None:
        spend_of(tx, quota, *share, now)
    if against is None:
        classes.count(tx, message, now)
        message = starting(tx, message, batch_id, settings, now)
    message = replace(
        message,
        batch_id=batch_id,
        batch_row=batch_row,
        bound_iccid=home(tx, message.pinned) if message.pinned else "",
        charged_key=None if quota is None or quota.ceiling.cost is None else quota.owner,
        charged_day=None if quota is None else day_start(quota.ceiling.days, now),
        state=MessageState.REFUSED if against else message.state,
        reason=against or message.reason,
    )
    message_id = insert(tx, message, now)
    if message_id is None:
        if quota is not None:  # this row of its batch is there already
            unspend(tx, quota.owner, quota.ceiling, *share, now)
        return None
    if batch_id is None or against:
        slug = "message.refused" if against else "message.accepted"
        about: dict[str, Any] = {**against.params, "reason": against.slug} if against else {}
        record(tx, slug, now, message_id=message_id, **about)
    return Accepted(
        message_id=message_id,
        recipient=message.recipient,
        encoding=Encoding(message.encoding),
        parts=message.parts_total,
        state=message.state,
        reason=against,
        cost=None if message.price is None else round(message.price * message.parts_total, 6),
        warnings=() if batch_id is not None else _warnings(tx, message, settings, _goes_at(tx, message, settings, now)),
    )


def spend_of(tx: Tx, quota: Quota, parts: int, cost: int, now: datetime) -> None:
    """Charge a key's day.

    Raises:
        KeyCeilingError: that is more than it may; nothing is charged.
    """
    if not spend(tx, quota.owner, quota.ceiling, parts, cost, now):
        raise _too_much(quota, now)


def _too_much(quota: Quota, now: datetime) -> KeyCeilingError:
    return KeyCeilingError(math.ceil((day_end(quota.ceiling.days, now) - now).total_seconds()))


def preview(tx: Tx, draft: Draft, settings: IntakeSettings, now: datetime) -> Preview:
    """What would become of a draft; writes nothing.

    Raises:
        BadRecipientError, BadFieldError, TextTooLongError
    """
    settings = ruled(tx, draft, settings, now)
    message, layout = check(draft, settings, now)
    against = judge(tx, message, settings, now)
    if against is None and settings.quota is not None:
        quota, cost = settings.quota, layout.parts * millionths(message.price)
        if not affords(tx, quota.owner, quota.ceiling, layout.parts, cost, now):
            raise _too_much(quota, now)
    if against is None and message.message_class == MessageClass.MARKETING:
        message = starting(tx, message, None, settings, now)
    goes_at = None if against else _goes_at(tx, message, settings, now)
    return Preview(
        recipient=message.recipient,
        encoding=layout.encoding,
        parts=layout.parts,
        room=layout.room,
        cost=None if message.price is None else round(message.price * layout.parts, 6),
        currency=message.currency,
        verdict=MessageState.REFUSED if against else message.state,
        reason=against or message.reason,
        next_at=goes_at,
        first=coming(
            1,
            message.recipient,
            layout.parts,
            message.message_class,
            message.next_at or message.send_at or now,
            rank=message.rank,
            pinned=message.pinned,
            until=message.valid_until,
            text=message.text,
        ),
        text=message.text,
        warnings=_warnings(tx, message, settings, goes_at) + _grown(draft, message),
    )
