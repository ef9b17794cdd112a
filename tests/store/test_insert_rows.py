"""Rows of a batch are written many at a time, each once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from modemfarm.model import MessageState
from modemfarm.store import batches
from modemfarm.store.engine import Store
from modemfarm.store.messages import NewMessage, insert_rows
from modemfarm.store.suppress import add, suppressed_among

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _message(recipient: str, parts: int = 1, send_at: datetime | None = None) -> NewMessage:
    return NewMessage(
        recipient=recipient,
        text="hello",
        message_class="transactional",
        state=MessageState.SCHEDULED if send_at else MessageState.QUEUED,
        encoding="gsm7",
        parts_total=parts,
        rank=4,
        send_at=send_at,
        next_at=send_at,
    )


def test_every_row_has_its_parts_in_the_order_of_the_file(store: Store) -> None:
    batch = store.run(batches.start, "file", "print", NOW)
    later = NOW + timedelta(hours=1)
    rows = [(7, _message("+491701", 2)), (8, _message("+491702")), (11, _message("+491703", 3, later))]
    assert store.run(insert_rows, batch, rows, NOW) == 3
    with store.read() as tx:
        parts = tx.all("SELECT recipient, part_number, state, gate, due_at, batch_id FROM parts ORDER BY id")
    order = [("+491701", 1), ("+491701", 2), ("+491702", 1), ("+491703", 1), ("+491703", 2), ("+491703", 3)]
    assert [(part["recipient"], part["part_number"]) for part in parts] == order
    assert {part["state"] for part in parts} == {"waiting"}
    assert {part["gate"] for part in parts} == {0}
    assert parts[-1]["due_at"] - parts[0]["due_at"] == 3600 * 10**6


def test_a_row_that_is_there_already_is_left_alone(store: Store) -> None:
    batch = store.run(batches.start, "file", "print", NOW)
    store.run(insert_rows, batch, [(1, _message("+491701")), (2, _message("+491702"))], NOW)
    with store.write() as tx:
        tx.run("UPDATE parts SET state = 'sent' WHERE recipient = '+491701'")
        tx.run("UPDATE messages SET state = 'sent' WHERE recipient = '+491701'")
    again = [(1, _message("+491701")), (2, _message("+491702")), (3, _message("+491703"))]
    assert store.run(insert_rows, batch, again, NOW) == 1
    with store.read() as tx:
        assert [row["state"] for row in tx.all("SELECT state FROM parts ORDER BY id")] == ["sent", "waiting", "waiting"]


def test_no_rows_are_no_work(store: Store) -> None:
    assert store.run(insert_rows, 1, [], NOW) == 0


def test_many_numbers_are_looked_up_at_once(store: Store) -> None:
    numbers = [f"+49170{number:06}" for number in range(450)]
    for number in (numbers[0], numbers[250], numbers[449]):
        store.run(add, number, number[-9:], "import", NOW)
    assert store.look(suppressed_among, numbers) == {numbers[0], numbers[250], numbers[449]}
    assert store.look(suppressed_among, []) == set()
