"""What a person or another program does to messages that are already here: cancel, resolve, pause, resume."""

from __future__ import annotations

from datetime import datetime

from modemfarm.model import MessageState, SimState
from modemfarm.store import counters, gates, locks
from modemfarm.store.charging import refund
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.events import record
from modemfarm.store.messages import refresh
from modemfarm.store.shapes import Terms
from modemfarm.store.sims import set_state

ANSWERS = ("go_on", "pause")  # to the question whether a SIM shall write to still more people this month


def cancel(tx: Tx, message_id: int, now: datetime, *, who: str = "", reason: str = "canceled") -> MessageState | None:
    """Take a message back. What has started to leave goes on to its end; only an opt-out stops that.

    Returns:
        The state after it: `canceled` when it worked; None when there is no such message.
    """
    row = tx.one("SELECT state FROM messages WHERE id = :id" + locks.taking(tx), id=message_id)  # noqa: S608 # our own words
    if row is None:
        return None
    left = tx.value(
        "SELECT count(*) FROM parts WHERE message_id = :id"
        " AND state IN ('submitting', 'sent', 'delivered', 'undelivered', 'unknown')",
        id=message_id,
    )
    state = MessageState(row["state"])
    if left or state.value in ("failed", "expired", "canceled", "refused"):
        return state
    for part in tx.all(
        "SELECT id FROM parts WHERE message_id = :id AND state IN ('waiting', 'claimed')", id=message_id
    ):
        refund(tx, part["id"])
        tx.run("UPDATE parts SET state = 'canceled' WHERE id = :id", id=part["id"])
    state = refresh(tx, message_id, now, reason=reason)
    record(tx, "message.canceled", now, message_id=message_id, reason=reason, who=who)
    return state


def resolve(tx: Tx, message_id: int, sent: bool, now: datetime, *, who: str = "") -> MessageState | None:
    """A person's word on a message whose fate nobody could tell: its unknown parts become sent or failed.

    Returns:
        The state after it (unchanged when nothing was unknown), or None when there is no such message.
    """
    row = tx.one("SELECT state FROM messages WHERE id = :id" + locks.taking(tx), id=message_id)  # noqa: S608 # our own words
    if row is None:
        return None
    word = "sent" if sent else "failed"
    moved = tx.run(
        "UPDATE parts SET state = :word, sent_at = CASE WHEN :word = 'sent' THEN coalesce(sent_at, ctrl_z_at,"
        " submitting_at) ELSE sent_at END WHERE message_id = :id AND state = 'unknown'",
        word=word,
        id=message_id,
    )
    if not moved:
        return MessageState(row["state"])
    tx.run("UPDATE messages SET resolved = :word, resend_at = NULL WHERE id = :id", word=word, id=message_id)
    state = refresh(tx, message_id, now, reason="resolved")
    record(tx, "message.resolved", now, message_id=message_id, word=word, who=who)
    return state


def pause(tx: Tx, scope: str, value: str, now: datetime, *, who: str = "") -> bool:
    """Stop new sends: farm-wide (`all`), of a class or of a batch. Effective before the next Ctrl-Z.

    What waits is hidden in chunks: the first here, the others by `gates.follow`.

    Returns:
        False when it was paused already.
    """
    added = tx.run(
        "INSERT INTO pauses (scope, value, since, who) VALUES (:scope, :value, :now, :who) ON CONFLICT DO NOTHING",
        scope=scope,
        value=value,
        now=to_us(now),
        who=who,
    )
    if added:
        if scope == "all":
            gates.say_of_started(tx, paused=True)
        else:
            gates.begin(tx, scope, value, now)
        record(tx, "farm.paused", now, subject=value, scope=scope, who=who)
    return bool(added)


def resume(tx: Tx, scope: str, value: str, now: datetime, *, who: str = "") -> bool:
    """Lift a pause; False when there was none."""
    lifted = tx.run("DELETE FROM pauses WHERE scope = :scope AND value = :value", scope=scope, value=value)
    if lifted:
        tx.tell()
        if scope == "all":
            gates.say_of_started(tx, paused=False)
        else:
            gates.begin(tx, scope, value, now)
        record(tx, "farm.resumed", now, subject=value, scope=scope, who=who)
    return bool(lifted)


def is_paused(tx: Tx, message_class: str, batch_id: int | None) -> bool:
    """Whether a pause of its class or batch stands against a new message."""
    return bool(
        tx.value(
            "SELECT 1 FROM pauses WHERE (scope = 'class' AND value = :class) OR (scope = 'batch' AND value = :batch)",
            **{"class": message_class},
            batch="" if batch_id is None else str(batch_id),
        )
    )


def is_farm_paused(tx: Tx) -> bool:
    """Whether sending is paused as a whole."""
    return bool(tx.value("SELECT 1 FROM pauses WHERE scope = 'all'"))


def pauses(tx: Tx) -> list[Row]:
    """What is paused: rows of scope, value, since, who."""
    return tx.all("SELECT scope, value, since, who FROM pauses ORDER BY since")


def sim_pause(tx: Tx, iccid: str, now: datetime) -> bool:
    """A person pauses one SIM; False: no such SIM."""
    return set_state(tx, iccid, SimState.PAUSED, now, reason="paused_by_you")


def sim_answer(tx: Tx, iccid: str, terms: Terms, word: str, now: datetime) -> bool:
    """A person answers whether a SIM shall go on writing to more people this month; False: no such SIM.

    Args:
        word: of ANSWERS.
    """
    row = tx.one("SELECT * FROM sims WHERE iccid = :iccid", iccid=iccid)
    if row is None:
        return False
    counters.answer(tx, terms.owner(row), counters.month_start(terms.plan(row), now), word, now)
    record(tx, "sim.answered", now, subject=iccid, answer=word)
    return sim_pause(tx, iccid, now) if word == "pause" else True


def sim_resume(tx: Tx, iccid: str, now: datetime, *, cause: str = "") -> bool:
    """Let a paused or parked SIM send again, with what was held for it; False: no such SIM.

    What was held goes in chunks: the first here, the others by `gates.follow`.

    Args:
        cause: what was seen; "" where a person says so.
    """
    if tx.value("SELECT 1 FROM sims WHERE iccid = :iccid", iccid=iccid) is None:
        return False
    gates.begin(tx, "sim", iccid, now)  # its messages before its own row, as whoever settles what it sent
    return set_state(tx, iccid, SimState.ACTIVE, now, cause=cause)


def expire(tx: Tx, now: datetime, most: int = 500) -> int:
    """End messages whose validity ran out before anything of them left; how many."""
    rows = tx.all(
        "SELECT id FROM messages WHERE final_at IS NULL AND valid_until IS NOT NULL AND valid_until <= :now"  # noqa: S608 # our own words
        " AND state IN ('scheduled', 'held', 'queued') ORDER BY valid_until LIMIT :n" + locks.skipping(tx),
        now=to_us(now),
        n=most,
    )
    for row in rows:
        for part in tx.all("SELECT id FROM parts WHERE message_id = :id AND state = 'waiting'", id=row["id"]):
            refund(tx, part["id"])
            tx.run("UPDATE parts SET state = 'expired' WHERE id = :id AND state = 'waiting'", id=part["id"])
        refresh(tx, row["id"], now, reason="validity_expired")
        record(tx, "message.expired", now, message_id=row["id"], reason="validity_expired")
    return len(rows)


def close_unreported(tx: Tx, now: datetime, grace_us: int = 3_600_000_000, most: int = 500) -> int:
    """Make `sent` final where no report came until an hour after the validity ended; how many."""
    return tx.run(
        "UPDATE messages SET final_at = :now, reason = 'no_report' WHERE id IN (SELECT id FROM messages"  # noqa: S608 # our own words
        " WHERE state = 'sent' AND final_at IS NULL AND report = 1 AND valid_until IS NOT NULL"
        f" AND valid_until < :before ORDER BY valid_until LIMIT :n{locks.skipping(tx)})",
        now=to_us(now),
        before=to_us(now) - grace_us,
        n=most,
    )


def resend_unknown(tx: Tx, now: datetime, most: int = 100) -> int:
    """Send again what its sender asked to be sent again when nobody knows, at most twice a message; how many parts."""
    rows = tx.all(
        "SELECT id, resent FROM messages WHERE resend_at IS NOT NULL AND resend_at <= :now ORDER BY resend_at LIMIT :n"  # noqa: S608 # our own words
        + locks.skipping(tx),
        now=to_us(now),
        n=most,
    )
    count = 0
    for row in rows:
        moved = tx.run(
            # its first charge stays: that part may have left
            "UPDATE parts SET state = 'waiting', attempt_id = NULL, submitting_at = NULL, charged_to = NULL,"
            " charged_day = NULL, charged_month = NULL, farm_day = NULL, farm_cost = NULL"
            " WHERE message_id = :id AND state = 'unknown'"
            " AND EXISTS (SELECT 1 FROM messages WHERE id = :id AND (valid_until IS NULL OR valid_until > :now))",
            id=row["id"],
            now=to_us(now),
        )
        tx.run("UPDATE messages SET resend_at = NULL, resent = resent + 1 WHERE id = :id", id=row["id"])
        if moved:
            refresh(tx, row["id"], now)
            record(tx, "message.resending", now, message_id=row["id"], parts=moved)
        count += moved
    return count
