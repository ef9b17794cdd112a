"""Asks operators for the credit of SIMs: when a person wants to know, and on the schedule of each SIM's plan."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from modemfarm.errors import StoreError
from modemfarm.farm.question import put
from modemfarm.farm.settings import FarmSettings
from modemfarm.farm.ussd import UssdDesk
from modemfarm.model import BalanceAsk
from modemfarm.modem.ussd import UssdError
from modemfarm.policy.balance import amount
from modemfarm.store import balances
from modemfarm.store.engine import Row, Tx, from_us
from modemfarm.store.offload import Offload

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
ANSWER_WITHIN_S = 120
_AGAIN_AFTER = timedelta(hours=1)  # after a question that gave no amount or did not leave, and while there is no credit
_WRITE_AGAIN_AFTER = timedelta(hours=6)  # the same by message, which may cost
_LOST_AGAIN_AFTER = timedelta(days=1)  # a message of which nobody knows whether it left
_HEARD_AGAIN_AFTER = timedelta(minutes=10)  # a SIM without credit that got word from a service


@dataclass(frozen=True, slots=True)
class Credit:
    """What the operator said.

    Attributes:
        amount: None when the text tells none.
    """

    amount: float | None
    currency: str | None
    text: str


class Balances:
    """The credit of one host's SIMs.

    `forbids` tells of a SIM that must send nothing though its row does not say so yet.
    """

    def __init__(
        self,
        desk: UssdDesk,
        offload: Offload,
        settings: FarmSettings,
        now: Callable[[], datetime],
        forbids: Callable[[str], bool],
    ) -> None:
        self._desk, self._offload, self._settings, self._now = desk, offload, settings, now
        self._forbids = forbids

    async def run(self) -> None:
        """Ask on schedule, until cancelled."""
        while True:
            try:
                await self.turn()
            except StoreError as error:
                log.warning("balances wait for the store: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def turn(self) -> None:
        """Ask for every SIM whose time has come, one after the other."""
        for row in await self._offload.run(balances.on_host, self._settings.host):
            way = self._way(row)
            if way is None:
                continue
            if way.to is not None and await self._read(row, way) is not None:
                continue  # the next turn looks again
            if not _due(row, way, self._now()):
                continue
            try:
                if way.to is not None:
                    if balances.may_write(row):
                        await self._write_to(row, way.to, way, "schedule")
                elif way.ussd is not None:
                    await self.ask(row["iccid"], "schedule")
            except UssdError as error:
                log.info("balance of %s: %s", row["iccid"], error)

    async def ask(self, iccid: str, who: str) -> Credit:
        """Ask now, and keep the answer.

        Raises:
            UssdError: as `UssdDesk.ask`; ``not_configured`` where the SIM's plan names no code.
            StoreError: it cannot be written down.
        """
        row: Row | None = await self._offload.run(balances.one, iccid)
        if row is None:
            raise UssdError("not_found", iccid)
        way = self._way(row)
        if way is not None and way.to is not None:
            return await self._by_message(row, way.to, way, who)
        if way is None or way.ussd is None:
            raise UssdError("not_configured", iccid)
        code, *answers = way.ussd.split()
        try:
            dialogue = await self._desk.ask(iccid, (code, *answers), who)
        except UssdError as error:
            if error.slug not in {"not_found", "not_here", "stopping"}:
                await self._keep(row, None, error.slug, way)
            raise
        text = dialogue.told[-1].text
        found = amount(text, way.match)
        await self._keep(row, found, "" if found is not None else dialogue.told[-1].status, way)
        return Credit(found, self._plan_currency(row), text)

    async def _by_message(self, row: Row, to: str, way: BalanceAsk, who: str) -> Credit:
        """Write to the operator's number and wait for what it answers."""
        began = self._now()
        await self._write_to(row, to, way, who)
        for _ in range(ANSWER_WITHIN_S):
            await asyncio.sleep(1)
            credit = await self._read(row, way)
            if credit is not None:
                return credit
            told = await self._offload.run(balances.told_since, row["iccid"], began)
            if told is not None:  # somebody else read the answer first
                return Credit(told, self._plan_currency(row), "")
        raise UssdError("no_reply")

    async def _write_to(self, row: Row, to: str, way: BalanceAsk, who: str) -> None:
        iccid = row["iccid"]
        try:
            await put(self._desk, self._offload, iccid, to, way.text, who, self._now, forbidden=self._forbids(iccid))
        except UssdError as error:
            if error.slug == "busy":  # nothing was written down, and no other SIM shall wait for it each minute
                await self._keep(row, None, error.slug, way)
            raise

    async def _read(self, row: Row, way: BalanceAsk) -> Credit | None:
        """The operator's answer, kept; None while there is none."""
        iccid = row["iccid"]
        for text in await self._offload.run(balances.said, iccid, way.to):
            found = amount(text, way.match)
            if found is not None:
                await self._keep(row, found, "", way)
                return Credit(found, self._plan_currency(row), text)
        return None

    async def _keep(self, row: Row, found: float | None, what: str, way: BalanceAsk) -> None:
        iccid, price = row["iccid"], self._settings.plan(self._plan_name(row)).price_per_part or 0.0

        def work(tx: Tx) -> bool:
            now = self._now()
            how = "ussd" if way.to is None else "sms"
            if found is not None:  # first: it may let messages go, and they come before the SIM's own row
                balances.judge(tx, iccid, found, price, now)
            return balances.write(tx, iccid, found, now, how=how, what=what, low=way.low)

        if await self._offload.run(work):
            log.warning("the credit of %s is low: %s", iccid, found)

    def _plan_name(self, row: Row) -> str | None:
        said = self._settings.sims.get(row["iccid"])
        name: str | None = (said.plan if said is not None else None) or row["plan"]
        return name

    def _way(self, row: Row) -> BalanceAsk | None:
        return self._settings.plan(self._plan_name(row)).balance

    def _plan_currency(self, row: Row) -> str | None:
        return self._settings.plan(self._plan_name(row)).currency


def _due(row: Row, way: BalanceAsk, now: datetime) -> bool:
    """Neither told within its time nor, by USSD, asked within the last hour; a message costs, and is not repeated.

    One that may have left is not repeated within a day. Where refusals could mean that there is no credit, it is asked
    sooner: at once, then each hour, by message each six.
    """
    every = way.every
    told, asked = _since(row["told_at"], now), _since(row["asked_at"], now)
    if way.to is not None and row["asked_what"] == balances.ASKED and asked < _LOST_AGAIN_AFTER:
        return False
    unheard = way.to is None or row["asked_what"] in (balances.NOT_SENT, "busy")  # what did not leave cost nothing
    if balances.suspects(row):
        again = min(every, _AGAIN_AFTER if unheard else _WRITE_AGAIN_AFTER)
        if row["reason"] == balances.NO_CREDIT:
            answered_by = 0 if way.to is None else ANSWER_WITHIN_S * 1_000_000  # the answer itself is no news
            heard = row["heard_at"] is not None and row["heard_at"] > (row["asked_at"] or 0) + answered_by
            return asked >= (_HEARD_AGAIN_AFTER if heard else again)
        parked_since = _since(row["since"], now) if row["state"] == "parked" else timedelta.max
        return asked >= again or (parked_since < asked and asked >= _HEARD_AGAIN_AFTER)
    if told < every:
        return False
    return asked >= (min(every, _AGAIN_AFTER) if unheard else every)


def _since(moment: int | None, now: datetime) -> timedelta:
    """How long ago; for ever where never."""
    return timedelta.max if moment is None else now - from_us(moment)
