"""Idempotency-Key: the same key and body gives the first answer again, another body is refused.

The header's meaning follows the IETF httpapi draft "The Idempotency-Key HTTP Header Field".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from modemfarm.store.engine import Tx, from_us, to_us
from modemfarm.store.sealing import Secret

KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Fresh:
    """This request is the first with its key; `finish` must follow, in this transaction or a later one."""


@dataclass(frozen=True, slots=True)
class Open:
    """The key was begun then and has no answer yet: it is running, or its process died."""

    since: datetime


@dataclass(frozen=True, slots=True)
class Replay:
    """The first answer."""

    status: int
    answer: str


@dataclass(frozen=True, slots=True)
class OtherBody:
    """The key stands for another request."""


def blinded(secret: Secret, digest: str) -> str:
    """A digest for which, without the key file, nobody can try all texts of a kind, such as one-time passwords.

    Raises:
        SealError: the key file cannot be read.
    """
    return secret.digest(digest, "request")


def begin(
    tx: Tx, key: str, scope: str, body_hash: str, now: datetime, sender: str | None = None
) -> Fresh | Open | Replay | OtherBody:
    """Take a key, or say what it stands for.

    Args:
        scope: whose key it is and for which route; the same word of two senders does not collide.
        sender: how all scopes of this sender begin: the key stands for one body on all of them.
    """
    tx.run(
        "DELETE FROM idempotency WHERE key = :key AND scope = :scope AND created_at < :old",
        key=key,
        scope=scope,
        old=to_us(now - KEPT),
    )
    if sender is not None and tx.value(
        "SELECT 1 FROM idempotency WHERE key = :key AND scope <> :scope AND substr(scope, 1, :n) = :sender"
        " AND body_hash <> :body_hash AND created_at >= :old",
        key=key,
        scope=scope,
        sender=sender,
        n=len(sender),
        body_hash=body_hash,
        old=to_us(now - KEPT),
    ):
        return OtherBody()
    taken = tx.run(
        "INSERT INTO idempotency (key, scope, body_hash, created_at) VALUES (:key, :scope, :body_hash, :now)"
        " ON CONFLICT (key, scope) DO NOTHING",
        key=key,
        scope=scope,
        body_hash=body_hash,
        now=to_us(now),
    )
    if taken:
        return Fresh()
    row = tx.one("SELECT * FROM idempotency WHERE key = :key AND scope = :scope", key=key, scope=scope)
    if row is None or row["body_hash"] != body_hash:
        return OtherBody()
    if row["status"] is None:
        return Open(from_us(row["created_at"]))
    return Replay(row["status"], row["answer"])


def is_known(tx: Tx, key: str, scope: str, now: datetime) -> bool:
    """Whether a key stands for something already."""
    return bool(
        tx.value(
            "SELECT 1 FROM idempotency WHERE key = :key AND scope = :scope AND created_at >= :old",
            key=key,
            scope=scope,
            old=to_us(now - KEPT),
        )
    )


def finish(tx: Tx, key: str, scope: str, status: int, answer: str) -> None:
    """Keep the answer that the key stands for from now on."""
    tx.run(
        "UPDATE idempotency SET status = :status, answer = :answer WHERE key = :key AND scope = :scope",
        key=key,
        scope=scope,
        status=status,
        answer=answer,
    )


def drop(tx: Tx, key: str, scope: str) -> None:
    """Forget a key whose request came to nothing, so that it can be tried again."""
    tx.run("DELETE FROM idempotency WHERE key = :key AND scope = :scope AND status IS NULL", key=key, scope=scope)


def prune(tx: Tx, now: datetime) -> int:
    """Delete the keys that are past their time; how many it were."""
    return tx.run("DELETE FROM idempotency WHERE created_at < :old", old=to_us(now - KEPT))
