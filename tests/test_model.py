"""The one table of moves, and what a message's state follows from."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import modemfarm.store
from modemfarm.model import LEFT, MOVES, ON_THE_AIR, MessageState, PartState, derive, digits_key, mask, normal_iccid

P, M = PartState, MessageState
FINAL = {P.DELIVERED, P.UNDELIVERED, P.FAILED, P.EXPIRED, P.CANCELED}


def test_every_state_has_its_row() -> None:
    assert MOVES.keys() == set(PartState)
    assert all(new in PartState for news in MOVES.values() for new in news)


def test_final_states_are_those_that_lead_nowhere() -> None:
    assert {state for state, news in MOVES.items() if not news} == FINAL


def test_every_state_is_reached_and_none_leads_to_itself() -> None:
    reached = {P.WAITING}
    while more := {new for state in reached for new in MOVES[state]} - reached:
        reached |= more
    assert reached == set(PartState)
    assert all(state not in news for state, news in MOVES.items())


def test_nothing_that_may_have_left_is_sent_again_but_by_a_late_no_or_a_wish() -> None:
    assert {state for state in LEFT if P.WAITING in MOVES[state]} == {P.SUBMITTING, P.UNKNOWN}
    assert {state for state, news in MOVES.items() if P.CLAIMED in news} == {P.WAITING}
    assert {state for state, news in MOVES.items() if P.SUBMITTING in news} == {P.CLAIMED}


def test_only_the_store_writes_a_parts_state() -> None:
    root = Path(next(iter(modemfarm.store.__path__))).parent
    writes = Counter(
        path.parent.name
        for path in root.rglob("*.py")
        if re.search(r"UPDATE parts\b", path.read_text(encoding="utf-8"))
    )
    assert set(writes) == {"store"}


@pytest.mark.parametrize(
    ("parts", "waits_as", "state"),
    [
        ([P.CLAIMED], M.QUEUED, M.SENDING),
        ([P.SUBMITTING, P.FAILED], M.QUEUED, M.SENDING),
        ([P.WAITING, P.SENT], M.HELD, M.SENDING),
        ([P.WAITING, P.UNKNOWN], M.QUEUED, M.SENDING),
        ([P.WAITING, P.WAITING], M.SCHEDULED, M.SCHEDULED),
        ([P.WAITING], M.HELD, M.HELD),
        ([P.WAITING], M.QUEUED, M.QUEUED),
        ([P.UNKNOWN, P.UNDELIVERED, P.FAILED], M.QUEUED, M.UNKNOWN),
        ([P.UNDELIVERED, P.FAILED, P.SENT], M.QUEUED, M.UNDELIVERED),
        ([P.FAILED, P.CANCELED, P.SENT], M.QUEUED, M.FAILED),
        ([P.CANCELED, P.SENT], M.QUEUED, M.CANCELED),
        ([P.EXPIRED], M.QUEUED, M.EXPIRED),
        ([P.DELIVERED, P.DELIVERED], M.QUEUED, M.DELIVERED),
        ([P.DELIVERED, P.SENT], M.QUEUED, M.SENT),
        ([P.SENT], M.QUEUED, M.SENT),
    ],
)
def test_a_messages_state_is_the_first_rule_that_fits(parts: list[P], waits_as: M, state: M) -> None:
    assert derive(parts, waits_as) is state


@given(
    parts=st.lists(st.sampled_from(PartState), min_size=1, max_size=5),
    waits_as=st.sampled_from((M.SCHEDULED, M.HELD, M.QUEUED)),
)
def test_every_mixture_of_parts_has_a_state_and_order_does_not_matter(parts: list[P], waits_as: M) -> None:
    state = derive(parts, waits_as)
    assert derive(parts[::-1], waits_as) is state
    assert (state is waits_as) is (P.WAITING in parts and not set(parts) & (LEFT | ON_THE_AIR))
    assert state is not M.REFUSED


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("89860012345678901234", "8986001234567890123"),
        ("8986001234567890123", "8986001234567890123"),
        ("8986001234567890123F", "8986001234567890123"),
        ('"98680021436587092143"', "8986001234567890123"),
        ("986800214365870921F3", "8986001234567890123"),
        ("", ""),
        ("ERROR", ""),
        ("1234", ""),
    ],
)
def test_spellings_of_one_card_are_one_card(raw: str, normal: str) -> None:
    assert normal_iccid(raw) == normal


def test_numbers_are_compared_by_their_last_digits_and_shown_masked() -> None:
    assert digits_key("+86 138-0013-8000") == digits_key("013800138000") == "800138000"[-9:]
    assert mask("+8613800138000") == "+8613…000"
    assert mask("10086") == "1…6"
