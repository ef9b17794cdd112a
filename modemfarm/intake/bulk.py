"""Bulk intake: the same checks row by row, committed in small chunks, so that a killed one goes on where it was."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

from modemfarm.errors import BadFieldError, KeyCeilingError
from modemfarm.intake.accept import write
from modemfarm.intake.ahead import Checked, ahead, checked
from modemfarm.intake.draft import BatchReport, IntakeSettings
from modemfarm.intake.prices import priced
from modemfarm.intake.rows import Row, RowError
from modemfarm.model import MessageClass, MessageState
from modemfarm.store import batches
from modemfarm.store.actions import is_farm_paused, is_paused
from modemfarm.store.engine import Tx
from modemfarm.store.messages import NewMessage, insert_rows
from modemfarm.store.rules import in_force
from modemfarm.store.suppress import suppressed_among

T = TypeVar("T")
_Numbered = list[tuple[int, NewMessage]]
WRITING_S = 0.010  # a transaction of bulk intake holds the database no longer
PREPARED = 200  # rows checked ahead of one transaction, and the most that one writes
FEWEST = 10


class Run(Protocol):
    """Calls a store function in a write transaction and gives its result: Store.run or Offload.call."""

    def __call__(self, work: Callable[..., T], *args: Any) -> T: ...


class Bulk:
    """Takes rows of one file or request body into the queue.

    Args:
        rejected: told of every refused row, for the file beside the input.
        progress: told how many rows are through.
        beside: read and check in a second process; only where nothing else of this one needs the rows' source.
    """

    def __init__(
        self,
        run: Run,
        settings: IntakeSettings,
        clock: Callable[[], datetime],
        *,
        rejected: Callable[[RowError], None] | None = None,
        progress: Callable[[int], object] | None = None,
        beside: bool = False,
    ) -> None:
        self._run = run
        self._settings = settings
        self._clock = clock
        self._rejected = rejected
        self._progress = progress
        self._beside = beside
        self._fitting = 50  # rows that one transaction should have time for

    def take(self, rows: Iterable[Row], *, name: str, fingerprint: str, again: bool = False) -> BatchReport:
        """Write every row that is right, note every row that is not.

        The same octets within 24 h go on with their unfinished batch; a finished one is reported as
        replayed and adds nothing unless `again`.

        Args:
            fingerprint: digest of the input and of what was asked with it.
        """
        known = None if again else self._run(batches.same_file, fingerprint, self._clock())
        if known is not None and known["finished_at"] is not None:
            return BatchReport(known["id"], known["accepted"], known["rejected"], finished=True, replayed=True)
        batch_id = known["id"] if known else self._run(batches.start, name, fingerprint, self._clock())
        done = known["rows_done"] if known else 0
        self._settings = self._run(_with_rules, self._settings, self._clock())
        items = checked(itertools.islice(rows, done, None), self._settings, self._clock)
        items = ahead(items) if self._beside else items
        through = done
        with contextlib.closing(items):
            while some := list(itertools.islice(items, PREPARED)):
                self._write_all(batch_id, some, through)
                through += len(some)
        self._run(batches.finish, batch_id, self._clock())
        result = self._run(batches.one, batch_id)
        if result is None:
            raise BadFieldError("batch", "gone", "the batch was deleted while it was written")
        return BatchReport(batch_id, result["accepted"], result["rejected"], finished=True)

    def _write_all(self, batch_id: int, checked: list[Checked], before: int) -> None:
        at = 0
        while at < len(checked):
            count, refused = self._run(self._write_some, batch_id, checked[at:], before + at)
            for error in (item.error for item in checked[at : at + count]):
                if error is not None and self._rejected:
                    self._rejected(error)
            for error in refused:
                if self._rejected:
                    self._rejected(error)
            at += count
            if self._progress:
                self._progress(before + at)

    def _write_some(self, tx: Tx, batch_id: int, checked: list[Checked], before: int) -> tuple[int, list[RowError]]:
        """One transaction: as many rows as should fit into its time, with how far the batch came."""
        now, began = self._clock(), time.monotonic()
        some = checked[: self._fitting]
        plain, others = self._sorted(tx, batch_id, some)
        accepted = insert_rows(tx, batch_id, plain, now)
        rejected = [(item.number, item.error.code, item.error.detail) for item in some if item.error is not None]
        refused: list[RowError] = []
        for number, message in others:
            try:
                taken = write(tx, message, self._settings, now, batch_id, number)
            except KeyCeilingError as error:
                refused.append(RowError(number, error.field, error.code, str(error)))
                rejected.append((number, error.code, str(error)))
                continue
            if taken is None:
                continue
            if taken.state is MessageState.REFUSED and taken.reason:
                refused.append(RowError(number, "to", taken.reason.slug, f"refused: {taken.reason.slug}"))
                rejected.append((number, taken.reason.slug, f"message {taken.message_id}"))
            else:
                accepted += 1
        batches.advance(tx, batch_id, before + len(some), accepted, rejected)
        took = max(time.monotonic() - began, 1e-6)
        self._fitting = max(FEWEST, min(PREPARED, 2 * self._fitting, int(len(some) * WRITING_S / took)))
        return len(some), refused

    def _sorted(self, tx: Tx, batch_id: int, some: list[Checked]) -> tuple[_Numbered, _Numbered]:
        """The rows that nothing speaks against, and those to be judged one by one."""
        rows = [(item.number, item.message) for item in some if item.message is not None]
        out = suppressed_among(tx, [message.recipient for _, message in rows])
        whole = is_farm_paused(tx)
        special = {
            name
            for name in {message.message_class for _, message in rows}
            if whole or name == MessageClass.MARKETING or is_paused(tx, name, batch_id)
        }
        plain: _Numbered = []
        others: _Numbered = []
        for row in rows:
            message = row[1]
            judged = (
                message.recipient in out
                or message.message_class in special
                or message.pinned is not None
                or self._settings.quota is not None
            )
            (others if judged else plain).append(row)
        return plain, others


def _with_rules(tx: Tx, settings: IntakeSettings, now: datetime) -> IntakeSettings:
    """The settings with the SIMs' prices and, for the rows that are offers, the rules in force."""
    settings = priced(tx, settings)
    return settings if settings.rules is not None else replace(settings, rules=in_force(tx, settings.policy, now))
