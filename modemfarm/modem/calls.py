"""Incoming calls: nobody answers here, so each is a missed call, and is rejected where the owner wants that."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import Callable

from modemfarm.errors import ModemError, StoreError
from modemfarm.model import MissedCall
from modemfarm.modem.asking import Asking
from modemfarm.modem.journal import Journal
from modemfarm.modem.settings import Clock

log = logging.getLogger(__name__)

QUIET_S = 12.0  # rings come every 3 to 6 s; after this a ring is another call's
NUMBER_WITHIN_S = 7.0  # +CLIP may come with the second ring only
_RETRY_S = 1.0
_REJECT_WITHIN_S = 10.0
_INTERNATIONAL = 145  # TS 24.008 §10.5.4.7 type of address, as <type> of +CLIP has it
_CLIP = re.compile(r'\+CLIP:\s*"?([^",]*)"?\s*(?:,\s*(\d+))?')


class Calls:
    """One session's incoming calls.

    Args:
        iccid: the SIM that is called, as far as it is known.
        reject: hang up on each.
    """

    def __init__(
        self, asking: Asking, journal: Journal, clock: Clock, iccid: Callable[[], str | None], *, reject: bool
    ) -> None:
        self._asking, self._journal, self._clock, self._iccid, self._reject = asking, journal, clock, iccid, reject
        self._loop = asyncio.get_running_loop()
        self._rang_at = float("-inf")
        self._number: str | None = None
        self._came = asyncio.Event()
        self._named = asyncio.Event()
        self._done: deque[MissedCall] = deque()

    def take(self, line: str) -> bool:
        """Note a ring or who calls; False when the line is neither."""
        if line.startswith("+CLIP:"):
            self._ring()
            if self._number is None:
                self._number = parse_clip(line)
                self._named.set()
        elif line == "RING" or line.startswith("+CRING:"):
            self._ring()
        else:
            return False
        return True

    def _ring(self) -> None:
        now = self._loop.time()
        if now - self._rang_at > QUIET_S:
            self._number = None
            self._named.clear()
            self._came.set()
        self._rang_at = now

    async def keep(self) -> None:
        """Commit each call, and hang up where that is wanted, for as long as the session lives."""
        while True:
            await self._came.wait()
            at = self._clock.now()
            try:
                async with asyncio.timeout(NUMBER_WITHIN_S):
                    await self._named.wait()
            except TimeoutError:
                log.info("a call without a number")
            self._came.clear()
            self._done.append(MissedCall(self._iccid(), self._number or "", at))
            if self._reject:
                await self._hang_up()
            while self._done:
                if await self._commit(self._done[0]):
                    self._done.popleft()
                else:
                    await asyncio.sleep(_RETRY_S)

    async def drain(self) -> None:
        """Commit what is still in memory, once: the session ends."""
        if self._came.is_set():
            self._done.append(MissedCall(self._iccid(), self._number or "", self._clock.now()))
        while self._done and await self._commit(self._done[0]):
            self._done.popleft()

    async def _hang_up(self) -> None:
        """+CHUP (TS 27.007 §6.5); ATH where the family has none."""
        try:
            for command in ("+CHUP", "H"):
                answered = await self._asking.ask(command, _REJECT_WITHIN_S, start_within_s=_REJECT_WITHIN_S)
                if answered.error is None:
                    return
        except ModemError as error:
            log.info("a call could not be rejected: %s", error)

    async def _commit(self, call: MissedCall) -> bool:
        try:
            await self._journal.called(call)
        except StoreError as error:
            log.warning("a missed call waits for the database: %s", error)
            return False
        return True


def parse_clip(line: str) -> str:
    """The caller's number of +CLIP (TS 27.007 §7.6), "+" before an international one; "" when it is withheld."""
    found = _CLIP.match(line)
    if found is None:
        return ""
    number = found[1].strip()
    if found[2] and int(found[2]) == _INTERNATIONAL and number and number[0] != "+":
        return f"+{number}"
    return number
