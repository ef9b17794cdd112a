"""A person who is erased: nothing that was kept names the number or has the texts, and nothing more goes there."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Text

from modemfarm.intake.bulk import Bulk
from modemfarm.intake.rows import read_rows
from modemfarm.model import Plan, digits_key
from modemfarm.policy.consent import faults
from modemfarm.store import (
    actions,
    audit,
    consents,
    contacts,
    counters,
    erasing,
    forgotten,
    idempotency,
    inbox,
    outbox,
    queue,
    reviews,
    suppress,
    webhooks,
)
from modemfarm.store.contacts import Contact
from modemfarm.store.engine import Store, checkpoint, to_us
from modemfarm.store.faults import faults as store_faults
from modemfarm.store.schema.whole import meta
from tests.patience import PATIENT_S
from tests.store.tools import INTAKE, NOW, SIM, TO, add, after, see, take

SECRET = "dragonfruit"
TAIL = digits_key(TO)
OTHER = "+8613900139000"


def everything(store: Store) -> str:
    with store.read() as tx:
        return "\n".join(str(row) for name in meta.tables for row in tx.all(f"SELECT * FROM {name}"))


@pytest.fixture
def lived(store: Store) -> Store:
    """A farm that wrote to two people and heard from them."""
    with store.write() as tx:
        for number in (TO, OTHER):
            contacts.put(tx, [Contact(number, name="Li " + SECRET, attributes={"city": "X"})], "import", NOW)
            consents.grant(tx, number, ("marketing",), {"method": "paper", "exact_wording": "yes"}, NOW)
        done = add(tx, text=SECRET, reference=TO, metadata={"who": TO})
        tx.run("UPDATE parts SET state = 'claimed', iccid = :sim WHERE message_id = :id", sim=SIM, id=done)
        tx.run("UPDATE parts SET state = 'submitting', attempt_id = 7 WHERE message_id = :id", id=done)
        tx.run("UPDATE parts SET state = 'sent', mr = 5 WHERE message_id = :id", id=done)
        tx.run(
            "INSERT INTO attempts (id, part_id, message_id, recipient, iccid, owner, host, instance, path, claimed_at,"
            " charged_at) VALUES (7, 1, :id, :to, :sim, :sim, 'h', 'i', 'p', 1, 2)",
            id=done, to=TO, sim=SIM,
        )  # fmt: skip
        tx.run("UPDATE messages SET state = 'sent' WHERE id = :id", id=done)
        for number in (TO, OTHER):
            add(tx, to=number, text=f"wait {SECRET}" if number == TO else "wait")
        idempotency.begin(tx, "k", "1 POST /v1/messages", "b", NOW)
        idempotency.finish(tx, "k", "1 POST /v1/messages", 202, f'{{"to": "{TO}", "text": "{SECRET}"}}')
        tx.run("INSERT INTO plan_recipients (owner, month, recipient, parts) VALUES (:s, 1, :to, 2)", s=SIM, to=TO)
        tx.run("INSERT INTO concat_refs (iccid, recipient, last) VALUES (:s, :to, 2)", s=SIM, to=TO)
        tx.run(
            "INSERT INTO spool_files (message_id, host, identity, name, kept_as, content, stage, present, taken_at)"
            " VALUES (:id, 'h', 'x', 'OUT1', 'y', :content, 'done', 0, 1)", id=done, content="dG86IGZpbGUx",
        )  # fmt: skip
        tx.run("INSERT INTO people (number, digits) VALUES (:to, :d)", to=TO, d=TAIL)
        tx.run("INSERT INTO batch_errors (batch_id, row, code, detail) VALUES (1, 1, 'x', :to)", to=TO[3:])
        for spelled in (TO, TO[3:], "0" + TO[3:]):
            raw = inbox.Raw("07911326", SIM, None, NOW, "", None, "deliver", originator=spelled, text=SECRET)
            inbound_id, _ = inbox.join(tx, raw, inbox.keep(tx, raw), old=False, judge_at=NOW)
        inbox.keep(tx, inbox.Raw("0A8131080031F8", SIM, None, NOW, "", None, "undecodable"))
        inbox.keep(tx, inbox.Raw("0B91683108108300F0", SIM, None, NOW, "", None, "undecodable"))
        reviews.add(tx, TO, inbound_id, "stop", NOW)
    return store


def forget(store: Store, number: str = TO) -> erasing.Erased:
    return erasing.forget(store.run, number, NOW, "li")


def test_nothing_names_a_forgotten_person_and_the_others_stay(lived: Store) -> None:
    assert forget(lived) == erasing.Erased(canceled=1, messages=2, replies=3, moving=0)
    left = everything(lived)
    assert TAIL not in left
    assert "683108108300" not in left
    assert "dG86IGZpbGUx" not in left
    assert left.count(SECRET) == 1  # in the other one's name
    assert OTHER in left
    assert faults(lived.look(lambda tx: list(consents.ledger(tx)))) == []
    with lived.read() as tx:
        assert tx.value("SELECT count(*) FROM messages WHERE state = 'queued'") == 1
        assert tx.value("SELECT charged_at FROM attempts WHERE id = 7") == 2
        assert tx.value("SELECT count(*) FROM plan_recipients") == 1
        assert [row["action"] for row in audit.listed(tx)] == ["contact.forgotten"]


def test_nothing_more_goes_to_a_forgotten_person_until_somebody_lifts_it(lived: Store) -> None:
    forget(lived)
    with lived.write() as tx:
        assert suppress.is_suppressed(tx, TO)
        assert not suppress.is_suppressed(tx, OTHER)
        assert tx.value("SELECT state FROM messages WHERE id = :id", id=add(tx)) == "refused"
    rows = read_rows(f"to,text\n{TO},a\n{OTHER},b\n".encode())
    report = Bulk(lived.run, INTAKE, lambda: NOW).take(rows, name="f", fingerprint="f")
    assert (report.accepted, report.rejected) == (1, 1)
    assert lived.run(suppress.remove, TO, NOW)
    assert not lived.look(suppress.is_suppressed, TO)
    assert lived.look(forgotten.count) == 0


def test_every_table_says_what_forgetting_does_to_it() -> None:
    """One that comes later is searched row by row until somebody has looked whom its columns name."""
    swept = {"batch_errors", "events", "idempotency", "received", "spool_files", "webhook_changes", "webhook_outbox"}
    assert set(erasing._others()) == swept
    assert not (erasing._NOBODYS | erasing._BY_NAME) - set(meta.tables)
    about = ("number", "recipient", "originator", "subject", "text", "phone", "contact", "body", "pdu", "record")
    harmless = {("sims", "number"), ("audit", "subject"), ("alert_facts", "subject")}  # ours, or masked
    for name in erasing._NOBODYS:
        named = {column.name for column in meta.tables[name].columns if isinstance(column.type, Text)}
        assert {(name, column) for column in named & set(about)} <= harmless


def test_what_came_in_beside_the_erasing_is_stopped_at_the_claim(lived: Store) -> None:
    with lived.write() as tx:
        forgotten.add(tx, TO, NOW)
        assert not suppress.stops_forgotten(tx, OTHER, NOW, exempt=False)
        assert suppress.stops_forgotten(tx, TO, NOW, exempt=False)
        assert tx.value("SELECT count(*) FROM messages WHERE recipient = :to AND state = 'canceled'", to=TO) == 1


def test_a_message_on_its_way_is_forgotten_when_its_fate_is_known(lived: Store) -> None:
    with lived.write() as tx:
        first = tx.value("SELECT min(id) FROM messages")
        tx.run("DELETE FROM parts WHERE message_id = :id", id=first)
        tx.run(
            "INSERT INTO parts (id, message_id, part_number, state, recipient, class, rank, due_at, attempt_id)"
            " VALUES (90, :id, 1, 'submitting', :to, 'transactional', 4, 0, 7)",
            id=first,
            to=TO,
        )
    assert forget(lived).moving == 1
    assert lived.look(erasing.unfinished) == [TO]
    assert lived.look(suppress.is_suppressed, TO)
    lived.run(lambda tx: tx.run("UPDATE parts SET state = 'sent' WHERE id = 90"))
    assert erasing.finish(lived.run, TO, after(1)).moving == 0
    assert lived.look(erasing.unfinished) == []
    assert TAIL not in everything(lived)


def test_an_erasing_that_was_killed_anywhere_is_finished_by_asking_again(sqlite_store: Store) -> None:
    class Killed(Exception):
        pass

    def killing(after_calls: int) -> Callable[..., Any]:
        left = [after_calls]

        def run(work: Callable[..., Any], *args: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return sqlite_store.run(work, *args)

        return run

    for at in range(1, 12):
        sqlite_store.run(suppress.remove, TO, NOW)
        sqlite_store.run(add)
        with pytest.raises(Killed):
            erasing.forget(killing(at), TO, NOW, "li")
        assert sqlite_store.look(suppress.is_suppressed, TO)
        for number in sqlite_store.look(erasing.unfinished):
            erasing.finish(sqlite_store.run, number, NOW)
        assert TAIL not in everything(sqlite_store)


def test_a_report_that_comes_later_names_nobody_for_long(lived: Store) -> None:
    forget(lived)
    with lived.write() as tx:
        for number in (TO, OTHER):
            inbox.keep(tx, inbox.Raw("00", SIM, None, NOW, "", None, "status_report", recipient=number, mr=5))
        assert erasing.clear_loose(tx) == 1
    assert TAIL not in everything(lived)


def test_the_octets_of_file_and_dump_hold_neither_number_nor_text(sqlite_store: Store, tmp_path: Path) -> None:
    with sqlite_store.write() as tx:
        for at in range(300):
            add(tx, text=f"{SECRET} {at}", to=TO if at % 3 else OTHER)
            tx.run("UPDATE messages SET reason = 'x', reference = :r WHERE id = :id", r="y" * at, id=at + 1)
    forget(sqlite_store)
    with sqlite_store.write() as tx:
        tx.run("UPDATE messages SET text = '' WHERE recipient = :to", to=OTHER)
    sqlite_store.close()
    checkpoint(sqlite_store)
    file = tmp_path / "farm.db"
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("VACUUM")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        dump = "\n".join(raw.iterdump())
    octets = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()) if path.is_file())
    for needle in (TO, TAIL, f"{SECRET} 1"):
        assert needle.encode() not in octets
        assert needle not in dump


def test_every_table_that_could_name_somebody_is_looked_through() -> None:
    texts = {name for name, table in meta.tables.items() if any(isinstance(c.type, Text) for c in table.columns)}
    assert texts == set(erasing._others()) | ((erasing._BY_NAME | erasing._NOBODYS) & texts)
    assert {"received", "events", "idempotency", "batch_errors"} <= set(erasing._others())


def test_what_webhooks_told_and_were_still_to_tell_is_erased_too(lived: Store) -> None:
    with lived.write() as tx:
        webhooks.add(tx, "https://example.org/hook", (), NOW)
        actions.cancel(tx, add(tx, text=f"told {SECRET}"), NOW)
        actions.cancel(tx, add(tx, to=OTHER, text="told another"), NOW)
        outbox.fan_out(tx, NOW)
        (first, _) = outbox.due(tx, webhooks.hooks(tx)[0].id, after(1), 9)
        outbox.answered(tx, first, "204", NOW)
        tx.run("UPDATE parts SET state = 'sent' WHERE state = 'submitting'")
        actions.cancel(tx, add(tx, text=f"not yet told {SECRET}"), NOW)
    try:
        forget(lived)
        lived.run(outbox.fan_out, NOW)
        kept = everything(lived)
        assert kept.count(SECRET) == 1  # in the other one's name
        assert TAIL not in kept
        assert "told another" in kept
    finally:
        with lived.write() as tx:
            webhooks.watch(tx, on=False)


def test_a_person_may_be_forgotten_again_in_the_same_month(store: Store) -> None:
    for _ in range(3):
        with store.write() as tx:
            see(tx)
            add(tx)
            take(tx, plan=Plan("tight", recipients_per_month=9))
            tx.run("UPDATE parts SET state = 'submitting' WHERE state = 'claimed'")
            tx.run("UPDATE parts SET state = 'sent' WHERE state = 'submitting'")
        assert erasing.forget(store.run, TO, NOW, "cli").moving == 0
        assert store.run(suppress.remove, TO, NOW)
    with store.read() as tx:
        assert tx.value("SELECT count(*) FROM plan_recipients") == 3
        assert TAIL not in str(tx.all("SELECT * FROM plan_recipients"))


def test_two_hosts_that_forget_one_person_at_once_never_wait_in_a_circle(store: Store) -> None:
    """One host holds what still waits for its report, the other what is over; each wants both."""
    together = threading.Barrier(2)

    def erase() -> erasing.Erased:
        together.wait(PATIENT_S)
        return forget(store)

    with ThreadPoolExecutor(2) as hosts:
        for _ in range(20):
            with store.write() as tx:
                for number in range(24):
                    done = add(tx, text=f"{SECRET} {number}")
                    over = NOW if number % 2 else None
                    tx.run(
                        "UPDATE messages SET state = 'sent', final_at = :at WHERE id = :id",
                        at=over and to_us(over),
                        id=done,
                    )
                    tx.run("DELETE FROM parts WHERE message_id = :id", id=done)
            both = [hosts.submit(erase) for _ in range(2)]
            for one in both:
                one.result(120)
            store.run(suppress.remove, TO, NOW)
    with store.read() as tx:
        assert tx.value("SELECT count(*) FROM messages WHERE recipient = :to", to=TO) == 0


@pytest.mark.parametrize("earlier", [0, 1])
def test_a_part_that_comes_back_after_its_person_was_forgotten_is_no_longer_counted(store: Store, earlier: int) -> None:
    """Somebody had it in hand: the month counted the person, then called them by a hash."""
    plan = Plan("tight", recipients_per_month=9)
    with store.write() as tx:
        see(tx)
        add(tx, to=OTHER)
        take(tx, plan=plan)
        for _ in range(earlier):
            add(tx)
            part, attempt = take(tx, plan=plan)
            queue.give_back(tx, part.part_id, attempt, NOW)
    if earlier:
        erasing.forget(store.run, TO, NOW, "cli")
        store.run(suppress.remove, TO, NOW)
    with store.write() as tx:
        add(tx)
        part, attempt = take(tx, plan=plan)
        tx.run("UPDATE parts SET state = 'submitting' WHERE id = :id", id=part.part_id)
    erasing.forget(store.run, TO, NOW, "cli")
    with store.write() as tx:
        assert tx.value("SELECT count(*) FROM plan_recipients") == 2
        queue.give_back(tx, part.part_id, attempt, NOW)
    with store.read() as tx:
        assert [row["recipient"] for row in tx.all("SELECT recipient FROM plan_recipients")] == [OTHER]
        assert tx.value("SELECT used FROM counters WHERE period = 'people'") == 1
        assert not store_faults(tx)


def test_what_comes_back_to_a_month_that_is_cleared_changes_nothing(store: Store) -> None:
    plan = Plan("tight", recipients_per_month=9)
    with store.write() as tx:
        see(tx)
        add(tx)
        part, attempt = take(tx, plan=plan)
        counters.forget_people(tx, after(60 * 60 * 24 * 60))
        queue.give_back(tx, part.part_id, attempt, NOW)
        assert tx.value("SELECT count(*) FROM plan_recipients") == 0
        assert tx.value("SELECT used FROM counters WHERE period = 'people'") == 1
