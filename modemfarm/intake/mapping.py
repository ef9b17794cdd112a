"""Which column of a file is which field, where its owner says so: `to=客户电话,text=内容`, or `to=#1` by place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modemfarm.errors import BadFieldError
from modemfarm.intake.columns import COLUMNS, column_of, squeeze

FIELDS = tuple(dict.fromkeys(COLUMNS.values()))
_PAIR = re.compile(r'([^=,"]*)=\s*(?:"((?:[^"]|"")*)"\s*|([^",\s][^,]*))(?:,|\Z)')
_PLACE = re.compile(r"#([1-9][0-9]{0,3})")


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """What a person said of a file's columns; one of the two is empty.

    Attributes:
        named: field -> what the file calls its column.
        placed: field -> its column, counted from 0; then the file's first line is a message like the others.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    placed: Mapping[str, int] = field(default_factory=dict)

    @property
    def fields(self) -> frozenset[str]:
        """What it speaks of."""
        return frozenset((*self.named, *self.placed))

    @property
    def canonical(self) -> str:
        """The same as it may be typed, one way for all that mean the same."""
        said = [f"{name}={quoted(column)}" for name, column in self.named.items()]
        return ",".join(sorted(said + [f"{name}=#{place + 1}" for name, place in self.placed.items()]))

    def places(self, header: Sequence[str]) -> dict[str, int]:
        """Field -> where it stands in a file.

        Raises:
            BadFieldError: the file has no such column, or several of that name.
        """
        columns = ", ".join(name.strip() or "(empty)" for name in header) or "nothing"
        found: dict[str, int] = {}
        for name, wanted in self.named.items():
            exact = [place for place, column in enumerate(header) if column.strip() == wanted]
            near = exact or [place for place, column in enumerate(header) if squeeze(column) == squeeze(wanted)]
            if not near:
                what = f"no column is called {wanted}; the first line has: {columns}"
                raise BadFieldError("map", "unknown_column", what, column=wanted, columns=columns)
            if len(near) > 1:
                raise BadFieldError("map", "two_columns", f"{len(near)} columns are called {wanted}")
            found[name] = near[0]
        for name, place in self.placed.items():
            if place >= len(header):
                what = f"there is no column #{place + 1}; the first line has {len(header)}"
                raise BadFieldError("map", "unknown_column", what, column=f"#{place + 1}", columns=columns)
            found[name] = place
        return found


def parse_map(said: Sequence[str]) -> ColumnMap | None:
    """What a person typed, once or several times; None: nothing.

    A field goes by any name that a column of it may have (`phone` is `to`). A column with a comma stands in quotes, as
    does one whose name begins with `#`; a quote inside is doubled.

    Raises:
        BadFieldError: it cannot be read, speaks of a field that no message has or of one twice, or mixes both ways.
    """
    named: dict[str, str] = {}
    placed: dict[str, int] = {}
    for text in said:
        at = 0
        while at < len(text) or not text:
            pair = _PAIR.match(text, at)
            if pair is None:
                raise BadFieldError("map", "bad_map", f"{text!r} is not like to=COLUMN,text=COLUMN", raw=text)
            at = pair.end()
            meant = _field(pair[1].strip())
            if meant in named or meant in placed:
                raise BadFieldError("map", "two_columns", f"{meant} is said twice")
            place = _PLACE.fullmatch((pair[3] or "").strip())
            if place is not None:
                placed[meant] = int(place[1]) - 1
            else:
                named[meant] = pair[3].strip() if pair[2] is None else pair[2].replace('""', '"').strip()
    if named and placed:
        what = "a file has a line of names or none: say all columns by name, or all by #number"
        raise BadFieldError("map", "names_and_places", what)
    return ColumnMap(named, placed) if named or placed else None


def _field(name: str) -> str:
    meant = column_of(name)
    if meant is None:
        known = ", ".join(FIELDS)
        what = f"{name or 'nothing'} is no field of a message; known are {known}"
        raise BadFieldError("map", "unknown_field", what, field=name, known=known)
    return meant


def quoted(column: str) -> str:
    """A column's name as it stands in a map."""
    return '"' + column.strip().replace('"', '""') + '"'
