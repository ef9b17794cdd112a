"""What several hosts on one PostgreSQL reach: claims a second together, and how soon one hears of another's message.

Rates and waits are those of this machine, whatever else it does; the processor time of a part, the server's and the
host's, is what a core of a machine of their own gives them.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

from bench import machine
from bench.claiming import fill
from bench.figures import percentile
from bench.hosts import hosts
from modemfarm.farm.choosing import Presence
from modemfarm.farm.dispatcher import Dispatcher
from modemfarm.farm.lanes import sim_facts
from modemfarm.farm.settings import FarmSettings
from modemfarm.farm.settling import settle
from modemfarm.model import UNLIMITED, Evidence, Outcome
from modemfarm.store import counters, migrations, sims, steps
from modemfarm.store import hosts as leases
from modemfarm.store.engine import Store, Tx
from modemfarm.store.offload import Offload
from modemfarm.store.permits import Permit
from tests.e2e.farm import until
from tests.postgres import Cluster
from tests.store.tools import INBOUND, RULES

HOSTS = (1, 2, 4)
LANES = 16  # of a host
START_WITHIN_S = 300.0  # of a process; the machine may be busy
A_SECOND = 1000  # parts that wait, for each second and host: more than any server here claims


@dataclass(frozen=True)
class Rate:
    """What hosts reached together, and the processor time that one part took of the server and of its host."""

    a_second: float
    server_ms: float
    host_ms: float


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    seconds: float = 10
    messages: int = 60
    repeats: int = 3
    hosts: tuple[int, ...] = HOSTS
    lanes: int = LANES


SMALLEST = Size(seconds=1, messages=3, repeats=1, hosts=(1, 2), lanes=4)


def _now() -> datetime:
    return datetime.now(UTC)


def _iccid(host: int, lane: int) -> str:
    return f"8986{host:05d}{lane:010d}"


def _host(
    url: str, folder: str, number: int, size: Size, begin: Barrier, out: multiprocessing.Queue[tuple[int, float]]
) -> None:
    """A daemon's dispatcher and writers without modems: each SIM claims, takes step 3, and is answered at once."""
    begin.wait(START_WITHIN_S)
    before = time.process_time()
    done = asyncio.run(_lanes(Store(url, Path(folder)), number, size))
    out.put((done, time.process_time() - before))


async def _lanes(store: Store, number: int, size: Size) -> int:
    name, offload, settings = (
        f"host{number}",
        Offload(store),
        FarmSettings(host=f"host{number}", default_plan="unlimited"),
    )
    mine = [_iccid(number, lane) for lane in range(size.lanes)]
    presence = dict.fromkeys(mine, Presence.HERE)
    dispatcher = Dispatcher(
        offload, settings, _now, lambda: presence, lambda iccid: sim_facts(iccid, settings, None), name
    )
    offload.start()
    await offload.run(leases.take_lease, name, name, 1, "bench", _now())
    end, done = time.monotonic() + size.seconds, 0

    async def lane(iccid: str) -> None:
        nonlocal done
        while time.monotonic() < end:
            part = await dispatcher.claim(iccid, iccid)
            day = counters.day_start(UNLIMITED, _now())
            permit = Permit(part.part_id, part.attempt_id, iccid, None, day, host=name, instance=name)
            if await offload.run(steps.submitting, permit, _now()) is None:
                outcome = Outcome(Evidence.ACCEPTED, "submitted", _now(), ctrl_z_at=_now(), mr=done % 256)
                await offload.run(settle, RULES, INBOUND, part.attempt_id, None, outcome, _now())
                done += 1
            dispatcher.ended(part.attempt_id)

    async def lease() -> None:
        while True:
            await asyncio.sleep(1)
            await offload.run(leases.renew_lease, name, name, _now())

    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(dispatcher.run(), name="dispatcher"), group.create_task(lease(), name="lease")]
        async with asyncio.TaskGroup() as lanes:
            for iccid in mine:
                lanes.create_task(lane(iccid), name=iccid)
        for task in beside:
            task.cancel()
    offload.stop()
    store.close()
    return done


def claims(count: int, size: Size) -> Rate:
    """How many parts so many hosts together claimed, took through step 3 and settled."""
    cluster = Cluster(durable=True)
    try:
        with tempfile.TemporaryDirectory(prefix="several-") as folder:
            url = cluster.create("claims")
            store = Store(url, Path(folder))
            migrations.upgrade(store, _now())
            store.run(fill, int(count * size.seconds * A_SECOND))
            store.run(_sims, count, size.lanes)
            store.close()
            context = multiprocessing.get_context("spawn")
            out: multiprocessing.Queue[tuple[int, float]] = context.Queue()
            begin = context.Barrier(count + 1)
            workers = [
                context.Process(target=_host, args=(url, folder, number, size, begin, out)) for number in range(count)
            ]
            for worker in workers:
                worker.start()
            begin.wait(START_WITHIN_S)
            before = machine.with_children_s(cluster.pid)
            told = [out.get(timeout=size.seconds + START_WITHIN_S) for _ in workers]
            for worker in workers:
                worker.join(60)
            server_s = machine.with_children_s(cluster.pid) - before
            done = max(1, sum(one for one, _ in told))
            return Rate(done / size.seconds, 1000 * server_s / done, 1000 * sum(used for _, used in told) / done)
    finally:
        cluster.stop()


def _sims(tx: Tx, count: int, lanes: int) -> None:
    for host in range(count):
        for lane in range(lanes):
            iccid = _iccid(host, lane)
            sims.seen(tx, iccid, _now(), imsi=None, number=None, smsc=None, path=iccid, host=f"host{host}")
    tx.run("ANALYZE")


def latency(count: int, messages: int) -> list[float]:
    """Milliseconds from a message taken in by one host to Ctrl-Z at a SIM of the last one, ascending."""
    with (
        tempfile.TemporaryDirectory(prefix="several-") as folder,
        hosts(Path(folder), 2, 30, limited=False, count=count, durable=True) as some,
    ):
        iccid = some.iccids[-1]
        first = some.farms[0]
        for number in range(messages):
            status, document = first.http(
                "POST", "/v1/messages", {"to": f"+86137{number:08d}", "text": "hello", "from": iccid, "report": False}
            )
            assert status == 202, document
            until(lambda at=number: len(first.log("submit")) > at, 30, "it left")
            time.sleep(0.2)
        return sorted(
            (row["ctrl_z_at"] - row["created_at"]) / 1000
            for row in some.rows(
                "SELECT m.created_at, a.ctrl_z_at FROM messages m JOIN attempts a ON a.message_id = m.id"
                " WHERE a.ctrl_z_at IS NOT NULL"
            )
        )


def _spread(values: list[float], unit: str = "", digits: int = 0) -> str:
    return f"{min(values):.{digits}f} – {statistics.median(values):.{digits}f} – {max(values):.{digits}f}{unit}"


def told(size: Size) -> Iterator[str]:
    """The table, line by line; where a figure was taken several times, the least, the middle and the most of it."""
    with tempfile.TemporaryDirectory(prefix="several-") as folder:
        yield from (f"- {line}" for line in machine.described(Path(folder)))
    yield ""
    yield (
        "| hosts | parts a second, claimed, step 3, settled | server's processor a part | a host's"
        " | taken in here → Ctrl-Z there, median | 95 % |"
    )
    yield "|---|---|---|---|---|---|"
    for count in size.hosts:
        rates = [claims(count, size) for _ in range(size.repeats)]
        took = [latency(count, size.messages) for _ in range(size.repeats)]
        half = [statistics.median(one) for one in took]
        most = [percentile(one, 0.95) for one in took]
        cells = [
            _spread([rate.a_second for rate in rates]),
            _spread([rate.server_ms for rate in rates], " ms", 1),
            _spread([rate.host_ms for rate in rates], " ms", 1),
            _spread(half, " ms"),
            _spread(most, " ms"),
        ]
        yield f"| {count} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Several hosts on one PostgreSQL.")
    parser.add_argument("--seconds", type=float, default=Size.seconds)
    parser.add_argument("--messages", type=int, default=Size.messages)
    parser.add_argument("--repeats", type=int, default=Size.repeats)
    for line in told(Size(**vars(parser.parse_args()))):
        print(line, flush=True)


if __name__ == "__main__":
    main()
