"""Reads the farm and plays it forward: what the page, the API and the command line say about the time ahead."""

from __future__ import annotations

import statistics
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from modemfarm.farm.allowance import HOUR, Owner, Purse
from modemfarm.farm.forecast import MOST, LaneFacts, Play, Work, extrapolate
from modemfarm.farm.hours import OfferHours
from modemfarm.farm.lanes import sim_facts
from modemfarm.farm.settings import FarmSettings
from modemfarm.model import Ceiling, Forecast, MessageClass
from modemfarm.store import actions, counters, gates, hosts, offers, queue, sims, views, waiting
from modemfarm.store.engine import Store, Tx
from modemfarm.store.messages import NAMED
from modemfarm.store.queue import Candidate
from modemfarm.store.rules import in_force

USUAL_PART_US = 3_500_000  # air and link set-up, where a SIM and its farm have sent nothing yet
BETWEEN_US = 50_000
LOOK_BACK = 600  # attempts
STANDS_S = 15.0  # a forecast is not made more often for the page
KINDS = 100  # of messages whose turn is remembered so long


class Outlook:
    """Forecasts of one farm."""

    def __init__(self, store: Store, settings: FarmSettings, now: Callable[[], datetime]) -> None:
        self._store = store
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._last: tuple[datetime, Forecast] | None = None
        self._turns: dict[tuple[object, ...], tuple[datetime, datetime]] = {}  # kind -> asked at, its turn

    def lately(self) -> Forecast:
        """The forecast of the last seconds: for those who ask all the time."""
        last = self._last
        if last is not None and self._stands(last[0]):
            return last[1]
        if not self._lock.acquire(blocking=last is None):  # somebody makes a new one: the old one will do
            return last[1] if last is not None else self.fresh()
        try:
            found = self.fresh()
            self._last = self._now(), found
            return found
        finally:
            self._lock.release()

    def _stands(self, at: datetime) -> bool:
        return timedelta(0) <= self._now() - at < timedelta(seconds=STANDS_S)

    def misses(self, first: Candidate) -> datetime | None:
        """When a message will have left that cannot before its validity ends; None: it can, or nobody can say.

        That it cannot is played with this very message. That it can was perhaps played with one like it.

        Args:
            first: its first part; it is not there yet.

        Raises:
            StoreError
        """
        until = first.valid_until
        kind = (first.rank, first.message_class, first.pinned, first.parts_total)
        asked_at, turn = self._turns.get(kind, (self._now(), None))
        if until is None or (turn is not None and turn < until and self._stands(asked_at)):
            return None
        with self._store.read() as tx:
            played = self._look(tx, [replace(first, valid_until=None)], watch=first.message_id)
        turn = played.began.get(first.message_id)
        if turn is None or turn >= until:
            return played.finished.get(first.message_id)
        if len(self._turns) >= KINDS:
            self._turns.clear()
        self._turns[kind] = self._now(), turn
        return None

    def fresh(self, more: Sequence[Candidate] = ()) -> Forecast:
        """The forecast as of now.

        Args:
            more: first parts of messages that are not there yet; each needs the rest of its parts too.

        Raises:
            StoreError
        """
        with self._store.read() as tx:
            return self._look(tx, more)

    def _look(self, tx: Tx, more: Sequence[Candidate], watch: int | None = None) -> Forecast:
        """The forecast; for a message that is watched also by the SIMs that may be back at any moment."""
        now = self._now()
        pauses = frozenset((row["scope"], row["value"]) for row in actions.pauses(tx))
        if ("all", "") in pauses:
            return Forecast(None, 0, 0, 0, 0)
        back = sims.expected(tx, now - self._settings.sim_grace) if watch is not None else frozenset()
        lanes, owners = self._lanes(tx, sims.working(tx) | back, now)
        found = waiting.parts(tx, MOST)
        for name, owner in owners.items():
            if owner.plan.recipients_per_month is not None and owner.month is not None:
                asked = {part.recipient for part in (*found, *more)}
                owner.known = set(counters.known(tx, name, owner.month, asked))
        behind = max(0, views.waiting_parts(tx) - len(found)) if len(found) >= MOST else 0
        behind += sum(part.parts_total for part in more[MOST:])
        found = [part for part in found if not gates.covers(pauses, part.message_class, part.batch_id)]
        ahead = [*found, *_not_there_yet(tx, more[:MOST])]
        hours = self._offers(tx, ahead, lanes, now)
        played = Play(
            lanes,
            owners,
            _works(ahead),
            now,
            sticky=self._settings.sticky,
            opens=hours.opens,
            went=hours.went,
            purse=_purse(tx, self._settings.ceiling, now),
            watch=watch,
        ).run()
        return replace(played, finish_at=extrapolate(played, now, behind)) if behind else played

    def _offers(self, tx: Tx, parts: Sequence[Candidate], lanes: Sequence[LaneFacts], now: datetime) -> OfferHours:
        rules = in_force(tx, self._settings.policy, now)
        people = {part.recipient for part in parts if part.message_class == MessageClass.MARKETING}
        takes = {lane.iccid: offers.part_takes(tx, lane.iccid) for lane in lanes} if people else {}
        return OfferHours(rules, offers.known(tx, rules, people, now), takes)

    def _lanes(self, tx: Tx, here: Collection[str], now: datetime) -> tuple[list[LaneFacts], dict[str, Owner]]:
        pace = _pace(tx)
        usual = statistics.median(pace.values()) if pace else USUAL_PART_US
        lanes: list[LaneFacts] = []
        owners: dict[str, Owner] = {}
        for row in sims.all_sims(tx):
            if row["iccid"] not in here or row["state"] != "active":
                continue
            facts = sim_facts(row["iccid"], self._settings, row)
            part = pace.get(row["iccid"], usual) + BETWEEN_US
            lanes.append(LaneFacts(row["iccid"], facts.owner, facts.names, timedelta(microseconds=part)))
            if facts.owner not in owners:
                owners[facts.owner] = _owner(tx, facts.owner, Owner(facts.plan), now)
        return lanes, owners


def _purse(tx: Tx, ceiling: Ceiling, now: datetime) -> Purse:
    purse = Purse(ceiling)
    purse.turn(now)
    if purse.day is not None:
        purse.parts = counters.used(tx, counters.FARM, "day", purse.day)
        purse.cost = counters.used(tx, counters.FARM, "cost", purse.day)
    return purse


def _owner(tx: Tx, name: str, owner: Owner, now: datetime) -> Owner:
    owner.turn(now)
    assert owner.day is not None
    assert owner.month is not None
    plan = owner.plan
    owner.used_today = counters.used(tx, name, "day", owner.day)
    if plan.per_month is not None:
        owner.used_month = counters.used_since(tx, name, owner.month)
    if plan.recipients_per_month is not None:
        owner.people = counters.people_seen(tx, name, owner.month)
    if plan.per_minute is not None or plan.per_hour is not None:
        owner.recent = deque(counters.charges(tx, name, now - HOUR))
    return owner


def _pace(tx: Tx) -> dict[str, float]:
    """How long a part took each SIM lately, from Ctrl-Z to its result, in microseconds."""
    taken: defaultdict[str, list[int]] = defaultdict(list)
    for iccid, span in hosts.air_times(tx, LOOK_BACK):
        taken[iccid].append(span)
    return {iccid: statistics.median(spans) for iccid, spans in taken.items()}


def _not_there_yet(tx: Tx, parts: Sequence[Candidate]) -> list[Candidate]:
    """The same in the queue that each will wait in."""
    homes = {name: queue.home(tx, name) for name in {part.pinned for part in parts}}
    bound = {name: "" if home.startswith(NAMED) else home for name, home in homes.items()}
    return [replace(part, bound_iccid=bound[part.pinned], batch_id=Forecast.NOT_THERE_YET) for part in parts]


def _works(parts: Sequence[Candidate]) -> list[Work]:
    """One work a message, in the order of their first parts; what is not there yet counts with all its parts."""
    first: dict[int, Candidate] = {}
    count: defaultdict[int, int] = defaultdict(int)
    for part in parts:
        kept = first.setdefault(part.message_id, part)
        if part.part_number < kept.part_number:
            first[part.message_id] = part
        count[part.message_id] += 1 if part.message_id > 0 else part.parts_total
    return [Work(part, count[message], part.valid_until) for message, part in first.items()]
