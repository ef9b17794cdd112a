"""Figures of a long queue, most of it bound to a SIM that cannot send: what claim, forecast and counts cost."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable

from bench.figures import Figure, percentile
from bench.rig import folder, now
from bench.settings import Size
from modemfarm.farm.choosing import Presence
from modemfarm.farm.dispatcher import Dispatcher, _Waiter
from modemfarm.farm.forecast import MOST
from modemfarm.farm.lanes import sim_facts
from modemfarm.farm.outlook import Outlook
from modemfarm.farm.settings import FarmSettings
from modemfarm.store import views
from modemfarm.store.engine import Store, Tx, to_us
from modemfarm.store.migrations import upgrade
from modemfarm.store.offload import Offload

LANES = [f"898600310000000000{at}" for at in range(8)]
PARKED = "8986003100000000099"
_PLAYED = f"it plays the first {MOST:,} messages, whatever stands behind them"


def claim(size: Size) -> list[Figure]:
    """A dispatcher's round for eight free lanes, in its own transaction: long queue against short, side by side."""
    ratios, long_ms, short_ms, looks, forecasts, counts = [], [], [], [], [], []
    for _ in range(size.repeats):
        (few, one_look), (many, look) = (asyncio.run(_rounds(count, size.claims)) for count in size.waiting)
        looks.append(look["forecast"] / one_look["forecast"])
        forecasts.append(1000 * look["forecast"])
        counts.append(1000 * look["counts"])
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
        Figure("a forecast, long queue ÷ short queue", "×", None, tuple(looks), notes=(_PLAYED,)),
        Figure("a forecast, long queue", "ms", None, tuple(forecasts)),
        Figure(
            "the page's counts, long queue", "ms", None, tuple(counts), notes=("kept for a while, not made a request",)
        ),
    ]


async def _rounds(waiting: int, count: int) -> tuple[list[float], dict[str, float]]:
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
        look = {
            "forecast": _best(Outlook(store, settings, now).fresh),
            "counts": _best(lambda: store.look(views.counted, now())),
        }
        store.close()
        return taken, look


def _best(work: Callable[[], object]) -> float:
    """Seconds of the fastest of three calls."""
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


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
