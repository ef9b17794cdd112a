"""What the page reads, on both databases: threads, what people look for, the day, and batches."""

from __future__ import annotations

from typing import Any

from modemfarm.inbound.receive import receive
from modemfarm.intake.draft import IntakeSettings
from modemfarm.model import Received
from modemfarm.store import batches, day, seeking, threads
from modemfarm.store.engine import Store, Tx
from modemfarm.store.seeking import Sought
from tests.store.tools import INBOUND, NOW, SIM, TO, add, after, deliver_pdu, message, see, send

OTHER_PERSON = "+79161234567"


def _wrote(tx: Tx, text: str, at: float, number: str = TO) -> None:
    pdu = deliver_pdu(text, by=number, at=after(at))
    receive(tx, Received(pdu, pdu.hex().upper(), SIM, None, after(at)), INBOUND, after(at))


def _replied(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx, text="几点来？")
        send(tx)
        _wrote(tx, "Спасибо", 60, OTHER_PERSON)
        _wrote(tx, "100% 好", 120)
        _wrote(tx, "五点", 180)


def _words(found: dict[str, Any]) -> list[str]:
    return [item["text"] for item in found["data"]]


def test_threads_show_whoever_wrote_last_first_with_what_is_new(store: Store) -> None:
    _replied(store)
    found = store.look(threads.listed, "people")
    assert [(item["from"], item["text"], item["new"]) for item in found["data"]] == [
        (TO, "五点", 2),
        (OTHER_PERSON, "Спасибо", 1),
    ]
    assert store.look(threads.unread) == {"people": 3, "calls": 0, "services": 0}
    assert store.look(threads.is_new, TO)
    assert store.run(threads.mark_read, TO, after(200)) == 2
    assert store.run(threads.mark_read, TO, after(200)) == 0
    assert not store.look(threads.is_new, TO)
    assert store.look(threads.unread)["people"] == 1


def test_threads_are_paged_and_found_by_number_and_by_words_as_typed(store: Store) -> None:
    _replied(store)
    with store.read() as tx:
        first = threads.listed(tx, "people", limit=1)
        assert _words(first) == ["五点"]
        assert _words(threads.listed(tx, "people", limit=1, cursor=first["next"])) == ["Спасибо"]
        assert _words(threads.listed(tx, "people", search="7916")) == ["Спасибо"]
        assert _words(threads.listed(tx, "people", search="спасибо")) == ["Спасибо"]
        assert _words(threads.listed(tx, "people", search="100%")) == ["五点"]  # the person's newest
        assert _words(threads.listed(tx, "people", search="1_0")) == []  # no wildcard
        assert _words(threads.listed(tx, "calls")) == []


def test_a_talk_has_both_sides_in_order(store: Store) -> None:
    _replied(store)
    said = store.look(threads.talk, TO)
    assert [(item["side"], item["item"]["text"]) for item in said] == [
        ("ours", "几点来？"),
        ("theirs", "100% 好"),
        ("theirs", "五点"),
    ]
    last = store.look(threads.last_of, TO)
    assert last is not None
    assert last["text"] == "五点"
    assert store.look(threads.last_of, "+861") is None


def test_messages_are_found_by_whatever_people_know_of_them(store: Store) -> None:
    with store.write() as tx:
        first = add(tx, text="Ваш заказ", reference="order-17")
        second = add(tx, to=OTHER_PERSON, text="hello", at=after(60), settings=IntakeSettings(allow_countries="all"))
        for sought, wanted in (
            (Sought(), [second, first]),
            (Sought(words="заказ"), [first]),
            (Sought(words="order-17"), [first]),
            (Sought(words=f"#{second}"), [second]),
            (Sought(words="916 123-45"), [second]),
            (Sought(since=after(30)), [second]),
            (Sought(before=after(30)), [first]),
            (Sought(states=("queued",), message_class="transactional"), [second, first]),
            (Sought(states=("failed",)), []),
            (Sought(batch=9), []),
        ):
            assert [item["id"] for item in seeking.messages(tx, sought)["data"]] == wanted, sought
        assert seeking.counts(tx, Sought(states=("failed",))) == {"queued": 2}
        oldest = seeking.oldest_waiting(tx)
        assert oldest is not None
        assert oldest["id"] == first


def test_the_day_counts_parts_that_left_and_messages_that_failed_by_the_hour(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx)
        send(tx)
        failed = add(tx, at=after(1))
        tx.run("UPDATE messages SET state = 'failed', final_at = created_at WHERE id = :id", id=failed)
        found = day.last_day(tx, NOW)
        assert (found.sent[-1], sum(found.sent), found.failed[-1], sum(found.failed)) == (1, 1, 1, 1)
        later = day.last_day(tx, after(2 * 3600))
        assert (later.sent[-1], later.sent[-3], later.failed[-3]) == (0, 1, 1)
        assert sum(day.last_day(tx, after(25 * 3600)).sent) == 0


def test_a_batch_tells_how_far_it_came_what_it_refused_and_what_it_costs(store: Store) -> None:
    with store.write() as tx:
        number = batches.start(tx, "people.csv", "f1", NOW)
        batches.advance(tx, number, 2, 1, [(2, "number_invalid", "nobody")])
        batches.finish(tx, number, after(5))
        row = batches.one(tx, number)
        assert row is not None
        assert (row["rows_done"], row["accepted"], row["rejected"]) == (2, 1, 1)
        assert [(item["row"], item["code"]) for item in batches.errors(tx, number)] == [(2, "number_invalid")]
        assert [item["name"] for item in batches.recent(tx, 5)] == ["people.csv"]
        same = batches.same_file(tx, "f1", after(3600))
        assert same is not None
        assert same["id"] == number
        assert batches.same_file(tx, "f1", after(90000)) is None
        assert batches.cost(tx, number) is None
        assert batches.sent_as(tx, "token") is None
        sent = add(tx)
        tx.run("UPDATE messages SET batch_id = :b, price = 0.25, parts_total = 3 WHERE id = :id", b=number, id=sent)
        assert batches.cost(tx, number) == 0.75
        assert message(tx, sent)["batch_id"] == number
