"""Keeps the words beside waiting messages true: queued, or held with the reason and the next possible time."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from modemfarm.errors import StoreError
from modemfarm.farm.choosing import Presence
from modemfarm.farm.journal import FarmJournal
from modemfarm.store import actions, gates, labels
from modemfarm.store.labels import Label, Waiting
from modemfarm.store.offload import Offload

log = logging.getLogger(__name__)

EVERY_S = 1.0
CHUNKS_A_TURN = 5
GATES_A_TURN = 200
RESTS_LONG = timedelta(seconds=10)  # a shorter rest is over before its label is read
PACING_STAYS = timedelta(seconds=30)  # between two parts of a paced farm everything is free for a moment


def judge(
    waiting: Waiting,
    against: Callable[[str, int], Label | None],
    ready: frozenset[str],
    presence: Mapping[str, Presence],
    *,
    pauses: Collection[tuple[str, str]] = (),
    names: Mapping[str, Collection[str]] | None = None,
) -> Label:
    """What one waiting message is called.

    Args:
        against: what a SIM's plan has against a message of so many parts now.
        ready: SIMs that are in a modem and may send.
        pauses: (scope, value) of what a person stopped.
        names: what each SIM that is known may be called; None: not asked.
    """
    own = (("all", ""), ("class", waiting.message_class), ("batch", str(waiting.batch_id)))
    if any(one in pauses for one in own):
        return Label("paused")
    if waiting.iccid is not None:
        return _stopped([presence.get(waiting.iccid)]) or against(waiting.iccid, waiting.parts) or Label(None)
    if waiting.pinned is not None and names is not None:
        mine = frozenset(iccid for iccid, known in names.items() if waiting.pinned in known)
        if not mine:
            return Label("no_sim")
        if not ready & mine:
            return _stopped([presence.get(iccid, Presence.AWAY) for iccid in mine]) or Label(None)
        ready &= mine
    # what any SIM may take stands still only while none is in a modem that sends: a card in a drawer stops nothing
    there = [how for how in presence.values() if how is not Presence.AWAY]
    if not ready:
        return (_stopped(there) if there else None) or Label(None)
    found = [against(iccid, waiting.parts) for iccid in ready]
    opening = [label for label in found if label is not None]
    if len(opening) < len(found):
        return Label(None)
    return min(opening, key=lambda label: (label.next_at is None, label.next_at or 0))


def _stopped(hows: Collection[Presence | None]) -> Label | None:
    """Why none of some SIMs sends; None: one may, or is not known."""
    if not set(hows) <= {Presence.PARKED, Presence.PAUSED, Presence.AWAY}:
        return None
    if Presence.PARKED in hows:
        return Label("sim_parked")
    return Label("sim_paused" if Presence.PAUSED in hows else "absent")


def _said_of(label: Label) -> object:
    """What of a label's change is worth labelling anew: a rest that grew, but no step of pacing."""
    return label if label.slug == "sim_rests" else label.slug


class Labeller:
    """Writes labels in small chunks behind everything else."""

    def __init__(self, offload: Offload, journal: FarmJournal, now: Callable[[], datetime]) -> None:
        self._offload = offload
        self._journal = journal
        self._now = now
        self._kept: dict[str, tuple[Label, datetime]] = {}
        self._said: object = None
        self._after: int | None = 0
        self._newest = 0
        self._lengths: set[int] = set()  # of the messages that were met, in parts
        self._long: set[tuple[str, int]] = set()  # (ICCID, parts) of what is too long for the rest of a limit
        self._again = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.turn()
            except StoreError as error:
                log.debug("labels wait for the store: %s", error)

    async def turn(self) -> None:
        """Label some of the waiting messages anew where what is to be said about them changed."""
        for _ in range(GATES_A_TURN if self._journal.leads else 0):
            if not await self._offload.bulk(gates.follow, self._now()):
                break
            self._journal.dispatcher.wake()
        now = self._now()
        blocked = self._blocked()
        presence = self._journal.presence()
        ready = self._journal.ready()
        rows = await self._offload.bulk(actions.pauses)
        pauses = frozenset((row["scope"], row["value"]) for row in rows)
        stands = {iccid: how for iccid, how in presence.items() if how is not Presence.HERE}
        names = self._journal.names()

        @functools.cache  # a hundred thousand messages are of a few kinds
        def against(iccid: str, parts: int) -> Label | None:
            return self._journal.dispatcher.too_long(iccid, parts, now) or blocked.get(iccid)

        @functools.cache
        def called(one: Waiting) -> Label | None:
            self._lengths.add(one.parts)
            if not self._journal.labels(one.iccid):
                return None
            return judge(one, against, ready, presence, pauses=pauses, names=names)

        says = (pauses, ready, names, {iccid: _said_of(label) for iccid, label in blocked.items()}, stands)
        long = {(iccid, parts) for iccid in ready for parts in self._lengths if against(iccid, parts)}
        if says != self._said:
            self._said = says
            self._after, self._again = 0, False
        elif long != self._long:
            self._again = True  # near a limit that changes with every part: what has begun goes to its end first
        self._long = long
        if self._again and self._after is None:
            self._after, self._again = 0, False
        if self._after is None:
            if not blocked and not pauses and not stands and await self._offload.bulk(labels.newest) <= self._newest:
                return
            self._after = self._newest  # only what came since
        for _ in range(CHUNKS_A_TURN):
            self._after = await self._offload.bulk(labels.label, self._after, called, now)
            if self._after is None:
                self._newest = await self._offload.bulk(labels.newest)
                break
        if any(label.slug == "plan_minute" for label in blocked.values()):
            await self._offload.bulk(labels.renew, called, now)

    def _blocked(self) -> dict[str, Label]:
        """What blocks each lane; pacing is remembered over the short moments between two parts."""
        now = self._now()
        fresh = dict(self._journal.dispatcher.blocked)
        for iccid, until in self._journal.resting.items():
            if until - now > RESTS_LONG:
                fresh[iccid] = Label("sim_rests", until)
        for iccid, label in fresh.items():
            self._kept[iccid] = (label, now)
        for iccid, (label, at) in list(self._kept.items()):
            if label.slug != "plan_minute" or now - at > PACING_STAYS:
                del self._kept[iccid]
            else:
                fresh.setdefault(iccid, label)
        return fresh
