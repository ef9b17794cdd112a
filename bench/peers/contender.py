"""What every contender can be asked to do, and modemfarm as one of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bench.machine import cpu_s, family, rss_mb
from bench.peers.group import give
from modemfarm.store.engine import Store
from tests.e2e.farm import RealFarm, until
from tests.e2e.judging import Text

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 60.0
QUIET_S = 1.5  # no command for so long: its bring-up is over
POLLING_LOOKS = 4  # commands at each of so many looks: it asks all the time, and brings up no longer


class Contender(Protocol):
    """One program with one configuration, on the modems of a farm whose simulator runs."""

    name: str

    def start(self) -> None:
        """Start it, also again; back when it is ready to send."""

    def submit(self, texts: Sequence[Text]) -> None:
        """Hand texts in by the door that its manual names first."""

    def by_cli(self, text: Text) -> None:
        """Hand one text in by its command, with nothing but number and text."""

    def inbox(self) -> set[str]:
        """The texts that another program can read as received by now."""

    def kill(self) -> None:
        """SIGKILL to every process."""

    def terminate(self) -> bool:
        """SIGTERM as a service manager sends it; whether it ended in time."""

    def cpu_s(self) -> float: ...

    def memory_mb(self) -> float: ...


def open_to_peers(farm: RealFarm) -> None:
    """Let a program without privileges reach the virtual ports; plugged in again they are new."""
    if os.geteuid() == 0:
        farm.folder.chmod(0o711)
        farm.sim_folder.chmod(0o711)
        for port in ports(farm):
            give(port.resolve())


def ports(farm: RealFarm) -> list[Path]:
    """The virtual ports, by number."""
    return sorted(farm.sim_folder.glob("ttyV*"), key=lambda path: int(path.name.removeprefix("ttyV")))


def wait_quiet(farm: RealFarm, what: str, said: Path) -> None:
    """Wait until every modem was asked something and none is asked any more, or each is asked again and again."""
    before: list[int] = []
    looks = 0

    def quiet() -> bool:
        nonlocal before, looks
        now = [modem["commands"] for modem in farm.ctl("stats")["modems"] if modem["plugged"]]
        still, before = now == before, now
        looks += all(now)
        return all(now) and (still or looks > POLLING_LOOKS)

    until(quiet, READY_WITHIN_S, lambda: f"{what}: every modem brought up; {said.read_text()[-1500:]}", QUIET_S)


class Modemfarm:
    """modemfarm with the settings that it ships with."""

    name = "modemfarm"

    def __init__(self, farm: RealFarm) -> None:
        self._farm = farm
        self._store: Store | None = None

    def start(self) -> None:
        self._farm.start_daemon()
        self._farm.wait_ready()
        count = len(self._farm.ctl("stats")["modems"])
        until(lambda: self._working() >= count, READY_WITHIN_S, lambda: self._farm.said()[-1500:])

    def _working(self) -> int:
        return sum(row["state"] == "working" for row in self._farm.listed("/v1/modems"))

    def submit(self, texts: Sequence[Text]) -> None:
        self._farm.submit(texts, report=False)

    def by_cli(self, text: Text) -> None:
        done = self._farm.cli("send", text[0], "--text", text[1])
        assert done.code == 0, done

    def inbox(self) -> set[str]:
        self._store = self._store or Store("sqlite:///modemfarm.db", self._farm.state_dir)
        with self._store.read() as tx:
            return {row["text"] for row in tx.all("SELECT text FROM received WHERE text IS NOT NULL")}

    def kill(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
        if self._farm.daemon is not None and self._farm.daemon.poll() is None:
            self._farm.daemon.kill()
            self._farm.daemon.wait(10)

    def terminate(self) -> bool:
        return self._farm.terminate(STOP_WITHIN_S)[0] == 0

    def cpu_s(self) -> float:
        assert self._farm.daemon is not None
        return sum(map(cpu_s, family(self._farm.daemon.pid)))

    def memory_mb(self) -> float:
        assert self._farm.daemon is not None
        return sum(map(rss_mb, family(self._farm.daemon.pid)))
