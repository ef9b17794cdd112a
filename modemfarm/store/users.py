"""People with a name and a password of their own, and what each may do."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modemfarm.store.engine import Tx, to_us
from modemfarm.store.shapes import rfc3339

ROLES = ("viewer", "operator", "admin")  # each may what those before it may
_NAME = re.compile(r"[\w.@+-]{1,64}")


@dataclass(frozen=True, slots=True)
class User:
    """One person.

    Attributes:
        password: what is kept of it (see `passwords`); None: none was set yet.
        totp: the sealed secret of the authenticator app; None: none is asked for.
        totp_step: the last step whose code was taken.
    """

    id: int
    name: str
    role: str
    password: str | None
    totp: str | None
    totp_step: int | None

    @property
    def place(self) -> str:
        """What its secret is sealed for."""
        return f"totp:{self.id}"


def normal_name(raw: str) -> str:
    """How a name is kept, however it was typed.

    Raises:
        ValueError: it is none.
    """
    name = unicodedata.normalize("NFKC", raw).strip().casefold()
    if not _NAME.fullmatch(name):
        raise ValueError("a user's name has 1 to 64 letters, digits or . _ - + @")
    return name


def add(tx: Tx, name: str, role: str, now: datetime, password: str | None = None) -> int | None:
    """A new user's id; None when there is one of that name.

    Args:
        name: as `normal_name` gives it.
        password: as `passwords.hashed` gives it.
    """
    return _int(
        tx.value(
            "INSERT INTO users (name, role, password, created_at) VALUES (:name, :role, :password, :now)"
            " ON CONFLICT (name) DO NOTHING RETURNING id",
            name=name,
            role=role,
            password=password,
            now=to_us(now),
        )
    )


def _int(value: Any) -> int | None:
    return None if value is None else int(value)


def find(tx: Tx, name: str) -> User | None:
    """The user of that name."""
    row = tx.one("SELECT id, name, role, password, totp, totp_step FROM users WHERE name = :name", name=name)
    return None if row is None else User(**row)


def listed(tx: Tx) -> list[dict[str, Any]]:
    """Everybody, by name, without secrets."""
    rows = tx.all(
        "SELECT u.id, u.name, u.role, u.password IS NOT NULL AS password, u.totp IS NOT NULL AS totp, u.created_at,"
        " (SELECT max(l.created_at) FROM logins l WHERE l.user_id = u.id AND l.kind = 'session') AS login_at"
        " FROM users u ORDER BY u.name"
    )
    for row in rows:
        row["password"], row["totp"] = bool(row["password"]), bool(row["totp"])
        row["created_at"], row["login_at"] = rfc3339(row["created_at"]), rfc3339(row["login_at"])
    return rows


def remove(tx: Tx, name: str) -> bool:
    """Remove a user, with links and sessions."""
    user = find(tx, name)
    if user is None:
        return False
    tx.run("DELETE FROM users WHERE id = :id", id=user.id)
    tx.run("DELETE FROM logins WHERE user_id = :id", id=user.id)
    return True


def set_role(tx: Tx, name: str, role: str) -> bool:
    """Give a user another role, at once."""
    return bool(tx.run("UPDATE users SET role = :role WHERE name = :name", role=role, name=name))


def set_password(tx: Tx, user_id: int, password: str) -> None:
    """Keep another password; whoever came with the old one is logged out, open links end."""
    tx.run("UPDATE users SET password = :password WHERE id = :id", password=password, id=user_id)
    tx.run("DELETE FROM logins WHERE user_id = :id", id=user_id)


def forget_password(tx: Tx, user_id: int) -> None:
    """Let nobody in by the old password; who comes by a link for this user sets the next one."""
    tx.run("UPDATE users SET password = NULL WHERE id = :id", id=user_id)
    tx.run("DELETE FROM logins WHERE user_id = :id", id=user_id)


def set_totp(tx: Tx, user_id: int, sealed: str | None) -> None:
    """Ask for codes of an authenticator app from now on, or no more."""
    tx.run("UPDATE users SET totp = :sealed, totp_step = NULL WHERE id = :id", sealed=sealed, id=user_id)


def spend_step(tx: Tx, user_id: int, step: int) -> bool:
    """Take a code once; False when this step, or a later one, was taken already."""
    return bool(
        tx.run(
            "UPDATE users SET totp_step = :step WHERE id = :id AND (totp_step IS NULL OR totp_step < :step)",
            step=step,
            id=user_id,
        )
    )
