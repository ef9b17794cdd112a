"""`python -m bench.plugging MODEMS SECONDS`: modems pulled out and put in again at random, under new names.

How soon each works again is judged, and what stays behind in the daemon."""

from __future__ import annotations

import argparse
import heapq
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import percentile
from bench.vitals import DATABASE, Vitals, leaks, settled
from modemfarm.simulator.personality import FAMILIES
from tests.e2e.farm import RealFarm, until
from tests.e2e.judging import Tail

WORKS_WITHIN_S = 10.0
_OUT_S = (0.2, 3.0)  # how long a modem is out
_IN_S = (2.0, 20.0)  # how long it stays in once its message went out
_HASTY = 0.15  # so often it is pulled again while it starts
_HASTY_S = (0.1, 4.0)
_LOOK_S = 0.05
_GIVE_UP_S = 120.0


@dataclass
class Plugged:
    """What was seen.

    Attributes:
        took: seconds from each return to the message that the network took, the modem's own boot apart; its family.
        hasty: how often a modem was pulled again before it worked.
        load: the highest load average met, by the number of cores.
    """

    modems: int
    seconds: float
    before: Vitals
    after: Vitals
    took: list[tuple[float, str]]
    hasty: int = 0
    load: float = 0.0

    @property
    def allowed_s(self) -> float:
        """WORKS_WITHIN_S on a machine with a core for whoever wants one, more where programs queue for the cores."""
        return WORKS_WITHIN_S * max(1.0, self.load)

    def wrong(self) -> list[str]:
        """Sentences on what must not be; none when all is well."""
        late = [f"{took:.1f} s ({family})" for took, family in sorted(self.took, reverse=True) if took > self.allowed_s]
        found = leaks(self.before, self.after, len(self.took) + self.hasty)
        if late:
            found.insert(0, f"{len(late)} returns took longer than {self.allowed_s:.1f} s: {', '.join(late[:8])}")
        if len(self.took) < self.modems:
            found.insert(0, f"only {len(self.took)} returns of {self.modems} modems were seen")
        return found

    def told(self) -> list[str]:
        """The figures, a line each."""
        took = [one for one, _ in self.took]
        before, after = self.before, self.after
        returns = f"{len(took)} returns under new names, {self.hasty} pulled again before they worked"
        times = ", ".join(
            f"{name} {value:.2f} s"
            for name, value in (("median", percentile(took, 0.5)), ("p95", percentile(took, 0.95)), ("max", max(took)))
        )
        allowed = f"{self.allowed_s:.1f} s: {WORKS_WITHIN_S:g} s × the programs that wanted each core"
        pairs = {
            "descriptors": [sum(one.descriptors.values()) for one in (before, after)],
            "of these the database's": [one.descriptors.get(DATABASE, 0) for one in (before, after)],
            "threads": [sum(one.threads.values()) for one in (before, after)],
            "tasks": [before.tasks, after.tasks],
            "objects": [before.objects, after.objects],
            "MB": [round(before.rss_mb, 1), round(after.rss_mb, 1)],
        }
        held = ", ".join(f"{name} {first} and {second}" for name, (first, second) in pairs.items())
        return [
            f"{self.modems} modems, {self.seconds:.0f} s: {returns}",
            f"from the return to a message that the network took, the modem's own boot apart: {times}",
            f"allowed {allowed} (at most {self.load:.1f}, counted as 1 where less)",
            f"held by the daemon before and after: {held}",
        ]


@dataclass
class _Modem:
    number: int
    iccid: str
    family: str
    name: str
    text: str = ""
    back_at: float = 0.0  # 0: it is out, or works


@dataclass
class _Seen:
    took: list[tuple[float, str]] = field(default_factory=list)
    hasty: int = 0
    load: float = 0.0


class Plugging:
    """One run: every modem by itself is in for a while, out for a moment, back under a new name."""

    def __init__(self, farm: RealFarm, seed: int) -> None:
        self._farm, self._dice = farm, random.Random(seed)
        self._tail = Tail(farm.log_path)
        self._names = 0
        self._due: list[tuple[float, int, str]] = []
        self._counting = False
        self._modems = [
            _Modem(row["modem"], row["iccid"], row["family"], f"ttyV{row['modem']}")
            for row in farm.ctl("stats")["modems"]
        ]
        self._seen = _Seen()

    def run(self, seconds: float) -> Plugged:
        """Everything out and in once and counted, then `seconds` of plugging, then everything in and counted again.

        Raises:
            AssertionError: a modem did not come back at all.
        """
        for modem in self._modems:  # once before the count: what a modem's first life makes may stay
            self._act("out", modem)
        for modem in self._modems:
            self._act("in", modem)
        self._until_all_work(_GIVE_UP_S * 2)
        before, self._seen, self._counting = settled(self._farm), _Seen(), True
        for modem in self._modems:
            self._plan(modem, "out", self._dice.uniform(0, min(_IN_S[1], seconds / 2)))
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            while self._due and self._due[0][0] <= time.monotonic():
                _, number, what = heapq.heappop(self._due)
                self._act(what, self._modems[number])
            for modem in self._working_again():
                self._plan(modem, "out", self._dice.uniform(*_IN_S))
            self._see_nothing_is_stuck()
            self._seen.load = max(self._seen.load, os.getloadavg()[0] / (os.cpu_count() or 1))
            time.sleep(_LOOK_S)
        due, self._due = sorted(self._due), []
        for _, number, what in due:
            if what == "in":
                self._act(what, self._modems[number], hasty=False)
        self._until_all_work(_GIVE_UP_S)
        took_s, seen = time.monotonic() - began, self._seen
        return Plugged(
            len(self._modems), took_s, before, settled(self._farm), seen.took, hasty=seen.hasty, load=seen.load
        )

    def _plan(self, modem: _Modem, what: str, after_s: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + after_s, modem.number, what))

    def _act(self, what: str, modem: _Modem, *, hasty: bool = True) -> None:
        """Pull a modem out, or give it a message and put it in under a new name."""
        farm, dice = self._farm, self._dice
        self._due = [item for item in self._due if item[1] != modem.number]
        heapq.heapify(self._due)
        if what == "out":
            self._seen.hasty += modem.back_at > 0
            modem.back_at = 0.0
            farm.ctl("unplug", modem.number)
            if self._counting:
                self._plan(modem, "in", dice.uniform(*_OUT_S))
            return
        self._names += 1
        modem.name, modem.text = f"ttyV{modem.number}n{self._names}", f"back {self._names}"
        body = {"to": f"+49170{1000000 + modem.number}", "text": modem.text, "from": modem.iccid}
        status, answer = farm.http("POST", "/v1/messages", body)
        assert status == 202, (status, answer)
        modem.back_at = time.time()
        farm.ctl("replug", modem.number, modem.name)
        if self._counting and hasty and dice.random() < _HASTY:
            self._plan(modem, "out", dice.uniform(*_HASTY_S))

    def _working_again(self) -> Iterator[_Modem]:
        """Those whose message the network took since the last look, and that nothing is planned for."""
        waiting = {modem.text: modem for modem in self._modems if modem.back_at}
        for line in self._tail.new("submit"):
            modem = waiting.get(line["text"])
            if modem is None or not modem.back_at:
                continue
            took = float(line["accepted_at"]) - modem.back_at - boot_s(modem.family)
            self._seen.took.append((took, modem.family))
            modem.back_at = 0.0
            if all(item[1] != modem.number for item in self._due):
                yield modem

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


def boot_s(family: str) -> float:
    """How long a virtual modem of this family takes from power to its first message."""
    traits = FAMILIES[family]
    return max(traits.sms_ready_after_s, traits.sim_settles_s, *(delay_s for delay_s, _ in traits.boot), 0.0)


def plugging(folder: Path, modems: int, seconds: float, seed: int = 1) -> Plugged:
    """Run it on a farm of its own.

    Raises:
        AssertionError: a modem did not come back at all.
    """
    with RealFarm(folder, modems=modems, airtime_ms=20, report_ms=200, result_within="5s").start() as farm:
        until(lambda: working(farm) == modems, 180, "every modem works", 0.5)
        return Plugging(farm, seed).run(seconds)


def working(farm: RealFarm) -> int:
    """How many modems work."""
    return sum(row["state"] == "working" for row in farm.get("/v1/modems")["data"])


def main() -> int:
    parser = argparse.ArgumentParser(description="Pull virtual modems out and put them in again at random.")
    parser.add_argument("modems", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="plugging-") as place:
        found = plugging(Path(place), asked.modems, asked.seconds, asked.seed)
    print(*found.told(), *(f"WRONG: {what}" for what in found.wrong()), sep="\n")
    return 1 if found.wrong() else 0


if __name__ == "__main__":
    sys.exit(main())
