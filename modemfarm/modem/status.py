"""Keeps one modem's status and tells the journal when it changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypedDict, Unpack

from modemfarm.errors import StoreError
from modemfarm.model import ModemState
from modemfarm.modem.journal import Journal, ModemStatus
from modemfarm.modem.sentences import SENTENCES
from modemfarm.modem.settings import Clock

log = logging.getLogger(__name__)

_BUSY_EVERY_S = 5.0
_WARN_EVERY = timedelta(hours=1)  # a hub that is too weak lets a modem warn again and again


class Facts(TypedDict, total=False):
    """What may be learned about a modem (see `ModemStatus`)."""

    imei: str | None
    family: str | None
    manufacturer: str | None
    model: str | None
    firmware: str | None
    iccid: str | None
    signal_dbm: int | None
    operator: str | None
    technology: str | None
    temperature_c: int | None
    voltage_mv: int | None
    registration: str


class StatusBoard:
    """One port's status, kept over its sessions."""

    def __init__(
        self,
        path: str,
        journal: Journal,
        clock: Clock,
        on_change: Callable[[ModemStatus, ModemStatus], None] | None = None,
    ) -> None:
        self._journal, self._clock, self._on_change = journal, clock, on_change
        self._success_at: datetime | None = None
        self._told_at = float("-inf")
        self._untold = False
        self.status = ModemStatus(path, ModemState.STARTING, "opening", clock.now())

    async def say(self, slug: str, **params: str | float) -> None:
        """Change the sentence; `since` moves only when it is another one."""
        sentence = SENTENCES[slug]
        now = self.status
        if (now.sentence, now.params) == (slug, params):
            return
        since = now.since if now.sentence == slug else self._clock.now()
        if now.sentence != slug:
            log.info("%s: %s %s", now.path, slug, params or "")
        self.status = replace(
            now, state=sentence.state, sentence=slug, since=since, next_action=sentence.next_action, params=params
        )
        if self._on_change is not None:
            self._on_change(now, self.status)
        await self._tell()

    async def learn(self, **facts: Unpack[Facts]) -> None:
        """Note facts; told only when one is new."""
        new = replace(self.status, **facts)
        if new != self.status:
            self.status = new
            await self._tell()

    def placed(self, usb_path: str | None) -> None:
        """Where the port's device hangs; told with the next change."""
        self.status = replace(self.status, usb_path=usb_path)

    def succeeded(self) -> None:
        """A part was accepted; told with the next change, or by `flush`."""
        self._success_at = self._clock.now()

    def warned(self, warning: str) -> None:
        """It lacks power or is too hot (`power`); told with the next change or by `flush`, once an hour at most."""
        now, at = self._clock.now(), self.status.warned_at
        if self.status.warning == warning and at is not None and now - at < _WARN_EVERY:
            return
        log.warning("%s: power warning: %s", self.status.path, warning)
        self.status = replace(self.status, warning=warning, warned_at=now)
        self._untold = True

    async def flush(self, *, busy: bool) -> None:
        """Tell a success or a warning not yet told; a busy modem does so every few seconds only."""
        if (self._success_at is None and not self._untold) or (
            busy and asyncio.get_running_loop().time() - self._told_at < _BUSY_EVERY_S
        ):
            return
        await self._tell()

    async def _tell(self) -> None:
        self._told_at = asyncio.get_running_loop().time()
        self._untold = False
        if self._success_at is not None:
            self.status = replace(self.status, last_success_at=self._success_at)
            self._success_at = None
        try:
            await self._journal.status(self.status)
        except StoreError as error:
            log.debug("status not told: %s", error)
