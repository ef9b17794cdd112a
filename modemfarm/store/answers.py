"""Messages that nobody typed: the one confirmation of an opt-out, the one question, help."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from modemfarm.gsm.splitting import measure
from modemfarm.model import MessageClass, MessageState, Reason
from modemfarm.policy.answering import Kind
from modemfarm.store import actions, messages, queue
from modemfarm.store.engine import Tx, to_us

FIRST_RANK, LAST_RANK = 0, 9


@dataclass(frozen=True, slots=True)
class Answer:
    """One of them.

    Attributes:
        iccid: the SIM that it leaves from; None: any.
        opens_at: when it may leave; None: at once, before everything else.
    """

    number: str
    kind: Kind
    text: str
    valid_until: datetime
    iccid: str | None = None
    opens_at: datetime | None = None
    message_class: MessageClass = MessageClass.TRANSACTIONAL


def say(tx: Tx, answer: Answer, now: datetime) -> int:
    """Put one into the queue; its id."""
    layout = measure(answer.text)
    paused = actions.is_paused(tx, answer.message_class, None)
    waits = paused or actions.is_farm_paused(tx)
    later = answer.opens_at if answer.opens_at is not None and answer.opens_at > now else None
    state = MessageState.QUEUED if later is None else MessageState.SCHEDULED
    message_id = messages.insert(
        tx,
        messages.NewMessage(
            recipient=answer.number,
            text=answer.text,
            message_class=answer.message_class.value,
            state=MessageState.HELD if waits else state,
            reason=Reason("paused") if waits else None,
            open=not paused,
            encoding=layout.encoding.value,
            parts_total=layout.parts,
            rank=FIRST_RANK if answer.opens_at is None else LAST_RANK,
            pinned=answer.iccid,
            bound_iccid=queue.home(tx, answer.iccid),
            send_at=later,
            next_at=None if waits else later,
            valid_until=answer.valid_until,
            automatic=answer.kind,
        ),
        now,
    )
    assert message_id is not None  # it is no row of a batch
    return message_id


def answered(tx: Tx, number: str, kind: str | None, since: datetime) -> int:
    """How many automatic answers (of one kind) went to a number since then."""
    return int(
        tx.value(
            "SELECT count(*) FROM messages WHERE recipient = :number AND automatic IS NOT NULL"
            " AND (automatic = :kind OR :kind = '') AND created_at >= :since",
            number=number,
            kind=kind or "",
            since=to_us(since),
        )
    )


def is_own(tx: Tx, number: str) -> bool:
    """Whether a number is that of one of our SIMs."""
    return bool(tx.value("SELECT 1 FROM sims WHERE number = :number LIMIT 1", number=number))


def text_of(tx: Tx, message_id: int | None) -> str:
    """What a message of ours said, as far as that may be kept; nothing for none."""
    return str(tx.value("SELECT text FROM messages WHERE id = :id AND store_text = 1", id=message_id) or "")
