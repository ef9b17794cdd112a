"""API keys: what each may; only digests are kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from modemfarm.store import audit, counters
from modemfarm.store.engine import Tx, from_us, to_us

SCOPES = ("messages:send", "messages:read", "people", "modems", "admin")
_USED_EVERY = timedelta(minutes=10)  # how exact "last used" is; a write per request would cost an fsync


@dataclass(frozen=True, slots=True)
class Key:
    """One API key as a request shows it; `stale` when its "last used" is worth a write.

    Attributes:
        rate: how many requests a minute; None: any number.
        parts_a_day, cost_a_day: what may be taken in with it; the cost in millionths. None: no limit.
        sims: the ICCID, label, number or tag of the only SIMs that its messages go from; None: any.
    """

    id: int
    name: str
    scopes: frozenset[str]
    stale: bool
    parts_a_day: int | None = None
    cost_a_day: int | None = None
    rate: int | None = None
    sims: str | None = None

    @property
    def owner(self) -> str:
        """What its use is counted under."""
        return f"key:{self.id}"


def _digest(secret: str) -> str:
    # 256 random bits cannot be guessed from a plain digest; a slow hash protects short passwords only.
    return hashlib.sha256(secret.encode()).hexdigest()


def create_key(
    tx: Tx,
    name: str,
    scopes: Sequence[str],
    now: datetime,
    parts_a_day: int | None = None,
    cost_a_day: int | None = None,
    who: str = "cli",
    rate: int | None = None,
    sims: str | None = None,
) -> str:
    """Make an API key; the only time that it is seen.

    Args:
        scopes: of SCOPES; none means all.
        parts_a_day, cost_a_day, rate, sims: see `Key`.

    Raises:
        ValueError: an unknown scope; or SIMs for a key that may everything.
    """
    for scope in scopes:
        if scope not in SCOPES:
            raise ValueError(f"{scope!r} is not one of {', '.join(SCOPES)}")
    if sims is not None and (not scopes or "admin" in scopes):
        raise ValueError("a key for some SIMs needs its scopes named, and admin is none of them")
    key = "mf_" + secrets.token_urlsafe(32)
    tx.run(
        "INSERT INTO api_keys (name, hash, scopes, created_at, parts_a_day, cost_a_day, rate, sims)"
        " VALUES (:name, :hash, :scopes, :now, :parts, :cost, :rate, :sims)",
        sims=sims,
        rate=rate,
        parts=parts_a_day,
        cost=cost_a_day,
        name=name,
        hash=_digest(key),
        scopes=" ".join(scopes or SCOPES),
        now=to_us(now),
    )
    audit.note(tx, who, "key.created", now, subject=name, scopes=list(scopes or SCOPES))
    return key


def check_key(tx: Tx, key: str, now: datetime) -> Key | None:
    """Whose key this is; None when it is unknown or revoked. Writes nothing."""
    row = tx.one(
        "SELECT id, name, scopes, used_at, parts_a_day, cost_a_day, rate, sims FROM api_keys WHERE hash = :hash"
        " AND revoked_at IS NULL",
        hash=_digest(key),
    )
    if row is None:
        return None
    stale = row["used_at"] is None or from_us(row["used_at"]) < now - _USED_EVERY
    most = (row["parts_a_day"], row["cost_a_day"], row["rate"], row["sims"])
    return Key(row["id"], row["name"], frozenset(row["scopes"].split()), stale, *most)


def key_used(tx: Tx, key_id: int, now: datetime) -> None:
    """Remember that a key was used."""
    tx.run("UPDATE api_keys SET used_at = :now WHERE id = :id", id=key_id, now=to_us(now))


def list_keys(tx: Tx, day: datetime | None = None) -> list[dict[str, Any]]:
    """Every key ever made, newest first, without its secret.

    Args:
        day: when the day began of which each key's use is told; None: not told.
    """
    rows = tx.all(
        "SELECT id, name, scopes, created_at, used_at, revoked_at, parts_a_day, cost_a_day, rate, sims FROM api_keys"
        " ORDER BY id DESC"
    )
    for row in rows:
        row["scopes"] = row["scopes"].split()
        for field in ("created_at", "used_at", "revoked_at"):
            row[field] = None if row[field] is None else from_us(row[field]).isoformat().replace("+00:00", "Z")
        parts, cost = row.pop("parts_a_day"), row.pop("cost_a_day")
        row["limits"] = {"parts": parts, "cost": None if cost is None else cost / 1e6}
        row["used"] = {"parts": None, "cost": None}
        if day is not None and (parts, cost) != (None, None):
            owner = f"key:{row['id']}"
            row["used"] = {
                "parts": counters.used(tx, owner, "day", day),
                "cost": counters.used(tx, owner, "cost", day) / 1e6,
            }
    return rows


def revoke_key(tx: Tx, name_or_id: str, now: datetime, who: str = "cli") -> int:
    """Switch off a key by its id, or all keys of that name; how many it were."""
    count = tx.run(
        "UPDATE api_keys SET revoked_at = :now WHERE revoked_at IS NULL AND (name = :name OR id = :id)",
        name=name_or_id,
        id=int(name_or_id) if name_or_id.isascii() and name_or_id.isdigit() else -1,
        now=to_us(now),
    )
    if count:
        audit.note(tx, who, "key.revoked", now, subject=name_or_id, keys=count)
    return count


def revoke_key_id(tx: Tx, key_id: int, now: datetime, who: str) -> bool:
    """Switch off one key; False when none of that number works."""
    done = tx.run(
        "UPDATE api_keys SET revoked_at = :now WHERE revoked_at IS NULL AND id = :id", id=key_id, now=to_us(now)
    )
    if done:
        audit.note(tx, who, "key.revoked", now, subject=str(key_id), keys=done)
    return bool(done)
