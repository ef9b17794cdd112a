"""While the clock is in doubt nothing starts or ends by it; when it is trusted again everything goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from modemfarm.errors import StoreError
from modemfarm.farm import housekeeping
from modemfarm.farm.clockguard import ClockGuard
from modemfarm.farm.housekeeping import MISSED_EVERY, Housekeeping
from modemfarm.store import errands, hosts, inbox, sims
from modemfarm.store.engine import Row, Tx, to_us
from tests.farm.benches import bench
from tests.store.tools import INBOUND, SIM, get, report_pdu
from tests.virtualtime import VirtualLoop, run

AHEAD = timedelta(days=3)


def _nobody(path: str) -> None:
    """Nobody wishes anything."""


def test_a_started_farm_looks_once_whether_the_rules_are_others(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with bench(loop, tmp_path) as farm:
            now = farm.clock.now
            await farm.offload.run(hosts.take_lease, "here", "run", 1, "test", now())

            async def start(*, customers: str | None) -> str:
                inbound = replace(INBOUND, policy=replace(INBOUND.policy, customers_zone=customers))
                guard = ClockGuard(now(), None)
                keeping = Housekeeping(
                    farm.offload, farm.journal, inbound, now, "here", "run", guard, _nobody, int, _nobody
                )
                await keeping.turn()
                return str(await farm.value("SELECT value FROM farm WHERE key = 'rules'"))

            first = await start(customers=None)
            assert await start(customers=None) == first
            assert await start(customers="America/New_York") != first

    run(main)


def test_a_first_look_at_the_rules_that_the_store_refused_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_tx: Tx) -> list[Row]:
        raise StoreError("the disk is full")

    async def main(loop: VirtualLoop) -> None:
        async with bench(loop, tmp_path) as farm:
            now = farm.clock.now
            await farm.offload.run(hosts.take_lease, "here", "run", 1, "test", now())
            keeping = Housekeeping(
                farm.offload, farm.journal, INBOUND, now, "here", "run", ClockGuard(now(), None), _nobody, int, _nobody
            )
            with monkeypatch.context() as patch:
                patch.setattr(sims, "all_sims", refuses)
                with pytest.raises(StoreError):
                    await keeping.turn()
            assert await farm.value("SELECT count(*) FROM farm WHERE key = 'rules'") == 0
            await keeping.turn()
            assert await farm.value("SELECT count(*) FROM farm WHERE key = 'rules'") == 1

    run(main)


def test_housekeeping_matches_a_report_that_was_written_at_once_with_its_answer(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with bench(loop, tmp_path) as farm:
            now = farm.clock.now
            await farm.offload.run(hosts.take_lease, "here", "run", 1, "test", now())
            number = await farm.add()
            await farm.offload.run(_missed, number, now())
            keeping = Housekeeping(
                farm.offload, farm.journal, INBOUND, now, "here", "run", ClockGuard(now(), None), _nobody, int, _nobody
            )
            for _ in range(MISSED_EVERY):
                await keeping.turn()
            assert await farm.value("SELECT state FROM messages WHERE id = :id", id=number) == "delivered"

    run(main)


def test_what_was_taken_for_a_sim_here_is_handed_out_whatever_fails_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(inbox, "to_judge", lambda _tx, _now: [1])
    monkeypatch.setattr(housekeeping, "judge", fails)

    async def main(loop: VirtualLoop) -> None:
        async with bench(loop, tmp_path) as farm:
            now = farm.clock.now
            await farm.offload.run(hosts.take_lease, "here", "run", 1, "test", now())
            asked = ("here", SIM, "ussd", ("*100#",), "somebody", now(), timedelta(minutes=1))
            errand = await farm.offload.run(errands.put, *asked)
            served: list[int] = []
            keeping = Housekeeping(
                farm.offload, farm.journal, INBOUND, now, "here", "run", ClockGuard(now(), None), _nobody, int, _nobody,
                serve=lambda row: served.append(row["id"]),
            )  # fmt: skip
            with pytest.raises(StoreError):
                await keeping.turn()
            assert served == [errand]
            assert errand is not None

    run(main)


def _missed(tx: Tx, number: int, at: datetime) -> None:
    """A part that left, and its report, of two transactions that did not see each other."""
    get(tx, report_pdu(9, sent=at), at=at)
    tx.run("UPDATE parts SET state = 'claimed' WHERE message_id = :id", id=number)
    tx.run("UPDATE parts SET state = 'submitting' WHERE message_id = :id", id=number)
    tx.run(
        "UPDATE parts SET state = 'sent', mr = 9, iccid = :sim, sent_at = :at WHERE message_id = :id",
        sim=SIM,
        at=to_us(at),
        id=number,
    )
    tx.run("UPDATE messages SET state = 'sent' WHERE id = :id", id=number)


def test_a_clock_that_jumps_ahead_starts_no_schedule_and_ends_no_validity(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with bench(loop, tmp_path) as farm:
            jump = timedelta(0)
            now = farm.clock.now
            guard = ClockGuard(now(), None)
            keeping = Housekeeping(
                farm.offload, farm.journal, INBOUND, lambda: now() + jump, "here", "run", guard, _nobody, int, _nobody
            )
            await farm.offload.run(hosts.take_lease, "here", "run", 1, "test", now())
            waits = await farm.add(valid_for=timedelta(hours=1))
            later = await farm.add(to="+8613800138001", send_at=now() + timedelta(hours=2), valid_for=timedelta(days=9))

            async def states() -> list[str]:
                return [
                    await farm.value("SELECT state FROM messages WHERE id = :id", id=number)
                    for number in (waits, later)
                ]

            jump = AHEAD
            guard.look = lambda moment: False  # type: ignore[method-assign] # doubted, whatever this machine's clock says
            await keeping.turn()
            assert await states() == ["queued", "scheduled"]
            assert not farm.journal.dispatcher.clock_trusted
            guard.look = lambda moment: True  # type: ignore[method-assign] # a person confirmed it
            await keeping.turn()
            assert await states() == ["expired", "queued"]

    run(main)
