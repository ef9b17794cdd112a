"""Finds messages as people look for them: by piece of a number, words, reference, SIM, batch, class and day."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from modemfarm.store import shapes, threads, views
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.shapes import Shape

_DIGITS = re.compile(r"[^\d]+")
_NUMBER = re.compile(r"\+?[\d\s().-]{3,}")


@dataclass(frozen=True, slots=True)
class Sought:
    """What must be true of a message; nothing: all of them.

    Attributes:
        words: piece of a number, of the text, or a whole reference; ``#17`` is the message of that id.
        since, before: when it was taken in.
    """

    states: tuple[str, ...] = ()
    words: str = ""
    iccid: str = ""
    batch: int | None = None
    message_class: str = ""
    since: datetime | None = None
    before: datetime | None = None

    def is_plain(self) -> bool:
        """Whether only state, batch and class decide, by which many can be acted on at once."""
        return replace(self, states=(), batch=None, message_class="") == Sought()


def _conditions(sought: Sought) -> tuple[list[str], dict[str, object]]:
    wanted: list[str] = []
    binds: dict[str, object] = {}
    if sought.states:
        binds |= {f"s{place}": name for place, name in enumerate(sought.states)}
        wanted.append(f"state IN ({', '.join(f':s{place}' for place in range(len(sought.states)))})")
    for column, value in (("iccid", sought.iccid), ("batch_id", sought.batch), ("class", sought.message_class)):
        if value not in ("", None):
            wanted.append(f"{column} = :{column}")
            binds[column] = value
    if sought.since is not None:
        wanted.append("created_at >= :since")
        binds["since"] = to_us(sought.since)
    if sought.before is not None:
        wanted.append("created_at < :before")
        binds["before"] = to_us(sought.before)
    if sought.words.startswith("#") and sought.words[1:].isdecimal():
        wanted.append("id = :one")
        binds["one"] = min(int(sought.words[1:]), 2**62)
    elif sought.words:
        text, binds_text = threads.holding("text", sought.words)
        either = ["reference = :words", text]
        binds |= binds_text | {"words": sought.words}
        if _NUMBER.fullmatch(sought.words):
            either.append("recipient LIKE :digits")
            binds["digits"] = f"%{_DIGITS.sub('', sought.words).lstrip('0')}%"
        wanted.append(f"({' OR '.join(either)})")
    return wanted, binds


def messages(tx: Tx, sought: Sought, *, cursor: str | None = None, limit: int = views.PER_PAGE) -> Shape:
    """A page of them, newest first: ``{"data": […], "next": cursor or None}``."""
    wanted, binds = _conditions(sought)

    def shape(rows: list[Row]) -> list[Shape]:
        parts = views.parts_of(tx, [row["id"] for row in rows])
        return [shapes.message(row, parts[row["id"]]) for row in rows]

    return views.page(tx, "messages", binds, wanted, shape, order="desc", cursor=cursor, limit=limit)


def counts(tx: Tx, sought: Sought) -> dict[str, int]:
    """How many of them stand in each state, whatever state is sought."""
    wanted, binds = _conditions(replace(sought, states=()))
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    rows = tx.all(f"SELECT state, count(*) AS n FROM messages {where} GROUP BY state", **binds)  # noqa: S608 # our own words
    return {row["state"]: row["n"] for row in rows}


def oldest_waiting(tx: Tx) -> Shape | None:
    """The message that has waited longest, not counting those for a later time."""
    found = [
        tx.value("SELECT min(id) FROM messages WHERE state = :state", state=state)
        for state in ("queued", "sending", "held")
    ]
    first = min((number for number in found if number is not None), default=None)
    return None if first is None else views.message(tx, int(first))
