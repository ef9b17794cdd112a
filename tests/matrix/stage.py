"""One fault in one phase, on modems of many families at once, beside one that is well; the network's log is the judge."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modemfarm.farm.settings import FarmSettings
from modemfarm.intake.draft import Draft
from modemfarm.model import ModemState
from modemfarm.modem.ladder import Limits
from modemfarm.modem.settings import ModemSettings
from modemfarm.store.actions import sim_resume
from tests.farm.virtual import Farm, farm
from tests.matrix.cells import ARGUMENTS, COUNTS, LOCKS, NEEDS, REPORTLESS, ROUNDS, SPARED, person
from tests.virtualtime import VirtualLoop, run

STARTS = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
FRIEND = "+8613912345678"
AIRTIME_S = 0.5
STEADY_EVERY_S = 5.0
STEADY_WITHIN_S = 0.5  # intake to Ctrl-Z on the modem that is well, whatever happens to the others
FIRES_WITHIN_S = 900.0
BACK_WITHIN_S = 600.0
CARD_SEEN_S = 90.0  # a message is pinned to a card that the farm knows
TOLD = frozenset({"delivered", "sent", "unknown", "failed"})


@dataclass
class Played:
    """What was seen.

    Attributes:
        recovered_s: by family, from the fault (or its end by a person) to the network's yes to the next message.
        wrong: what the promises were broken by; empty is good.
    """

    recovered_s: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def play(name: str, phase: str, families: Sequence[str], folder: Path, *, shared: bool = False) -> Played:
    """Live through one fault.

    Args:
        shared: the modems share the farm's limit on resets, as in one box; else each is ill alone.
    """

    async def main(loop: VirtualLoop) -> Played:
        modems = len(families) + 1
        settings = FarmSettings(
            "here", default_plan="unlimited", pins={f"ttyV{number}": "1234" for number in range(modems)}
        )
        alone = [Limits() for _ in range(modems)]
        async with farm(
            loop,
            folder,
            modems,
            starts=STARTS,
            settings=settings,
            modem_settings=ModemSettings(),
            limits=None if shared else alone.__getitem__,
            families=(*families, "generic"),
            airtime_s=AIRTIME_S,
        ) as one:
            return await _Stage(one, name, phase, families).play()

    return run(main)


class _Log:
    """The network's log, read as it grows."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0
        self.lines: list[dict[str, Any]] = []

    def look(self) -> list[dict[str, Any]]:
        with self._path.open("rb") as file:
            file.seek(self._read)
            fresh = file.read()
        self._read += len(fresh)
        self.lines += map(json.loads, fresh.splitlines())
        return self.lines


class _Stage:
    def __init__(self, one: Farm, name: str, phase: str, families: Sequence[str]) -> None:
        self.one, self.name, self.phase, self.families = one, name, phase, families
        self.ill = range(len(families))
        self.well = len(families)
        self.log = _Log(one.log)
        self.played = Played()
        self.texts: dict[int, str] = {}  # message id -> text
        self.fired: dict[int, float] = {}
        self.ended: dict[int, float] = {}
        self.armed_at = 0.0

    @property
    def now(self) -> float:
        return self.one.clock.now().timestamp()

    def bad(self, number: int, what: str) -> None:
        family = self.families[number] if number < self.well else "the well one"
        self.played.wrong.append(f"{family}: {what}")

    async def play(self) -> Played:
        everything = (*self.ill, self.well)
        await self._all(everything, self._ready, 600, "never became ready")
        before = await self._send(everything, "before")
        await self._all(
            everything, lambda number: self._state(before, number, {"delivered"}), 300, "cannot send at all"
        )
        if self.played.wrong:
            return self.played
        # A message waits for its card, which is in somebody's hand after a swap.
        told = TOLD | {"queued", "held"} if self.name == "sim-swap" else TOLD
        async with asyncio.TaskGroup() as group:
            steady = group.create_task(self._keep_sending())
            during = await self._strike()
            if self.name in SPARED:
                self.fired = dict.fromkeys(self.ill, self.now)
            else:
                await self._all(self.ill, self._has_fired, FIRES_WITHIN_S, "did not fire")
            await self._end()
            if self.name == "sim-swap":
                await asyncio.sleep(CARD_SEEN_S)
            after = await self._send(self.ill, "after")
            wanted = {"sent", "delivered"} if self.name in REPORTLESS else {"delivered"}

            async def is_told(number: int) -> bool:
                return await self._state(after, number, wanted)

            for number in self.ill:
                self._deliver(number, "after")
            await self._all(
                self.ill,
                is_told,
                BACK_WITHIN_S,
                "sends no more, or has no report",
            )
            if not self.played.wrong:
                await self._all(self.ill, self._has_received, BACK_WITHIN_S, "receives no more")
            if not self.played.wrong:
                await self._all(
                    during, lambda number: self._state(during, number, told), 4 * 3600, "is told nothing of"
                )
            steady.cancel()
        if self.played.wrong:
            return self.played
        await asyncio.sleep(300)  # what would come twice has come by then
        await self._judge(after)
        return self.played

    # --- what is done

    async def _send(self, numbers: Sequence[int], word: str) -> dict[int, int]:
        """A message through each of these modems; ids by modem."""
        ids = {}
        for number in numbers:
            card = self.one.simulation.modems[number].card or self.one.simulation.modems[number].pocket
            assert card is not None
            text = f"{word} {number}"
            draft = Draft(f"+86138{number:04}{len(self.texts) % 10000:04}", text, pinned=card.iccid)
            ids[number] = (await self.one.add(1, lambda _, draft=draft: draft))[0]
            self.texts[ids[number]] = text
        return ids

    def _deliver(self, number: int, word: str) -> None:
        self.one.simulation.deliver(number, FRIEND, f"{word} to {number}")

    async def _keep_sending(self) -> None:
        turn = 0
        while True:
            turn += 1
            ids = await self._send([self.well], f"steady {turn}")
            began = self.now
            while not await self._state(ids, self.well, {"sent", "delivered"}):
                await asyncio.sleep(0.25)
            said = next(line for line in self.log.look() if line["text"] == self.texts[ids[self.well]])
            if said["ctrl_z_at"] - began > STEADY_WITHIN_S:
                self.bad(self.well, f"{self.texts[ids[self.well]]} waited {said['ctrl_z_at'] - began:.1f} s")
            await asyncio.sleep(STEADY_EVERY_S)

    async def _strike(self) -> dict[int, int]:
        """Arm the fault and bring its phase about; the messages sent for it."""
        simulation = self.one.simulation
        self.armed_at = self.now
        for number in self.ill:
            if self.phase == "bring-up":
                simulation.unplug(number)
            if self.name in NEEDS:
                simulation.fault(number, NEEDS[self.name])
            simulation.fault(number, self.name, f"{ARGUMENTS.get(self.name, '')}@{self.phase}", COUNTS.get(self.name))
            if self.phase == "bring-up":
                simulation.replug(number)
            elif self.phase == "receiving":
                self._deliver(number, "during")
        if self.phase in {"prompt", "ctrl-z"}:
            return await self._send(self.ill, "during")
        return {}

    async def _end(self) -> None:
        """Wait for what ends by itself after several rounds; what only a person can end is ended."""
        if self.name in ROUNDS:
            await self._all(self.ill, self._has_gone_round, FIRES_WITHIN_S, "did not go round")
        helped = [number for number in self.ill if person(self.name, self.families[number])]
        self.ended = dict(self.fired)
        if not helped:
            return
        await asyncio.sleep(120)
        simulation = self.one.simulation
        for number in helped:
            modem = simulation.modems[number]
            if self.name in {"puk", *LOCKS}:
                simulation.unplug(number)
                assert modem.card is not None
                modem.card.pin, modem.card.blocked, modem.card.pin_left = "", False, 3
                simulation.replug(number)
            elif self.name == "no-smsc":
                assert modem.card is not None
                modem.card.smsc = "+8613800100500"
            else:
                simulation.fault(number, "clear")
            assert modem.card is not None
            await self.one.offload.run(sim_resume, modem.card.iccid, self.one.clock.now())
            self.ended[number] = self.now
        await asyncio.sleep(5)

    # --- what is waited for

    async def _all(self, numbers: Sequence[int] | dict[int, int], done: Any, within_s: float, what: str) -> None:
        """Until something holds of each modem; those of which it does not are noted."""
        left = set(numbers)
        began = self.now
        until = began + within_s
        while left and self.now < until:
            left = {number for number in left if not await done(number)}
            if left:
                await asyncio.sleep(max(0.5, (self.now - began) / 100))
        for number in sorted(left):
            status = self.one.supervisors[number].status
            self.bad(number, f"{what} ({status.state} {status.sentence} {status.params})")

    async def _ready(self, number: int) -> bool:
        return self.one.supervisors[number].status.state is ModemState.WORKING

    async def _state(self, ids: dict[int, int], number: int, states: frozenset[str] | set[str]) -> bool:
        rows = await self.one.rows("SELECT state FROM messages WHERE id = :id", id=ids[number])
        return rows[0]["state"] in states

    async def _has_fired(self, number: int) -> bool:
        for line in self.log.look():
            if (
                line["event"] == "fault"
                and line["modem"] == number
                and (line["name"], line["phase"]) == (self.name, self.phase)
                and line["t"] >= self.armed_at
            ):
                self.fired[number] = line["t"]
                return True
        return False

    async def _has_gone_round(self, number: int) -> bool:
        rounds = [
            line["t"]
            for line in self.log.look()
            if line["event"] == "fault" and line["modem"] == number and line["name"] == self.name
        ]
        self.fired[number] = rounds[-1]
        return len(rounds) >= ROUNDS[self.name]

    async def _has_received(self, number: int) -> bool:
        return await self.one.count("inbound WHERE text = :text", text=f"after to {number}") > 0

    # --- what is promised

    async def _judge(self, after: dict[int, int]) -> None:
        lines = self.log.look()
        left = Counter(line["text"] for line in lines if line["event"] == "submit")
        states = {row["id"]: row["state"] for row in await self.one.rows("SELECT id, state FROM messages")}
        for message, text in self.texts.items():
            state, count = states[message], left[text]
            number = int(text.rpartition(" ")[2])
            if count > 1:
                self.bad(number, f"{text!r} left {count} times")
            if (state in {"sent", "delivered"} and count != 1) or (state in {"failed", "queued", "held"} and count):
                self.bad(number, f"{text!r} is {state} and left {count} times")
        given = {(line["iccid"], line["pdu"]): line["modem"] for line in lines if line["event"] == "inbound"}
        kept = Counter(
            (row["iccid"], row["pdu"].upper())
            for row in await self.one.rows("SELECT iccid, pdu FROM received WHERE kind = 'deliver'")
        )
        if (
            self.name == "sim-swap"
        ):  # what came at that moment is with the old card, or lies in the modem without a name
            given, kept = self._of_cards_that_are_in(given, kept)
        for (iccid, pdu), number in given.items():
            if kept[(iccid, pdu)] != 1:
                self.bad(number, f"a message was received {kept[(iccid, pdu)]} times")
        if extra := set(kept) - set(given):
            self.played.wrong.append(f"{len(extra)} messages that nobody sent")
        if self.name in SPARED:
            for number in self.ill:
                if await self._has_fired(number):
                    self.bad(number, "was provoked")
        for number, message in after.items():
            said = next(
                (line for line in lines if line["event"] == "submit" and line["text"] == self.texts[message]), None
            )
            if said is not None and number in self.ended:
                self.played.recovered_s[self.families[number]] = round(said["accepted_at"] - self.ended[number], 1)

    def _of_cards_that_are_in(
        self, given: dict[tuple[str, str], int], kept: Counter[tuple[str, str]]
    ) -> tuple[dict[tuple[str, str], int], Counter[tuple[str, str]]]:
        """Without what was sent to a card that was taken out, unless that was kept twice."""
        cards = {modem.card.iccid for modem in self.one.simulation.modems if modem.card is not None}
        elsewhere = {pdu for iccid, pdu in given if iccid not in cards}
        for pdu in elsewhere:
            if sum(count for key, count in kept.items() if key[1] == pdu) > 1:
                self.played.wrong.append("what was sent to the old card was received twice")
        return (
            {key: number for key, number in given.items() if key[1] not in elsewhere},
            Counter({key: count for key, count in kept.items() if key[1] not in elsewhere}),
        )
