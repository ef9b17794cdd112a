"""How often a key may ask, and how often an address may guess one; kept in this process."""

from __future__ import annotations

import hashlib
import threading
from datetime import datetime

GUESSES = 20  # unknown keys that an address may show, each a new one, in a row, and in a minute
_MOST = 10_000  # addresses, or keys, that are remembered


class Buckets:
    """Tokens that refill with time: who has none left waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, datetime]] = {}
        self._known: dict[str, None] = {}
        self._wrong: dict[str, None] = {}

    def take(self, who: str, per_minute: int, now: datetime) -> float:
        """Take a token, of which a minute's worth may be saved up.

        Returns:
            0, or the seconds until there are enough.
        """
        with self._lock:
            left, at = self._left.get(who, (float(per_minute), now))
            left = min(float(per_minute), left + max(0.0, (now - at).total_seconds()) * per_minute / 60)
            enough = left >= 1
            self._left.pop(who, None)  # the newest last
            self._left[who] = (left - 1 if enough else left, now)
            if len(self._left) > _MOST:
                del self._left[next(iter(self._left))]
            return 0.0 if enough else (1 - left) * 60 / per_minute

    def may_guess(self, peer: str, secret: str, now: datetime) -> float:
        """Seconds until an address may show this key; one that worked or was wrong there before is free."""
        name = _name(peer, secret)
        if name in self._known or name in self._wrong:
            return 0.0
        return self.take(f"guess {peer}", GUESSES, now)

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
