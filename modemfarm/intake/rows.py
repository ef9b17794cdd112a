"""Reads a file of many messages, CSV or one JSON object a line, into drafts; a bad row is told, never guessed."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, BinaryIO

from modemfarm.errors import BadFieldError
from modemfarm.intake.columns import COLUMNS, MissingValue, Template, column_of, squeeze
from modemfarm.intake.draft import Draft
from modemfarm.intake.encodings import decode_rows
from modemfarm.intake.mapping import ColumnMap
from modemfarm.intake.members import MemberTwiceError, single_members
from modemfarm.intake.tables import Lines, is_number
from modemfarm.intake.values import parse_flag, parse_moment, parse_span

Known = Callable[[str], Mapping[str, str]]
_JSON = json.JSONDecoder(object_pairs_hook=single_members)
_NO_MAP = ColumnMap()
_FLAGS = frozenset({"flash", "report", "resend_unknown", "fixed_line", "confirm_emergency", "store_text"})
_TEXTS = {"to": "to", "text": "text", "class": "message_class", "purpose": "purpose", "from": "pinned"}
_TEXTS |= {"reference": "reference"}


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row was not taken.

    Attributes:
        column: as the file calls it; "" when no single one is at fault.
        code: stable slug.
    """

    row: int
    column: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Row:
    """One message of a file: a draft or what is wrong with it.

    Attributes:
        number: counts the file's messages from 1; a header line and blank lines do not count.
        cells: what the file holds, by its own column names.
    """

    number: int
    draft: Draft | None
    error: RowError | None
    cells: Mapping[str, str] = field(default_factory=dict)


class _RowFault(Exception):  # noqa: N818 # told with its row, never raised out of here
    def __init__(self, column: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.column, self.code, self.detail = column, code, detail


def read_rows(
    data: bytes | BinaryIO,
    *,
    format: str | None = None,  # noqa: A002 # the word that users know
    encoding: str | None = None,
    template: str | None = None,
    defaults: Mapping[str, Any] | None = None,
    zone: tzinfo | None = None,
    known: Known | None = None,
    columns: ColumnMap | None = None,
) -> Iterator[Row]:
    """The rows of a file, in its order.

    Args:
        format: ``csv`` or ``ndjson``; None: told by the first character.
        encoding: None: found out.
        template: text for every row, filled from its columns; a row's own text is then not needed.
        defaults: Draft fields for rows that do not set them.
        zone: where times without an offset are meant; None: they are refused.
        known: what is known of a recipient, by squeezed name: fills what the template finds nothing for in a row.
        columns: what the owner says of them; the others go by their names.

    Raises:
        BadFieldError: the file as a whole cannot be read (before the first row is given).
    """
    octets = data if isinstance(data, bytes) else data.read()
    mapped = columns or _NO_MAP
    text = decode_rows(octets, encoding, (*COLUMNS, *(name.lower() for name in mapped.named.values())))
    maker = _Maker(None if template is None else Template(template), dict(defaults or {}), zone, known, mapped)
    kind = format or _kind(text)
    if kind not in {"csv", "ndjson"}:
        raise BadFieldError("format", "unknown_format", f"{kind} is neither csv nor ndjson")
    return _ndjson(text, maker) if kind == "ndjson" else _csv(text, maker)


def at_least_one(rows: Iterator[Row]) -> Iterator[Row]:
    """The same rows.

    Raises:
        BadFieldError: there is none.
    """
    first = next(rows, None)
    if first is None:
        raise BadFieldError("", "no_rows", "there is no row in it")
    return itertools.chain([first], rows)


def read_first(octets: bytes, encoding: str | None = None) -> list[str]:
    """The cells of a CSV file's first line, or the names in the first object of the other kind; [] where there is none.

    Raises:
        BadFieldError: the file as a whole cannot be read.
    """
    text = decode_rows(octets, encoding, COLUMNS)
    if _kind(text) == "csv":
        return Lines(text).first()
    first = next(_ndjson(text, _Maker(None, {}, None)), None)
    return [] if first is None else list(first.cells)


def _kind(text: str) -> str:
    return "ndjson" if text.lstrip().startswith("{") else "csv"


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes drafts of rows."""

    template: Template | None
    defaults: Mapping[str, Any]
    zone: tzinfo | None
    known: Known | None = None
    mapped: ColumnMap = _NO_MAP

    def row(self, number: int, cells: Mapping[str, str], make: Callable[[], Draft]) -> Row:
        try:
            return Row(number, make(), None, cells)
        except _RowFault as fault:
            return Row(number, None, RowError(number, _shown(fault.column), fault.code, _shown(fault.detail)), cells)

    def draft(self, given: Mapping[str, Any], names: Mapping[str, str], values: Mapping[str, str]) -> Draft:
        """One draft.

        Args:
            given: by column; texts from a CSV, what JSON holds otherwise.
            names: column -> what the file calls it.
            values: every text of the row, for the template.
        """
        fields = dict(self.defaults)
        for column, value in given.items():
            try:
                fields |= _field(column, value, self.zone)
            except ValueError as error:
                raise _RowFault(names.get(column, column), f"bad_{column}", str(error)) from error
        if self.template is not None:
            try:
                fields["text"] = fill(self.template, values, str(fields.get("to") or ""), self.known)
            except MissingValue as missing:
                what = f"nothing for {{{missing.column}}} of the template"
                raise _RowFault(missing.column, "missing_value", what) from missing
        for needed in ("to", "text"):
            if not str(fields.get(needed) or "").strip():
                raise _RowFault(names.get(needed, needed), f"missing_{needed}", "is empty")
        return Draft(**fields)


def fill(template: Template, values: Mapping[str, str], to: str, known: Known | None) -> str:
    """The text for a recipient: from `values`, and for what they lack from what is known of the person.

    Raises:
        MissingValue: neither has it.
    """
    try:
        return template.fill(values)
    except MissingValue:
        if known is None:
            raise
        return template.fill({**known(to), **{name: value for name, value in values.items() if value}})


def _shown(text: str) -> str:
    """A text that can be kept and printed: half a surrogate pair, which JSON can hold, as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def _field(column: str, value: Any, zone: tzinfo | None) -> dict[str, Any]:
    """A column's value as fields of a Draft; an empty cell sets nothing."""
    if value is None or value == "":
        return {}
    if column in _FLAGS:
        return {column: value if isinstance(value, bool) else parse_flag(_word(value))}
    if column == "text" and not isinstance(value, str):
        raise ValueError("expected a text in quotes")  # it may be one that is not to be kept
    if column in _TEXTS:
        return {_TEXTS[column]: _word(value)}
    match column:
        case "send_at" | "valid_until":
            return {column: parse_moment(_word(value), zone)}
        case "valid_for":
            return {"valid_for": parse_span(_word(value))}
        case "priority":
            return {"priority": _whole(value)}
        case "tags":
            tags = value if isinstance(value, list) else _word(value).replace(";", ",").split(",")
            return {"tags": tuple(_word(tag).strip() for tag in tags if tag)}
        case "metadata":
            if not isinstance(value, dict):
                raise ValueError("expected an object")  # noqa: TRY004
            return {"metadata": value}
    return {}


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a text in quotes, not {json.dumps(value, ensure_ascii=False)}")  # noqa: TRY004
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not (
        isinstance(value, int) or (isinstance(value, str) and value.strip().isdecimal())
    ):
        raise ValueError(f"expected a whole number, not {value!r}")
    return int(value)


def _csv(text: str, maker: _Maker) -> Iterator[Row]:
    lines, mapped = Lines(text), maker.mapped
    header = [cell.strip() for cell in lines.first(stay=bool(mapped.placed))]
    if mapped.placed:
        header = [f"#{place}" for place in range(1, len(header) + 1)]
    return _csv_rows(lines, header, _places(header, maker), maker)


def _places(header: Sequence[str], maker: _Maker) -> dict[str, int]:
    """Column -> where it stands: as the owner says, else by its name.

    Raises:
        BadFieldError: no column for numbers or texts, or two for one.
    """
    mapped = maker.mapped
    found = mapped.places(header)
    told = set(found.values())
    shown = ", ".join(name or "(empty)" for name in header) or "nothing"
    for place, name in enumerate(header):
        column = None if place in told else column_of(name)
        if column is None or column in mapped.fields:
            continue
        if column in found and column != "name":
            raise BadFieldError(column, "two_columns", f"{header[found[column]]} and {name} both mean {column}")
        found[column] = place
    if "to" not in found:
        what = f"no column is called to, phone, 手机号 or телефон, and no map names it; the first line has: {shown}"
        raise BadFieldError("to", "missing_column", what)
    if "text" not in found and maker.template is None and "text" not in maker.defaults:
        what = f"no column is called text, 内容 or текст, and no template is given; the first line has: {shown}"
        raise BadFieldError("text", "missing_column", what)
    return found


def _csv_rows(lines: Lines, header: list[str], places: Mapping[str, int], maker: _Maker) -> Iterator[Row]:
    called = {column: header[place] for column, place in places.items()}
    squeezed, mapped = [squeeze(name) for name in header], maker.mapped.fields
    number = 0
    while True:
        lines.taken.clear()
        try:
            line = next(lines.rows)
        except StopIteration:
            return
        except csv.Error as error:
            for row in _unreadable(lines, header, number, str(error)):
                number = row.number
                yield row
            continue
        if not any(cell.strip() for cell in line):
            continue
        if any(_is_row(lines.loose(inner), header, places["to"]) for inner in lines.taken[1:]):
            for row in _unreadable(lines, header, number, "the cell holds whole rows"):
                number = row.number
                yield row
            continue
        number += 1
        cells = dict(zip(header, line, strict=False))

        def make(line: list[str] = line) -> Draft:
            if len(line) > len(header) and any(cell.strip() for cell in line[len(header) :]):
                raise _RowFault(
                    "", "too_many_cells", f"{len(line)} cells under {len(header)} columns: is a quote missing?"
                )
            there = {column: line[place] for column, place in places.items() if place < len(line)}
            given = {column: cell if column == "text" else cell.strip() for column, cell in there.items()}
            if maker.template is None:
                return maker.draft(given, called, {})
            values = {column: cell.strip() for column, cell in there.items()}
            told = {column: values[column] for column in mapped if column in values}
            values |= {name: cell.strip() for name, cell in zip(squeezed, line, strict=False)}
            return maker.draft(given, called, values | told)

        yield maker.row(number, cells, make)


def _is_row(cells: list[str], header: list[str], to: int) -> bool:
    """Whether a line inside a cell looks like a row of its own: as many cells, and a number where one belongs."""
    return len(cells) == len(header) > 1 and is_number(cells[to])


def _unreadable(lines: Lines, header: list[str], before: int, what: str) -> Iterator[Row]:
    """The rows behind a quote that does not end, or not where its cell does; none of them is sent."""
    first, *others = lines.taken
    cells = lines.loose(first)
    column = header[len(cells) - 1] if others and 0 < len(cells) <= len(header) else ""
    number = before + 1
    fault = RowError(number, column, "bad_csv", f"is a quote missing? {what}")
    yield Row(number, None, fault, dict(zip(header, cells, strict=False)))
    for line in others:
        cells = lines.loose(line)
        if any(cell.strip() for cell in cells):
            number += 1
            fault = RowError(number, "", "bad_csv", f"stands behind the open quote of row {before + 1}")
            yield Row(number, None, fault, dict(zip(header, cells, strict=False)))


def _ndjson(text: str, maker: _Maker) -> Iterator[Row]:
    if maker.mapped.placed:
        raise BadFieldError("map", "no_places", "objects have names and no places: say to=NAME, not to=#1")
    return _ndjson_rows(text, maker)


def _ndjson_rows(text: str, maker: _Maker) -> Iterator[Row]:
    number = 0
    for line in text.split("\n"):
        if not line.strip():
            continue
        number += 1
        try:
            given = _JSON.decode(line)
        except MemberTwiceError as twice:
            fault = RowError(number, _shown(twice.name), "two_columns", _shown(str(twice)))
            yield Row(number, None, fault, {"line": line.strip()})
            continue
        except (ValueError, RecursionError) as error:
            yield Row(number, None, RowError(number, "", "bad_json", f"not JSON: {error}"), {"line": line.strip()})
            continue
        if not isinstance(given, dict):
            what = 'expected an object like {"to": "+…", "text": "…"}'
            yield Row(number, None, RowError(number, "", "bad_json", what), {"line": line.strip()})
            continue
        cells = {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in given.items()
        }

        def make(given: dict[str, Any] = given) -> Draft:
            variables = given.get("vars") or {}
            if not isinstance(variables, dict):
                raise _RowFault("vars", "bad_vars", "expected an object")
            known, called = _members(given, maker.mapped)
            if maker.template is None:
                return maker.draft(known, called, {})
            values = {column_of(name) or "": str(value) for name, value in given.items() if _is_plain(value)}
            values |= {squeeze(name): str(value) for name, value in (given | variables).items() if _is_plain(value)}
            told = {column: str(known[column]) for column in maker.mapped.fields if _is_plain(known[column])}
            return maker.draft(known, called, values | told)

        yield maker.row(number, cells, make)


def _members(given: Mapping[str, Any], mapped: ColumnMap) -> tuple[dict[str, Any], dict[str, str]]:
    """What an object says of each column, and what it calls that."""
    called = dict(mapped.named)
    known = {column: given.get(name) for column, name in mapped.named.items()}
    told = set(called.values())
    for name, value in given.items():
        column = "metadata" if name == "metadata" else column_of(name)
        if column is None or column == "name" or name in told or column in mapped.fields:
            continue
        if column in known:
            raise _RowFault(name, "two_columns", f"{called[column]} and {name} both mean {column}")
        known[column], called[column] = value, name
    return known, called


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
