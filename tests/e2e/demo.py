"""`modemfarm demo` as a stranger starts it: a session of processes, and what it printed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modemfarm.simulator.control import ask
from tests.e2e.farm import PROGRAM, free_port, until
from tests.patience import PATIENT_S

READY_WITHIN_S = 90.0


class Demo:
    """A demo of its own in a folder; started when made."""

    def __init__(self, folder: Path, *options: str, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self._out = folder.with_name(f"{folder.name}-{self.port}.out")
        command = [*PROGRAM, "demo", "--dir", str(folder), "--port", str(self.port), *options]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MODEMFARM_")}
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env=environment | {"LC_ALL": "C.UTF-8"},
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """What it printed so far."""
        return self._out.read_text("utf-8", "replace")

    def wait_ready(self) -> None:
        """Wait for what a person waits for: the login link and the rest of what it tells."""

        def told() -> bool:
            assert self.process.poll() is None, self.said
            return "Ctrl-C ends the demo" in self.said

        until(told, READY_WITHIN_S, lambda: self.said)

    @property
    def login_link(self) -> str:
        """The one-time link it printed."""
        return re.findall(r"https?://\S+/login\?token=\S+", self.said)[0]

    @property
    def key(self) -> str:
        """The API key it printed."""
        return re.findall(r"API key +(mf_\S+)", self.said)[0]

    @property
    def curl(self) -> str:
        """The ready command it printed, word by word with its line breaks."""
        return re.findall(r"curl .*?/v1/messages$", self.said, re.DOTALL | re.MULTILINE)[0]

    def api(self, path: str, body: object = None) -> Any:
        """What the API answers with the printed key: to a GET, or to a POST of `body`."""
        request = urllib.request.Request(
            self.base + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENT_S) as answer:
            return json.loads(answer.read())

    def state_of(self, message: int) -> str:
        """A message's state."""
        return str(self.api(f"/v1/messages/{message}")["state"])

    def control(self, verb: str, *args: object) -> Any:
        """`modemfarm simulate ctl`, by its socket."""
        return ask(self.folder / "sim" / "control.sock", verb, *(str(arg) for arg in args))

    def processes(self) -> list[str]:
        """The command lines of all processes of its session that still live."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it ended while we looked
                state, _, _, session = stat.read_text("utf-8", "replace").rpartition(")")[2].split()[:4]
                if int(session) == self.process.pid and state not in {"Z", "X"}:
                    found.append(stat.with_name("cmdline").read_text("utf-8", "replace").replace("\0", " "))
        return found

    def end(self, number: signal.Signals = signal.SIGTERM, *, group: bool = False) -> int:
        """Send it a signal, or to its whole group as a terminal does; its exit code."""
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        return self.process.wait(PATIENT_S)

    def clear(self) -> None:
        """Leave nothing behind, whatever the test found."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENT_S)


@contextmanager
def demo(folder: Path, *options: str) -> Iterator[Demo]:
    """A demo that has told how to use it, ended in order afterwards."""
    running = Demo(folder, *options)
    try:
        running.wait_ready()
        yield running
        if running.process.poll() is None:
            running.end()
    finally:
        running.clear()
