"""Sessions against virtual modems: every family, every fault; and a farm over real pseudo-terminals."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from modemfarm.model import Evidence, ModemState, Outcome
from modemfarm.modem.discovery import Discovery
from modemfarm.modem.fleet import Fleet
from modemfarm.modem.journal import After, GoOn, Resync
from modemfarm.modem.ladder import Limits
from modemfarm.modem.port import PortOpener, PyserialOpener, SerialxOpener
from modemfarm.modem.settings import ModemSettings, SystemClock
from modemfarm.modem.supervisor import Supervisor
from modemfarm.simulator.simulation import Simulation
from tests.modem.fakes import FakeJournal, LoopClock, make_part, profiles, run

FAMILIES = ("huawei", "sim800", "ec25", "wavecom", "generic")
OVERLAYS = {"sim800": "simcom", "ec25": "quectel"}  # whose error numbers count


class Bench:
    """Some virtual modems, a supervisor and a journal for each, on virtual time."""

    def __init__(self, tmp_path: Path, *families: str, **settings: float) -> None:
        self.log_path = tmp_path / "smsc.jsonl"
        self.clock = LoopClock()
        self.simulation = Simulation(
            len(families),
            families=families,
            airtime_s=3,
            report_s=2,
            log_path=self.log_path,
            clock=lambda: self.clock.now().timestamp(),
        )
        self.journals = [FakeJournal(clock=self.clock) for _ in families]
        limits = Limits()
        self.supervisors = [
            Supervisor(
                self.simulation.path(number),
                self.simulation,
                profiles(),
                journal,
                ModemSettings(**settings),  # type: ignore[arg-type]
                self.clock,
                limits,
            )
            for number, journal in enumerate(self.journals)
        ]

    async def serve(self, script: Callable[[], Coroutine[object, object, None]]) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(supervisor.run()) for supervisor in self.supervisors]
            try:
                async with asyncio.timeout(20_000):
                    await script()
            finally:
                for task in tasks:
                    task.cancel()
        await self.simulation.stop()

    async def ready(self, number: int = 0) -> None:
        while self.supervisors[number].status.state is not ModemState.WORKING:
            await asyncio.sleep(0.1)

    async def settled(self, number: int, count: int) -> None:
        while len(self.journals[number].outcomes) < count:
            await asyncio.sleep(0.1)

    def submitted(self) -> Counter[str]:
        entries = [json.loads(line) for line in self.log_path.read_text(encoding="utf-8").splitlines()]
        return Counter(entry["text"] for entry in entries if entry["event"] == "submit")


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_sends_reports_and_receives(tmp_path: Path, family: str) -> None:
    async def main() -> None:
        bench = Bench(tmp_path, family)
        journal = bench.journals[0]
        journal.add(*(make_part(number) for number in range(1, 6)))

        async def script() -> None:
            await bench.settled(0, 5)
            await asyncio.sleep(30)
            bench.simulation.deliver(0, "+8613912345678", "hello")
            await asyncio.sleep(5)

        await bench.serve(script)
        assert {outcome.evidence for _, outcome in journal.outcomes} == {Evidence.ACCEPTED}
        assert bench.submitted() == Counter({f"part {number}": 1 for number in range(1, 6)})
        assert sum(received.status_report for received in journal.inbound) == 5
        assert sum(not received.status_report for received in journal.inbound) == 1
        assert journal.cards[0].iccid.startswith("89860")
        assert bench.supervisors[0].status.family == OVERLAYS.get(family, family)

    run(main())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("fault", "arg"),
    [
        ("hang", "60"),
        ("lost-result", ""),
        ("lost-result", "ok"),
        ("late-result", "45"),
        ("late-result", "130"),
        ("cms", "38"),
        ("cms", "500"),
        ("cme", "100"),
        ("error", ""),
        ("noise", ""),
        ("dribble", "0.01"),
        ("glue", ""),
        ("no-prompt", ""),
        ("slow", "3"),
        ("flood", "100"),
        ("reboot", ""),
        ("no-sim", "30"),
        ("denied", "60"),
        ("store-full", ""),
    ],
)
def test_no_fault_doubles_or_stops_anything(tmp_path: Path, family: str, fault: str, arg: str) -> None:
    async def main() -> None:
        bench = Bench(tmp_path, family)
        journal = bench.journals[0]

        async def script() -> None:
            await bench.ready()
            bench.simulation.fault(0, fault, arg, 1)
            journal.add(*(make_part(number) for number in range(1, 5)))
            while len(journal.evidence()) < 4 or bench.supervisors[0].status.state is not ModemState.WORKING:
                await asyncio.sleep(0.1)
            await asyncio.sleep(180)

        await bench.serve(script)
        submitted = bench.submitted()
        for number, evidence in journal.evidence().items():
            count = submitted[f"part {number}"]
            assert count <= 1, (number, evidence)
            if evidence[-1] is Evidence.ACCEPTED:
                assert count == 1, (number, evidence)
            if evidence[-1] in {Evidence.NOT_SENT, Evidence.REFUSED}:
                assert count == 0, (number, evidence)
        assert sum(evidence[-1] is Evidence.ACCEPTED for evidence in journal.evidence().values()) >= 3

    run(main())


def test_a_swapped_sim_is_seen_before_the_next_part(tmp_path: Path) -> None:
    async def main() -> None:
        bench = Bench(tmp_path, "huawei")
        journal = bench.journals[0]

        async def script() -> None:
            await bench.ready()
            bench.simulation.fault(0, "sim-swap")
            await asyncio.sleep(60)
            await bench.ready()
            journal.add(make_part(1))
            await bench.settled(0, 1)

        await bench.serve(script)
        assert len({card.iccid for card in journal.cards}) == 2
        entries = [json.loads(line) for line in bench.log_path.read_text(encoding="utf-8").splitlines()]
        sent = next(entry for entry in entries if entry["event"] == "submit")
        assert sent["iccid"] == journal.cards[-1].iccid

    run(main())


def test_a_sick_modem_does_not_slow_a_good_one(tmp_path: Path) -> None:
    async def main() -> None:
        bench = Bench(tmp_path, "huawei", "sim800", "ec25")
        good = bench.journals[2]

        def after(outcome: Outcome) -> After:
            return Resync() if outcome.evidence is Evidence.UNCERTAIN else GoOn()

        good.after = after

        async def script() -> None:
            for number in range(3):
                await bench.ready(number)
            bench.simulation.fault(0, "hang")
            bench.simulation.fault(1, "error", "", 1000)
            bench.journals[0].add(make_part(1))
            bench.journals[1].add(*(make_part(number) for number in range(100, 104)))
            began = asyncio.get_running_loop().time()
            good.add(*(make_part(number) for number in range(200, 220)))
            await bench.settled(2, 20)
            assert asyncio.get_running_loop().time() - began < 20 * 3.1

        await bench.serve(script)
        assert {outcome.evidence for _, outcome in good.outcomes} == {Evidence.ACCEPTED}

    run(main())


@pytest.mark.parametrize("opener", [SerialxOpener(), PyserialOpener()])
async def test_a_farm_on_pseudo_terminals_follows_its_modems_within_a_second(
    tmp_path: Path, opener: PortOpener
) -> None:
    simulation = Simulation(4, families=("huawei", "sim800", "ec25", "generic"), airtime_s=0.01)
    await simulation.start(tmp_path)
    clock = SystemClock()
    journal = FakeJournal(clock=clock)  # type: ignore[arg-type]
    settings = ModemSettings(ports=(f"{tmp_path}/tty*",))
    limits = Limits()
    loaded = profiles()
    fleet = Fleet(Discovery(settings), lambda path: Supervisor(path, opener, loaded, journal, settings, clock, limits))
    serving = asyncio.ensure_future(fleet.run())

    async def until(test: Callable[[], bool], within_s: float) -> None:
        async with asyncio.timeout(within_s):
            while not test():
                await asyncio.sleep(0.01)

    def working() -> int:
        return sum(supervisor.status.state is ModemState.WORKING for supervisor in fleet.supervisors.values())

    try:
        await until(lambda: working() == 4, 20)
        journal.add(*(make_part(number) for number in range(1, 41)))
        await until(lambda: len(journal.outcomes) == 40, 20)
        assert {outcome.evidence for _, outcome in journal.outcomes} == {Evidence.ACCEPTED}
        simulation.unplug(3)
        await until(lambda: len(fleet.supervisors) == 3, 1)
        simulation.replug(3, "ttyV9")
        await until(lambda: any(path.endswith("ttyV9") for path in fleet.supervisors), 1)
        await until(lambda: working() == 4, 20)
        async with asyncio.timeout(10):
            await fleet.drain()
    finally:
        serving.cancel()
        await asyncio.wait({serving})
        await simulation.stop()
        for _ in range(10):
            await asyncio.sleep(0.01)
