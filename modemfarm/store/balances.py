"""What operators said of a SIM's credit, and when they were asked."""

from __future__ import annotations

from datetime import datetime

from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.events import record


def holder(tx: Tx, iccid: str) -> Row | None:
    """Where a SIM is: iccid, path (None: in no modem) and host."""
    return tx.one("SELECT iccid, path, host FROM sims WHERE iccid = :iccid", iccid=iccid)


def on_host(tx: Tx, host: str) -> list[Row]:
    """The SIMs in this host's modems, with ``asked_at`` and ``told_at``: the last question, the last amount."""
    return tx.all(
        "SELECT s.*, (SELECT max(b.at) FROM balances b WHERE b.iccid = s.iccid) AS asked_at,"
        " (SELECT max(b.at) FROM balances b WHERE b.iccid = s.iccid AND b.amount IS NOT NULL) AS told_at"
        " FROM sims s WHERE s.host = :host AND s.path IS NOT NULL ORDER BY s.iccid",
        host=host,
    )


def one(tx: Tx, iccid: str) -> Row | None:
    """One row of `sims`."""
    return tx.one("SELECT * FROM sims WHERE iccid = :iccid", iccid=iccid)


def write(
    tx: Tx, iccid: str, amount: float | None, now: datetime, *, how: str, what: str = "", low: float | None = None
) -> bool:
    """Keep what came of one question.

    Args:
        amount: None: no amount could be told, and `what` says why.
        low: below this a person is told, once until it was higher.

    Returns:
        Whether the credit is low and was not before.
    """
    tx.run(
        "INSERT INTO balances (iccid, at, amount, how, what) VALUES (:iccid, :at, :amount, :how, :what)"
        " ON CONFLICT (iccid, at) DO NOTHING",
        iccid=iccid,
        at=to_us(now),
        amount=amount,
        how=how,
        what=what,
    )
    if amount is None:
        return False
    before = tx.value("SELECT balance FROM sims WHERE iccid = :iccid", iccid=iccid)
    tx.run("UPDATE sims SET balance = :amount WHERE iccid = :iccid", amount=amount, iccid=iccid)
    if low is None or amount >= low or (before is not None and before < low):
        return False
    record(tx, "sim.low_balance", now, subject=iccid, balance=amount, low=low)
    return True


def said(tx: Tx, iccid: str, originator: str) -> list[str]:
    """What a number wrote to a SIM since the last row about its credit, newest first."""
    rows = tx.all(
        "SELECT text FROM inbound WHERE iccid = :iccid AND originator = :from AND complete = 1 AND received_at >"
        " (SELECT max(at) FROM balances WHERE iccid = :iccid) ORDER BY id DESC LIMIT 5",
        **{"from": originator},
        iccid=iccid,
    )
    return [row["text"] for row in rows]


def history(tx: Tx, iccid: str, most: int = 100) -> list[Row]:
    """The newest first: at (microseconds), amount, how, what."""
    return tx.all(
        "SELECT at, amount, how, what FROM balances WHERE iccid = :iccid ORDER BY at DESC LIMIT :n",
        iccid=iccid,
        n=most,
    )
