"""When offers may leave, for the farm played forward: the hours of each person's clock, and how many each got."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from modemfarm.model import MessageClass
from modemfarm.policy.frequency import Sent
from modemfarm.policy.profiles import Rules
from modemfarm.store.offers import MARGIN, PART_TAKES, Known, digest_of, earliest
from modemfarm.store.queue import Candidate


class OfferHours:
    """The rules for offers over a time that is played.

    Args:
        known: of the people that offers wait for.
    """

    def __init__(self, rules: Rules, known: Mapping[str, Known]) -> None:
        self._rules = rules
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
        held = earliest(self._rules, who, part.text, at, MARGIN + PART_TAKES * part.parts_total)
        return at if held is None else held.next_at

    def went(self, part: Candidate, at: datetime) -> None:
        """An offer has gone."""
        if part.message_class == MessageClass.MARKETING:
            self._sent[part.recipient].append(Sent(at, digest_of(part.text)))
