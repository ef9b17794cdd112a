"""Who gets an automatic answer, how often, and what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modemfarm.policy.profiles import Configured
from modemfarm.store import (
    reviews,
    rules,
    suppress,
)
from modemfarm.store.engine import Store
from tests.store.hearing import BRANDED, DAY, answered, heard, last_text
from tests.store.tools import (
    INBOUND,
    NOW,
    OTHER,
    TO,
    accepted,
    after,
    end,
    see,
    submit,
)


def test_whom_we_never_wrote_to_is_listed_but_not_asked(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        heard(tx, "8折优惠,回TD退订我们")
        assert len(reviews.listed(tx)) == 1
        assert answered(tx) == []


def test_help_is_answered_once_a_day(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for at in (60.0, 70.0, DAY + 100):
            heard(tx, "HELP", at=at, settings=replace(BRANDED, policy=Configured(brand="Shop"), country=None))
        assert [row["text"] for row in answered(tx)] == ["Shop: To get no more messages from us, reply STOP."] * 2


def test_help_tells_where_people_reach_the_owner_also_whoever_opted_out(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        rules.change(tx, "unknown", "contact", "021-555 123", NOW, who="li")
        heard(tx, "TD")
        end(tx, submit(tx, at=after(65))[1], accepted(), after(66))
        heard(tx, "帮助", at=70)
        _, told = answered(tx)
        assert told["text"].endswith("请回复TD。 联系方式:021-555 123")
        assert submit(tx, at=after(75))[0].message_id == told["id"]


def test_one_number_gets_no_more_than_three_answers_a_day(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        last_text(tx, "hello")
        for at, text in enumerate(["HELP", "leave me alone", "STOP", "START", "STOP", "START", "STOP"]):
            heard(tx, text, at=60 + at)
        assert [row["automatic"] for row in answered(tx)] == ["help", "ask", "opted_out"]


@pytest.mark.parametrize("number", ["106900001234", "10086", "1008611", "95588", "Shop", "+8610690000123456"])
def test_a_service_never_opts_out_and_is_never_answered(store: Store, number: str) -> None:
    with store.write() as tx:
        see(tx)
        for text in ("新品8折,回TD退订", "TD", "别发了", "HELP"):
            heard(tx, text, number=number)
        rows = tx.all("SELECT kind, verdict FROM inbound")
        assert [dict(row) for row in rows] == [{"kind": "service", "verdict": "none"}] * 4
        assert (suppress.listed(tx), reviews.listed(tx), answered(tx)) == ([], [], [])


def test_answers_carry_what_policy_set_says(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for key, value in (("brand", "Lemon"), ("profile", "RU")):
            rules.change(tx, "unknown", key, value, NOW, who="li")
        plain = replace(INBOUND, country=None)
        heard(tx, "HELP", settings=plain)
        rules.change(tx, "RU", "signature", "Лимон! ", NOW, who="li")
        heard(tx, "STOP", at=70, settings=plain)
        texts = [row["text"] for row in answered(tx)]
        assert [text.partition(" ")[0] for text in texts] == ["Lemon:", "Лимон!"]
        assert "СТОП" in texts[0]


def test_two_farms_fall_silent_at_once(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        last_text(tx, "hello")
        for kind in ("opted_out", "ask", "help"):
            for at, language in enumerate(BRANDED.keywords.answers.texts):
                text = BRANDED.keywords.answers.text(kind, language, "Other farm")  # type: ignore[arg-type] # three words
                heard(tx, text, at=60 + at)
        assert (suppress.listed(tx), reviews.listed(tx), answered(tx)) == ([], [], [])


def test_our_own_sims_are_never_answered(store: Store) -> None:
    with store.write() as tx:
        see(tx), see(tx, OTHER, number=TO)
        heard(tx, "TD")
        assert suppress.is_suppressed(tx, TO)
        assert answered(tx) == []


def test_what_lay_on_a_sim_before_we_saw_it_counts_unanswered(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        heard(tx, "TD", first_sweep=True)
        assert tx.value("SELECT old FROM inbound") == 1
        assert suppress.is_suppressed(tx, TO)
        assert answered(tx) == []
