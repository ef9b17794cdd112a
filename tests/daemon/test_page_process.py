"""The daemon's end of its page, which goes on with its own work while that process starts."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from typing import cast

import pytest

from modemfarm.daemon import page_process, pulse
from modemfarm.daemon.page_process import (
    ALIVE,
    ASK,
    MOST_LISTENERS,
    READY,
    SIZE_OCTETS,
    Born,
    Handed,
    PageProcess,
)
from modemfarm.daemon.pulse import ASK_EVERY_S, MISSES, Pulse
from tests.patience import PATIENT_S

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


class AnsweringPage(Born):
    """A page that answers the first `answers` questions whether it serves, and none after them."""

    def __init__(self, answers: float = float("inf")) -> None:
        self.channel, self._theirs = socket.socketpair()
        self.asked, self.was_killed, self._answers = 0, False, answers
        self._thread = threading.Thread(target=self._live)
        self._thread.start()

    def _live(self) -> None:
        size, opened, _, _ = socket.recv_fds(self._theirs, SIZE_OCTETS, MOST_LISTENERS)
        for listener in opened:
            os.close(listener)
        with self._theirs.makefile("rb") as told:
            told.read(int.from_bytes(size))
            self._theirs.sendall(READY)
            for line in told:
                if line == ASK:
                    self.asked += 1
                    if self.asked <= self._answers:
                        self._theirs.sendall(ALIVE)

    async def ended(self, within_s: float = 0.0) -> str:
        """Dead."""
        self.was_killed = not within_s
        self._theirs.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._theirs.close()
        self.channel.close()
        return "signal 9"


async def watched(
    first: AnsweringPage, until_asked: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[object, list[AnsweringPage]]:
    """What `page` of control.sock says after `first` was watched until the youngest page was asked so often."""
    pages: list[AnsweringPage] = [first]

    def bear() -> AnsweringPage:
        pages.append(AnsweringPage())
        return pages[-1]

    monkeypatch.setattr(page_process, "Born", bear)
    monkeypatch.setattr(page_process, "LOOK_EVERY_S", 0.005)
    monkeypatch.setattr(page_process, "FIRST_REST_S", 0.0)
    monkeypatch.setattr(page_process, "load", lambda: 1.0)
    monkeypatch.setattr(pulse, "ASK_EVERY_S", 0.2)
    page = PageProcess(first, cast(Handed, "little"), [socket.create_server(("127.0.0.1", 0))], list)
    await page.start()
    async with asyncio.timeout(PATIENT_S), asyncio.TaskGroup() as group:
        watch = group.create_task(page.watch())
        while pages[-1].asked < until_asked or (first._answers < until_asked and len(pages) == 1):
            await asyncio.sleep(0.005)
        watch.cancel()
    told = await page.told({}, "root")
    await page.stop()
    return told, pages


async def test_a_page_that_lives_and_answers_nothing_is_killed_and_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hangs = AnsweringPage(2)
    told, pages = await watched(hangs, 3, monkeypatch)
    assert hangs.was_killed
    assert hangs.asked == 2 + MISSES
    assert isinstance(told, dict)
    assert (told["ends"], told["how"]) == (len(pages) - 1, "hung")


async def test_a_page_that_answers_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    well = AnsweringPage()
    told, pages = await watched(well, MISSES + 2, monkeypatch)
    assert pages == [well]
    assert told == {"ends": 0}


def look(pulse: Pulse, *, at: float, patience: float = 1.0) -> bool:
    """Ask if it is time; whether it hangs."""
    pulse.ask(at, patience)
    return pulse.hangs


def test_three_answers_owed_in_a_row_are_a_hang_and_one_that_comes_late_is_none() -> None:
    asked = Pulse(0.0)
    times = [ASK_EVERY_S * number for number in range(1, 12)]
    assert not any(look(asked, at=at) for at in times[:MISSES])
    asked.heard()  # it was stopped for a while
    assert [look(asked, at=at) for at in times[MISSES : 2 * MISSES + 1]] == [False] * MISSES + [True]


def test_a_page_of_a_machine_under_load_has_longer() -> None:
    asked = Pulse(0.0)
    assert not any(look(asked, at=float(at), patience=4.0) for at in range(int(4 * ASK_EVERY_S * (MISSES + 1))))
    assert look(asked, at=4 * ASK_EVERY_S * (MISSES + 1), patience=4.0)
