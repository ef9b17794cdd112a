"""Modems pulled out and put in again at random, under new names: how soon each works again, and what leaks."""

from __future__ import annotations

import heapq
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.machine import rss_mb
from modemfarm.daemon.line import Line
from modemfarm.simulator.personality import FAMILIES
from tests.e2e.farm import RealFarm, until

WORKS_WITHIN_S = 10.0
_OUT_S = (0.2, 3.0)  # how long a modem is out
_IN_S = (2.0, 20.0)  # how long it stays in once its message went out
_HASTY = 0.15  # so often it is pulled again while it starts
_LOOK_S = 0.05
_GIVE_UP_S = 120.0


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a process holds."""

    descriptors: int
    threads: int
    tasks: int
    objects: int
    rss_mb: float


@dataclass
class Plugged:
    """What was seen.

    Attributes:
        took: seconds from each return to the message that the network took, the modem's own boot apart.
        hasty: how often a modem was pulled again before it worked.
    """

    modems: int
    seconds: float
    took: list[tuple[float, int, str]] = field(default_factory=list)
    hasty: int = 0
    before: Vitals | None = None
    after: Vitals | None = None


@dataclass
class _Modem:
    number: int
    iccid: str
    family: str
    name: str
    text: str = ""
    back_at: float = 0.0  # 0: it is out, or works


def vitals(farm: RealFarm) -> Vitals:
    """Counted from outside where /proc tells; tasks and objects by the daemon itself."""
    assert farm.daemon is not None
    pid = farm.daemon.pid
    with Line(farm.state_dir) as line:
        inside = line.ask("vitals")
    return Vitals(
        descriptors=sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()) - 1,  # the question's own connection lingers
        threads=sum(1 for _ in Path(f"/proc/{pid}/task").iterdir()),
        tasks=inside["tasks"],
        objects=inside["objects"],
        rss_mb=rss_mb(pid),
    )


class Plugging:
    """One run: every modem by itself is in for a while, out for a moment, back under a new name."""

    def __init__(self, farm: RealFarm, modems: int, seed: int) -> None:
        self._farm, self._dice = farm, random.Random(seed)
        self._read = 0
        self._names = 0
        self._due: list[tuple[float, int, str]] = []
        rows = farm.ctl("stats")["modems"]
        self._modems = [
            _Modem(row["modem"], row["iccid"], row["family"], f"ttyV{row['modem']}") for row in rows[:modems]
        ]
        self.found = Plugged(modems, 0.0)

    def run(self, seconds: float) -> Plugged:
        """Everything in once and counted, then `seconds` of plugging, then everything in and counted again."""
        farm, found = self._farm, self.found
        for modem in self._modems:  # each once, so that what a modem's first life makes is there
            self._act("out", modem)
        for modem in self._modems:
            self._act("in", modem)
        self._until_all_work(_GIVE_UP_S * 2)
        found.took.clear()
        found.before = self._settled()
        for modem in self._modems:
            self._plan(modem, "out", self._dice.uniform(0, _IN_S[1]))
        began = time.monotonic()
        until_ = began + seconds
        while time.monotonic() < until_:
            while self._due and self._due[0][0] <= time.monotonic():
                _, number, what = heapq.heappop(self._due)
                self._act(what, self._modems[number])
            for modem in self._working_again():
                self._plan(modem, "out", self._dice.uniform(*_IN_S))
            self._see_nothing_is_stuck()
            time.sleep(_LOOK_S)
        for _, number, what in sorted(self._due):
            if what == "in":
                self._act(what, self._modems[number])
        self._due.clear()
        self._until_all_work(_GIVE_UP_S)
        found.seconds = time.monotonic() - began
        found.after = self._settled()
        assert farm.daemon is not None
        return found

    def _plan(self, modem: _Modem, what: str, after_s: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + after_s, modem.number, what))

    def _act(self, what: str, modem: _Modem) -> None:
        farm, dice = self._farm, self._dice
        if what == "out":
            if modem.back_at:
                self.found.hasty += 1
            modem.back_at = 0.0
            farm.ctl("unplug", modem.number)
            self._plan(modem, "in", dice.uniform(*_OUT_S))
            return
        self._due = [item for item in self._due if item[1] != modem.number]
        heapq.heapify(self._due)
        self._names += 1
        modem.name = f"ttyV{modem.number}n{self._names}"
        modem.text = f"back {self._names}"
        farm.submit([(f"+49170{1000000 + modem.number}", modem.text)], **{"from": modem.iccid})
        modem.back_at = time.time()
        farm.ctl("replug", modem.number, modem.name)
        if dice.random() < _HASTY and self.found.before is not None:
            self._plan(modem, "out", dice.uniform(0.1, 4.0))

    def _working_again(self) -> Iterator[_Modem]:
        """Those whose message the network took since the last look."""
        waiting = {modem.text: modem for modem in self._modems if modem.back_at}
        for line in self._new_lines():
            modem = waiting.get(line["text"])
            if modem is None or not modem.back_at:
                continue
            boot_s = boot(modem.family)
            took = float(line["accepted_at"]) - modem.back_at - boot_s
            self.found.took.append((took, modem.number, modem.family))
            modem.back_at = 0.0
            if all(item[1] != modem.number for item in self._due):
                yield modem

    def _new_lines(self) -> list[dict[str, object]]:
        lines = self._farm.log("submit")
        new, self._read = lines[self._read :], len(lines)
        return new

    def _until_all_work(self, within_s: float) -> None:
        def work() -> bool:
            list(self._working_again())
            return all(not modem.back_at for modem in self._modems)

        until(work, within_s, lambda: self._stuck(0), _LOOK_S)

    def _see_nothing_is_stuck(self) -> None:
        if any(modem.back_at and time.time() - modem.back_at > _GIVE_UP_S for modem in self._modems):
            raise AssertionError(self._stuck(_GIVE_UP_S))

    def _stuck(self, seconds: float) -> str:
        rows = {row["path"]: row for row in self._farm.get("/v1/modems")["data"]}
        told = [
            f"{modem.name} {modem.family} {rows.get(str(self._farm.sim_folder / modem.name))}"
            for modem in self._modems
            if modem.back_at and time.time() - modem.back_at > seconds
        ]
        return f"not working after {seconds:g} s: {told}; {self._farm.said()[-3000:]}"

    def _settled(self) -> Vitals:
        """The counts once two looks agree: farewells take a moment."""
        last = vitals(self._farm)
        for _ in range(20):
            time.sleep(1.0)
            now = vitals(self._farm)
            if (now.descriptors, now.tasks, now.threads) == (last.descriptors, last.tasks, last.threads):
                return now
            last = now
        return last


def boot(family: str) -> float:
    """How long a virtual modem of this family takes from power to its first message."""
    traits = FAMILIES[family]
    return max(traits.sms_ready_after_s, traits.sim_settles_s, *(delay_s for delay_s, _ in traits.boot), 0.0)


def plugging(folder: Path, modems: int, seconds: float, seed: int = 1) -> Plugged:
    """Run it on a farm of its own.

    Raises:
        AssertionError: a modem did not come back at all.
    """
    with RealFarm(folder, modems=modems, airtime_ms=20, report_ms=200, result_within="5s").start() as farm:
        until(lambda: len(working(farm)) == modems, 180, "every modem works", 0.5)
        return Plugging(farm, modems, seed).run(seconds)


def working(farm: RealFarm) -> list[str]:
    """Paths of the modems that work."""
    return [row["path"] for row in farm.get("/v1/modems")["data"] if row["state"] == "working"]


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory(prefix="plugging-") as place:
        result = plugging(Path(place), int(sys.argv[1]), float(sys.argv[2]))
        took = sorted(result.took)
        print(len(took), result.hasty, "p50", took[len(took) // 2], "p95", took[int(len(took) * 0.95)], took[-8:])
        print(result.before, result.after, sep="\n")
