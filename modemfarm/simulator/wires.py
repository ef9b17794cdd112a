"""The two ways to reach a virtual modem: a pseudo-terminal for any program, a pipe inside this process for tests."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import termios
import tty
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from modemfarm.errors import LinkLostError, PortBusyError

MOST_UNREAD = 64 * 1024  # what a modem said while nobody reads; more is dropped, as a UART drops it
_RETRY_S = 0.05
_CHUNK = 65536

OnData = Callable[[bytes], None]


class Wire(Protocol):
    """The modem's end of its port."""

    def write(self, data: bytes) -> None:
        """Say something; never blocks. What exceeds the bound while nobody reads is lost."""

    def close(self) -> None:
        """Hang up: whoever has the port open sees it go."""


class PtyWire:
    """A pty; its slave side has a stable name and is kept open here, so that closing it outside ends nothing."""

    def __init__(self, link: Path, on_data: OnData) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_data = on_data
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)  # before anyone opens it: no echo, no line editing
        os.set_blocking(self._master, False)
        self.link = link
        self.device = os.ttyname(self._slave)
        self._unsent: deque[bytes] = deque()
        self._unsent_octets = 0
        self._retry: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._master, self._readable)
        _link(self.device, link)

    def _readable(self) -> None:
        try:
            data = os.read(self._master, _CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            return  # the slave is held open here, so this passes
        # Who claimed the port for itself alone loses that at a real port's last close, which never comes here.
        fcntl.ioctl(self._slave, termios.TIOCNXCL)
        if data:
            self._on_data(data)

    def write(self, data: bytes) -> None:
        if self._master < 0:
            return
        if not self._unsent:
            data = data[self._push(data) :]
        if data and self._unsent_octets < MOST_UNREAD:
            self._unsent.append(data)
            self._unsent_octets += len(data)
            if self._retry is None:
                self._retry = self._loop.call_later(_RETRY_S, self._drain)

    def _push(self, data: bytes) -> int:
        try:
            return os.write(self._master, data)
        except OSError:  # EAGAIN: the buffer is full, nobody reads
            return 0

    def _drain(self) -> None:
        self._retry = None
        while self._unsent:
            data = self._unsent.popleft()
            written = self._push(data)
            self._unsent_octets -= written
            if written < len(data):
                self._unsent.appendleft(data[written:])
                self._retry = self._loop.call_later(_RETRY_S, self._drain)
                return

    def close(self) -> None:
        if self._master < 0:
            return
        self._loop.remove_reader(self._master)
        if self._retry is not None:
            self._retry.cancel()
        with contextlib.suppress(OSError):
            if self.link.is_symlink() and str(self.link.readlink()) == self.device:
                self.link.unlink()
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1


def _link(device: str, link: Path) -> None:
    """Put the name in place in one step; a link of an earlier run is replaced."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(device)
    fresh.replace(link)


class PipeWire:
    """A pipe inside the process; what was said before somebody connects is kept, bounded."""

    def __init__(self, path: str, on_data: OnData) -> None:
        self.path = path
        self.on_data = on_data
        self.unread = bytearray()
        self.closed = False
        self.port: PipePort | None = None

    def write(self, data: bytes) -> None:
        if self.closed or len(self.unread) > MOST_UNREAD:
            return
        self.unread += data
        if self.port is not None:
            self.port.wake()

    def close(self) -> None:
        self.closed = True
        if self.port is not None:
            self.port.wake()

    def connect(self) -> PipePort:
        """Open the host's end.

        Raises:
            PortBusyError: it is open.
            LinkLostError: the modem is unplugged.
        """
        if self.closed:
            raise LinkLostError(f"{self.path}: no such port")
        if self.port is not None:
            raise PortBusyError(f"{self.path} is in use")
        self.port = PipePort(self)
        return self.port


class PipePort:
    """The host's end of a pipe: `path`, `read`, `write`, `abort`."""

    def __init__(self, wire: PipeWire) -> None:
        self._wire = wire
        self._waiter: asyncio.Future[None] | None = None
        self._aborted = False

    @property
    def path(self) -> str:
        return self._wire.path

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def read(self) -> bytes:
        """The next octets. Raises LinkLostError once the modem is unplugged, or after `abort`."""
        while True:
            if self._aborted:
                raise LinkLostError(f"{self.path}: closed")
            if self._wire.unread:
                data = bytes(self._wire.unread)
                self._wire.unread.clear()
                return data
            if self._wire.closed:
                raise LinkLostError(f"{self.path}: unplugged")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def write(self, data: bytes) -> None:
        """Send octets; the modem reads them when the loop turns. Raises LinkLostError."""
        if self._aborted or self._wire.closed:
            raise LinkLostError(f"{self.path}: closed")
        asyncio.get_running_loop().call_soon(self._wire.on_data, data)

    def abort(self) -> None:
        """Close this end; the modem goes on without it."""
        if not self._aborted:
            self._aborted = True
            self._wire.port = None
            self.wake()
