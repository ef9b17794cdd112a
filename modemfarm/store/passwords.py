"""Passwords (scrypt) and the one-time codes of an authenticator app (TOTP, RFC 6238)."""

from __future__ import annotations

import base64
import hmac
import secrets
import struct
import unicodedata
from datetime import datetime
from urllib.parse import quote, urlencode

LEAST = 10  # characters of a password
MOST = 256
STEP_S = 30
_DIGITS = 6
_SECRET_OCTETS = 20  # RFC 4226 §4: 160 bits
_SKEW = 1  # steps that a phone's clock may be off
# what a name that nobody has is checked against, so that it takes as long as a name that somebody has
_NOBODY = "scrypt:32768:8:1$nobody$" + "0" * 128


class WeakPasswordError(ValueError):
    """A password that is not taken.

    Attributes:
        code: ``short``, ``long``, ``name`` (the user's name is most of it) or ``same`` (one character, repeated).
    """

    def __init__(self, code: str) -> None:
        super().__init__(
            {
                "short": f"a password has at least {LEAST} characters",
                "long": f"a password has at most {MOST} characters",
                "name": "a password is not the user's name",
                "same": "a password has more than three different characters",
            }[code]
        )
        self.code = code


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)  # two keyboards may type one word in two ways


def hashed(password: str, name: str) -> str:
    """What is kept of a password; takes 50 ms and 32 MiB.

    Raises:
        WeakPasswordError
    """
    # werkzeug is loaded where a password is: most commands need none
    from werkzeug.security import generate_password_hash  # noqa: PLC0415

    word = _normal(password)
    if len(word) < LEAST:
        raise WeakPasswordError("short")
    if len(word) > MOST:
        raise WeakPasswordError("long")
    if name.casefold() in word.casefold() and len(word) <= len(name) + 6:
        raise WeakPasswordError("name")
    if len(set(word)) < 4:
        raise WeakPasswordError("same")
    return generate_password_hash(word, "scrypt")


def fits(password: str, kept: str | None) -> bool:
    """Whether it is that password; with none kept it takes as long and is not."""
    from werkzeug.security import check_password_hash  # noqa: PLC0415 # as above

    if len(password) > 4 * MOST:
        password = ""
    return check_password_hash(kept or _NOBODY, _normal(password)) and kept is not None


def new_secret() -> str:
    """A secret for an authenticator app, in Base32."""
    return base64.b32encode(secrets.token_bytes(_SECRET_OCTETS)).decode()


def code_at(secret: str, step: int, digits: int = _DIGITS) -> str:
    """The code of one step of 30 s.

    Source: RFC 6238 §4; RFC 4226 §5.3.
    """
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", step), "sha1")
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_of(secret: str, code: str, now: datetime, after: int | None = None) -> int | None:
    """The step whose code this is, from the last to the next one; None: it is none of theirs.

    Args:
        after: the last step that was taken: it and earlier ones are spent (RFC 6238 §5.2).
    """
    typed = unicodedata.normalize("NFKC", code).replace(" ", "").encode()
    here = int(now.timestamp()) // STEP_S
    found = None
    for step in range(here - _SKEW, here + _SKEW + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), typed) and (after is None or step > after):
            found = step
    return found


def uri(secret: str, name: str, farm: str) -> str:
    """What the QR code for an authenticator app holds."""
    label = quote(f"{farm}:{name}", safe="")
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': farm}, quote_via=quote)}"
