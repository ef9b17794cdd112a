"""What a person may set of a SIM on the page, by CLI or API; config.yaml wins where it speaks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modemfarm.store.engine import Tx

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
