"""Kannel's dlr-url: who wants to be called about a message, and the calls that wait until they are answered.

A trigger makes them in the transaction in which a message's state changes. The address goes with the last call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from modemfarm.store import callback_urls, locks
from modemfarm.store.engine import Row, Tx, from_us, to_us
from modemfarm.store.events import record
from modemfarm.store.messages import FINAL
from modemfarm.store.repeating import TOLD_WITHIN, pause
from modemfarm.store.shapes import Terms, parsed
from modemfarm.store.watching import NOW, Watcher

# the bits of dlr-mask, and what %d says
DELIVERED, UNDELIVERED, BUFFERED, SENT, REJECTED = 1, 2, 4, 8, 16
KNOWN = DELIVERED | UNDELIVERED | BUFFERED | SENT | REJECTED
REPORTED = DELIVERED | UNDELIVERED | BUFFERED  # what only a delivery report tells

KEPT = timedelta(days=10)  # after a message's end: later no report is matched any more
AT_ONCE = 200

_ENDS = ", ".join(f"'{state}'" for state in sorted(FINAL))
_ON_ITS_WAY = "'sent', 'delivered', 'undelivered'"
_CODINGS = {"gsm7": "0", "ucs2": "2"}


def _noted(event: str, message: str, at: str, asked: str) -> str:
    of = f"SELECT message_id, {event}, {at}, 0, origin, url, said FROM callbacks WHERE message_id = {message}"  # noqa: S608 # ours
    return f"INSERT INTO callback_calls (message_id, event, at, due_at, origin, url, said) {of} AND {asked}"


def _once(event: int, message: str, when: str = "") -> str:
    return f"UPDATE callbacks SET mask = mask & {KNOWN & ~event} WHERE message_id = {message}{when}"  # noqa: S608 # ours


_END = f"CASE NEW.state WHEN 'delivered' THEN {DELIVERED} WHEN 'undelivered' THEN {UNDELIVERED} ELSE {REJECTED} END"
# Kannel calls about what the network never took also those who asked only for 2
_END_ASKED = (
    f"CASE NEW.state WHEN 'delivered' THEN {DELIVERED} WHEN 'undelivered' THEN {UNDELIVERED}"
    f" ELSE {REJECTED | UNDELIVERED} END"
)
_WATCHER = Watcher(
    "callback_state",
    "AFTER UPDATE OF state",
    "messages",
    f"OLD.state <> NEW.state AND NEW.state IN ('sent', {_ENDS})",
    "; ".join(
        (
            _noted(str(SENT), "NEW.id", NOW, f"NEW.state IN ({_ON_ITS_WAY}) AND (mask & {SENT}) <> 0"),
            _once(SENT, "NEW.id", f" AND NEW.state IN ({_ON_ITS_WAY})"),
            _noted(_END, "NEW.id", NOW, f"NEW.state IN ({_ENDS}) AND (mask & {_END_ASKED}) <> 0"),
            f"DELETE FROM callbacks WHERE message_id = NEW.id AND (NEW.state IN ({_ENDS}) OR NEW.report = 0)",  # noqa: S608 # ours
        )
    ),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a sender wants to be told.

    Attributes:
        mask: the bits that were asked for, one at least.
        said: what %n repeats, by that letter.
    """

    url: str
    mask: int
    said: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Call:
    """One call that is due; `url` is filled."""

    id: int
    message_id: int
    event: int
    origin: str
    url: str
    attempts: int
    at: datetime


def begin(tx: Tx) -> None:
    """Have messages' changes noted: before the first message of a transaction that puts addresses."""
    if not _WATCHER.is_on(tx):
        _WATCHER.switch(tx, on=True)


def put(tx: Tx, wanted: Wanted, message_ids: Sequence[int]) -> None:
    """Keep the address for messages that were just taken in."""
    origin, said = callback_urls.origin(wanted.url), json.dumps(dict(wanted.said), ensure_ascii=False)
    tx.many(
        "INSERT INTO callbacks (message_id, mask, origin, url, said) VALUES (:id, :mask, :origin, :url, :said)",
        [
            {"id": number, "mask": wanted.mask, "origin": origin, "url": wanted.url, "said": said}
            for number in message_ids
        ],
    )


def rejected(tx: Tx, message_id: int, now: datetime) -> None:
    """Policy refused a message beside others that were taken in: its state never changes."""
    at = str(to_us(now))
    tx.run(_noted(str(REJECTED), ":id", at, f"(mask & {REJECTED | UNDELIVERED}) <> 0"), id=message_id)
    tx.run("DELETE FROM callbacks WHERE message_id = :id", id=message_id)


def buffered(tx: Tx, message_id: int, now: datetime) -> None:
    """The network reported that it keeps a part of a message until the phone is there: told once."""
    tx.run(_noted(str(BUFFERED), ":id", str(to_us(now)), f"(mask & {BUFFERED}) <> 0"), id=message_id)
    tx.run(_once(BUFFERED, ":id"), id=message_id)


def watch(tx: Tx, *, wanted: bool) -> None:
    """At a daemon's start: have changes noted while addresses may be called or one still waits for its message."""
    if wanted or _WATCHER.is_on(tx):
        _WATCHER.switch(tx, on=False)  # on a server nobody takes in a message meanwhile
        if wanted or tx.value("SELECT 1 FROM callbacks LIMIT 1"):
            _WATCHER.switch(tx, on=True)


def is_idle(tx: Tx) -> bool:
    """Whether no call waits."""
    return tx.value("SELECT 1 FROM callback_calls LIMIT 1") is None


def origins(tx: Tx, now: datetime) -> list[str]:
    """Of what addresses calls are due."""
    rows = tx.all("SELECT DISTINCT origin FROM callback_calls WHERE due_at <= :now ORDER BY origin", now=to_us(now))
    return [row["origin"] for row in rows]


def due(tx: Tx, origin: str, now: datetime, limit: int, terms: Terms) -> list[Call]:
    """Calls whose time has come, none of which waits for an earlier one about the same message."""
    found = tx.all(
        "SELECT c.id, c.message_id, c.event, c.at, c.origin, c.url, c.said, c.attempts, m.recipient,"
        " CASE WHEN m.store_text = 0 THEN '' ELSE m.text END AS text,"
        " CASE WHEN m.store_text = 0 THEN NULL ELSE m.metadata END AS metadata,"
        " m.encoding, m.state, m.reason, m.iccid, s.label, s.number FROM callback_calls c"
        " JOIN messages m ON m.id = c.message_id LEFT JOIN sims s ON s.iccid = m.iccid"
        " WHERE c.origin = :origin AND c.due_at <= :now AND NOT EXISTS (SELECT 1 FROM callback_calls e"
        " WHERE e.message_id = c.message_id AND e.id < c.id) ORDER BY c.due_at, c.id LIMIT :n",
        origin=origin,
        now=to_us(now),
        n=limit,
    )
    return [_call(row, terms) for row in found]


def _call(row: Row, terms: Terms) -> Call:
    url = callback_urls.filled(row["url"], _values(row, terms))
    return Call(row["id"], row["message_id"], row["event"], row["origin"], url, row["attempts"], from_us(row["at"]))


def _values(row: Row, terms: Terms) -> dict[str, str]:
    """What each escape stands for; a report comes from the person that the message went to, as in Kannel."""
    sim, at = terms.sims.get(row["iccid"]), from_us(row["at"])
    own = (sim and sim.number) or row["number"] or ""
    metadata = parsed(row["metadata"])
    return {
        **dict.fromkeys(callback_urls.FILLED, ""),
        **json.loads(row["said"]),
        "o": str(metadata.get("account", "")),
        "B": str(metadata.get("binfo", "")),
        "a": row["text"],
        "A": _reply(row),
        "C": "UTF-8",
        "c": _CODINGS.get(row["encoding"], "0"),
        "d": str(row["event"]),
        "F": str(row["message_id"]),
        "i": (sim and sim.label) or row["label"] or row["iccid"] or "",
        "I": str(row["message_id"]),
        "p": row["recipient"],
        "P": own,
        "q": row["recipient"],
        "Q": own,
        "t": f"{at:%Y-%m-%d+%H:%M:%S}",
        "T": str(int(at.timestamp())),
    }


def _reply(row: Row) -> str:
    """In words what came of it, as Kannel begins them."""
    said = {
        SENT: "ACK/",
        REJECTED: f"NACK/{row['reason'] or row['state']}",
        BUFFERED: "buffered",
        UNDELIVERED: row["reason"] or "undelivered",
        DELIVERED: "delivered",
    }
    return str(said[row["event"]])


def answered(tx: Tx, call: Call) -> None:
    """It was taken: nothing is kept of it."""
    tx.run("DELETE FROM callback_calls WHERE id = :id", id=call.id)


def not_answered(tx: Tx, call: Call, what: str, now: datetime, wait: timedelta | None) -> bool:
    """It was not: again later, at `wait` at the soonest; False: it was given up, after three days, and why is kept."""
    after = pause(call.attempts, f"callback {call.id}", wait)
    if now + after > call.at + TOLD_WITHIN:
        answered(tx, call)
        _lost(tx, call, what, now)
        return False
    tx.run(
        "UPDATE callback_calls SET attempts = attempts + 1, due_at = :due WHERE id = :id",
        id=call.id,
        due=to_us(now + after),
    )
    return True


def unwanted(tx: Tx, call: Call, what: str, now: datetime) -> None:
    """Its receiver wants to hear nothing more about this message."""
    gone(tx, [call.message_id])
    _lost(tx, call, what, now)


def _lost(tx: Tx, call: Call, what: str, now: datetime) -> None:
    record(tx, "callback.lost", now, message_id=call.message_id, origin=call.origin, what=what)


def gone(tx: Tx, message_ids: Sequence[int]) -> None:
    """Forget whom to call about messages, and the calls that wait."""
    ids = [{"id": number} for number in message_ids]
    tx.many("DELETE FROM callbacks WHERE message_id = :id", ids)
    tx.many("DELETE FROM callback_calls WHERE message_id = :id", ids)


def clean(tx: Tx, now: datetime) -> int:
    """Forget addresses of messages that ended long ago without the report that was waited for; how many."""
    ended = "EXISTS (SELECT 1 FROM messages m WHERE m.id = callbacks.message_id AND m.final_at < :old)"
    old = f"SELECT message_id FROM callbacks WHERE {ended} ORDER BY message_id LIMIT :n{locks.skipping(tx)}"  # noqa: S608 # ours
    return tx.run(f"DELETE FROM callbacks WHERE message_id IN ({old})", old=to_us(now - KEPT), n=AT_ONCE)  # noqa: S608 # ours
