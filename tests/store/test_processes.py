"""Limits under claims from processes of their own, on both databases: what no lock of one process can hide."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modemfarm.errors import StoreBusyError
from modemfarm.model import Ceiling, Plan
from modemfarm.store import counters, queue, steps
from modemfarm.store.engine import Store, to_us
from tests.store.tools import LONG, NOW, accepted, add, after, lane, permit, see

TIGHT = Plan("tight", per_minute=9, per_hour=14, per_day=17, per_month=40, recipients_per_month=9)
CEILING = Ceiling(parts=15)
SIMS = [f"898600310000000000{number}" for number in range(4)]
ACCOUNT = "account:shop"
MOMENTS = [NOW, after(65), after(3700), after(86_400), after(86_465)]


def _send(url: str, folder: str, iccid: str, tries: int) -> None:
    """One SIM of the account in a process of its own: claims and sends what it gets, a moment after the other."""
    store = Store(url, Path(folder))
    for at in MOMENTS:
        for _ in range(tries):
            with contextlib.suppress(StoreBusyError):  # as the dispatcher does: the next round tries again
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
            sent = steps.attempt(tx, attempt)
            assert sent is not None
            steps.accepted(tx, sent, accepted(1, at), at)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_processes_that_claim_for_one_account_exceed_no_limit(store: Store, tmp_path: Path) -> None:
    with store.write() as tx:
        for iccid in SIMS:
            see(tx, iccid)
        for number in range(60):
            add(tx, to=f"+86138001380{number % 14:02}", text=LONG if number % 9 == 0 else "hello")
    url = "sqlite:///farm.db" if store.sqlite else store.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_send, args=(url, str(tmp_path), iccid, 12)) for iccid in SIMS]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(240)
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
