"""A message's row: inserted once, then kept true to the states of its parts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from modemfarm.model import ON_THE_AIR, MessageState, PartState, Reason, derive
from modemfarm.store.engine import Row, Tx, to_us

NAMED = "from:"  # in `bound_iccid`: a label or tag of the sender's choice, which several SIMs may have
FINAL = frozenset({"delivered", "undelivered", "failed", "expired", "canceled", "refused"})
OVER = FINAL | {"sent"}  # nothing of it can leave, or leave again: its text is not needed
CLEARED = (  # of a message that is over, in the statement that writes so
    "text = CASE WHEN store_text = 0 THEN '' ELSE text END,"
    " metadata = CASE WHEN store_text = 0 THEN NULL ELSE metadata END"
)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A checked message, ready to be written; names as in the tables.

    Attributes:
        open: claimable although it is held: a farm-wide pause stops claiming as a whole and hides no part.
        charged_key, charged_day: the API key whose day has its cost already; settled at its claim.
        automatic: nobody typed it; ``opted_out`` is the one message that an opt-out does not stop.
        store_text: False: text and metadata go as soon as nothing of it can leave any more.
    """

    recipient: str
    text: str
    message_class: str
    state: MessageState
    encoding: str
    parts_total: int
    rank: int
    reason: Reason | None = None
    next_at: datetime | None = None
    purpose: str | None = None
    pinned: str | None = None
    bound_iccid: str = ""
    send_at: datetime | None = None
    valid_until: datetime | None = None
    reference: str | None = None
    batch_id: int | None = None
    batch_row: int | None = None
    retry_of: int | None = None
    resend_unknown: bool = False
    report: bool = True
    flash: bool = False
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict)
    price: float | None = None
    currency: str | None = None
    open: bool = False
    automatic: str | None = None
    charged_key: str | None = None
    charged_day: datetime | None = None
    store_text: bool = True


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else to_us(moment)


_INSERT = (
    "INSERT INTO messages (recipient, text, class, purpose, state, reason, reason_params, next_at, encoding,"
    " parts_total, iccid, pinned, rank, created_at, send_at, final_at, valid_until, reference, batch_id, batch_row,"
    " retry_of, resend_unknown, report, flash, tags, metadata, price, currency, automatic, charged_key,"
    " charged_key_day, store_text)"
    " VALUES (:recipient, :text, :class, :purpose, :state, :reason, :params, :next_at, :encoding, :parts, :iccid,"
    " :pinned, :rank, :now, :send_at, :final_at, :valid_until, :reference, :batch_id, :batch_row, :retry_of,"
    " :resend_unknown, :report, :flash, :tags, :metadata, :price, :currency, :automatic,"
    " :charged_key, :charged_day, :store_text)"
    " ON CONFLICT (batch_id, batch_row) DO NOTHING"
)
_INSERT_PARTS = (  # of messages that wait, are not held and may leave by any SIM
    "WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < :most)"
    " INSERT INTO parts (message_id, part_number, state, recipient, class, batch_id, bound_iccid, rank, due_at, gate)"
    " SELECT m.id, n.number, 'waiting', m.recipient, m.class, m.batch_id, '', m.rank,"
    " coalesce(m.send_at, m.created_at), 0 FROM messages m JOIN numbers n ON n.number <= m.parts_total"
    " WHERE m.batch_id = :batch AND m.batch_row BETWEEN :first AND :last AND m.state IN ('queued', 'scheduled')"
    " AND m.iccid IS NULL ORDER BY m.batch_row, n.number"
    " ON CONFLICT (message_id, part_number) DO NOTHING"
)


def _columns(new: NewMessage, at: int, batch_id: int | None, batch_row: int | None) -> dict[str, object]:
    """What `_INSERT` binds."""
    gone = not new.store_text and new.state is MessageState.REFUSED
    return {
        "recipient": new.recipient,
        "text": "" if gone else new.text,
        "class": new.message_class,
        "purpose": new.purpose,
        "state": new.state.value,
        "reason": new.reason.slug if new.reason else None,
        "params": json.dumps(dict(new.reason.params), ensure_ascii=False) if new.reason and new.reason.params else None,
        "next_at": _us(new.next_at),
        "encoding": new.encoding,
        "parts": new.parts_total,
        "iccid": None if new.bound_iccid.startswith(NAMED) else new.bound_iccid or None,
        "pinned": new.pinned,
        "rank": new.rank,
        "now": at,
        "send_at": _us(new.send_at),
        "final_at": at if new.state is MessageState.REFUSED else None,
        "valid_until": _us(new.valid_until),
        "reference": new.reference,
        "batch_id": batch_id,
        "batch_row": batch_row,
        "retry_of": new.retry_of,
        "resend_unknown": int(new.resend_unknown),
        "report": int(new.report),
        "flash": int(new.flash),
        "tags": json.dumps(new.tags, ensure_ascii=False) if new.tags else None,
        "metadata": json.dumps(dict(new.metadata), ensure_ascii=False) if new.metadata and not gone else None,
        "price": new.price,
        "currency": new.currency,
        "automatic": new.automatic,
        "charged_key": new.charged_key,
        "charged_day": _us(new.charged_day) if new.charged_key else None,
        "store_text": int(new.store_text),
    }


def insert_rows(tx: Tx, batch_id: int, rows: Sequence[tuple[int, NewMessage]], now: datetime) -> int:
    """Write messages of one batch, by row, with their parts: queued or scheduled ones that may leave by any SIM.

    Returns:
        How many were new; a row that is already there is left as it is.
    """
    tx.tell()
    if not rows:
        return 0
    at = to_us(now)
    new = tx.many(_INSERT, [_columns(message, at, batch_id, row) for row, message in rows])
    tx.run(
        _INSERT_PARTS,
        batch=batch_id,
        first=min(row for row, _ in rows),
        last=max(row for row, _ in rows),
        most=max(message.parts_total for _, message in rows),
    )
    return new


def insert(tx: Tx, new: NewMessage, now: datetime) -> int | None:
    """Write a message with its parts.

    Returns:
        Its id; None when this row of its batch is already there.
    """
    tx.tell()
    at = to_us(now)
    refused = new.state is MessageState.REFUSED
    message_id = tx.value(_INSERT + " RETURNING id", **_columns(new, at, new.batch_id, new.batch_row))
    if message_id is None or refused:
        return None if message_id is None else int(message_id)
    due = _us(new.next_at) or _us(new.send_at) or at
    for number in range(1, new.parts_total + 1):
        tx.run(
            "INSERT INTO parts (message_id, part_number, state, recipient, class, batch_id, bound_iccid, rank, due_at,"
            " gate) VALUES (:message, :number, 'waiting', :recipient, :class, :batch, :iccid, :rank, :due, :gate)",
            **{"class": new.message_class},
            message=message_id,
            number=number,
            recipient=new.recipient,
            batch=new.batch_id,
            iccid=new.bound_iccid,
            rank=new.rank,
            due=due,
            gate=int(new.state is MessageState.HELD and not new.open),
        )
    return int(message_id)


def sender_facts(tx: Tx, message_id: int) -> Row | None:
    """What a message was asked to be, for sending it again; None: no such message."""
    return tx.one(
        "SELECT recipient, text, class, purpose, pinned, rank, reference, report, flash, state, store_text"
        " FROM messages"
        " WHERE id = :id",
        id=message_id,
    )


def state_of(tx: Tx, message_id: int) -> str | None:
    """A message's state; None: there is no such message."""
    state = tx.value("SELECT state FROM messages WHERE id = :id", id=message_id)
    return None if state is None else str(state)


def claim_retry(tx: Tx, message_id: int, states: Sequence[str]) -> bool:
    """Whether a message is in one of `states` and was not sent again yet; who asks beside this waits for the answer."""
    tx.run("UPDATE messages SET state = state WHERE id = :id", id=message_id)
    again = tx.value("SELECT 1 FROM messages WHERE retry_of = :id", id=message_id)
    return again is None and state_of(tx, message_id) in states


def settle_doubt(tx: Tx, message_id: int) -> None:
    """Evidence came about one of its parts: what asked for it is sent again only while another one is unknown."""
    tx.run(
        "UPDATE messages SET resend_at = NULL WHERE id = :id AND resend_at IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM parts WHERE message_id = :id AND state = 'unknown')",
        id=message_id,
    )


def refresh(
    tx: Tx,
    message_id: int,
    now: datetime,
    *,
    reason: str | None = None,
    params: Mapping[str, object] | None = None,
    waits_as: MessageState = MessageState.QUEUED,
    next_at: datetime | None = None,
    only: PartState | None = None,
) -> MessageState:
    """Derive a message's state from its parts and write it.

    Args:
        only: what the network told of its only part, so that it is not sent again for want of that.
        reason: slug to show beside the new state; None clears it. Unknown, and paused between two parts, say so.
        waits_as: what it is called when parts wait and none has left.
        next_at: when it may go on, where it waits.
    """
    if only is not None:
        states = [only]
    else:
        rows = tx.all("SELECT DISTINCT state FROM parts WHERE message_id = :id", id=message_id)
        states = [PartState(row["state"]) for row in rows]
    state = derive(states, waits_as)
    if state is MessageState.UNKNOWN:  # whatever is told of another part, this is what a person has to decide
        reason, params = "unknown", None
    elif reason is None and state is MessageState.SENDING and not ON_THE_AIR.intersection(states):
        reason = _paused(tx, message_id)
    write_state(tx, message_id, state, now, reason=reason, params=params, next_at=next_at, told=only is not None)
    return state


PAUSED = (  # of a row of `messages`: a pause of its class or batch covers it
    "EXISTS (SELECT 1 FROM pauses x WHERE (x.scope = 'class' AND x.value = messages.class)"
    " OR (x.scope = 'batch' AND x.value = CAST(messages.batch_id AS TEXT)))"
)


def _paused(tx: Tx, message_id: int) -> str | None:
    found = tx.value(
        f"SELECT 1 FROM messages WHERE id = :id AND (EXISTS (SELECT 1 FROM pauses WHERE scope = 'all') OR {PAUSED})",  # noqa: S608 # ours
        id=message_id,
    )
    return "paused" if found else None


def write_state(
    tx: Tx,
    message_id: int,
    state: MessageState,
    now: datetime,
    *,
    reason: str | None = None,
    params: Mapping[str, object] | None = None,
    next_at: datetime | None = None,
    told: bool = False,
) -> None:
    """Write a message's state with what follows from it: when it was sent, when it became final; `told`: `refresh`."""
    at = to_us(now)
    final = state.value in FINAL
    sent = state in (MessageState.SENT, MessageState.DELIVERED)
    cleared = f" {CLEARED}," if state.value in OVER else ""
    tx.run(
        f"UPDATE messages SET state = :state,{cleared} reason = :reason, reason_params = :params, next_at = :next_at,"  # noqa: S608 # ours
        " sent_at = CASE WHEN :sent = 1 THEN coalesce(sent_at, :now) ELSE sent_at END,"
        " final_at = CASE WHEN :final = 1 THEN coalesce(final_at, :now)"
        " WHEN :state = 'sent' AND report = 0 THEN :now ELSE NULL END,"
        " resend_at = CASE WHEN :told = 1 THEN NULL ELSE resend_at END"
        " WHERE id = :id",
        id=message_id,
        state=state.value,
        reason=reason,
        params=json.dumps(dict(params), ensure_ascii=False) if params else None,
        next_at=_us(next_at),
        sent=int(sent),
        final=int(final),
        told=int(told),
        now=at,
    )


def has_started(tx: Tx, part_id: int) -> bool:
    """Whether another part of this part's message left, or may have."""
    return bool(
        tx.value(
            "SELECT 1 FROM parts WHERE message_id = (SELECT message_id FROM parts WHERE id = :id) AND id <> :id"
            " AND state IN ('submitting', 'sent', 'delivered', 'undelivered', 'unknown')",
            id=part_id,
        )
    )
