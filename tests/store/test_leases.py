"""Leases on a server: who may submit, who does the work of all, what a dead host leaves, a claim whose answer was lost."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from modemfarm.store import hosts, leaving
from modemfarm.store.engine import Store, to_us
from modemfarm.store.reports import RESULT_WITHIN
from tests.store.tools import NOW, add, charged, claim, counted, states, submit


def _lease(store: Store, name: str, until: timedelta, instance: str = "state:run1") -> datetime:
    """A host whose lease ends so long from now, by the server's clock; that clock."""
    with store.write() as tx:
        now = hosts.clock(tx, NOW)
        assert hosts.take_lease(tx, name, instance, 1, "0", now)
        tx.run("UPDATE hosts SET lease_until = :until WHERE name = :name", until=to_us(now + until), name=name)
    return now


@pytest.mark.parametrize(
    ("left_s", "instance", "fenced"),
    [(15, "state:run1", False), (1, "state:run1", True), (-1, "state:run1", True), (15, "state:run2", True)],
)
def test_a_host_is_fenced_before_its_lease_ends_and_where_it_is_anothers(
    store: Store, left_s: float, instance: str, fenced: bool
) -> None:
    _lease(store, "here", timedelta(seconds=left_s))
    with store.read() as tx:
        assert hosts.is_fenced(tx, "here", instance) is (fenced and not tx.sqlite)


def test_one_host_does_the_work_of_all_until_it_leaves_or_dies(store: Store) -> None:
    with store.write() as tx:
        assert hosts.take_job(tx, "jobs", "here", "run1")
        assert hosts.take_job(tx, "jobs", "here", "run1")
        if tx.sqlite:
            return
        assert not hosts.take_job(tx, "jobs", "there", "run2")
        hosts.leave_jobs(tx, "run1")
        assert hosts.take_job(tx, "jobs", "there", "run2")
        assert not hosts.take_job(tx, "jobs", "here", "run1")
        tx.run("UPDATE leases SET lease_until = 1")
        assert hosts.take_job(tx, "jobs", "here", "run1")


@pytest.mark.parametrize(
    ("over", "back", "unknown"),
    [
        (hosts.DEAD_AFTER - timedelta(seconds=3), 0, 0),
        (hosts.DEAD_AFTER + timedelta(seconds=1), 1, 0),
        (RESULT_WITHIN + timedelta(seconds=1), 1, 1),
    ],
)
def test_what_a_dead_host_left_goes_to_others_when_its_time_has_come(
    store: Store, over: timedelta, back: int, unknown: int
) -> None:
    with store.write() as tx:
        add(tx, to="+8613800138001")
        add(tx, to="+8613800138002")
        submitted = submit(tx)
        claimed = claim(tx, at=NOW)
        assert claimed is not None
    now = _lease(store, "here", -over)
    with store.write() as tx:
        found = hosts.recover_dead(tx, now)
        if tx.sqlite:
            assert found == (0, 0)
            return
        tx.finish()
        assert found == (back, unknown)
        assert states(tx, claimed[0].message_id) == ["waiting" if back else "claimed"]
        assert states(tx, submitted[0].message_id) == ["unknown" if unknown else "submitting"]
        assert charged(tx) == counted(tx)
        assert hosts.recover_dead(tx, now) == (0, 0)


def test_a_claim_whose_commit_nobody_answered_waits_again(store: Store) -> None:
    with store.write() as tx:
        add(tx, to="+8613800138001")
        add(tx, to="+8613800138002")
        known, lost = claim(tx), claim(tx)
        assert known is not None
        assert lost is not None
        assert leaving.give_back_lost(tx, "run2", frozenset(), NOW) == 0
        assert leaving.give_back_lost(tx, "run1", frozenset({known[1]}), NOW) == 1
        assert states(tx, known[0].message_id) == ["claimed"]
        assert states(tx, lost[0].message_id) == ["waiting"]
        assert charged(tx) == counted(tx)
