"""Brings what the scout sees of the USB to the database, and what a person allowed to the scout."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime

from modemfarm.errors import StoreError
from modemfarm.modem.journal import ModemStatus
from modemfarm.modem.scout import DEVICE, Scout
from modemfarm.modem.sentences import SENTENCES
from modemfarm.modem.usb import Finding
from modemfarm.store import devices
from modemfarm.store.engine import Store, Tx, to_us
from modemfarm.store.offload import Offload

log = logging.getLogger(__name__)

_EVERY_S = 1.0


class Devices:
    """One host's devices that are not served, as rows; and its permissions."""

    def __init__(self, scout: Scout, store: Store, offload: Offload, host: str, now: Callable[[], datetime]) -> None:
        self._scout, self._store, self._offload, self._host, self._now = scout, store, offload, host, now
        self._shown: Mapping[str, Finding] | None = None
        self._since: dict[str, tuple[Finding, datetime]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.turn()
            except StoreError as error:
                log.debug("devices: %s", error)
            await asyncio.sleep(_EVERY_S)

    async def turn(self) -> None:
        """Read what is allowed; write what changed."""
        self._scout.allow(await asyncio.to_thread(self._store.look, devices.allowed, self._host))
        findings = dict(self._scout.findings)
        if findings == self._shown:
            return
        now = self._now()
        self._since = {path: self._noted(path, finding, now) for path, finding in findings.items()}
        rows = [_row(path, finding, since) for path, (finding, since) in self._since.items()]
        await self._offload.run(self._show, rows)
        self._shown = findings

    def _noted(self, path: str, finding: Finding, now: datetime) -> tuple[Finding, datetime]:
        before = self._since.get(path)
        if before is not None and before[0] == finding:
            return before
        log.info("%s: %s %s", path, finding.slug, dict(finding.params))
        return finding, now

    def _show(self, tx: Tx, rows: list[dict[str, object]]) -> None:
        devices.show(tx, self._host, rows, self._now())


def _row(path: str, finding: Finding, since: datetime) -> dict[str, object]:
    sentence = SENTENCES[finding.slug]
    status = ModemStatus(
        path=f"{DEVICE}{path}",
        state=sentence.state,
        sentence=finding.slug,
        since=since,
        next_action=sentence.next_action,
        usb_path=path,
    )
    return {
        **asdict(status),
        "state": sentence.state.value,
        "since": to_us(since),
        "params": json.dumps(dict(finding.params), ensure_ascii=False),
    }
