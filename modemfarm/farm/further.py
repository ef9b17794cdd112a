"""Finds what has room where the messages that come first have none: they wait for a limit's reset, and stop nobody.

It never skips what fits: a place is passed for good only while everything before it needs more than what is left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from modemfarm.farm import lanes
from modemfarm.farm.choosing import LaneView, blocked_by, room
from modemfarm.farm.looking import ANYONE
from modemfarm.store import behind
from modemfarm.store.engine import Tx
from modemfarm.store.messages import NAMED
from modemfarm.store.queue import Candidate

PAGE = 128  # messages read at once
AGAIN = timedelta(seconds=60)  # what came back meanwhile to where it was is met by then
PAGES = 4  # in one transaction: nothing else is written meanwhile


@dataclass(slots=True)
class _Place:
    """Up to where everything of one queue and priority needs more than `room` parts."""

    room: int
    since: datetime
    at: tuple[int, int] = (-1, -1)  # due, part


def crowded(parts: Collection[Candidate], views: Collection[LaneView], now: datetime) -> dict[str, int]:
    """The queues in which a message stands before others that some free lane has no room for, and the room there is."""
    needs: dict[str, int] = {}
    for part in parts:
        queue = part.bound_iccid or (NAMED + part.pinned if part.pinned else "")
        needs[queue] = max(needs.get(queue, 0), part.parts_total - part.part_number + 1)
    found: dict[str, int] = {}
    for view in views:
        left = room(view)
        if left is None or blocked_by(view, 1, now, ANYONE) is not None:
            continue
        for queue in {"", *lanes.queues(view)}:
            if needs.get(queue, 0) > left:
                found[queue] = max(found.get(queue, 0), left)
    return found


class Further:
    """Looks behind messages that are too long for the rest of a limit, a page at a time, and remembers how far.

    Attributes:
        unfinished: there is more to pass, in another transaction.
    """

    def __init__(self) -> None:
        self._places: dict[tuple[str, int], _Place] = {}  # by queue and priority
        self._looking: Iterator[list[Candidate]] | None = None
        self.unfinished = False

    def anew(self) -> list[Candidate]:
        """Something moved since: what follows the heads is looked for from the start; nothing is found yet."""
        self._looking, self.unfinished = None, False
        return []

    def following(
        self, tx: Tx, parts: Collection[Candidate], views: Collection[LaneView], now: datetime
    ) -> list[Candidate] | None:
        """What fits behind parts of which none could go by these lanes; None: nothing more, or not in this transaction.

        Each call after `anew` looks behind what the one before found.
        """
        if self._looking is None:
            self._looking = self._look(tx, crowded(parts, views, now), now)
        return next(self._looking, None)

    def _look(self, tx: Tx, rooms: dict[str, int], now: datetime) -> Iterator[list[Candidate]]:
        pages = 0
        for queue, left in sorted(rooms.items()):
            for rank in behind.ranks(tx, queue):
                for fitting, passing in self._pages(tx, queue, rank, left, now):
                    pages += 1
                    if fitting:
                        yield behind.these(tx, fitting)
                    if pages == PAGES:
                        self.unfinished = passing
                        return

    def _pages(self, tx: Tx, queue: str, rank: int, left: int, now: datetime) -> Iterator[tuple[list[int], bool]]:
        """The parts of each page that fit, and whether nothing did so far."""
        place = self._places.get((queue, rank))
        if place is None or left > place.room or now - place.since >= AGAIN:
            place = self._places[queue, rank] = _Place(left, now)
        place.room = left
        at, passing = place.at, True
        while rows := behind.after(tx, queue, rank, at, now, PAGE):
            fitting: list[int] = []
            for row in rows:
                at = row["due_at"], row["id"]
                if row["needs"] <= left:
                    fitting.append(row["id"])
                    passing = False
                elif passing:
                    place.at = at
                if len(fitting) == behind.MOST:
                    break
            yield fitting, passing
