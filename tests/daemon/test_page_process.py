"""The daemon's end of its page, which goes on with its own work while that process starts."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from typing import cast

from modemfarm.daemon.page_process import MOST_LISTENERS, READY, SIZE_OCTETS, Born, Handed, PageProcess

LATE_S = 10.0  # after which the page reads though the daemon's loop has not turned: it never would
MUCH = b"a card" * 200_000  # more than a socket keeps


class SlowPage(Born):
    """A page that reads nothing until it is told to."""

    def __init__(self) -> None:
        self.channel, self._theirs = socket.socketpair()
        self.read_now = threading.Event()
        self.was_told = False
        self.given: list[int] = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        self.was_told = self.read_now.wait(LATE_S)
        size, opened, _, _ = socket.recv_fds(self._theirs, SIZE_OCTETS, MOST_LISTENERS)
        for listener in opened:
            os.close(listener)
        left = int.from_bytes(size)
        while left and (piece := self._theirs.recv(min(left, 65536))):
            left -= len(piece)
        self.given = opened
        self._theirs.sendall(READY)

    async def ended(self, within_s: float = 0.0) -> str:
        """It has answered."""
        del within_s
        self._thread.join()
        self._theirs.close()
        self.channel.close()
        return "exit code 0"


async def test_a_page_that_is_slow_to_read_what_it_is_built_of_keeps_nobody_waiting() -> None:
    slow = SlowPage()
    page = PageProcess(slow, cast(Handed, MUCH), [socket.create_server(("127.0.0.1", 0))], list)
    async with asyncio.TaskGroup() as group:
        group.create_task(page.start())
        for _ in range(3):
            await asyncio.sleep(0)
        slow.read_now.set()  # the loop turns while nothing is read
    assert slow.was_told
    assert len(slow.given) == 1
    await page.stop()
