"""Writes CSV that a spreadsheet shows and never runs: the rows that a file's intake refused, with their cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from modemfarm.intake.rows import Row, RowError

# A cell that begins so is a formula to a spreadsheet; a number, with its sign, is none.
_FORMULA = re.compile(r"\s*[=+\-@\t\r|]")
_NUMBER = re.compile(r"\s*[+-]?[\d\s().,/-]+")


class Out(Protocol):
    """What takes text: a file, or a buffer."""

    def write(self, text: str, /) -> object:
        """Take it."""


def harmless(cell: str) -> str:
    """The cell; one that would be a formula with an apostrophe before it."""
    return "'" + cell if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def write_rows(out: Out, rows: Iterable[Iterable[object]]) -> None:
    """Lines of cells, each harmless."""
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([harmless(str(cell)) for cell in row])


def write_rejected(out: Out, rejected: Mapping[int, RowError], rows: Iterable[Row]) -> None:
    """Row, column and reason of each refused row, then its cells as the file has them.

    Args:
        rows: of the file; those that it does not hold any more are told without cells.
    """
    cells = {row.number: row.cells for row in rows if row.number in rejected}
    columns = list(dict.fromkeys(name for held in cells.values() for name in held))
    lines: list[list[object]] = [["row", "column", "reason", *columns]]
    for number in sorted(rejected):
        error, held = rejected[number], cells.get(number, {})
        reason = f"{error.code}: {error.detail}"
        lines.append([number, error.column, reason, *(held.get(name, "") for name in columns)])
    write_rows(out, lines)
