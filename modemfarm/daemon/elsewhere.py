"""Asks a SIM in another host's modem: the question goes by a row, and the daemon of that host answers in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from modemfarm.errors import StoreError
from modemfarm.modem.ussd import UssdError
from modemfarm.store import balances, errands

TAKEN_WITHIN = timedelta(seconds=20)  # a daemon looks each second
STEP_S = 360.0  # each waits for the modem and for the network
LOOK_EVERY_S = 0.25


class Elsewhere:
    """Questions to the SIMs of other hosts.

    Args:
        run: awaits a function of the store and its commit, as `Offload.run`.
        host: this process's own; None: it has no modems.
    """

    def __init__(self, run: Callable[..., Awaitable[Any]], host: str | None, now: Callable[[], datetime]) -> None:
        self._run, self._host, self._now = run, host, now

    async def ask(self, sort: str, iccid: str, steps: Sequence[str], who: str) -> dict[str, Any]:
        """Have ``ussd`` or ``balance`` done there; the answer as the API shows it.

        Raises:
            UssdError: as the daemon there says; ``not_here`` (in no modem), ``away`` (no daemon took it in time).
            StoreError: it cannot be written down.
        """
        where = await self._run(balances.holder, iccid)
        if where is None:
            raise UssdError("not_found", iccid)
        host = where["host"]
        if not where["path"] or host is None or host == self._host:
            raise UssdError("not_here", iccid)
        errand_id = await self._run(errands.put, host, iccid, sort, tuple(steps), who, self._now(), TAKEN_WITHIN)
        if errand_id is None:
            raise UssdError("away", host)
        row = None
        try:
            row = await self._wait(errand_id, STEP_S * max(1, len(steps)))
        finally:
            taken = await self._run(errands.remove, errand_id)
        if row is None:
            raise UssdError("lost") if taken else UssdError("away", host)
        if row["slug"] == "store":
            raise StoreError(row["what"])
        if row["slug"]:
            raise UssdError(row["slug"], row["what"])
        answer: dict[str, Any] = row["answer"]
        return answer

    async def _wait(self, errand_id: int, seconds: float) -> dict[str, Any] | None:
        """The row with its answer; None where nobody took it, or who did has died."""
        waited = 0.0
        while waited < seconds:
            await asyncio.sleep(LOOK_EVERY_S)
            waited += LOOK_EVERY_S
            row: dict[str, Any] | None = await self._run(errands.look, errand_id, self._now())
            if row is None or row["ended_at"] is not None:
                return row
            if row["taken_at"] is None and waited > TAKEN_WITHIN.total_seconds():
                return None
            if row["taken_at"] is not None and not row["lives"]:
                return None
        raise UssdError("no_reply")
