"""Hides waiting parts from claims while a pause covers them, and shows what is let go, a chunk to a transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from modemfarm.store import locks, releasing
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.messages import PAUSED

if TYPE_CHECKING:
    from modemfarm.store.queue import Candidate

CHUNK = 250  # parts that one transaction hides or shows
LOOKED_AT = 2000  # parts that it reads to find them
_START = ["", -2, 0, 0]  # before everything in the order of claims
_KEY = "gates:"  # in the table `farm`: the scopes whose parts are not through yet, and how far each came

_BETWEEN = (  # of a row of `messages`: it is started, and none of its parts is on the air
    "(state = 'sending' AND reason IS NULL AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.message_id = messages.id"
    " AND p.state IN ('claimed', 'submitting')))"
)


def begin(tx: Tx, scope: str, value: str, now: datetime) -> None:
    """The pauses of this scope changed: its parts follow, the first ones at once, the others by `follow`.

    So does what a SIM (``sim``), a restored database (``restored``) or the rules (``offers``) held and that is let go.
    """
    tx.run(
        "INSERT INTO farm (key, value) VALUES (:key, '[]') ON CONFLICT (key) DO UPDATE SET value = '[]'",
        key=f"{_KEY}{scope}:{value}",
    )
    _follow(tx, f"{_KEY}{scope}:{value}", [], now)


def follow(tx: Tx, now: datetime) -> bool:
    """Hide or show one chunk more of what is not through; False: all is, or somebody else is at it.

    Killed in the middle, it goes on where it was. Until a part is hidden the dispatcher and step 3 keep it back. Like
    `begin` it has the scope before the scope's messages: of two who are at one scope one would else wait for the other.
    """
    row = tx.one(f"SELECT key, value FROM farm WHERE key LIKE '{_KEY}%' ORDER BY key LIMIT 1{locks.skipping(tx)}")  # noqa: S608 # ours
    if row is None:
        return False
    _follow(tx, row["key"], json.loads(row["value"]), now)
    return True


def hide(tx: Tx, parts: Collection[int], messages: Collection[int]) -> None:
    """Hide these waiting parts and say of their messages that they are paused; started ones go on being `sending`."""
    locks.messages(tx, messages)
    tx.many(
        "UPDATE parts SET gate = 1 WHERE id = :id AND state = 'waiting' AND gate = 0",
        [{"id": part_id} for part_id in parts],
    )
    tx.many(
        "UPDATE messages SET state = CASE WHEN state = 'sending' THEN 'sending' ELSE 'held' END, reason = 'paused',"  # noqa: S608 # our own words
        " reason_params = NULL, next_at = NULL WHERE id = :id AND (state = 'queued' OR (state = 'held' AND reason IN"
        " ('plan_minute', 'plan_hour', 'plan_day', 'plan_month', 'plan_recipients', 'ceiling_parts', 'ceiling_cost'))"
        f" OR {_BETWEEN})",
        [{"id": message_id} for message_id in messages],
    )


def say_of_started(tx: Tx, *, paused: bool) -> None:
    """A pause of everything begins or ends, which hides no part: say so of what is between two parts."""
    if paused:
        free = f"SELECT id FROM messages WHERE {_BETWEEN} ORDER BY id{locks.skipping(tx)}"  # noqa: S608 # our own words
        tx.run(f"UPDATE messages SET reason = 'paused' WHERE id IN ({free})")  # noqa: S608 # our own words
    else:
        free = f"SELECT id FROM messages WHERE state = 'sending' AND reason = 'paused' AND NOT {PAUSED} ORDER BY id"  # noqa: S608 # ours
        tx.run(f"UPDATE messages SET reason = NULL WHERE id IN ({free}{locks.skipping(tx)})")  # noqa: S608 # our own words


def sift(tx: Tx, parts: list[Candidate], pauses: Collection[tuple[str, str]]) -> list[Candidate]:
    """Those at the head of the queue that no pause covers; the others are hidden, so that what follows is seen."""
    paused = {part.part_id: part for part in parts if covers(pauses, part.message_class, part.batch_id)}
    if not paused:
        return parts
    hide(tx, paused, {part.message_id for part in paused.values()})
    return [part for part in parts if part.part_id not in paused]


def covers(pauses: Collection[tuple[str, str]], message_class: str, batch_id: int | None) -> bool:
    """Whether a pause of its class or batch stands against a part."""
    return ("class", message_class) in pauses or (batch_id is not None and ("batch", str(batch_id)) in pauses)


def _follow(tx: Tx, key: str, reached: list[object], now: datetime) -> None:
    _, scope, value = key.split(":", 2)
    pauses = frozenset((row["scope"], row["value"]) for row in tx.all("SELECT scope, value FROM pauses"))
    if scope == "sim":
        some = releasing.of_sim(tx, value, reached, now)
    elif scope == "restored":
        some = releasing.restored(tx, reached, now)
    elif scope == "offers":
        some = releasing.offers(tx, reached, now)
    else:
        some = _hide_some(tx, scope, value, reached) if (scope, value) in pauses else _show_some(tx, key, reached, now)
    if some is None:
        tx.run("DELETE FROM farm WHERE key = :key", key=key)
    else:
        tx.run("UPDATE farm SET value = :value WHERE key = :key", key=key, value=json.dumps(some))


def _mine(rows: Sequence[Row], scope: str, value: str) -> tuple[list[Row], Row | None]:
    """The first rows of a scope, and the last row that was looked at; None: that was the last of all."""
    column = "class" if scope == "class" else "batch_id"
    found: list[Row] = []
    for row in rows:
        if str(row[column]) == value:
            found.append(row)
            if len(found) == CHUNK:
                return found, row
    return found, rows[-1] if len(rows) == LOOKED_AT else None


def _hide_some(tx: Tx, scope: str, value: str, reached: list[object]) -> list[object] | None:
    bound, rank, due, part_id = reached if len(reached) == len(_START) else _START
    rows = tx.all(
        "SELECT id, message_id, class, batch_id, bound_iccid, rank, due_at FROM parts WHERE state = 'waiting'"
        " AND gate = 0 AND (bound_iccid, rank, due_at, id) > (:bound, :rank, :due, :id)"
        " ORDER BY bound_iccid, rank, due_at, id LIMIT :n",
        bound=bound,
        rank=rank,
        due=due,
        id=part_id,
        n=LOOKED_AT,
    )
    found, last = _mine(rows, scope, value)
    hide(tx, [row["id"] for row in found], {row["message_id"] for row in found})
    return None if last is None else [last["bound_iccid"], last["rank"], last["due_at"], last["id"]]


def _show_some(tx: Tx, key: str, reached: list[object], now: datetime) -> list[object] | None:
    """Show what no pause covers any more, but for what is held for a person."""
    _, scope, value = key.split(":", 2)
    rows = tx.all(
        "SELECT p.id, p.message_id, p.class, p.batch_id, m.state, m.reason, m.next_at FROM parts p"
        " JOIN messages m ON m.id = p.message_id WHERE p.state = 'waiting' AND p.gate = 1 AND p.id > :after"
        " ORDER BY p.id LIMIT :n",
        after=reached[0] if len(reached) == 1 else 0,
        n=LOOKED_AT,
    )
    found, last = _mine(rows, scope, value)
    pauses = frozenset((row["scope"], row["value"]) for row in tx.all("SELECT scope, value FROM pauses"))
    free = [
        row
        for row in found
        if not covers(pauses, row["class"], row["batch_id"])
        and not (row["state"] == "held" and row["reason"] != "paused" and row["next_at"] is None)
    ]
    locks.messages(tx, {row["message_id"] for row in free})
    tx.many("UPDATE parts SET gate = 0 WHERE id = :id AND state = 'waiting'", [{"id": row["id"]} for row in free])
    tx.many(
        "UPDATE messages SET state = CASE WHEN state = 'sending' THEN 'sending' WHEN send_at > :now THEN 'scheduled'"
        " ELSE 'queued' END, reason = NULL, next_at = CASE WHEN state = 'held' AND send_at > :now THEN send_at END"
        " WHERE id = :id AND state IN ('held', 'sending') AND reason = 'paused'",
        [{"id": message_id, "now": to_us(now)} for message_id in {row["message_id"] for row in free}],
    )
    return None if last is None else [last["id"]]
