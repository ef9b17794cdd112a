"""Forgets a person: what was written to or by a number goes, in small transactions; a keyed hash of it stays.

First an opt-out and the cancelling of all that waits, in one transaction; then piece by piece what is kept; last the
opt-out's own row gives way to the hash. A killed one is finished by the daemon, or by asking again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import Integer, Text

from modemfarm.model import digits_key
from modemfarm.store import audit, callbacks, consents, counters, forgotten, locks, suppress
from modemfarm.store.engine import Tx, to_us
from modemfarm.store.schema.whole import meta

SOURCE = "forgotten"  # of the opt-out that stands while a person is being erased
MOST = 100  # messages or replies a transaction
_SCANNED = 5_000  # rows of a table that one transaction looks through
T = TypeVar("T")

# What a person's number may stand in besides the tables that are cleared by name below; hashes and our own cards not.
_NOBODYS = frozenset(
    {"farm", "hosts", "sims", "modems", "resets", "last_cards", "allowed_devices", "pin_tries", "errands"}
)
_NOBODYS |= {"entered_pins", "alert_facts", "alert_causes", "alert_ways", "policy_settings", "consent_chain"}
_NOBODYS |= {"policy_attestations", "pauses", "api_keys", "logins", "audit", "forgotten", "counters", "plan_answers"}
_NOBODYS |= {"balances", "batches", "users", "login_tries", "webhooks", "leases", "signup_words"}
_BY_NAME = frozenset({"messages", "parts", "attempts", "people", "contacts", "suppressions", "reviews", "concat_refs"})
_BY_NAME |= {"plan_recipients", "inbound", "marketing_sends", "consent_records", "complaints", "callbacks"}
_BY_NAME |= {"callback_calls"}


class Run(Protocol):
    """Calls a store function in a write transaction and gives its result: Store.run or Offload.call."""

    def __call__(self, work: Callable[..., T], *args: Any) -> T: ...


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done.

    Attributes:
        canceled: messages that waited.
        moving: messages that are on their way in this moment: the daemon forgets them when their fate is known.
    """

    canceled: int
    messages: int
    replies: int
    moving: int


def forget(run: Run, number: str, now: datetime, who: str) -> Erased:
    """Erase a person, and see to it that nothing more goes to the number.

    Raises:
        SealError: there is no key for what shall stay; nothing was done.
    """
    canceled = run(_begin, number, now, who)
    return finish(run, number, now, canceled)


def finish(run: Run, number: str, now: datetime, canceled: int = 0) -> Erased:
    """Go on with a person who is being erased."""
    messages = replies = 0
    while done := run(_some_messages, number, now):
        messages += done
    while done := run(_some_replies, number):
        replies += done
    run(_the_rest, number)
    for table in _others():
        after: int | None = 0
        while after is not None:
            after = run(_swept, table, number, after)
    moving = run(_end, number)
    run(_usual)
    return Erased(canceled, messages, replies, moving)


def unfinished(tx: Tx) -> list[str]:
    """Who is still being erased."""
    return [row["number"] for row in tx.all("SELECT number FROM suppressions WHERE source = :of", of=SOURCE)]


def clear_loose(tx: Tx) -> int:
    """Delete delivery reports that came for people who are forgotten already; how many."""
    if not forgotten.count(tx):
        return 0
    rows = tx.all("SELECT id, recipient FROM received WHERE kind = 'status_report' AND part_id IS NULL ORDER BY id")
    gone = forgotten.among(tx, [row["recipient"] for row in rows if row["recipient"]])
    return sum(tx.run("DELETE FROM received WHERE id = :id", id=row["id"]) for row in rows if row["recipient"] in gone)


def _begin(tx: Tx, number: str, now: datetime, who: str) -> int:
    forgotten.add(tx, number, now)  # first: without a key nothing is done
    canceled = suppress.add(tx, number, digits_key(number), SOURCE, now, exempt=())
    tx.run("UPDATE suppressions SET source = :of, removed_at = NULL WHERE number = :n", of=SOURCE, n=number)
    audit.note(tx, who, "contact.forgotten", now, subject=number, canceled=canceled)
    return canceled


def _some_messages(tx: Tx, number: str, now: datetime) -> int:
    """Blank some of a person's messages; their rows stay for the counts.

    One that waits is taken back first: another host may have taken it in beside the opt-out. What cannot be, because
    somebody has it in hand or it confirms the opt-out, is left for later, as what is on its way.
    """
    _securely(tx)
    locks.person(tx, number)  # first: two who erase one person would each hold messages that the other wants
    suppress.take_back(tx, number, now, ())
    rows = tx.all(
        "SELECT id FROM messages WHERE recipient = :number AND NOT EXISTS (SELECT 1 FROM parts p"
        " WHERE p.message_id = messages.id AND p.state IN ('waiting', 'claimed', 'submitting'))"
        " ORDER BY id LIMIT :most",
        number=number,
        most=MOST,
    )
    for row in rows:
        of = {"id": row["id"]}
        tx.run(
            "UPDATE messages SET recipient = '', text = '', reference = NULL, metadata = NULL, tags = NULL,"
            " reason_params = NULL, next_at = NULL, resend_at = NULL, final_at = coalesce(final_at, :now)"
            " WHERE id = :id",
            now=to_us(now),
            **of,
        )
        tx.run("UPDATE parts SET recipient = '' WHERE message_id = :id", **of)
        tx.run("UPDATE attempts SET recipient = '' WHERE message_id = :id", **of)
        tx.run("DELETE FROM spool_files WHERE message_id = :id AND present = 0", **of)
        tx.run("UPDATE spool_files SET content = '' WHERE message_id = :id", **of)  # one that lies there still is known
        tx.run(
            "UPDATE events SET data = '{}', subject = CASE WHEN subject = :number THEN '' ELSE subject END"
            " WHERE message_id = :id",
            number=number,
            **of,
        )
    callbacks.gone(tx, [row["id"] for row in rows])
    return len(rows)


def _some_replies(tx: Tx, number: str) -> int:
    _securely(tx)
    binds, among = _spelled(number)
    rows = tx.all(
        f"SELECT id FROM inbound WHERE originator IN ({among}) ORDER BY id LIMIT :most{locks.taking(tx)}",  # noqa: S608 # names of binds
        most=MOST,
        **binds,
    )
    for row in rows:
        tx.run("DELETE FROM received WHERE inbound_id = :id", id=row["id"])
        tx.run("DELETE FROM inbound WHERE id = :id", id=row["id"])
    return len(rows)


def _the_rest(tx: Tx, number: str) -> None:
    """What is few: rows of the person's own, in the order of locks: used plans and the last exchange at the end."""
    _securely(tx)
    locks.person(tx, number)
    consents.erase(tx, number)
    binds, among = _spelled(number)
    for table, column in (
        ("contacts", "number"),
        ("reviews", "number"),
        ("concat_refs", "recipient"),
        ("marketing_sends", "recipient"),
        ("consent_records", "number"),
        ("complaints", "number"),
    ):
        tx.run(f"DELETE FROM {table} WHERE {column} IN ({among})", **binds)  # noqa: S608 # ours
    tx.run(f"DELETE FROM suppressions WHERE number IN ({among}) AND number <> :own", own=number, **binds)  # noqa: S608 # ours
    for row in tx.all(
        "SELECT owner, month FROM plan_recipients WHERE recipient = :number ORDER BY owner, month", number=number
    ):
        hidden = counters.hidden_person(tx, number, row["month"])
        earlier = tx.value(  # forgotten before in the same month, and written to again since
            "SELECT count(*) FROM plan_recipients WHERE owner = :owner AND month = :month AND recipient LIKE :alike",
            alike=f"{hidden}%",
            **row,
        )
        tx.run(  # still one of those whom the SIM wrote to this month
            "UPDATE plan_recipients SET recipient = :hash WHERE owner = :owner AND month = :month"
            " AND recipient = :number",
            hash=f"{hidden}.{earlier}" if earlier else hidden,
            number=number,
            **row,
        )
    tx.run(f"DELETE FROM people WHERE number IN ({among})", **binds)  # noqa: S608 # ours


def _others() -> list[str]:
    """Tables that may name people in some column; one that comes later is among them unless it is named above."""
    texts = {name for name, table in meta.tables.items() if any(isinstance(one.type, Text) for one in table.columns)}
    return sorted(texts - _NOBODYS - _BY_NAME)


def _swept(tx: Tx, table: str, number: str, after: int) -> int | None:
    """Delete the rows of a piece of a table in which the number stands.

    Returns:
        Where the next piece begins; None at the end.
    """
    _securely(tx)
    columns = meta.tables[table].columns
    held = " OR ".join(f"{column.name} LIKE :tail" for column in columns if isinstance(column.type, Text))
    binds: dict[str, object] = {"tail": f"%{digits_key(number)}%"}
    if table == "received":
        held += " OR pdu LIKE :swapped"
        binds["swapped"] = f"%{_swapped(number)}%"
    if not isinstance(columns["id"].type if "id" in columns else None, Integer):
        tx.run(f"DELETE FROM {table} WHERE {held}", **binds)  # noqa: S608 # ours
        return None
    last = tx.value(f"SELECT max(id) FROM {table}")  # noqa: S608 # ours
    if last is None or after >= last:
        return None
    upto = after + _SCANNED
    found = f"SELECT id FROM {table} WHERE id > :after AND id <= :upto AND ({held}) ORDER BY id{locks.taking(tx)}"  # noqa: S608 # ours
    tx.run(f"DELETE FROM {table} WHERE id IN ({found})", after=after, upto=upto, **binds)  # noqa: S608 # ours
    return upto


def _swapped(number: str) -> str:
    """A number as an undecoded PDU has it (TS 23.040 §9.1.2.3)."""
    digits = re.sub(r"\D", "", number)
    return "".join(digits[at + 1] + digits[at] for at in range(0, len(digits) - 1, 2))


def _end(tx: Tx, number: str) -> int:
    """Let the hash alone stand, once nothing of the person is left; how many messages are on their way."""
    _securely(tx)
    moving = int(tx.value("SELECT count(*) FROM messages WHERE recipient = :number", number=number) or 0)
    if not moving:
        tx.run("DELETE FROM suppressions WHERE number = :number", number=number)
    return moving


def _spelled(number: str) -> tuple[dict[str, object], str]:
    """Binds for every way in which a SIM may tell a number, and their names for IN."""
    digits = re.sub(r"\D", "", number)
    tails = {digits[at:] for at in range(max(1, len(digits) - 8))}
    forms = sorted({number} | {head + tail for tail in tails for head in ("", "0", "00", "8")})
    binds: dict[str, object] = {f"n{at}": form for at, form in enumerate(forms)}
    return binds, ", ".join(f":{name}" for name in binds)


def _securely(tx: Tx) -> None:
    """What is deleted from a file is overwritten, pages that fall free included."""
    if tx.sqlite:
        tx.run("PRAGMA secure_delete = ON")


def _usual(tx: Tx) -> None:
    if tx.sqlite:
        tx.run("PRAGMA secure_delete = FAST")
