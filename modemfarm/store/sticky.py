"""The SIM of a person's last exchange: the contact stays with it."""

from __future__ import annotations

import functools
from datetime import datetime

from modemfarm.model import digits_key
from modemfarm.store.engine import Tx, from_us, to_us


def exchanged(tx: Tx, number: str, iccid: str | None, now: datetime, *, wrote: bool = False) -> None:
    """This person was written to, or `wrote`, by this SIM: the contact sticks to it from now on."""
    tx.later(functools.partial(_exchanged, number=number, iccid=iccid, now=now, wrote=wrote), person=number)


def _exchanged(tx: Tx, number: str, iccid: str | None, now: datetime, wrote: bool) -> None:
    tx.run(
        "INSERT INTO people (number, digits, iccid, exchange_at, wrote_at)"
        " VALUES (:number, :digits, :iccid, :now, :wrote) ON CONFLICT (number) DO UPDATE"
        " SET iccid = coalesce(excluded.iccid, people.iccid), exchange_at = excluded.exchange_at,"
        " wrote_at = coalesce(excluded.wrote_at, people.wrote_at)",
        number=number,
        digits=digits_key(number),
        iccid=iccid,
        now=to_us(now),
        wrote=to_us(now) if wrote else None,
    )


def wrote_at(tx: Tx, number: str) -> datetime | None:
    """When this person wrote to us last."""
    at = tx.value("SELECT wrote_at FROM people WHERE number = :number", number=number)
    return None if at is None else from_us(at)
