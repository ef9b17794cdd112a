"""`db check`'s logic: each contradiction is found by name and place; what works has none."""

from __future__ import annotations

import pytest

from modemfarm.model import Plan
from modemfarm.store import consents, faults, queue, suppress
from modemfarm.store.engine import Store
from tests.store.tools import LONG, NOW, SIM, TO, accepted, add, end, see, send, submit, uncertain

PLAN = Plan("p", per_day=50, recipients_per_month=20)


@pytest.fixture
def busy(store: Store) -> Store:
    """Messages of every sort: 1 sent, 2 waiting and bound, 3 unknown, 4 of three parts and on its way, 5 an offer."""
    with store.write() as tx:
        see(tx)
        ids = [add(tx, text=text, to=TO) for text in ("a", "b", "c", LONG, "e")]
        send(tx)
        queue.bind(tx, ids[1], SIM)
        for number in (ids[1], ids[4]):
            tx.run("UPDATE parts SET due_at = due_at + 1000000 WHERE message_id = :id", id=number)
        end(tx, submit(tx, plan=PLAN)[1], uncertain("port_lost"))
        end(tx, submit(tx, plan=PLAN)[1], accepted(9))
        submit(tx, plan=PLAN)
        tx.run("UPDATE parts SET class = 'marketing' WHERE message_id = :id", id=ids[4])
        consents.grant(tx, TO, ("offers",), {"method": "form", "exact_wording": "yes"}, NOW)
        consents.grant(tx, TO, ("news",), {"method": "form", "exact_wording": "yes"}, NOW)
    with store.read() as tx:
        assert faults.faults(tx) == []
    return store


@pytest.mark.parametrize(
    ("spoil", "found", "place"),
    [
        ("UPDATE messages SET state = 'delivered', final_at = 1 WHERE id = {0}", "message_state", "message {0} "),
        ("UPDATE messages SET state = 'queued' WHERE id = {3}", "message_state", "message {3} "),
        ("UPDATE parts SET state = 'canceled' WHERE message_id = {1}", "message_state", "message {1} "),
        ("DELETE FROM parts WHERE message_id = {3} AND part_number = 3", "parts", "message {3} "),
        ("DELETE FROM messages WHERE id = {1}", "parts", "message {1},"),
        ("UPDATE messages SET final_at = 1 WHERE id = {1}", "ends", "message {1} "),
        ("UPDATE messages SET final_at = NULL, state = 'failed' WHERE id = {0}", "ends", "message {0} "),
        ("UPDATE messages SET store_text = 0 WHERE id = {0}", "texts", "message {0} is sent and still has"),
        ("UPDATE messages SET text = '' WHERE id = {1}", "texts", "has no text"),
        ("DELETE FROM attempts WHERE outcome IS NULL", "attempts", "without an attempt"),
        ("UPDATE attempts SET part_id = 999 WHERE outcome = 'accepted'", "attempts", "part 999,"),
        ("UPDATE parts SET attempt_id = NULL WHERE state = 'submitting'", "attempts", "has no end"),
        ("UPDATE counters SET used = used - 1 WHERE period = 'day'", "charges", SIM),
        ("UPDATE counters SET used = used + 1 WHERE period = 'day'", "charges", SIM),
        ("UPDATE counters SET used = -1 WHERE period = 'day'", "charges", "counts -1"),
        ("UPDATE counters SET used = used + 1 WHERE period = 'people'", "people", SIM),
        ("UPDATE parts SET bound_iccid = '8900' WHERE message_id = {1}", "bound", "message {1} waits for SIM 8900"),
        ("UPDATE parts SET gate = 1 WHERE message_id = {1}", "hidden", "message {1} "),
        ("INSERT INTO suppressions (number, digits, since, source) VALUES ('+8613800138000', '800138000', 1, 'web')",
         "suppressed", "message {4} "),
        ("UPDATE consent_records SET record = '{{}}' WHERE seq = 1", "ledger", "consent ledger"),
        ("DELETE FROM consent_chain WHERE seq = 1", "ledger", "consent ledger"),
    ],
)  # fmt: skip
def test_a_contradiction_is_found_by_its_place(busy: Store, spoil: str, found: str, place: str) -> None:
    with busy.write() as tx:
        ids = [row["id"] for row in tx.all("SELECT id FROM messages ORDER BY id")]
        tx.run(spoil.format(*ids))
        told = [what for name, what in faults.faults(tx) if name == found]
        assert told, faults.faults(tx)
        assert any(place.format(*ids) in what for what in told), told


def test_an_opt_out_by_the_book_leaves_no_fault(busy: Store) -> None:
    with busy.write() as tx:
        suppress.add(tx, TO, TO[-9:], "web", NOW)
    with busy.read() as tx:  # what it took back is charged no more with the commit
        assert faults.faults(tx) == []
