"""Step 3 and its reasons to stop."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from modemfarm.model import CAUTIOUS, Plan
from modemfarm.store import actions, counters, queue, steps, suppress
from modemfarm.store.engine import Store
from tests.store.tools import (
    LONG,
    NOW,
    OTHER,
    TO,
    accepted,
    add,
    after,
    charges_fit,
    claim,
    claimed_message,
    end,
    message,
    permit,
    refused,
    see,
    send,
    states,
    submit,
    take,
)

DUE = timedelta(hours=48)


def test_step_3_is_durable_and_moves_the_minute(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = claimed_message(tx)
        assert steps.submitting(tx, permit(part, attempt), after(50)) is None
        assert states(tx, number) == ["submitting"]
        assert message(tx, number)["state"] == "sending"
        row = tx.one("SELECT submitting_at, charged_at FROM attempts")
        assert row is not None
        assert row["submitting_at"] == row["charged_at"]


def test_step_3_is_not_taken_twice(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = claimed_message(tx)
        assert steps.submitting(tx, permit(part, attempt), NOW) is None
        assert steps.submitting(tx, permit(part, attempt), NOW) == "lost"
        assert states(tx, number) == ["submitting"]


def test_an_opt_out_cancels_what_is_claimed(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = claimed_message(tx)
        suppress.add(tx, TO, TO[-9:], "web", NOW)
        assert states(tx, number) == ["canceled"]
        assert steps.submitting(tx, permit(part, attempt), NOW) == "canceled"
        assert message(tx, number)["reason"] == "opted_out"
        charges_fit(tx)


def test_an_opt_out_that_only_stands_in_its_table_stops_step_3(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = claimed_message(tx, text=LONG)
        tx.run("INSERT INTO suppressions (number, digits, since, source) VALUES (:n, :d, 0, 'import')", n=TO, d=TO[-9:])
        assert steps.submitting(tx, permit(part, attempt), NOW) == "opted_out"
        assert states(tx, number) == ["canceled"] * 3
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("canceled", "opted_out")
        charges_fit(tx)


def test_an_opt_out_stops_the_rest_of_a_started_message(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG)
        send(tx)
        suppress.add(tx, TO, TO[-9:], "web", NOW)
        assert states(tx, number) == ["sent", "canceled", "canceled"]
        assert message(tx, number)["state"] == "canceled"
        charges_fit(tx)


@pytest.mark.parametrize("message_class", ["conversation", "emergency"])
def test_an_opt_out_does_not_stop_what_is_no_offer(store: Store, message_class: str) -> None:
    with store.write() as tx:
        _, part, attempt = claimed_message(tx, message_class=message_class)
        suppress.add(tx, TO, TO[-9:], "web", NOW)
        assert steps.submitting(tx, permit(part, attempt), NOW) is None


def test_the_owner_may_let_transactional_ones_through(store: Store) -> None:
    with store.write() as tx:
        _, part, attempt = claimed_message(tx)
        suppress.add(tx, TO, TO[-9:], "web", NOW, exempt=(*suppress.EXEMPT, "transactional"))
        allowed = replace(permit(part, attempt), transactional_after_opt_out=True)
        assert steps.submitting(tx, allowed, NOW) is None
        assert steps.recheck(tx, allowed, NOW) is None


def test_a_cancel_before_step_3_stops_it(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = claimed_message(tx, text=LONG)
        assert actions.cancel(tx, number, NOW) == "canceled"
        assert steps.submitting(tx, permit(part, attempt), NOW) == "canceled"
        assert states(tx, number) == ["canceled"] * 3
        charges_fit(tx)


@pytest.mark.parametrize(("scope", "value"), [("all", ""), ("class", "transactional"), ("batch", "7")])
def test_a_pause_stops_step_3_and_the_part_waits(store: Store, scope: str, value: str) -> None:
    with store.write() as tx:
        number, part, attempt = claimed_message(tx)
        tx.run("UPDATE parts SET batch_id = 7")
        tx.run("UPDATE messages SET batch_id = 7")
        actions.pause(tx, scope, value, NOW)
        assert steps.submitting(tx, permit(part, attempt), NOW) == "paused"
        assert states(tx, number) == ["waiting"]
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("held", "paused")
        hidden = queue.heads(tx, "", NOW, 1) == []
        assert hidden is (scope != "all")
        actions.resume(tx, scope, value, NOW)
        assert len(queue.heads(tx, "", NOW, 1)) == 1
        charges_fit(tx)


@pytest.mark.parametrize(("scope", "value"), [("class", "conversation"), ("batch", "8")])
def test_another_pause_stops_nothing(store: Store, scope: str, value: str) -> None:
    with store.write() as tx:
        _, part, attempt = claimed_message(tx)
        actions.pause(tx, scope, value, NOW)
        assert steps.submitting(tx, permit(part, attempt), NOW) is None


def test_a_validity_that_ended_stops_step_3(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = claimed_message(tx, text=LONG)
        claim(tx)  # its second part, ahead
        assert steps.submitting(tx, permit(part, attempt, at=NOW + DUE), NOW + DUE) in ("validity_expired", "plan_day")
        late = replace(permit(part, attempt), day=counters.day_start(CAUTIOUS, NOW))
        if states(tx, number)[0] == "claimed":
            assert steps.submitting(tx, late, NOW + DUE) == "validity_expired"


def test_expiry_ends_the_parts_claimed_ahead_too(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = claimed_message(tx, text=LONG, valid_until=after(60))
        second, ahead = take(tx)
        assert steps.submitting(tx, permit(part, attempt), after(60)) == "validity_expired"
        assert steps.submitting(tx, permit(second.part_id, ahead), after(61)) == "expired"
        assert states(tx, number) == ["expired"] * 3
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("expired", "validity_expired")
        charges_fit(tx)


def test_expiry_does_not_stop_a_started_message(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG, valid_until=after(60))
        send(tx)
        part, attempt = take(tx, at=after(61))
        assert steps.submitting(tx, permit(part.part_id, attempt), after(61)) is None
        assert actions.expire(tx, after(62)) == 0
        assert actions.cancel(tx, number, after(62)) == "sending"


def test_the_first_part_is_no_exception_when_others_left(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG, valid_until=after(60))
        first, one = submit(tx)
        send(tx)
        end(tx, one, refused(38, after(2)))  # a temporary failure: part 1 waits again, part 2 has left
        part, attempt = take(tx, at=after(3600))
        assert part.part_id == first.part_id
        assert steps.submitting(tx, permit(part.part_id, attempt, at=after(3600)), after(3600)) is None
        assert states(tx, number) == ["submitting", "sent", "waiting"]


def test_a_part_charged_to_yesterday_goes_back(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = claimed_message(tx)
        tomorrow = permit(part, attempt, at=after(86_400))
        assert steps.submitting(tx, tomorrow, after(86_400)) == "plan_day"
        assert states(tx, number) == ["waiting"]
        charges_fit(tx)


def test_six_a_minute_are_six_in_any_sixty_seconds(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for _ in range(7):
            add(tx)
        for second in range(6):
            part, attempt = submit(tx, at=after(second * 5), plan=CAUTIOUS)
            end(tx, attempt, accepted(second, after(second * 5 + 4)))
        part, attempt = take(tx, at=after(31))
        for second in (31, 59, 63):
            slug = steps.submitting(tx, permit(part.part_id, attempt, plan=CAUTIOUS), after(second))
            assert slug == "plan_minute"
            part, attempt = take(tx, at=after(second))
        assert steps.submitting(tx, permit(part.part_id, attempt, plan=CAUTIOUS), after(64)) is None  # 4 s + 60 s


def test_a_part_long_claimed_counts_from_its_step_3(store: Store) -> None:
    plan = Plan("two", per_minute=1)
    with store.write() as tx:
        see(tx)
        add(tx)
        add(tx)
        first, one = take(tx, owner="account:a")
        second, two = take(tx, OTHER, owner="account:a")
        assert steps.submitting(tx, permit(first.part_id, one, plan=plan, owner="account:a"), after(100)) is None
        slug = steps.submitting(tx, permit(second.part_id, two, plan=plan, owner="account:a"), after(130))
        assert slug == "plan_minute"


def test_an_attempt_that_is_not_the_parts_any_more_is_lost(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = claimed_message(tx)
        queue.give_back(tx, part, attempt, NOW)
        claim(tx, OTHER)
        assert steps.submitting(tx, permit(part, attempt), NOW) == "lost"
        assert states(tx, number) == ["claimed"]
        charges_fit(tx)


def test_the_recheck_with_the_prompt_open_stops_what_the_first_one_let_go(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = claimed_message(tx)
        assert steps.submitting(tx, permit(part, attempt), NOW) is None
        assert steps.recheck(tx, permit(part, attempt), NOW) is None
        tx.run("INSERT INTO suppressions (number, digits, since, source) VALUES (:n, :d, 0, 'import')", n=TO, d=TO[-9:])
        assert steps.recheck(tx, permit(part, attempt), NOW) == "opted_out"
        assert states(tx, number) == ["canceled"]
        charges_fit(tx)


def test_the_recheck_stops_for_a_pause_and_gives_back(store: Store) -> None:
    with store.write() as tx:
        number, part, attempt = claimed_message(tx)
        steps.submitting(tx, permit(part, attempt), NOW)
        actions.pause(tx, "all", "", NOW)
        assert steps.recheck(tx, permit(part, attempt), NOW) == "paused"
        assert states(tx, number) == ["waiting"]
        charges_fit(tx)
