"""Administration: what the owner says about a SIM by CLI, and whether the database is whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modemfarm.store.engine import Tx

SIM_FIELDS = ("label", "number", "plan", "account", "tags", "expires")
_FAULTS_SHOWN = 20


def set_sim(tx: Tx, iccid: str, values: Mapping[str, Any]) -> None:
    """Write the owner's words about a SIM; a card not seen yet gets its row. config.yaml wins where it speaks.

    Args:
        values: of SIM_FIELDS; None takes a word back.
    """
    tx.run("INSERT INTO sims (iccid, state) VALUES (:iccid, 'absent') ON CONFLICT (iccid) DO NOTHING", iccid=iccid)
    for key in SIM_FIELDS:
        if key not in values:
            continue
        value = values[key]
        if key == "tags":
            value = json.dumps(list(value), ensure_ascii=False) if value else None
        tx.run(f"UPDATE sims SET {key} = :value WHERE iccid = :iccid", value=value, iccid=iccid)  # noqa: S608 # ours only


def sealed(tx: Tx) -> int:
    """How many rows nobody can read or recognise without the key file: PINs, webhooks, codes, the forgotten."""
    asked = (
        "SELECT count(*) FROM entered_pins",
        "SELECT count(*) FROM webhooks WHERE sealed IS NOT NULL",
        "SELECT count(*) FROM users WHERE totp IS NOT NULL",
        "SELECT count(*) FROM forgotten",
    )
    return sum(int(tx.value(sql) or 0) for sql in asked)


def damage(tx: Tx) -> list[str]:
    """What SQLite finds wrong in its own file, a line each; a server looks after itself."""
    if tx.connection.dialect.name != "sqlite":
        return []
    found = [str(row["quick_check"]) for row in tx.all(f"PRAGMA quick_check({_FAULTS_SHOWN})")]
    return [line for line in found if line != "ok"]
