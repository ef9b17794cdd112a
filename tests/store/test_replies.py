"""What people answer has its effect in the transaction that stores it, and is answered once at most."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modemfarm.inbound.receive import Understood, receive
from modemfarm.model import Received
from modemfarm.policy.consent import faults
from modemfarm.policy.profiles import Configured
from modemfarm.store import (
    actions,
    consents,
    inbox,
    queue,
    reviews,
    rules,
    steps,
    suppress,
    threads,
    unread,
    withdrawing,
)
from modemfarm.store.engine import Row, Store, Tx
from tests.store.tools import (
    INBOUND,
    LONG,
    NOW,
    OTHER,
    SIM,
    TO,
    accepted,
    add,
    after,
    as_offer,
    claim,
    deliver_pdu,
    end,
    lane,
    message,
    parts,
    permit,
    see,
    send,
    states,
    submit,
    wrote,
)

DAY = 86400.0
BRANDED = replace(INBOUND, policy=Configured(brand="小店"))


def _get(tx: Tx, text: str, *, at: float = 60, number: str = TO, iccid: str = SIM, **facts: Any) -> Understood:
    pdu = deliver_pdu(text, by=number, at=after(at))
    settings = facts.pop("settings", BRANDED)
    understood = receive(tx, Received(pdu, pdu.hex().upper(), iccid, None, after(at), **facts), settings, after(at))
    tx.finish()
    return understood


def _answers(tx: Tx, kind: str | None = None) -> list[Row]:
    rows = tx.all("SELECT * FROM messages WHERE automatic IS NOT NULL ORDER BY id")
    return [row for row in rows if kind in (None, row["automatic"])]


def _last_text(tx: Tx, text: str, at: float = 0) -> None:
    add(tx, text=text, at=after(at))
    send(tx, at=after(at))


def test_a_trial_that_came_back_is_nothing_new_and_stays_in_the_inbox(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx, to=TO, text="modemfarm test 1a2b", reference=inbox.TRIAL)
        _get(tx, "modemfarm test 1a2b")
        assert (unread.count(tx), threads.unread(tx)["people"]) == (0, 0)
        assert [item["text"] for item in threads.listed(tx, "people")["data"]] == ["modemfarm test 1a2b"]
        _get(tx, "几点关门？", at=65)
        assert unread.count(tx) == 1


def test_an_exact_refusal_suppresses_cancels_and_is_confirmed_once_from_the_same_sim(store: Store) -> None:
    with store.write() as tx:
        see(tx), see(tx, OTHER)
        waiting = [add(tx), add(tx, text=LONG), add(tx, message_class="emergency", send_at=after(DAY))]
        got = _get(tx, "回复TD", iccid=OTHER)
        assert (got.opted_out, got.moved) == (TO, True)
        assert suppress.is_suppressed(tx, TO)
        assert [message(tx, one)["state"] for one in waiting] == ["canceled", "canceled", "scheduled"]
        assert message(tx, waiting[0])["reason"] == "opted_out"
        (answer,) = _answers(tx)
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
        _get(tx, "TD")
        _get(tx, "TD", at=62)
        assert steps.submitting(tx, permit(claimed[0].part_id, claimed[1], at=after(63)), after(63)) == "canceled"
        part, attempt = submit(tx, at=after(64))
        assert part.message_id == _answers(tx)[0]["id"]
        assert steps.recheck(tx, permit(part.part_id, attempt, at=after(64)), after(64)) is None
        end(tx, attempt, accepted(), after(65))
        assert message(tx, part.message_id)["state"] == "sent"
        assert claim(tx, at=after(66)) is None


def test_a_repeated_refusal_is_not_confirmed_again_but_one_after_an_opt_in_is(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for at in range(60, 100, 10):
            _get(tx, "TD", at=at)
        assert len(_answers(tx)) == 1
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'contact.opted_out'") == 1
        _get(tx, "START", at=200)
        assert not suppress.is_suppressed(tx, TO)
        _get(tx, "STOP", at=3 * DAY)
        assert len(_answers(tx)) == 2
        _get(tx, "STOP", at=40 * DAY)
        assert len(_answers(tx)) == 3


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
        _last_text(tx, last)
        plain = begins.startswith("You")
        _get(tx, reply, settings=replace(BRANDED, country="US", policy=Configured(brand=None if plain else "小店")))
        assert _answers(tx)[0]["text"].startswith(begins)


def test_a_probable_refusal_holds_offers_lists_the_person_and_asks_once(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        _last_text(tx, "您好")
        offer, order = as_offer(tx, add(tx, at=after(1))), add(tx, at=after(2))
        _get(tx, "别发了")
        assert (message(tx, offer)["state"], message(tx, offer)["reason"]) == ("held", "opt_out_review")
        assert message(tx, order)["state"] == "queued"
        assert not suppress.is_suppressed(tx, TO)
        (asked,) = _answers(tx)
        assert (asked["automatic"], asked["text"]) == ("ask", "【小店】您是否不想再收到我们的短信?确认请回复TD。")
        _get(tx, "不要再发", at=90)
        assert len(_answers(tx)) == 1
        (listed,) = reviews.listed(tx)
        assert (listed["number"], listed["text"]) == (TO, "别发了")
        _get(tx, "TD", at=100)
        assert message(tx, offer)["state"] == "canceled"
        assert reviews.listed(tx) == []


def test_dismissing_a_review_lets_its_offers_go(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        now, later = as_offer(tx, add(tx)), as_offer(tx, add(tx, send_at=after(DAY)))
        _get(tx, "别发了")
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
        _get(tx, "please leave me alone")
        assert steps.submitting(tx, permit(claimed[0].part_id, claimed[1]), after(61)) == "opt_out_review"
        assert (states(tx, offer), message(tx, offer)["reason"]) == (["waiting"], "opt_out_review")
        question = claim(tx, at=after(62))
        assert question is not None
        assert question[0].message_id == _answers(tx, "ask")[0]["id"]
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


def test_whom_we_never_wrote_to_is_listed_but_not_asked(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        _get(tx, "8折优惠,回TD退订我们")
        assert len(reviews.listed(tx)) == 1
        assert _answers(tx) == []


def test_help_is_answered_once_a_day(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for at in (60.0, 70.0, DAY + 100):
            _get(tx, "HELP", at=at, settings=replace(BRANDED, policy=Configured(brand="Shop"), country=None))
        assert [row["text"] for row in _answers(tx)] == ["Shop: To get no more messages from us, reply STOP."] * 2


def test_help_tells_where_people_reach_the_owner_also_whoever_opted_out(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        rules.change(tx, "unknown", "contact", "021-555 123", NOW, who="li")
        _get(tx, "TD")
        end(tx, submit(tx, at=after(65))[1], accepted(), after(66))
        _get(tx, "帮助", at=70)
        _, told = _answers(tx)
        assert told["text"].endswith("请回复TD。 联系方式:021-555 123")
        assert submit(tx, at=after(75))[0].message_id == told["id"]


def test_one_number_gets_no_more_than_three_answers_a_day(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        _last_text(tx, "hello")
        for at, text in enumerate(["HELP", "leave me alone", "STOP", "START", "STOP", "START", "STOP"]):
            _get(tx, text, at=60 + at)
        assert [row["automatic"] for row in _answers(tx)] == ["help", "ask", "opted_out"]


@pytest.mark.parametrize("number", ["106900001234", "10086", "1008611", "95588", "Shop", "+8610690000123456"])
def test_a_service_never_opts_out_and_is_never_answered(store: Store, number: str) -> None:
    with store.write() as tx:
        see(tx)
        for text in ("新品8折,回TD退订", "TD", "别发了", "HELP"):
            _get(tx, text, number=number)
        rows = tx.all("SELECT kind, verdict FROM inbound")
        assert [dict(row) for row in rows] == [{"kind": "service", "verdict": "none"}] * 4
        assert (suppress.listed(tx), reviews.listed(tx), _answers(tx)) == ([], [], [])


def test_answers_carry_what_policy_set_says(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for key, value in (("brand", "Lemon"), ("profile", "RU")):
            rules.change(tx, "unknown", key, value, NOW, who="li")
        plain = replace(INBOUND, country=None)
        _get(tx, "HELP", settings=plain)
        rules.change(tx, "RU", "signature", "Лимон! ", NOW, who="li")
        _get(tx, "STOP", at=70, settings=plain)
        texts = [row["text"] for row in _answers(tx)]
        assert [text.partition(" ")[0] for text in texts] == ["Lemon:", "Лимон!"]
        assert "СТОП" in texts[0]


def test_a_refusal_and_its_end_are_rows_of_the_consent_ledger(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        ends = after(90 * DAY).isoformat()
        consents.grant(tx, TO, ("marketing",), {"method": "paper", "expires_at": ends}, NOW)
        withdrawing.revoke(tx, TO, ("news",), "phone", NOW, actor="li")
        _get(tx, "TD")
        last = consents.records(tx, TO)[-1]
        assert (last["status"], last["withdrawn_via"], last["keyword"], last["reply"]) == (
            "revoked",
            "reply",
            "TD",
            "TD",
        )
        assert not consents.has_consent(tx, TO, None, after(61))
        _get(tx, "START", at=70)
        last = consents.records(tx, TO)[-1]
        assert (last["status"], last["method"], last["exact_wording"]) == ("granted", "sms_keyword", "START")
        assert consents.has_consent(tx, TO, "sales", after(71))
        assert not consents.has_consent(tx, TO, "news", after(71))
        assert not consents.has_consent(tx, TO, None, after(91 * DAY))
        assert faults(list(consents.ledger(tx))) == []


def test_whoever_never_agreed_has_not_agreed_by_taking_a_refusal_back(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        _get(tx, "TD")
        _get(tx, "START", at=70)
        assert [one["status"] for one in consents.records(tx, TO)] == ["revoked", "opted_in"]
        assert not consents.has_consent(tx, TO, None, after(71))


def test_two_farms_fall_silent_at_once(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        _last_text(tx, "hello")
        for kind in ("opted_out", "ask", "help"):
            for at, language in enumerate(BRANDED.keywords.answers.texts):
                text = BRANDED.keywords.answers.text(kind, language, "Other farm")  # type: ignore[arg-type] # three words
                _get(tx, text, at=60 + at)
        assert (suppress.listed(tx), reviews.listed(tx), _answers(tx)) == ([], [], [])


def test_our_own_sims_are_never_answered(store: Store) -> None:
    with store.write() as tx:
        see(tx), see(tx, OTHER, number=TO)
        _get(tx, "TD")
        assert suppress.is_suppressed(tx, TO)
        assert _answers(tx) == []


def test_what_lay_on_a_sim_before_we_saw_it_counts_unanswered(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        _get(tx, "TD", first_sweep=True)
        assert tx.value("SELECT old FROM inbound") == 1
        assert suppress.is_suppressed(tx, TO)
        assert _answers(tx) == []


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
        _last_text(tx, "回R退订", at=-30)
        _last_text(tx, last)
        _get(tx, reply)
        assert tx.value("SELECT verdict FROM inbound") == tier
        assert suppress.is_suppressed(tx, TO) == (tier == "exact")


def test_yes_lifts_an_opt_out_only_where_it_was_offered(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        _get(tx, "STOP")
        wrote(tx, TO, after(60))
        add(tx, text="Shall I come at 5?", message_class="conversation", at=after(100))
        tx.run("UPDATE messages SET state = 'sent' WHERE class = 'conversation'")
        _get(tx, "Yes", at=120)
        assert suppress.is_suppressed(tx, TO)
        tx.run("UPDATE messages SET text = 'Reply YES to get them again' WHERE class = 'conversation'")
        _get(tx, "Yes!", at=140)
        assert not suppress.is_suppressed(tx, TO)


def test_an_imported_refusal_is_not_lifted_by_a_reply(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        suppress.add(tx, TO, TO[-9:], "import", NOW)
        _get(tx, "START")
        assert suppress.is_suppressed(tx, TO)


@pytest.mark.parametrize(("scope", "value"), [("all", ""), ("class", "transactional")])
def test_a_pause_holds_the_confirmation(store: Store, scope: str, value: str) -> None:
    with store.write() as tx:
        see(tx)
        actions.pause(tx, scope, value, NOW)
        _get(tx, "TD")
        (answer,) = _answers(tx)
        assert (answer["state"], answer["reason"]) == ("held", "paused")
        actions.resume(tx, scope, value, after(70))
        assert claim(tx, at=after(80)) is not None
