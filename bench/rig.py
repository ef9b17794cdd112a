"""A farm to measure: simulator and daemon as processes of their own, driven through the product's outside."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.machine import cpu_s, family
from modemfarm.simulator.control import ask
from modemfarm.store import keys, migrations
from modemfarm.store.engine import Store
from tests.e2e.farm import free_port

START_WITHIN_S = 240.0
STOP_WITHIN_S = 240.0
PROFILE_TO = "MODEMFARM_BENCH_PROFILE"  # a file: the daemon runs under cProfile and leaves its numbers there

CONFIG = """\
state_dir: state
http: {{listen: "127.0.0.1:{port}"}}
modems: {{discover: false, ports: ["{ports}/ttyV*"], result_within: {within}s}}
default_plan: unlimited
sending: {{allow_countries: all}}
"""


def now() -> datetime:
    return datetime.now(UTC)


def wait_for(what: str, done: Callable[[], bool], within_s: float = START_WITHIN_S, step_s: float = 0.1) -> None:
    """Poll until something is so.

    Raises:
        TimeoutError: it did not become so.
    """
    until = time.monotonic() + within_s
    while not done():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {within_s:g} s for: {what}")
        time.sleep(step_s)


class Rig:
    """One running farm.

    Attributes:
        key: an API key with every right.
        daemon, simulator: their processes.
    """

    def __init__(self, folder: Path, modems: int, port: int) -> None:
        self.folder = folder
        self.modems = modems
        self.port = port
        self.state = folder / "state"
        self.sim = folder / "sim"
        self.config = folder / "config.yaml"
        self.store = Store("sqlite:///modemfarm.db", self.state)
        self.key = ""
        self.daemon: subprocess.Popen[bytes]
        self.simulator: subprocess.Popen[bytes]

    # --- looking

    def log(self, event: str) -> list[dict[str, Any]]:
        """The network's own log: the lines of one kind."""
        wanted = f'"event": "{event}"'
        with (self.sim / "smsc.jsonl").open(encoding="utf-8") as file:
            return [json.loads(line) for line in file if wanted in line or f'"event":"{event}"' in line]

    def value(self, sql: str, **binds: object) -> Any:
        with self.store.read() as tx:
            return tx.value(sql, **binds)

    def stats(self) -> dict[str, Any]:
        result = ask(self.sim / "control.sock", "stats")
        assert isinstance(result, dict)
        return result

    def cpu(self) -> tuple[float, float]:
        """Processor seconds so far: the daemon's with its page, the simulator's."""
        return sum(map(cpu_s, family(self.daemon.pid))), cpu_s(self.simulator.pid)

    # --- asking

    def http(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Any:
        """One request to the daemon; its JSON answer.

        Raises:
            RuntimeError: it said no.
        """
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)) as peer:
            return self.over(peer, method, path, body, kind)

    def over(
        self, peer: http.client.HTTPConnection, method: str, path: str, body: bytes, kind: str = "application/json"
    ) -> Any:
        """The same over a connection that stays open."""
        peer.request(method, path, body, {"Authorization": f"Bearer {self.key}", "Content-Type": kind})
        answer = peer.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text) if text else None

    def submit(self, rows: Sequence[dict[str, Any]]) -> Any:
        """Hand rows to the daemon as one HTTP batch; back once they are durable."""
        octets = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
        return self.http("POST", "/v1/batches", octets, "application/x-ndjson")

    # --- starting and stopping

    def start(self, simulate: Sequence[str], *, wait: bool = True) -> None:
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        with (self.folder / "sim.log").open("wb") as out:
            self.simulator = subprocess.Popen(
                [sys.executable, "-m", "modemfarm", "simulate", "--modems", str(self.modems), "--dir", str(self.sim),
                 *simulate],
                stdout=out, stderr=out, env=env,
            )  # fmt: skip
        wait_for("the simulator's ports", self._simulated)
        module = "bench.profiled" if env.get(PROFILE_TO) else "modemfarm"
        with (self.folder / "daemon.log").open("wb") as out:
            self.daemon = subprocess.Popen(
                [sys.executable, "-m", module, "-c", str(self.config), "run"], stdout=out, stderr=out, env=env
            )
        if wait:
            wait_for("every modem to be ready", self._ready)

    def _simulated(self) -> bool:
        if self.simulator.poll() is not None:
            raise RuntimeError(f"the simulator ended: {(self.folder / 'sim.log').read_text()[-2000:]}")
        return (self.sim / "control.sock").exists()

    def _ready(self) -> bool:
        if self.daemon.poll() is not None:
            raise RuntimeError(f"the daemon ended: {(self.folder / 'daemon.log').read_text()[-2000:]}")
        return bool(self.value("SELECT count(*) FROM modems WHERE state = 'working'") >= self.modems)

    def stop(self) -> None:
        for process in (getattr(self, "daemon", None), getattr(self, "simulator", None)):
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.store.close()


@contextlib.contextmanager
def farm(
    modems: int, *, airtime_ms: int = 0, report_ms: int = 200, within_s: int = 20, keep: bool = False
) -> Iterator[Rig]:
    """A farm whose modems are all ready; gone again afterwards."""
    with folder(keep=keep) as place:
        port = free_port()
        rig = Rig(place, modems, port)
        rig.state.mkdir(mode=0o700)
        rig.config.write_text(CONFIG.format(port=port, ports=rig.sim, within=within_s))
        migrations.upgrade(rig.store, now())
        rig.key = rig.store.run(keys.create_key, "bench", (), now())
        try:
            rig.start(["--airtime-ms", str(airtime_ms), "--report-ms", str(report_ms), "--chatter-ms", "0"])
            yield rig
        finally:
            rig.stop()


@contextlib.contextmanager
def folder(*, keep: bool = False) -> Iterator[Path]:
    """A folder for databases, on the disk that TMPDIR names."""
    place = Path(tempfile.mkdtemp(prefix="modemfarm-bench-"))
    try:
        yield place
    finally:
        if not keep:
            shutil.rmtree(place, ignore_errors=True)


def numbers(start: int, count: int) -> list[str]:
    """German mobile numbers, each a person of its own."""
    return [f"+49170{1_000_000 + start + index}" for index in range(count)]
