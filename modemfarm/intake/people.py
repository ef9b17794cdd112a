"""Reads a file of contacts with the readers of message files: the same names of columns, encodings and separators."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from modemfarm.errors import BadFieldError, BadRecipientError
from modemfarm.intake.bulk import Run
from modemfarm.intake.columns import column_of, squeeze
from modemfarm.intake.draft import IntakeSettings
from modemfarm.intake.rows import Known, RowError, read_rows
from modemfarm.model import mask
from modemfarm.policy.numbers import parse_recipient
from modemfarm.store import contacts, forgotten
from modemfarm.store.contacts import Contact, Look
from modemfarm.store.engine import Tx

CHUNK = 200  # people a transaction
MOST_ATTRIBUTES = 100
MOST_VALUE = 2_000  # characters
FORGOTTEN = "was forgotten; `modemfarm suppress remove NUMBER` allows it again"
# faults of a row as such; others are about columns that mean nothing here
_UNREADABLE = frozenset({"bad_csv", "bad_json", "too_many_cells"})
_CALLED = {
    "zone": "zone timezone tz 时区 時區 часовойпояс зона",
    "language": "language lang 语言 語言 язык",
}
_OURS = frozenset({"source", "createdat", "updatedat"})  # of an export; they are not the owner's
FIELDS = ("number", "name", "zone", "language", "source", "created_at")  # of an export, before the attributes
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = {squeeze(word): column for column, words in _CALLED.items() for word in words.split()}


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file of contacts."""

    added: int
    known: int
    rejected: tuple[RowError, ...]


def checked(
    number: str,
    settings: IntakeSettings,
    *,
    name: str | None = None,
    zone: str | None = None,
    language: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Contact:
    """What somebody says about a person, if it can be kept.

    Raises:
        BadRecipientError, BadFieldError
    """
    parsed = parse_recipient(number, country=settings.country, allow_countries="all", allow_fixed=True)
    if not parsed.number.startswith("+"):
        raise BadRecipientError(number, "short_code", "a service's number is no person's")
    given = {key.strip(): value.strip() for key, value in (attributes or {}).items() if key.strip()}
    for what, value in (("name", name), ("language", language), *given.items()):
        if value is not None and (len(value) > MOST_VALUE or "\0" in value):
            raise BadFieldError(what, "too_long", f"more than {MOST_VALUE} characters, or a NUL")
    if len(given) > MOST_ATTRIBUTES:
        raise BadFieldError("attributes", "too_many", f"a person has {MOST_ATTRIBUTES} attributes at most")
    if zone and not _is_zone(zone):
        raise BadFieldError("zone", "unknown_zone", f"{zone!r} is no time zone; expected one like Asia/Shanghai")
    return Contact(parsed.number, name, zone, language, given)


@functools.lru_cache(maxsize=256)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def read(octets: bytes, settings: IntakeSettings, encoding: str | None = None) -> Iterator[Contact | RowError]:
    """The people of a file, in its order, or what is wrong with a row.

    A column of numbers is needed; name, zone and language are known by their names in three languages, every other
    column is an attribute by the name that the file gives it.

    Raises:
        BadFieldError: the file as a whole cannot be read.
    """
    for row in read_rows(octets, encoding=encoding, template="-"):
        if row.error is not None and row.error.code in _UNREADABLE:
            yield row.error
            continue
        told: dict[str, str] = {}
        attributes: dict[str, str] = {}
        for header, cell in row.cells.items():
            column = column_of(header)
            meant = column if column in ("to", "name") else _COLUMNS.get(squeeze(header))
            if not cell.strip():
                continue
            if meant is not None:
                told.setdefault(meant, cell.strip())
            elif header and squeeze(header) not in _OURS:
                attributes[header] = opened(cell)
        try:
            yield checked(
                told.get("to", ""),
                settings,
                name=opened(told["name"]) if "name" in told else None,
                zone=told.get("zone"),
                language=told.get("language"),
                attributes=attributes,
            )
        except (BadRecipientError, BadFieldError) as error:
            yield RowError(row.number, error.field, error.code, str(error))


def closed(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def opened(cell: str) -> str:
    """The same cell as it was."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    """People as the lines of a CSV file, the header first; `read` reads it."""
    names = sorted({name for row in rows for name in row["attributes"]})
    yield [*FIELDS, *(closed(name) for name in names)]
    for row in rows:
        own = [str(row[key] or "") for key in FIELDS]
        yield [
            own[0],
            *(closed(cell) for cell in own[1:]),
            *(closed(row["attributes"].get(name, "")) for name in names),
        ]


def add(tx: Tx, contact: Contact, source: str, now: datetime) -> bool:
    """Write down one person, or what is new; whether it was not known.

    Raises:
        BadRecipientError: the person was forgotten, and nobody lifted that.
    """
    if forgotten.among(tx, [contact.number]):
        raise BadRecipientError(mask(contact.number), "forgotten", FORGOTTEN)
    return bool(contacts.put(tx, [contact], source, now))


def filler(look: Look, settings: IntakeSettings) -> Known:
    """What templates find of a recipient among the contacts, by squeezed name; nothing where the number is none."""

    def known(raw: str) -> dict[str, str]:
        try:
            number = parse_recipient(raw, country=settings.country, allow_countries="all", allow_fixed=True).number
        except BadRecipientError:
            return {}
        return {squeeze(name): value for name, value in look(contacts.values, number).items()}

    return known


def take(run: Run, people: Iterator[Contact | RowError], now: datetime) -> Imported:
    """Write the people of a file in small transactions; who was forgotten is not taken in again."""
    added = known = number = 0
    rejected: list[RowError] = []
    some: list[tuple[int, Contact]] = []

    def write() -> None:
        nonlocal added, known
        new, old, gone = run(_write, [one for _, one in some], now)
        added, known = added + new, known + old
        rejected.extend(RowError(at, "to", "forgotten", FORGOTTEN) for at, one in some if one.number in gone)
        some.clear()

    for one in people:
        number += 1
        if isinstance(one, RowError):
            rejected.append(one)
            continue
        some.append((number, one))
        if len(some) >= CHUNK:
            write()
    if some:
        write()
    return Imported(added, known, tuple(sorted(rejected, key=lambda fault: fault.row)))


def _write(tx: Tx, people: Sequence[Contact], now: datetime) -> tuple[int, int, set[str]]:
    gone = forgotten.among(tx, [one.number for one in people])
    taken = [one for one in people if one.number not in gone]
    new = contacts.put(tx, taken, "import", now)
    return new, len(taken) - new, gone
