"""How far into the queues is looked for a claim, and in the play of what will be claimed."""

from __future__ import annotations

from datetime import datetime, timedelta

from modemfarm.farm.choosing import LaneView, blocked_by

OWN = 3  # of a SIM's own queue
NAMED = 2  # of each queue of a name
BEYOND = 8  # of the queue for any SIM, beyond one a lane
KNOWN_EVERY = timedelta(seconds=5)  # after nothing was found for a SIM that may write to nobody new
ANYONE = ""  # a recipient whom no plan counts yet


def is_for_known(view: LaneView, now: datetime) -> bool:
    """Whether a lane may write to nobody new: what goes to those whom it knows may stand far behind."""
    return view.month is not None and blocked_by(view, 1, now, ANYONE) == "plan_recipients"
