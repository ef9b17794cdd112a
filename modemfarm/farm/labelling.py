"""Keeps the words beside waiting messages true: queued, or held with the reason and the next possible time."""

from __future__ import annotations

import asyncio
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
    blocked: Mapping[str, Label],
    ready: frozenset[str],
    presence: Mapping[str, Presence],
    *,
    pauses: Collection[tuple[str, str]] = (),
    names: Collection[str] | None = None,
) -> Label:
    """What one waiting message is called.

    Args:
        blocked: by SIM, what its plan has against its next part.
        ready: SIMs that are in a modem and may send.
        pauses: (scope, value) of what a person stopped.
        names: what the SIMs that are known may be called; None: not asked.
    """
    own = (("all", ""), ("class", waiting.message_class), ("batch", str(waiting.batch_id)))
    if any(one in pauses for one in own):
        return Label("paused")
    if waiting.iccid is not None:
        how = presence.get(waiting.iccid)
        if how is Presence.PARKED:
            return Label("sim_parked")
        if how is Presence.PAUSED:
            return Label("sim_paused")
        if how is Presence.AWAY:
            return Label("absent")
        return blocked.get(waiting.iccid, Label(None))
    if waiting.pinned is not None and names is not None and waiting.pinned not in names:
        return Label("no_sim")
    stopped = {how for how in presence.values() if how is not Presence.AWAY}  # a card in a drawer stops nothing
    if not ready and stopped and stopped <= {Presence.PARKED, Presence.PAUSED}:
        return Label("sim_parked" if Presence.PARKED in stopped else "sim_paused")
    if not ready or not ready <= blocked.keys():
        return Label(None)
    return min((blocked[iccid] for iccid in ready), key=lambda label: (label.next_at is None, label.next_at or 0))


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
        blocked = self._blocked()
        presence = self._journal.presence()
        ready = self._journal.ready()
        rows = await self._offload.bulk(actions.pauses)
        pauses = frozenset((row["scope"], row["value"]) for row in rows)
        stands = {iccid: how for iccid, how in presence.items() if how is not Presence.HERE}
        names = self._journal.names()
        says = (pauses, ready, names, {iccid: _said_of(label) for iccid, label in blocked.items()}, stands)
        if says != self._said:
            self._said = says
            self._after = 0
        elif not blocked and not pauses and not stands and await self._offload.bulk(labels.newest) <= self._newest:
            return
        for _ in range(CHUNKS_A_TURN):
            if self._after is None:
                self._after = self._newest  # only what came since
            reached = await self._offload.bulk(
                labels.label,
                self._after,
                lambda one: (
                    judge(one, blocked, ready, presence, pauses=pauses, names=names)
                    if self._journal.labels(one.iccid)
                    else None
                ),
                self._now(),
            )
            if reached is None:
                self._newest = await self._offload.bulk(labels.newest)
                self._after = None
                return
            self._after = reached

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
