"""What operators said of a SIM's credit, and when they were asked."""

from __future__ import annotations

from datetime import datetime, timedelta

from modemfarm.model import SimState, same_number
from modemfarm.store.actions import is_farm_paused, sim_resume
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.events import record
from modemfarm.store.shapes import parsed
from modemfarm.store.sims import set_state

NO_CREDIT = "no_credit"
SUSPECT = frozenset(  # what operators and modems do with a SIM that cannot pay
    {"operator_refusal", "operator_block", "sim_barred", "not_subscribed", "sim_uncertain", "sim_failing"}
)
_RECIPIENTS = 3  # one bad number never parks a SIM
_WRITES = frozenset({NO_CREDIT, "operator_refusal", "not_subscribed", "sim_uncertain", "sim_failing"})
_JUST_ASKED = timedelta(minutes=2)  # whoever asks meanwhile waits for the same answer

# What came of a question by message. One that only says that it was asked may have left.
ASKED, SENT, NOT_SENT = "asked", "sent", "not_sent"


def holder(tx: Tx, iccid: str) -> Row | None:
    """Where a SIM is: iccid, path (None: in no modem) and host."""
    return tx.one("SELECT iccid, path, host FROM sims WHERE iccid = :iccid", iccid=iccid)


def on_host(tx: Tx, host: str) -> list[Row]:
    """This host's SIMs, with ``asked_at`` and ``asked_what`` (last question), ``told_at`` (last amount), ``heard_at``.

    That is when anybody without a person's number wrote: an operator says so when credit was added.
    """
    return tx.all(
        "SELECT s.*, (SELECT max(b.at) FROM balances b WHERE b.iccid = s.iccid) AS asked_at,"
        " (SELECT b.what FROM balances b WHERE b.iccid = s.iccid ORDER BY b.at DESC LIMIT 1) AS asked_what,"
        " (SELECT max(b.at) FROM balances b WHERE b.iccid = s.iccid AND b.amount IS NOT NULL) AS told_at,"
        " (SELECT max(i.received_at) FROM inbound i WHERE i.iccid = s.iccid AND i.originator NOT LIKE '+%') AS heard_at"
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


def may_write(row: Row) -> bool:
    """Whether a SIM in this state may ask by message: not one that a person paused, nor one that is barred."""
    return row["state"] == "active" or (row["state"] == "parked" and row["reason"] in _WRITES)


def asking(tx: Tx, iccid: str, who: str, to: str, now: datetime) -> str:
    """Write down that a question by message may leave from here on.

    Returns:
        What is against it, and then nothing is written: ``paused``, ``sim_paused``, ``sim_parked`` or ``asked``
        (a moment ago, and the answer is still awaited); else "".
    """
    row = one(tx, iccid)
    if is_farm_paused(tx):
        return "paused"
    if row is None or not may_write(row):
        return "sim_paused" if row is not None and row["state"] == "paused" else "sim_parked"
    since = to_us(now - _JUST_ASKED)
    earlier = (
        "SELECT 1 FROM balances WHERE iccid = :iccid AND how = 'sms' AND what IN ('asked', 'sent') AND at > :since"
    )
    if tx.value(earlier, iccid=iccid, since=since):
        return ASKED
    write(tx, iccid, None, now, how="sms", what=ASKED)
    record(tx, "sim.balance_asked", now, subject=iccid, who=who, to=to)
    return ""


def asked(tx: Tx, iccid: str, at: datetime, what: str) -> None:
    """What came of the question by message that `asking` wrote down then."""
    tx.run(
        "UPDATE balances SET what = :what WHERE iccid = :iccid AND at = :at AND how = 'sms' AND amount IS NULL",
        what=what,
        iccid=iccid,
        at=to_us(at),
    )


def suspects(row: Row) -> bool:
    """Whether what is known of a SIM could mean that it has no credit."""
    if row["state"] == "parked":
        return row["reason"] in SUSPECT or row["reason"] == NO_CREDIT
    recipients = int(parsed(row["reason_params"]).get("recipients", 0))
    return bool(row["state"] == "active" and row["reason"] == "sim_failing" and recipients >= _RECIPIENTS)


def judge(tx: Tx, iccid: str, amount: float, price: float, now: datetime) -> None:
    """What an amount means for a SIM that was refused: no credit parks it, credit lets it send again by itself.

    An empty account alone parks nothing: a package may be paid for. Nor does credit free a SIM parked for other causes.
    """
    row = one(tx, iccid)
    if row is None or not suspects(row):
        return
    if amount > 0 and amount >= price:
        if row["reason"] == NO_CREDIT:
            sim_resume(tx, iccid, now, cause="credit")
    elif row["reason"] != NO_CREDIT:
        params = {**parsed(row["reason_params"]), "balance": amount}
        set_state(tx, iccid, SimState.PARKED, now, reason="no_credit", params=params)


def said(tx: Tx, iccid: str, originator: str) -> list[str]:
    """What a number wrote to a SIM since the last row about its credit, newest first."""
    rows = tx.all(
        "SELECT originator, text FROM inbound WHERE iccid = :iccid AND complete = 1 AND received_at >"
        " (SELECT max(at) FROM balances WHERE iccid = :iccid) ORDER BY id DESC LIMIT 50",
        iccid=iccid,
    )
    return [row["text"] for row in rows if same_number(row["originator"], originator)][:5]


def told_since(tx: Tx, iccid: str, since: datetime) -> float | None:
    """The newest amount that was kept since then."""
    found: float | None = tx.value(
        "SELECT amount FROM balances WHERE iccid = :iccid AND at >= :since AND amount IS NOT NULL"
        " ORDER BY at DESC LIMIT 1",
        iccid=iccid,
        since=to_us(since),
    )
    return found


def history(tx: Tx, iccid: str, most: int = 100) -> list[Row]:
    """The newest first: at (microseconds), amount, how, what."""
    return tx.all(
        "SELECT at, amount, how, what FROM balances WHERE iccid = :iccid ORDER BY at DESC LIMIT :n",
        iccid=iccid,
        n=most,
    )
