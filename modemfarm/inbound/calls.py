"""Takes a missed call in: a row among the replies, so that whoever reads those sees it."""

from __future__ import annotations

from datetime import datetime

from modemfarm.model import MissedCall
from modemfarm.policy.numbers import originator
from modemfarm.store import inbox
from modemfarm.store.engine import Tx
from modemfarm.store.events import record


def called(tx: Tx, call: MissedCall, country: str | None, now: datetime) -> int:
    """Keep one call; its id among the replies. A withheld number is empty."""
    number = inbox.known_as(tx, originator(call.number, country)) if call.number else ""
    inbound_id = inbox.missed_call(tx, call.iccid, number, call.at)
    record(tx, "call.missed", now, subject=number, inbound_id=inbound_id)
    return inbound_id
