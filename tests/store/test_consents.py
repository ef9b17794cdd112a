from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from modemfarm.model import MessageState
from modemfarm.policy.consent import faults
from modemfarm.store import consents
from modemfarm.store.engine import Store
from tests.store.tools import NOW, TO, add

PROOF = {"method": "paper", "exact_wording": "I want offers"}
OTHER = "+8613900139000"


def rows(store: Store) -> list[dict[str, Any]]:
    return store.look(lambda tx: list(consents.ledger(tx)))


@pytest.fixture
def kept(store: Store) -> Store:
    store.run(consents.grant, TO, ("marketing",), PROOF, NOW)
    store.run(consents.grant, OTHER, ("news",), PROOF, NOW)
    store.run(lambda tx: consents.revoke(tx, TO, ("news",), "phone", NOW, actor="li"))
    return store


def test_consent_is_for_its_purpose_and_the_general_one_for_all(kept: Store) -> None:
    def has(number: str, purpose: str | None) -> bool:
        return kept.look(consents.has_consent, number, purpose, NOW)

    assert has(TO, None)
    assert has(TO, "sales")
    assert not has(TO, "news")
    assert has(OTHER, "news")
    assert not has(OTHER, None)
    assert not has("+8613700137000", "news")
    kept.run(lambda tx: consents.revoke(tx, OTHER, ("marketing",), "web", NOW, actor="li"))
    assert not has(OTHER, "news")


def test_consent_ends_when_it_says_so(store: Store) -> None:
    ends = (NOW + timedelta(days=1)).isoformat()
    store.run(consents.grant, TO, ("marketing",), PROOF | {"expires_at": ends}, NOW)
    assert store.look(consents.has_consent, TO, None, NOW)
    assert not store.look(consents.has_consent, TO, None, NOW + timedelta(days=1))


def test_a_whole_ledger_verifies_also_after_a_person_was_erased(kept: Store) -> None:
    assert faults(rows(kept)) == []
    assert kept.run(consents.erase, TO) == 2
    assert [row["record"] is None for row in rows(kept)] == [True, False, True]
    assert faults(rows(kept)) == []
    assert TO not in str(rows(kept))


def test_whatever_is_done_to_a_row_shows(kept: Store) -> None:
    whole = rows(kept)
    changed = whole[1] | {"record": whole[1]["record"] | {"exact_wording": "anything"}}
    assert faults([whole[0], changed, whole[2]])
    assert faults([whole[0], whole[2]])
    assert faults([whole[1], whole[0], whole[2]])
    assert faults([whole[0] | {"hash": whole[1]["hash"]}, *whole[1:]])
    assert faults([whole[0] | {"salt": None}, *whole[1:]])


def test_taking_it_back_cancels_the_offers_that_wait(store: Store) -> None:
    store.run(consents.grant, TO, ("marketing",), PROOF, NOW)
    with store.write() as tx:
        order = add(tx)
        offer = add(tx, text="offer")
        tx.run("UPDATE messages SET class = 'marketing' WHERE id = :id", id=offer)
    assert store.run(lambda tx: consents.revoke(tx, TO, ("marketing",), "phone", NOW, actor="li")) == 1
    with store.read() as tx:
        states = {row["id"]: row["state"] for row in tx.all("SELECT id, state FROM messages")}
    assert states == {order: MessageState.QUEUED, offer: MessageState.CANCELED}
