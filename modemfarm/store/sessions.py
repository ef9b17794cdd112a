"""One-time login links and the sessions that they, or a password, open; only digests are kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from modemfarm.store import locks
from modemfarm.store.engine import Tx, from_us, to_us

LINK_LIVES = timedelta(hours=1)
SESSION_LIVES = timedelta(days=30)
IDLE = timedelta(days=7)  # a session that nobody used so long is over
_SEEN_EVERY = timedelta(minutes=10)  # how exact "last seen" is; a write per request would cost an fsync


@dataclass(frozen=True, slots=True)
class Session:
    """A person at the page; `stale` when its "last seen" is worth a write.

    Attributes:
        user_id, name: whose; None and "" where it came by a link for no user.
    """

    role: str
    expires_at: datetime
    user_id: int | None = None
    name: str = ""
    stale: bool = False


def _digest(secret: str) -> str:
    # 256 random bits cannot be guessed from a plain digest; a slow hash protects short passwords only.
    return hashlib.sha256(secret.encode()).hexdigest()


def create_login(tx: Tx, role: str, now: datetime, user_id: int | None = None) -> str:
    """The secret of a login link that works once, within the hour."""
    return _create(tx, "link", role, now, LINK_LIVES, user_id)


def use_login(tx: Tx, token: str, now: datetime, old: str = "") -> str | None:
    """Spend a login link; the secret of the session it opens, or None when it is spent, old or unknown.

    Args:
        old: the session that it takes the place of.
    """
    row = tx.one(
        "UPDATE logins SET used_at = :now"
        " WHERE hash = :hash AND kind = 'link' AND used_at IS NULL AND expires_at > :now RETURNING role, user_id",
        hash=_digest(token),
        now=to_us(now),
    )
    if row is None:
        return None
    return open_session(tx, row["role"], now, row["user_id"], old)


def open_session(tx: Tx, role: str, now: datetime, user_id: int | None = None, old: str = "") -> str:
    """The secret of a new session; the old one of that browser ends, and what is long over is swept away."""
    over = f"SELECT hash FROM logins WHERE expires_at < :now{locks.skipping(tx)}"  # noqa: S608 # ours
    tx.run(f"DELETE FROM logins WHERE hash IN ({over})", now=to_us(now - timedelta(days=1)))  # noqa: S608 # ours
    end_session(tx, old)
    return _create(tx, "session", role, now, SESSION_LIVES, user_id)


def _create(tx: Tx, kind: str, role: str, now: datetime, lives: timedelta, user_id: int | None) -> str:
    token = secrets.token_urlsafe(32)
    tx.run(
        "INSERT INTO logins (hash, kind, role, created_at, expires_at, user_id, seen_at)"
        " VALUES (:hash, :kind, :role, :now, :expires_at, :user_id, :now)",
        hash=_digest(token),
        kind=kind,
        role=role,
        now=to_us(now),
        expires_at=to_us(now + lives),
        user_id=user_id,
    )
    return token


def check_session(tx: Tx, token: str, now: datetime) -> Session | None:
    """Whose session this is, with the role that its user has now; None when it is over or unknown."""
    row = tx.one(
        "SELECT coalesce(u.role, l.role) AS role, l.expires_at, l.user_id, u.name, coalesce(l.seen_at, l.created_at)"
        " AS seen_at FROM logins l LEFT JOIN users u ON u.id = l.user_id WHERE l.hash = :hash AND l.kind = 'session'"
        " AND l.expires_at > :now AND coalesce(l.seen_at, l.created_at) > :idle",
        hash=_digest(token),
        now=to_us(now),
        idle=to_us(now - IDLE),
    )
    if row is None:
        return None
    stale = from_us(row["seen_at"]) < now - _SEEN_EVERY
    return Session(row["role"], from_us(row["expires_at"]), row["user_id"], row["name"] or "", stale)


def seen(tx: Tx, token: str, now: datetime) -> None:
    """Remember that a session was used."""
    tx.run("UPDATE logins SET seen_at = :now WHERE hash = :hash", hash=_digest(token), now=to_us(now))


def end_session(tx: Tx, token: str) -> None:
    """Log out."""
    tx.run("DELETE FROM logins WHERE hash = :hash AND kind = 'session'", hash=_digest(token))


def end_sessions(tx: Tx, user_id: int | None) -> int:
    """Log a user out everywhere, or all who came by links for no user; how many sessions it were.

    Open links end too.
    """
    which = "user_id IS NULL" if user_id is None else "user_id = :id"
    binds = {} if user_id is None else {"id": user_id}
    tx.run(f"DELETE FROM logins WHERE kind = 'link' AND {which}", **binds)  # noqa: S608 # words of ours
    return tx.run(f"DELETE FROM logins WHERE kind = 'session' AND {which}", **binds)  # noqa: S608 # the same


def end_all(tx: Tx) -> int:
    """Log everybody out and end every open link; how many sessions it were."""
    count = tx.run("DELETE FROM logins WHERE kind = 'session'")
    tx.run("DELETE FROM logins")
    return count
