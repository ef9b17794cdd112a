"""What several hosts on one PostgreSQL reach: claims a second together, and how soon one hears of another's message."""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.hosts import hosts
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.model import UNLIMITED
from modemfarm.store import beside, counters, migrations, queue, sims, steps
from modemfarm.store.engine import Store
from modemfarm.store.permits import Permit
from tests.e2e.farm import until
from tests.postgres import Cluster

HOSTS = (1, 2, 4)
WRITERS = 4  # as a daemon has them


def _now() -> datetime:
    return datetime.now(UTC)


def _claim(url: str, folder: str, number: int, seconds: float, out: multiprocessing.Queue[int]) -> None:
    """Claim, take step 3 and give back the next part, as one writer of a host."""
    store, iccid, done = Store(url, Path(folder)), f"89860000000000{number:05d}", 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = _now()
        lane = queue.Lane(iccid, iccid, "/dev/x", f"host{number}", "run", counters.day_start(UNLIMITED, now))
        with store.write() as tx:
            heads = [part for part in queue.heads(tx, "", now, 4) if beside.is_free(tx, part, iccid)]
            part = heads[0] if heads else None
            attempt = None if part is None else queue.claim(tx, part, lane, now)
        if part is None or attempt is None:
            continue
        with store.write() as tx:
            steps.submitting(tx, Permit(part.part_id, attempt, iccid, None, lane.day), now)
        done += 1
    out.put(done)
    store.close()


def claims(count: int, seconds: float) -> float:
    """Parts claimed and through step 3 a second, of so many hosts together."""
    cluster = Cluster()
    try:
        with tempfile.TemporaryDirectory(prefix="several-") as folder:
            url = cluster.create("claims")
            store = Store(url, Path(folder))
            migrations.upgrade(store, _now())
            with store.write() as tx:
                for number in range(20_000):
                    accept(tx, Draft(f"+8613{number:09d}", "hello"), IntakeSettings(country="CN"), _now())
                for number in range(count * WRITERS):
                    sims.seen(
                        tx,
                        f"89860000000000{number:05d}",
                        _now(),
                        imsi=None,
                        number=None,
                        smsc=None,
                        path="/dev/x",
                        host="x",
                    )
            store.close()
            context = multiprocessing.get_context("spawn")
            out: multiprocessing.Queue[int] = context.Queue()
            workers = [
                context.Process(target=_claim, args=(url, folder, number, seconds, out))
                for number in range(count * WRITERS)
            ]
            for worker in workers:
                worker.start()
            done = sum(out.get(timeout=seconds + 120) for _ in workers)
            for worker in workers:
                worker.join(60)
            return done / seconds
    finally:
        cluster.stop()


def latency(count: int, messages: int) -> tuple[float, float]:
    """From a message taken in by one host to Ctrl-Z at a SIM of the last one: median and 95 % in milliseconds."""
    with (
        tempfile.TemporaryDirectory(prefix="several-") as folder,
        hosts(Path(folder), 2, 30, limited=False, count=count) as some,
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
        took = sorted(
            row["ctrl_z_at"] / 1000 - row["created_at"] / 1000
            for row in some.rows(
                "SELECT m.created_at, a.ctrl_z_at FROM messages m JOIN attempts a ON a.message_id = m.id"
                " WHERE a.ctrl_z_at IS NOT NULL"
            )
        )
        return took[len(took) // 2], took[int(len(took) * 0.95)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Several hosts on one PostgreSQL.")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--messages", type=int, default=60)
    asked = parser.parse_args()
    print("| hosts | claimed and through step 3, parts a second | taken in here → Ctrl-Z there, median | 95 % |")
    print("|---|---|---|---|")
    for count in HOSTS:
        rate = claims(count, asked.seconds)
        median, most = latency(count, asked.messages)
        print(f"| {count} | {rate:.0f} | {median:.0f} ms | {most:.0f} ms |", flush=True)


if __name__ == "__main__":
    main()
