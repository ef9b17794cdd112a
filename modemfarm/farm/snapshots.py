"""Brings what modems say of themselves to the database, and the events that tell of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from modemfarm.errors import StoreError
from modemfarm.model import ModemState
from modemfarm.modem.journal import ModemStatus
from modemfarm.store import sims
from modemfarm.store.engine import Tx, to_us
from modemfarm.store.events import record
from modemfarm.store.offload import Offload

AT_ONCE = 16  # modems: what the wire has to write meanwhile does not wait for hundreds
_LASTING = frozenset({ModemState.WORKING, ModemState.NEEDS_YOU, ModemState.GONE})
_Sort = tuple[str, str]  # of a modem's events: its path, and a word
_Marks = Mapping[_Sort, object]  # what the last event of each sort was about


class Snapshots:
    """The newest snapshot of each modem, until it is written."""

    def __init__(self, offload: Offload, host: str, now: Callable[[], datetime]) -> None:
        self._offload, self._host, self._now = offload, host, now
        self._waiting: dict[str, ModemStatus] = {}  # by path
        self._recorded: _Marks = {}  # and committed
        self._flushing = asyncio.Lock()

    def keep(self, status: ModemStatus) -> None:
        """Have it written with the next."""
        self._waiting[status.path] = status

    async def flush(self) -> None:
        """Write what changed since the last time.

        Raises:
            StoreError: it was not, and goes with the next.
        """
        async with self._flushing:
            paths = list(self._waiting)
            for at in range(0, len(paths), AT_ONCE):
                some = {path: self._waiting.pop(path) for path in paths[at : at + AT_ONCE]}
                try:
                    self._recorded = await self._offload.bulk(self._write, list(some.values()), self._recorded)
                except StoreError:
                    self._waiting = {**some, **self._waiting}
                    raise

    def _write(self, tx: Tx, statuses: list[ModemStatus], recorded: _Marks) -> _Marks:
        """Write snapshots, and what no event that was recorded tells; the marks that hold once this is committed."""
        marks = dict(recorded)
        for status in statuses:
            facts = {name: getattr(status, name) for name in ModemStatus.__slots__}
            facts["params"] = json.dumps(status.params, ensure_ascii=False)
            facts["state"] = status.state.value
            for name in ("since", "last_success_at", "warned_at"):
                moment = facts[name]
                facts[name] = None if moment is None else to_us(moment)
            sims.write_modem(tx, self._host, facts, self._now())
            step = status.sentence.removeprefix("repairing_")
            if step != status.sentence:
                self._record(tx, marks, status, "reset", status.since, step=step)
            if status.state in _LASTING:
                # a port that flaps passes through other states; those that last are told once each
                why = status.sentence if status.state is ModemState.NEEDS_YOU else ""
                about = {"sentence": status.sentence, "params": status.params}
                self._record(tx, marks, status, status.state.value, (status.state, why), sort="state", **about)
            if status.warned_at is not None:
                self._record(tx, marks, status, "warned", status.warned_at, warning=status.warning)
        return marks

    def _record(
        self, tx: Tx, marks: dict[_Sort, object], status: ModemStatus, what: str, mark: object, *, sort: str = "",
        **about: Any,
    ) -> None:  # fmt: skip
        """One event of a modem, unless the last one of its sort bore the same mark."""
        key = (status.path, sort or what)
        if marks.get(key) != mark:
            marks[key] = mark
            record(tx, f"modem.{what}", self._now(), subject=status.path, imei=status.imei, iccid=status.iccid, **about)
