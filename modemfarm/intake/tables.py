"""CSV as people save it: any of three separators, Excel's `sep=` line, and lines that can be told one by one."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from modemfarm.errors import BadFieldError
from modemfarm.intake.columns import column_of

MOST_CELL = 1_000_000  # characters; csv's own limit of 131,072 would end the file
_SEPARATORS = ",;\t"
_NUMBER = re.compile(r"\+?[\d\s().-]{7,}")


class Lines:
    """The rows of a CSV text, and which of its lines the last one took."""

    def __init__(self, text: str) -> None:
        csv.field_size_limit(MOST_CELL)
        self._text, self.separator = _separated(text)
        self._begin()

    def _begin(self) -> None:
        self.taken: list[str] = []
        # strict: a quote that never ends is an error, not the rest of the file in one cell
        self.rows = csv.reader(self._noted(), delimiter=self.separator, strict=True)

    def _noted(self) -> Iterator[str]:
        for line in io.StringIO(self._text, newline=""):
            self.taken.append(line)
            yield line

    def first(self, *, stay: bool = False) -> list[str]:
        """The first line that says anything; the rows go on behind it.

        Args:
            stay: the rows begin with it.

        Raises:
            BadFieldError: it cannot be read.
        """
        try:
            found = next((line for line in self.rows if any(cell.strip() for cell in line)), [])
        except csv.Error as error:
            raise BadFieldError("file", "bad_csv", str(error)) from error
        if stay:
            self._begin()
        return found

    def loose(self, line: str) -> list[str]:
        """One line's cells, as far as they can be told."""
        try:
            return [cell.rstrip("\r\n") for cell in next(csv.reader([line], delimiter=self.separator), [])]
        except csv.Error:
            return [line.rstrip("\r\n")]


def _separated(text: str) -> tuple[str, str]:
    """The text without Excel's `sep=` line, and what stands between its cells."""
    first, _, rest = text.lstrip("\r\n").partition("\n")
    if first.lower().startswith("sep=") and len(first.strip("\r")) == 5:
        return rest, first[4]
    bare = "".join(first.split('"')[::2])  # what is not inside quotes
    return text, max(_SEPARATORS, key=bare.count)


def is_headless(first: Sequence[str]) -> bool:
    """Whether the first line of a file is a message already: none of its cells is a column's name, one is a number."""
    return not any(map(column_of, first)) and any(map(is_number, first))


def is_number(cell: str) -> bool:
    """Whether a cell looks like a phone number, right or not."""
    return _NUMBER.fullmatch(cell.strip()) is not None
