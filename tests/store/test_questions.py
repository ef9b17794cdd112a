"""A question at many people in a month, which stops nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from modemfarm.model import CAUTIOUS
from modemfarm.store import actions, counters, views
from modemfarm.store.engine import Store
from modemfarm.store.shapes import Terms
from tests.store.tools import NOW, SIM, add, claim, see

MONTH = datetime(2026, 3, 1, tzinfo=UTC)


def test_at_150_people_a_person_is_asked_once_and_sending_goes_on(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for number in range(152):
            add(tx, to=f"+86138001{number:05}")
            assert claim(tx, plan=CAUTIOUS, at=NOW + timedelta(days=number // 100, minutes=number)) is not None
            shown = views.sim(tx, SIM, now=NOW)
            assert shown is not None
            assert shown["asks"] is (number >= 149), number
        assert shown["used"]["recipients"] == 152
        assert shown["state"] == "active"
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'sim.asked'") == 1
        assert actions.sim_answer(tx, SIM, Terms(), "go_on", NOW)
        assert counters.is_answered(tx, SIM, MONTH)
        shown = views.sim(tx, SIM, now=NOW)
        assert shown is not None
        assert (shown["asks"], shown["state"]) == (False, "active")
        assert not counters.is_answered(tx, SIM, datetime(2026, 4, 1, tzinfo=UTC))


def test_the_answer_may_pause_the_sim(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        assert actions.sim_answer(tx, SIM, Terms(), "pause", NOW)
        assert not actions.sim_answer(tx, "8986000000000000000", Terms(), "pause", NOW)
        assert tx.value("SELECT state FROM sims WHERE iccid = :iccid", iccid=SIM) == "paused"
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'sim.answered'") == 1
