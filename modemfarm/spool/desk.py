"""What the spool's halves share: the database, the clock, the owner's eventhandler."""

from __future__ import annotations

import logging
import os
import queue
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from modemfarm.store.engine import Store, from_us
from modemfarm.store.offload import Offload

log = logging.getLogger(__name__)

HANDLED_WITHIN_S = 60.0
_OURS = ("MODEMFARM_", "NOTIFY_SOCKET", "WATCHDOG_")  # secrets, and the service manager's line to the daemon

T = TypeVar("T")


class EventHandler:
    """Runs a program for each event, one after the other, in a thread of its own.

    It is called as SMS Server Tools calls it: the kind of event, the file, for some the message id.

    Args:
        command: the program, as a shell would cut its words; "" runs none.
        folder: what a path of it is relative to.
    """

    def __init__(self, command: str, folder: Path, within_s: float = HANDLED_WITHIN_S) -> None:
        self._words = shlex.split(command)
        if self._words and "/" in self._words[0]:
            self._words[0] = str(folder / self._words[0])
        self._within_s = within_s
        self._events: queue.SimpleQueue[tuple[str, ...] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="eventhandler", daemon=True)
        self._stopping = False

    def start(self) -> None:
        """From here on it is called."""
        if self._words:
            self._thread.start()

    def stop(self) -> None:
        """No further call; the one that runs is waited for. The files tell what was not called for."""
        self._stopping = True
        self._events.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def put(self, *arguments: str) -> None:
        """Call it when its turn comes."""
        if self._words:
            self._events.put(arguments)

    def _work(self) -> None:
        while (arguments := self._events.get()) is not None and not self._stopping:
            self._run(arguments)

    def _run(self, arguments: tuple[str, ...]) -> None:
        words = [*self._words, *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        try:
            process = subprocess.Popen(  # noqa: S603 # the owner's program, and no shell
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment, start_new_session=True
            )
        except (OSError, ValueError) as error:
            log.error("eventhandler: %s cannot be started: %s", words[0], error)  # noqa: TRY400 # its words say it all
            return
        try:
            code = process.wait(self._within_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            log.warning("eventhandler: %s took longer than %g s and was killed", words[0], self._within_s)
            return
        if code:
            log.warning("eventhandler: %s ended with code %d for %s", words[0], code, arguments[0])


@dataclass(frozen=True, slots=True)
class Desk:
    """The spool's way to the rest of the farm."""

    store: Store
    offload: Offload
    host: str
    zone: ZoneInfo
    now: Callable[[], datetime]
    handler: EventHandler

    def look(self, work: Callable[..., T], *args: Any) -> T:
        """Read from the database."""
        return self.store.look(work, *args)

    def call(self, work: Callable[..., T], *args: Any) -> T:
        """Write to it; returns after COMMIT."""
        return self.offload.call(work, *args)

    def local(self, moment: datetime) -> str:
        """A time as SMS Server Tools writes it."""
        return moment.astimezone(self.zone).strftime("%y-%m-%d %H:%M:%S")

    def local_us(self, us: int) -> str:
        """The same for a time of the database."""
        return self.local(from_us(us))

    def tell(self, kind: str, file: Path, *more: str) -> None:
        """Have the eventhandler called."""
        self.handler.put(kind, str(file), *more)
