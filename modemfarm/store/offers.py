"""When an offer may leave to a person: hours by their clock, and not too many of them.

What a person got is read from the parts themselves, so that a part which did not leave after all never counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from modemfarm.policy.frequency import MONTH, Sent, free_at
from modemfarm.policy.profiles import Configured, Rules
from modemfarm.policy.quiet import closes_at, opens_at
from modemfarm.policy.zones import zones_of
from modemfarm.store import locks
from modemfarm.store.charging import refund
from modemfarm.store.consents import has_consent
from modemfarm.store.engine import Row, Tx, from_us, to_us
from modemfarm.store.events import record
from modemfarm.store.labels import Label
from modemfarm.store.messages import refresh
from modemfarm.store.reviews import DOUBTED
from modemfarm.store.rules import in_force
from modemfarm.store.suppress import OPTED_OUT, is_suppressed

if TYPE_CHECKING:
    from modemfarm.store.queue import Candidate

LOOK_AGAIN = timedelta(minutes=5)  # where only a person can open it
FAR = timedelta(days=14)  # it opens on no day that we looked at
PART_TAKES = timedelta(seconds=20)  # until the network has taken a part, where its SIM has sent nothing yet
MARGIN = timedelta(seconds=3)  # a claim and the modem's first answer take a moment
_LATELY = 20  # parts of a SIM that tell how long the next one may take
_ROUNDS = 8  # of hours and frequency in turn: two or three lead to a moment that both allow
_LONGEST_ON_ITS_WAY = timedelta(days=2)  # between the first part of an offer and its last
_SENT = (
    "SELECT s.digest, max(coalesce(p.sent_at, p.ctrl_z_at, p.submitting_at, s.at)) AS at FROM marketing_sends s"
    " JOIN parts p ON p.message_id = s.message_id"
    " AND p.state IN ('claimed', 'submitting', 'sent', 'delivered', 'undelivered', 'unknown')"
    " WHERE s.recipient = :recipient AND s.at > :since AND s.message_id <> :besides GROUP BY s.message_id, s.digest"
)


def digest_of(text: str) -> str:
    """What two offers of the same text share, whatever their blanks and capitals."""
    return hashlib.sha256("".join(text.split()).casefold().encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Known:
    """What counts for offers to one person: the clocks that they may live by, and what they got lately."""

    zones: tuple[str, ...]
    sent: Sequence[Sent]


def known(tx: Tx, rules: Rules, recipients: Iterable[str], now: datetime) -> dict[str, Known]:
    """The same of several people, for those who look ahead."""
    return {number: _known(tx, rules, number, now) for number in recipients}


def _known(tx: Tx, rules: Rules, recipient: str, at: datetime, besides: int = 0) -> Known:
    rows = tx.all(_SENT, recipient=recipient, since=to_us(at - MONTH - _LONGEST_ON_ITS_WAY), besides=besides)
    return Known(zones(tx, rules, recipient), [Sent(from_us(row["at"]), row["digest"]) for row in rows])


def waits(
    tx: Tx,
    rules: Rules,
    recipient: str,
    text: str,
    at: datetime,
    *,
    span: timedelta = timedelta(0),
    message_id: int = 0,
) -> Label | None:
    """What an offer that could go at a moment waits for, as `earliest`; None: nothing."""
    found = earliest(rules, _known(tx, rules, recipient, at, message_id), text, at, span)
    return found if found is None or found.next_at else Label(found.slug, at + FAR)


def earliest(rules: Rules, who: Known, text: str, at: datetime, span: timedelta) -> Label | None:
    """What keeps an offer until the hours and the frequency both let it go; None: nothing.

    Args:
        span: how long before closing it must begin.

    Returns:
        `next_at` None: it opens on no day that we looked at.
    """
    digest, caps = digest_of(text), rules.profile.caps
    moment, capped = at, False
    held: Label | None = None
    for _ in range(_ROUNDS):
        before = moment
        opens = _open_for(rules, who.zones, moment, span)
        if opens is None:
            return Label("quiet_hours")
        if opens != moment:
            moment, held = opens, Label("frequency_cap" if capped else "quiet_hours", opens)
        free = free_at(who.sent, digest, caps, moment)
        if free is not None:
            moment, capped, held = free, True, Label("frequency_cap", free)
        if moment == before:
            break
    return held


def _open_for(rules: Rules, clocks: tuple[str, ...], moment: datetime, span: timedelta) -> datetime | None:
    """The moment itself where it is open so long from then on; else the next opening."""
    hours = rules.profile.hours
    closes = closes_at(hours, clocks, moment)
    if closes is not None and moment + span < closes:
        return moment
    return opens_at(hours, clocks, closes or moment)


def opening(tx: Tx, rules: Rules, recipient: str, now: datetime) -> datetime:
    """When something may be sent to a person in hours that are open for offers."""
    return opens_at(rules.profile.hours, zones(tx, rules, recipient), now) or now + FAR


def weighed(tx: Tx, message_id: int) -> Row | None:
    """A message's row with `offered_at`: when it was charged to its person as an offer."""
    return tx.one(
        "SELECT m.*, (SELECT s.at FROM marketing_sends s WHERE s.message_id = m.id) AS offered_at FROM messages m"
        " WHERE m.id = :id",
        id=message_id,
    )


def sent_until(tx: Tx, recipient: str, until: datetime, *, besides: int) -> list[Sent]:
    """What a person got in the month before a moment, besides one message."""
    rows = tx.all(_SENT, recipient=recipient, since=to_us(until - MONTH - _LONGEST_ON_ITS_WAY), besides=besides)
    sent = (Sent(from_us(row["at"]), row["digest"]) for row in rows)
    return [one for one in sent if one.at <= until]


def zones(tx: Tx, rules: Rules, recipient: str) -> tuple[str, ...]:
    """The clocks that a person may live by."""
    own = tx.value("SELECT zone FROM contacts WHERE number = :number", number=recipient)
    return zones_of(recipient, own, rules)


def may_leave(tx: Tx, part: Candidate, iccid: str, configured: Configured, now: datetime) -> bool:
    """Judge an offer's part at its claim, charge it to its person, or hold it until it may go.

    Where another part of it left, only the hours stand against the rest.

    Args:
        iccid: the SIM, whose pace tells whether all of it is with the network before closing.
    """
    message_id, recipient = part.message_id, part.recipient
    rules = in_force(tx, configured, now)
    clocks = zones(tx, rules, recipient)
    closes = closes_at(rules.profile.hours, clocks, now)
    takes = part_takes(tx, iccid)
    span = before_closing(takes, part)
    held: Label | None = None
    if not part.started and not has_consent(
        tx, recipient, tx.value("SELECT purpose FROM messages WHERE id = :id", id=message_id), now
    ):
        if not is_suppressed(tx, recipient):  # whoever asked for the claim says so of an opt-out
            _end(tx, message_id, now)
        return False
    if not rules.is_open and not part.started:
        held = Label("profile", now + LOOK_AGAIN)
    elif not part.started:
        held = waits(tx, rules, recipient, part.text, now, span=span, message_id=message_id)
    elif (opens := _open_for(rules, clocks, now, span)) != now:
        held = Label("quiet_hours", opens or now + FAR)
    if held is not None:
        _hold(tx, message_id, held, now)
        return False
    tx.run(
        "UPDATE parts SET closes_at = :closes WHERE id = :id",
        id=part.part_id,
        closes=None if closes is None else to_us(closes - MARGIN - takes * part.parts_left),
    )
    if not part.started:
        tx.run(
            "INSERT INTO marketing_sends (message_id, recipient, digest, at) VALUES (:message, :recipient, :digest,"
            " :now) ON CONFLICT (message_id) DO UPDATE SET at = excluded.at, digest = excluded.digest",
            message=message_id,
            recipient=recipient,
            digest=digest_of(part.text),
            now=to_us(now),
        )
    return True


def before_closing(takes: timedelta, part: Candidate) -> timedelta:
    """How long before closing an offer must begin, where a part takes its SIM so long; one may be on the air still."""
    return MARGIN + takes * (part.parts_left + (not part.started))


def part_takes(tx: Tx, iccid: str) -> timedelta:
    """How long a SIM's next part may take until the network has it: the longest of its last ones, and their spread."""
    row = tx.one(
        "SELECT max(ended_at - submitting_at) AS most, min(ended_at - submitting_at) AS least FROM (SELECT ended_at,"
        " submitting_at FROM attempts WHERE iccid = :iccid AND outcome = 'accepted' ORDER BY id DESC LIMIT :n) AS last",
        iccid=iccid,
        n=_LATELY,
    )
    if row is None or row["most"] is None:
        return PART_TAKES
    return timedelta(microseconds=int(row["most"]) + int(row["most"]) - int(row["least"]))


def lost_consent(tx: Tx, part_id: int, row: Row, now: datetime) -> bool:
    """Whether an offer's consent ended since its claim, and nothing else that stops it says more.

    Args:
        row: its `recipient` and `purpose`.
    """
    if has_consent(tx, row["recipient"], row["purpose"], now):
        return False
    refused = f"SELECT 1 FROM parts WHERE id = :id AND ({OPTED_OUT} OR {DOUBTED})"  # noqa: S608 # our own words
    return not tx.value(refused, id=part_id, exempt=0)


def _end(tx: Tx, message_id: int, now: datetime) -> None:
    """Take an offer back whose consent ended while it waited."""
    for part in tx.all("SELECT id FROM parts WHERE message_id = :id AND state = 'waiting'", id=message_id):
        refund(tx, part["id"])
        tx.run("UPDATE parts SET state = 'canceled' WHERE id = :id AND state = 'waiting'", id=part["id"])
    refresh(tx, message_id, now, reason="consent_missing")
    record(tx, "message.canceled", now, message_id=message_id, reason="consent_missing")


def _hold(tx: Tx, message_id: int, held: Label, now: datetime) -> None:
    """Let what waits of an offer wait until then; the lanes take it at their own pace afterwards."""
    assert held.next_at is not None
    tx.run(
        "UPDATE parts SET due_at = :at WHERE message_id = :id AND state = 'waiting'",
        id=message_id,
        at=to_us(held.next_at),
    )
    before = tx.value("SELECT reason FROM messages WHERE id = :id", id=message_id)
    tx.run(
        "UPDATE messages SET state = CASE WHEN state = 'sending' THEN 'sending' ELSE 'held' END, reason = :slug,"
        " reason_params = NULL, next_at = :at WHERE id = :id",
        id=message_id,
        slug=held.slug,
        at=to_us(held.next_at),
    )
    if before != held.slug:
        record(tx, "message.held", now, message_id=message_id, reason=held.slug)


def forget_sends(tx: Tx, before: datetime) -> None:
    """Drop what no cap looks at any more."""
    old = f"SELECT message_id FROM marketing_sends WHERE at < :before ORDER BY message_id{locks.skipping(tx)}"  # noqa: S608 # ours
    tx.run(f"DELETE FROM marketing_sends WHERE message_id IN ({old})", before=to_us(before))  # noqa: S608 # ours
