from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from modemfarm.model import MessageState
from modemfarm.policy.consent import faults
from modemfarm.store import consents, queue, steps, withdrawing
from modemfarm.store.engine import Store
from tests.store.tools import NOW, TO, add, after, as_offer, lane, message, permit, see, take

PROOF = {"method": "paper", "exact_wording": "I want offers"}
OTHER = "+8613900139000"


def rows(store: Store) -> list[dict[str, Any]]:
    return store.look(lambda tx: list(consents.ledger(tx)))


@pytest.fixture
def kept(store: Store) -> Store:
    store.run(consents.grant, TO, ("marketing",), PROOF, NOW)
    store.run(consents.grant, OTHER, ("news",), PROOF, NOW)
    store.run(lambda tx: withdrawing.revoke(tx, TO, ("news",), "phone", NOW, actor="li"))
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
    kept.run(lambda tx: withdrawing.revoke(tx, OTHER, ("marketing",), "web", NOW, actor="li"))
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
    assert store.run(lambda tx: withdrawing.revoke(tx, TO, ("marketing",), "phone", NOW, actor="li")) == 1
    with store.read() as tx:
        states = {row["id"]: row["state"] for row in tx.all("SELECT id, state FROM messages")}
    assert states == {order: MessageState.QUEUED, offer: MessageState.CANCELED}


def test_a_noted_head_shows_that_the_end_was_cut_off(kept: Store) -> None:
    noted = kept.look(consents.head)
    assert faults(rows(kept), noted) == []
    assert faults(rows(kept)[:-1]) == []
    assert "missing" in faults(rows(kept)[:-1], noted)[0]
    kept.run(consents.grant, TO, ("sales",), PROOF, NOW)
    assert faults(rows(kept), noted) == []
    assert faults(rows(kept)[:1], noted) != []


def test_many_who_write_at_once_make_one_chain(store: Store) -> None:
    def several(number: int) -> None:
        for step in range(8):
            store.run(consents.grant, f"+8613{number}0000000{step}", ("marketing",), PROOF, NOW)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(several, range(6)))
    found = rows(store)
    assert (len(found), faults(found)) == (48, [])


def test_an_offer_whose_consent_ended_while_it_waited_is_taken_back_at_its_claim(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        consents.grant(tx, TO, ("marketing",), PROOF | {"expires_at": after(60).isoformat()}, NOW)
        offer = as_offer(tx, add(tx))
        (head,) = queue.heads(tx, "", after(61), 1)
        assert queue.claim(tx, head, lane(), after(61)) is None
        assert (message(tx, offer)["state"], message(tx, offer)["reason"]) == ("canceled", "consent_missing")


def test_an_offer_whose_consent_ended_after_its_claim_is_stopped_by_step_three(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        offer = add(tx)
        part, attempt = take(tx)
        as_offer(tx, offer)
        consents.grant(tx, TO, ("marketing",), PROOF | {"expires_at": after(60).isoformat()}, NOW)
        permitted = permit(part.part_id, attempt)
        assert steps.submitting(tx, permitted, after(61)) == "consent_missing"
        assert (message(tx, offer)["state"], message(tx, offer)["reason"]) == ("canceled", "consent_missing")
