"""How often a key may ask, and how often an address may guess one; kept in this process."""

from __future__ import annotations

import hashlib
import math
import threading
from dataclasses import dataclass
from datetime import datetime

GUESSES = 20  # unknown keys that an address may show, each a new one, in a row, and in a minute
_MOST = 10_000  # addresses, or keys, that are remembered


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of asking for a token.

    Attributes:
        wait_s: 0, or the seconds until there is one.
        left: whole tokens that are left.
        full_s: seconds until none is missing.
    """

    wait_s: float
    left: int
    full_s: int

    def headers(self, per_minute: int) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-10 tells it."""
        return {
            "RateLimit-Policy": f'"key";q={per_minute};w=60',
            "RateLimit": f'"key";r={self.left};t={self.full_s}',
        }


class Buckets:
    """Tokens that refill with time: who has none left waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, datetime]] = {}
        self._known: dict[str, None] = {}
        self._wrong: dict[str, None] = {}

    def take(self, who: str, per_minute: int, now: datetime) -> Taken:
        """Take a token, of which a minute's worth may be saved up."""
        with self._lock:
            left, at = self._left.get(who, (float(per_minute), now))
            left = min(float(per_minute), left + max(0.0, (now - at).total_seconds()) * per_minute / 60)
            wait_s = 0.0 if left >= 1 else (1 - left) * 60 / per_minute
            left -= left >= 1
            self._left.pop(who, None)  # the newest last
            self._left[who] = (left, now)
            if len(self._left) > _MOST:
                del self._left[next(iter(self._left))]
        return Taken(wait_s, int(left), math.ceil((per_minute - left) * 60 / per_minute))

    def may_guess(self, peer: str, secret: str, now: datetime) -> float:
        """Seconds until an address may show this key; one that worked or was wrong there before is free."""
        name = _name(peer, secret)
        if name in self._known or name in self._wrong:
            return 0.0
        return self.take(f"guess {peer}", GUESSES, now).wait_s

    def wrong(self, peer: str, secret: str) -> None:
        """The key was wrong: shown again from there, as a script with a revoked one does, it is no new guess."""
        with self._lock:
            _remember(self._wrong, _name(peer, secret))

    def known(self, peer: str, secret: str) -> None:
        """The key was right: it cost nothing, and the address may show it again."""
        name = _name(peer, secret)
        with self._lock:
            if name in self._known:
                return
            self._wrong.pop(name, None)
            _remember(self._known, name)
            if (found := self._left.get(f"guess {peer}")) is not None:
                self._left[f"guess {peer}"] = (found[0] + 1, found[1])


def _remember(names: dict[str, None], name: str) -> None:
    names[name] = None
    if len(names) > _MOST:
        del names[next(iter(names))]


def _name(peer: str, secret: str) -> str:
    return f"{peer} {hashlib.sha256(secret.encode()).hexdigest()}"
