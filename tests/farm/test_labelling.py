"""What waiting messages are called, as a pure decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from modemfarm.farm.choosing import Presence
from modemfarm.farm.labelling import judge
from modemfarm.store.labels import Label, Waiting

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
ANY = Waiting(None, "transactional", None)
BOUND = Waiting("A", "transactional", 7)
SOON, LATE = Label("plan_minute", NOW + timedelta(seconds=9)), Label("plan_day", NOW + timedelta(hours=9))
HERE = {"A": Presence.HERE, "B": Presence.HERE}
NAMES = {"A": {"A", "desk", "shop"}, "B": {"B", "shop"}, "C": {"C"}}


def _against(blocked: Mapping[str, Label]) -> Callable[[str, int], Label | None]:
    return lambda iccid, _parts: blocked.get(iccid)


def test_with_one_sim_free_a_message_is_only_queued() -> None:
    assert judge(ANY, _against({"A": LATE}), frozenset("AB"), HERE) == Label(None)
    assert judge(ANY, _against({}), frozenset(), HERE) == Label(None)


def test_with_every_sim_blocked_it_waits_for_the_first_to_open() -> None:
    assert judge(ANY, _against({"A": LATE, "B": SOON}), frozenset("AB"), HERE) == SOON
    assert judge(ANY, _against({"A": LATE, "B": Label("plan_hour")}), frozenset("AB"), HERE) == LATE


def test_what_is_bound_waits_for_its_own_sim() -> None:
    assert judge(BOUND, _against({"B": SOON}), frozenset("AB"), HERE) == Label(None)
    assert judge(BOUND, _against({"A": LATE}), frozenset("AB"), HERE) == LATE
    assert judge(BOUND, _against({}), frozenset("B"), {"A": Presence.PARKED}) == Label("sim_parked")
    assert judge(BOUND, _against({}), frozenset("B"), {"A": Presence.PAUSED}) == Label("sim_paused")
    assert judge(BOUND, _against({}), frozenset("B"), {"A": Presence.AWAY}) == Label("absent")


def test_a_pause_of_everything_its_class_or_its_batch_is_said_first() -> None:
    for pause in (("all", ""), ("class", "transactional"), ("batch", "7")):
        assert judge(BOUND, _against({"A": LATE}), frozenset("A"), HERE, pauses={pause}) == Label("paused")
    for pause in (("class", "marketing"), ("batch", "8")):
        assert judge(BOUND, _against({"A": LATE}), frozenset("A"), HERE, pauses={pause}) == LATE


def test_with_every_sim_parked_or_paused_it_says_so_whatever_lies_in_a_drawer() -> None:
    drawer = {"C": Presence.AWAY}
    for how, slug in (
        ({"A": Presence.PAUSED, "B": Presence.PAUSED}, "sim_paused"),
        ({"A": Presence.PAUSED, "B": Presence.PARKED}, "sim_parked"),
        ({"A": Presence.PARKED}, "sim_parked"),
    ):
        assert judge(ANY, _against({}), frozenset(), how | drawer) == Label(slug)
    assert judge(ANY, _against({}), frozenset(), {"A": Presence.PAUSED, "B": Presence.HERE}) == Label(None)
    assert judge(ANY, _against({}), frozenset(), drawer) == Label(None)


def test_a_name_that_no_sim_has_is_told() -> None:
    lost = Waiting(None, "transactional", None, pinned="front desc")
    assert judge(lost, _against({}), frozenset({"A"}), {}, names={"A": {"A", "front desk"}}) == Label("no_sim")
    assert judge(lost, _against({}), frozenset({"A"}), {}, names={"A": {"A", "front desc"}}) == Label(None)


@pytest.mark.parametrize(("pinned", "blocked", "ready", "presence", "wanted"), [
    ("desk", {"A": LATE}, "ABC", {}, LATE),
    ("desk", {"B": LATE, "C": LATE}, "ABC", {}, Label(None)),
    ("desk", {"A": LATE, "B": SOON, "C": SOON}, "ABC", {}, LATE),
    ("shop", {"A": LATE, "C": SOON}, "ABC", {}, Label(None)),
    ("shop", {"A": LATE, "B": SOON}, "ABC", {}, SOON),
    ("shop", {"B": SOON}, "BC", {"A": Presence.PARKED}, SOON),
    ("desk", {}, "BC", {"A": Presence.PARKED}, Label("sim_parked")),
    ("desk", {}, "BC", {"A": Presence.PAUSED}, Label("sim_paused")),
    ("desk", {}, "BC", {"A": Presence.AWAY}, Label("absent")),
    ("desk", {}, "BC", {"A": Presence.HERE}, Label(None)),
    ("desk", {}, "BC", {}, Label("absent")),
    ("shop", {}, "C", {"A": Presence.AWAY, "B": Presence.PAUSED}, Label("sim_paused")),
    ("shop", {}, "C", {"A": Presence.PARKED, "B": Presence.PAUSED}, Label("sim_parked")),
    ("shop", {}, "C", {"A": Presence.PARKED, "B": Presence.HERE}, Label(None)),
])  # fmt: skip
def test_a_name_is_judged_by_the_sims_that_it_means(
    pinned: str, blocked: dict[str, Label], ready: str, presence: dict[str, Presence], wanted: Label
) -> None:
    one = Waiting(None, "transactional", None, pinned=pinned)
    assert judge(one, _against(blocked), frozenset(ready), presence, names=NAMES) == wanted


def test_a_plan_is_asked_about_as_many_parts_as_the_message_has() -> None:
    def against(_iccid: str, parts: int) -> Label | None:
        return LATE if parts > 3 else None

    for one, parts, wanted in ((ANY, 3, None), (ANY, 4, LATE), (BOUND, 3, None), (BOUND, 4, LATE)):
        assert judge(replace(one, parts=parts), against, frozenset("AB"), HERE) == (wanted or Label(None))
