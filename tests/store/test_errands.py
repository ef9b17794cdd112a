"""What one host asks of another's SIM is taken once, by that host, and never late."""

from __future__ import annotations

from datetime import timedelta

from modemfarm.store import errands, hosts
from modemfarm.store.engine import Store, Tx
from tests.store.tools import NOW, SIM, after

WITHIN = timedelta(seconds=20)


def _put(tx: Tx, *, within: timedelta = WITHIN) -> int | None:
    return errands.put(tx, "attic", SIM, "ussd", ("*100#", "1"), "page", NOW, within)


def _lives(tx: Tx) -> None:
    assert hosts.take_lease(tx, "attic", "a:1", 1, "0", hosts.clock(tx, NOW))


def test_nothing_is_put_where_no_daemon_lives(store: Store) -> None:
    with store.write() as tx:
        assert _put(tx) is None
        _lives(tx)
        assert _put(tx) is not None
        hosts.end_lease(tx, "attic", "a:1", hosts.clock(tx, NOW))
        assert _put(tx) is None


def test_its_host_takes_it_once_and_the_asker_gets_the_answer(store: Store) -> None:
    with store.write() as tx:
        _lives(tx)
        errand_id = _put(tx)
        assert errand_id is not None
        assert errands.take(tx, "cellar", NOW) == []
        taken = errands.take(tx, "attic", NOW)
        assert [(row["id"], row["iccid"], row["sort"], row["steps"], row["who"]) for row in taken] == [
            (errand_id, SIM, "ussd", ["*100#", "1"], "page")
        ]
        assert errands.take(tx, "attic", NOW) == []
        row = errands.look(tx, errand_id, NOW)
        assert row is not None
        assert (row["ended_at"], row["lives"]) == (None, True)
        errands.answer(tx, errand_id, NOW, told={"text": "12.34"})
        row = errands.look(tx, errand_id, NOW)
        assert row is not None
        assert (row["answer"], row["slug"]) == ({"text": "12.34"}, "")
        assert errands.remove(tx, errand_id)
        assert errands.look(tx, errand_id, NOW) is None


def test_one_that_lay_too_long_is_not_done_any_more(store: Store) -> None:
    with store.write() as tx:
        _lives(tx)
        errand_id = _put(tx, within=timedelta(seconds=-1))
        assert errand_id is not None
        assert errands.take(tx, "attic", NOW) == []
        assert not errands.remove(tx, errand_id)


def test_what_a_dead_daemon_had_in_hand_is_told_lost_by_the_next(store: Store) -> None:
    with store.write() as tx:
        _lives(tx)
        errand_id, waits = _put(tx), None
        errands.take(tx, "attic", NOW)
        waits = _put(tx)
        assert errand_id is not None
        assert waits is not None
        assert errands.lost(tx, "attic", NOW) == 1
        row = errands.look(tx, errand_id, NOW)
        assert row is not None
        assert (row["slug"], row["ended_at"] is None) == ("lost", False)
        assert [row["id"] for row in errands.take(tx, "attic", NOW)] == [waits]


def test_what_nobody_fetches_is_forgotten(store: Store) -> None:
    with store.write() as tx:
        _lives(tx)
        errand_id = _put(tx)
        assert errand_id is not None
        now = hosts.clock(tx, NOW)
        assert errands.forget(tx, now) == 0
        assert errands.forget(tx, now + errands.KEPT + timedelta(seconds=1)) == 1


def test_a_host_that_died_is_seen(store: Store) -> None:
    with store.write() as tx:
        _lives(tx)
        errand_id = _put(tx)
        assert errand_id is not None
        hosts.end_lease(tx, "attic", "a:1", hosts.clock(tx, NOW))
        row = errands.look(tx, errand_id, after(1))
        assert row is not None
        assert not row["lives"]
