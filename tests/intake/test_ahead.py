"""A file is taken the same whether one process reads, checks and writes it, or two."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modemfarm.intake.ahead import ahead, checked
from modemfarm.intake.bulk import Bulk
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.intake.rows import Row, RowError
from modemfarm.model import Reason
from modemfarm.store import migrations, suppress
from modemfarm.store.engine import Store

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
INTAKE = IntakeSettings(country="CN", allow_countries="all")
OUT = "+8613800000007"

_texts = st.sampled_from(["hello", "您好", "", "😀" * 80, "x" * 400, "long " * 600, "half \ud83d", "\0"])
_drafts = st.builds(
    Draft,
    to=st.sampled_from([OUT, "13900139000", "nonsense", "+8613"]) | st.integers(0, 40).map(lambda at: f"+86138{at:08}"),
    text=_texts,
    message_class=st.sampled_from([None, "transactional", "marketing", "conversation", "emergency", "no such"]),
    pinned=st.sampled_from([None, "shop"]),
    send_at=st.sampled_from([None, NOW + timedelta(hours=1), NOW + timedelta(days=4000)]),
    valid_for=st.sampled_from([None, timedelta(hours=2), timedelta(0)]),
    priority=st.sampled_from([None, 9, 10]),
    tags=st.sampled_from([(), ("a", "b")]),
    metadata=st.sampled_from([{}, {"order": 7}]),
)
_bad = st.builds(RowError, row=st.just(0), column=st.just("to"), code=st.just("missing_to"), detail=st.just("is empty"))


def _numbered(some: list[Draft | RowError]) -> Iterator[Row]:
    for number, one in enumerate(some, 1):
        if isinstance(one, Draft):
            yield Row(number, one, None)
        else:
            yield Row(number, None, RowError(number, one.column, one.code, one.detail))


def _taken(some: list[Draft | RowError], *, beside: bool) -> list[Any]:
    """All that a batch leaves behind."""
    told: list[RowError] = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store("sqlite:///farm.db", Path(folder))
        migrations.upgrade(store, NOW)
        store.run(suppress.add, OUT, OUT[-9:], "web", NOW)
        bulk = Bulk(store.run, INTAKE, lambda: NOW, rejected=told.append, beside=beside)
        report = bulk.take(_numbered(some), name="f", fingerprint="p")
        with store.read() as tx:
            tables = [
                tx.all(f"SELECT * FROM {name} ORDER BY 1, 2")  # our own words
                for name in ("batches", "batch_errors", "messages", "parts", "events")
            ]
        store.close()
    return [report, told, *tables]


@settings(max_examples=8, deadline=None)
@given(st.lists(_drafts | _bad, max_size=30), st.integers(0, 420))
def test_two_processes_leave_behind_what_one_does(some: list[Draft | RowError], more: int) -> None:
    some = [*some, *(Draft(f"+86137{at:08}", f"more {at}") for at in range(more))]
    assert _taken(some, beside=True) == _taken(some, beside=False)


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 400])
def test_no_row_is_lost_where_what_a_pipe_holds_ends(count: int) -> None:
    rows = _numbered([Draft(f"+86138{at:08}", "hello") for at in range(count)])
    assert [one.number for one in ahead(checked(rows, INTAKE, lambda: NOW))] == list(range(1, count + 1))


def test_a_killed_reader_costs_no_row() -> None:
    parent = os.getpid()

    def rows() -> Iterator[Row]:
        for row in _numbered([Draft(f"+86138{at:08}", "hello") for at in range(700)]):
            if row.number == 450 and os.getpid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)
            yield row

    assert [one.number for one in ahead(checked(rows(), INTAKE, lambda: NOW))] == list(range(1, 701))


def test_an_error_of_the_file_is_met_where_one_process_meets_it() -> None:
    def rows() -> Iterator[Row]:
        yield from _numbered([Draft(f"+86138{at:08}", "hello") for at in range(250)])
        raise ValueError("the file ends here")

    seen: list[int] = []
    with pytest.raises(ValueError, match="ends here"):
        seen.extend(one.number for one in ahead(checked(rows(), INTAKE, lambda: NOW)))
    assert seen == list(range(1, 251))


def test_who_stops_reading_leaves_no_process_behind() -> None:
    rows = _numbered([Draft(f"+86138{at:08}", "hello") for at in range(20_000)])
    items = ahead(checked(rows, INTAKE, lambda: NOW))
    assert next(items).number == 1
    items.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_message_crosses_whole() -> None:
    draft = Draft(
        "+8613900139000", "您好", purpose="orders", reference="7", tags=("a",), metadata={"n": [1]}, flash=True
    )
    (alone,) = checked(_numbered([draft]), INTAKE, lambda: NOW)
    (crossed,) = ahead(checked(_numbered([draft]), INTAKE, lambda: NOW))
    assert crossed == alone
    assert crossed.message is not None
    assert crossed.message.reason is None or isinstance(crossed.message.reason, Reason)
