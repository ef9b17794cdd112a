"""Ports over real pseudo-terminals, with both openers."""

from __future__ import annotations

import asyncio
import os
import pty
import resource
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from modemfarm.errors import LinkLostError, PortBusyError
from modemfarm.modem.port import PortOpener, PyserialOpener, SerialxOpener

PORTS = 210


@pytest.fixture(params=[SerialxOpener, PyserialOpener])
def opener(request: pytest.FixtureRequest) -> PortOpener:
    made: PortOpener = request.param()
    return made


class Pty:
    """One pseudo-terminal; raw before anyone opens it, and alive while nobody has it open."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(self.slave)

    def close(self) -> None:
        for descriptor in (self.master, self.slave):
            try:
                os.close(descriptor)
            except OSError:
                continue


@pytest.fixture
def terminal() -> Iterator[Pty]:
    made = Pty()
    yield made
    made.close()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0.005)


async def read_all(port: object, count: int) -> bytes:
    data = b""
    async with asyncio.timeout(5):
        while len(data) < count:
            data += await port.read()  # type: ignore[attr-defined]  # either opener's port
    return data


async def test_what_the_port_held_before_opening_is_read_after_it(opener: PortOpener, terminal: Pty) -> None:
    os.write(terminal.master, b"\r\n+CMGS: 7\r\n\r\nOK\r\n")
    port = await opener.open(terminal.path)
    assert await read_all(port, 18) == b"\r\n+CMGS: 7\r\n\r\nOK\r\n"
    port.abort()
    await settle()


async def test_octets_pass_unchanged_both_ways(opener: PortOpener, terminal: Pty) -> None:
    port = await opener.open(terminal.path)
    every = bytes(range(256))
    port.write(every)
    await settle()
    assert os.read(terminal.master, 4096) == every
    os.write(terminal.master, every)
    assert await read_all(port, 256) == every
    port.abort()
    await settle()


async def test_a_port_is_opened_once_whatever_its_name(opener: PortOpener, terminal: Pty, tmp_path: Path) -> None:
    other_name = tmp_path / "modem-3"
    other_name.symlink_to(terminal.path)
    port = await opener.open(terminal.path)
    with pytest.raises(PortBusyError):
        await opener.open(str(other_name))
    port.abort()
    again = await opener.open(str(other_name))
    again.abort()
    await settle()


async def test_a_port_locked_by_another_program_is_busy(opener: PortOpener, terminal: Pty) -> None:
    import fcntl

    fcntl.flock(terminal.slave, fcntl.LOCK_EX)
    with pytest.raises(PortBusyError):
        await opener.open(terminal.path)
    fcntl.flock(terminal.slave, fcntl.LOCK_UN)
    port = await opener.open(terminal.path)
    port.abort()
    await settle()


async def test_a_missing_port_cannot_be_opened(opener: PortOpener, tmp_path: Path) -> None:
    with pytest.raises(LinkLostError):
        await opener.open(str(tmp_path / "ttyV9"))


async def test_unplugging_ends_reading_and_writing(opener: PortOpener) -> None:
    terminal = Pty()
    port = await opener.open(terminal.path)
    os.write(terminal.master, b"last words")
    await settle()
    terminal.close()
    async with asyncio.timeout(2):
        assert await port.read() == b"last words"
        with pytest.raises(LinkLostError):
            await port.read()
    with pytest.raises(LinkLostError):
        port.write(b"AT\r")
    await settle()


async def test_a_stuck_port_is_aborted_not_waited_for(opener: PortOpener, terminal: Pty) -> None:
    port = await opener.open(terminal.path)
    waiting = asyncio.ensure_future(port.read())
    await settle()

    def fill() -> None:
        for _ in range(200):
            port.write(b"x" * 4096)

    with pytest.raises(LinkLostError):
        fill()
    async with asyncio.timeout(2):
        with pytest.raises(LinkLostError):
            await waiting
        again = await opener.open(terminal.path)
    again.abort()
    await settle()


async def test_210_ports_at_once(opener: PortOpener) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    loop = asyncio.get_running_loop()
    terminals = [Pty() for _ in range(PORTS)]
    try:
        ports = await asyncio.gather(*(opener.open(terminal.path) for terminal in terminals))
        for terminal in terminals:
            loop.add_reader(terminal.master, lambda fd=terminal.master: os.write(fd, os.read(fd, 4096)))
        for number, port in enumerate(ports):
            port.write(f"AT+{number}\r".encode())
        for number, port in enumerate(ports):
            expected = f"AT+{number}\r".encode()
            assert await read_all(port, len(expected)) == expected
        for terminal in terminals:
            loop.remove_reader(terminal.master)
        for port in ports:
            port.abort()
        await settle()
    finally:
        for terminal in terminals:
            terminal.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_socket_url_is_a_port_too(opener: PortOpener) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(100))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    number = server.sockets[0].getsockname()[1]
    port = await opener.open(f"socket://127.0.0.1:{number}")
    port.write(b"AT\r")
    assert await read_all(port, 3) == b"AT\r"
    with pytest.raises(LinkLostError):
        await port.read()
    server.close()
    await settle()
