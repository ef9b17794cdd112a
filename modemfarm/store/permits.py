"""What step 3 is judged by: the limits of a SIM, and the lease of the host that it is in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from modemfarm.store import hosts
from modemfarm.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Permit:
    """What step 3 is judged by.

    Attributes:
        shared: several SIMs count on this owner.
        per_minute, per_hour: the plan's limits for any 60 s and any 60 minutes, or None.
        day, farm_day: when the plan's and, under a ceiling, the farm's day began; a part charged to another goes back.
        transactional_after_opt_out: the owner's setting.
        clock_trusted: a clock in doubt ends no validity.
        host, instance: whose lease must stand.
    """

    part_id: int
    attempt_id: int
    owner: str
    per_minute: int | None
    day: datetime
    transactional_after_opt_out: bool = False
    clock_trusted: bool = True
    per_hour: int | None = None
    shared: bool = False
    farm_day: datetime | None = None
    host: str = ""
    instance: str = ""

    def is_fenced(self, tx: Tx) -> bool:
        """Whether the host of this SIM may submit nothing now."""
        return bool(self.instance) and hosts.is_fenced(tx, self.host, self.instance)
