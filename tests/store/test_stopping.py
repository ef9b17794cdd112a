"""What an opt-out does to everything that waits for its person: all of it, in a few statements."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from modemfarm.model import Ceiling, Plan, digits_key
from modemfarm.store import counters, migrations, queue, suppress
from modemfarm.store.engine import Store, Tx, to_us
from tests.postgres import Cluster
from tests.store.tools import LONG, NOW, SIM, TO, add, after, claim, lane, message, parts, see, send, states, used

OTHERS = "+8613800138111"
PLAN = Plan("counted", per_day=50, recipients_per_month=9, price_per_part=0.5)
CEILING = Ceiling(parts=500, cost=10**9)


def _stop(tx: Tx, number: str = TO, at: datetime = NOW) -> int:
    return suppress.add(tx, number, digits_key(number), "reply", at)


def _claim_one(tx: Tx) -> queue.Candidate:
    part = queue.heads(tx, "", NOW, 1)[0]
    usual = lane(SIM, plan=PLAN)
    named = queue.Lane(SIM, SIM, usual.path, usual.host, usual.instance, usual.day, PLAN, CEILING)
    assert queue.claim(tx, part, named, NOW) is not None
    return part


def test_all_that_waits_is_cancelled_with_an_event_each_and_nobody_elses(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        mine = [add(tx), add(tx, text=LONG), add(tx, send_at=after(999)), add(tx)]
        spared = [add(tx, message_class="emergency"), add(tx, to=OTHERS)]
        assert _stop(tx) == len(mine)
        for one in mine:
            row = message(tx, one)
            assert (row["state"], row["reason"], row["final_at"]) == ("canceled", "opted_out", to_us(NOW))
            assert set(states(tx, one)) == {"canceled"}
        assert [message(tx, one)["state"] for one in spared] == ["queued", "queued"]
        told = tx.all(
            "SELECT message_id, subject, data FROM events WHERE kind = 'message.canceled' ORDER BY message_id"
        )
        assert [row["message_id"] for row in told] == mine
        assert all((row["subject"], json.loads(row["data"])) == ("", {"reason": "opted_out"}) for row in told)
        assert _stop(tx) == 0  # said twice
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'message.canceled'") == len(mine)


def test_what_was_charged_is_given_back_to_plan_person_and_ceiling(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx, text=LONG), add(tx)
        long, short = _claim_one(tx), _claim_one(tx)
        assert {long.parts_total, short.parts_total} == {3, 1}
        day = counters.day_start(CEILING.days, NOW)
        assert used(tx, plan=PLAN) == 4
        assert counters.used(tx, counters.FARM, "day", day) == 4
        assert counters.used(tx, counters.FARM, "cost", day) == 2_000_000
        assert _stop(tx) == 2
        assert used(tx, plan=PLAN) == 0
        assert counters.used(tx, counters.FARM, "day", day) == 0
        assert counters.used(tx, counters.FARM, "cost", day) == 0
        assert counters.people(tx, SIM, counters.month_start(PLAN, NOW)) == 0
        assert tx.value("SELECT count(*) FROM parts WHERE charged_to IS NOT NULL") == 0


def test_the_rest_of_a_started_message_is_stopped_and_the_message_says_so(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        started, whole = add(tx, text=LONG), add(tx)
        send(tx)
        assert _stop(tx) == 2
        assert states(tx, started) == ["sent", "canceled", "canceled"]
        assert [message(tx, one)["state"] for one in (started, whole)] == ["canceled", "canceled"]
        assert parts(tx, started)[0]["charged_to"] is not None  # what left is not given back


def test_a_national_spelling_stops_what_waits_for_the_line(store: Store) -> None:
    with store.write() as tx:
        mine, other = add(tx), add(tx, to=OTHERS)
        assert _stop(tx, TO.removeprefix("+86")) == 1
        assert [message(tx, one)["state"] for one in (mine, other)] == ["canceled", "queued"]


@pytest.mark.parametrize("who", [TO, "13800138000"])
def test_seventy_messages_take_no_more_statements_than_two(sqlite_store: Store, who: str) -> None:
    def counted(count: int) -> int:
        said: list[Any] = []
        with sqlite_store.write() as tx:
            for number in range(count):
                add(tx, text=LONG if number % 2 else "hello")
            claim(tx)
            driver = tx.connection.connection.driver_connection
            assert driver is not None
            driver.set_trace_callback(said.append)
            assert _stop(tx, who) == count
            driver.set_trace_callback(None)
            assert suppress.remove(tx, who, NOW)
        # the suite's trigger comes as a comment, and has a statement told again and again
        return len([line for line in dict.fromkeys(said) if line[0] != "-"])

    counted(1)  # the ledger's first row has statements of its own
    assert counted(70) == counted(2) < 30


def test_refusals_of_two_people_on_two_hosts_wait_for_each_others_last_statements_alone(
    cluster: Cluster, tmp_path: Path
) -> None:
    url = cluster.create("two_people")
    here, there = Store(url, tmp_path), Store(url, tmp_path)
    migrations.upgrade(here, NOW)
    with here.write() as tx:
        _stop(tx)
        there.run(_stop, OTHERS)  # the ledger's end is nobody's yet
    with there.read() as tx:
        assert tx.value("SELECT count(*) FROM consent_chain") == 2
    here.close()
    there.close()


def test_an_imported_list_keeps_nobody_waiting_in_a_circle(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.create("imported")
    store = Store(url, tmp_path)
    migrations.upgrade(store, NOW)
    with store.write() as tx:
        numbers = [add(tx, to=to) for to in (TO, OTHERS)]
    with store.write() as tx:
        assert suppress.add_all(tx, [OTHERS, TO], NOW) == (2, 2)
        free = "SELECT id FROM messages WHERE id = ANY(:ids) FOR UPDATE SKIP LOCKED"
        with store.write() as other:
            assert not other.all(free, ids=numbers)  # all are taken before the first refusal is written
            assert other.value("SELECT count(*) FROM consent_chain") == 0
    with store.read() as tx:
        assert tx.value("SELECT count(*) FROM consent_chain") == 2
    store.close()
