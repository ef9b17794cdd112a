"""Replies by person: who wrote last, what is new, and the talk with one of them from both sides."""

from __future__ import annotations

from datetime import datetime

from modemfarm.store import locks, shapes
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.shapes import Shape, rfc3339
from modemfarm.store.views import parts_of

FOLDERS = {"people": "message", "calls": "missed_call", "services": "service"}  # what a reply is -> where it is filed
_WHOLE = "({0}.complete = 1 OR {0}.verdict IS NOT NULL)"
_MARKS = ("contact.opted_out", "contact.opted_in")


def holding(column: str, words: str) -> tuple[str, dict[str, object]]:
    """A condition that a text holds these words, in small letters, capitals or as typed, and its binds.

    The spellings are tried one by one: SQLite knows the capitals of ASCII only.
    """
    plain = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    spellings = dict.fromkeys((plain, plain.lower(), plain.upper(), plain.capitalize()))
    binds: dict[str, object] = {f"words{place}": f"%{spelling}%" for place, spelling in enumerate(spellings)}
    return "(" + " OR ".join(f"{column} LIKE :{name} ESCAPE '\\'" for name in binds) + ")", binds


def listed(tx: Tx, folder: str, *, search: str = "", cursor: str | None = None, limit: int = 50) -> Shape:
    """A page of those who wrote, whoever wrote last first: ``{"data": […], "next": cursor or None}``.

    Args:
        folder: of FOLDERS.
        search: piece of a number, or of anything that they wrote.
    """
    newer = (
        "SELECT 1 FROM inbound n WHERE n.originator = i.originator AND n.id > i.id"  # noqa: S608 # our own words
        f" AND n.kind = :kind AND {_WHOLE.format('n')}"
    )
    wanted = [_WHOLE.format("i"), "i.kind = :kind", f"NOT EXISTS ({newer})"]
    binds: dict[str, object] = {"kind": FOLDERS[folder]}
    if search:
        number, binds_number = holding("i.originator", search)
        text, binds_text = holding("s.text", search)
        wanted.append(f"({number} OR EXISTS (SELECT 1 FROM inbound s WHERE s.originator = i.originator AND {text}))")  # noqa: S608 # our own words
        binds |= binds_number | binds_text
    if cursor is not None and cursor.isascii() and cursor.isdigit():
        wanted.append("i.id < :cursor")
        binds["cursor"] = min(int(cursor), 2**62)
    rows = tx.all(
        "SELECT i.*, (SELECT count(*) FROM inbound u WHERE u.originator = i.originator AND u.kind = :kind"  # noqa: S608 # our own words
        " AND u.read_at IS NULL AND u.old = 0) AS fresh"
        f" FROM inbound i WHERE {' AND '.join(wanted)} ORDER BY i.id DESC LIMIT :limit",
        **binds,
        limit=limit + 1,
    )
    data = [shapes.inbound(row) | {"new": row["fresh"]} for row in rows[:limit]]
    return {"data": data, "next": str(rows[limit - 1]["id"]) if len(rows) > limit else None}


def unread(tx: Tx) -> dict[str, int]:
    """How many of the newest replies nobody has looked at, by folder."""
    rows = tx.all(
        "SELECT kind, count(*) AS n FROM (SELECT kind, read_at FROM inbound WHERE old = 0 ORDER BY id DESC LIMIT 999) x"
        " WHERE read_at IS NULL GROUP BY kind"
    )
    counted = {row["kind"]: row["n"] for row in rows}
    return {folder: counted.get(kind, 0) for folder, kind in FOLDERS.items()}


def mark_read(tx: Tx, number: str, now: datetime) -> int:
    """A person has seen everything that this sender wrote; how much of it was new."""
    return tx.run(
        "UPDATE inbound SET read_at = :now WHERE id IN (SELECT id FROM inbound"  # noqa: S608 # our own words
        f" WHERE originator = :number AND read_at IS NULL ORDER BY id{locks.taking(tx)})",
        now=to_us(now),
        number=number,
    )


def is_new(tx: Tx, number: str) -> bool:
    """Whether there is something from this sender that nobody has looked at."""
    return bool(tx.value("SELECT 1 FROM inbound WHERE originator = :n AND read_at IS NULL LIMIT 1", n=number))


def talk(tx: Tx, number: str, most: int = 200) -> list[Shape]:
    """What was said by both sides, oldest first.

    Returns:
        Items with ``at``, ``side`` (``theirs``, ``ours`` or ``mark``) and the reply, message or event under ``item``;
        a reply that was an opt-out holds how many messages that took back, as ``canceled``.
    """
    came = tx.all(
        f"SELECT * FROM inbound WHERE originator = :number AND {_WHOLE.format('inbound')} ORDER BY id DESC LIMIT :most",  # noqa: S608 # our own words
        number=number,
        most=most,
    )
    found: list[Shape] = [
        {"us": row["received_at"], "side": "theirs", "item": shapes.inbound(row), "canceled": None} for row in came
    ]
    rows = tx.all("SELECT * FROM messages WHERE recipient = :n ORDER BY id DESC LIMIT :most", n=number, most=most)
    parts = parts_of(tx, [row["id"] for row in rows])
    for row in rows:
        said = {"us": row["sent_at"] or row["created_at"], "side": "ours"}
        found.append(said | {"item": shapes.message(row, parts[row["id"]]) | {"automatic": row["automatic"]}})
    for row in _marks(tx, number, most):
        data = shapes.parsed(row["data"])
        found.append({"us": row["at"], "side": "mark", "item": {"kind": row["kind"], "data": data}})
    found.sort(key=lambda item: item["us"])
    return _joined(found[-most:])


def _marks(tx: Tx, number: str, most: int) -> list[Row]:
    first, second = _MARKS
    return tx.all(
        "SELECT at, kind, data FROM events WHERE kind IN (:first, :second) AND subject = :number"
        " AND message_id IS NULL ORDER BY id DESC LIMIT :most",
        first=first,
        second=second,
        number=number,
        most=most,
    )


def _joined(items: list[Shape]) -> list[Shape]:
    """The same with a mark told at the reply that set it."""
    told: list[Shape] = []
    last: Shape | None = None  # of theirs
    for item in items:
        item["at"] = rfc3339(item["us"])
        if item["side"] == "theirs":
            last = item
        elif last is not None and last["canceled"] is None and _by_reply(item):
            last["canceled"] = item["item"]["data"].get("canceled", 0)
            continue
        told.append(item)
    return told


def _by_reply(item: Shape) -> bool:
    """Whether it is the mark of an opt-out that a reply asked for."""
    opted_out = item["side"] == "mark" and item["item"]["kind"] == "contact.opted_out"
    return bool(opted_out and item["item"]["data"].get("source") == "reply")


def last_of(tx: Tx, number: str) -> Shape | None:
    """The newest reply of a sender."""
    row = tx.one("SELECT * FROM inbound WHERE originator = :number ORDER BY id DESC LIMIT 1", number=number)
    return None if row is None else shapes.inbound(row)
