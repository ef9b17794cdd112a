"""People who were erased: what is left of each is a keyed hash, which still stops messages and imports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from modemfarm.store.engine import Tx, to_us

_PLACE = "person"
_AT_ONCE = 200
_AMONG = "SELECT hash FROM forgotten WHERE hash IN (" + ", ".join(f":h{at}" for at in range(_AT_ONCE)) + ")"  # noqa: S608 # names of binds


def add(tx: Tx, number: str, now: datetime) -> None:
    """Remember nothing of a number but that nothing more goes to it.

    Raises:
        SealError: there is no key, and none can be made.
    """
    tx.run(
        "INSERT INTO forgotten (hash, at) VALUES (:hash, :now) ON CONFLICT (hash) DO NOTHING",
        hash=tx.secret.digest(number, _PLACE),
        now=to_us(now),
    )


def among(tx: Tx, numbers: Sequence[str]) -> set[str]:
    """Those of the numbers that were erased; in a farm that forgot nobody, one short question."""
    if not tx.value("SELECT 1 FROM forgotten LIMIT 1"):
        return set()
    found: set[str] = set()
    for start in range(0, len(numbers), _AT_ONCE):
        hashes = tx.secret.digests(numbers[start : start + _AT_ONCE], _PLACE)
        binds = dict.fromkeys((f"h{at}" for at in range(_AT_ONCE)), next(iter(hashes)))
        binds.update((f"h{at}", one) for at, one in enumerate(hashes))
        found |= {hashes[row["hash"]] for row in tx.all(_AMONG, **binds)}
    return found


def lift(tx: Tx, number: str) -> int:
    """The person may be written to again; 1 where it was erased."""
    if not among(tx, [number]):
        return 0
    return tx.run("DELETE FROM forgotten WHERE hash = :hash", hash=tx.secret.digest(number, _PLACE))


def count(tx: Tx) -> int:
    """How many people were erased."""
    return int(tx.value("SELECT count(*) FROM forgotten") or 0)
