"""Figure of the claim: does a long queue, most of it bound to a SIM that cannot send, slow the others down?"""

from __future__ import annotations

import asyncio
import statistics
import time

from bench.figures import Figure, percentile
from bench.rig import folder, now
from bench.settings import Size
from modemfarm.farm.choosing import Presence
from modemfarm.farm.dispatcher import Dispatcher, _Waiter
from modemfarm.farm.lanes import sim_facts
from modemfarm.farm.settings import FarmSettings
from modemfarm.store.engine import Store, Tx, to_us
from modemfarm.store.migrations import upgrade
from modemfarm.store.offload import Offload

LANES = [f"898600310000000000{at}" for at in range(8)]
PARKED = "8986003100000000099"


def claim(size: Size) -> list[Figure]:
    """A dispatcher's round for eight free lanes, in its own transaction: long queue against short, side by side."""
    ratios, long_ms, short_ms = [], [], []
    for _ in range(size.repeats):
        few, many = (asyncio.run(_rounds(count, size.claims)) for count in size.waiting)
        ratios.append(statistics.median(many) / statistics.median(few))
        short_ms.append(1000 * statistics.median(few))
        long_ms.append(1000 * statistics.median(many))
        tail = 1000 * percentile(many, 0.95)
    few, many = size.waiting
    notes = (
        f"{many:,} waiting, nine tenths bound to a parked SIM, against {few:,}",
        f"p95 of the long one {tail:.1f} ms",
    )
    return [
        Figure("claim, long queue ÷ short queue", "×", 1.5, tuple(ratios), notes=notes),
        Figure("a round of 8 claims, short queue", "ms", None, tuple(short_ms)),
        Figure("a round of 8 claims, long queue", "ms", None, tuple(long_ms)),
    ]


async def _rounds(waiting: int, count: int) -> list[float]:
    with folder() as place:
        store = Store("sqlite:///modemfarm.db", place)
        upgrade(store, now())
        store.run(fill, waiting, 10)
        settings = FarmSettings(host="bench", default_plan="unlimited")
        presence = {**dict.fromkeys(LANES, Presence.HERE), PARKED: Presence.PARKED}
        dispatcher = Dispatcher(
            Offload(store), settings, now, lambda: presence, lambda iccid: sim_facts(iccid, settings, None), "bench"
        )
        waiters = [_Waiter(iccid, iccid, asyncio.get_running_loop().create_future()) for iccid in LANES]
        taken = []
        for _ in range(count):
            begun = time.perf_counter()
            done = store.run(dispatcher._round, waiters, now())  # noqa: SLF001 # the claim as the daemon makes it
            taken.append(time.perf_counter() - begun)
            if len(done.claimed) != min(len(LANES), 8):
                raise RuntimeError(f"{len(done.claimed)} of {len(LANES)} lanes got a part")
            if len(taken) * len(LANES) + len(LANES) > waiting // 10:
                break
        for waiter in waiters:
            waiter.given.cancel()
        store.close()
        return taken


def fill(tx: Tx, count: int, one_of: int = 1) -> None:
    """Put so many messages into the queue; of `one_of` of them one is for any SIM, the others for the parked one."""
    at = to_us(now()) - 10**9
    tx.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
        " INSERT INTO messages (recipient, text, class, state, encoding, parts_total, rank, created_at)"
        " SELECT '+4917' || (10000000 + i), 'waiting ' || i, 'transactional', 'queued', 'gsm7', 1, 4, :at + i FROM n",
        count=count,
        at=at,
    )
    tx.run(
        "INSERT INTO parts (message_id, part_number, state, recipient, class, bound_iccid, rank, due_at)"
        " SELECT id, 1, 'waiting', recipient, class, CASE WHEN id % :one_of = 0 THEN '' ELSE :parked END, rank,"
        " created_at FROM messages",
        parked=PARKED,
        one_of=one_of,
    )
