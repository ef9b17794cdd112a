"""Who must get nothing more: opt-outs, farm-wide, from any SIM or typed in by a person."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from modemfarm.model import digits_key
from modemfarm.store import audit, consents, forgotten, locks
from modemfarm.store.charging import REFUNDED, charged, uncharge
from modemfarm.store.engine import Row, Tx, from_us, to_us
from modemfarm.store.events import record, record_all
from modemfarm.store.messages import CLEARED, refresh

EXEMPT = ("conversation", "emergency")  # classes that an opt-out does not stop


def exempt_classes(*, transactional: bool) -> tuple[str, ...]:
    """The classes that an opt-out does not stop, by the owner's setting for transactional ones."""
    return (*EXEMPT, "transactional") if transactional else EXEMPT


# An opt-out whose number came without its country (s) is of every number (parts.recipient) that ends like it.
_SAME_LINE = (
    "(s.number = parts.recipient OR (length(s.digits) = 9 AND s.number NOT LIKE '+%' AND s.digits ="
    " CASE WHEN length(parts.recipient) > 9 THEN substr(parts.recipient, length(parts.recipient) - 8) END))"
)
# Of a row of `parts`: its recipient opted out, and neither its class nor what it is goes out all the same.
OPTED_OUT = (
    f"EXISTS (SELECT 1 FROM suppressions s WHERE {_SAME_LINE} AND s.removed_at IS NULL"  # noqa: S608 # our own words
    " AND parts.class NOT IN ('conversation', 'emergency') AND :exempt = 0"
    " AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = parts.message_id AND m.automatic = 'opted_out'))"
)


def is_suppressed(tx: Tx, number: str) -> bool:
    """Whether an opt-out of this number stands, or one that came in another spelling of its line."""
    return bool(suppressed_among(tx, [number]))


_AT_ONCE = 200
_NAMES = tuple(f"n{at}" for at in range(_AT_ONCE))
_AMONG = {  # by how many numbers are asked for at once
    count: "SELECT number, digits FROM suppressions WHERE removed_at IS NULL AND digits IN ("  # noqa: S608 # names of binds
    + ", ".join(f":{name}" for name in _NAMES[:count])
    + ")"
    for count in (1, _AT_ONCE)
}


def suppressed_among(tx: Tx, numbers: Sequence[str]) -> set[str]:
    """Those of the numbers whose opt-out stands.

    An opt-out that came without its country (a national spelling on a SIM whose country nobody knows) stands
    for every number that ends in the same digits. Who was forgotten gets nothing either.
    """
    found = forgotten.among(tx, numbers)
    for start in range(0, len(numbers), _AT_ONCE):
        some = numbers[start : start + _AT_ONCE]
        keys = {number: digits_key(number) for number in some}
        count = 1 if len(some) == 1 else _AT_ONCE
        binds = dict(zip(_NAMES, keys.values(), strict=False))
        for row in tx.all(_AMONG[count], **dict.fromkeys(_NAMES[len(binds) : count]), **binds):
            exact = row["number"].startswith("+")
            found.update(
                number for number in some if (number == row["number"] if exact else keys[number] == row["digits"])
            )
    return found


def add_all(
    tx: Tx, numbers: Sequence[str], now: datetime, *, exempt: tuple[str, ...] = EXEMPT, actor: str | None = None
) -> tuple[int, int]:
    """Suppress those of a list that are not yet; how many they were, and how many messages were cancelled."""
    known = suppressed_among(tx, numbers)
    new = [number for number in numbers if number not in known]
    locks.people(tx, new)
    if not tx.sqlite:
        _taken(tx, "m.recipient = ANY(:numbers)", {"numbers": new}, skip=False)
    canceled = sum(add(tx, number, digits_key(number), "import", now, exempt=exempt, actor=actor) for number in new)
    return len(new), canceled


def add(
    tx: Tx,
    number: str,
    digits: str,
    source: str,
    now: datetime,
    *,
    keyword: str | None = None,
    inbound_id: int | None = None,
    exempt: tuple[str, ...] = EXEMPT,
    **proof: Any,
) -> int:
    """Suppress a number and cancel what waits for it, parts claimed and not yet submitted included.

    The ledger of consents gets its row at the end of the same transaction.

    Args:
        number: E.164, as messages have it.
        digits: its last significant digits, by which other spellings of the line are found.
        source: ``reply phone counter web import``.
        proof: what the ledger keeps with it: the words, who typed it in.

    Returns:
        How many messages were cancelled.
    """
    locks.person(tx, number)
    new = tx.run(
        "INSERT INTO suppressions (number, digits, since, source, keyword, inbound_id, removed_at)"
        " VALUES (:number, :digits, :now, :source, :keyword, :inbound, NULL)"
        " ON CONFLICT (number) DO UPDATE SET since = excluded.since, source = excluded.source,"
        " keyword = excluded.keyword, inbound_id = excluded.inbound_id, removed_at = NULL"
        " WHERE suppressions.removed_at IS NOT NULL",
        number=number,
        digits=digits,
        now=to_us(now),
        source=source,
        keyword=keyword,
        inbound=inbound_id,
    )
    canceled = _cancel(tx, number, digits, now, exempt)
    if new:
        consents.opted_out(tx, number, source, now, keyword=keyword, inbound_id=inbound_id, **proof)
        record(tx, "contact.opted_out", now, subject=number, source=source, keyword=keyword, canceled=canceled)
    return canceled


def take_back(tx: Tx, number: str, now: datetime, exempt: tuple[str, ...] = EXEMPT) -> int:
    """Cancel what waits for a number whose opt-out stands, and no other host has in hand; how many messages."""
    return _cancel(tx, number, digits_key(number), now, exempt, skip=True) if is_suppressed(tx, number) else 0


def stops_forgotten(tx: Tx, number: str, now: datetime, *, exempt: bool) -> bool:
    """Cancel what waits for a person who was erased while it came in; False: nothing of that kind.

    Args:
        exempt: transactional messages go on after an opt-out.
    """
    if not forgotten.among(tx, (number,)):
        return False
    return _cancel(tx, number, digits_key(number), now, exempt_classes(transactional=exempt), skip=True) > 0


_NOT_WHOLE = (  # of a message (m): a part of it left, or came to another end
    "SELECT 1 FROM parts o WHERE o.message_id = m.id AND o.state NOT IN ('waiting', 'claimed', 'canceled')"
)


def _cancel(tx: Tx, number: str, digits: str, now: datetime, exempt: tuple[str, ...], *, skip: bool = False) -> int:
    """All that waits, in a few statements however much it is: the wire waits for this transaction."""
    first, second, third = (*exempt, "", "", "")[:3]
    binds: dict[str, object] = {"number": number, "tail": f"%{digits}"}
    same_line = "m.recipient = :number" if number.startswith("+") else "m.recipient LIKE :tail"
    mine = f"{same_line} AND m.final_at IS NULL AND coalesce(m.automatic, '') <> 'opted_out'"
    if not tx.sqlite:
        binds["taken"] = _taken(tx, same_line, binds, skip=skip)
        mine += " AND m.id = ANY(:taken)"
    binds |= {"first": first, "second": second, "third": third}
    waits = "p.state IN ('waiting', 'claimed') AND p.class NOT IN (:first, :second, :third)"
    joined = f"FROM messages m JOIN parts p ON p.message_id = m.id WHERE {mine} AND {waits}"
    charges = tx.all(
        "SELECT p.recipient, p.charged_to, p.charged_day, p.charged_month, p.farm_day, count(*) AS parts,"
        f" CAST(sum(coalesce(p.farm_cost, 0)) AS BIGINT) AS farm_cost {joined}"
        " GROUP BY p.recipient, p.charged_to, p.charged_day, p.charged_month, p.farm_day",
        **binds,
    )
    if not charges:
        return 0
    started = tx.all(f"SELECT DISTINCT m.id {joined} AND EXISTS ({_NOT_WHOLE}) ORDER BY m.id", **binds)
    whole = f"SELECT DISTINCT m.id {joined} AND NOT EXISTS ({_NOT_WHOLE})"
    record_all(tx, "message.canceled", now, whole, binds, reason="opted_out")
    tx.run(
        f"UPDATE parts AS p SET state = 'canceled', {REFUNDED} WHERE {waits}"  # noqa: S608
        f" AND message_id IN (SELECT m.id FROM messages m WHERE {mine})",
        **binds,
    )
    canceled = tx.run(
        f"UPDATE messages AS m SET state = 'canceled', {CLEARED}, reason = 'opted_out', reason_params = NULL,"  # noqa: S608
        f" next_at = NULL, final_at = :now WHERE {mine} AND NOT EXISTS ({_NOT_WHOLE})"
        " AND EXISTS (SELECT 1 FROM parts p WHERE p.message_id = m.id AND p.state = 'canceled')",
        now=to_us(now),
        **binds,
    )
    for row in charges:
        uncharged = functools.partial(uncharge, row=row, parts=row["parts"])
        tx.later(uncharged, owners=charged(row["charged_to"], row["farm_day"]))
    for row in started:
        refresh(tx, row["id"], now, reason="opted_out")
        record(tx, "message.canceled", now, message_id=row["id"], reason="opted_out")
    return canceled + len(started)


def _taken(tx: Tx, same_line: str, binds: dict[str, object], *, skip: bool) -> list[int]:
    """The messages to a number that are ours now."""
    open_ones = f"SELECT m.id FROM messages m WHERE {same_line} AND m.final_at IS NULL"  # noqa: S608 # our own words
    return locks.messages(tx, [row["id"] for row in tx.all(open_ones, **binds)], skip=skip)


def remove(tx: Tx, number: str, now: datetime, *, own: bool = False, **proof: Any) -> bool:
    """Lift an opt-out; its row stays as history, and the ledger says that what stood before it stands again.

    Args:
        own: the person asked for it in a reply; an imported list is not lifted by that.
        proof: what the ledger keeps with it.

    Returns:
        False when none stood.
    """
    locks.person(tx, number)
    lifted = tx.run(
        "UPDATE suppressions SET removed_at = :now WHERE number = :number AND removed_at IS NULL"
        " AND (:own = 0 OR source <> 'import')",
        now=to_us(now),
        number=number,
        own=int(own),
    )
    lifted += forgotten.lift(tx, number)
    if lifted:
        consents.opted_in(tx, number, "sms_keyword" if own else "counter", now, **proof)
        record(tx, "contact.opted_in", now, subject=number)
        if proof.get("actor") and not own:
            audit.note(tx, str(proof["actor"]), "suppression.removed", now, subject=number)
    return bool(lifted)


def of(tx: Tx, number: str) -> Row | None:
    """The opt-out that stands for a number: since, source, keyword."""
    return tx.one(
        "SELECT since, source, keyword FROM suppressions WHERE number = :number AND removed_at IS NULL", number=number
    )


def listed(tx: Tx, after: str = "", limit: int = 1000) -> list[Row]:
    """Standing opt-outs in order of number, after `after`."""
    rows: list[dict[str, Any]] = tx.all(
        "SELECT number, since, source, keyword, inbound_id FROM suppressions"
        " WHERE removed_at IS NULL AND number > :after ORDER BY number LIMIT :limit",
        after=after,
        limit=limit,
    )
    return rows


def opted_in_at(tx: Tx, number: str, since: datetime) -> datetime:
    """When an opt-out of this number was last lifted; `since` when it was not, or before that."""
    found = tx.value(
        "SELECT max(at) FROM events WHERE kind = 'contact.opted_in' AND subject = :number AND message_id IS NULL",
        number=number,
    )
    return since if found is None else max(from_us(found), since)
