"""A way to a PostgreSQL server that breaks at a COMMIT: before it gets there, or before its answer comes back."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from typing import Literal

Moment = Literal["before", "after"]
_STARTUP = 0  # the first message of a connection has no letter
_ASKS = (b"Q", b"P")  # a query, and one that is to be parsed first
_COMPLETE, _READY = b"C", b"Z"


class Cutter:
    """A TCP port of this host that leads to a server's Unix socket and understands what passes.

    Attributes:
        cuts: how many COMMITs were cut.
    """

    def __init__(self, target: Path) -> None:
        self._target = str(target)
        self._armed: Moment | None = None
        self.cuts = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, database: str) -> str:
        """How to reach a database through here."""
        port = self._listener.getsockname()[1]
        return f"postgresql+psycopg://postgres@127.0.0.1:{port}/{database}?sslmode=disable&gssencmode=disable"

    def arm(self, moment: Moment) -> None:
        """Cut the connection of the next COMMIT, and only that one."""
        with self._lock:
            self._armed = moment

    def close(self) -> None:
        for one in (self._listener, *self._open):
            _end(one)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._target)
                self._open += [near, far]
                one = _Connection(self, near, far)
                for way in (one.asks, one.answers):
                    threading.Thread(target=way, daemon=True).start()

    def take(self) -> Moment | None:
        """The moment that is armed, for whoever asks first."""
        with self._lock:
            moment, self._armed = self._armed, None
            self.cuts += moment is not None
            return moment


class _Connection:
    """One connection; what it carries is forwarded message by message."""

    def __init__(self, cutter: Cutter, near: socket.socket, far: socket.socket) -> None:
        self._cutter, self._near, self._far = cutter, near, far
        self._cut = threading.Event()  # its COMMIT is through; of the answers nothing goes back

    def asks(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            self._far.sendall(_read(self._near, _STARTUP))
            while True:
                message = _read(self._near)
                moment = self._cutter.take() if _is_commit(message) else None
                if moment == "before":
                    break
                if moment == "after":
                    self._cut.set()
                self._far.sendall(message)
        _end(self._near)
        _end(self._far)

    def answers(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                message = _read(self._far)
                if not self._cut.is_set():
                    self._near.sendall(message)
                elif message[:1] == _COMPLETE and b"COMMIT" in message:  # it is done, and nobody will hear of it
                    break
        _end(self._near)
        _end(self._far)


def _is_commit(message: bytes) -> bool:
    return message[:1] in _ASKS and b"COMMIT\0" in message.upper()


def _read(end: socket.socket, letters: int = 1) -> bytes:
    """One message: a letter, its length with these four octets, the rest."""
    head = _octets(end, letters + 4)
    return head + _octets(end, int.from_bytes(head[letters:], "big") - 4)


def _octets(end: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        some = end.recv(count - len(found))
        if not some:
            raise EOFError
        found += some
    return found


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
