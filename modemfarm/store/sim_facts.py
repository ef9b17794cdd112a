"""What a person may set of a SIM (config.yaml wins where it speaks), and why a parked one sends nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modemfarm.model import normal_iccid
from modemfarm.store import shapes
from modemfarm.store.engine import Row, Tx

SETTABLE = ("label", "plan", "account", "number", "tags", "expires")


def change(tx: Tx, iccid: str, given: Mapping[str, Any]) -> None:
    """Set some of SETTABLE; None clears.

    Raises:
        ValueError: another name.
    """
    for name, value in given.items():
        if name not in SETTABLE:
            raise ValueError(f"{name} is none of {', '.join(SETTABLE)}")
        stored = json.dumps(value, ensure_ascii=False) if name == "tags" and value is not None else value
        tx.run(f"UPDATE sims SET {name} = :value WHERE iccid = :iccid", value=stored, iccid=iccid)  # noqa: S608


def clash(tx: Tx, iccid: str, terms: shapes.Terms) -> str | None:
    """What is wrong with a SIM's account: another SIM of it has another plan; None: nothing."""
    rows: dict[str, Row] = {name: {"iccid": name, "account": None, "plan": None} for name in terms.sims}
    rows |= {row["iccid"]: row for row in tx.all("SELECT * FROM sims ORDER BY iccid")}
    one = rows.get(iccid)
    if one is None or (owner := terms.owner(one)) == iccid:
        return None
    for other in rows.values():
        if terms.owner(other) == owner and terms.plan(other) != terms.plan(one):
            names = (owner.removeprefix("account:"), terms.plan(other).name, terms.plan(one).name)
            return "{} of account {} has plan {}, not {}: SIMs of one account share one".format(other["iccid"], *names)
    return None


def doubled(tx: Tx, iccid: str, given: Mapping[str, Any], terms: shapes.Terms) -> tuple[str, str] | None:
    """Which word about a SIM would name another one too, and why; None: each name is one SIM's.

    Args:
        given: what shall be set; of it `label` and `number` are looked at.
    """
    rows: dict[str, Row] = {name: {"number": None, "label": None} for name in terms.sims}
    rows |= {row["iccid"]: row for row in tx.all("SELECT iccid, number, label FROM sims ORDER BY iccid")}
    for field in ("number", "label"):
        word = given.get(field)
        if not word:
            continue
        for other, row in rows.items():
            if other == iccid:
                continue
            if other in {word, normal_iccid(word)}:
                return field, f"{word} is the ICCID of another SIM"
            said = terms.sims.get(other)
            for name in ("number", "label"):
                if word == ((said and getattr(said, name)) or row[name]):
                    return field, f"{word} is the {name} of SIM {other}"
    return None


def why_parked(tx: Tx, iccid: str | None, most: int = 5) -> list[tuple[int, int, str, dict[str, Any]]]:
    """Why the SIM that a message waits for sends nothing; with None, why every one sends nothing."""
    rows = tx.all(
        "SELECT iccid, since, reason, reason_params FROM sims WHERE state = 'parked' AND reason IS NOT NULL"
        " AND (iccid = :iccid OR (CAST(:iccid AS TEXT) IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM sims WHERE state = 'active'))) ORDER BY iccid LIMIT :n",
        iccid=iccid,
        n=most,
    )
    return [
        (
            row["since"],
            5,
            "sim_is",
            shapes.parsed(row["reason_params"]) | {"iccid": row["iccid"], "reason": row["reason"]},
        )
        for row in rows
    ]
