"""A host of the plainest kind: writes lines, collects what comes until an end."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Any

from modemfarm.gsm.splitting import split
from modemfarm.gsm.tpdu import encode_submit
from modemfarm.simulator.simulation import Simulation
from modemfarm.simulator.wires import PipePort

FINAL = re.compile(rb"\r\n(OK|ERROR|\+CM[ES] ERROR: [^\r]*|COMMAND NOT SUPPORT)\r\n|\r\n> ")
PHONE = "+8613800138000"


class Host:
    def __init__(self, port: PipePort) -> None:
        self.port = port
        self.unread = b""

    async def until(self, *ends: bytes, within_s: float = 2.0) -> str:
        """All octets until one of the ends is there; without any, a final result or a prompt."""
        async with asyncio.timeout(within_s):
            while not (any(end in self.unread for end in ends) if ends else FINAL.search(self.unread)):
                self.unread += await self.port.read()
        heard, self.unread = self.unread, b""
        return heard.decode("latin-1")

    async def ask(self, command: str, *ends: bytes, within_s: float = 2.0) -> str:
        """The answer to one command, without line ends at its edges."""
        self.port.write(f"AT{command}\r".encode())
        return (await self.until(*ends, within_s=within_s)).strip("\r\n")

    async def lines(self, command: str) -> list[str]:
        return [line for line in (await self.ask(command)).split("\r\n") if line]

    async def silent(self, for_s: float = 0.05) -> bool:
        """Whether nothing comes for a while."""
        try:
            async with asyncio.timeout(for_s):
                self.unread += await self.port.read()
        except TimeoutError:
            return not self.unread
        return False

    async def hush(self, for_s: float = 0.05) -> str:
        """All octets until nothing comes for a while."""
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(for_s):
                    self.unread += await self.port.read()
        heard, self.unread = self.unread, b""
        return heard.decode("latin-1")

    async def submit(self, text: str, to: str = PHONE, *, report: bool = True, part: int = 0) -> str:
        """One +CMGS dialogue; the lines after Ctrl-Z."""
        await self.prompt(text, to, report=report, part=part)
        return (await self.until()).strip("\r\n")

    async def prompt(self, text: str, to: str = PHONE, *, report: bool = True, part: int = 0) -> None:
        """The same up to Ctrl-Z, which is written."""
        pdu, length = pdu_of(text, to, report=report, part=part)
        assert await self.ask(f"+CMGS={length}", b"\r\n> ") == "> "
        self.port.write(pdu.hex().upper().encode() + b"\x1a")


def pdu_of(text: str, to: str = PHONE, *, report: bool = True, part: int = 0) -> tuple[bytes, int]:
    parts = split(text, 7)
    return encode_submit(to, parts[part], report=report, validity_s=3600, flash=False)


async def ready(simulation: Simulation, number: int = 0, cnmi: str = "2,1,0,0,0") -> Host:
    """A host on one modem's pipe: echo off, numbers in errors, indications on."""
    host = Host(simulation.connect(number))
    await host.ask("E0")
    assert await host.ask("+CMEE=1") == "OK"
    assert await host.ask(f"+CNMI={cnmi}") == "OK"
    return host


def events(simulation: Simulation, name: str) -> list[dict[str, Any]]:
    return [dict(line) for line in simulation.network.log.lines if line["event"] == name]
