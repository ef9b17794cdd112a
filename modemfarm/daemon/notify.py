"""Tells systemd how the daemon is: ready, alive, stopping."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)


def notify(state: str, environ: Mapping[str, str] | None = None) -> bool:
    """Send one assignment, as ``READY=1``; False where nobody wants to know.

    Source: sd_notify(3): one datagram to the socket that NOTIFY_SOCKET names; "@" stands for an abstract one.
    """
    address = (os.environ if environ is None else environ).get("NOTIFY_SOCKET", "")
    if address[:1] not in {"/", "@"}:
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            link.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)
    except OSError as error:
        log.warning("systemd was not told %s: %s", state.partition("=")[0], error.strerror)
        return False
    return True


def watchdog_s(environ: Mapping[str, str]) -> float | None:
    """How often systemd must hear of us: half of what it allows; None: it does not watch.

    Source: sd_watchdog_enabled(3).
    """
    allowed = environ.get("WATCHDOG_USEC", "")
    if not allowed.isdigit() or int(allowed) == 0 or environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(allowed) / 1_000_000 / 2


async def feed_watchdog(alive: Callable[[], bool]) -> None:
    """Say WATCHDOG=1 for as long as the loop turns and `alive` agrees; returns at once where nobody watches."""
    every_s = watchdog_s(os.environ)
    if every_s is None:
        return
    while True:
        if alive():
            notify("WATCHDOG=1")
        await asyncio.sleep(every_s)
