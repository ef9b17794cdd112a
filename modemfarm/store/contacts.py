"""The people whom the owner wrote down, with what is known of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from modemfarm.store import releasing
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.shapes import rfc3339

T = TypeVar("T")
_COLUMNS = "number, name, attributes, zone, language, source, created_at, updated_at"
_ESCAPED = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})
_PAGE = 500


class Look(Protocol):
    """Calls a store function in a read transaction and gives its result: Store.look."""

    def __call__(self, work: Callable[..., T], *args: Any) -> T: ...


@dataclass(frozen=True, slots=True)
class Contact:
    """What somebody says about a person; None leaves what is known, "" clears it.

    Attributes:
        number: E.164.
        attributes: texts by name; "" takes one away, others stay.
    """

    number: str
    name: str | None = None
    zone: str | None = None
    language: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


def put(tx: Tx, wanted: Sequence[Contact], source: str, now: datetime) -> int:
    """Add people, or what is new about them; how many were not known.

    Args:
        source: ``cli api page import``: how somebody came in first.
    """
    new = 0
    moved = []
    for told in sorted(
        wanted, key=lambda contact: contact.number
    ):  # two files at once wait for each other in one order
        row = one(tx, told.number)
        known: Row = row or {"name": "", "attributes": {}, "zone": None, "language": None}
        merged = {name: value for name, value in (known["attributes"] | dict(told.attributes)).items() if value != ""}
        tx.run(
            "INSERT INTO contacts (number, name, attributes, zone, language, source, created_at, updated_at)"
            " VALUES (:number, :name, :attributes, :zone, :language, :source, :now, :now)"
            " ON CONFLICT (number) DO UPDATE SET name = excluded.name, attributes = excluded.attributes, "
            " zone = excluded.zone, language = excluded.language, updated_at = excluded.updated_at",
            number=told.number,
            name=known["name"] if told.name is None else told.name,
            attributes=json.dumps(merged, ensure_ascii=False),
            zone=known["zone"] if told.zone is None else told.zone or None,
            language=known["language"] if told.language is None else told.language or None,
            source=source,
            now=to_us(now),
        )
        new += row is None
        if told.zone is not None and (told.zone or None) != known["zone"]:
            moved.append(told.number)
    releasing.offers_to(tx, moved, now)
    return new


def one(tx: Tx, number: str) -> Row | None:
    """A person's row, with `attributes` read."""
    row = tx.one(f"SELECT {_COLUMNS} FROM contacts WHERE number = :number", number=number)  # noqa: S608 # ours
    return None if row is None else _read(row)


def listed(tx: Tx, after: str = "", most: int = 50, search: str = "") -> list[Row]:
    """People in order of number, behind `after`; of a search, those with it in number or name."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM contacts WHERE number > :after AND (:search = '' OR number LIKE :like ESCAPE '\\'"  # noqa: S608 # ours
        " OR name LIKE :like ESCAPE '\\' OR lower(name) LIKE :lower ESCAPE '\\') ORDER BY number LIMIT :most",
        after=after,
        search=search,
        like=f"%{search.translate(_ESCAPED)}%",
        lower=f"%{search.lower().translate(_ESCAPED)}%",
        most=most,
    )
    return [_read(row) for row in rows]


def count(tx: Tx) -> int:
    """How many people are written down."""
    return int(tx.value("SELECT count(*) FROM contacts") or 0)


def values(tx: Tx, number: str) -> dict[str, str]:
    """What a template may be filled with for a person; nothing for a stranger."""
    row = one(tx, number)
    if row is None:
        return {}
    return {**row["attributes"], **({"name": row["name"]} if row["name"] else {})}


def document(row: Row) -> dict[str, Any]:
    """A row as programs read it."""
    told = {key: row[key] for key in ("number", "name", "attributes", "zone", "language", "source")}
    return told | {key: rfc3339(row[key]) for key in ("created_at", "updated_at")}


def everybody(look: Look) -> Iterator[dict[str, Any]]:
    """All people as programs read them, a page at a time."""
    after = ""
    while rows := look(listed, after, _PAGE):
        yield from (document(row) for row in rows)
        after = rows[-1]["number"]


def _read(row: Row) -> Row:
    return {**row, "attributes": json.loads(row["attributes"])}
