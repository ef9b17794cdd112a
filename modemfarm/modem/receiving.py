"""What a modem received: announced, direct, or lying in its stores; committed first, deleted after."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from modemfarm.at.events import Unsolicited
from modemfarm.at.replies import Stored, parse_cdsi, parse_cmti
from modemfarm.errors import CommandError, NoAnswerError, StoreError
from modemfarm.model import Received
from modemfarm.modem.bringup import optional
from modemfarm.modem.family import Profile
from modemfarm.modem.journal import Journal
from modemfarm.modem.link import Link
from modemfarm.modem.settings import Clock
from modemfarm.modem.stores import Stores

log = logging.getLogger(__name__)

_OURS = frozenset({2, 3})  # a message we or somebody wrote there, not one that came (TS 27.005 §3.1, <stat>)
_REPORTS = frozenset({"SR"})  # what +CPMS? tells of is never this one: a report that nobody announced would stay
_READS_AT_ONCE = 50  # announced messages read before a part may go out: a flood must not stop sending
_PASSES = 300  # of one sweep: the largest stores hold 255, and some listings show one message a time
_RETRY_S = 1.0
_ACKNOWLEDGES = {"plain": "+CNMA", "one": "+CNMA=1", "zero": "+CNMA=0"}
_STALLED_S = 180.0  # A7670: after +SMS FULL and deletion nothing comes for hours (LilyGo issue 184)
_NAMELESS_S = 10.0  # what comes before the card is known waits this long for its name


class Inbox:
    """One session's receiving side.

    Attributes:
        stores: where messages lie.
        iccid, imei: whom what comes belongs to.
        sweep_due: a sweep is wanted out of turn.
        watches_for_stall: some modems receive nothing more once their store was full until they restart.
        own_memory_of_another: the card changed in this modem: what lies in ME may be an earlier card's.
    """

    def __init__(self, link: Link, journal: Journal, clock: Clock, news: Callable[[], None]) -> None:
        self._link, self._journal, self._clock, self._news = link, journal, clock, news
        self._announced: dict[tuple[str, int], bool] = {}
        self._direct: deque[Received] = deque()
        self._direct_came = asyncio.Event()
        self._card_known = asyncio.Event()
        self.stores = Stores(link)
        self.iccid: str | None = None
        self.imei: str | None = None
        self.own_memory_of_another = False
        self.sweep_due = False
        self.watches_for_stall = True
        self._emptied_at: float | None = None  # a full store was emptied then, and nothing has come since
        self._unacknowledged = 0  # direct messages committed and, with +CSMS, not yet told so to the modem

    @property
    def waiting(self) -> bool:
        """Something was announced and not yet read, or kept and not yet acknowledged."""
        return bool(self._announced) or self._unacknowledged > 0

    def take(self, event: Unsolicited) -> bool:
        """Note an announcement or a direct message; False when the line is neither."""
        line = event.line
        if line.startswith(("+CMT", "+CDS")):
            self._emptied_at = None
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

    def brim(self) -> None:
        """The modem says that a store is full; that it stays so is known and no news."""
        self.sweep_due = self.sweep_due or not self.stores.full

    @property
    def stalls_at(self) -> float:
        """Loop time from which on a modem is doubted that brought nothing after its store had been full."""
        return math.inf if self._emptied_at is None or not self.watches_for_stall else self._emptied_at + _STALLED_S

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
        await self.stores.back_to_first(profile)

    async def look(self, profile: Profile) -> None:
        """Ask how full the stores are; what came unannounced is swept next.

        Raises:
            FaultError: the modem forgot how it was set up.
        """
        await self.stores.look(profile)
        self.sweep_due = self.sweep_due or bool(self.stores.due)

    async def sweep(self, profile: Profile, *, everywhere: bool, first: bool) -> bool:
        """Read the stores from end to end.

        Args:
            everywhere: also the memories not in use; that of reports is always read.
            first: the first sweep since this card was seen here.

        Returns:
            False when a store could not be read.
        """
        self.sweep_due = False
        whole = True
        stores = self.stores
        first_memories = stores.memories[:1]
        seldom_seen = {*stores.due, *_REPORTS.intersection(stores.memories)} - {*first_memories, ""}
        wanted = stores.memories if everywhere else (*first_memories, *sorted(seldom_seen))
        for memory in wanted or ("",):
            try:
                await self._sweep_one(profile, memory, first)
            except (CommandError, NoAnswerError) as error:
                log.info("store %s could not be read: %s", memory or "in use", error)
                stores.due.discard(memory)
                whole = whole and memory not in first_memories
        await stores.prefer_room(profile)
        await stores.back_to_first(profile)
        return whole

    async def _sweep_one(self, profile: Profile, memory: str, first: bool) -> None:
        """Read, commit, delete, and read again: only an empty slot proves that it was emptied.

        A listing that was cut short goes on where it ended; one that hides messages is replaced by reading each slot.
        """
        stores = self.stores
        gone: dict[int, str] = {}
        one_by_one = brimful = False
        for number in range(_PASSES):
            storage = await stores.select(profile, memory, fresh=True)
            brimful = brimful or (storage is not None and storage.used >= storage.total > 0)
            found = await stores.listed(profile, storage, one_by_one=one_by_one)
            for index, pdu in gone.items():
                if index in found and found[index].pdu == pdu and (memory, index) not in self._announced:
                    stores.quarantine(memory, index, pdu, "it stays after OK")
            hidden = stores.hides(memory, storage, len(found))
            if (gone or (first and number == 0)) and not hidden:
                await self._emptied_but(memory, found)
            emptied = await self._empty(profile, memory, found, first=first)
            if emptied is None:
                return
            gone = emptied
            if hidden and not gone and not one_by_one:
                one_by_one = True
            elif not gone:
                stores.stays(memory, storage, found)
                if brimful and memory not in stores.full:
                    self._emptied_at = asyncio.get_running_loop().time()
                elif number:
                    self._emptied_at = None  # something had come
                return
        self.sweep_due = True

    async def _empty(
        self, profile: Profile, memory: str, found: Mapping[int, Stored], *, first: bool
    ) -> dict[int, str] | None:
        """Commit all that lies there, then delete it: some modems delete the parts of a message together.

        Returns:
            The slots that the modem said to have emptied, with what lay there; None when the database is away.
        """
        stores = self.stores
        kept = {}
        for index, stored in found.items():
            if stored.status in _OURS or stores.is_stuck(memory, index, stored.pdu):
                continue
            lay = (memory, index) not in self._announced  # what was announced just now is not what lay there before
            self._announced.pop((memory, index), None)
            received = self._received(
                stored.pdu, memory=memory, index=index, first=first and lay, status_report=memory == "SR"
            )
            if not await self._commit(received):
                self.sweep_due = True
                return None
            kept[index] = stored.pdu
        return {index: pdu for index, pdu in kept.items() if await stores.delete(profile, memory, index, pdu)}

    async def _emptied_but(self, memory: str, found: Iterable[int]) -> None:
        if self.iccid is None:
            return
        try:
            await self._journal.emptied_but(self.iccid, memory, sorted(found))
        except StoreError as error:
            log.debug("emptied slots are not noted: %s", error)

    async def _fetch_one(self, profile: Profile, memory: str, index: int, report: bool) -> None:
        stores = self.stores
        try:
            await stores.select(profile, memory)
            stored = await stores.read(profile, index)
            if stored is None:  # wrong memory or index: choose the announced one anew and look once more
                await stores.select(profile, memory, fresh=True)
                stored = await stores.read(profile, index)
            if stored is None:
                self.sweep_due = True
                return
            await self._keep(profile, stored, memory, index, report=report)
        except (CommandError, NoAnswerError) as error:
            log.info("announced message %s %d could not be read: %s", memory, index, error)
            self.sweep_due = True
            if isinstance(error, NoAnswerError):
                raise

    async def _keep(self, profile: Profile, stored: Stored, memory: str, index: int, *, report: bool) -> None:
        """Commit one stored message, delete its slot, and see that it is empty."""
        stores, pdu = self.stores, stored.pdu
        if stored.status in _OURS or stores.is_stuck(memory, index, pdu):
            return
        if not await self._commit(self._received(pdu, memory=memory, index=index, status_report=report)):
            self.sweep_due = True
            return
        if not await stores.delete(profile, memory, index, pdu):
            return
        left = await stores.read(profile, index)
        if left is not None and (memory, index) not in self._announced:
            if left.pdu == pdu:
                stores.quarantine(memory, index, pdu, "it stays after OK")
                return
            self.sweep_due = True  # another message, and not a word about it
        if self.iccid is not None:
            try:
                await self._journal.emptied(self.iccid, memory, index)
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
