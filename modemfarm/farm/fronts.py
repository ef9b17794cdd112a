"""Reads what stands in front of the queues that some free SIMs may take from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from modemfarm.farm import lanes, looking
from modemfarm.farm.choosing import PATIENCE, TURN_BY_AGE, LaneView, room
from modemfarm.store import behind, queue
from modemfarm.store.engine import Tx, to_us
from modemfarm.store.queue import Candidate


class Fronts:
    """The heads of queues, and beside them what the turn by age, or a limit of people, looks for."""

    def __init__(self) -> None:
        self._looked_for_known: dict[str, datetime] = {}  # by ICCID: when there was nothing
        self._begun: dict[str, int] = {}  # messages that each SIM began, for the turns by age
        self._owed: dict[str, int] = {}  # by ICCID: the plan's day whose rest had no room for what waited longest

    def heads(self, tx: Tx, able: Mapping[str, LaneView], filled: set[str], now: datetime) -> list[Candidate]:
        """What stands in front of each lane's own queue, of those of its names, and of the one for any SIM."""
        parts: list[Candidate] = []
        for iccid, view in able.items():
            if iccid in filled:
                parts += queue.heads(tx, iccid, now, looking.OWN)
            if view.month is not None and looking.is_for_known(view, now):
                parts += self._to_known(tx, view, view.month, now)
        for name in sorted(filled - able.keys()):
            parts += queue.heads(tx, name, now, looking.NAMED)
        return parts + queue.heads(tx, "", now, len(able) + looking.BEYOND)

    def by_age(self, views: Collection[LaneView]) -> set[str]:
        """The SIMs whose turn is for what has waited longest; one that it was too long for comes again the next day."""
        return {view.iccid for view in views if self._is_turn(view.iccid, view.day)}

    def _is_turn(self, iccid: str, day: int) -> bool:
        return self._begun.get(iccid, 0) % TURN_BY_AGE == TURN_BY_AGE - 1 or self._owed.get(iccid, day) != day

    def began(self, iccid: str, day: datetime) -> None:
        """A SIM took a message's first part."""
        if self._owed.get(iccid, to_us(day)) != to_us(day):
            del self._owed[iccid]
        self._begun[iccid] = self._begun.get(iccid, 0) + 1

    def old_ones(self, tx: Tx, views: Collection[LaneView], filled: set[str], now: datetime) -> list[Candidate]:
        """What has waited longest of each priority, for the SIMs whose turn is for it."""
        names = {one for view in views for one in lanes.queues(view)} & filled | ({""} if views else set())
        found = {name: queue.longest_waiting(tx, name, now - PATIENCE) for name in sorted(names)}
        for view in views:
            mine = [part for name in {"", *lanes.queues(view)} for part in found.get(name, ())]
            oldest = min(mine, key=lambda part: (part.due_at, part.part_id), default=None)
            if oldest is not None and (left := room(view)) is not None and left < oldest.parts_left:
                self._owed[view.iccid] = view.day
        return [part for parts in found.values() for part in parts]

    def _to_known(self, tx: Tx, view: LaneView, month: datetime, now: datetime) -> list[Candidate]:
        """For a SIM that may write to nobody new: parts behind those that it cannot take, looked for now and then."""
        last = self._looked_for_known.get(view.iccid)
        if last is not None and now - last < looking.KNOWN_EVERY:
            return []
        found = behind.to_known(tx, view.owner, month, view.iccid, now, looking.OWN)
        if not found:
            self._looked_for_known[view.iccid] = now
        return found
