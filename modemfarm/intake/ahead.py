"""Reads and checks the rows of a long file in a second process while this one writes those before them."""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import BinaryIO

from modemfarm.errors import SubmitError
from modemfarm.intake.accept import check
from modemfarm.intake.draft import IntakeSettings
from modemfarm.intake.rows import Row, RowError
from modemfarm.store.messages import NewMessage

WORTH_OCTETS = 200_000  # of a file: some 2,500 rows; a shorter one is through before a second process pays
_AT_ONCE = 200  # rows in one octet string
_values = attrgetter(*(field.name for field in fields(NewMessage)))


@dataclass(frozen=True, slots=True)
class Checked:
    """A row of a file: a message that nothing is wrong with by itself, or what is wrong."""

    number: int
    message: NewMessage | None
    error: RowError | None


def checked(
    rows: Iterable[Row], settings: IntakeSettings, clock: Callable[[], datetime]
) -> Generator[Checked, None, None]:
    """Each row with what can be said of it without a database.

    Args:
        settings: with the rules in force, for the rows that are offers.
    """
    for row in rows:
        if row.draft is None:
            yield Checked(row.number, None, row.error)
            continue
        try:
            message, _ = check(row.draft, settings, clock())
        except SubmitError as error:
            yield Checked(row.number, None, RowError(row.number, error.field, error.code, str(error)))
        else:
            yield Checked(row.number, message, None)


def ahead(items: Generator[Checked, None, None]) -> Generator[Checked, None, None]:
    """The same items, made by a child of this process, which is ahead by what a pipe holds.

    If the child ends before its time, for whatever reason, the rest is made here: also its error is met here again.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Newer Pythons warn where threads run; the child takes none of their locks, and leaves by _exit.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _serve(items, reading, writing)
    os.close(writing)
    through = 0
    try:
        with os.fdopen(reading, "rb") as pipe:
            for some in _received(pipe):
                through += len(some)
                yield from some
                if len(some) < _AT_ONCE:  # the last ones
                    return
    finally:
        os.waitpid(child, 0)  # it ended, or finds that nobody reads
    yield from itertools.islice(items, through, None)


def _serve(items: Iterator[Checked], reading: int, writing: int) -> None:
    """The child: it must not come back from here, nor touch a connection of its parent's."""
    status = 1
    with contextlib.suppress(BaseException):  # the parent meets it again, where somebody is there to be told
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            while True:
                some = list(itertools.islice(items, _AT_ONCE))
                packed = [(one.number, one.message and _values(one.message), one.error) for one in some]
                pickle.dump(packed, pipe, pickle.HIGHEST_PROTOCOL)
                pipe.flush()
                if len(some) < _AT_ONCE:
                    break
        status = 0
    os._exit(status)


def _received(pipe: BinaryIO) -> Iterator[list[Checked]]:
    while True:
        try:
            packed = pickle.load(pipe)  # noqa: S301 # by our own child
        except (EOFError, pickle.UnpicklingError):
            return
        yield [Checked(number, values and NewMessage(*values), error) for number, values, error in packed]
