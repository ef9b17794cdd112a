"""What every door hands to intake, and what it gets back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from modemfarm.model import Ceiling, Encoding, MessageClass, MessageState, Reason
from modemfarm.policy.profiles import Configured, Rules
from modemfarm.store.queue import Candidate
from modemfarm.store.shapes import Terms
from modemfarm.store.suppress import exempt_classes

if TYPE_CHECKING:
    from modemfarm.intake.prices import Price


@dataclass(frozen=True, slots=True)
class Quota:
    """What one sender may have taken in a day; `owner` is what it is counted under."""

    owner: str
    ceiling: Ceiling


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """The `sending:` part of config.yaml, as intake needs it.

    Attributes:
        country: ISO 3166 code of national numbers; None: only international ones are taken.
        allow_countries: ``own``, ``all`` or ISO codes.
        valid_for: how long a message of a class may wait; None: for ever.
        price_per_part, currency: of a part for which no SIM is known.
        terms: the plans and SIMs of config.yaml.
        prices: of each SIM, read from the database where a plan names a price.
        policy: what config.yaml says on the rules for offers.
        rules: those in force, read from the database for a message that is an offer.
        conversation_within: how long after a person wrote an opt-out does not stop a conversation.
        emergency_per_hour: how many emergencies are taken in from one full hour to the next; None: any number.
        quota: of the API key that sends, where it has one.
        only_from: the only `from` that a message may name, and gets where it names none: that of the API key.
    """

    country: str | None = None
    default_class: MessageClass = MessageClass.TRANSACTIONAL
    transactional_after_opt_out: bool = False
    reports: bool = True
    valid_for: Mapping[MessageClass, timedelta | None] = field(
        default_factory=lambda: {MessageClass.TRANSACTIONAL: timedelta(hours=48)}
    )
    allow_countries: str | tuple[str, ...] = "own"
    short_codes: tuple[str, ...] = ()
    max_parts: int = 10
    sticky: bool = True
    parts_a_day: int | None = None  # the most that one SIM's plan lets out in a day
    price_per_part: float | None = None
    currency: str | None = None
    terms: Terms = field(default_factory=Terms)
    prices: tuple[Price, ...] | None = None
    policy: Configured = field(default_factory=Configured)
    rules: Rules | None = None
    quota: Quota | None = None
    only_from: str | None = None
    conversation_within: timedelta = timedelta(hours=24)
    emergency_per_hour: int | None = 60

    @property
    def exempt(self) -> tuple[str, ...]:
        """The classes that an opt-out does not stop."""
        return exempt_classes(transactional=self.transactional_after_opt_out)


@dataclass(frozen=True, slots=True)
class Draft:
    """One message to one recipient, as a door took it; nothing in it is checked yet.

    Attributes:
        priority: 0–9, higher goes first; 5 when the sender said nothing.
        valid_for: counted from `send_at` or now; `valid_until` wins.
        pinned: the sender's `from`: ICCID, label, own number or tag of a SIM.
        reference: the sender's own words for it; not unique.
        store_text: False: text and metadata are kept no longer than they are needed to send it.
    """

    to: str
    text: str
    message_class: str | None = None
    purpose: str | None = None
    pinned: str | None = None
    send_at: datetime | None = None
    valid_until: datetime | None = None
    valid_for: timedelta | None = None
    priority: int | None = None
    reference: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict)
    flash: bool = False
    report: bool | None = None
    resend_unknown: bool = False
    confirm_emergency: bool = False  # the second word that class emergency needs
    fixed_line: bool = False  # the row says that a fixed line is meant
    retry_of: int | None = None
    store_text: bool = True


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that is durable once the transaction is.

    Attributes:
        state: scheduled, held or queued; refused only inside a RefusedError.
        warnings: slugs of what is worth a second look.
    """

    message_id: int
    recipient: str
    encoding: Encoding
    parts: int
    state: MessageState
    reason: Reason | None
    cost: float | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of a draft, with nothing written.

    Attributes:
        room: characters (septets or UTF-16 units) left in the last part.
        verdict: ``queued``, ``scheduled``, ``held`` or ``refused``, with the reason.
        first: its first part as it would wait, for a forecast.
        text: as it would go out: an offer with its sender and the way out.
        next_at: when it may go, where it is held, or would be at the time that it is meant for.
        warnings: slugs of what is worth a second look.
    """

    recipient: str
    encoding: Encoding
    parts: int
    room: int
    cost: float | None
    currency: str | None
    verdict: MessageState
    reason: Reason | None
    first: Candidate
    text: str = ""
    next_at: datetime | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What came of one bulk intake so far.

    Attributes:
        finished: the input was read to its end.
        replayed: the same file was already finished within 24 h; nothing was added.
    """

    batch_id: int
    accepted: int
    rejected: int
    finished: bool
    replayed: bool = False
