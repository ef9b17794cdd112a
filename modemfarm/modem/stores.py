"""A modem's message stores: which one is in use, what lies in them, and slots that cannot be emptied."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from modemfarm.at.events import Command
from modemfarm.at.replies import Storage, Stored, parse_cpms, parse_stored
from modemfarm.errors import CmeError, CmsError, CommandError
from modemfarm.modem.bringup import FaultError, optional
from modemfarm.modem.family import Profile
from modemfarm.modem.link import Link
from modemfarm.modem.storage import select

log = logging.getLogger(__name__)

_EMPTY_SLOT = frozenset({21, 22, 321})  # invalid index, not found (CME); invalid memory index (CMS)
_STUCK_LIMIT = 1000


class Stores:
    """What one session knows of its modem's stores.

    Attributes:
        memories: the memory in use first, then others to be read in a full sweep; () when +CPMS is refused.
        due: memories that hold more than is known to stay.
        full: memories in which nothing is left to be deleted and no slot is free.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self.memories: tuple[str, ...] = ()
        self.due: set[str] = set()
        self.full: set[str] = set()
        self._selected = ""
        self._stuck: dict[tuple[str, int], str] = {}  # slots that cannot be deleted, with what they hold
        self._stays: dict[str, int] = {}  # how many messages a memory counts once all that can go is gone
        self._shown: tuple[str | None, ...] = ()  # +CPMS? as it was after setting up

    @property
    def trouble(self) -> tuple[str, dict[str, str | float]]:
        """The slug of what to say of slots that cannot be deleted, with its places; "" for none."""
        counts: dict[str, int] = {}
        for memory, _ in self._stuck:
            counts[memory] = counts.get(memory, 0) + 1
        if not counts:
            return "", {}
        worst = max(counts, key=lambda name: counts[name])
        slug = "store_full" if worst in self.full else "store_stuck"
        return slug, {"memory": worst, "count": counts[worst]}

    def is_stuck(self, memory: str, index: int, pdu: str) -> bool:
        """Whether this very message was found to stay in its slot."""
        return self._stuck.get((memory, index)) == pdu

    def quarantine(self, memory: str, index: int, pdu: str, why: str) -> None:
        """Leave a slot alone from now on: it is not read into the database again."""
        if self._stuck.get((memory, index)) != pdu and len(self._stuck) < _STUCK_LIMIT:
            log.warning("slot %s %d cannot be deleted (%s): left alone", memory, index, why)
            self._stuck[memory, index] = pdu

    # --- choosing

    async def select(self, profile: Profile, memory: str, *, fresh: bool = False) -> Storage | None:
        """Choose a memory for reading and deleting; what it holds, where that was asked and the modem says so."""
        if not memory or not self.memories or (memory == self._selected and not fresh):
            return None
        self._selected = ""
        storage = await select(self._link, profile, memory)
        self._selected = memory
        return storage

    async def back_to_first(self, profile: Profile) -> None:
        """Leave the memory in use selected, all three alike again."""
        if not self.memories or self._selected == self.memories[0]:
            return
        try:
            await select(self._link, profile, self.memories[0], profile.cpms_form)
            self._selected = self.memories[0]
        except CommandError as error:
            log.info("memory %s cannot be chosen: %s", self.memories[0], error)
            self._selected = ""

    async def prefer_room(self, profile: Profile) -> None:
        """Receive into another memory where the one in use is full for good."""
        first, *others = self.memories or ("",)
        if first not in self.full:
            return
        for other in others:
            if other not in {"SM", "ME"} or other in self.full:
                continue
            storage = await self.select(profile, other, fresh=True)
            if storage is not None and storage.used < storage.total:
                log.warning("memory %s is full of what cannot be deleted; receiving into %s", first, other)
                self.memories = (other, first, *(name for name in others if name != other))
                self._selected, self._shown = "", ()
                return

    # --- looking

    async def look(self, profile: Profile) -> None:
        """Ask how full the memories are: messages come without a word, and none is announced once one is full.

        Raises:
            FaultError: the modem uses other memories than were set: it restarted unseen.
        """
        if not self.memories:
            return
        asked = Command("+CPMS?", info=("+CPMS:",))
        lines = await optional(self._link, asked, profile.timeouts.command)
        storages = next((found for found in map(parse_cpms, lines or ()) if found), ())
        for storage in storages:
            name = storage.name or ""
            stays = self._stays.get(name, 0)
            if storage.used < stays:
                self._stays[name] = storage.used
            elif storage.used > stays and name in self.memories:
                self.due.add(name)
        shown = tuple(storage.name for storage in storages)
        if self._selected == self.memories[0] and self._shown and shown and shown != self._shown:
            raise FaultError("settings_lost")
        self._shown = shown or self._shown

    async def listed(self, profile: Profile, storage: Storage | None, *, one_by_one: bool = False) -> dict[int, Stored]:
        """What the chosen memory holds, by slot: some modems list a slot twice.

        Args:
            one_by_one: the listing leaves messages out; read every slot.
        """
        if profile.list_method == "cmgl" and not one_by_one:
            try:
                lines = await self._link.command(Command("+CMGL=4", info=("+CMGL:",)), profile.timeouts.list)
            except CommandError as error:
                log.debug("no listing: %s", error)
            else:
                return {found.index: found for found in parse_stored(lines) if found.index is not None}
        found = {}
        for index in range((storage.total if storage else 0) + 1):  # some count from 0, some from 1
            stored = await self.read(profile, index)
            if stored is not None:
                found[index] = Stored(index, stored.status, stored.length, stored.pdu)
        return found

    async def read(self, profile: Profile, index: int) -> Stored | None:
        """One slot of the chosen memory; None when it is empty."""
        try:
            lines = await self._link.command(Command(f"+CMGR={index}", info=("+CMGR:",)), profile.timeouts.command)
        except (CmsError, CmeError) as error:
            if error.code in _EMPTY_SLOT:
                return None
            raise
        return next(iter(parse_stored(lines)), None)

    # --- emptying

    async def delete(self, profile: Profile, memory: str, index: int, pdu: str) -> bool:
        """Ask for a slot to be emptied; False when the modem refuses. Its OK proves nothing."""
        try:
            await self._link.command(f"+CMGD={index}", profile.timeouts.command)
        except (CmsError, CmeError) as error:
            if error.code in _EMPTY_SLOT:  # another part's deletion took it along
                return True
            self.quarantine(memory, index, pdu, str(error))
            return False
        except CommandError as error:
            self.quarantine(memory, index, pdu, str(error))
            return False
        return True

    def stays(self, memory: str, storage: Storage | None, slots: Iterable[int]) -> None:
        """A sweep found nothing more to delete: what is counted now is no news."""
        left = set(slots)
        self._stuck = {slot: pdu for slot, pdu in self._stuck.items() if slot[0] != memory or slot[1] in left}
        self.due.discard(memory)
        self.full.discard(memory)
        if storage is not None:
            self._stays[memory] = storage.used
            if storage.used >= storage.total > 0:
                self.full.add(memory)

    def hides(self, memory: str, storage: Storage | None, found: int) -> bool:
        """Whether a memory counts more than its listing showed, and more than is known to stay."""
        return storage is not None and storage.used > max(found, self._stays.get(memory, -1))
