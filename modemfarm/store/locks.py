"""Who waits for whom where several hosts write to one PostgreSQL; SQLite has one writer, and nothing here waits there.

The order, everywhere: person, message, part, what an owner has used, the row of a person's last exchange, the end of
the ledger of consents. Who holds one waits only for what comes after it, and of several of one sort takes them in
ascending order. What cannot follow that order asks without waiting and leaves what it does not get for later: so do
claims and everything done in bulk. A SIM's own row comes behind its messages; the row of a scope that is paused, or
let go, before them (gates.py). Rows of other tables are taken by ascending id.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from modemfarm.model import digits_key

if TYPE_CHECKING:
    from modemfarm.store.engine import Tx


@functools.lru_cache(maxsize=4096)
def _key(what: str) -> int:
    """A number for an advisory lock: two names that share one only wait for each other needlessly."""
    return int.from_bytes(hashlib.blake2b(what.encode(), digest_size=8).digest(), "big", signed=True)


def _person(number: str) -> int:
    return _key(f"person:{digits_key(number)}")


def person(tx: Tx, number: str, *, shared: bool = False) -> None:
    """Wait for a person, by the last significant digits of the number: alone, or `shared` with others who only ask."""
    if not tx.sqlite:
        tx.run(f"SELECT pg_advisory_xact_lock{'_shared' * shared}(:key)", key=_person(number))


def people(tx: Tx, numbers: Iterable[str]) -> None:
    """Wait for several people alone."""
    if tx.sqlite:
        return
    wanted = sorted({_person(number) for number in numbers})
    if wanted:
        tx.run("SELECT pg_advisory_xact_lock(key) FROM unnest(:keys) AS key", keys=wanted)


def person_of(tx: Tx, part_id: int) -> None:
    """Wait for a refusal of a part's recipient that is being written: what is asked next sees it."""
    if not tx.sqlite:
        number = tx.value("SELECT recipient FROM parts WHERE id = :id", id=part_id)
        if number is not None:
            person(tx, number, shared=True)


def try_person(tx: Tx, number: str) -> bool:
    """The same without waiting; False: somebody else has this person."""
    return tx.sqlite or bool(tx.value("SELECT pg_try_advisory_xact_lock(:key)", key=_person(number)))


def ledger(tx: Tx) -> None:
    """Wait for the end of the ledger of consents: each row is chained to the one before it."""
    if not tx.sqlite:
        tx.run("SELECT pg_advisory_xact_lock(:key)", key=_key("ledger"))


def message(tx: Tx, message_id: int) -> None:
    """Wait for a message."""
    if not tx.sqlite:
        tx.run("SELECT 1 FROM messages WHERE id = :id FOR UPDATE", id=message_id)


def try_message(tx: Tx, message_id: int) -> bool:
    """The same without waiting; False: somebody else has it."""
    return tx.sqlite or bool(tx.value("SELECT 1 FROM messages WHERE id = :id FOR UPDATE SKIP LOCKED", id=message_id))


def message_of(tx: Tx, part_id: int) -> None:
    """Wait for the message of a part."""
    if not tx.sqlite:
        tx.run("SELECT 1 FROM messages WHERE id = (SELECT message_id FROM parts WHERE id = :id) FOR UPDATE", id=part_id)


def messages(tx: Tx, ids: Collection[int], *, skip: bool = False) -> list[int]:
    """Wait for several messages.

    Args:
        skip: do not wait.

    Returns:
        Those that are ours now, ascending.
    """
    wanted = sorted(set(ids))
    if tx.sqlite or not wanted:
        return wanted
    rows = tx.all(
        f"SELECT id FROM messages WHERE id = ANY(:ids) ORDER BY id FOR UPDATE{' SKIP LOCKED' * skip}",  # noqa: S608 # ours
        ids=wanted,
    )
    return [row["id"] for row in rows]


def skipping(tx: Tx, *tables: str) -> str:
    """The end of a SELECT that takes the rows which it reads, and leaves out those that somebody else has."""
    if tx.sqlite:
        return ""
    return f" FOR UPDATE{' OF ' + ', '.join(tables) if tables else ''} SKIP LOCKED"


def taking(tx: Tx, *tables: str) -> str:
    """The end of a SELECT that waits for the rows which it reads."""
    if tx.sqlite:
        return ""
    return f" FOR UPDATE{' OF ' + ', '.join(tables) if tables else ''}"


def owners(tx: Tx, names: Iterable[str]) -> None:
    """Wait until nobody else charges these owners."""
    if tx.sqlite:
        return
    wanted = sorted(_key(f"owner:{name}") for name in set(names) - tx.owners)
    if wanted:
        tx.run("SELECT pg_advisory_xact_lock(key) FROM unnest(:keys) AS key", keys=wanted)
        tx.owners |= set(names)


def try_owners(tx: Tx, names: Iterable[str]) -> bool:
    """The same without waiting; False: somebody else has one of them."""
    if tx.sqlite:
        return True
    for name in sorted(set(names) - tx.owners):
        if not tx.value("SELECT pg_try_advisory_xact_lock(:key)", key=_key(f"owner:{name}")):
            return False
        tx.owners.add(name)
    return True
