"""A waiting message under a person's pen: is anything of it gone, and its rows written anew."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from modemfarm.model import LEFT, MessageState, PartState
from modemfarm.store import locks
from modemfarm.store.charging import refund
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.labels import OURS
from modemfarm.store.messages import CLEARED, FINAL, NAMED, OVER, NewMessage
from modemfarm.store.queue import give_back


@dataclass(frozen=True, slots=True)
class Open:
    """A message and its parts, as they stand in this transaction; `open`: nothing of it has left."""

    row: Row
    parts: list[Row]
    open: bool


def take_open(tx: Tx, message_id: int, now: datetime) -> Open | None:
    """Take a message away from whoever has claimed it and not reached Ctrl-Z; None: there is no such message."""
    tx.run("UPDATE messages SET state = state WHERE id = :id", id=message_id)  # a claim beside this one waits
    found = _read(tx, message_id)
    if found is None or not found.open:
        return found
    for part in found.parts:
        if part["state"] == PartState.CLAIMED:
            give_back(tx, part["id"], part["attempt_id"], now)
    return _read(tx, message_id)


def _read(tx: Tx, message_id: int) -> Open | None:
    row = tx.one("SELECT * FROM messages WHERE id = :id", id=message_id)
    if row is None:
        return None
    parts = tx.all("SELECT * FROM parts WHERE message_id = :id ORDER BY part_number", id=message_id)
    left = row["resent"] > 0 or any(PartState(part["state"]) in LEFT for part in parts)
    return Open(row, parts, open=not left and row["state"] not in FINAL)


def keep_text(tx: Tx, message_id: int, *, keep: bool) -> bool | None:
    """Say whether a message's text stays once it is not needed any more; where that is so already, it goes at once.

    Returns:
        None: there is no such message; False: the text that shall stay is gone.
    """
    row = tx.one("SELECT state, text FROM messages WHERE id = :id" + locks.taking(tx), id=message_id)  # noqa: S608 # ours
    if row is None:
        return None
    if keep and not row["text"]:
        return False
    tx.run("UPDATE messages SET store_text = :keep WHERE id = :id", keep=int(keep), id=message_id)
    if row["state"] in OVER:
        tx.run(f"UPDATE messages SET {CLEARED} WHERE id = :id", id=message_id)  # noqa: S608 # ours
    return True


def rewrite(tx: Tx, found: Open, new: NewMessage, now: datetime, *, moved: bool, pinned: bool) -> None:
    """Write a message's new content over the old one, and its parts as many as it now has.

    Args:
        moved: its time or its class is another: it is called anew. Else it goes on waiting for what it waited for.
        pinned: so is the SIM that it is for.
    """
    row, first = found.row, found.parts[0]
    held = row["state"] == MessageState.HELD and (row["reason"] not in OURS or row["reason_params"])
    anew = moved and not held  # what somebody else holds stays so
    due = first["due_at"]
    if moved:
        due = max(to_us(new.send_at or now), due if held else 0)
    gate = int(new.state is MessageState.HELD and not new.open) if anew else first["gate"]
    bound = new.bound_iccid if pinned else first["bound_iccid"]
    recut = new.text != row["text"]
    tx.run(
        "UPDATE messages SET text = :text, class = :class, encoding = :encoding, parts_total = :parts, rank = :rank,"
        " send_at = :send_at, valid_until = :valid_until, reference = :reference, pinned = :pinned, tags = :tags,"
        " metadata = :metadata, store_text = :store_text, iccid = :iccid,"
        " concat_ref = CASE WHEN :recut = 1 THEN NULL ELSE concat_ref END,"
        " state = :state, reason = :reason, reason_params = :params, next_at = :next_at WHERE id = :id",
        **{"class": new.message_class},
        id=row["id"],
        text=new.text,
        encoding=new.encoding,
        parts=new.parts_total,
        rank=new.rank,
        send_at=(None if new.send_at is None else to_us(new.send_at)) if moved else row["send_at"],
        valid_until=None if new.valid_until is None else to_us(new.valid_until),
        reference=new.reference,
        pinned=new.pinned,
        tags=json.dumps(new.tags, ensure_ascii=False) if new.tags else None,
        metadata=json.dumps(dict(new.metadata), ensure_ascii=False) if new.metadata else None,
        store_text=int(new.store_text),
        iccid=(None if not bound or bound.startswith(NAMED) else bound) if pinned else row["iccid"],
        recut=int(recut),
        state=new.state.value if anew else row["state"],
        reason=(new.reason.slug if new.reason else None) if anew else row["reason"],
        params=None if anew else row["reason_params"],
        next_at=(None if new.next_at is None else to_us(new.next_at)) if anew else row["next_at"],
    )
    binds = {
        "message": row["id"],
        "recipient": row["recipient"],
        "class": new.message_class,
        "batch": row["batch_id"],
        "iccid": bound,
        "rank": new.rank,
        "due": due,
        "gate": gate,
    }
    if not recut:
        tx.run(
            "UPDATE parts SET class = :class, bound_iccid = :iccid, rank = :rank, due_at = :due, gate = :gate"
            " WHERE message_id = :message AND state = 'waiting'",
            **{name: binds[name] for name in ("class", "iccid", "rank", "due", "gate", "message")},
        )
        return
    for part in found.parts:  # not written over: a claim that has read the old text must find nothing to claim
        refund(tx, part["id"])
        tx.run("DELETE FROM parts WHERE id = :id", id=part["id"])
    for number in range(1, new.parts_total + 1):
        tx.run(
            "INSERT INTO parts (message_id, part_number, state, recipient, class, batch_id, bound_iccid, rank, due_at,"
            " gate) VALUES (:message, :number, 'waiting', :recipient, :class, :batch, :iccid, :rank, :due, :gate)",
            **binds,
            number=number,
        )
