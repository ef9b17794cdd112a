"""Who agreed to which offers: what a row of the ledger proves, and whether a ledger is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

GENERAL = "marketing"  # the purpose that stands for every other one
METHODS = ("web", "paper", "sms_keyword", "counter", "phone", "import")


def record_hash(salt: str, record: Mapping[str, Any]) -> str:
    """The salted digest of one record, written so that its keys' order does not matter."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()


def link(before: str, digest: str) -> str:
    """The chain's next value; "" stands before the first."""
    return hashlib.sha256(f"{before}{digest}".encode()).hexdigest()


def faults(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is wrong with a ledger, row by row in its order; an erased record lacks salt and record, and that is right.

    Returns:
        Nothing when it is whole.
    """
    found: list[str] = []
    before = ""
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
    return found


def stands(records: Sequence[Mapping[str, Any]], purpose: str | None, now: datetime) -> bool:
    """Whether a person's records, in order, amount to consent to a purpose."""
    granted = False
    for record in records:
        purposes = record["purpose"]
        if record["status"] == "revoked":
            granted = granted and GENERAL not in purposes and (purpose or GENERAL) not in purposes
        elif GENERAL in purposes or (purpose or GENERAL) in purposes:
            ends = record.get("expires_at")
            granted = ends is None or datetime.fromisoformat(ends) > now
    return granted
