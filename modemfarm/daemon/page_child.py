"""The page's own process: it serves what the daemon hands it, after whatever is on the air, and dies with it."""

from __future__ import annotations

import os
import pickle
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Never, cast

from modemfarm.daemon import logs
from modemfarm.daemon.demo import SimulatedNetwork
from modemfarm.daemon.line import Line, LineError
from modemfarm.daemon.page import deps
from modemfarm.daemon.page_process import (
    ALIVE,
    ASK,
    MOST_LISTENERS,
    READY,
    SILENT,
    SIZE_OCTETS,
    STOP,
    TROUBLE,
    Handed,
)
from modemfarm.daemon.pulse import load
from modemfarm.errors import StoreError
from modemfarm.store.engine import Store
from modemfarm.store.offload import Offload
from modemfarm.webapp.app import create_app
from modemfarm.webapp.server import serve
from modemfarm.webapp.settings import WebDeps

NICE = 2  # what is on the air goes first


class Page:
    """The farm as this process reaches it.

    Attributes:
        trouble: what the daemon said last.
    """

    def __init__(self, handed: Handed, opened: Sequence[socket.socket]) -> None:
        """Answer from now on."""
        self.trouble: str | None = None
        self._handed = handed
        config, door = handed.config, handed.door
        self._store = Store(config.database, config.state_dir)
        self._offload = Offload(self._store, checkpoints=False)  # the daemon makes them
        noticed, self._silent = self._store.silent, False
        self._store.silent = lambda: self._silent or noticed()
        self._offload.start()
        web = self._deps()
        self._server = serve(
            create_app(web), web.settings, door.certificate, door.addresses, door.lan_certificate, opened
        )

    def know(self, trouble: list[str]) -> None:
        """What troubles the daemon now."""
        self._silent = SILENT in trouble
        self.trouble = next((slug for slug in trouble if slug != SILENT), None)

    def stop(self) -> None:
        """End what was begun."""
        self._server.stop()
        self._offload.stop()
        self._store.close()

    def serves(self) -> bool:
        """Whether requests are answered, as slowly as this machine is now."""
        return self._server.serves(load())

    def _write(self, work: Callable[..., Any], *args: Any) -> Any:
        """Run a function of the store; who waits for a modem looks into the store all the time, and does not hang."""
        answer = self._offload.call(work, *args)
        self._server.moved()
        return answer

    def _deps(self) -> WebDeps:
        handed = self._handed
        demo = (
            None if handed.demo is None else SimulatedNetwork(handed.demo / "control.sock", self._store, handed.daemon)
        )
        return replace(
            deps(handed.config, self._store, self._write),
            demo=demo,
            doctor=handed.doctor,
            trouble=lambda: self.trouble,
            test_alerts=self._test_alerts,
            alert_ways=handed.alert_ways,
        )

    def _test_alerts(self) -> list[dict[str, str]]:
        try:
            with Line(self._handed.config.state_dir) as line:
                return cast(list[dict[str, str]], line.ask("alerts_test", patience_s=60.0)["data"])
        except LineError as error:
            if error.code == "store":
                raise StoreError(str(error)) from error
            return []  # the daemon is stopping


def main(channel: socket.socket) -> Never:
    """Serve until the daemon says stop, or is gone.

    Args:
        channel: one end of a pair; the daemon has the other.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # a service's stop reaches all of its processes: the daemon says when
    os.nice(NICE)
    size, opened, _, _ = socket.recv_fds(channel, SIZE_OCTETS, MOST_LISTENERS)
    if not size:
        os._exit(1)
    told = channel.makefile("rb")
    handed: Handed = pickle.loads(told.read(int.from_bytes(size)))  # noqa: S301 # our own daemon's
    logs.start(*handed.log)
    page = Page(handed, [socket.socket(fileno=number) for number in opened])
    channel.sendall(READY)
    for line in told:
        if line == STOP:
            page.stop()
            break
        if line == ASK:
            if page.serves():
                channel.sendall(ALIVE)
            continue
        page.know(line.decode("ascii").removeprefix(TROUBLE).split())
    os._exit(0)  # threads may still wait for a modem
