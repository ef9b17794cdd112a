"""Ports over real pseudo-terminals, with both openers."""

from __future__ import annotations

import asyncio
import os
import pty
import resource
import select
import socket
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
import serial.rfc2217

from modemfarm.errors import LinkLostError, PortBusyError
from modemfarm.modem.port import PortOpener, PyserialOpener, SerialxOpener
from tests.patience import PATIENT_S

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
    async with asyncio.timeout(PATIENT_S):
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
    async with asyncio.timeout(PATIENT_S):
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
    async with asyncio.timeout(PATIENT_S):
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


class ModemBox:
    """An RFC 2217 server with one pseudo-terminal behind it; modem lines are pretended."""

    class Line(serial.Serial):
        dtr = rts = property(lambda self: True, lambda self, value: None)  # type: ignore[assignment]
        cts = dsr = ri = cd = property(lambda self: True)

    def __init__(self, device: str) -> None:
        self.line = self.Line(device, timeout=0.05)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"rfc2217://127.0.0.1:{self.server.getsockname()[1]}"
        self.peer: socket.socket | None = None
        self.ended = False
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        self.peer, _ = self.server.accept()
        manager = serial.rfc2217.PortManager(self.line, self)
        self.peer.settimeout(0.02)
        while not self.ended:
            if waiting := self.line.in_waiting:
                self.write(b"".join(manager.escape(self.line.read(waiting))))
            try:
                data = self.peer.recv(1024)
            except TimeoutError:
                continue
            except OSError:
                return
            if not data:
                return
            self.line.write(b"".join(manager.filter(data)))

    def write(self, data: bytes) -> None:
        assert self.peer is not None
        self.peer.sendall(data)

    def close(self) -> None:
        self.ended = True
        self.thread.join()
        assert self.peer is not None
        self.peer.close()
        self.server.close()
        self.line.close()


@pytest.mark.filterwarnings("ignore:set:DeprecationWarning")  # pyserial 3.5 is older than the deprecation
async def test_a_modem_box_on_the_network_is_a_port_too(opener: PortOpener, terminal: Pty) -> None:
    box = ModemBox(terminal.path)
    try:
        port = await opener.open(box.url)
        port.write(b"AT\r")
        async with asyncio.timeout(PATIENT_S):
            while not select.select([terminal.master], [], [], 0)[0]:
                await asyncio.sleep(0.01)
        assert os.read(terminal.master, 100) == b"AT\r"
        os.write(terminal.master, b"\r\nOK\r\n")
        assert await read_all(port, 6) == b"\r\nOK\r\n"
    finally:
        await asyncio.to_thread(box.close)
    async with asyncio.timeout(PATIENT_S):
        with pytest.raises(LinkLostError):
            await port.read()
    for _ in range(10):
        await settle()
