"""What waiting messages are called, as a pure decision."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from modemfarm.farm.choosing import Presence
from modemfarm.farm.labelling import judge
from modemfarm.store.labels import Label, Waiting

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
ANY = Waiting(None, "transactional", None)
BOUND = Waiting("A", "transactional", 7)
SOON, LATE = Label("plan_minute", NOW + timedelta(seconds=9)), Label("plan_day", NOW + timedelta(hours=9))
HERE = {"A": Presence.HERE, "B": Presence.HERE}


def test_with_one_sim_free_a_message_is_only_queued() -> None:
    assert judge(ANY, {"A": LATE}, frozenset("AB"), HERE) == Label(None)
    assert judge(ANY, {}, frozenset(), HERE) == Label(None)


def test_with_every_sim_blocked_it_waits_for_the_first_to_open() -> None:
    assert judge(ANY, {"A": LATE, "B": SOON}, frozenset("AB"), HERE) == SOON
    assert judge(ANY, {"A": LATE, "B": Label("plan_hour")}, frozenset("AB"), HERE) == LATE


def test_what_is_bound_waits_for_its_own_sim() -> None:
    assert judge(BOUND, {"B": SOON}, frozenset("AB"), HERE) == Label(None)
    assert judge(BOUND, {"A": LATE}, frozenset("AB"), HERE) == LATE
    assert judge(BOUND, {}, frozenset("B"), {"A": Presence.PARKED}) == Label("sim_parked")
    assert judge(BOUND, {}, frozenset("B"), {"A": Presence.PAUSED}) == Label("sim_paused")
    assert judge(BOUND, {}, frozenset("B"), {"A": Presence.AWAY}) == Label("absent")


def test_a_pause_of_everything_its_class_or_its_batch_is_said_first() -> None:
    for pause in (("all", ""), ("class", "transactional"), ("batch", "7")):
        assert judge(BOUND, {"A": LATE}, frozenset("A"), HERE, pauses={pause}) == Label("paused")
    for pause in (("class", "marketing"), ("batch", "8")):
        assert judge(BOUND, {"A": LATE}, frozenset("A"), HERE, pauses={pause}) == LATE


def test_with_every_sim_parked_or_paused_it_says_so_whatever_lies_in_a_drawer() -> None:
    drawer = {"C": Presence.AWAY}
    for how, slug in (
        ({"A": Presence.PAUSED, "B": Presence.PAUSED}, "sim_paused"),
        ({"A": Presence.PAUSED, "B": Presence.PARKED}, "sim_parked"),
        ({"A": Presence.PARKED}, "sim_parked"),
    ):
        assert judge(ANY, {}, frozenset(), how | drawer) == Label(slug)
    assert judge(ANY, {}, frozenset(), {"A": Presence.PAUSED, "B": Presence.HERE}) == Label(None)
    assert judge(ANY, {}, frozenset(), drawer) == Label(None)


def test_a_name_that_no_sim_has_is_told() -> None:
    lost = Waiting(None, "transactional", None, pinned="front desc")
    assert judge(lost, {}, frozenset({"A"}), {}, names=frozenset({"A", "front desk"})) == Label("no_sim")
    assert judge(lost, {}, frozenset({"A"}), {}, names=frozenset({"A", "front desc"})) == Label(None)
