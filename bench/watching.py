"""`python -m bench.watching PORT COOKIE KEY VIEWERS RATE`: browsers that poll the Farm, and programs that ask the API.

Each viewer does what the open Farm page does: every two seconds it asks for the bar and for the farm, on a connection
that stays open, and names the piece that it has. It asks this computer alone, ends when its standard input does, and
prints how many answers came, how many of them had nothing new, and how many failed.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, field

POLL_S = 2.0
LONGEST_S = 1800.0
PIECES = ("/fragment/bar?here=/&seen=", "/fragment/farm?seen=")


@dataclass
class Talk:
    """One connection that is kept, and what came of it."""

    port: int
    headers: str
    counted: Counter[str] = field(default_factory=Counter)
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str) -> str:
        """The body of an answer."""
        try:
            if self.streams is None:
                self.streams = await asyncio.open_connection("127.0.0.1", self.port)
            reader, writer = self.streams
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{self.headers}\r\n\r\n".encode())
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = re.search(r"(?i)\r\ncontent-length: (\d+)", head)
            body = await reader.readexactly(int(length[1]) if length else 0)
        except (OSError, asyncio.IncompleteReadError):
            self.streams = None
            self.counted["failed"] += 1
            return ""
        status = head.split()[1]
        self.counted["answered" if status in {"200", "204"} else "failed"] += 1
        self.counted["nothing new"] += status == "204"
        return body.decode("utf-8")


async def view(talk: Talk, later_s: float) -> None:
    """One open page."""
    marks = dict.fromkeys(PIECES, "")
    await asyncio.sleep(later_s)
    while True:
        began = asyncio.get_running_loop().time()
        for piece in PIECES:
            found = re.search(r"seen=(\w{16})", await talk.ask(piece + marks[piece]))
            marks[piece] = found[1] if found else marks[piece]
        await asyncio.sleep(max(0.0, began + POLL_S - asyncio.get_running_loop().time()))


async def program(talk: Talk, every_s: float, later_s: float) -> None:
    """A program that looks what became of its messages."""
    await asyncio.sleep(later_s)
    while True:
        began = asyncio.get_running_loop().time()
        await talk.ask("/v1/messages?limit=10")
        await asyncio.sleep(max(0.0, began + every_s - asyncio.get_running_loop().time()))


async def watch(port: int, cookie: str, key: str, viewers: int, rate: int) -> Counter[str]:
    """All of them at once, until standard input ends."""
    counted: Counter[str] = Counter()
    programs = min(rate, 10)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(view(Talk(port, f"Cookie: {cookie}\r\nHX-Request: true", counted), POLL_S * at / viewers))
            for at in range(viewers)
        ] + [
            group.create_task(
                program(Talk(port, f"Authorization: Bearer {key}", counted), programs / rate, at / rate)
            )
            for at in range(programs)
        ]  # fmt: skip
        try:
            async with asyncio.timeout(LONGEST_S):
                await asyncio.to_thread(sys.stdin.read)
        finally:
            for task in tasks:
                task.cancel()
    return counted


if __name__ == "__main__":
    place, who, secret, many, often = sys.argv[1:]
    print(json.dumps(asyncio.run(watch(int(place), who, secret, int(many), int(often)))))
