"""Three hosts, one PostgreSQL: daemons killed, stopped and cut off, the server restarted; the network's log judges.

Each daemon lives in a network namespace of its own, whose cable to the server is pulled (`links.py`). The virtual
modems of all are one simulator's, so that one log says what every host sent.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bench.links import Link, Proxy, links
from modemfarm.store.engine import Store
from tests.e2e.farm import RealFarm, until
from tests.e2e.judging import judge, most_within
from tests.e2e.opting_out import LONG, Seen, answer, judged
from tests.postgres import Cluster

HOSTS = 3
PER_MINUTE, PER_DAY = 20, 60  # of an account, which has a SIM in every host
ACCOUNTS = 4
SHARE = 0.25  # of the messages, that each host sends at least
STOPPED_S = 25.0  # longer than a lease and what follows it
CUT_S = (2.0, 12.0)
BATCH = 50
STARTS_WITHIN_S = 300.0  # of a daemon; the machine may be busy
Json = dict[str, Any]


class Hosts:
    """Three daemons with so many modems each, on one server."""

    def __init__(
        self,
        folder: Path,
        modems: int,
        airtime_ms: float,
        *,
        limited: bool = True,
        count: int = HOSTS,
        durable: bool = False,
    ) -> None:
        spaces = links(count)
        self.cluster = Cluster(durable=durable, addresses=[space.gateway for space in spaces])
        self.cluster.create("soak")
        self.modems = modems
        for space in spaces:
            space.server = f"{space.gateway}:{self.cluster.port}"
        self.links: Sequence[Link] = spaces or [Proxy(self.cluster.socket) for _ in range(count)]
        first = RealFarm(folder / "host0", modems=modems * count, airtime_ms=airtime_ms, report_ms=50)
        self.farms = [first, *(RealFarm(folder / f"host{number}") for number in range(1, count))]
        first.start_simulator()
        self.iccids = [str(modem["iccid"]) for modem in first.ctl("stats")["modems"]]
        # the first modems of each host are the accounts' SIMs
        self.account = {
            self.iccids[host * modems + number]: f"shop{number}"
            for host in range(count)
            for number in range(min(ACCOUNTS, modems - 1) if limited else 0)
        }
        sims = ", ".join(f'"{iccid}": {{account: {name}, plan: tight}}' for iccid, name in self.account.items())
        for number, (farm, link) in enumerate(zip(self.farms, self.links, strict=True)):
            farm.address, farm.wrapper = link.address, link.wrapper
            farm.sim_folder, farm.log_path = first.sim_folder, first.log_path
            ports = ", ".join(f'"{first.sim_folder}/ttyV{number * modems + at}"' for at in range(modems))
            farm.config.write_text(
                f"host: host{number}\nstate_dir: {farm.state_dir}\n"
                f"database: postgresql+psycopg://postgres@{link.server}/soak\n"
                f'http: {{listen: "{link.address}:{farm.port}", insecure_lan: true}}\n'
                f"modems: {{discover: false, ports: [{ports}], result_within: 8s}}\n"
                f"plans: {{tight: {{per_minute: {PER_MINUTE}, per_day: {PER_DAY}}}}}\n"
                f"sims: {{{sims}}}\n"
                "default_plan: unlimited\nsending: {allow_countries: all, sticky: false}\n",
                "utf-8",
            )
            farm.start_daemon()
            for other in self.farms:
                other.use_key_of(farm)
        for farm in self.farms:
            farm.wait_ready(STARTS_WITHIN_S)
        self.store = Store(self.cluster.url("soak"), folder)

    def rows(self, sql: str) -> list[Json]:
        """What the database says."""
        with self.store.read() as tx:
            return tx.all(sql)

    def host_of(self, modem: int) -> int:
        """In which host a modem of the simulator is."""
        return modem // self.modems

    def close(self) -> None:
        """End everything."""
        self.store.close()
        for farm in reversed(self.farms):
            farm.__exit__(None, None, None)
        for link in self.links:
            link.close()
        self.cluster.stop()


@contextlib.contextmanager
def hosts(
    folder: Path, modems: int, airtime_ms: float, *, limited: bool = True, count: int = HOSTS, durable: bool = False
) -> Iterator[Hosts]:
    """Three daemons, or another number of them, ended at the end."""
    made = Hosts(folder, modems, airtime_ms, limited=limited, count=count, durable=durable)
    try:
        yield made
    finally:
        made.close()


@dataclass
class Found:
    """What happened, and what the log says of it."""

    messages: int
    done: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    shares: list[float] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)
    bound: int = 0  # SIMs in accounts whose day or minute was used to the full
    over: dict[str, tuple[int, int]] = field(default_factory=dict)
    deadlocks: int = 0
    seconds: float = 0.0

    def wrong(self, least_bound: int = 10) -> list[str]:
        """What must not be; nothing when all is well."""
        found = [f"messages {word}: {ids[:9]}" for word, ids in (("lost", self.lost), ("doubled", self.doubled)) if ids]
        if self.over:
            found.append(f"over their limits: {self.over}")
        if min(self.shares) < SHARE:
            found.append(f"the hosts sent {self.shares}")
        if self.bound < least_bound:
            found.append(f"limits bound on {self.bound} SIMs only")
        if self.deadlocks:
            found.append(f"{self.deadlocks} deadlocks")
        return found

    def told(self) -> list[str]:
        """Lines for the report."""
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.done.items()))
        return [
            f"{self.messages} messages in {self.seconds:.0f} s; {kinds}",
            f"lost {len(self.lost)}, doubled {len(self.doubled)}, deadlocks {self.deadlocks}; ends: "
            + ", ".join(f"{state} {count}" for state, count in sorted(self.states.items())),
            "shares of the hosts: " + ", ".join(f"{share:.0%}" for share in self.shares),
            f"limits of accounts over all hosts bound on {self.bound} SIMs; none was passed",
        ]


def soak(
    folder: Path,
    messages: int,
    kills: int,
    restarts: int,
    cuts: int,
    stops: int,
    seed: int,
    airtime_ms: float = 2000,
) -> Found:
    """Send while hosts die; `kills` and `stops` are a host's."""
    dice, began, found = random.Random(seed), time.monotonic(), Found(messages)
    with hosts(folder, 8, airtime_ms) as three:
        feeder = threading.Thread(target=_feed, args=(three, messages), daemon=True)
        feeder.start()
        what = [("kill", host) for host in range(HOSTS) for _ in range(kills)]
        what += [("cut", host) for host in range(HOSTS) for _ in range(cuts)]
        what += [("stop", host) for host in range(HOSTS) for _ in range(stops)] + [("restart", 0)] * restarts
        dice.shuffle(what)
        for kind, host in what:
            _strike(three, kind, host, dice)
            found.done[kind] += 1
            print(f"  hosts: {kind} {host} {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            time.sleep(dice.uniform(0.5, 4.0))
        feeder.join(600)
        for farm in three.farms:
            until(farm.is_ready, STARTS_WITHIN_S, farm.said)
        rows = until(partial(_all_ended, three, messages), 900, lambda: _open(three))
        _judge(three, rows, found)
    found.seconds = time.monotonic() - began
    return found


def _feed(three: Hosts, messages: int) -> None:
    """Hand batches to one host after the other, each until one has taken it."""
    for start in range(0, messages, BATCH):
        texts = [(f"+86137{number:08d}", f"{number} hello") for number in range(start, min(messages, start + BATCH))]
        for turn in range(10_000):
            with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                three.farms[(start // BATCH + turn) % HOSTS].submit(texts, key=f"b{start}", report=False)
                break
            time.sleep(0.5)


def _strike(three: Hosts, kind: str, host: int, dice: random.Random) -> None:
    farm = three.farms[host]
    assert farm.daemon is not None
    if kind == "kill":
        farm.daemon.kill()
        farm.daemon.wait(20)
        time.sleep(dice.uniform(0.0, 1.0))
        farm.start_daemon()
        until(lambda: _answers(farm), STARTS_WITHIN_S, farm.said)
        time.sleep(dice.uniform(0.0, 4.0))
    elif kind == "stop":
        farm.daemon.send_signal(signal.SIGSTOP)
        time.sleep(STOPPED_S)
        farm.daemon.send_signal(signal.SIGCONT)
    elif kind == "cut":
        three.links[host].cut(dice.uniform(*CUT_S))
    else:
        three.cluster.restart(dice.choice(("fast", "immediate")))


def _answers(farm: RealFarm) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return farm.http("GET", "/healthz")[0] == 200
    return False


def _all_ended(three: Hosts, messages: int) -> list[Json]:
    rows = three.rows("SELECT id, recipient, text, state, final_at FROM messages")
    ended = [row for row in rows if row["final_at"] is not None or row["state"] == "unknown"]
    return rows if len(ended) == len(rows) == messages else []


def _open(three: Hosts) -> str:
    rows = three.rows("SELECT state, reason, count(*) AS n FROM messages GROUP BY state, reason")
    return f"{[tuple(row.values()) for row in rows]}; " + "\n".join(farm.said()[-1500:] for farm in three.farms)


def _judge(three: Hosts, rows: list[Json], found: Found) -> None:
    lines = three.farms[0].log("submit")
    seen = judge(lines, [(row["recipient"], row["text"]) for row in rows]).whole
    for row in rows:
        times = seen[row["recipient"], row["text"]]
        found.states[row["state"]] += 1
        if times > 1:
            found.doubled.append(row["id"])
        elif times != (row["state"] in ("sent", "delivered")) and row["state"] != "unknown":
            found.lost.append(row["id"])
    by_host = Counter(three.host_of(line["modem"]) for line in lines)
    found.shares = [by_host[host] / max(1, len(lines)) for host in range(HOSTS)]
    taken: dict[str, list[float]] = defaultdict(list)
    for line in lines:
        if line["iccid"] in three.account:
            taken[three.account[line["iccid"]]].append(line["t"])
    for name, moments in taken.items():
        most = most_within(moments, 60)
        if most > PER_MINUTE or len(moments) > PER_DAY:
            found.over[name] = (most, len(moments))
        if most >= PER_MINUTE - 1 or len(moments) >= PER_DAY - 1:
            found.bound += sum(owner == name for owner in three.account.values())
    found.deadlocks = int(three.rows("SELECT deadlocks AS n FROM pg_stat_database WHERE datname = 'soak'")[0]["n"])


def opt_out(folder: Path, replies: int) -> Seen:
    """Have people answer TD to a modem of another host while theirs sends to them."""
    people = [f"+86137{number:08d}" for number in range(replies + 30)]
    with hosts(folder, 4, 600, limited=False) as three:
        first = three.farms[0]
        texts = [(people[at % len(people)], f"{at} {LONG}") for at in range(replies * 8)]
        for start in range(0, len(texts), BATCH):
            first.submit(texts[start : start + BATCH], key=f"b{start}", report=False)
        wanted = answer(first, replies, lambda modem: (modem + three.modems) % (three.modems * HOSTS))
        suppressed = "SELECT number FROM suppressions"
        until(lambda: len(three.rows(suppressed)) == replies, 60, "every opt-out is stored")
        confirmed = "SELECT id FROM messages WHERE automatic = 'opted_out' AND state IN ('sent', 'delivered')"
        until(lambda: len(three.rows(confirmed)) == replies, 180, "every opt-out is confirmed")
        time.sleep(1)  # what would wrongly follow has its chance
        for farm in three.farms:
            farm.terminate()
        return judged(first.log(), three.rows, wanted, "\n".join(farm.said() for farm in three.farms))
