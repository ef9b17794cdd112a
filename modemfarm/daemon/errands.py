"""USSD and balances as control.sock and the API ask for them."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError as Canceled
from typing import Any

from modemfarm.daemon.line import LineError
from modemfarm.errors import StoreError
from modemfarm.farm.alarm import Alarm
from modemfarm.farm.balances import Balances, Credit
from modemfarm.farm.ussd import UssdDesk
from modemfarm.modem.ussd import Dialogue, UssdError, worded


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
    """What people ask of SIMs besides messages."""

    def __init__(self, desk: UssdDesk, balances: Balances, alarm: Alarm) -> None:
        self._desk, self._balances, self._alarm = desk, balances, alarm

    async def ussd(self, asked: Mapping[str, Any], who: str) -> object:
        """`ussd` of control.sock: ``iccid`` and ``steps``."""
        iccid = str(asked["iccid"])
        try:
            dialogue = await self._desk.ask(iccid, [str(step) for step in asked["steps"]], who)
        except UssdError as error:
            raise LineError(error.slug, worded(error)) from error
        except StoreError as error:
            raise LineError("store", f"the database cannot write down who asks what: {error}") from error
        return shown(iccid, dialogue, len(asked["steps"]))

    async def balance(self, asked: Mapping[str, Any], who: str) -> object:
        """`balance` of control.sock: ``iccid``."""
        iccid = str(asked["iccid"])
        try:
            credit = await self._balances.ask(iccid, who)
        except UssdError as error:
            raise LineError(error.slug, worded(error)) from error
        except StoreError as error:
            raise LineError("store", f"the database cannot keep the answer: {error}") from error
        return _credit(iccid, credit)

    def wait_balance(self, loop: asyncio.AbstractEventLoop, iccid: str, who: str) -> dict[str, Any]:
        """The same for the page, as `wait_ussd`.

        Raises:
            UssdError, StoreError
        """
        try:
            return _credit(iccid, asyncio.run_coroutine_threadsafe(self._balances.ask(iccid, who), loop).result())
        except (Canceled, RuntimeError) as error:
            raise UssdError("stopping") from error

    async def try_alerts(self, _asked: Mapping[str, Any], _who: str) -> object:
        """`alerts_test` of control.sock: how each way took it."""
        try:
            return {"data": await self._alarm.test()}
        except StoreError as error:
            raise LineError("store", f"the database cannot be written: {error}") from error

    def wait_alerts(self, loop: asyncio.AbstractEventLoop) -> list[dict[str, str]]:
        """The same for the page.

        Args:
            loop: where the alarm's task runs.

        Raises:
            StoreError
        """
        try:
            return asyncio.run_coroutine_threadsafe(self._alarm.test(), loop).result()
        except (Canceled, RuntimeError):
            return []  # the daemon is stopping

    def wait_ussd(self, loop: asyncio.AbstractEventLoop, iccid: str, steps: Sequence[str], who: str) -> dict[str, Any]:
        """The same for the API, which runs in threads of its own.

        Args:
            loop: where the modems' tasks run.

        Raises:
            UssdError, StoreError
        """
        try:
            asked = asyncio.run_coroutine_threadsafe(self._desk.ask(iccid, steps, who), loop)
            return shown(iccid, asked.result(), len(steps))
        except (Canceled, RuntimeError) as error:
            raise UssdError("stopping") from error
