"""Debian's gammu, unmodified, drives a virtual modem: the simulator is not only understood by ourselves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from modemfarm.simulator.control import ask
from tests.needs import require
from tests.patience import PATIENT_S
from tests.simulator.host import PHONE

LONG = "Длинное сообщение 你好 с продолжением; " * 4


@contextlib.asynccontextmanager
async def simulated(family: str, folder: Path) -> AsyncIterator[None]:
    """A simulation of one modem runs as a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "modemfarm", "simulate", "--modems", "1", "--family", family,
        "--dir", str(folder), "--airtime-ms", "20", "--report-ms", "20", "--seed", "1",
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(PATIENT_S):
        assert (await process.stdout.readline()).startswith(b"ready")
    yield
    process.terminate()
    async with asyncio.timeout(PATIENT_S):
        await process.wait()


async def gammu(folder: Path, *words: str) -> str:
    program = require("gammu", "an independent program has to work with the virtual modems (apt-get install gammu)")
    (folder / "gammurc").write_text(f"[gammu]\ndevice = {folder}/ttyV0\nconnection = at115200\n", encoding="utf-8")
    done = await asyncio.to_thread(
        subprocess.run, [program, "-c", str(folder / "gammurc"), *words],
        capture_output=True, text=True, timeout=PATIENT_S, check=False, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def lines(folder: Path, event: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (folder / "smsc.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line for line in found if line["event"] == event]


async def use(family: str, farm: Path) -> None:
    farm.mkdir()
    async with simulated(family, farm):
        assert "460000000000001" in await gammu(farm, "identify")
        await gammu(farm, "sendsms", "TEXT", PHONE, "-unicode", "-text", "Привет 你好")
        await gammu(farm, "sendsms", "TEXT", PHONE, "-len", "400", "-unicode", "-report", "-text", LONG)
        heard: Any = ask(farm / "control.sock", "phone", PHONE)
        texts = [str(item["text"]) for item in heard]
        assert texts == ["Привет 你好", LONG]
        assert lines(farm, "refuse") == []
        assert len(lines(farm, "submit")) > 3
        assert ask(farm / "control.sock", "deliver", "0", PHONE, "回复TD 退订") == 1
        assert "回复TD 退订" in await gammu(farm, "getallsms")


async def test_gammu_identifies_sends_and_receives(tmp_path: Path) -> None:
    """Gammu mostly waits, so two families are used side by side."""
    await asyncio.gather(*(use(family, tmp_path / family) for family in ("generic", "ec25")))
