"""Ports as other programs see them: ptys, names that come and go, the control socket, and a real kill."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modemfarm.cli.main import run
from modemfarm.simulator.simulation import Simulation
from tests.patience import PATIENT_S
from tests.simulator.host import PHONE, pdu_of

Make = Callable[..., Simulation]


class Tty:
    """A program that opens a port without touching its line settings."""

    def __init__(self, path: Path | str) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    async def until(self, end: bytes) -> bytes:
        heard = b""
        async with asyncio.timeout(PATIENT_S):
            while end not in heard:
                try:
                    heard += os.read(self.fd, 4096)
                except BlockingIOError:
                    await asyncio.sleep(0.002)
        return heard

    async def ask(self, command: bytes, end: bytes = b"OK\r\n") -> bytes:
        os.write(self.fd, b"AT" + command + b"\r")
        return await self.until(end)

    def close(self) -> None:
        os.close(self.fd)


async def test_a_pty_is_raw_before_anyone_opens_it(tmp_path: Path, simulate: Make) -> None:
    await simulate(2).start(tmp_path)
    tty = Tty(tmp_path / "ttyV1")
    await tty.ask(b"E0")
    assert await tty.ask(b"+CGMM") == b"\r\nAT modem\r\n\r\nOK\r\n"
    tty.close()


async def test_who_claimed_a_port_for_itself_leaves_it_to_others_when_it_dies(tmp_path: Path, simulate: Make) -> None:
    await simulate(1).start(tmp_path)
    tty = Tty(tmp_path / "ttyV0")
    fcntl.ioctl(tty.fd, termios.TIOCEXCL)
    await tty.ask(b"E0")
    get_exclusive = 0x80045440  # TIOCGEXCL of asm-generic/ioctls.h, which the module termios lacks
    assert fcntl.ioctl(tty.fd, get_exclusive, b"\0\0\0\0") == b"\0\0\0\0"
    tty.close()


async def test_a_new_listener_finds_what_was_said_meanwhile(tmp_path: Path, simulate: Make) -> None:
    simulation = simulate(1, airtime_s=0.02)
    await simulation.start(tmp_path)
    tty = Tty(tmp_path / "ttyV0")
    await tty.ask(b"E0;+CNMI=2,1,0,0,0")
    pdu, length = pdu_of("hello")
    await tty.ask(f"+CMGS={length}".encode(), b"> ")
    os.write(tty.fd, pdu.hex().encode() + b"\x1a")
    await asyncio.sleep(0.005)
    tty.close()
    simulation.deliver(0, PHONE, "meanwhile")
    await asyncio.sleep(0.05)
    tty = Tty(tmp_path / "ttyV0")
    heard = await tty.until(b"OK\r\n")
    assert b"+CMTI" in heard
    assert b"+CMGS: " in heard
    tty.close()


async def test_nobody_reading_never_blocks_the_modem(tmp_path: Path, simulate: Make) -> None:
    simulation = simulate(1, "huawei")
    await simulation.start(tmp_path)
    for _ in range(20000):
        simulation.modems[0].urc("^RSSI:18")
    tty = Tty(tmp_path / "ttyV0")
    await tty.until(b"^RSSI:18")
    async with asyncio.timeout(PATIENT_S):
        while b"ATZ" not in await tty.until(b"\r"):
            os.write(tty.fd, b"ATZ\r")
    tty.close()


async def test_unplugging_hangs_up_and_replugging_gives_a_new_name(tmp_path: Path, simulate: Make) -> None:
    simulation = simulate(2)
    await simulation.start(tmp_path)
    tty = Tty(tmp_path / "ttyV1")
    await tty.ask(b"E0")
    simulation.unplug(1)
    assert not (tmp_path / "ttyV1").exists()
    with pytest.raises(OSError, match=r"Input/output"):
        os.write(tty.fd, b"AT\r")
    tty.close()
    simulation.replug(1, "ttyVmoved")
    tty = Tty(tmp_path / "ttyVmoved")
    assert b'"98680013000000000021' in await tty.ask(b"+CRSM=176,12258,0,0,10")
    tty.close()
    await simulation.stop()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["smsc.jsonl"]


async def test_two_hundred_modems_answer_at_once(tmp_path: Path, simulate: Make) -> None:
    simulation = simulate(200, "huawei", "sim800", "ec25", "wavecom")
    await simulation.start(tmp_path)
    ttys = [Tty(tmp_path / f"ttyV{number}") for number in range(200)]
    began = time.process_time()
    for _ in range(5):
        await asyncio.gather(*(tty.ask(b"+CSQ") for tty in ttys))
    assert time.process_time() - began < 5
    for tty in ttys:
        tty.close()


VICTIM = """
    import os, sys, time
    fd = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
    os.write(fd, b"ATE0\\r" + sys.argv[2].encode() + b"\\r")
    heard = b""
    while b"> " not in heard:
        heard += os.read(fd, 4096)
    os.write(fd, bytes.fromhex(sys.argv[3]))
    time.sleep(30)
"""


@pytest.mark.parametrize(
    ("moment", "sent"), [("prompt", False), ("mid-pdu", False), ("ctrl-z", True), ("result", True), ("inbound", True)]
)
async def test_a_process_dies_at_the_moment_that_was_named(
    tmp_path: Path, simulate: Make, moment: str, sent: bool
) -> None:
    simulation = simulate(1, airtime_s=0.01)
    await simulation.start(tmp_path)
    simulation.kill_at(moment, None)
    pdu, length = pdu_of("hello")
    victim = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(VICTIM), str(tmp_path / "ttyV0"), f"AT+CMGS={length}",
         (pdu.hex().upper().encode() + b"\x1a").hex()]
    )  # fmt: skip
    try:
        if moment == "inbound":
            while simulation.holder(0) is None or not simulation.modems[0].counters.sent:
                await asyncio.sleep(0.01)
            simulation.deliver(0, PHONE, "hello")
        async with asyncio.timeout(PATIENT_S):
            while victim.poll() is None:
                await asyncio.sleep(0.01)
        assert victim.returncode == -signal.SIGKILL
    finally:
        victim.kill()
        victim.wait()
    await asyncio.sleep(0.03)
    lines = [json.loads(line) for line in (tmp_path / "smsc.jsonl").read_text(encoding="utf-8").splitlines()]
    if moment == "prompt":
        assert len([line for line in lines if line["event"] == "submit"]) <= 1  # it may have been quick
    else:
        assert bool([line for line in lines if line["event"] == "submit"]) is sent


async def test_the_command_line_runs_and_troubles_a_simulation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sim"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "modemfarm", "simulate", "--modems", "3", "--family", "ec25", "generic",
        "--dir", str(folder), "--airtime-ms", "5", "--report-ms", "5", "--seed", "4",
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENT_S):
            assert (await process.stdout.readline()).startswith(b"ready: 3 virtual modems")
        await asyncio.to_thread(_trouble, folder, capsys)
    finally:
        process.terminate()
        async with asyncio.timeout(PATIENT_S):
            assert await process.wait() == 0
    assert [path.name for path in folder.iterdir()] == ["smsc.jsonl"]
    assert run(["simulate", "ctl", str(folder), "stats"]) == 5


def _trouble(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ctl = ["simulate", "ctl", str(folder)]

    def told(*words: str) -> str:
        capsys.readouterr()
        assert run([*ctl, *words]) == 0
        return capsys.readouterr().out

    told("fault", "0", "cms", "500@prompt", "2")
    told("deliver", "1", "+8613800138000", "你好")
    told("kill-at", "result", "999999", "3")
    told("set", "0", "creg-form", "act")
    told("unplug", "2")
    assert told("replug", "2", "--as", "ttyVx").strip() == str(folder / "ttyVx")
    assert (folder / "ttyVx").exists()
    stats = json.loads(told("stats"))
    assert [item["family"] for item in stats["modems"]] == ["ec25", "generic", "ec25"]
    assert stats["modems"][1]["stored"]["SM"] == 1
    assert stats["cpu_s"] > 0
    assert json.loads(told("phone", "+8613800138000")) == []
    assert run([*ctl, "fault", "9", "hang"]) == 2
    assert run([*ctl, "fault", "0", "hang", "x"]) == 2
