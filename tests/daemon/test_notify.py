"""systemd hears that the daemon is ready, alive and stopping."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from modemfarm.daemon.notify import feed_watchdog, notify, watchdog_s
from tests.patience import PATIENT_S


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(tmp_path / "notify"))
        link.settimeout(PATIENT_S)
        yield link


def test_a_state_goes_to_the_socket_that_systemd_names(manager: socket.socket) -> None:
    assert notify("READY=1", {"NOTIFY_SOCKET": manager.getsockname()})
    assert manager.recv(100) == b"READY=1"


def test_an_abstract_socket_is_meant_by_the_at_sign() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        name = f"modemfarm-test-{os.getpid()}"
        link.bind("\0" + name)
        link.settimeout(PATIENT_S)
        assert notify("STOPPING=1", {"NOTIFY_SOCKET": "@" + name})
        assert link.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_without_systemd_nothing_happens(environ: dict[str, str]) -> None:
    assert not notify("READY=1", environ)


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_systemd_wants(environ: dict[str, str], wanted: float | None) -> None:
    assert watchdog_s(environ) == wanted


async def test_the_watchdog_is_fed_only_while_the_daemon_is_well(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    well = [True, False]
    asked = asyncio.Event()

    def alive() -> bool:
        if not well:
            asked.set()
            return False
        return well.pop(0)

    feeding = asyncio.ensure_future(feed_watchdog(alive))
    await asyncio.wait_for(asked.wait(), PATIENT_S)
    feeding.cancel()
    assert manager.recv(100) == b"WATCHDOG=1"
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)
