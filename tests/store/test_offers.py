"""Offers at the claim and in step 3, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modemfarm.intake.accept import preview
from modemfarm.intake.draft import Draft
from modemfarm.model import MessageState
from modemfarm.policy.profiles import Configured
from modemfarm.store import actions, consents, contacts, gates, offers, queue, releasing, rules, steps
from modemfarm.store.contacts import Contact
from modemfarm.store.engine import Store, Tx
from modemfarm.store.permits import Permit
from modemfarm.store.queue import Lane
from tests.store.tools import INTAKE, SIM, TO, accepted, add, end

CONFIGURED = Configured(profile="CN", brand="小店", country="CN")
OFFERS = replace(INTAKE, policy=CONFIGURED)
NOON = datetime(2026, 3, 14, 4, 0, tzinfo=UTC)  # in Shanghai
NIGHT = datetime(2026, 3, 14, 14, 0, tzinfo=UTC)
CLOSING = datetime(2026, 3, 14, 13, 0, tzinfo=UTC)
MORNING = datetime(2026, 3, 15, 0, 0, tzinfo=UTC)
DAY = datetime(2026, 3, 14, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _open(store: Store) -> None:
    store.run(lambda tx: rules.attest(tx, "CN", "Wang", "consent", NOON + timedelta(days=99), NOON))
    for number in (TO, "+8613900139000"):
        store.run(consents.grant, number, ("marketing",), {}, NOON)


def offer(tx: Tx, text: str = "新品", at: datetime = NOON, **draft: Any) -> int:
    return add(tx, at=at, settings=OFFERS, text=text, message_class="marketing", **draft)


def claim(tx: Tx, at: datetime = NOON) -> tuple[int, int] | None:
    """The first part that may be claimed, with its attempt."""
    for part in queue.heads(tx, "", at, 5) + queue.heads(tx, SIM, at, 5):
        attempt = queue.claim(tx, part, Lane(SIM, SIM, "/dev/a", "here", "run", DAY, policy=CONFIGURED), at)
        if attempt is not None:
            return part.part_id, attempt
    return None


def go(tx: Tx, claimed: tuple[int, int] | None, at: datetime) -> str | None:
    assert claimed is not None
    return steps.submitting(tx, Permit(claimed[0], claimed[1], SIM, None, DAY), at)


def told(tx: Tx, message_id: int) -> tuple[str, str | None, int | None]:
    row = tx.one("SELECT state, reason, next_at FROM messages WHERE id = :id", id=message_id)
    assert row is not None
    return row["state"], row["reason"], row["next_at"]


def us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def test_an_offer_at_night_is_held_until_morning_and_claimed_then(store: Store) -> None:
    with store.write() as tx:
        number = offer(tx, at=NIGHT)
        assert told(tx, number) == ("held", "quiet_hours", us(MORNING))
        add(tx, at=NIGHT, settings=OFFERS, text="your order is ready")
        assert claim(tx, NIGHT) is not None  # the other one
        assert claim(tx, MORNING - timedelta(seconds=1)) is None
        assert claim(tx, MORNING) is not None


def test_a_claimed_offer_does_not_leave_after_closing_but_any_other_class_does(store: Store) -> None:
    with store.write() as tx:
        number = offer(tx)
        claimed = claim(tx, CLOSING - timedelta(minutes=1))
        assert go(tx, claimed, CLOSING) == "quiet_hours"
        assert claim(tx, CLOSING) is None
        assert told(tx, number) == ("held", "quiet_hours", us(MORNING))
        add(tx, at=CLOSING, settings=OFFERS, text="your order is ready")
        assert go(tx, claim(tx, CLOSING), CLOSING) is None


def test_closing_is_seen_with_the_prompt_open_too(store: Store) -> None:
    with store.write() as tx:
        offer(tx)
        claimed = claim(tx, CLOSING - timedelta(minutes=1))
        assert go(tx, claimed, CLOSING - timedelta(seconds=30)) is None
        assert claimed is not None
        permit = Permit(claimed[0], claimed[1], SIM, None, DAY)
        assert steps.recheck(tx, permit, CLOSING - timedelta(seconds=25)) is None
        assert steps.recheck(tx, permit, CLOSING) == "quiet_hours"
        assert tx.value("SELECT state FROM parts") == "waiting"


@pytest.mark.parametrize(("spans", "before"), [((2, 2, 2), 5), ((40,), 43), ((2, 5), 11)])
def test_an_offer_leaves_only_where_its_sims_pace_has_it_taken_before_closing(
    store: Store, spans: tuple[int, ...], before: int
) -> None:
    """The longest of the SIM's last parts, as much again as they differ, and 3 s."""
    with store.write() as tx:
        for number, span in enumerate(spans):
            add(tx, at=NOON, settings=OFFERS, text=f"your order {number}")
            claimed = claim(tx)
            assert go(tx, claimed, NOON) is None
            assert claimed is not None
            end(tx, claimed[1], accepted(number, NOON + timedelta(seconds=span)))
        assert offers.part_takes(tx, SIM) == timedelta(seconds=before - 3)
        assert offers.part_takes(tx, "other") == offers.PART_TAKES
        offer(tx, "late")
        claimed = claim(tx, CLOSING - timedelta(minutes=2))
        assert go(tx, claimed, CLOSING - timedelta(seconds=before)) == "quiet_hours"
        assert claim(tx, CLOSING - timedelta(seconds=before)) is None


def test_a_long_offer_is_not_begun_shortly_before_closing(store: Store) -> None:
    with store.write() as tx:
        offer(tx, text="新" * 200)
        assert claim(tx, CLOSING - timedelta(seconds=30)) is None
        assert claim(tx, MORNING) is not None


def test_the_third_offer_of_a_day_waits_and_one_that_did_not_leave_does_not_count(store: Store) -> None:
    with store.write() as tx:
        offer(tx, "one")
        offer(tx, "two")
        first, second = claim(tx), claim(tx)
        number = offer(tx, "three", at=NOON + timedelta(hours=1))
        assert told(tx, number)[:2] == ("held", "frequency_cap")
        assert told(tx, number)[2] == us(NOON + timedelta(hours=24))
        assert first is not None
        queue.give_back(tx, *first, NOON + timedelta(hours=1))
        assert offer(tx, "four", at=NOON + timedelta(hours=2))
        assert go(tx, second, NOON) is None
        told_four = tx.one("SELECT state, reason FROM messages ORDER BY id DESC LIMIT 1")
        assert told_four == {"state": "queued", "reason": None}


def test_the_same_text_waits_a_day_whatever_its_blanks(store: Store) -> None:
    with store.write() as tx:
        offer(tx, "Hello there")
        assert claim(tx) is not None
        assert told(tx, offer(tx, "hello  THERE"))[:2] == ("held", "frequency_cap")
        assert told(tx, offer(tx, "hello here"))[:2] == ("queued", None)
        assert told(tx, offer(tx, "Hello there", to="+8613900139000"))[:2] == ("queued", None)


def test_an_offer_whose_word_was_taken_back_waits_and_goes_when_it_is_given_anew(store: Store) -> None:
    with store.write() as tx:
        number = offer(tx)
        rules.withdraw(tx, "CN", NOON, who="Wang")
        assert claim(tx) is None
        assert told(tx, number)[:2] == ("held", "profile")
        rules.attest(tx, "CN", "Wang", "consent", NOON + timedelta(days=9), NOON + timedelta(minutes=1))
        assert claim(tx, NOON + timedelta(minutes=6)) is not None


def test_a_persons_own_zone_wins(store: Store) -> None:
    with store.write() as tx:
        contacts.put(tx, [Contact(TO, zone="America/New_York")], "cli", NOON)
        assert told(tx, offer(tx, at=NOON))[1] == "quiet_hours"
        assert told(tx, offer(tx, at=NIGHT))[1] is None


def test_what_would_expire_in_the_hold_is_told(store: Store) -> None:
    draft = Draft(TO, "新品", message_class="marketing", valid_for=timedelta(hours=2))
    with store.read() as tx:
        seen = preview(tx, draft, OFFERS, NIGHT)
        assert (seen.verdict, seen.next_at, seen.warnings) == (MessageState.HELD, MORNING, ("expires_in_hold",))
        assert preview(tx, replace(draft, valid_for=timedelta(hours=20)), OFFERS, NIGHT).warnings == ()


def test_an_offer_for_the_night_is_scheduled_then_held_until_morning(store: Store) -> None:
    with store.write() as tx:
        number = offer(tx, send_at=NIGHT)
        assert told(tx, number) == ("scheduled", None, us(NIGHT))
        assert claim(tx, NIGHT) is None
        assert told(tx, number) == ("held", "quiet_hours", us(MORNING))
        seen = preview(tx, Draft(TO, "新品", message_class="marketing", send_at=NIGHT), OFFERS, NOON)
        assert (seen.verdict, seen.reason, seen.next_at) == (MessageState.SCHEDULED, None, MORNING)


def test_the_next_time_is_one_that_hours_and_frequency_both_allow(store: Store) -> None:
    with store.write() as tx:
        offer(tx, "one")
        offer(tx, "two")
        assert claim(tx)
        assert claim(tx)
        third = offer(tx, "three", at=NIGHT)
        assert told(tx, third) == ("held", "frequency_cap", us(NOON + timedelta(hours=24)))
        assert claim(tx, MORNING) is None
        assert claim(tx, NOON + timedelta(hours=24)) is not None


@pytest.mark.parametrize("how", ["hours", "zone"])
def test_opening_the_hours_lets_go_what_they_held(store: Store, how: str) -> None:
    with store.write() as tx:
        number = offer(tx, at=NIGHT)
        if how == "hours":
            rules.change(tx, "CN", "hours", "mon-sun 00:00-24:00", NIGHT, who="Wang")
        else:
            contacts.put(tx, [Contact(TO, zone="America/New_York")], "cli", NIGHT)
        assert told(tx, number) == ("queued", None, None)
        later = offer(tx, "newer", at=NIGHT + timedelta(seconds=1))
        first = claim(tx, NIGHT + timedelta(seconds=2))
        assert first is not None
        assert told(tx, number)[0] == "sending"
        assert told(tx, later)[0] == "queued"


def test_what_another_configuration_held_is_judged_anew_at_the_next_start_and_only_then(store: Store) -> None:
    abroad = replace(CONFIGURED, customers_zone="America/New_York")
    with store.write() as tx:
        assert rules.look_for_changes(tx, CONFIGURED, NOON)
        number = offer(tx, at=NIGHT)
        assert not rules.look_for_changes(tx, CONFIGURED, NIGHT)
        assert told(tx, number) == ("held", "quiet_hours", us(MORNING))
        assert rules.look_for_changes(tx, abroad, NIGHT)
        assert told(tx, number) == ("queued", None, None)
        assert not rules.look_for_changes(tx, abroad, NIGHT)
        assert rules.look_for_changes(tx, replace(abroad, profile="FR"), NIGHT)


def test_a_change_that_opens_nothing_holds_it_again(store: Store) -> None:
    with store.write() as tx:
        number = offer(tx, at=NIGHT)
        rules.change(tx, "CN", "per_day", "3", NIGHT, who="Wang")
        assert claim(tx, NIGHT) is None
        assert told(tx, number) == ("held", "quiet_hours", us(MORNING))


@pytest.mark.parametrize("cap", ["per_day", "per_month"])
def test_raising_a_cap_lets_go_what_it_held(store: Store, cap: str) -> None:
    with store.write() as tx:
        rules.change(tx, "CN", cap, "1", NOON, who="Wang")
        offer(tx, "one")
        assert claim(tx)
        number = offer(tx, "two")
        assert told(tx, number)[:2] == ("held", "frequency_cap")
        rules.change(tx, "CN", cap, "2", NOON, who="Wang")
        assert claim(tx) is not None
        assert told(tx, number)[0] == "sending"


def test_a_word_given_anew_lets_go_at_once_and_a_pause_holds_on(store: Store) -> None:
    with store.write() as tx:
        number = offer(tx)
        rules.withdraw(tx, "CN", NOON, who="Wang")
        assert claim(tx) is None
        actions.pause(tx, "class", "marketing", NOON)
        rules.attest(tx, "CN", "Wang", "consent", NOON + timedelta(days=9), NOON + timedelta(seconds=1))
        assert claim(tx) is None
        assert told(tx, number)[:2] == ("held", "paused")
        actions.resume(tx, "class", "marketing", NOON)
        assert claim(tx, NOON + timedelta(seconds=2)) is not None


def test_many_are_let_go_in_chunks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releasing, "CHUNK", 2)
    with store.write() as tx:
        for number in range(5):
            offer(tx, f"text {number}", at=NIGHT)
        rules.change(tx, "CN", "hours", "mon-sun 00:00-24:00", NIGHT, who="Wang")
        assert tx.value("SELECT count(*) FROM messages WHERE state = 'queued'") == 2
    while store.run(gates.follow, NIGHT):
        pass
    assert store.look(lambda tx: tx.value("SELECT count(*) FROM messages WHERE state = 'queued'")) == 5
