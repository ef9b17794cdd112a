"""The connection breaks inside COMMIT: whether it happened is read back by the attempt's id; nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modemfarm.errors import StoreError
from modemfarm.farm.journal import FarmJournal
from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft
from modemfarm.model import Plan, Received
from modemfarm.modem.journal import Go, GoOn, SimSeen, Stop
from modemfarm.store import hosts, idempotency, migrations
from modemfarm.store.engine import Store, Tx
from modemfarm.store.offload import Offload
from tests.postgres import Cluster
from tests.store.cutting import Cutter, Moment
from tests.store.tools import INBOUND, INTAKE, LONG, RULES, SIM, accepted, charged, counted, deliver_pdu, states

PATH = "/dev/ttyV0"
PLANS = {"tight": Plan("tight", per_day=50, per_minute=50)}
MOMENTS = pytest.mark.parametrize("moment", ["before", "after"])


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> Cluster:
    cluster.create("commits")
    return cluster


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("dispatcher", "journal"):
        monkeypatch.setattr(f"modemfarm.farm.{module}.STORE_AGAIN_S", 0.05)


class Farm:
    """One host's journal and dispatcher behind a way that can be cut; `plain` sees the database by another."""

    def __init__(self, cutter: Cutter, plain: Store, offload: Offload, journal: FarmJournal) -> None:
        self.cutter, self.plain, self.offload, self.journal = cutter, plain, offload, journal

    def add(self, text: str = "hello") -> int:
        taken = self.plain.run(accept, Draft("+8613800138000", text), INTAKE, _now())
        assert taken is not None
        self.journal.dispatcher.wake()
        return taken.message_id

    def states(self, message_id: int) -> list[str]:
        return self.plain.look(states, message_id)

    def attempts(self) -> int:
        return int(self.plain.look(lambda tx: tx.value("SELECT count(*) FROM attempts WHERE outcome = 'accepted'")))

    def check(self) -> None:
        """The plan is charged what its parts say."""
        assert self.plain.look(counted) == self.plain.look(charged)
        assert self.cutter.cuts == 1


def _now() -> datetime:
    return datetime.now(UTC)


def _empty(tx: Tx) -> None:
    for table in ("attempts", "parts", "messages", "counters", "received", "inbound", "idempotency", "hosts"):
        tx.run(f"DELETE FROM {table}")


@asynccontextmanager
async def farm(cluster: Cluster, folder: Path) -> AsyncIterator[Farm]:
    cutter = Cutter(cluster.socket)
    plain, store = Store(cluster.url("commits"), folder), Store(cutter.url("commits"), folder)
    migrations.upgrade(plain, _now())
    plain.run(_empty)
    offload = Offload(store)
    offload.start()
    settings = FarmSettings("here", plans=PLANS, default_plan="tight")
    journal = FarmJournal(offload, settings, _now, "here:run", INBOUND, RULES)
    plain.run(_lives)
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(journal.dispatcher.run())
            await journal.sim_seen(PATH, None, SimSeen(SIM, "460001234567890", None, None))
            yield Farm(cutter, plain, offload, journal)
            task.cancel()
    finally:
        offload.stop()
        store.close()
        plain.close()
        cutter.close()


def _lives(tx: Tx) -> None:
    """A lease that no busy machine lets run out."""
    assert hosts.take_lease(tx, "here", "here:run", 1, "0", _now())
    tx.run("UPDATE hosts SET lease_until = lease_until + 3600000000")


@MOMENTS
async def test_a_claim_whose_commit_nobody_answered_is_given_back_and_made_anew(
    server: Cluster, tmp_path: Path, moment: Moment
) -> None:
    async with farm(server, tmp_path) as one:
        number = one.add(LONG)
        one.cutter.arm(moment)
        part = await one.journal.claim(SIM, PATH)
        assert part.message_id == number
        assert one.states(number) == ["claimed", "waiting", "waiting"]
        one.check()
        assert one.plain.look(counted) == {SIM: 3}


@MOMENTS
async def test_a_step_3_whose_commit_nobody_answered_sends_nothing_and_goes_again(
    server: Cluster, tmp_path: Path, moment: Moment
) -> None:
    async with farm(server, tmp_path) as one:
        number = one.add()
        part = await one.journal.claim(SIM, PATH)
        one.cutter.arm(moment)
        assert await one.journal.submitting(part) == Stop("store")
        assert one.states(number) == ["submitting" if moment == "after" else "claimed"]
        await one.journal.give_back_unsettled()  # Ctrl-Z was never written for it
        assert one.states(number) == ["waiting"]
        again = await one.journal.claim(SIM, PATH)
        assert again.attempt_id != part.attempt_id
        assert isinstance(await one.journal.submitting(again), Go)
        assert one.states(number) == ["submitting"]
        one.check()


@MOMENTS
async def test_a_result_whose_commit_nobody_answered_is_written_once(
    server: Cluster, tmp_path: Path, moment: Moment
) -> None:
    async with farm(server, tmp_path) as one:
        number = one.add()
        part = await one.journal.claim(SIM, PATH)
        assert isinstance(await one.journal.submitting(part), Go)
        one.cutter.arm(moment)
        assert await one.journal.settle(part.attempt_id, SIM, accepted(5, _now())) == GoOn()
        assert one.states(number) == ["sent"]
        assert one.attempts() == 1
        assert one.plain.look(_told_sent, number) == 1
        assert one.plain.look(lambda tx: tx.value("SELECT attempts FROM messages")) == 1
        one.check()
        assert one.plain.look(counted) == {SIM: 1}


def _told_sent(tx: Tx, number: int) -> int:
    return int(tx.value("SELECT count(*) FROM events WHERE message_id = :id AND kind = 'part.sent'", id=number))


@MOMENTS
async def test_a_reply_whose_commit_nobody_answered_is_there_once(
    server: Cluster, tmp_path: Path, moment: Moment
) -> None:
    async with farm(server, tmp_path) as one:
        at = _now()
        pdu = deliver_pdu("好的", at=at)
        one.cutter.arm(moment)
        await one.journal.received(Received(pdu, pdu.hex().upper(), SIM, None, at, memory="SM", index=1))
        assert one.plain.look(lambda tx: tx.value("SELECT count(*) FROM inbound")) == 1
        one.check()


@MOMENTS
async def test_a_message_whose_commit_nobody_answered_is_taken_in_once_by_its_key(
    server: Cluster, tmp_path: Path, moment: Moment
) -> None:
    def take(tx: Tx) -> bool:
        """As a door does: the key and the message in one transaction."""
        if not isinstance(idempotency.begin(tx, "k1", "door", "body", _now()), idempotency.Fresh):
            return False
        accept(tx, Draft("+8613800138000", "hello"), INTAKE, _now())
        idempotency.finish(tx, "k1", "door", 202, "{}")
        return True

    async with farm(server, tmp_path) as one:
        one.cutter.arm(moment)
        with pytest.raises(StoreError):  # the sender is told that nobody knows, and asks again
            await one.offload.run(take)
        assert await one.offload.run(take) is (moment == "before")
        assert one.plain.look(lambda tx: tx.value("SELECT count(*) FROM messages")) == 1
        one.check()
