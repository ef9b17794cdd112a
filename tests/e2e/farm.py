"""A farm of real processes: simulator and daemon, talked to by HTTP, command line and the simulator's control socket."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from modemfarm.simulator.control import ask
from tests.e2e.judging import Text, Verdict, judge, read_log
from tests.patience import BUSY, PATIENT_S

PROGRAM = (sys.executable, "-m", "modemfarm")
READY_WITHIN_S = 40.0
FINAL = frozenset({"delivered", "undelivered", "failed", "expired", "canceled", "refused", "unknown"})
Json = dict[str, Any]


class Answer(tuple[int, Any]):
    """Status and document of an HTTP answer."""

    __slots__ = ()


def free_port() -> int:
    """A TCP port of this host that nobody uses now, of those that no outgoing connection is given meanwhile."""
    while True:
        port = random.SystemRandom().randrange(12_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def until(what: Callable[[], object], within_s: float, why: Callable[[], object] | str, every_s: float = 0.05) -> Any:
    """Poll another process's public face until it says something true; that is the value.

    Args:
        within_s: on a quiet machine; a busy one has `BUSY` times as long.

    Raises:
        AssertionError: it did not in time.
    """
    end = time.monotonic() + within_s * BUSY
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"not within {within_s * BUSY:g} s: {why if isinstance(why, str) else why()}")
        time.sleep(every_s)


class RealFarm:
    """One simulator and one daemon in a folder.

    Args:
        result_within: the daemon's wait for +CMGS; a crashed part is listened for so long.
        yaml: more lines for config.yaml.
        wrapper: words before the daemon's own, such as strace's.
        state_dir: where the daemon keeps its things; inside `folder` by default.
    """

    def __init__(
        self,
        folder: Path,
        *,
        modems: int = 2,
        families: Sequence[str] = (),
        airtime_ms: float = 20,
        report_ms: float = 50,
        result_within: str = "2s",
        plan: str = "unlimited",
        yaml: str = "",
        wrapper: Sequence[str] = (),
        state_dir: Path | None = None,
        chatter_ms: float = 30000,
    ) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sim_folder = folder / "sim"
        self.log_path = self.sim_folder / "smsc.jsonl"
        self.state_dir = state_dir or folder / "state"
        self.config = folder / "config.yaml"
        self.port = free_port()
        self.config.write_text(
            f"state_dir: {self.state_dir}\n"
            f'http: {{listen: "127.0.0.1:{self.port}"}}\n'
            f'modems: {{discover: false, ports: ["{self.sim_folder}/ttyV*"], result_within: {result_within}}}\n'
            f"default_plan: {plan}\nsending: {{allow_countries: all}}\n{yaml}",
            "utf-8",
        )
        self._simulate = ["simulate", "--modems", str(modems), "--dir", str(self.sim_folder), "--seed", "7"]
        self._simulate += ["--airtime-ms", str(airtime_ms), "--report-ms", str(report_ms)]
        self._simulate += ["--chatter-ms", str(chatter_ms)]
        for family in families:
            self._simulate += ["--family", family]
        self.wrapper = tuple(wrapper)
        self.address = "127.0.0.1"  # of the API
        self.simulator: subprocess.Popen[bytes] | None = None
        self.daemon: subprocess.Popen[bytes] | None = None
        self._key = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (self.daemon, self.simulator):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait(PATIENT_S)

    # --- processes

    def start(self) -> Self:
        """Simulator, then daemon, then a modem that can send."""
        try:
            self.start_simulator()
            self.start_daemon()
            self.wait_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def start_simulator(self) -> None:
        """Start the virtual modems and wait for their ports."""
        with (self.folder / "simulate.log").open("ab") as out:
            self.simulator = subprocess.Popen([*PROGRAM, *self._simulate], stdout=out, stderr=out)
        until(self._simulator_answers, 20, "the simulator's control socket")

    def _simulator_answers(self) -> bool:
        with contextlib.suppress(OSError):
            self.ctl("stats")
            return True
        return False

    def start_daemon(self) -> int:
        """Start `modemfarm run`; its process id."""
        if not self._key:
            self._key = str(self.cli("keys", "create", "test", "--json").document["key"])
        with (self.folder / "run.log").open("ab") as out:
            self.daemon = subprocess.Popen(
                [*self.wrapper, *PROGRAM, "-c", str(self.config), "run"], stdout=out, stderr=out
            )
        return self.daemon.pid

    @property
    def key(self) -> str:
        """The API key that it is spoken to with."""
        return self._key

    def use_key_of(self, other: RealFarm) -> None:
        """Speak to the API with another farm's key: both use one database."""
        self._key = other._key

    def wait_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Wait for /readyz."""
        until(self.is_ready, within_s, lambda: f"/readyz; the daemon said: {self.said()[-2000:]}")

    def is_ready(self) -> bool:
        """Whether /readyz says 200; a daemon that ended is an error."""
        assert self.daemon is not None
        assert self.daemon.poll() is None, f"the daemon ended with {self.daemon.returncode}: {self.said()[-3000:]}"
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.http("GET", "/readyz")[0] == 200
        return False

    def page(self) -> int:
        """The process id of the daemon's page."""
        assert self.daemon is not None
        pid = self.daemon.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()[0])

    def wait_killed(self, within_s: float = PATIENT_S) -> float:
        """Wait until the simulator has killed the daemon; when that was seen."""
        assert self.daemon is not None
        assert self.daemon.wait(within_s) == -signal.SIGKILL, self.said()[-3000:]
        return time.time()

    def restart(self) -> None:
        """Start the daemon again after its death and wait until it can send."""
        self.start_daemon()
        self.wait_ready()

    def terminate(self, within_s: float = PATIENT_S) -> tuple[int, float]:
        """SIGTERM the daemon; its exit code and how long it took."""
        assert self.daemon is not None
        began = time.monotonic()
        self.daemon.send_signal(signal.SIGTERM)
        return self.daemon.wait(within_s), time.monotonic() - began

    def said(self) -> str:
        """What the daemon logged."""
        path = self.folder / "run.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    # --- the simulator

    def ctl(self, verb: str, *args: object) -> Any:
        """`modemfarm simulate ctl`, by its socket: a command's start would cost more than the test."""
        return ask(self.sim_folder / "control.sock", verb, *(str(item) for item in args))

    def fault(self, number: int, name: str, arg: str = "", count: int | None = None) -> None:
        """Give a modem a fault."""
        self.ctl("fault", number, name, arg, *(() if count is None else (count,)))

    def kill_at(self, moment: str, count: int = 1, pid: int | None = None) -> None:
        """Have the simulator kill -9 the daemon (or `pid`) at a moment."""
        assert self.daemon is not None
        self.ctl("kill-at", moment, pid or self.daemon.pid, count)

    def on_air(self) -> int:
        """How many parts were given to the network so far, whatever became of them."""
        return sum(int(modem["ctrl_z"]) for modem in self.ctl("stats")["modems"])

    def landed(self) -> int:
        """The same, once nothing that was on its way there is still on it: sending has been stopped by something."""
        before, now = -1, self.on_air()
        while now != before or len(self.log("submit")) < now:
            time.sleep(1.5)
            before, now = now, self.on_air()
        return now

    def log(self, event: str | None = None) -> list[Json]:
        """The lines of smsc.jsonl."""
        return [line for line in read_log(self.log_path) if event in {None, line["event"]}]

    def judge(self, wanted: Iterable[Text]) -> Verdict:
        """What the network saw of these texts."""
        return judge(self.log(), wanted)

    # --- the product's doors

    def http(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = PATIENT_S,
    ) -> Answer:
        """Call the HTTP API; bytes go as they are, everything else as JSON."""
        connection = http.client.HTTPConnection(self.address, self.port, timeout=timeout_s)
        sent = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json", **(headers or {})}
        octets = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(method, path, octets, sent)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        try:
            return Answer((response.status, json.loads(text) if text else None))
        except ValueError:
            return Answer((response.status, text.decode("utf-8", "replace")))

    def get(self, path: str) -> Any:
        """A document of the API."""
        status, document = self.http("GET", path)
        assert status == 200, (status, document)
        return document

    def listed(self, path: str) -> list[Json]:
        """Every row of a list of the API."""
        found: list[Json] = []
        mark = "&" if "?" in path else "?"
        cursor = ""
        while True:
            page = self.get(f"{path}{mark}limit=1000{cursor}")
            found += page["data"]
            if not page["next"]:
                return found
            cursor = f"&cursor={page['next']}"

    def submit(self, texts: Iterable[Text], key: str = "", **fields: object) -> Json:
        """POST one batch of texts; under the same key and for the same texts it is one batch."""
        rows = b"".join(json.dumps({"to": to, "text": text, **fields}).encode() + b"\n" for to, text in texts)
        headers = {"Content-Type": "application/x-ndjson"} | ({"Idempotency-Key": key} if key else {})
        status, document = self.http("POST", "/v1/batches", rows, headers)
        assert status == 202, (status, document)
        assert document["rejected"] == 0, document
        return dict(document)

    def messages(self) -> list[Json]:
        """All messages, newest first."""
        return self.listed("/v1/messages")

    def wait_final(self, within_s: float = 60.0) -> list[Json]:
        """Wait until every message has a final state or is unknown; all of them."""
        open_states = ("scheduled", "held", "queued", "sending", "sent")
        query = "&".join(f"state={state}" for state in open_states)
        until(
            lambda: self.get(f"/v1/messages?{query}&limit=1")["data"] == [],
            within_s,
            lambda: self._still_open(query),
            0.1,
        )
        return self.messages()

    def _still_open(self, query: str) -> str:
        rows = self.listed(f"/v1/messages?{query}")
        kinds = Counter((row["state"], str(row["reason"]), *(part["state"] for part in row["parts"])) for row in rows)
        return f"{kinds} are open; {self.get('/v1/modems')['data']}; {self.said()[-3000:]}"

    def sim(self, number: int) -> Json:
        """The SIM now in a virtual modem, as `sims list --json` shows it."""
        iccid = self.ctl("stats")["modems"][number]["iccid"]
        return next(row for row in self.get("/v1/sims")["data"] if row["iccid"] == iccid)

    def cli(self, *words: str, within_s: float = PATIENT_S, stdin: str | None = None) -> Finished:
        """Run a command of the product with this farm's configuration."""
        return run_cli("-c", str(self.config), *words, within_s=within_s, stdin=stdin)

    def parts_in_doubt(self) -> set[tuple[int, int]]:
        """(message, part number) of the parts with step 3 committed and no result, asked while no daemon lives."""
        listed = self.cli("messages", "list", "--json", "--limit", "1000", "--state", "sending").document
        return {
            (row["id"], part["number"])
            for row in listed["data"]
            for part in row["parts"]
            if part["state"] == "submitting"
        }


class Finished:
    """A command that ended: exit code, what it printed, and that as JSON."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


def run_cli(*words: str, within_s: float = PATIENT_S, stdin: str | None = None, cwd: Path | None = None) -> Finished:
    """Run a command of the product."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MODEMFARM_")}
    return Finished(
        subprocess.run(
            [*PROGRAM, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=within_s,
            input=stdin,
            cwd=cwd,
            env=environment | {"LC_ALL": "C.UTF-8"},
        )
    )


def mixed_texts(count: int, *, first: int = 0) -> list[Text]:
    """So many different texts to as many people: ASCII, Chinese, emoji, brackets, two and three parts."""
    shapes = (
        "Hello number {i}",
        "您好,订单{i}已发货",
        "Emoji 😀🚚 {i}",
        "Long {i}" + " abc def" * 24,  # no blank at the end: a spool file loses it
        "[brackets] {i} €",
        "长{i}" + "长" * 80,
    )
    return [(f"+49170{1000000 + i}", shapes[i % len(shapes)].format(i=i)) for i in range(first, first + count)]
