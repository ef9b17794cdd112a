"""When offers may leave, for the farm played forward: the hours of each person's clock, and how many each got."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from modemfarm.model import MessageClass
from modemfarm.policy.frequency import Sent
from modemfarm.policy.profiles import Rules
from modemfarm.store.offers import PART_TAKES, Known, before_closing, digest_of, earliest
from modemfarm.store.queue import Candidate


class OfferHours:
    """The rules for offers over a time that is played.

    Args:
        known: of the people that offers wait for.
        takes: how long a part takes each SIM that sends.
    """

    def __init__(self, rules: Rules, known: Mapping[str, Known], takes: Mapping[str, timedelta]) -> None:
        self._rules = rules
        self._takes = takes
        self._longest = max(takes.values(), default=PART_TAKES)  # for what any SIM may take
        self._zones = {number: one.zones for number, one in known.items()}
        self._sent = defaultdict(list, {number: list(one.sent) for number, one in known.items()})

    def opens(self, part: Candidate, at: datetime) -> datetime | None:
        """The first moment from `at` on at which a message may go; None: only a person can open it."""
        if part.message_class != MessageClass.MARKETING:
            return at
        if not self._rules.is_open:
            return None
        zones = self._zones.get(part.recipient, (self._rules.zone,))
        who = Known(zones, self._sent[part.recipient])
        takes = self._takes.get(part.bound_iccid, self._longest)
        held = earliest(self._rules, who, part.text, at, before_closing(takes, part))
        return at if held is None else held.next_at

    def went(self, part: Candidate, at: datetime) -> None:
        """An offer has gone."""
        if part.message_class == MessageClass.MARKETING:
            self._sent[part.recipient].append(Sent(at, digest_of(part.text)))
