"""Who agreed to which offers: what a row of the ledger proves, and whether a ledger is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

GENERAL = "marketing"  # the purpose that stands for every other one
METHODS = ("web", "paper", "sms_keyword", "counter", "phone", "import")
KNOWN_METHODS = METHODS[:-1]  # `import` tells where a row came from, not how somebody agreed


def record_hash(salt: str, record: Mapping[str, Any]) -> str:
    """The salted digest of one record, written so that its keys' order does not matter."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()


def link(before: str, digest: str) -> str:
    """The chain's next value; "" stands before the first."""
    return hashlib.sha256(f"{before}{digest}".encode()).hexdigest()


def faults(rows: Iterable[Mapping[str, Any]], head: str | None = None) -> list[str]:
    """What is wrong with a ledger, row by row in its order; an erased record lacks salt and record, and that is right.

    A chain alone cannot tell that its last rows were cut off, nor that it was written anew from some row on: for that
    it takes a head that was noted elsewhere.

    Args:
        head: ``SEQ:CHAIN`` of an earlier look; the ledger must still hold that row.

    Returns:
        Nothing when it is whole.
    """
    found: list[str] = []
    before = ""
    noted = head is None
    for number, row in enumerate(rows, 1):
        if row.get("seq") != number:
            found.append(f"row {number}: numbered {row.get('seq')}")
        digest, salt, record = str(row.get("hash")), row.get("salt"), row.get("record")
        if (salt is None) != (record is None):
            found.append(f"row {number}: half erased")
        elif salt is not None and record_hash(str(salt), record) != digest:  # type: ignore[arg-type]  # any JSON
            found.append(f"row {number}: the record is not the one that was written")
        if link(before, digest) != row.get("chain"):
            found.append(f"row {number}: the chain is broken")
        before = str(row.get("chain"))
        noted = noted or head_of(row) == head
    if not noted:
        found.append(f"the row of the noted head {head} is missing: what stood up to it was cut off or written anew")
    return found


def head_of(row: Mapping[str, Any]) -> str:
    """What to note of a ledger's last row, outside of it: its number and its chain."""
    return f"{row.get('seq')}:{row.get('chain')}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person's records, in order, amount to.

    Attributes:
        granted: until when (None: for good), by purpose.
        excepted: purposes that were taken back on their own, while the general one stands.
        pending: until when the question for a purpose is open, by purpose.
    """

    granted: Mapping[str, datetime | None]
    excepted: frozenset[str] = frozenset()
    pending: Mapping[str, datetime] = field(default_factory=dict)

    def covers(self, purpose: str | None, now: datetime) -> bool:
        """Whether it is consent to a purpose; None asks for offers in general."""
        wanted = purpose or GENERAL
        if wanted in self.excepted:
            return False
        ends = [self.granted[name] for name in (wanted, GENERAL) if name in self.granted]
        return any(end is None or end > now for end in ends)

    def told(self, now: datetime) -> dict[str, list[str]]:
        """What people read of it: purposes that are granted, left out of the general one, and asked for."""
        alive = sorted(name for name, end in self.granted.items() if end is None or end > now)
        pending = sorted(name for name, end in self.pending.items() if end > now)
        return {"granted": alive, "excepted": sorted(self.excepted), "pending": pending}

    def at(self, now: datetime) -> dict[str, Any]:
        """What of it stands, as a later record can give it back: purposes, those left out, when it ends; or {}."""
        alive = {name: end for name, end in self.granted.items() if end is None or end > now}
        ends = [end for end in alive.values() if end is not None]
        found: dict[str, Any] = {"purpose": sorted(alive)} if alive else {}
        if alive and self.excepted:
            found["except"] = sorted(self.excepted)
        if ends:
            found["expires_at"] = min(ends).isoformat()
        return found


def standing(records: Iterable[Mapping[str, Any]]) -> Standing:
    """What a person's records, in order, amount to."""
    granted: dict[str, datetime | None] = {}
    excepted: set[str] = set()
    pending: dict[str, datetime] = {}
    for record in records:
        purposes = record["purpose"]
        match record["status"]:
            case "granted":
                ends = record.get("expires_at")
                granted |= dict.fromkeys(purposes, None if ends is None else datetime.fromisoformat(ends))
                excepted -= set(purposes)
                pending = {name: ends for name, ends in pending.items() if name not in purposes}
                if GENERAL in purposes:
                    excepted = set(record.get("except", ()))
            case "pending":
                pending |= dict.fromkeys(purposes, datetime.fromisoformat(record["expires_at"]))
            case "revoked" if GENERAL in purposes:
                granted, excepted, pending = {}, set(), {}
            case "revoked":
                granted = {name: ends for name, ends in granted.items() if name not in purposes}
                excepted |= set(purposes)
                pending = {name: ends for name, ends in pending.items() if name not in purposes}
            case _:
                continue
    return Standing(granted, frozenset(excepted), pending)


def stands(records: Sequence[Mapping[str, Any]], purpose: str | None, now: datetime) -> bool:
    """Whether a person's records, in order, amount to consent to a purpose."""
    return standing(records).covers(purpose, now)
