"""Everything at once: many modems of every family, faults all the time, kill -9 again and again, limits that bind.

The network's log is the judge, read by code that shares nothing with the product's counters.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

from modemfarm.errors import ModemfarmError
from modemfarm.simulator.faults import FAULTS
from modemfarm.simulator.personality import FAMILIES
from tests.e2e.farm import RealFarm, mixed_texts
from tests.e2e.judging import Text, judge, most_within

PER_MINUTE, PER_DAY = 6, 30
MOMENTS = ("prompt", "mid-pdu", "ctrl-z", "result", "report")
# How long a fault lasts here; what has no length of its own is struck once.
SPANS: Mapping[str, str] = {
    "hang": "8", "deaf": "8", "unplug": "4", "no-sim": "5", "denied": "6", "no-network": "6", "boot-loop": "2",
    "flap": "2", "late-result": "12", "slow": "3",
}  # fmt: skip
# What a person or the operator ends: struck on a few modems and ended at once after the last kill.
PEOPLE = ("barred", "no-credit", "no-smsc", "no-send")
NEVER = ("clear", "pin", "hasty-pin", "puk", "sim-swap")  # PINs and changed cards are for tests/matrix
FAULT_EVERY_S = 0.7
BATCH = 500
SETTLED_S = 1200  # what a SIM refused twice waits ten minutes


@dataclass
class Crowd:
    """What happened, and what the log says of it."""

    modems: int
    messages: int
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    lost: list[Text] = field(default_factory=list)
    doubled: list[Text] = field(default_factory=list)
    contradicted: list[Text] = field(default_factory=list)
    bound: int = 0  # SIMs whose day or minute was used to the full
    over: dict[str, tuple[int, int]] = field(default_factory=dict)  # most in 60 s and in all, where that is too much
    seconds: float = 0.0

    def wrong(self) -> list[str]:
        """What must not be; nothing when all is well."""
        found = []
        if self.lost:
            found.append(f"lost: {self.lost[:5]} ({len(self.lost)})")
        if self.doubled:
            found.append(f"doubled: {self.doubled[:5]} ({len(self.doubled)})")
        if self.contradicted:
            found.append(f"arrived, and called ended without: {self.contradicted[:5]} ({len(self.contradicted)})")
        if self.over:
            found.append(f"over their limits: {self.over}")
        return found

    def told(self) -> list[str]:
        """Lines for a report."""
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items()))
        states = ", ".join(f"{state} {count}" for state, count in self.states.most_common())
        return [
            f"{self.modems} modems of {min(self.modems, len(FAMILIES))} families, {self.messages:,} messages"
            f" in {self.seconds:.0f} s; {self.kills.total()} kill -9: "
            + ", ".join(f"{moment} {count}" for moment, count in sorted(self.kills.items())),
            f"{self.faults.total()} faults: {faults}",
            f"lost {len(self.lost)}, doubled {len(self.doubled)}, arrived though called ended {len(self.contradicted)}",
            f"at the end: {states}",
            f"at most {PER_MINUTE} in 60 s and {PER_DAY} a day, bound {self.bound} SIMs, broken by {len(self.over)}",
        ]


def crowd(
    folder: Path, modems: int, messages: int, kills: int, limited: int, seed: int, people: tuple[str, ...] = PEOPLE
) -> Crowd:
    """Run it; `limited` SIMs have a plan that binds, `people` are the faults that somebody has to end."""
    dice = random.Random(seed)
    began = time.monotonic()
    found = Crowd(modems, messages)
    families = list(FAMILIES)
    farm = RealFarm(
        folder, modems=modems, families=[families[place % len(families)] for place in range(modems)], airtime_ms=150,
        report_ms=300, result_within="6s",
    )  # fmt: skip
    with farm:
        farm.start_simulator()
        tight = [str(modem["iccid"]) for modem in farm.ctl("stats")["modems"][:limited]]
        _limit(farm, tight)
        farm.start_daemon()
        farm.wait_ready(90)
        texts = mixed_texts(messages)
        feeder = _Feeder(farm, texts)
        for number in range(kills):
            feeder.feed(messages * (number + 1) // kills)
            found.kills[_kill(farm, dice, found)] += 1
            farm.start_daemon()
            farm.wait_ready(90)
            print(f"  crowd {number + 1}/{kills}", file=sys.stderr, flush=True)
        feeder.feed(messages)
        for place, name in enumerate(people):
            _strike(farm, modems - 1 - place % modems, name, found)
        time.sleep(5 * bool(people))
        _heal(farm)
        _settle(farm)
        _judge(farm, texts, tight, found)
    found.seconds = time.monotonic() - began
    return found


def _limit(farm: RealFarm, tight: Iterable[str]) -> None:
    plan = f"plans: {{tight: {{per_minute: {PER_MINUTE}, per_day: {PER_DAY}}}}}\n"
    sims = "".join(f'  "{iccid}": {{plan: tight}}\n' for iccid in tight)
    farm.config.write_text(farm.config.read_text("utf-8") + plan + (f"sims:\n{sims}" if sims else ""), "utf-8")


class _Feeder:
    """Hands texts in, by batches whose key makes a repeated one the same."""

    def __init__(self, farm: RealFarm, texts: list[Text]) -> None:
        self._farm, self._texts, self._at = farm, texts, 0

    def feed(self, until: int) -> None:
        while self._at < until:
            some = self._texts[self._at : min(self._at + BATCH, until)]
            try:
                self._farm.submit(some, f"crowd-{self._at}")
            except (OSError, http.client.HTTPException):
                time.sleep(0.2)
                continue
            self._at += len(some)


def _strike(farm: RealFarm, modem: int, name: str, found: Crowd) -> None:
    with contextlib.suppress(ModemfarmError, OSError):  # a fault that this modem cannot have now
        farm.fault(modem, name, SPANS.get(name, ""))
        found.faults[name] += 1


def _kill(farm: RealFarm, dice: random.Random, found: Crowd) -> str:
    """Let modems fail for a while, then kill the daemon at a moment of the wire, or at any."""
    names = [name for name in FAULTS if name not in (*PEOPLE, *NEVER)]
    for _ in range(dice.randint(2, 6)):
        _strike(farm, dice.randrange(found.modems), dice.choice(names), found)
        time.sleep(FAULT_EVERY_S * dice.random())
    moment = dice.choice(MOMENTS)
    assert farm.daemon is not None
    farm.kill_at(moment, dice.randint(1, 20))
    try:
        farm.daemon.wait(6)
    except TimeoutExpired:
        moment = "any"
        farm.daemon.kill()
        farm.daemon.wait(10)
    assert farm.daemon.returncode == -signal.SIGKILL, farm.said()[-3000:]
    return moment


def _heal(farm: RealFarm) -> None:
    """End every fault, as their causes end in a shop: cards back, ports in, cards unlocked and paid for."""
    for modem in farm.ctl("stats")["modems"]:
        number = modem["modem"]
        if modem["faults"]:
            farm.ctl("fault", number, "clear")
            with contextlib.suppress(ModemfarmError):  # not every family tells its balance
                farm.ctl("set", number, "balance", "50")
        if not modem["plugged"]:
            farm.ctl("replug", number)


def _settle(farm: RealFarm) -> None:
    """Wait until nothing moves any more but what a plan holds; a person resumes SIMs that were parked."""
    ends = time.monotonic() + SETTLED_S
    while time.monotonic() < ends:
        for sim in farm.listed("/v1/sims"):
            if sim["state"] == "parked":
                farm.http("POST", f"/v1/sims/{sim['iccid']}/resume")
        open_ones = farm.listed("/v1/messages?state=queued&state=sending&state=scheduled")
        held = [row for row in farm.listed("/v1/messages?state=held") if not str(row["reason"]).startswith("plan_")]
        if not open_ones and not held:
            time.sleep(3)
            return
        _heal(farm)
        time.sleep(3)
    raise AssertionError(f"still open: {Counter((row['state'], row['reason']) for row in (*open_ones, *held))}")


def _judge(farm: RealFarm, texts: list[Text], tight: list[str], found: Crowd) -> None:
    rows = farm.listed("/v1/messages")
    state_of = {(row["to"], row["text"]): row["state"] for row in rows}
    found.states.update(state_of.values())
    verdict = judge(farm.log(), texts)
    told = {"unknown", "failed", "held", "expired", "canceled", "undelivered"}
    found.lost = [text for text in verdict.lost if state_of.get(text) not in told]
    found.doubled = list(verdict.doubled)
    never = {"failed", "held", "expired", "canceled", "queued"}
    found.contradicted = [text for text in verdict.whole if state_of.get(text) in never]
    assert len(rows) == len(texts), (len(rows), len(texts))
    sent: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in farm.log("submit"):
        sent[str(line["iccid"])].append(line)
    for iccid in tight:
        lines = sent[iccid]
        most = max(most_within((line[when] for line in lines), 60.0) for when in ("accepted_at", "ctrl_z_at"))
        if most > PER_MINUTE or len(lines) > PER_DAY:
            found.over[iccid] = most, len(lines)
        found.bound += most == PER_MINUTE or len(lines) == PER_DAY
