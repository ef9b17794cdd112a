"""Who is told what happens, and the database's own triggers that note it in the transaction in which it happens."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from modemfarm.store import audit, locks
from modemfarm.store.addresses import ForbiddenError, Network, refuse_literal
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.sealing import Secret
from modemfarm.store.shapes import Shape, rfc3339
from modemfarm.store.watching import NOW, Watcher

TYPES = (
    "message.sent",
    "message.delivered",
    "message.undelivered",
    "message.failed",
    "message.expired",
    "message.canceled",
    "message.refused",
    "message.held",
    "message.unknown",
    "message.received",
    "batch.finished",
    "contact.opted_out",
    "contact.opted_in",
    "sim.parked",
    "sim.paused",
    "sim.quota_reached",
    "sim.low_balance",
    "modem.offline",
    "modem.online",
)
TEST = "webhook.test"
CONFIGURED, ADDED = "config", "added"
PREFIX = "whsec_"
MOST = 20

# the rows of `events` that are told, and as what
EVENTS = {
    "message.received": "message.received",
    "call.missed": "message.received",
    "batch.accepted": "batch.finished",
    "contact.opted_out": "contact.opted_out",
    "contact.opted_in": "contact.opted_in",
    "sim.parked": "sim.parked",
    "sim.paused": "sim.paused",
    "sim.asked": "sim.quota_reached",
    "sim.low_balance": "sim.low_balance",
    "modem.gone": "modem.offline",
    "modem.needs_you": "modem.offline",
    "modem.working": "modem.online",
}


def _listed(words: Sequence[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


_STATES = _listed([kind.partition(".")[2] for kind in TYPES if kind.startswith("message.") and "received" not in kind])
_TOLD = f"NEW.state IN ({_STATES}) AND coalesce(NEW.reason, '') <> 'plan_minute'"  # a label that comes and goes
_BORN = "NEW.state IN ('refused', 'held')"
_KINDS = f"NEW.kind IN ({_listed(list(EVENTS))})"
_NOTED = "INSERT INTO webhook_changes (at, kind, message_id, subject, data)"
# A queue of a hundred thousand may wait for the same again and again: see `labels.told_held`.
_STATE = (
    f"{_NOTED} SELECT {NOW}, 'message.' || NEW.state, NEW.id, NEW.recipient, coalesce(NEW.reason, '')"  # noqa: S608 # ours
    " WHERE NEW.state <> 'held' OR NOT EXISTS (SELECT 1 FROM events e WHERE e.message_id = NEW.id"
    " AND e.kind = 'message.held' AND e.data = '{\"reason\":\"' || coalesce(NEW.reason, '') || '\"}')"
)
_EVENT = f"{_NOTED} VALUES (NEW.at, NEW.kind, NEW.message_id, NEW.subject, NEW.data)"
_WATCHERS = (
    Watcher("webhook_state", "AFTER UPDATE OF state", "messages", f"OLD.state <> NEW.state AND {_TOLD}", _STATE),
    Watcher("webhook_born", "AFTER INSERT", "messages", f"{_BORN} AND {_TOLD}", _STATE),
    Watcher("webhook_event", "AFTER INSERT", "events", _KINDS, _EVENT),
)


def watch(tx: Tx, *, on: bool) -> None:
    """Have the database note what happens, or no longer.

    A message's state changes in a dozen statements, many of them over thousands of rows: one place notes them all,
    inside the transaction that makes them, and costs nothing where nobody is to be told.
    """
    for watcher in _WATCHERS:
        watcher.switch(tx, on=on)


@dataclass(frozen=True, slots=True)
class Hook:
    """One address that is told.

    Attributes:
        sealed: its secret, closed; None where config.yaml has it.
        events: types; none: all of them.
    """

    id: int
    url: str
    sealed: str | None
    events: tuple[str, ...]
    source: str
    disabled: str | None

    def wants(self, kind: str) -> bool:
        """Whether it is told of events of this type."""
        return not self.events or kind in self.events


def _hook(row: Row) -> Hook:
    return Hook(row["id"], row["url"], row["sealed"], tuple(json.loads(row["events"])), row["source"], row["disabled"])


def hooks(tx: Tx) -> list[Hook]:
    """All of them, by id."""
    return [_hook(row) for row in tx.all("SELECT * FROM webhooks ORDER BY id")]


def one(tx: Tx, hook_id: int) -> Hook | None:
    """One of them."""
    row = tx.one("SELECT * FROM webhooks WHERE id = :id", id=hook_id)
    return None if row is None else _hook(row)


class TooManyError(ValueError):
    """There are as many webhooks as there may be."""


class UnfitError(ValueError):
    """A webhook that cannot be.

    Attributes:
        member: of the body: a JSON pointer.
        code: a slug of the sentences `fault.…`.
        params: what fills that sentence.
    """

    def __init__(self, member: str, code: str, what: str, **params: str) -> None:
        super().__init__(what)
        self.member, self.code, self.params = member, code, params


def add(tx: Tx, url: str, events: Sequence[str], now: datetime, *, source: str = ADDED, who: str = "cli") -> int:
    """A new row.

    Raises:
        ValueError: an unknown type, or there are too many already.
    """
    check_events(events)
    if int(tx.value("SELECT count(*) FROM webhooks") or 0) >= MOST:
        raise TooManyError(f"there are {MOST} webhooks already")
    hook_id = tx.value(
        "INSERT INTO webhooks (url, events, source, created_at) VALUES (:url, :events, :source, :now) RETURNING id",
        url=url,
        events=json.dumps(list(events)),
        source=source,
        now=to_us(now),
    )
    watch(tx, on=True)
    # paths and queries of addresses often hold a secret
    audit.note(tx, who, "webhook.added", now, subject=str(hook_id), host=urlsplit(url).hostname)
    return int(hook_id)


def check_events(events: Sequence[str]) -> None:
    """Raises UnfitError: one of them is no type."""
    for at, kind in enumerate(events):
        if kind not in TYPES:
            known = ", ".join(TYPES)
            what = f"{kind!r} is not one of {known}"
            raise UnfitError(f"/events/{at}", "webhook_event", what, event=kind, known=known)


def enter(
    tx: Tx,
    farm: Secret,
    url: str,
    events: Sequence[str],
    secret: str,
    now: datetime,
    *,
    who: str = "cli",
    networks: Sequence[Network] = (),
) -> int:
    """Somebody adds an address: its id.

    Args:
        networks: private ones in which it may be.

    Raises:
        UnfitError: the address, a type or the secret is none, or the address would never be called.
        TooManyError: there are too many already.
        SealError: the secret cannot be sealed.
    """
    try:
        check_url(url)
        refuse_literal(url, networks)
    except ForbiddenError as error:
        raise UnfitError("/url", "private_address", str(error), host=error.host, ip=error.ip) from None
    except ValueError as error:
        raise UnfitError("/url", "webhook_url", str(error)) from None
    try:
        key_of(secret)
    except ValueError as error:
        raise UnfitError("/secret", "webhook_secret", str(error)) from None
    hook_id = add(tx, url, events, now, who=who)
    sealed = farm.seal(secret, place(hook_id))
    tx.run("UPDATE webhooks SET sealed = :sealed WHERE id = :id", sealed=sealed, id=hook_id)
    return hook_id


def check_url(url: str) -> None:
    """Raises ValueError: it is no address that could be called."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected an http:// or https:// address")
    if parts.username is not None or parts.password is not None or any(not char.isprintable() for char in url):
        raise ValueError("expected an address without user and password")
    _ = parts.port  # raises ValueError


def new_secret() -> str:
    """A secret nobody else has."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The key in a secret, as Standard Webhooks writes it.

    Raises:
        ValueError: it is none.
    """
    told = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(told + "=" * (-len(told) % 4), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(PREFIX) or not key:
        raise ValueError(f"a secret is {PREFIX} and base64")
    return key


def place(hook_id: int) -> str:
    """Where its secret is sealed for."""
    return f"webhook:{hook_id}"


def remove(tx: Tx, hook_id: int, now: datetime, who: str = "cli") -> bool:
    """Forget an address and what it was not told yet; False: there is none."""
    calls = f"SELECT id FROM webhook_outbox WHERE hook_id = :id ORDER BY id{locks.taking(tx)}"  # noqa: S608 # ours
    tx.run(f"DELETE FROM webhook_outbox WHERE id IN ({calls})", id=hook_id)  # noqa: S608 # ours
    gone = tx.run("DELETE FROM webhooks WHERE id = :id", id=hook_id)
    if gone and not tx.value("SELECT count(*) FROM webhooks"):
        watch(tx, on=False)
    if gone:
        audit.note(tx, who, "webhook.removed", now, subject=str(hook_id))
    return bool(gone)


def disable(tx: Tx, hook_id: int, why: str) -> None:
    """It is told nothing more until it is enabled."""
    tx.run("UPDATE webhooks SET disabled = :why WHERE id = :id AND disabled IS NULL", why=why, id=hook_id)


def enable(tx: Tx, hook_id: int, now: datetime, who: str = "cli") -> bool:
    """It is told again, beginning with what waits; False: there is none."""
    calls = f"SELECT id FROM webhook_outbox WHERE hook_id = :id AND state = 'waiting' ORDER BY id{locks.taking(tx)}"  # noqa: S608 # ours
    tx.run(f"UPDATE webhook_outbox SET due_at = :now WHERE id IN ({calls})", now=to_us(now), id=hook_id)  # noqa: S608 # ours
    done = bool(tx.run("UPDATE webhooks SET disabled = NULL WHERE id = :id", id=hook_id))
    if done:
        audit.note(tx, who, "webhook.enabled", now, subject=str(hook_id))
    return done


def configure(tx: Tx, wanted: Sequence[tuple[str, Sequence[str]]], now: datetime) -> dict[str, int]:
    """Bring the rows of config.yaml's webhooks up to date; their ids by address.

    Raises:
        ValueError: an unknown type.
    """
    known = {hook.url: hook for hook in hooks(tx) if hook.source == CONFIGURED}
    for url in known.keys() - {url for url, _ in wanted}:
        remove(tx, known[url].id, now, "config.yaml")
    ids = {}
    for url, events in wanted:
        check_events(events)
        if url in known:
            ids[url] = known[url].id
            tx.run("UPDATE webhooks SET events = :e WHERE id = :id", e=json.dumps(list(events)), id=ids[url])
        else:
            ids[url] = add(tx, url, events, now, source=CONFIGURED, who="config.yaml")
    if hooks(tx):
        watch(tx, on=True)
    return ids


def document(tx: Tx) -> list[Shape]:
    """All addresses as the API and the CLI show them, without secrets."""
    waiting = {
        row["hook_id"]: row["n"]
        for row in tx.all("SELECT hook_id, count(*) AS n FROM webhook_outbox WHERE state = 'waiting' GROUP BY hook_id")
    }
    return [
        {
            "id": row["id"],
            "url": row["url"],
            "events": json.loads(row["events"]) or list(TYPES),
            "source": row["source"],
            "enabled": row["disabled"] is None,
            "disabled": row["disabled"],
            "created_at": rfc3339(row["created_at"]),
            "waiting": waiting.get(row["id"], 0),
            "last_at": rfc3339(row["last_at"]),
            "last_answer": row["last_answer"],
        }
        for row in tx.all("SELECT * FROM webhooks ORDER BY id")
    ]
