"""Who signs up, or stands on a list that nobody vouches for, is asked once and counts with his yes."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

import pytest

from modemfarm.errors import BadFieldError
from modemfarm.inbound.receive import receive
from modemfarm.intake import agreed
from modemfarm.model import Received
from modemfarm.store import consents, signups, suppress
from modemfarm.store.engine import Row, Store, Tx
from tests.store.tools import (
    INBOUND,
    INTAKE,
    NOW,
    SIM,
    TO,
    accepted,
    add,
    after,
    deliver_pdu,
    end,
    message,
    see,
    submit,
)

DAY = 86400.0
ANSWERS = INBOUND.keywords.answers
OTHER = "+8613900139000"


def _get(tx: Tx, text: str, at: float, number: str = TO) -> None:
    pdu = deliver_pdu(text, by=number, at=after(at))
    receive(tx, Received(pdu, pdu.hex().upper(), SIM, None, after(at)), INBOUND, after(at))


def _questions(tx: Tx) -> list[Row]:
    return tx.all("SELECT * FROM messages WHERE automatic = 'confirm' ORDER BY id")


def _has(tx: Tx, number: str, at: float, purpose: str | None = None) -> bool:
    return consents.has_consent(tx, number, purpose, after(at))


@pytest.fixture
def farm(store: Store) -> Store:
    with store.write() as tx:
        see(tx)
        signups.add_word(tx, "优惠", "sales", "每周最多两条优惠", NOW, who="li")
    return store


def test_a_word_asks_once_and_the_yes_is_consent_with_both_messages(farm: Store) -> None:
    with farm.write() as tx:
        _get(tx, "我要优惠吗", 50)
        assert _questions(tx) == []
        _get(tx, "“优惠”!", 60)
        _get(tx, "优惠", 61)
        (question,) = _questions(tx)
        assert (question["class"], question["pinned"], question["rank"]) == ("transactional", SIM, 0)
        assert "DY" in question["text"]
        assert not _has(tx, TO, 62, "sales")
        assert consents.state(tx, TO).told(after(62))["pending"] == ["sales"]
        end(tx, submit(tx, at=after(62))[1], accepted(), after(62))
        _get(tx, "DY", 70)
        assert _has(tx, TO, 71, "sales")
        assert not _has(tx, TO, 71)
        last = consents.records(tx, TO)[-1]
        assert (last["method"], last["exact_wording"]) == ("sms_keyword", "每周最多两条优惠")
        assert last["double_opt_in"]["sent_msg"] == question["id"]
        assert last["double_opt_in"]["reply"] == "DY"
        _get(tx, "优惠", 5 * DAY)
        assert len(_questions(tx)) == 1


YES = (
    "YES",
    "y.",
    "Ja!",
    "Oui",
    "sí",
    "Sim",
    "EVET",
    "是",
    "是的",
    "确认",
    "好的,谢谢",
    "Да",
    "да пожалуйста",
    "ya",
    "نعم",
    "हाँ",
    "ok 👍",
)
NOT_YES = ("yes but only on Mondays", "не да", "是不是", "hello", "no", "jain", "1")


@pytest.mark.parametrize("word", YES)
def test_a_yes_in_any_language_answers_the_question(farm: Store, word: str) -> None:
    with farm.write() as tx:
        _get(tx, word, 50)
        _get(tx, "优惠", 60)
        assert not _has(tx, TO, 61, "sales")
        end(tx, submit(tx, at=after(62))[1], accepted(), after(62))
        _get(tx, word, 70)
        assert _has(tx, TO, 71, "sales")
        assert consents.records(tx, TO)[-1]["double_opt_in"]["reply"] == word


@pytest.mark.parametrize("word", NOT_YES)
def test_what_is_no_plain_yes_leaves_the_question_open(farm: Store, word: str) -> None:
    with farm.write() as tx:
        _get(tx, "优惠", 60)
        end(tx, submit(tx, at=after(62))[1], accepted(), after(62))
        _get(tx, word, 70)
        assert not _has(tx, TO, 71, "sales")
        assert consents.state(tx, TO).told(after(71))["pending"] == ["sales"]


def test_a_yes_without_a_question_or_to_a_later_message_or_a_lapsed_one_confirms_nothing(farm: Store) -> None:
    with farm.write() as tx:
        _get(tx, "是", 50)
        assert consents.records(tx, TO) == []
        _get(tx, "优惠", 60)
        end(tx, submit(tx, at=after(62))[1], accepted(), after(62))
        add(tx, to=TO, at=after(63))
        end(tx, submit(tx, at=after(64))[1], accepted(), after(64))
        _get(tx, "是", 70)  # to what came after the question
        assert not _has(tx, TO, 71, "sales")
        _get(tx, "DY", 80)  # the word that the question told is clear all the same
        assert _has(tx, TO, 81, "sales")
        _get(tx, "优惠", 90, OTHER)
        end(tx, submit(tx, at=after(91))[1], accepted(), after(91))
        _get(tx, "是", 8 * DAY, OTHER)
        assert not _has(tx, OTHER, 8 * DAY, "sales")


def test_a_word_for_signing_up_may_be_a_yes_itself(farm: Store) -> None:
    with farm.write() as tx:
        signups.add_word(tx, "好", "news", "每月一条", NOW, who="li")
        add(tx, to=TO, at=after(40))
        end(tx, submit(tx, at=after(41))[1], accepted(), after(41))
        _get(tx, "好", 50)
        assert len(_questions(tx)) == 1
        end(tx, submit(tx, at=after(52))[1], accepted(), after(52))
        _get(tx, "好", 60)
        assert _has(tx, TO, 61, "news")


def test_a_question_lapses_and_whoever_signs_up_again_is_asked_again(farm: Store) -> None:
    with farm.write() as tx:
        _get(tx, "优惠", 60)
        end(tx, submit(tx, at=after(62))[1], accepted(), after(62))
        _get(tx, "DY", 8 * DAY)
        assert not _has(tx, TO, 8 * DAY, "sales")
        _get(tx, "优惠", 9 * DAY)
        assert len(_questions(tx)) == 2
        end(tx, submit(tx, at=after(9 * DAY + 1))[1], accepted(), after(9 * DAY + 1))
        _get(tx, "DY", 10 * DAY)
        assert _has(tx, TO, 10 * DAY, "sales")


def test_a_question_that_still_waits_was_not_asked(farm: Store) -> None:
    with farm.write() as tx:
        _get(tx, "优惠", 60)
        _get(tx, "DY", 70)
        assert not _has(tx, TO, 71, "sales")
        end(tx, submit(tx, at=after(72))[1], accepted(), after(72))
        _get(tx, "DY", 80)
        assert _has(tx, TO, 81, "sales")


def test_a_refusal_ends_the_question(farm: Store) -> None:
    with farm.write() as tx:
        _get(tx, "优惠", 60)
        (question,) = _questions(tx)
        _get(tx, "TD", 70)
        assert message(tx, question["id"])["state"] == "canceled"
        _get(tx, "优惠", 80)
        _get(tx, "DY", 90)
        assert len(_questions(tx)) == 1
        assert not _has(tx, TO, 91, "sales")


def test_a_word_that_was_taken_away_signs_nobody_up(farm: Store) -> None:
    with farm.write() as tx:
        assert signups.words(tx) == [{"word": "优惠", "purpose": "sales", "wording": "每周最多两条优惠"}]
        assert signups.remove_word(tx, " 优惠 ", NOW, who="li")
        assert not signups.remove_word(tx, "优惠", NOW, who="li")
        _get(tx, "优惠", 60)
        assert _questions(tx) == []


def _take(store: Store, text: str, at: datetime = NOW, **vouched: Any) -> dict[str, Any]:
    octets = text.encode()
    given = agreed.Vouched("li", hashlib.sha256(octets).hexdigest(), **vouched)
    return agreed.take(store.run, agreed.read(octets), given, INTAKE, ANSWERS, lambda: at).document()


VOUCHED = {"method": "paper", "wording": "I want offers", "since": after(-90 * DAY), "until": NOW}


def test_a_list_that_somebody_vouches_for_is_granted_and_adds_nothing_twice(store: Store) -> None:
    text = f"手机号,captured_at\n13800138000,2026-02-01\n{OTHER},\nabc,\n13700137000,2020-01-01\n13800138000,\n"
    done = _take(store, text, **VOUCHED)
    assert {key: done[key] for key in ("granted", "pending", "known", "rejected")} == {
        "granted": 2,
        "pending": 0,
        "known": 1,
        "rejected": 2,
    }
    assert [fault["code"] for fault in done["errors"]] == ["not_a_number", "outside_range"]
    assert _take(store, text, **VOUCHED)["granted"] == 0
    with store.read() as tx:
        assert _has(tx, TO, 1)
        (kept,) = consents.records(tx, TO)
        assert kept["captured_at"].startswith("2026-02-01")
        assert kept["evidence_sha256"] == hashlib.sha256(text.encode()).hexdigest()
        assert _questions(tx) == []


@pytest.mark.parametrize("left_out", ["method", "wording", "since"])
def test_whom_nobody_vouches_for_is_asked_in_the_hours_of_offers(store: Store, left_out: str) -> None:
    given = {key: value for key, value in VOUCHED.items() if key != left_out}
    night = NOW.replace(hour=20)  # 04:00 there
    with store.write() as tx:
        see(tx)
        suppress.add(tx, OTHER, OTHER[-9:], "counter", NOW)
    rows = f'{{"phone": "{TO}"}}\n{{"phone": "{OTHER}"}}\n'
    done = _take(store, rows, night, **given)
    assert (done["pending"], done["opted_out"]) == (1, 1)
    assert _take(store, rows, night + timedelta(days=30), **given)["known"] == 1
    with store.write() as tx:
        (question,) = _questions(tx)
        assert (question["state"], question["recipient"]) == ("scheduled", TO)
        assert question["send_at"] > (night + timedelta(hours=4)).timestamp() * 1e6
        _get(tx, "START", 3600)  # said for another reason: the question waits for the morning
        assert not _has(tx, TO, DAY)
        end(tx, submit(tx, at=after(2 * DAY - 60))[1], accepted(), after(2 * DAY - 50))
        _get(tx, "START", 2 * DAY)
        assert _has(tx, TO, 2 * DAY + 1)


def test_a_list_without_numbers_is_refused(store: Store) -> None:
    with pytest.raises(BadFieldError):
        _take(store, "name,when\nLi,today\n")
