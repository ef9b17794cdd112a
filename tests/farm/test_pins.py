"""No attempt too many: the virtual card counts the PINs that were typed, over many restarts of everything else."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from modemfarm.farm.journal import FarmJournal
from modemfarm.farm.settings import FarmSettings
from modemfarm.model import ModemState
from modemfarm.modem.journal import NoPin
from modemfarm.modem.ladder import Limits
from modemfarm.modem.profile import load_profiles
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.supervisor import Supervisor
from modemfarm.resources import shipped
from modemfarm.simulator.personality import FAMILIES
from modemfarm.simulator.simulation import Simulation
from modemfarm.store.offload import Offload
from tests.fresh import fresh
from tests.store.tools import INBOUND, RULES
from tests.virtualtime import VirtualClock, VirtualLoop, run

RIGHT, WRONG = "8462", "1357"
RESTARTS = 20
FEW = ("huawei", "ublox")  # each with a counter command of its own


@dataclass(frozen=True)
class Case:
    """How a card stands, the PIN that is known of it, how often it may be typed, what the page says in the end."""

    name: str
    left: int
    pin: str
    writes: int
    says: str
    dies: str = ""


CASES = (
    Case("wrong", 3, WRONG, 1, "pin_blocked"),
    Case("wrong, two left", 2, WRONG, 1, "pin_last_try"),
    Case("one left", 1, RIGHT, 0, "pin_last_try"),
    Case("puk", 0, RIGHT, 0, "puk_wanted"),
    Case("unreadable", 3, RIGHT, 0, "pin_counter_unreadable"),
    Case("right", 3, RIGHT, 1, "ready"),
    Case("wrong, killed after the write", 3, WRONG, 1, "pin_blocked", "after"),
    Case("right, killed before the write", 3, RIGHT, 1, "ready", "before"),
    Case("wrong, killed before the write", 3, WRONG, 1, "pin_blocked", "before"),
)


class Killed(FarmJournal):
    """A journal whose process dies just before or after a PIN is written: nothing comes after that."""

    dies: dict[str, str]
    dead: set[str]

    async def pin_allowed(self, iccid: str | None, imei: str | None, path: str, tries_left: int) -> str | NoPin:
        found = await super().pin_allowed(iccid, imei, path, tries_left)
        if self.dies.get(path) == "before" and not isinstance(found, NoPin):
            await self._die(path)
        return found

    async def pin_worked(self, iccid: str | None, imei: str | None, path: str, worked: bool) -> None:
        if self.dies.get(path) == "after":
            await self._die(path)
        await super().pin_worked(iccid, imei, path, worked)

    async def _die(self, path: str) -> None:
        self.dead.add(path)
        await asyncio.get_running_loop().create_future()


class Cards:
    """One virtual modem for each family and case; their cards live on while daemons come and go."""

    def __init__(self, loop: VirtualLoop, folder: Path, families: Sequence[str], cases: Sequence[Case]) -> None:
        self.loop, self.folder = loop, folder
        self.clock = VirtualClock(loop)
        self.cells = [(family, case) for family in families for case in cases]
        self.log = folder / "smsc.jsonl"
        self.simulation = Simulation(
            len(self.cells),
            families=[family for family, _ in self.cells],
            chatter_s=10_000,
            log_path=self.log,
            clock=lambda: self.clock.now().timestamp(),
        )
        self.known = {self.simulation.path(number): case.pin for number, (_, case) in enumerate(self.cells)}
        for number, (_, case) in enumerate(self.cells):
            card = self.simulation.modems[number].card
            assert card is not None
            card.pin, card.locked, card.pin_left, card.blocked = RIGHT, True, case.left, case.left == 0
            if case.name == "unreadable":
                self.simulation.turn(number, "pin-counter", "0")

    async def life(self, turn: int) -> list[str]:
        """A daemon from its start to its sudden end; what each modem's sentence was."""
        store = fresh(self.folder)
        offload = Offload(store)
        self.loop.threads = [lambda: offload.pending]
        offload.start()
        settings = FarmSettings("here", pins=self.known)
        journal = Killed(offload, settings, self.clock.now, f"run {turn}", INBOUND, RULES)
        journal.dead = set()
        journal.dies = {
            self.simulation.path(number): case.dies for number, (_, case) in enumerate(self.cells) if turn == 0
        }
        limits, wanted = Limits(), ModemSettings(sweep_s=7200, poll_s=600)
        served = [
            Supervisor(self.simulation.path(number), self.simulation, PROFILES, journal, wanted, self.clock, limits)
            for number in range(len(self.cells))
        ]

        def settled(one: Supervisor) -> bool:
            return one.path in journal.dead or one.status.state in (ModemState.NEEDS_YOU, ModemState.WORKING)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.run()) for one in served]
            while not all(map(settled, served)):
                await asyncio.sleep(1)
            if turn % 5 == 4:
                await asyncio.sleep(700)  # the same daemon looks at the card again, and again
            for task in tasks:
                task.cancel()
        offload.stop()
        store.close()
        return [one.status.sentence for one in served]

    def written(self) -> Counter[int]:
        """How often each modem was told a PIN, by the simulator's own log."""
        lines: Iterable[str] = self.log.read_text("utf-8").splitlines() if self.log.exists() else ()
        return Counter(entry["modem"] for entry in map(json.loads, lines) if entry["event"] == "pin")


PROFILES = load_profiles(shipped("drivers"))


def judge(folder: Path, families: Sequence[str], cases: Sequence[Case] = CASES, restarts: int = RESTARTS) -> None:
    async def main(loop: VirtualLoop) -> None:
        cards = Cards(loop, folder, families, cases)
        for turn in range(restarts + 1):
            said = await cards.life(turn)
        written = cards.written()
        found = {(family, case.name): (written[n], said[n]) for n, (family, case) in enumerate(cards.cells)}
        right = {(family, case.name): (case.writes, case.says) for family, case in cards.cells}
        wrong = {cell: (found[cell], right[cell]) for cell in right if not _same(found[cell], right[cell])}
        assert not wrong
        # another PIN is one more try, however many restarts follow
        at = [n for n, (_, case) in enumerate(cards.cells) if case.name == "wrong"]
        for number in at:
            cards.known[cards.simulation.path(number)] = RIGHT
        for turn in range(2):
            said = await cards.life(restarts + 1 + turn)
        assert {cards.written()[number] - written[number] for number in at} == {1}
        assert {said[number].removesuffix("_without_reports") for number in at} == {"ready"}
        await cards.simulation.stop()

    run(main)


def _same(found: tuple[int, str], right: tuple[int, str]) -> bool:
    return found[0] == right[0] and found[1].startswith(right[1])


def test_over_twenty_restarts_no_pin_is_tried_too_often(tmp_path: Path) -> None:
    judge(tmp_path, FEW)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_over_twenty_restarts_no_family_is_told_a_pin_too_often(tmp_path: Path) -> None:
    counting = [name for name, family in FAMILIES.items() if family.pin_counter[0]]  # no other is told a PIN at all
    judge(tmp_path, [name for name in counting if name not in FEW])
