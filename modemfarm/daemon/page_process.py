"""The daemon's end of its page: a process of its own that the daemon starts, starts again when it dies, and stops.

The daemon keeps the listening sockets, so that who connects while the page starts again waits instead of being refused.
A socket pair joins the two: what the page is built of goes over it, then a line whenever the daemon's memory knows of
trouble, and every 10 s the question whether it serves; its end is the end of the other side. A page that owes three
answers in a row is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modemfarm.config.load import Config
from modemfarm.daemon.lan import Opening
from modemfarm.daemon.logs import Format, Level
from modemfarm.daemon.page_start import die_with
from modemfarm.daemon.pulse import MISSES, Pulse, load
from modemfarm.errors import ModemfarmError
from modemfarm.webapp.settings import Doctor

log = logging.getLogger(__name__)

MODULE = "modemfarm.daemon.page_start"
READY = b"ready\n"
STOP = b"stop\n"
TROUBLE = "trouble"  # and words: the slug, if there is any, and SILENT
ASK = b"ask\n"
ALIVE = b"alive\n"
SILENT = "silent"  # the database's server has not answered the daemon for a while
SIZE_OCTETS = 4  # before what it is built of
MOST_LISTENERS = 64

READY_WITHIN_S = 120.0
STOP_WITHIN_S = 15.0
LOOK_EVERY_S = 0.25
BURY_EVERY_S = 0.02
FIRST_REST_S = 0.5
LONGEST_REST_S = 15.0
HUNG = "hung"  # how it ended, where it did not die by itself
STEADY_S = 60.0  # a page that lived so long begins with the first rest again


@dataclass(frozen=True, slots=True)
class Handed:
    """What the page is built of, besides the sockets that listen, that of `http.listen` first.

    Attributes:
        alert_ways: who is told, as `Alarm.ways` names them.
        log: format and level of the daemon's own.
        daemon: process id of who started it.
    """

    config: Config
    door: Opening = field(default_factory=Opening)
    demo: Path | None = None
    doctor: Doctor | None = None
    alert_ways: tuple[str, ...] = ()
    log: tuple[Format, Level] = ("text", "info")
    daemon: int = field(default_factory=os.getpid)


class Born:
    """A process that will be the page once it is handed what that takes."""

    def __init__(self) -> None:
        """Start it.

        While this process has one thread and no connection, by a fork, which costs neither time nor memory.

        Raises:
            OSError: it cannot be started.
        """
        self._buried = False
        self.channel, theirs = socket.socketpair()
        with theirs:
            try:
                self._pid = self._fork(theirs) if threading.active_count() == 1 else _execute(theirs)
            except OSError:
                self.channel.close()
                raise

    def _fork(self, theirs: socket.socket) -> int:
        daemon = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        try:
            die_with(daemon)
            os.setpgid(0, 0)
            self.channel.close()
            from modemfarm.daemon import page_child  # noqa: PLC0415 # Flask and all that only the page needs

            page_child.main(theirs)
        except Exception:
            log.exception("the page's process ends")
        finally:
            os._exit(1)

    async def hand(self, what: bytes, opened: Sequence[socket.socket]) -> None:
        """Give it what it is built of: a farm of some hundred SIMs says more than a socket keeps until it is read.

        Raises:
            OSError: it is gone.
        """
        socket.send_fds(self.channel, [len(what).to_bytes(SIZE_OCTETS)], [listener.fileno() for listener in opened])
        self.channel.setblocking(False)
        await asyncio.get_running_loop().sock_sendall(self.channel, what)

    async def ended(self, within_s: float = 0.0) -> str:
        """Have it dead after so long at the latest; how it ended."""
        self.channel.close()
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        while (code := self._bury()) is None:
            if loop.time() >= until:
                os.kill(self._pid, signal.SIGKILL)
            await asyncio.sleep(BURY_EVERY_S)
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def _bury(self) -> int | None:
        """How it ended, as `Popen.returncode`; None while it lives."""
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        self._buried = pid != 0
        return os.waitstatus_to_exitcode(status) if pid else None

    def end(self) -> None:
        """The same at once, where nothing came of the daemon."""
        if self._buried:
            return
        self.channel.close()
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _execute(theirs: socket.socket) -> int:
    command = [sys.executable, "-P", "-m", MODULE, str(os.getpid())]  # what the daemon imports from, and no more
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    actions = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)]
    return os.posix_spawn(sys.executable, command, environment, file_actions=actions, setpgroup=0)


class PageProcess:
    """The page, the API and the doors beside them, in a process that this one watches.

    Args:
        opened: what it listens on; closed at the end.
        trouble: what the page shall know while the daemon cannot work: a slug, SILENT.
    """

    def __init__(
        self, born: Born, handed: Handed, opened: Sequence[socket.socket], trouble: Callable[[], Sequence[str]]
    ) -> None:
        self._born: Born | None = born
        self._handed = pickle.dumps(handed)
        self._opened, self._trouble = tuple(opened), trouble
        self._ends = 0  # of pages that died, or hung
        self._last_end: tuple[datetime, str] | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def start(self) -> None:
        """Have it answer.

        Raises:
            ModemfarmError: it does not.
        """
        try:
            ready = await self._begin()
        except OSError as error:
            raise ModemfarmError(f"the page's process cannot be started: {error.strerror}") from error
        if not ready:
            raise ModemfarmError("the page's process did not start")

    async def watch(self) -> None:
        """Tell it of trouble, and start it again when it dies; until cancelled."""
        loop = asyncio.get_running_loop()
        began, rest_s = loop.time(), FIRST_REST_S
        while True:
            hung = False
            with contextlib.suppress(OSError):
                hung = await self._talk()
            how = await self._end()
            self._ends, self._last_end = self._ends + 1, (datetime.now(UTC), HUNG if hung else how)
            if loop.time() - began > STEADY_S:
                rest_s = FIRST_REST_S
            log.error("the page's process ended (%s); it is started again in %g s", how, rest_s)
            await asyncio.sleep(rest_s)
            began, rest_s = loop.time(), min(2 * rest_s, LONGEST_REST_S)
            try:
                self._born = Born()
                if await self._begin():
                    log.info("the page answers again")
            except OSError as error:
                log.error("the page's process cannot be started: %s", error.strerror)  # noqa: TRY400 # the system's word

    async def told(self, _asked: Mapping[str, Any], _who: str) -> object:
        """`page` of control.sock: how many pages ended since the daemon began, and of the last one when and how."""
        if self._last_end is None:
            return {"ends": self._ends}
        at, how = self._last_end
        return {"ends": self._ends, "at": at.isoformat(), "how": how}

    async def stop(self) -> None:
        """Let it answer what it has begun, end it, and listen no longer."""
        with contextlib.suppress(OSError):
            self._writer.write(STOP)
            await self._writer.drain()
        await self._end(STOP_WITHIN_S)
        for listener in self._opened:
            listener.close()

    async def _begin(self) -> bool:
        """Whether the process that was born answers.

        Raises:
            OSError: it is gone.
        """
        assert self._born is not None
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await self._born.hand(self._handed, self._opened)
                self._reader, self._writer = await asyncio.open_connection(sock=self._born.channel.dup())
                return await self._reader.readline() == READY
        except (TimeoutError, ConnectionError):
            return False

    async def _talk(self) -> bool:
        """Until it hangs up, or hangs: then True."""
        loop = asyncio.get_running_loop()
        told: list[str] = []
        pulse = Pulse(loop.time())
        while self._born is not None:
            if pulse.ask(loop.time(), load()):
                if pulse.hangs:
                    log.error("the page's process lives and owes %d answers in a row: it is killed", MISSES)
                    return True
                self._writer.write(ASK)
            if (trouble := list(self._trouble())) != told:
                told = trouble
                self._writer.write(" ".join((TROUBLE, *trouble)).encode() + b"\n")
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    if not await self._reader.read(64):
                        return False
                pulse.heard()
            except TimeoutError:
                continue
        return False

    async def _end(self, within_s: float = 0.0) -> str:
        born, self._born = self._born, None
        if born is None:
            return "not started"
        how = await born.ended(within_s)
        self._writer.close()
        return how
