"""Wake-ups between processes of one host: a datagram to `state_dir/wake.sock`."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

NAME = "wake.sock"


@contextlib.contextmanager
def reachable(folder: Path, name: str = NAME) -> Iterator[str]:
    """A path of a socket that fits into a socket address (108 octets) however long the folder's is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{name}"
    finally:
        os.close(handle)


def wake(state_dir: Path) -> bool:
    """Tell the daemon that rows were committed.

    Returns:
        False when no daemon listens; its own look at the database once a second is the net.
    """
    try:
        with reachable(state_dir) as path, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(b"w", path)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def listen(state_dir: Path) -> socket.socket:
    """The daemon's end; a socket left by a killed daemon is replaced."""
    (state_dir / NAME).unlink(missing_ok=True)
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.setblocking(False)
    with reachable(state_dir) as path:
        receiver.bind(path)
    (state_dir / NAME).chmod(0o600)
    return receiver
