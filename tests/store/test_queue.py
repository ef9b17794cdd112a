"""Waiting parts: their order, their claim, their charges, and how they come back."""

from __future__ import annotations

from modemfarm.model import Plan
from modemfarm.store import actions, leaving, queue
from modemfarm.store.engine import Store
from modemfarm.store.messages import NAMED
from tests.store.tools import (
    LONG,
    NOW,
    OTHER,
    SIM,
    add,
    after,
    charged,
    claim,
    counted,
    lane,
    message,
    parts,
    permit,
    see,
    send,
    states,
    submit,
    take,
)


def test_the_oldest_goes_first_within_a_priority(store: Store) -> None:
    with store.write() as tx:
        usual = [add(tx, at=after(number)) for number in range(3)]
        urgent = add(tx, at=after(9), priority=8)
        idle = add(tx, priority=0)
        order = [part.message_id for part in queue.heads(tx, "", after(10), 10)]
    assert order == [urgent, *usual, idle]


def test_what_is_scheduled_urgently_hides_nothing_that_is_due(store: Store) -> None:
    with store.write() as tx:
        later = add(tx, priority=9, send_at=after(60))
        now = add(tx)
        assert [part.message_id for part in queue.heads(tx, "", after(1), 1)] == [now]
        assert [part.message_id for part in queue.heads(tx, "", after(60), 1)] == [later]


def test_the_rest_of_a_started_message_goes_before_everything_else(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        started = add(tx, text=LONG)
        add(tx, priority=9)
        first = queue.heads(tx, "", NOW, 9)
        part = next(one for one in first if one.message_id == started)
        assert queue.claim(tx, part, lane(), NOW) is not None
        assert [one.part_number for one in queue.heads(tx, SIM, NOW, 9)] == [2]
        assert {one.rank for one in queue.heads(tx, SIM, NOW, 9)} == {queue.STARTED_RANK}
        assert all(one.message_id != started for one in queue.heads(tx, "", NOW, 9))


def test_what_is_bound_to_one_sim_is_in_no_other_queue(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        bound = add(tx, pinned=SIM)
        free = add(tx)
        assert [part.message_id for part in queue.heads(tx, SIM, NOW, 9)] == [bound]
        assert [part.message_id for part in queue.heads(tx, "", NOW, 9)] == [free]
        assert queue.heads(tx, OTHER, NOW, 9) == []
        queue.bind(tx, free, OTHER)
        assert [part.message_id for part in queue.heads(tx, OTHER, NOW, 9)] == [free]
        assert message(tx, free)["iccid"] == OTHER


def test_a_part_is_claimed_once(store: Store) -> None:
    with store.write() as tx:
        add(tx)
        part = queue.heads(tx, "", NOW, 1)[0]
        assert queue.claim(tx, part, lane(), NOW) is not None
        assert queue.claim(tx, part, lane(OTHER), NOW) is None
        assert tx.value("SELECT count(*) FROM attempts") == 1
        assert counted(tx) == {SIM: 1}


def test_a_gate_hides_a_part_from_the_head_and_from_a_claim(store: Store) -> None:
    with store.write() as tx:
        add(tx)
        part = queue.heads(tx, "", NOW, 1)[0]
        tx.run("UPDATE parts SET gate = 1")
        assert queue.heads(tx, "", NOW, 1) == []
        assert queue.claim(tx, part, lane(), NOW) is None
        assert counted(tx) == {}


def test_the_first_claim_reserves_the_whole_message(store: Store) -> None:
    with store.write() as tx:
        number = add(tx, text=LONG)
        claim(tx)
        assert counted(tx) == charged(tx) == {SIM: 3}
        claim(tx)
        assert counted(tx) == {SIM: 3}
        assert states(tx, number) == ["claimed", "claimed", "waiting"]


def test_a_message_given_back_before_anything_left_costs_nothing_and_is_free_again(store: Store) -> None:
    with store.write() as tx:
        number = add(tx, text=LONG)
        part, attempt = take(tx)
        assert queue.give_back(tx, part.part_id, attempt, NOW)
        assert counted(tx) == charged(tx) == {}
        assert {row["bound_iccid"] for row in parts(tx, number)} == {""}
        assert (message(tx, number)["state"], message(tx, number)["iccid"]) == ("queued", None)
        assert [one.rank for one in queue.heads(tx, "", NOW, 9)] == [4]
        assert [row["rank"] for row in parts(tx, number)] == [4, 4, 4]
        assert tx.value("SELECT charged_at FROM attempts WHERE id = :id", id=attempt) is None


def test_a_part_given_back_after_another_left_stays_on_its_sim(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG)
        send(tx)
        part, attempt = take(tx)
        queue.give_back(tx, part.part_id, attempt, NOW)
        assert states(tx, number) == ["sent", "waiting", "waiting"]
        assert message(tx, number)["state"] == "sending"
        assert [one.part_number for one in queue.heads(tx, SIM, NOW, 9)] == [2]
        assert counted(tx) == charged(tx) == {SIM: 3}, "its place in the day was reserved with the first part"
        claim(tx)
        assert counted(tx) == charged(tx) == {SIM: 3}


def test_giving_back_twice_or_for_an_older_attempt_changes_nothing(store: Store) -> None:
    with store.write() as tx:
        number = add(tx)
        part, attempt = take(tx)
        assert queue.give_back(tx, part.part_id, attempt, NOW)
        again, second = take(tx)
        assert not queue.give_back(tx, again.part_id, attempt, NOW)
        assert states(tx, number) == ["claimed"]
        assert counted(tx) == {SIM: 1}
        assert queue.give_back(tx, again.part_id, second, NOW)
        assert not queue.give_back(tx, again.part_id, second, NOW)
        assert counted(tx) == {}


def test_a_part_given_back_until_later_waits_as_held_and_goes_then(store: Store) -> None:
    with store.write() as tx:
        number = add(tx)
        part, attempt = take(tx)
        queue.give_back(tx, part.part_id, attempt, NOW, reason="network", due_at=after(30))
        row = message(tx, number)
        assert (row["state"], row["reason"]) == ("held", "network")
        assert queue.heads(tx, "", after(29), 1) == []
        assert len(queue.heads(tx, "", after(30), 1)) == 1


def test_a_pinned_message_stays_on_its_sim_whatever_refused_it(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx, pinned=SIM)
        part, attempt = take(tx)
        queue.give_back(tx, part.part_id, attempt, NOW, avoid=SIM)
        assert queue.heads(tx, SIM, NOW, 1)[0].bound_iccid == SIM


def test_a_name_that_several_sims_may_have_is_a_queue_of_its_own(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        named, free = add(tx, pinned="shop-a"), add(tx)
        assert [part.message_id for part in queue.heads(tx, "", NOW, 9)] == [free]
        head = queue.heads(tx, NAMED + "shop-a", NOW, 9)[0]
        assert (head.message_id, head.bound_iccid, head.pinned) == (named, "", "shop-a")
        assert message(tx, named)["iccid"] is None
        attempt = queue.claim(tx, head, lane(), NOW)
        assert attempt is not None
        queue.give_back(tx, head.part_id, attempt, NOW, avoid=SIM)
        again = queue.heads(tx, NAMED + "shop-a", NOW, 9)[0]
        assert (again.bound_iccid, again.avoid) == ("", frozenset({SIM}))
        assert message(tx, named)["iccid"] is None


def test_a_reservation_of_yesterday_moves_to_today_when_the_part_is_claimed(store: Store) -> None:
    plan = Plan("p", per_day=10)
    tomorrow = after(86_400)
    with store.write() as tx:
        see(tx)
        add(tx, text=LONG)
        send(tx)
        assert counted(tx) == {SIM: 3}
        claim(tx, at=tomorrow, plan=plan)
        claim(tx, at=tomorrow, plan=plan)
        days = tx.all("SELECT starts_at, used FROM counters WHERE used <> 0 ORDER BY starts_at")
        assert [row["used"] for row in days] == [1, 2]
        assert counted(tx) == charged(tx)


def test_what_waits_for_a_parked_sim_is_freed_but_for_marketing_and_pins(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        free, kept, started = add(tx), add(tx, pinned=SIM), add(tx, text=LONG)
        queue.bind(tx, free, SIM)
        queue.bind(tx, started, SIM)
        tx.run("UPDATE messages SET rank = 0 WHERE id = :id", id=started)
        tx.run("UPDATE parts SET rank = 0 WHERE message_id = :id", id=started)
        send(tx)
        assert leaving.unbind(tx, SIM) == 1
        assert [part.message_id for part in queue.heads(tx, "", NOW, 9)] == [free]
        assert {part.message_id for part in queue.heads(tx, SIM, NOW, 9)} == {kept, started}


def test_many_pinned_messages_do_not_keep_the_others_bound(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for _ in range(5):
            add(tx, pinned=SIM)
        free = add(tx)
        queue.bind(tx, free, SIM)
        leaving.unbind(tx, SIM, most=3)
        leaving.unbind(tx, SIM, most=3)
        assert [part.message_id for part in queue.heads(tx, "", NOW, 9)] == [free]


def test_a_started_message_of_a_sim_that_stays_away_fails_as_partial(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG)
        whole = add(tx)
        send(tx)
        assert leaving.give_up_started(tx, SIM, NOW) == 1
        assert states(tx, number) == ["sent", "failed", "failed"]
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("failed", "partial")
        assert message(tx, whole)["state"] == "queued"
        assert counted(tx) == charged(tx) == {SIM: 1}


def test_concatenation_references_run_around_per_sim_and_recipient(store: Store) -> None:
    with store.write() as tx:
        number = add(tx, text=LONG)
        refs = [queue.next_concat_ref(tx, SIM, "+8613800138000", number) for _ in range(257)]
        assert refs[:2] == [1, 2]
        assert (refs[254], refs[255], refs[256]) == (255, 0, 1)
        assert queue.next_concat_ref(tx, OTHER, "+8613800138000", number) == 1
        assert message(tx, number)["concat_ref"] == 1


def test_what_a_farm_wide_pause_stops_is_claimed_again_after_it(store: Store) -> None:
    with store.write() as tx:
        number = add(tx)
        part, attempt = take(tx)
        actions.pause(tx, "all", "", NOW)
        from modemfarm.store import steps

        assert steps.submitting(tx, permit(part.part_id, attempt), NOW) == "paused"
        assert (message(tx, number)["state"], counted(tx)) == ("held", {})
        actions.resume(tx, "all", "", NOW)
        assert submit(tx)[0].message_id == number


def test_a_message_costs_what_the_plan_of_its_sim_says(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        take(tx, plan=Plan("p", price_per_part=0.1, currency="CNY"))
        assert (message(tx, number)["price"], message(tx, number)["currency"]) == (0.1, "CNY")
