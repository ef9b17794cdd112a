"""Shared nouns: classes, states, the one table of moves, reasons, and what a message's state follows from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class MessageClass(StrEnum):
    """What a message is for; policy differs per class."""

    TRANSACTIONAL = "transactional"  # answers something the person did: order, appointment, code
    MARKETING = "marketing"  # an offer; needs consent and an attested profile
    CONVERSATION = "conversation"  # a person's answer to a person who wrote
    EMERGENCY = "emergency"  # danger to life or property


class Encoding(StrEnum):
    """How a message's text travels (TP-DCS alphabet, TS 23.038 §4)."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"
    DATA = "data"  # 8-bit


class PartState(StrEnum):
    """Where one TPDU's share of a message stands."""

    WAITING = "waiting"  # for a SIM, a time or a limit
    CLAIMED = "claimed"  # a SIM has it; nothing durable says that Ctrl-Z may follow
    SUBMITTING = "submitting"  # durable before Ctrl-Z: from here on it may have left
    SENT = "sent"  # the network accepted it; its MR is known
    DELIVERED = "delivered"  # the network reported that the phone has it
    UNDELIVERED = "undelivered"  # the network gave up on it
    FAILED = "failed"  # could not be sent
    EXPIRED = "expired"  # never sent in time
    CANCELED = "canceled"  # taken back before it left
    UNKNOWN = "unknown"  # may have left; only evidence or a person's word moves it


MOVES: Mapping[PartState, frozenset[PartState]] = {
    PartState.WAITING: frozenset(
        # sent: evidence for an attempt whose part already waits to be sent again
        {PartState.CLAIMED, PartState.CANCELED, PartState.EXPIRED, PartState.FAILED, PartState.SENT}
    ),
    PartState.CLAIMED: frozenset(
        # failed: a part before it failed for good; sent: evidence for an earlier attempt of the same part
        {
            PartState.SUBMITTING,
            PartState.WAITING,
            PartState.CANCELED,
            PartState.EXPIRED,
            PartState.FAILED,
            PartState.SENT,
        }
    ),
    PartState.SUBMITTING: frozenset(
        # back to waiting: never left (before Ctrl-Z) or the network said that it did not accept it
        {PartState.SENT, PartState.UNKNOWN, PartState.WAITING, PartState.FAILED, PartState.CANCELED, PartState.EXPIRED}
    ),
    PartState.SENT: frozenset({PartState.DELIVERED, PartState.UNDELIVERED}),
    PartState.DELIVERED: frozenset(),
    PartState.UNDELIVERED: frozenset(),
    PartState.FAILED: frozenset(),
    PartState.EXPIRED: frozenset(),
    PartState.CANCELED: frozenset(),
    PartState.UNKNOWN: frozenset(
        # waiting: the sender asked for resend_unknown, or a late error said that it was not accepted
        {PartState.SENT, PartState.DELIVERED, PartState.UNDELIVERED, PartState.FAILED, PartState.WAITING}
    ),
}

ON_THE_AIR = frozenset({PartState.CLAIMED, PartState.SUBMITTING})
LEFT = frozenset({PartState.SUBMITTING, PartState.SENT, PartState.DELIVERED, PartState.UNDELIVERED, PartState.UNKNOWN})


class MessageState(StrEnum):
    """What the user sees (docs/architecture.md, States)."""

    SCHEDULED = "scheduled"  # waits for send_at
    HELD = "held"  # policy, plan, pause or restore makes it wait
    QUEUED = "queued"  # waits for a SIM
    SENDING = "sending"  # a part is on the air, or more wait after one went out
    SENT = "sent"  # every part has the network's reference
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELED = "canceled"
    REFUSED = "refused"  # policy said no at intake
    UNKNOWN = "unknown"  # a part may have been sent


def derive(parts: Collection[PartState], waits_as: MessageState) -> MessageState:
    """A message's state from the states of its parts, first rule that fits.

    Args:
        parts: at least one.
        waits_as: what it is called while parts wait and none has left: scheduled, held or queued.
    """
    states = set(parts)
    if states & ON_THE_AIR:
        return MessageState.SENDING
    if PartState.WAITING in states:
        return MessageState.SENDING if states & LEFT else waits_as
    for state in (PartState.UNKNOWN, PartState.UNDELIVERED, PartState.FAILED, PartState.CANCELED, PartState.EXPIRED):
        if state in states:
            return MessageState(state.value)
    return MessageState.DELIVERED if states == {PartState.DELIVERED} else MessageState.SENT


class ModemState(StrEnum):
    """One modem, as the page shows it."""

    STARTING = "starting"
    WORKING = "working"
    RECOVERING = "recovering"
    NEEDS_YOU = "needs_you"
    PAUSED = "paused"
    GONE = "gone"


class SimState(StrEnum):
    """One SIM, as the page shows it."""

    ACTIVE = "active"
    PAUSED = "paused"  # a person said so
    PARKED = "parked"  # we said so: the operator or the outcome of its last sends; a person decides
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Reason:
    """A published slug with its parameters; rendered per language where it is shown."""

    slug: str
    params: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BalanceAsk:
    """How the credit of a plan's SIMs is asked for.

    Attributes:
        ussd: a code, then the answers to its menus, with blanks between; None: not by USSD.
        to, text: by message: the operator's number and what to write; only where `ussd` is None.
        match: regular expression that finds the amount; None: the first that looks like one.
        low: below this a person is told.
    """

    ussd: str | None = None
    to: str | None = None
    text: str = ""
    match: str | None = None
    low: float | None = None
    every: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one SIM, or all SIMs of an account together, may send.

    Limits count parts; None is no limit. `resets_day` 1–31, `resets_time` minutes after midnight, in `zone`.
    Of SIMs that stand alike, one whose `on_net` has the beginning of the recipient's number goes first.
    At `ask_at_recipients` different people in a month a person is asked; sending goes on meanwhile.
    """

    name: str
    per_minute: int | None = None  # any 60 s
    per_hour: int | None = None
    per_day: int | None = None
    per_month: int | None = None
    recipients_per_month: int | None = None
    price_per_part: float | None = None
    currency: str | None = None
    resets_day: int = 1
    resets_minute: int = 0
    zone: str = "UTC"
    balance: BalanceAsk | None = None
    ask_at_recipients: int | None = None
    on_net: tuple[str, ...] = ()

    @property
    def counts_people(self) -> bool:
        """Whether it matters to whom its parts go."""
        return self.recipients_per_month is not None or self.ask_at_recipients is not None

    @property
    def is_limited(self) -> bool:
        """Whether it limits anything, or counts people."""
        return self.counts_people or {self.per_minute, self.per_hour, self.per_day, self.per_month} != {None}


CAUTIOUS = Plan("cautious", per_minute=6, per_day=100, ask_at_recipients=150)
UNLIMITED = Plan("unlimited")


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that the whole farm sends in a day, from midnight in `zone`; None is no limit.

    Attributes:
        cost: in millionths of the plans' currency, so that sums are exact.
    """

    parts: int | None = None
    cost: int | None = None
    zone: str = "UTC"

    def __bool__(self) -> bool:
        return self.parts is not None or self.cost is not None

    @property
    def days(self) -> Plan:
        """A plan whose days are the farm's."""
        return Plan("farm", zone=self.zone)


NO_CEILING = Ceiling()


def millionths(amount: float | None) -> int:
    """An amount of money in millionths of its currency; nothing for None."""
    return round((amount or 0.0) * 1_000_000)


@dataclass(frozen=True, slots=True)
class SimSettings:
    """What config.yaml (or the page) says about one SIM; `iccid` as `normal_iccid` writes it."""

    iccid: str
    label: str | None = None
    pin: str | None = None
    number: str | None = None
    plan: str | None = None
    account: str | None = None
    tags: tuple[str, ...] = ()
    smsc: str | None = None
    expires: str | None = None
    roaming: bool | None = None


@dataclass(frozen=True, slots=True)
class ClaimedPart:
    """One part, claimed for one SIM: everything its modem needs to put it on the air.

    Attributes:
        attempt_id: names this attempt in every later step; never reused.
        pdu: SMSC address + SMS-SUBMIT TPDU, octets.
        tpdu_length: the TPDU's octets, the number that +CMGS wants (TS 27.005 §4.3).
        more_follow: another part of the same burst is right behind (for AT+CMMS).
    """

    attempt_id: int
    part_id: int
    message_id: int
    iccid: str
    recipient: str
    part_number: int
    parts_total: int
    pdu: bytes
    tpdu_length: int
    more_follow: bool
    claimed_at: datetime


class Evidence(StrEnum):
    """What the wire told about one attempt."""

    ACCEPTED = "accepted"  # +CMGS: <mr> was read
    REFUSED = "refused"  # an error code, at the prompt or after Ctrl-Z; triage decides
    NOT_SENT = "not_sent"  # ended before Ctrl-Z was written: no prompt, port gone, stop
    UNCERTAIN = "uncertain"  # after Ctrl-Z: bare ERROR, OK without +CMGS, time-out, port lost


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended on the wire.

    Attributes:
        phase: ``prompt`` when it ended before Ctrl-Z was written, else ``submitted``.
        mr: TP-MR 0–255, only with ACCEPTED (None there when the modem gave none).
        kind: ``cms``, ``cme`` or ``error`` with REFUSED and where an error line caused UNCERTAIN, else "".
        code: the number behind +CMS ERROR / +CME ERROR, where there was one.
        text: the raw final result line, or what else happened: ``no_prompt timeout port_lost ok_without_cmgs stop``.
        ctrl_z_at: when Ctrl-Z was written; None before that.
        at: when this outcome was known.
        late: read after the command was given up; belongs to `attempt_id` all the same.
    """

    evidence: Evidence
    phase: str
    at: datetime
    ctrl_z_at: datetime | None = None
    mr: int | None = None
    kind: str = ""
    code: int | None = None
    text: str = ""
    late: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """One PDU that a modem gave us, by URC or from its store.

    Attributes:
        pdu: SMSC address + TPDU, octets, as read; undecodable ones included.
        pdu_text: the line as read, kept where it is not even hex.
        iccid: the SIM it was received with; None when only the modem's memory is known to have held it.
        memory, index: the slot it lies in ("SM", 3); "" and None when it came by +CMT/+CDS.
        first_sweep: found in the first sweep after this SIM was seen in this modem.
        status_report: it came by +CDS/+CDSI; what the TPDU itself says wins.
    """

    pdu: bytes
    pdu_text: str
    iccid: str | None
    imei: str | None
    at: datetime
    memory: str = ""
    index: int | None = None
    first_sweep: bool = False
    status_report: bool = False


@dataclass(frozen=True, slots=True)
class MissedCall:
    """A call to a SIM: nobody answers there.

    Attributes:
        number: as the network told it; "" when withheld.
    """

    iccid: str | None
    number: str
    at: datetime


def is_pin(text: str) -> bool:
    """Whether this may be a card's PIN: 4 to 8 digits (TS 31.101 §9.5.1)."""
    return text.isascii() and text.isdigit() and 4 <= len(text) <= 8


def normal_iccid(raw: str) -> str:
    """An ICCID as we compare it: digits, padding F dropped, nibble swap undone, the check digit dropped.

    Two spellings of one card (19 and 20 digits, with and without F) give the same 19 digits.
    Telecom cards begin with 89 (ITU-T E.118 §4); an input that begins with 98 is nibble-swapped.

    Returns:
        The normal form; "" when the input holds no plausible ICCID.
    """
    text = raw.strip().strip('"').upper()
    if text.startswith("98"):
        text = "".join(text[i + 1] + text[i] for i in range(0, len(text) - 1, 2))
    digits = text.rstrip("F")
    if not digits.isascii() or not digits.isdigit() or not 18 <= len(digits) <= 20:
        return ""
    return digits[:19]


def digits_key(number: str) -> str:
    """The last 9 significant digits of a number: what two spellings of one line share; "" without digits."""
    if number.isascii() and number[1:].isdigit() and number[0] in "+0123456789":
        return number[1:][-9:] if number[0] == "+" else number[-9:]
    return "".join(char for char in number if char in "0123456789")[-9:]


def same_number(one: str, other: str) -> bool:
    """Whether two spellings mean one line: alike in 9 significant digits; short codes and names are equal or differ."""
    return one == other or (len(key := digits_key(one)) == 9 and key == digits_key(other))


def mask(number: str) -> str:
    """A number as logs show it: ``+4917…345``; short ones lose all but two digits."""
    return f"{number[:5]}…{number[-3:]}" if len(number) > 9 else f"{number[:1]}…{number[-1:]}"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected.

    Attributes:
        finish_at: when the last message that can go has gone; None: nothing can go.
        messages, parts: those that can go; `stuck` wait for a person, or for a SIM that is not here.
        late: messages whose validity ends before their turn; `late_in` has them by batch, `NOT_THERE_YET`: asked for.
        finished: when each message has gone, by its id; `began` when its first part left the queue.
    """

    NOT_THERE_YET = -1
    finish_at: datetime | None
    messages: int
    parts: int
    late: int
    stuck: int
    finished: Mapping[int, datetime] = field(default_factory=dict)
    late_in: Mapping[int, int] = field(default_factory=dict)
    began: Mapping[int, datetime] = field(default_factory=dict)
