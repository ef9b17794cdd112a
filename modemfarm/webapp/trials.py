"""A message by which a SIM shows that it sends and receives: it goes to the SIM's own number."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from modemfarm.intake.draft import Draft
from modemfarm.store.inbox import TRIAL
from modemfarm.webapp.problems import Problem

_VALID_FOR = timedelta(minutes=30)  # a trial that comes hours later tells nobody anything


def draft(sim: dict[str, Any]) -> Draft:
    """The message.

    Raises:
        Problem: the own number of this SIM is not known.
    """
    if not sim["number"]:
        raise Problem(409, "conflict", "The own number of this SIM is not known.", code="number_unknown")
    text = f"modemfarm test {secrets.token_hex(4)}"
    return Draft(sim["number"], text, pinned=sim["iccid"], reference=TRIAL, valid_for=_VALID_FOR, priority=9)
