"""What people answer has its effect in the transaction that stores it, and is answered once at most."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modemfarm.policy.consent import faults
from modemfarm.policy.profiles import Configured
from modemfarm.store import (
    actions,
    consents,
    inbox,
    queue,
    reviews,
    steps,
    suppress,
    threads,
    unread,
    withdrawing,
)
from modemfarm.store.engine import Store
from tests.store.hearing import BRANDED, DAY, answered, heard, last_text
from tests.store.tools import (
    LONG,
    NOW,
    OTHER,
    TO,
    accepted,
    add,
    after,
    as_offer,
    claim,
    end,
    lane,
    message,
    parts,
    permit,
    see,
    states,
    submit,
    wrote,
)


def test_a_trial_that_came_back_is_nothing_new_and_stays_in_the_inbox(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx, to=TO, text="modemfarm test 1a2b", reference=inbox.TRIAL)
        heard(tx, "modemfarm test 1a2b")
        assert (unread.count(tx), threads.unread(tx)["people"]) == (0, 0)
        assert [item["text"] for item in threads.listed(tx, "people")["data"]] == ["modemfarm test 1a2b"]
        heard(tx, "几点关门？", at=65)
        assert unread.count(tx) == 1


def test_an_exact_refusal_suppresses_cancels_and_is_confirmed_once_from_the_same_sim(store: Store) -> None:
    with store.write() as tx:
        see(tx), see(tx, OTHER)
        waiting = [add(tx), add(tx, text=LONG), add(tx, message_class="emergency", send_at=after(DAY))]
        got = heard(tx, "回复TD", iccid=OTHER)
        assert (got.opted_out, got.moved) == (TO, True)
        assert suppress.is_suppressed(tx, TO)
        assert [message(tx, one)["state"] for one in waiting] == ["canceled", "canceled", "scheduled"]
        assert message(tx, waiting[0])["reason"] == "opted_out"
        (answer,) = answered(tx)
        assert (answer["automatic"], answer["class"], answer["recipient"]) == ("opted_out", "transactional", TO)
        assert answer["text"] == "【小店】您已退订,不会再收到我们的短信。如需恢复,请回复DY。"
        assert parts(tx, answer["id"])[0]["bound_iccid"] == OTHER
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'contact.opted_out'") == 1


def test_the_confirmation_may_leave_and_nothing_else_to_that_number(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        late = add(tx, send_at=after(30))
        tx.run("UPDATE messages SET state = 'queued' WHERE id = :id", id=late)
        claimed = claim(tx, at=after(31))
        assert claimed is not None
        heard(tx, "TD")
        heard(tx, "TD", at=62)
        assert steps.submitting(tx, permit(claimed[0].part_id, claimed[1], at=after(63)), after(63)) == "canceled"
        part, attempt = submit(tx, at=after(64))
        assert part.message_id == answered(tx)[0]["id"]
        assert steps.recheck(tx, permit(part.part_id, attempt, at=after(64)), after(64)) is None
        end(tx, attempt, accepted(), after(65))
        assert message(tx, part.message_id)["state"] == "sent"
        assert claim(tx, at=after(66)) is None


def test_a_repeated_refusal_is_not_confirmed_again_but_one_after_an_opt_in_is(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for at in range(60, 100, 10):
            heard(tx, "TD", at=at)
        assert len(answered(tx)) == 1
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'contact.opted_out'") == 1
        heard(tx, "START", at=200)
        assert not suppress.is_suppressed(tx, TO)
        heard(tx, "STOP", at=3 * DAY)
        assert len(answered(tx)) == 2
        heard(tx, "STOP", at=40 * DAY)
        assert len(answered(tx)) == 3


@pytest.mark.parametrize(
    ("reply", "last", "begins"),
    [
        ("STOP", "Hello", "You will get"),
        ("STOP", "您好", "【小店】您已退订"),
        ("СТОП", "Hello", "小店: Больше"),
        ("STOPP", "Hello", "小店: Sie erhalten"),
        ("BAJA", "您好", "小店: Ya no"),
    ],
)
def test_the_confirmation_speaks_the_language_of_the_reply_or_of_our_last_text(
    store: Store, reply: str, last: str, begins: str
) -> None:
    with store.write() as tx:
        see(tx)
        last_text(tx, last)
        plain = begins.startswith("You")
        heard(tx, reply, settings=replace(BRANDED, country="US", policy=Configured(brand=None if plain else "小店")))
        assert answered(tx)[0]["text"].startswith(begins)


def test_a_probable_refusal_holds_offers_lists_the_person_and_asks_once(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        last_text(tx, "您好")
        offer, order = as_offer(tx, add(tx, at=after(1))), add(tx, at=after(2))
        heard(tx, "别发了")
        assert (message(tx, offer)["state"], message(tx, offer)["reason"]) == ("held", "opt_out_review")
        assert message(tx, order)["state"] == "queued"
        assert not suppress.is_suppressed(tx, TO)
        (asked,) = answered(tx)
        assert (asked["automatic"], asked["text"]) == ("ask", "【小店】您是否不想再收到我们的短信?确认请回复TD。")
        heard(tx, "不要再发", at=90)
        assert len(answered(tx)) == 1
        (listed,) = reviews.listed(tx)
        assert (listed["number"], listed["text"]) == (TO, "别发了")
        heard(tx, "TD", at=100)
        assert message(tx, offer)["state"] == "canceled"
        assert reviews.listed(tx) == []


def test_dismissing_a_review_lets_its_offers_go(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        now, later = as_offer(tx, add(tx)), as_offer(tx, add(tx, send_at=after(DAY)))
        heard(tx, "别发了")
        actions.pause(tx, "class", "marketing", after(70))
        assert reviews.decide(tx, TO, "dismissed", after(80))
        assert message(tx, now)["reason"] == "paused"
        actions.resume(tx, "class", "marketing", after(90))
        assert [message(tx, one)["state"] for one in (now, later)] == ["queued", "scheduled"]
        assert not reviews.decide(tx, TO, "dismissed", after(80))
        assert [head.message_id for head in queue.heads(tx, "", after(100), 1)] == [now]


def test_an_offer_that_a_sim_has_already_is_stopped_by_step_three(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        offer = add(tx)
        claimed = claim(tx)
        assert claimed is not None
        as_offer(tx, offer)
        heard(tx, "please leave me alone")
        assert steps.submitting(tx, permit(claimed[0].part_id, claimed[1]), after(61)) == "opt_out_review"
        assert (states(tx, offer), message(tx, offer)["reason"]) == (["waiting"], "opt_out_review")
        question = claim(tx, at=after(62))
        assert question is not None
        assert question[0].message_id == answered(tx, "ask")[0]["id"]
        assert claim(tx, at=after(63)) is None


def test_a_claim_takes_nothing_for_a_person_who_opted_out(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        stray = add(tx)
        tx.run("INSERT INTO suppressions (number, digits, since, source) VALUES (:n, :n, 1, 'reply')", n=TO)
        (head,) = queue.heads(tx, "", NOW, 1)
        assert queue.claim(tx, head, lane(), NOW) is None
        assert queue.claim(tx, head, replace(lane(), transactional_after_opt_out=True), NOW) is not None
        assert message(tx, stray)["state"] == "sending"


@pytest.mark.parametrize("number", ["13800138000", "013800138000"])
def test_a_refusal_without_its_country_stops_claim_and_step_three_too(store: Store, number: str) -> None:
    with store.write() as tx:
        see(tx)
        first, second = add(tx), add(tx)
        part, attempt = claim(tx) or pytest.fail("nothing to claim")
        tx.run(
            "INSERT INTO suppressions (number, digits, since, source) VALUES (:n, :d, 1, 'reply')", n=number, d=TO[-9:]
        )
        assert suppress.is_suppressed(tx, TO)
        assert steps.submitting(tx, permit(part.part_id, attempt), NOW) == "opted_out"
        (head,) = queue.heads(tx, "", NOW, 1)
        assert queue.claim(tx, head, lane(), NOW) is None
        assert (part.message_id, head.message_id) == (first, second)


def test_a_short_code_on_the_list_stops_no_line_that_ends_in_it(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        tx.run("INSERT INTO suppressions (number, digits, since, source) VALUES ('38000', '38000', 1, 'counter')")
        add(tx)
        submit(tx)


def test_a_refusal_and_its_end_are_rows_of_the_consent_ledger(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        ends = after(90 * DAY).isoformat()
        consents.grant(tx, TO, ("marketing",), {"method": "paper", "expires_at": ends}, NOW)
        withdrawing.revoke(tx, TO, ("news",), "phone", NOW, actor="li")
        heard(tx, "TD")
        last = consents.records(tx, TO)[-1]
        assert (last["status"], last["withdrawn_via"], last["keyword"], last["reply"]) == (
            "revoked",
            "reply",
            "TD",
            "TD",
        )
        assert not consents.has_consent(tx, TO, None, after(61))
        heard(tx, "START", at=70)
        last = consents.records(tx, TO)[-1]
        assert (last["status"], last["method"], last["exact_wording"]) == ("granted", "sms_keyword", "START")
        assert consents.has_consent(tx, TO, "sales", after(71))
        assert not consents.has_consent(tx, TO, "news", after(71))
        assert not consents.has_consent(tx, TO, None, after(91 * DAY))
        assert faults(list(consents.ledger(tx))) == []


def test_whoever_never_agreed_has_not_agreed_by_taking_a_refusal_back(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        heard(tx, "TD")
        heard(tx, "START", at=70)
        assert [one["status"] for one in consents.records(tx, TO)] == ["revoked", "opted_in"]
        assert not consents.has_consent(tx, TO, None, after(71))


@pytest.mark.parametrize(
    ("last", "reply", "tier"),
    [
        ("新品8折,回T退订", "T", "exact"),
        ("新品8折,回复TD退订", "T", "advertised_only"),
        ("T恤9折", "T", "advertised_only"),
        ("拒收请回复R", "回复R", "exact"),
        ("reply 9 to stop", "9", "none"),
    ],
)
def test_single_letters_count_when_our_last_text_offered_them(store: Store, last: str, reply: str, tier: str) -> None:
    with store.write() as tx:
        see(tx)
        last_text(tx, "回R退订", at=-30)
        last_text(tx, last)
        heard(tx, reply)
        assert tx.value("SELECT verdict FROM inbound") == tier
        assert suppress.is_suppressed(tx, TO) == (tier == "exact")


def test_yes_lifts_an_opt_out_only_where_it_was_offered(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        heard(tx, "STOP")
        wrote(tx, TO, after(60))
        add(tx, text="Shall I come at 5?", message_class="conversation", at=after(100))
        tx.run("UPDATE messages SET state = 'sent' WHERE class = 'conversation'")
        heard(tx, "Yes", at=120)
        assert suppress.is_suppressed(tx, TO)
        tx.run("UPDATE messages SET text = 'Reply YES to get them again' WHERE class = 'conversation'")
        heard(tx, "Yes!", at=140)
        assert not suppress.is_suppressed(tx, TO)


def test_an_imported_refusal_is_not_lifted_by_a_reply(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        suppress.add(tx, TO, TO[-9:], "import", NOW)
        heard(tx, "START")
        assert suppress.is_suppressed(tx, TO)


@pytest.mark.parametrize(("scope", "value"), [("all", ""), ("class", "transactional")])
def test_a_pause_holds_the_confirmation(store: Store, scope: str, value: str) -> None:
    with store.write() as tx:
        see(tx)
        actions.pause(tx, scope, value, NOW)
        heard(tx, "TD")
        (answer,) = answered(tx)
        assert (answer["state"], answer["reason"]) == ("held", "paused")
        actions.resume(tx, scope, value, after(70))
        assert claim(tx, at=after(80)) is not None
