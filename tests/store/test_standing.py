"""Which limits a held message is told to wait for."""

from __future__ import annotations

import pytest

from modemfarm.model import Plan, SimSettings
from modemfarm.store import standing
from modemfarm.store.engine import Store
from modemfarm.store.shapes import Terms
from tests.store.tools import NOW, OTHER, SIM, add, claim, message, see

PLAN = Plan("p", per_day=1)
TERMS = Terms(plans={"p": PLAN}, default_plan="p", sims={SIM: SimSettings(SIM, label="desk", tags=("shop",))})


@pytest.mark.parametrize(("name", "told"), [
    (None, [SIM, OTHER]),
    ("desk", [SIM]),
    ("shop", [SIM, OTHER]),
    ("till", [OTHER]),
    (SIM, [SIM]),
])  # fmt: skip
def test_only_the_sims_that_a_message_may_use_are_named(store: Store, name: str | None, told: list[str]) -> None:
    with store.write() as tx:
        for iccid in (SIM, OTHER):
            see(tx, iccid)
        tx.run('UPDATE sims SET tags = \'["shop", "till"]\' WHERE iccid = :iccid', iccid=OTHER)
        for iccid in (SIM, OTHER):
            add(tx)
            claim(tx, iccid, plan=PLAN)
        waiting = message(tx, add(tx, pinned=name))
        found = standing.limits(tx, waiting, TERMS, NOW)
        assert [(one["iccid"], one["reason"]) for one in found] == [(iccid, "plan_day") for iccid in sorted(told)]
