"""Ports that appear, vanish and come back under another name."""

from __future__ import annotations

import asyncio
import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from modemfarm.modem.discovery import Appeared, Discovery, Vanished
from modemfarm.modem.settings import ModemSettings


@pytest.fixture
def device() -> Iterator[str]:
    master, slave = pty.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


@pytest.fixture
def other() -> Iterator[str]:
    master, slave = pty.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def discovery(folder: Path, *more: str, ignore: tuple[str, ...] = ()) -> Discovery:
    return Discovery(ModemSettings(ports=(f"{folder}/ttyV*", *more), ignore=ignore))


def test_a_port_appears_and_vanishes(tmp_path: Path, device: str) -> None:
    found = discovery(tmp_path)
    assert found.look() == []
    link = tmp_path / "ttyV0"
    link.symlink_to(device)
    assert found.look() == [Appeared(str(link))]
    assert found.look() == []
    link.unlink()
    assert found.look() == [Vanished(str(link))]


def test_a_device_that_returns_under_another_name_is_one_port(tmp_path: Path, device: str) -> None:
    found = discovery(tmp_path)
    first, second = tmp_path / "ttyV0", tmp_path / "ttyV7"
    first.symlink_to(device)
    found.look()
    first.unlink()
    second.symlink_to(device)
    assert found.look() == [Vanished(str(first)), Appeared(str(second))]


def test_two_names_of_one_device_are_one_port_and_the_known_name_stays(tmp_path: Path, device: str) -> None:
    found = discovery(tmp_path, device)
    second = tmp_path / "ttyV1"
    second.symlink_to(device)
    assert found.look() == [Appeared(str(second))]
    (tmp_path / "ttyV0").symlink_to(device)
    assert found.look() == []


def test_another_device_under_the_same_name_is_another_port(tmp_path: Path, device: str, other: str) -> None:
    found = discovery(tmp_path)
    link = tmp_path / "ttyV0"
    link.symlink_to(device)
    found.look()
    link.unlink()
    link.symlink_to(other)
    assert found.look() == [Vanished(str(link)), Appeared(str(link), anew=True)]


def test_a_device_that_is_the_same_as_before_its_name_went_was_not_plugged_in_again(
    tmp_path: Path, device: str, other: str
) -> None:
    found = discovery(tmp_path)
    link = tmp_path / "ttyV0"
    link.symlink_to(device)
    found.look()
    link.unlink()
    assert found.look() == [Vanished(str(link))]
    link.symlink_to(device)
    assert found.look() == [Appeared(str(link))]
    link.unlink()
    found.look()
    link.symlink_to(other)
    assert found.look() == [Appeared(str(link), anew=True)]


def test_files_ignored_names_and_dangling_links_are_no_ports(tmp_path: Path, device: str) -> None:
    (tmp_path / "ttyV1").write_text("no device", encoding="utf-8")
    (tmp_path / "ttyV2").symlink_to(tmp_path / "nowhere")
    (tmp_path / "ttyV3").symlink_to(device)
    assert discovery(tmp_path, ignore=("*/ttyV3",)).look() == []


def test_urls_are_always_there(tmp_path: Path) -> None:
    assert discovery(tmp_path, "socket://10.0.0.5:4001").look() == [Appeared("socket://10.0.0.5:4001")]


async def test_a_change_is_told_within_a_second(tmp_path: Path, device: str) -> None:
    async with asyncio.timeout(1):
        watching = discovery(tmp_path).watch()
        waiting = asyncio.ensure_future(anext(watching))
        await asyncio.sleep(0)
        (tmp_path / "ttyV0").symlink_to(device)
        assert await waiting == Appeared(str(tmp_path / "ttyV0"))
    await watching.aclose()  # type: ignore[attr-defined]
