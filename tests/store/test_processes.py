"""Limits under claims from processes of their own, on both databases: what no lock of one process can hide."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from modemfarm.errors import RefusedError, StoreBusyError
from modemfarm.model import Ceiling, Plan, digits_key
from modemfarm.store import actions, attempts, beside, counters, labels, locks, migrations, queue, steps, suppress
from modemfarm.store.engine import Store, Tx, to_us
from tests.patience import PATIENT_S
from tests.postgres import Cluster
from tests.store.tools import LONG, NOW, accepted, add, after, charged, counted, lane, permit, see

TIGHT = Plan("tight", per_minute=9, per_hour=14, per_day=17, per_month=40, recipients_per_month=9)
CEILING = Ceiling(parts=15)
SIMS = [f"898600310000000000{number}" for number in range(4)]
ACCOUNT = "account:shop"
MOMENTS = [NOW, after(65), after(3700), after(86_400), after(86_465)]


def _send(url: str, folder: str, iccid: str, tries: int, together: Barrier) -> None:
    """One SIM of the account in a process of its own: claims and sends what it gets, a moment after the other.

    All begin each of their turns together, so that none is through before another has begun.
    """
    store = Store(url, Path(folder))
    for at in MOMENTS:
        for _ in range(tries):
            together.wait(PATIENT_S)
            # SQLite may be busy, and the dispatcher's next round tries again; on a server nobody waits in a circle
            with contextlib.suppress(StoreBusyError) if store.sqlite else contextlib.nullcontext():
                _turn(store, iccid, at)
    store.close()


def _turn(store: Store, iccid: str, at: datetime) -> None:
    with store.write() as tx:
        one = lane(iccid, plan=TIGHT, at=at, owner=ACCOUNT)
        named = queue.Lane(one.iccid, ACCOUNT, one.path, one.host, one.instance, one.day, TIGHT, CEILING)
        heads = queue.heads(tx, iccid, at, 2) or queue.heads(tx, "", at, 16)
        firsts = {part.message_id: part for part in reversed(heads)}.values()
        claims = ((part, queue.claim(tx, part, named, at)) for part in firsts)
        part, attempt = next(((part, found) for part, found in claims if found is not None), (None, None))
    if part is None or attempt is None:
        return
    with store.write() as tx:
        farm_day = counters.day_start(CEILING.days, at)
        asked = replace(permit(part.part_id, attempt, at=at, plan=TIGHT, owner=ACCOUNT), farm_day=farm_day)
        if steps.submitting(tx, asked, at) is None:
            steps.end_attempt(tx, attempt, accepted(1, at), at, charged=True)
            sent = attempts.attempt(tx, attempt)
            assert sent is not None
            steps.accepted(tx, sent, accepted(1, at), at)


@pytest.mark.slow
def test_processes_that_claim_for_one_account_exceed_no_limit(store: Store, tmp_path: Path) -> None:
    with store.write() as tx:
        for iccid in SIMS:
            see(tx, iccid)
        for number in range(60):
            add(tx, to=f"+86138001380{number % 14:02}", text=LONG if number % 9 == 0 else "hello")
    url = "sqlite:///farm.db" if store.sqlite else store.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(len(SIMS))
    workers = [context.Process(target=_send, args=(url, str(tmp_path), iccid, 12, together)) for iccid in SIMS]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(2 * PATIENT_S)
    assert [worker.exitcode for worker in workers] == [0] * len(SIMS)
    with store.read() as tx:
        sent = tx.all("SELECT recipient, iccid, sent_at FROM parts WHERE state = 'sent' ORDER BY sent_at")
        days = tx.all("SELECT farm_day, count(*) AS n FROM parts WHERE farm_day IS NOT NULL GROUP BY farm_day")
        counted = {day["farm_day"]: counters.used(tx, counters.FARM, "day", _at(day["farm_day"])) for day in days}
    times = [row["sent_at"] for row in sent]
    for span, most in ((60, 9), (3600, 14)):
        assert all(late - early >= span * 10**6 for early, late in zip(times, times[most:], strict=False)), span
    midnight = to_us(datetime(2026, 3, 15, tzinfo=UTC))
    by_day = Counter(time < midnight for time in times)
    assert 15 >= by_day[True] >= 12, by_day  # the ceiling binds before the plan's day
    assert 15 >= by_day[False] >= 5, by_day
    assert len({row["recipient"] for row in sent}) <= 9
    assert len({row["iccid"] for row in sent}) > 1
    assert counted == {day["farm_day"]: day["n"] for day in days}  # what the parts say, the counter says


def _at(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)


PEOPLE = [f"+86138001380{number:02}" for number in range(6)]


def _muddle(url: str, folder: str, seed: int) -> None:
    """One host: claims, step 3, refusals, cancels and labels in any order, each in a transaction of its own."""
    store, dice = Store(url, Path(folder)), random.Random(seed)
    iccid, at = SIMS[seed % len(SIMS)], NOW
    owner = f"account:{seed % 2}"
    for number in range(60):
        at = after(seed / 10 + number * 7)
        what = dice.choice(("claim", "claim", "claim", "refuse", "again", "cancel", "label", "expire"))
        with store.write() as tx:
            if what == "claim":
                _claim_and_end(tx, iccid, owner, at, dice)
            elif what == "refuse":
                person = dice.choice(PEOPLE)
                suppress.add(tx, person, digits_key(person), "reply", at)
            elif what == "again":
                person = dice.choice(PEOPLE)
                suppress.remove(tx, person, at)
                with contextlib.suppress(RefusedError):
                    add(tx, at=at, to=person, text=dice.choice(("hello", LONG)))
            elif what == "cancel":
                actions.cancel(tx, dice.randint(1, 40), at)
            elif what == "label":
                labels.label(tx, 0, lambda _: labels.Label(dice.choice(("plan_day", None))), NOW)
            else:
                labels.release_due(tx, at)
                actions.expire(tx, at)
    store.close()


def _claim_and_end(tx: Tx, iccid: str, owner: str, at: datetime, dice: random.Random) -> None:
    plan = Plan("tight", per_day=30)
    named = queue.Lane(iccid, owner, "/dev/x", "here", "run1", counters.day_start(plan, at), plan, CEILING)
    locks.owners(tx, [owner, counters.FARM])
    heads = queue.heads(tx, iccid, at, 2) + queue.heads(tx, "", at, 4)
    for part in {one.message_id: one for one in reversed(heads)}.values():
        if not beside.is_free(tx, part, iccid):
            continue
        attempt = queue.claim(tx, part, named, at)
        if attempt is not None and dice.random() < 0.5:
            queue.give_back(tx, part.part_id, attempt, at)


@pytest.mark.slow
def test_hosts_that_do_all_sorts_of_things_at_once_never_wait_in_a_circle(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.create("muddle")
    store = Store(url, tmp_path)
    migrations.upgrade(store, NOW)
    with store.write() as tx:
        for iccid in SIMS:
            see(tx, iccid)
        for number in range(40):
            add(tx, to=PEOPLE[number % 6], text=LONG if number % 5 == 0 else "hello")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_muddle, args=(url, str(tmp_path), seed)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(2 * PATIENT_S)
    assert [worker.exitcode for worker in workers] == [0] * 4
    with store.read() as tx:
        assert charged(tx) == {owner: count for owner, count in counted(tx).items() if owner != counters.FARM}
        assert tx.value("SELECT deadlocks FROM pg_stat_database WHERE datname = 'muddle'") == 0
    store.close()
