"""Incoming calls: each is kept once, with its number where it was told, and rejected where the owner wants that."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from modemfarm.errors import StoreError
from modemfarm.model import MissedCall
from modemfarm.modem.calls import parse_clip
from modemfarm.simulator.personality import FAMILIES
from tests.modem.fakes import FakeJournal, make_part, run
from tests.modem.test_simulated import Bench

CALLER = "+8613912345678"


def ended(bench: Bench) -> list[str]:
    entries = map(json.loads, bench.log_path.read_text(encoding="utf-8").splitlines())
    return [entry["name"] for entry in entries if entry["event"] == "call" and entry["name"] != "ringing"]


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("reject", [False, True])
def test_each_call_is_kept_once_and_sending_goes_on(tmp_path: Path, family: str, reject: bool) -> None:
    async def main() -> None:
        bench = Bench(tmp_path, family, reject_calls=reject)
        journal = bench.journals[0]

        async def script() -> None:
            await bench.ready()
            for _ in range(2):
                assert bench.simulation.call(0, CALLER) == "ringing"
                await asyncio.sleep(40)
            journal.add(make_part(1))
            await bench.settled(0, 1)

        await bench.serve(script)
        assert [call.number for call in journal.calls] == [CALLER, CALLER]
        assert {call.iccid for call in journal.calls} == {journal.cards[0].iccid}
        assert ended(bench) == ["rejected" if reject else "missed"] * 2

    run(main())


def test_a_call_outlives_a_database_that_is_away(tmp_path: Path) -> None:
    class Forgetful(FakeJournal):
        refused = 0

        async def called(self, call: MissedCall) -> None:
            if self.refused < 3:
                self.refused += 1
                raise StoreError("away")
            await super().called(call)

    async def main() -> None:
        bench = Bench(tmp_path, "ec25")
        journal = Forgetful(clock=bench.clock)
        bench.journals[0] = journal
        bench.supervisors[0]._journal = journal

        async def script() -> None:
            await bench.ready()
            bench.simulation.call(0, CALLER)
            await asyncio.sleep(30)

        await bench.serve(script)
        assert [call.number for call in journal.calls] == [CALLER]

    run(main())


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ('+CLIP: "+8613912345678",145,,,,0', "+8613912345678"),
        ('+CLIP: "8613912345678",145', "+8613912345678"),
        ('+CLIP: "13912345678",129,"",0,"",0', "13912345678"),
        ('+CLIP: "",128,,,,1', ""),
        ("+CLIP: 10086,129", "10086"),
        ("+CLIP:", ""),
    ],
)
def test_the_caller_is_read_from_every_form_of_clip(line: str, number: str) -> None:
    assert parse_clip(line) == number
