"""USSD and balances as control.sock asks for them, and, by rows, the page and other hosts."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from modemfarm.daemon.elsewhere import Elsewhere
from modemfarm.daemon.line import LineError
from modemfarm.errors import StoreError
from modemfarm.farm.alarm import Alarm
from modemfarm.farm.balances import Balances, Credit
from modemfarm.farm.ussd import UssdDesk
from modemfarm.modem.ussd import Dialogue, UssdError, worded
from modemfarm.store import errands
from modemfarm.store.engine import Row
from modemfarm.store.offload import Offload

log = logging.getLogger(__name__)

ANSWER_FOR_S = 60  # where the store is away just then


def shown(iccid: str, dialogue: Dialogue, steps: int) -> dict[str, Any]:
    """A dialogue as the API and the CLI print it; of so many steps wanted, those after its end were not used."""
    told = [{"status": item.status, "text": item.text} for item in dialogue.told]
    last = dialogue.told[-1]
    unused = steps - len(told)
    return {"iccid": iccid, "status": last.status, "text": last.text, "dialogue": told, "unused": unused}


def _credit(iccid: str, credit: Credit) -> dict[str, Any]:
    return {"iccid": iccid, "balance": credit.amount, "currency": credit.currency, "text": credit.text}


async def vitals(_asked: Mapping[str, Any], _who: str) -> object:
    """`vitals` of control.sock: counts that must not grow for ever, taken after a collection of garbage."""
    gc.collect()
    threads = Counter(thread.name.rstrip("-_0123456789") for thread in threading.enumerate())
    return {"tasks": len(asyncio.all_tasks()), "threads": threads, "objects": len(gc.get_objects())}


class Errands:
    """What people ask of SIMs besides messages, here and, where another host has the SIM, there."""

    def __init__(
        self, desk: UssdDesk, balances: Balances, alarm: Alarm, elsewhere: Elsewhere, offload: Offload,
        now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._desk, self._balances, self._alarm = desk, balances, alarm
        self._elsewhere, self._offload, self._now = elsewhere, offload, now
        self._serving: set[asyncio.Task[None]] = set()

    async def ussd(self, asked: Mapping[str, Any], who: str) -> object:
        """`ussd` of control.sock: ``iccid`` and ``steps``."""
        return await self._told("ussd", str(asked["iccid"]), [str(step) for step in asked["steps"]], who)

    async def balance(self, asked: Mapping[str, Any], who: str) -> object:
        """`balance` of control.sock: ``iccid``."""
        return await self._told("balance", str(asked["iccid"]), (), who)

    async def _told(self, sort: str, iccid: str, steps: Sequence[str], who: str) -> object:
        try:
            return await self._anywhere(sort, iccid, steps, who)
        except UssdError as error:
            raise LineError(error.slug, worded(error)) from error
        except StoreError as error:
            raise LineError("store", f"the database cannot write down what is asked and told: {error}") from error

    async def _anywhere(self, sort: str, iccid: str, steps: Sequence[str], who: str) -> dict[str, Any]:
        try:
            return await self._here(sort, iccid, steps, who)
        except UssdError as error:
            if error.slug != "not_here":
                raise
        return await self._elsewhere.ask(sort, iccid, steps, who)

    async def _here(self, sort: str, iccid: str, steps: Sequence[str], who: str) -> dict[str, Any]:
        if sort == "balance":
            return _credit(iccid, await self._balances.ask(iccid, who))
        return shown(iccid, await self._desk.ask(iccid, steps, who), len(steps))

    def serve(self, errand: Row) -> None:
        """Do what another host asks of a SIM here, and answer in its row."""
        task = asyncio.ensure_future(self._serve(errand))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, errand: Row) -> None:
        answer: dict[str, Any] = {}
        try:
            answer["told"] = await self._here(errand["sort"], errand["iccid"], errand["steps"], errand["who"])
        except UssdError as error:
            answer = {"slug": error.slug, "what": error.what}
        except StoreError as error:
            answer = {"slug": "store", "what": str(error)}
        for _ in range(ANSWER_FOR_S):
            try:
                await self._offload.run(partial(errands.answer, **answer), errand["id"], self._now())
            except StoreError as error:
                log.info("the answer to another host waits for the store: %s", error)
                await asyncio.sleep(1)
            else:
                break

    async def try_alerts(self, _asked: Mapping[str, Any], _who: str) -> object:
        """`alerts_test` of control.sock: how each way took it."""
        try:
            return {"data": await self._alarm.test()}
        except StoreError as error:
            raise LineError("store", f"the database cannot be written: {error}") from error
