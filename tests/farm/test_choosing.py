"""Which part goes through which SIM: examples, and what holds for every queue and every farm."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from modemfarm.farm.choosing import TURN_BY_AGE, Choice, LaneView, Presence, blocked_by, choose, headroom, kept
from modemfarm.model import CAUTIOUS, UNLIMITED, Plan
from modemfarm.store.engine import to_us
from modemfarm.store.labels import Label
from modemfarm.store.queue import Candidate

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
SIMS = ("A", "B", "C", "D")


def part(number: int, **facts: object) -> Candidate:
    base = Candidate(
        part_id=number,
        message_id=number,
        part_number=1,
        parts_total=1,
        recipient=f"+861380000{number:04}",
        message_class="transactional",
        rank=4,
        due_at=number,
        bound_iccid="",
        sticky_iccid=None,
        pinned=None,
        avoid=frozenset(),
        charged_to=None,
        charged_day=None,
        text="x",
        encoding="gsm7",
        report=True,
        flash=False,
        valid_until=None,
        concat_ref=None,
        batch_id=None,
    )
    return replace(base, **facts)  # type: ignore[arg-type]


def lane(iccid: str, **facts: object) -> LaneView:
    return replace(LaneView(iccid, iccid, UNLIMITED, frozenset({iccid})), **facts)  # type: ignore[arg-type]


def here(*iccids: str, **others: Presence) -> dict[str, Presence]:
    return {**dict.fromkeys(iccids, Presence.HERE), **others}


def pairs(choice: Choice) -> dict[int, str]:
    return {one.part.part_id: one.iccid for one in choice.assignments}


def test_bound_goes_before_urgent_and_urgent_before_old() -> None:
    parts = [part(1), part(2, rank=0), part(3, bound_iccid="A", rank=9)]
    assert pairs(choose(parts, [lane("A")], here("A"), NOW)) == {3: "A"}
    assert pairs(choose(parts[:2], [lane("A")], here("A"), NOW)) == {2: "A"}
    assert pairs(choose([part(2), part(1)], [lane("A")], here("A"), NOW)) == {1: "A"}


def test_what_is_bound_elsewhere_waits() -> None:
    choice = choose([part(1, bound_iccid="B")], [lane("A")], here("A", "B"), NOW)
    assert choice == Choice((), ())


def test_a_contact_keeps_its_sim_and_waits_for_it() -> None:
    one = part(1, sticky_iccid="B")
    assert pairs(choose([one], [lane("A"), lane("B", used_today=9)], here("A", "B"), NOW)) == {1: "B"}
    choice = choose([one], [lane("A")], here("A", "B"), NOW)
    assert not choice.assignments
    assert [(binding.message_id, binding.iccid) for binding in choice.bindings] == [(1, "B")]
    assert pairs(choose([one], [lane("A")], here("A", B=Presence.PAUSED), NOW)) == {}


def test_a_contact_leaves_a_sim_that_is_parked_or_gone() -> None:
    one = part(1, sticky_iccid="B")
    for how in (Presence.PARKED, Presence.AWAY):
        assert pairs(choose([one], [lane("A")], here("A", B=how), NOW)) == {1: "A"}
    assert pairs(choose([one], [lane("A")], here("A"), NOW)) == {1: "A"}
    assert pairs(choose([one], [lane("A")], here("A", "B"), NOW, sticky=False)) == {1: "A"}


def test_two_messages_to_one_person_take_one_sim() -> None:
    parts = [part(1, recipient="+861"), part(2, recipient="+861")]
    choice = choose(parts, [lane("A"), lane("B")], here("A", "B"), NOW)
    assert len(choice.assignments) == 1
    assert choice.bindings[0].iccid == choice.assignments[0].iccid
    assert choose([part(1, recipient="+861")], [lane("A")], here("A", "B"), NOW, in_flight={"+861": "B"}).bindings


def test_a_sim_that_refused_is_avoided_while_there_is_another() -> None:
    one = part(1, avoid=frozenset({"A"}))
    assert pairs(choose([one], [lane("A"), lane("B")], here("A", "B"), NOW)) == {1: "B"}
    assert pairs(choose([one], [lane("A")], here("A", "B"), NOW)) == {}
    assert pairs(choose([one], [lane("A")], here("A", B=Presence.PARKED), NOW)) == {1: "A"}


def test_what_is_bound_to_a_sim_goes_there_even_after_a_refusal() -> None:
    one = part(1, bound_iccid="A", pinned="A", avoid=frozenset({"A"}))
    assert pairs(choose([one], [lane("A"), lane("B")], here("A", "B"), NOW)) == {1: "A"}


def test_a_name_in_from_is_kept() -> None:
    named = lane("B", names=frozenset({"B", "shop"}))
    assert pairs(choose([part(1, pinned="shop")], [lane("A"), named], here("A", "B"), NOW)) == {1: "B"}
    assert pairs(choose([part(1, pinned="shop", sticky_iccid="A")], [lane("A")], here("A", "B"), NOW)) == {}


def test_where_the_first_part_does_not_fit_the_second_does_not_go() -> None:
    full = lane("A", plan=CAUTIOUS, used_today=99)
    first = part(1, parts_total=2)
    second = part(2, message_id=1, part_number=2, parts_total=2)
    assert pairs(choose([first, second, part(3)], [full], here("A"), NOW)) == {3: "A"}


def test_what_was_reserved_may_still_go_today_and_not_tomorrow() -> None:
    full = lane("A", plan=CAUTIOUS, used_today=100, day=7)
    rest = part(2, message_id=1, part_number=2, parts_total=2, bound_iccid="A", charged_to="A", charged_day=7)
    assert pairs(choose([rest], [full], here("A"), NOW)) == {2: "A"}
    assert pairs(choose([replace(rest, charged_day=6)], [full], here("A"), NOW)) == {}


def test_each_limit_blocks_by_its_name() -> None:
    plan = Plan("p", per_minute=6, per_hour=30, per_day=100, per_month=1000)
    one = lane("A", plan=plan)
    assert blocked_by(one, 100, NOW) is None
    assert blocked_by(one, 101, NOW) == "plan_day"
    assert blocked_by(replace(one, used_month=1000), 1, NOW) == "plan_month"
    assert blocked_by(replace(one, used_today=100), 1, NOW) == "plan_day"
    assert blocked_by(replace(one, used_hour=30), 1, NOW) == "plan_hour"
    assert blocked_by(replace(one, paced_until=NOW + timedelta(seconds=1)), 1, NOW) == "plan_minute"
    assert blocked_by(replace(one, paced_until=NOW), 1, NOW) is None


def test_an_account_with_a_limit_gets_one_part_at_a_time() -> None:
    lanes = [lane(iccid, owner="account", plan=CAUTIOUS) for iccid in "AB"]
    assert len(choose([part(1), part(2)], lanes, here("A", "B"), NOW).assignments) == 1
    free = [replace(one, plan=UNLIMITED) for one in lanes]
    assert len(choose([part(1), part(2)], free, here("A", "B"), NOW).assignments) == 2


def test_a_limit_of_people_stops_new_ones_only() -> None:
    plan = Plan("p", recipients_per_month=3)
    full = lane("A", plan=plan, people=3, known=frozenset({"+1"}))
    assert blocked_by(full, 1, NOW) is None
    assert blocked_by(full, 9, NOW, "+1") is None
    assert blocked_by(full, 1, NOW, "+2") == "plan_recipients"
    assert blocked_by(replace(full, people=2), 1, NOW, "+2") is None
    choice = choose([part(1, recipient="+2"), part(2, recipient="+1")], [full], here("A"), NOW)
    assert pairs(choice) == {2: "A"}


def test_a_person_goes_by_the_sim_that_counts_them() -> None:
    plan = Plan("p", recipients_per_month=100)
    lanes = [lane("A", plan=plan, people=1), lane("B", plan=plan, people=90, known=frozenset({"+1"}))]
    assert pairs(choose([part(1, recipient="+1")], lanes, here("A", "B"), NOW)) == {1: "B"}
    assert pairs(choose([part(1, recipient="+2")], lanes, here("A", "B"), NOW)) == {1: "A"}


NEAR = Plan("near", on_net=("+86134", "+86135"))


def test_of_equal_sims_one_of_the_recipients_network_goes_first() -> None:
    lanes = [lane("A", used_today=1), lane("B", plan=NEAR, used_today=50)]
    for to, iccid, why in (("+8613512345678", "B", "other_network"), ("+8613812345678", "A", "used_more")):
        (one,) = choose([part(1, recipient=to)], lanes, here("A", "B"), NOW).assignments
        assert (one.iccid, one.beside and one.beside.why) == (iccid, why)
    failing = [lanes[0], replace(lanes[1], failures=1)]
    assert pairs(choose([part(1, recipient="+8613512345678")], failing, here("A", "B"), NOW)) == {1: "A"}
    sticky = part(1, recipient="+8613512345678", sticky_iccid="A")
    assert pairs(choose([sticky], lanes, here("A", "B"), NOW)) == {1: "A"}
    assert pairs(choose([part(1, recipient="+8613512345678")], lanes[:1], here("A", "B"), NOW)) == {1: "A"}


def test_a_sim_with_failures_comes_last() -> None:
    lanes = [lane("A", failures=2), lane("B", used_today=50)]
    assert pairs(choose([part(1)], lanes, here("A", "B"), NOW)) == {1: "B"}


def _aged(number: int, hours: float, **facts: object) -> Candidate:
    return part(number, due_at=to_us(NOW - timedelta(hours=hours)), **facts)


def test_on_its_turn_a_lane_takes_what_waited_longest() -> None:
    waiting = [_aged(1, 3, rank=9), _aged(2, 0.5, rank=0), _aged(3, 2, rank=4)]
    assert pairs(choose(waiting, [lane("A")], here("A"), NOW)) == {2: "A"}
    assert pairs(choose(waiting, [lane("A")], here("A"), NOW, by_age={"A"})) == {1: "A"}
    assert pairs(choose(waiting, [lane("A"), lane("B")], here("A", "B"), NOW, by_age={"A"})) == {1: "A", 2: "B"}


def test_on_its_turn_a_lane_still_goes_on_with_what_it_began() -> None:
    began = _aged(2, 0.1, rank=-1, bound_iccid="A", part_number=2, parts_total=2, message_id=1)
    assert pairs(choose([_aged(3, 9), began], [lane("A")], here("A"), NOW, by_age={"A"})) == {2: "A"}


def test_what_waited_less_than_an_hour_passes_nothing() -> None:
    waiting = [_aged(1, 0.9, rank=9), _aged(2, 0.5, rank=0)]
    assert pairs(choose(waiting, [lane("A")], here("A"), NOW, by_age={"A"})) == {2: "A"}


@given(flood=st.integers(1, 3), ranks=st.lists(st.integers(0, 9), min_size=1, max_size=6), bound=st.booleans())
def test_nothing_starves_behind_a_flood_of_what_is_urgent(flood: int, ranks: list[int], bound: bool) -> None:
    """Urgent parts come faster than one lane sends: each old one still goes within eight turns of those before it."""
    old = [_aged(number, 5 - number / 10, rank=rank) for number, rank in enumerate(ranks, 1)]
    waiting = list(old)
    for turn in range(TURN_BY_AGE * (len(old) + 1)):
        now = NOW + timedelta(seconds=5 * turn)
        for place in range(flood):
            number = 1000 + turn * flood + place
            waiting.append(part(number, due_at=to_us(now), rank=0, bound_iccid="A" if bound else ""))
        by_age = {"A"} if turn % TURN_BY_AGE == TURN_BY_AGE - 1 else set[str]()
        (one,) = choose(waiting, [lane("A")], here("A"), now, by_age=by_age).assignments
        waiting.remove(one.part)
    assert not set(old) & set(waiting)


def test_plans_end_the_month_evenly_used() -> None:
    """Two of four SIMs are away for the first ten days; the others rest until all have used the same."""
    plan = Plan("p", per_day=100, per_month=1000)
    views = {iccid: lane(iccid, plan=plan) for iccid in SIMS}
    number = 0
    for day in range(30):
        views = {iccid: replace(view, used_today=0) for iccid, view in views.items()}
        able = SIMS[:2] if day < 10 else SIMS
        for _ in range(60):
            number += 1
            free = [views[iccid] for iccid in able]
            (one,) = choose([part(number)], free, here(*able), NOW + timedelta(days=day)).assignments
            view = views[one.iccid]
            rest = NOW + timedelta(seconds=number)
            views[one.iccid] = replace(
                view, used_today=view.used_today + 1, used_month=view.used_month + 1, last_at=rest
            )
    used = [view.used_month for view in views.values()]
    assert sum(used) == 1800
    assert max(used) - min(used) <= 10, used


parts_of_any_kind = st.lists(
    st.builds(
        part,
        st.integers(1, 40),
        rank=st.integers(-1, 9),
        due_at=st.integers(0, 5),
        bound_iccid=st.sampled_from(("", "", *SIMS)),
        sticky_iccid=st.sampled_from((None, *SIMS)),
        pinned=st.sampled_from((None, None, "A", "tag")),
        avoid=st.frozensets(st.sampled_from(SIMS), max_size=2),
        parts_total=st.integers(1, 3),
        recipient=st.sampled_from(("+1", "+2", "+3")),
    ),
    max_size=12,
    unique_by=lambda one: one.part_id,
)
lanes_of_any_kind = st.lists(
    st.builds(
        lane,
        st.sampled_from(SIMS),
        plan=st.sampled_from(
            (UNLIMITED, CAUTIOUS, Plan("few", recipients_per_month=5), Plan("net", on_net=("+1", "+3")))
        ),
        people=st.integers(3, 6),
        known=st.frozensets(st.sampled_from(("+1", "+2", "+3"))),
        used_today=st.integers(97, 101),
        paced_until=st.sampled_from((None, NOW - timedelta(seconds=1), NOW + timedelta(seconds=9))),
        failures=st.integers(0, 2),
        names=st.sampled_from((frozenset({"A"}), frozenset({"tag"}), frozenset[str]())),
    ),
    max_size=4,
    unique_by=lambda one: one.iccid,
)
presences = st.dictionaries(st.sampled_from(SIMS), st.sampled_from(Presence))


@given(
    parts=parts_of_any_kind, lanes=lanes_of_any_kind, presence=presences, by_age=st.frozensets(st.sampled_from(SIMS))
)
def test_no_lane_gets_two_parts_nor_one_that_it_may_not_take(
    parts: list[Candidate], lanes: list[LaneView], presence: dict[str, Presence], by_age: frozenset[str]
) -> None:
    by_iccid = {one.iccid: one for one in lanes}
    choice = choose(parts, lanes, presence, NOW, by_age=by_age)
    used = [one.iccid for one in choice.assignments]
    assert len(set(used)) == len(used)
    assert set(used) <= by_iccid.keys()
    assert len({one.part.message_id for one in choice.assignments}) == len(choice.assignments)
    for one in choice.assignments:
        view = by_iccid[one.iccid]
        needs = one.part.parts_total - one.part.part_number + 1
        assert blocked_by(view, needs, NOW, one.part.recipient) is None
        assert one.part.bound_iccid in ("", one.iccid)
        # what is bound to this SIM was pinned to it by whatever spelling the sender used
        assert one.part.bound_iccid or one.part.pinned is None or one.part.pinned in view.names
        others = any(how is Presence.HERE and sim not in one.part.avoid for sim, how in presence.items())
        assert one.part.bound_iccid or one.iccid not in one.part.avoid or not others
    assert not {one.message_id for one in choice.bindings} & {one.part.message_id for one in choice.assignments}
    assert all(presence.get(one.iccid) in (Presence.HERE, Presence.PAUSED) for one in choice.bindings)


@given(one=parts_of_any_kind, lanes=lanes_of_any_kind)
def test_a_network_is_preferred_among_equals_and_holds_nothing_up(one: list[Candidate], lanes: list[LaneView]) -> None:
    for waiting in one:
        first = replace(waiting, sticky_iccid=None, bound_iccid="")
        found = choose([first], lanes, here(*SIMS), NOW).assignments
        plain = [replace(view, plan=replace(view.plan, on_net=())) for view in lanes]
        assert len(found) == len(choose([first], plain, here(*SIMS), NOW).assignments)
        if not found:
            continue
        taken = next(view for view in lanes if view.iccid == found[0].iccid)
        for view in lanes:
            alike = (view.failures, first.recipient in view.known) == (taken.failures, first.recipient in taken.known)
            able = blocked_by(view, first.parts_total - first.part_number + 1, NOW, first.recipient) is None
            named = first.pinned is None or first.pinned in view.names
            if alike and able and named and view.iccid not in first.avoid:
                near = first.recipient.startswith(view.plan.on_net)
                assert not near or first.recipient.startswith(taken.plan.on_net)


@given(parts=parts_of_any_kind, lanes=lanes_of_any_kind, presence=presences)
def test_the_order_in_which_parts_and_lanes_are_told_does_not_matter(
    parts: list[Candidate], lanes: list[LaneView], presence: dict[str, Presence]
) -> None:
    assert choose(parts, lanes, presence, NOW).bindings == choose(parts[::-1], lanes, presence, NOW).bindings
    assert choose(parts, lanes, presence, NOW) == choose(parts[::-1], lanes, presence, NOW)


@given(parts=parts_of_any_kind, lanes=lanes_of_any_kind)
def test_a_part_left_over_has_no_free_lane_that_would_take_it(parts: list[Candidate], lanes: list[LaneView]) -> None:
    free_parts = [replace(one, sticky_iccid=None, bound_iccid="", recipient=str(one.part_id)) for one in parts]
    choice = choose(free_parts, lanes, here(*SIMS), NOW)
    taken = {one.iccid for one in choice.assignments}
    for one in free_parts:
        if one.part_id in {done.part.part_id for done in choice.assignments}:
            continue
        assert not any(
            view.iccid not in taken
            and (one.pinned is None or one.pinned in view.names)
            and view.iccid not in one.avoid
            and blocked_by(view, one.parts_total, NOW, one.recipient) is None
            for view in lanes
        )


def test_plans_end_the_day_evenly_used() -> None:
    views = {iccid: lane(iccid, plan=CAUTIOUS) for iccid in SIMS}
    for number in range(1, 201):
        choice = choose([part(number)], list(views.values()), here(*SIMS), NOW)
        iccid = choice.assignments[0].iccid
        view = views[iccid]
        views[iccid] = replace(view, used_today=view.used_today + 1, last_at=NOW + timedelta(seconds=number))
    assert {view.used_today for view in views.values()} == {50}


def test_of_sims_with_other_plans_the_one_with_the_larger_share_left_goes() -> None:
    small, large = Plan("s", per_day=10), Plan("l", per_day=100)
    lanes = [lane("A", plan=small, used_today=1), lane("B", plan=large, used_today=5)]
    assert [headroom(one) for one in lanes] == [0.9, 0.95]
    assert pairs(choose([part(1)], lanes, here("A", "B"), NOW)) == {1: "B"}


def test_a_choice_says_why_and_over_which() -> None:
    day = Plan("p", per_day=10)
    first = lane("A", plan=day, used_today=1)

    def kept_of(one: Candidate, *lanes: LaneView, blocked: dict[str, Label] | None = None) -> str:
        (given,) = choose([one], [*lanes], here("A", "B"), NOW).assignments
        return kept(given, blocked or {})

    assert kept_of(part(1), first) == "free"
    assert kept_of(part(1), first, blocked={"B": Label("plan_day")}) == "free B plan_day"
    for other, why in (
        (lane("B", plan=day, used_today=10), "plan_day"),
        (lane("B", plan=day, used_today=5), "less_headroom"),
        (lane("B", plan=day, failures=1), "fails_more"),
        (lane("B", plan=day, used_today=1, last_at=NOW), "rested_less"),
        (lane("B", plan=day, paced_until=NOW + timedelta(seconds=9)), "plan_minute"),
    ):
        assert kept_of(part(1), first, other) == f"headroom B {why}"
    assert kept_of(part(1, avoid=frozenset({"B"})), first, lane("B", plan=day)) == "headroom B refused_it"
    assert kept_of(part(1, pinned="A"), first, lane("B")) == "pinned"
    assert kept_of(part(1, sticky_iccid="A"), first, lane("B")) == "sticky"
    assert kept_of(part(1, bound_iccid="A", rank=-1), first, blocked={"B": Label("plan_day")}) == "started"
