"""Replies as a modem hears them, and what was answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modemfarm.inbound.receive import Understood, receive
from modemfarm.model import Received
from modemfarm.policy.profiles import Configured
from modemfarm.store.engine import Row, Tx
from tests.store.tools import (
    INBOUND,
    SIM,
    TO,
    add,
    after,
    deliver_pdu,
    send,
)

DAY = 86400.0
BRANDED = replace(INBOUND, policy=Configured(brand="小店"))


def heard(tx: Tx, text: str, *, at: float = 60, number: str = TO, iccid: str = SIM, **facts: Any) -> Understood:
    pdu = deliver_pdu(text, by=number, at=after(at))
    settings = facts.pop("settings", BRANDED)
    understood = receive(tx, Received(pdu, pdu.hex().upper(), iccid, None, after(at), **facts), settings, after(at))
    tx.finish()
    return understood


def answered(tx: Tx, kind: str | None = None) -> list[Row]:
    rows = tx.all("SELECT * FROM messages WHERE automatic IS NOT NULL ORDER BY id")
    return [row for row in rows if kind in (None, row["automatic"])]


def last_text(tx: Tx, text: str, at: float = 0) -> None:
    add(tx, text=text, at=after(at))
    send(tx, at=after(at))
