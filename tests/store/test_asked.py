"""What `explain` tells of the rules: what they ask of a message's class, and how each came out."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from modemfarm import wording
from modemfarm.intake import asked
from modemfarm.model import digits_key
from modemfarm.store import actions, consents, rules, suppress
from modemfarm.store.engine import Store, Tx
from modemfarm.webapp.words import Words
from tests.farm.test_explained import PAGE, placed
from tests.store.test_offers import MORNING, NIGHT, NOON, OFFERS, claim, go, offer
from tests.store.tools import TO, add

OTHER = "+8613900139000"
LATER = NOON + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _open(store: Store) -> None:
    store.run(lambda tx: rules.attest(tx, "CN", "Wang Li", "consent", NOON + timedelta(days=99), NOON))
    store.run(consents.grant, TO, ("marketing",), {}, NOON)


def outcomes(tx: Tx, message_id: int, now: datetime = LATER) -> dict[str, str]:
    return {row["rule"]: row["outcome"] for row in asked.table(tx, message_id, OFFERS, now) or []}


def drawn(tx: Tx, message_id: int, now: datetime, lang: str = "en") -> str:
    """As `modemfarm explain` prints it in Shanghai."""
    words, found = Words(lang, ZoneInfo("Asia/Shanghai"), now), asked.table(tx, message_id, OFFERS, now) or []
    lines = [words.say("asked.title", found[0]["params"]), *(f"- {words.asked(row)}" for row in found)]
    return "```\n" + "\n".join(lines) + "\n```"


def left(tx: Tx, text: str, at: datetime) -> int:
    number = offer(tx, text, at=at)
    assert go(tx, claim(tx, at), at) is None
    return number


def examples(tx: Tx) -> dict[str, tuple[int, datetime]]:
    """A notice, an offer that left as the second of a day, one in the night, one without consent."""
    found = {"notice": (add(tx, at=NOON, settings=OFFERS, text="Your order is ready."), NOON)}
    actions.cancel(tx, found["notice"][0], NOON)
    left(tx, "one", NOON)
    found["left"] = (left(tx, "two", LATER), LATER)
    found["waits"] = (offer(tx, "three", at=NIGHT), NIGHT)
    found["refused"] = (offer(tx, "four", at=NIGHT, to=OTHER), NIGHT)
    return found


def test_the_docs_tell_what_the_rules_ask(store: Store) -> None:
    with store.write() as tx:
        told = {f"rules-{name}": drawn(tx, number, now) for name, (number, now) in examples(tx).items()}
    text = placed(told)
    if os.environ.get("REDRAW"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "draw them anew: REDRAW=1 pytest tests/store/test_asked.py"
    assert "1 of at most 2 offers in the 24 hours before" in told["rules-left"]
    assert "it was 13:00 Asia/Shanghai" in told["rules-left"]


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_every_rule_is_told_whole_in_each_language(store: Store, lang: str) -> None:
    with store.write() as tx:
        for number, now in examples(tx).values():
            text = drawn(tx, number, now, lang)
            assert "{" not in text
            assert "…" not in text
            for row in asked.table(tx, number, OFFERS, now) or []:
                assert wording.known(f"asked.{row['rule']}_{row['outcome']}", lang)


def test_only_its_own_class_is_asked(store: Store) -> None:
    with store.write() as tx:
        notice = add(tx, at=NOON, settings=OFFERS)
        assert outcomes(tx, notice) == {
            "opt_out": "passed",
            "consent": "not_asked",
            "hours": "not_asked",
            "frequency": "not_asked",
        }
        alarm = add(tx, at=NOON, settings=OFFERS, message_class="emergency")
        assert outcomes(tx, alarm)["opt_out"] == "not_asked"
        assert outcomes(tx, alarm)["emergency"] == "passed"
        after = replace(OFFERS, transactional_after_opt_out=True)
        assert (asked.table(tx, notice, after, LATER) or [])[0]["outcome"] == "not_asked"


def test_a_rule_that_stops_is_the_last_that_is_asked(store: Store) -> None:
    with store.write() as tx:
        refused = offer(tx, "four", to=OTHER)
        assert outcomes(tx, refused) == {
            "opt_out": "passed",
            "profile": "passed",
            "consent": "stopped",
            "hours": "not_reached",
            "frequency": "not_reached",
        }
        suppress.add(tx, OTHER, digits_key(OTHER), "phone", NOON)
        stopped = outcomes(tx, offer(tx, "five", to=OTHER))
        assert stopped["opt_out"] == "stopped"
        assert set(stopped.values()) == {"stopped", "not_reached"}


def test_what_left_is_told_as_it_was_then_whatever_came_later(store: Store) -> None:
    with store.write() as tx:
        number = left(tx, "one", NOON)
        suppress.add(tx, TO, digits_key(TO), "phone", LATER)
        rules.withdraw(tx, "CN", LATER, who="Wang")
        assert set(outcomes(tx, number, LATER).values()) == {"passed"}
        assert "somebody vouched then" in drawn(tx, number, LATER)


def test_a_held_offer_says_when_each_rule_lets_it_go(store: Store) -> None:
    with store.write() as tx:
        left(tx, "one", NOON)
        left(tx, "two", NOON)
        third = offer(tx, "three", at=LATER)
        assert outcomes(tx, third)["hours"] == "passed"
        (row,) = [row for row in asked.table(tx, third, OFFERS, LATER) or [] if row["outcome"] == "waits"]
        assert row["rule"] == "frequency"
        assert datetime.fromisoformat(row["params"]["next_at"]) == NOON + timedelta(hours=24)
        night = offer(tx, "four", at=NIGHT)
        hours = next(row for row in asked.table(tx, night, OFFERS, NIGHT) or [] if row["rule"] == "hours")
        assert (hours["outcome"], datetime.fromisoformat(hours["params"]["next_at"]).astimezone(UTC)) == (
            "waits",
            MORNING,
        )


def test_no_message_has_no_table(store: Store) -> None:
    with store.read() as tx:
        assert asked.table(tx, 99, OFFERS, NOON) is None
