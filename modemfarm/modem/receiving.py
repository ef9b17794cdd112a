"""What a modem received: announced, direct, or lying in its stores; committed first, deleted after."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from modemfarm.at.events import Command, Unsolicited
from modemfarm.at.replies import Stored, parse_cdsi, parse_cmti, parse_stored
from modemfarm.errors import CmeError, CmsError, CommandError, NoAnswerError, StoreError
from modemfarm.model import Received
from modemfarm.modem.bringup import optional
from modemfarm.modem.family import Profile
from modemfarm.modem.journal import Journal
from modemfarm.modem.link import Link
from modemfarm.modem.settings import Clock
from modemfarm.modem.storage import select

log = logging.getLogger(__name__)

_EMPTY_SLOT = frozenset({21, 22, 321})  # invalid index, not found (CME); invalid memory index (CMS)
_READS_AT_ONCE = 50  # announced messages read before a part may go out: a flood must not stop sending
_STUCK_LIMIT = 500
_RETRY_S = 1.0
_ACKNOWLEDGES = {"plain": "+CNMA", "one": "+CNMA=1", "zero": "+CNMA=0"}
_NAMELESS_S = 10.0  # what comes before the card is known waits this long for its name


class Inbox:
    """One session's receiving side.

    Attributes:
        memories: the memory in use first, then others to be read in a full sweep; () when +CPMS is refused.
        iccid, imei: whom what comes belongs to.
        sweep_due: a sweep is wanted out of turn.
        own_memory_of_another: the card changed in this modem: what lies in ME may be an earlier card's.
    """

    def __init__(self, link: Link, journal: Journal, clock: Clock, news: Callable[[], None]) -> None:
        self._link, self._journal, self._clock, self._news = link, journal, clock, news
        self._announced: dict[tuple[str, int], bool] = {}
        self._direct: deque[Received] = deque()
        self._direct_came = asyncio.Event()
        self._card_known = asyncio.Event()
        self._stuck: set[tuple[str, int, str]] = set()  # slots that cannot be deleted, with what they hold
        self._selected = ""
        self.memories: tuple[str, ...] = ()
        self.iccid: str | None = None
        self.imei: str | None = None
        self.own_memory_of_another = False
        self.sweep_due = False
        self._unacknowledged = 0  # direct messages committed and, with +CSMS, not yet told so to the modem

    @property
    def waiting(self) -> bool:
        """Something was announced and not yet read, or kept and not yet acknowledged."""
        return bool(self._announced) or self._unacknowledged > 0

    def take(self, event: Unsolicited) -> bool:
        """Note an announcement or a direct message; False when the line is neither."""
        line = event.line
        if line.startswith(("+CMT:", "+CDS:")):
            if event.pdu is None:
                self.sweep_due = True  # its second line was lost: perhaps it is stored
            else:
                self._direct.append(self._received(event.pdu, status_report=line.startswith("+CDS:")))
                self._direct_came.set()
                return True
        elif line.startswith(("+CMTI:", "+CDSI:")):
            report = line.startswith("+CDSI:")
            where = parse_cdsi(line) if report else parse_cmti(line)
            if where is None or where.index is None:
                self.sweep_due = True
            else:
                self._announced[(where.memory, where.index)] = report
        else:
            return False
        self._news()
        return True

    def belongs_to(self, iccid: str) -> None:
        """Whose modem this is, from now on; what came directly before is this card's too."""
        self.iccid = iccid
        self._card_known.set()

    async def keep_direct(self) -> None:
        """Commit what came by +CMT and +CDS, in order, for as long as the session lives.

        A port holds what the modem said while nobody listened, and it is read before the card is: a report without
        its card's name would find no part.
        """
        while True:
            await self._direct_came.wait()
            self._direct_came.clear()
            if self.iccid is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_NAMELESS_S):
                        await self._card_known.wait()
            while self._direct:
                if await self._commit(self._named(self._direct[0])):
                    self._direct.popleft()
                    self._unacknowledged += 1
                    self._news()
                else:
                    await asyncio.sleep(_RETRY_S)

    async def drain_direct(self) -> None:
        """Commit what is still in memory, once: the session ends."""
        while self._direct and await self._commit(self._named(self._direct[0])):
            self._direct.popleft()

    def _named(self, received: Received) -> Received:
        return received if received.iccid else replace(received, iccid=self.iccid, imei=self.imei)

    async def _acknowledge(self, profile: Profile) -> None:
        """Tell the modem that direct messages are kept, where it waits for that (TS 27.005 §3.4.4)."""
        kept, self._unacknowledged = self._unacknowledged, 0
        command = _ACKNOWLEDGES.get(profile.cnma) if profile.csms else None
        if command is not None:
            for _ in range(kept):
                await optional(self._link, command, profile.timeouts.command)

    async def fetch(self, profile: Profile) -> None:
        """Read what was announced, commit it, delete it; before that, acknowledge what came directly."""
        await self._acknowledge(profile)
        if not self._announced:
            return
        if profile.deletes_siblings:
            self._announced.clear()  # a sweep reads all before it deletes any
            self.sweep_due = True
            return
        for _ in range(_READS_AT_ONCE):
            if not self._announced:
                break
            (memory, index), report = next(iter(self._announced.items()))
            # Forgotten first: once its slot is deleted, the same slot may be announced again for another message.
            del self._announced[memory, index]
            await self._fetch_one(profile, memory, index, report)
        await self._back_to_first(profile)

    async def sweep(self, profile: Profile, *, everywhere: bool, first: bool) -> bool:
        """Read the stores from end to end.

        Args:
            everywhere: also the memories not in use.
            first: the first sweep since this card was seen here.

        Returns:
            False when a store could not be read.
        """
        self.sweep_due = False
        whole = True
        for memory in (self.memories if everywhere else self.memories[:1]) or ("",):
            try:
                await self._sweep_one(profile, memory, first)
            except (CommandError, NoAnswerError) as error:
                log.info("store %s could not be read: %s", memory or "in use", error)
                whole = whole and memory not in self.memories[:1]
        await self._back_to_first(profile)
        return whole

    async def _sweep_one(self, profile: Profile, memory: str, first: bool) -> None:
        total = await self._select(profile, memory, fresh=True)
        for found in await self._list(profile, total):
            if found.index is not None:
                self._announced.pop((memory, found.index), None)
                await self._keep(profile, found, memory, found.index, first=first, report=memory == "SR")

    async def _list(self, profile: Profile, total: int | None) -> tuple[Stored, ...]:
        if profile.list_method == "cmgl":
            try:
                return parse_stored(
                    await self._link.command(Command("+CMGL=4", info=("+CMGL:",)), profile.timeouts.list)
                )
            except CommandError as error:
                log.debug("no listing: %s", error)
        found = []
        for index in range((total or 0) + 1):  # some count from 0, some from 1
            stored = await self._read(profile, index)
            if stored is not None:
                found.append(Stored(index, stored.status, stored.length, stored.pdu))
        return tuple(found)

    async def _fetch_one(self, profile: Profile, memory: str, index: int, report: bool) -> None:
        try:
            await self._select(profile, memory)
            stored = await self._read(profile, index)
            if stored is None:  # wrong memory or index: choose the announced one anew and look once more
                await self._select(profile, memory, fresh=True)
                stored = await self._read(profile, index)
            if stored is None:
                self.sweep_due = True
                return
            await self._keep(profile, stored, memory, index, first=False, report=report)
        except (CommandError, NoAnswerError) as error:
            log.info("announced message %s %d could not be read: %s", memory, index, error)
            self.sweep_due = True
            if isinstance(error, NoAnswerError):
                raise

    async def _read(self, profile: Profile, index: int) -> Stored | None:
        try:
            lines = await self._link.command(Command(f"+CMGR={index}", info=("+CMGR:",)), profile.timeouts.command)
        except (CmsError, CmeError) as error:
            if error.code in _EMPTY_SLOT:
                return None
            raise
        return next(iter(parse_stored(lines)), None)

    async def _keep(
        self, profile: Profile, stored: Stored, memory: str, index: int, *, first: bool, report: bool
    ) -> None:
        """Commit one stored message, then delete its slot."""
        slot = (memory, index, stored.pdu)
        if slot in self._stuck:
            return
        received = self._received(stored.pdu, memory=memory, index=index, first=first, status_report=report)
        if stored.status in {2, 3}:
            return  # a message we or somebody wrote there, not one that came (TS 27.005 §3.1, <stat>)
        if not await self._commit(received):
            self.sweep_due = True
            return
        try:
            await self._link.command(f"+CMGD={index}", profile.timeouts.command)
        except CommandError as error:
            log.warning("slot %s %d cannot be deleted: %s", memory, index, error)
            if len(self._stuck) < _STUCK_LIMIT:
                self._stuck.add(slot)
            return
        if received.iccid is not None:
            try:
                await self._journal.emptied(received.iccid, memory, index)
            except StoreError as error:
                log.debug("an emptied slot is not noted: %s", error)

    async def _commit(self, received: Received) -> bool:
        try:
            await self._journal.received(received)
        except StoreError as error:
            log.warning("a received message waits for the database: %s", error)
            return False
        return True

    def _received(
        self,
        text: str,
        *,
        memory: str = "",
        index: int | None = None,
        first: bool = False,
        status_report: bool = False,
    ) -> Received:
        try:
            pdu = bytes.fromhex(text)
        except ValueError:
            pdu = b""
        foreign = first and self.own_memory_of_another and memory == "ME"
        return Received(
            pdu,
            text,
            None if foreign else self.iccid,
            self.imei,
            self._clock.now(),
            memory=memory,
            index=index,
            first_sweep=first,
            status_report=status_report,
        )

    async def _select(self, profile: Profile, memory: str, *, fresh: bool = False) -> int | None:
        if not memory or not self.memories or (memory == self._selected and not fresh):
            return None
        self._selected = ""
        total = await select(self._link, profile, memory)
        self._selected = memory
        return total

    async def _back_to_first(self, profile: Profile) -> None:
        """Leave the memory in use selected, all three alike again."""
        if not self.memories or self._selected == self.memories[0]:
            return
        try:
            await select(self._link, profile, self.memories[0], profile.cpms_form)
            self._selected = self.memories[0]
        except CommandError as error:
            log.info("memory %s cannot be chosen: %s", self.memories[0], error)
            self._selected = ""
