"""What is to be told to whom: changes become signed calls that wait, in order, until they are answered."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from modemfarm.store import locks, shapes, views, webhooks
from modemfarm.store.engine import Row, Tx, from_us, to_us
from modemfarm.store.repeating import TOLD_WITHIN, pause
from modemfarm.store.shapes import Shape, rfc3339

AT_ONCE = 200
KEPT = timedelta(days=7)  # after its end, for a replay


@dataclass(frozen=True, slots=True)
class Call:
    """One call that is due."""

    id: int
    hook_id: int
    event_id: str
    payload: str
    attempts: int
    at: datetime


def fan_out(tx: Tx, now: datetime) -> int:
    """Make calls of some of what was noted; how many changes that were."""
    rows = tx.all("SELECT * FROM webhook_changes ORDER BY id LIMIT :n", n=AT_ONCE)
    if not rows:
        return 0
    listening = [hook for hook in webhooks.hooks(tx) if hook.disabled is None]
    farm = str(tx.value("SELECT value FROM farm WHERE key = 'farm_id'") or "")
    for row in rows:
        kind = webhooks.EVENTS.get(str(row["kind"]), str(row["kind"]))
        wanting = [hook for hook in listening if hook.wants(kind)]
        if wanting:
            key, mark, data = _told(tx, row)
            event_id = _event_id(farm, kind, mark)
            payload = _payload(kind, row["at"], data)
            for hook in wanting:
                _put(tx, hook.id, event_id, kind, key, row["at"], payload, now)
    tx.many("DELETE FROM webhook_changes WHERE id = :id", [{"id": row["id"]} for row in rows])
    return len(rows)


def _put(tx: Tx, hook: int, event_id: str, kind: str, key: str, at: int, payload: str, now: datetime) -> None:
    tx.run(
        "INSERT INTO webhook_outbox (hook_id, event_id, kind, order_key, at, payload, due_at, state)"
        " VALUES (:hook, :event, :kind, :key, :at, :payload, :now, 'waiting')",
        hook=hook,
        event=event_id,
        kind=kind,
        key=key,
        at=at,
        payload=payload,
        now=to_us(now),
    )


def _event_id(farm: str, kind: str, mark: str) -> str:
    return "msg_" + hashlib.sha256(f"{farm}:{kind}:{mark}".encode()).hexdigest()[:32]


def _payload(kind: str, at: int, data: Shape) -> str:
    return json.dumps({"type": kind, "timestamp": rfc3339(at), "data": data}, ensure_ascii=False, separators=(",", ":"))


def _told(tx: Tx, row: Row) -> tuple[str, str, Shape]:
    """In which line it stands, what makes it this event, and what is said."""
    kind, mark = row["kind"], f"{row['at']}:{row['id']}"
    if kind in {"message.received", "call.missed"}:
        inbound_id = shapes.parsed(row["data"])["inbound_id"]
        found = views.inbound_one(tx, inbound_id) or {"id": inbound_id, "from": row["subject"]}
        # the same reply read again after a database was put back is the same event
        words = [found.get(name) for name in ("from", "text", "iccid", "sent_at", "kind")]
        fresh = "" if found.get("sent_at") else mark
        return f"n{row['subject']}", json.dumps([*words, fresh]), found
    if kind.startswith("message."):
        state = kind.partition(".")[2]
        whole = views.message(tx, row["message_id"]) or {"id": row["message_id"], "to": row["subject"]}
        changed = {"state": state, "reason": row["data"] or None}
        if whole.get("reason") != changed["reason"]:
            changed["reason_params"] = None
        return f"m{row['message_id']}", f"{row['message_id']}:{mark}", whole | changed | views.UNSAID
    told = shapes.parsed(row["data"]) or {}
    if kind == "batch.accepted":
        whole = views.batch(tx, int(row["subject"]), errors=100) or {"id": int(row["subject"])}
        return f"b{row['subject']}", f"{row['subject']}:{mark}", whole
    about = {"contact": "number", "sim": "iccid", "modem": "path"}[kind.partition(".")[0]]
    said = {about: row["subject"], **{name: value for name, value in told.items() if name != about or value}}
    if about == "path":
        said["state"] = kind.partition(".")[2]
    return f"{about}:{row['subject']}", f"{row['subject']}:{mark}", said


def test(tx: Tx, hook_id: int, now: datetime) -> str:
    """Have a hook told that this is a test; the event's id."""
    event_id = _event_id("test", str(hook_id), str(to_us(now)))
    payload = _payload(webhooks.TEST, to_us(now), {"webhook": hook_id})
    _put(tx, hook_id, event_id, webhooks.TEST, event_id, to_us(now), payload, now)
    return event_id


def due(tx: Tx, hook_id: int, now: datetime, limit: int) -> list[Call]:
    """Calls whose time has come, none of which waits for an earlier one about the same."""
    found = tx.all(
        "SELECT id, hook_id, event_id, kind, payload, attempts, at FROM webhook_outbox o WHERE hook_id = :hook"
        " AND state = 'waiting' AND due_at <= :now AND NOT EXISTS (SELECT 1 FROM webhook_outbox e WHERE"
        " e.hook_id = o.hook_id AND e.order_key = o.order_key AND e.state = 'waiting' AND e.id < o.id)"
        " ORDER BY due_at, id LIMIT :n",
        hook=hook_id,
        now=to_us(now),
        n=limit,
    )
    return [Call(r["id"], r["hook_id"], r["event_id"], _whole(tx, r), r["attempts"], from_us(r["at"])) for r in found]


def _whole(tx: Tx, row: Row) -> str:
    """A call's payload with what its message says now, where that may be kept: a receiver's log would keep it."""
    payload = str(row["payload"])
    if not row["kind"].startswith("message.") or row["kind"] == "message.received":
        return payload
    told = json.loads(payload)
    said = views.said(tx, told["data"]["id"])
    told["data"] |= said if said.get("store_text") else said | views.UNSAID
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def answered(tx: Tx, call: Call, answer: str, now: datetime) -> None:
    """It was taken."""
    tx.run(
        "UPDATE webhook_outbox SET state = 'done', attempts = attempts + 1, done_at = :now, answer = :answer"
        " WHERE id = :id",
        id=call.id,
        now=to_us(now),
        answer=answer,
    )
    _last(tx, call, answer, now)


def not_answered(tx: Tx, call: Call, answer: str, now: datetime, wait: timedelta | None) -> None:
    """It was not: again later, at `wait` at the soonest, or given up after three days."""
    after = pause(call.attempts, call.event_id, wait)
    over = now + after > call.at + TOLD_WITHIN
    tx.run(
        "UPDATE webhook_outbox SET state = :state, attempts = attempts + 1, due_at = :due, done_at = :done,"
        " answer = :answer WHERE id = :id",
        id=call.id,
        state="failed" if over else "waiting",
        due=to_us(now + after),
        done=to_us(now) if over else None,
        answer=answer,
    )
    _last(tx, call, answer, now)


def _last(tx: Tx, call: Call, answer: str, now: datetime) -> None:
    tx.run(
        "UPDATE webhooks SET last_at = :now, last_answer = :answer WHERE id = :id",
        now=to_us(now),
        answer=answer,
        id=call.hook_id,
    )


def replay(tx: Tx, hook_id: int, since: datetime, now: datetime) -> int:
    """Tell again, under the same ids, what happened since; how many calls."""
    ended = "SELECT id FROM webhook_outbox WHERE hook_id = :hook AND state <> 'waiting' AND at >= :since ORDER BY id"
    return tx.run(
        "UPDATE webhook_outbox SET state = 'waiting', attempts = 0, due_at = :now, done_at = NULL, at = :now"  # noqa: S608 # ours
        f" WHERE id IN ({ended}{locks.taking(tx)})",
        hook=hook_id,
        since=to_us(since),
        now=to_us(now),
    )


def clean(tx: Tx, now: datetime) -> int:
    """Forget what ended long ago."""
    old = f"SELECT id FROM webhook_outbox WHERE done_at < :old ORDER BY done_at LIMIT :n{locks.skipping(tx)}"  # noqa: S608 # ours
    return tx.run(f"DELETE FROM webhook_outbox WHERE id IN ({old})", old=to_us(now - KEPT), n=AT_ONCE)  # noqa: S608 # ours


def is_idle(tx: Tx) -> bool:
    """Whether nobody is to be told anything."""
    return not tx.value("SELECT count(*) FROM webhooks")


def has_changes(tx: Tx) -> bool:
    """Whether something was noted and is no call yet."""
    return tx.value("SELECT min(id) FROM webhook_changes") is not None


LEASE = timedelta(seconds=30)
_LEADER = "webhooks_by"


def lead(tx: Tx, instance: str, now: datetime) -> bool:
    """Whether this daemon is the one of the farm that makes the calls, from now for half a minute."""
    tx.run("INSERT INTO farm (key, value) VALUES (:key, '') ON CONFLICT (key) DO NOTHING", key=_LEADER)
    tx.run("UPDATE farm SET value = value WHERE key = :key", key=_LEADER)  # of two daemons one waits here
    who, _, until = str(tx.value("SELECT value FROM farm WHERE key = :key", key=_LEADER)).partition(" ")
    if who != instance and until and int(until) > to_us(now):
        return False
    tx.run("UPDATE farm SET value = :v WHERE key = :key", key=_LEADER, v=f"{instance} {to_us(now + LEASE)}")
    return True
