"""Ports that only say OK, or something unasked, or nothing; and what was opened and written."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass
class FakePort:
    path: str
    says: bytes
    answers: bool
    written: list[bytes]
    _queue: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    def __post_init__(self) -> None:
        if self.says:
            self._queue.put_nowait(self.says)

    async def read(self) -> bytes:
        return await self._queue.get()

    def write(self, data: bytes) -> None:
        self.written.append(data)
        if self.answers:
            self._queue.put_nowait(b"\r\nO")
            self._queue.put_nowait(b"K\r\n")

    def abort(self) -> None:
        pass


@dataclass
class FakeOpener:
    """Ports by the end of their names; `answering` say OK, `talking` say something unasked."""

    answering: set[str] = field(default_factory=set)
    talking: dict[str, bytes] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    written: dict[str, list[bytes]] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)

    async def open(self, path: str) -> FakePort:
        name = path.rpartition("/")[2]
        self.opened.append(name)
        if name in self.errors:
            raise self.errors[name]
        written = self.written.setdefault(name, [])
        return FakePort(path, self.talking.get(name, b""), name in self.answering, written)
