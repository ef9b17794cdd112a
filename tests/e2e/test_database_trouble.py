"""The database server fails under a farm that sends: what is on the air is written later, and nothing needs a restart."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bench.links import Proxy
from tests.e2e.farm import RealFarm, until
from tests.e2e.judging import Text
from tests.postgres import Cluster

pytestmark = pytest.mark.slow

TEXTS: list[Text] = [(f"+49170{1000000 + number}", f"{number} hello") for number in range(40)]
MODEMS, AIRTIME_MS = 4, 1200
SAID_WITHIN_S = 60.0  # of a daemon on a busy machine; a lease and its margin are the longest that it waits
GOES_ON_WITHIN_S = 150.0
LOCKED_S = 33.0  # longer than statement_timeout
FROZEN_S = 18.0  # longer than tcp_user_timeout and a lease


@contextlib.contextmanager
def cluster(primary: Cluster | None = None) -> Iterator[Cluster]:
    """A server, ended at the end even if it was ended before."""
    made = Cluster(primary=primary)
    try:
        yield made
    finally:
        with contextlib.suppress(RuntimeError):
            made.stop()


@contextlib.contextmanager
def sending(folder: Path, url: str) -> Iterator[RealFarm]:
    """A farm whose modems all have a part on the air, and more that wait."""
    yaml = f"database: {url}\n"
    with RealFarm(
        folder, modems=MODEMS, airtime_ms=AIRTIME_MS, report_ms=50, result_within="20s", yaml=yaml
    ).start() as farm:
        farm.submit(TEXTS)
        until(lambda: farm.on_air() >= MODEMS, 60, "parts on the air", 0.01)
        yield farm


def is_away(farm: RealFarm) -> bool:
    with contextlib.suppress(TimeoutError):  # asked before the server's silence was noticed
        return farm.http("GET", "/healthz", timeout_s=4)[0] == 503
    return False


def says_so(farm: RealFarm) -> None:
    """Wait until /healthz and the page say that the database is away, and see that nothing is taken in."""
    until(lambda: is_away(farm), SAID_WITHIN_S, farm.said, 0.2)
    assert farm.http("GET", "/healthz")[1] == {"status": "fail", "code": "store"}
    assert farm.http("GET", "/readyz")[0] == 503
    status, page = farm.http("GET", "/", headers={"Accept": "text/html", "Cookie": "modemfarm_session=somebody"})
    assert status == 503, page
    assert "database cannot be used" in page


def takes_nothing(farm: RealFarm) -> None:
    """Nothing is accepted that nobody could keep, and nothing more goes on the air."""
    status, problem = farm.http("POST", "/v1/messages", {"to": "+491701999999", "text": "not now"})
    assert status == 503, problem
    refused = farm.cli("send", "+491701999999", "--text", "not now", "--json")
    assert refused.code == 5, refused
    stopped_at = farm.landed()
    time.sleep(2 * AIRTIME_MS / 1000)
    assert farm.on_air() == stopped_at


def goes_on(farm: RealFarm, allowed: frozenset[str] = frozenset({"delivered"})) -> None:
    """By itself, with nothing lost or doubled."""
    until(lambda: farm.http("GET", "/healthz")[0] == 200, GOES_ON_WITHIN_S, farm.said, 0.2)
    rows = farm.wait_final(GOES_ON_WITHIN_S)
    states = Counter(row["state"] for row in rows)
    assert states.keys() <= allowed, (states, farm.said()[-3000:])
    assert states.total() == len(TEXTS)
    verdict = farm.judge(TEXTS)
    assert not verdict.lost
    assert not verdict.doubled
    assert not farm.log("refuse")
    assert farm.daemon is not None
    assert farm.daemon.poll() is None


def test_a_server_that_crashed_and_came_back(tmp_path: Path) -> None:
    with cluster() as server, sending(tmp_path, server.create("shop")) as farm:
        server.halt()
        says_so(farm)
        takes_nothing(farm)
        time.sleep(5)
        server.start()
        goes_on(farm)


def test_a_failover_to_a_synchronous_standby(tmp_path: Path) -> None:
    with cluster() as first:
        first.create("shop")
        with cluster(primary=first) as second:
            both = f"host={first.folder},{second.folder}&port={first.port},{second.port}"
            url = f"postgresql+psycopg://postgres@/shop?{both}&target_session_attrs=read-write"
            with sending(tmp_path, url) as farm:
                assert first.ask("SELECT sync_state FROM pg_stat_replication").strip() == "sync"
                first.halt()
                says_so(farm)
                second.promote()
                goes_on(farm)


def test_a_server_without_a_free_connection(tmp_path: Path) -> None:
    with cluster() as server, contextlib.ExitStack() as thieves:
        server.create("shop")
        server.ask("CREATE ROLE shop LOGIN")
        server.ask("ALTER DATABASE shop OWNER TO shop")  # no superuser: what is reserved is not for it
        url = f"postgresql+psycopg://shop@/shop?host={server.folder}&port={server.port}"
        plain = f"host={server.folder} port={server.port} dbname=shop user=shop"
        ours = "FROM pg_stat_activity WHERE application_name = 'modemfarm'"
        with sending(tmp_path, url) as farm:

            def taken() -> bool:
                server.ask(f"SELECT pg_terminate_backend(pid) {ours}")
                with contextlib.suppress(psycopg.OperationalError):
                    while True:
                        thieves.enter_context(psycopg.connect(plain))
                return server.ask(f"SELECT count(*) {ours}").strip() == "0"

            until(taken, 60, "every connection is somebody else's", 0.01)
            says_so(farm)
            takes_nothing(farm)
            thieves.close()
            goes_on(farm)


def test_tables_locked_for_longer_than_a_statement_may_take(tmp_path: Path) -> None:
    with cluster() as server, sending(tmp_path, server.create("shop")) as farm:
        plain = f"host={server.folder} port={server.port} dbname=shop user=postgres"
        with psycopg.connect(plain) as other:
            began = time.monotonic()
            other.execute("LOCK TABLE parts IN ACCESS EXCLUSIVE MODE")
            until(lambda: is_away(farm), SAID_WITHIN_S, farm.said, 0.2)
            time.sleep(max(0.0, LOCKED_S - (time.monotonic() - began)))
        goes_on(farm)


def test_a_link_that_forwards_nothing_and_closes_nothing(tmp_path: Path) -> None:
    with cluster() as server:
        server.create("shop")
        link = Proxy(server.socket)
        try:
            with sending(tmp_path, f"postgresql+psycopg://postgres@{link.server}/shop") as farm:
                link.freeze()
                try:
                    began = time.monotonic()
                    says_so(farm)
                    time.sleep(max(0.0, FROZEN_S - (time.monotonic() - began)))
                finally:
                    link.thaw()
                goes_on(farm)
        finally:
            link.close()
