"""What went wrong before: the facts that deciding about a refused attempt starts from."""

from __future__ import annotations

import json
from collections.abc import Mapping

from modemfarm.store.engine import Row, Tx


def of_part(tx: Tx, part_id: int, before: int) -> list[Row]:
    """Earlier refused attempts of a part, oldest first: iccid, phase, kind, code."""
    return tx.all(
        "SELECT iccid, phase, kind, code FROM attempts WHERE part_id = :part AND id < :before AND outcome = 'refused'"
        " ORDER BY id",
        part=part_id,
        before=before,
    )


def of_sim(tx: Tx, iccid: str, before: int, most: int = 12) -> list[Row]:
    """A SIM's refused attempts since its last accepted one, oldest first: recipient, kind, code, ended_at.

    What was refused before the SIM was resumed, or came back, tells nothing of how it stands now.
    """
    found: list[Row] = []
    for row in tx.all(
        "SELECT recipient, kind, code, ended_at, outcome FROM attempts WHERE iccid = :iccid AND id < :before"
        " AND outcome IN ('accepted', 'refused')"
        " AND claimed_at >= coalesce((SELECT since FROM sims WHERE iccid = :iccid), 0) ORDER BY id DESC LIMIT :n",
        iccid=iccid,
        before=before,
        n=most,
    ):
        if row["outcome"] == "accepted":
            break
        found.append(row)
    return found[::-1]


def has_left(tx: Tx, message_id: int, besides: int) -> bool:
    """Whether another part of the message left, or may have."""
    return bool(
        tx.value(
            "SELECT 1 FROM parts WHERE message_id = :id AND id <> :part"
            " AND state IN ('submitting', 'sent', 'delivered', 'undelivered', 'unknown')",
            id=message_id,
            part=besides,
        )
    )


def starts_failing(tx: Tx, iccid: str, facts: Mapping[str, object]) -> None:
    """Say beside an active SIM that it is refused again and again."""
    tx.run(
        "UPDATE sims SET reason = 'sim_failing', reason_params = :facts WHERE iccid = :iccid AND state = 'active'",
        iccid=iccid,
        facts=json.dumps(dict(facts)),
    )


def stops_failing(tx: Tx, iccid: str) -> bool:
    """It sent: take that word back; whether there was one."""
    return bool(
        tx.run(
            "UPDATE sims SET reason = NULL, reason_params = NULL WHERE iccid = :iccid AND state = 'active'"
            " AND reason = 'sim_failing'",
            iccid=iccid,
        )
    )
