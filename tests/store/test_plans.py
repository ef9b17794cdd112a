"""A long queue costs no more than a short one: no statement of a claim's round, or of a forecast, reads a whole table."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from modemfarm.farm.choosing import Presence
from modemfarm.farm.dispatcher import Dispatcher, _Waiter
from modemfarm.farm.lanes import sim_facts
from modemfarm.farm.outlook import Outlook
from modemfarm.farm.settings import FarmSettings
from modemfarm.model import Plan
from modemfarm.store import hosts, messages, waiting
from modemfarm.store.engine import Store, Tx
from modemfarm.store.offload import Offload
from tests.store.tools import NOW, SIM, add, see

LONG = frozenset(
    {
        "attempts",
        "batch_errors",
        "concat_refs",
        "consents",
        "contacts",
        "events",
        "inbound",
        "marketing_sends",
        "messages",
    }
    | {"parts", "people", "plan_recipients", "received", "suppressions"}
)
# The newest attempts, by their key: their number is in the statement.
_BY_KEY = re.compile(r"FROM attempts ORDER BY id DESC LIMIT")


@contextmanager
def _noted(patch: pytest.MonkeyPatch) -> Iterator[dict[str, Mapping[str, object]]]:
    """Every statement that is executed meanwhile, with binds."""
    found: dict[str, Mapping[str, object]] = {}
    execute = Tx._execute

    def note(self: Tx, sql: str, binds: Mapping[str, object]) -> None:
        found.setdefault(sql, binds)
        execute(self, sql, binds)

    with patch.context() as inner:
        inner.setattr(Tx, "_execute", note)
        yield found


def _scans(store: Store, statements: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Which of them read a long table from end to end; by its name or by what the statement calls it."""
    found = []
    with store.read() as tx:
        if not tx.sqlite:  # a short table would be read whole where an index serves, too
            tx.run("SET LOCAL enable_seqscan = off")
        for sql, binds in statements.items():
            if sql.split()[0] not in {"SELECT", "WITH", "UPDATE", "INSERT", "DELETE"} or _BY_KEY.search(sql):
                continue
            long = {
                alias or table
                for table, alias in re.findall(r"(?:FROM|JOIN) (\w+)(?: (?:AS )?(\w))?\b", sql)
                if table in LONG
            }
            for row in tx.all(f"EXPLAIN {'QUERY PLAN ' if tx.sqlite else ''}{sql}", **binds):
                detail = row["detail" if tx.sqlite else "QUERY PLAN"]
                scan = re.search(r"^SCAN (\w+)" if tx.sqlite else r"Seq Scan on (\w+)", detail)
                if scan and scan[1] in long | LONG:
                    found.append(f"{detail}: {sql[:200]}")
    return found


def _fill(tx: Tx) -> None:
    see(tx)
    for number in range(60):
        add(tx, to=f"+86138{number:08}", text="x" * (1 + 60 * (number % 5)), priority=number % 10)


@pytest.mark.parametrize(("plan", "behind"), [("cautious", False), ("tight", True)])
def test_the_statements_of_a_claim_and_of_a_forecast_read_no_long_table(
    store: Store, monkeypatch: pytest.MonkeyPatch, plan: str, behind: bool
) -> None:
    """Also where the first messages are too long for the rest of the day, and the claim looks behind them."""
    facts = FarmSettings("here", plans={"tight": Plan("tight", per_day=1)}, default_plan=plan)
    store.run(_fill)
    store.run(hosts.take_lease, "here", "run", 1, "0", datetime.now(UTC))

    async def rounds() -> int:
        dispatcher = Dispatcher(
            Offload(store),
            facts,
            lambda: NOW,
            lambda: {SIM: Presence.HERE},
            lambda one: sim_facts(one, facts, None),
            "run",
        )
        waiter = _Waiter(SIM, "/dev/ttyUSB0", asyncio.get_running_loop().create_future())
        done = [store.run(dispatcher._round, [waiter], NOW) for _ in range(10)]
        waiter.given.cancel()
        return sum(len(one.claimed) for one in done)

    with _noted(monkeypatch) as claiming:
        assert asyncio.run(rounds()) > 0
    with _noted(monkeypatch) as looking:
        Outlook(store, facts, lambda: NOW).fresh()
    assert any("SET state = 'claimed'" in sql for sql in claiming)
    assert any("FROM parts" in sql for sql in looking)
    assert any("AS needs" in sql for sql in claiming) is behind
    assert _scans(store, claiming | looking) == []


def test_a_statement_that_reads_a_whole_table_is_seen(store: Store) -> None:
    assert _scans(store, {"SELECT id FROM parts p WHERE p.recipient || '' = :n": {"n": "x"}})
    assert _scans(store, {"SELECT id FROM messages WHERE text = :n": {"n": "x"}})


QUEUES = ("", SIM, messages.NAMED + "shop", "8986003100000000077")


@pytest.mark.parametrize("most", [0, 1, 7, 40, 70])
def test_what_waits_is_read_in_its_order_however_it_lies_in_queues(
    store: Store, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(waiting, "_PAGE", 200 if most == 70 else 3)
    monkeypatch.setattr(waiting, "_THESE", _these(waiting._PAGE))
    dice = random.Random(most)
    with store.write() as tx:
        for number in range(60):
            message = add(tx, to=f"+86138{number:08}", priority=dice.randrange(10))
            tx.run(
                "UPDATE parts SET bound_iccid = :bound, due_at = :due, state = :state, gate = :gate WHERE message_id = :id",
                bound=dice.choice(QUEUES),
                due=dice.randrange(5),
                state=dice.choice(["waiting"] * 9 + ["canceled"]),
                gate=int(dice.random() < 0.1),
                id=message,
            )
        wanted = tx.all(
            "SELECT id FROM parts WHERE state = 'waiting' AND gate = 0 ORDER BY rank, due_at, id LIMIT :most", most=most
        )
        assert [part.part_id for part in waiting.parts(tx, most)] == [row["id"] for row in wanted]


def _these(page: int) -> str:
    return waiting._WAITING + "p.id IN (" + ", ".join(f":p{place}" for place in range(page)) + ")"


def test_a_part_that_leaves_while_what_waits_is_read_is_left_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two statements of one PostgreSQL transaction may see two states of the queue."""
    with store.write() as tx:
        see(tx)
        add(tx)
        read = waiting._queues  # what stands in the queues at its first look
        monkeypatch.setattr(waiting, "_queues", lambda tx: iter([iter([(0, 0, 4711)]), *read(tx)]))
        (left,) = waiting.parts(tx, 10)
        assert left.part_id != 4711
