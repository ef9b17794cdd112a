from __future__ import annotations

from modemfarm.policy.consent import faults
from modemfarm.store import audit, complaints, consents, erasing, suppress
from modemfarm.store.engine import Store
from tests.store.tools import NOW, TO, add, after, see

OTHER = "+8613900139000"


def test_a_complaint_keeps_its_proof_and_stops_everything(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        seq = consents.grant(tx, TO, ("news",), {"method": "paper", "exact_wording": "I want news"}, NOW)
        consents.grant(tx, OTHER, ("news",), {"method": "paper", "exact_wording": "other"}, NOW)
        sent = add(tx, text="New shoes")
        tx.run("UPDATE messages SET state = 'sent', sent_at = 5, final_at = 5 WHERE id = :id", id=sent)
        tx.run("UPDATE parts SET state = 'sent' WHERE message_id = :id", id=sent)
        waits = add(tx, text="later")
        told = complaints.add(tx, TO, "I never asked", "operator", after(60), who="li", at=NOW)
        assert (told["canceled"], told["channel"], told["text"]) == (1, "operator", "I never asked")
        assert told["at"] < told["noted_at"]
        assert told["proof"]["granted"] == ["news"]
        assert [row["seq"] for row in told["proof"]["rows"]] == [seq]
        assert told["proof"]["rows"][0]["record"]["exact_wording"] == "I want news"
        assert {item["text"] for item in told["sent"]} == {"New shoes"}
        assert tx.value("SELECT state FROM messages WHERE id = :id", id=waits) == "canceled"
        standing = suppress.of(tx, TO)
        assert standing is not None
        assert standing["source"] == "complaint"
        tx.finish()
        assert consents.records(tx, TO)[-1]["withdrawn_via"] == "complaint"
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'contact.complained' AND subject = :n", n=TO) == 1
        (line,) = [row for row in audit.listed(tx) if row["action"] == "complaint.recorded"]
        assert line["who"] == "li"
        assert TO not in str(line)
        tx.run("UPDATE messages SET text = '' WHERE id = :id", id=sent)  # as retention does
        (kept,) = complaints.listed(tx, TO)
        assert "New shoes" in {item["text"] for item in kept["sent"]}
        assert complaints.listed(tx, OTHER) == []


def test_a_second_complaint_shows_what_the_first_took_back(store: Store) -> None:
    with store.write() as tx:
        consents.grant(tx, TO, ("news",), {"method": "paper", "exact_wording": "yes"}, NOW)
        complaints.add(tx, TO, "one", "phone", after(1), who="li")
        tx.finish()
        second = complaints.add(tx, TO, "two", "web", after(2), who="li")
        assert second["proof"]["granted"] == []
        assert len(second["proof"]["rows"]) == 2
        assert [row["text"] for row in complaints.listed(tx)] == ["two", "one"]
        assert [row["text"] for row in complaints.listed(tx, None, second["id"])] == ["one"]


def test_complaints_of_a_forgotten_person_go(store: Store) -> None:
    with store.write() as tx:
        for number in (TO, OTHER):
            complaints.add(tx, number, f"call {number}", "phone", NOW, who="li")
    erasing.forget(store.run, TO, after(1), "li")
    with store.read() as tx:
        assert [row["number"] for row in complaints.listed(tx)] == [OTHER]
        assert faults(list(consents.ledger(tx))) == []
