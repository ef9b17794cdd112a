"""Ills that feed on themselves are damped: radios that start together, restarts in a row; silence is noticed unasked."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemfarm.model import Evidence, ModemState
from modemfarm.modem.damping import FIRST_S, FORGOTTEN_S, LONGEST_S, MOST, WITHIN_S, Damper
from modemfarm.modem.discovery import Appeared, Discovery, Vanished
from modemfarm.modem.fleet import Fleet
from modemfarm.modem.ladder import RESETS_AT_ONCE, Limits
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.supervisor import Supervisor
from modemfarm.simulator.simulation import Simulation
from tests.modem.fakes import FakeJournal, ScriptedOpener, ScriptedPort, make_part, profiles, run
from tests.modem.playing import play


def test_no_more_radios_start_at_once_than_a_box_s_supply_bears() -> None:
    starting, most = 0, 0

    def turn_on(port: ScriptedPort) -> None:
        nonlocal starting, most
        starting += 1
        most = max(most, starting)

        def is_on() -> None:
            nonlocal starting
            starting -= 1
            port.say("OK")

        asyncio.get_running_loop().call_later(5, is_on)

    async def main() -> None:
        journal, limits = FakeJournal(), Limits()
        ports = [
            ScriptedPort(
                {
                    "AT+CFUN?": "+CFUN: 4|OK",
                    "AT+CFUN=1": turn_on,
                    "AT+CCID": f"+CCID: 89860012345678901{number:02}|OK",
                    "AT+CGSN": f"4901542032375{number:02}|OK",
                }
            )
            for number in range(10)
        ]
        supervisors = [
            Supervisor(
                f"port{number}",
                ScriptedOpener(port),  # type: ignore[arg-type]
                profiles(),
                journal,
                ModemSettings(),
                journal.clock,
                limits,
            )
            for number, port in enumerate(ports)
        ]
        async with asyncio.TaskGroup() as group:
            serving = [group.create_task(one.run()) for one in supervisors]
            async with asyncio.timeout(300):
                while any(one.status.state is not ModemState.WORKING for one in supervisors):
                    await asyncio.sleep(0.5)
            for task in serving:
                task.cancel()

    run(main())
    assert most == RESETS_AT_ONCE


def test_a_modem_that_restarts_over_and_over_is_opened_less_and_less() -> None:
    journal = FakeJournal()
    ports = [ScriptedPort({"AT+CMGF=0": "RDY"}) for _ in range(500)]

    async def main() -> int:
        opener = ScriptedOpener(*ports)
        supervisor = Supervisor("script", opener, profiles(), journal, ModemSettings(), journal.clock)  # type: ignore[arg-type]
        serving = asyncio.ensure_future(supervisor.run())
        await asyncio.sleep(3600)
        serving.cancel()
        await asyncio.wait({serving})
        return opener.opened

    assert run(main()) < 40
    assert {"repairing_reinit", "repairing_radio", "repairing_reset", "repairing_reopen"} <= set(journal.sentences())


def test_an_idle_modem_that_falls_silent_is_noticed_though_nobody_sends() -> None:
    port, journal = ScriptedPort(), FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while supervisor.status.state is not ModemState.WORKING:
            await asyncio.sleep(0.1)
        port.answers = dict.fromkeys(port.answers)
        async with asyncio.timeout(120):
            while "resyncing" not in journal.sentences():
                await asyncio.sleep(0.1)

    play(port, journal, script)


# --- ports that come and go


def test_a_few_returns_are_nothing_special() -> None:
    damper = Damper()
    assert [damper.appeared("1-1", now) for now in (0, 1, 2, 3, 4)] == [0] * MOST
    assert damper.appeared("1-2", 4.5) == 0  # another place
    assert damper.appeared("1-1", 5) == FIRST_S
    assert Damper().appeared("1-1", 5) == 0


@given(
    gaps=st.lists(
        st.one_of(st.floats(0.01, 30.0), st.floats(0.01, FORGOTTEN_S), st.sampled_from([FIRST_S, WITHIN_S])),
        max_size=60,
    )
)
def test_a_port_is_never_held_longer_than_the_bound_and_at_most_so_often_served(gaps: list[float]) -> None:
    damper, now, served = Damper(), 0.0, [0.0]
    damper.appeared("1-1", now)
    for gap in gaps:
        now += gap
        hold_s = damper.appeared("1-1", now)
        assert hold_s == 0 or FIRST_S <= hold_s <= LONGEST_S
        if hold_s == 0:
            served.append(now)
    assert all(after - before > WITHIN_S for before, after in zip(served, served[MOST:], strict=False))


def test_each_time_it_stayed_and_went_again_it_is_held_longer_until_it_was_quiet_for_long() -> None:
    damper, now, holds = Damper(), 0.0, []
    for _ in range(7):
        for _ in range(8):  # comes and goes each second
            hold_s = damper.appeared("1-1", now)
            now += 1
        holds.append(hold_s)
        now += hold_s  # then stays, is served, and goes again
    assert holds == [15, 30, 60, 120, 240, LONGEST_S, LONGEST_S]
    assert damper.appeared("1-1", now + FORGOTTEN_S + 1) == 0


class SimulatedDiscovery(Discovery):
    """Sees the ports of a simulation; the modem's number is its place on the USB."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(ModemSettings())
        self._simulation = simulation
        self._there: dict[str, str] = {}

    def _rows(self) -> list[dict[str, object]]:
        return self._simulation.stats()["modems"]  # type: ignore[return-value]  # documents for JSON

    def look(self) -> list[Appeared | Vanished]:
        found = {str(row["path"]): f"1-{row['modem']}" for row in self._rows() if row["plugged"]}
        gone, new = self._there.keys() - found.keys(), found.keys() - self._there.keys()
        self._there = found
        return [*map(Vanished, sorted(gone)), *(Appeared(path, found[path]) for path in sorted(new))]


@pytest.mark.parametrize("new_names", [False, True])
def test_a_port_that_comes_and_goes_is_served_once_it_stays_and_the_others_lose_nothing(new_names: bool) -> None:
    """Three minutes of a port that comes and goes every second beside one that sends a part a second all the time."""
    flapping, good = 0, 1

    async def main() -> None:
        simulation = Simulation(2, families=("sim800",), airtime_s=0.5)
        journal, limits, made = FakeJournal(), Limits(), []

        def make(path: str) -> Supervisor:
            made.append(Supervisor(path, simulation, profiles(), journal, ModemSettings(), journal.clock, limits))
            return made[-1]

        fleet = Fleet(SimulatedDiscovery(simulation), make)
        serving = asyncio.ensure_future(fleet.run())
        await asyncio.sleep(60)
        other = fleet.supervisors[simulation.path(good)]
        assert {one.status.state for one in fleet.supervisors.values()} == {ModemState.WORKING}

        for number in range(180):
            journal.add(make_part(number + 1))
            simulation.unplug(flapping)
            await asyncio.sleep(0.5)
            simulation.replug(flapping, f"ttyV0x{number % 2}" if new_names else "")
            await asyncio.sleep(0.5)
            if number == 100:
                assert fleet.supervisors[simulation.path(flapping)].status.sentence == "flapping"
                assert fleet.supervisors[simulation.path(flapping)].status.state is ModemState.NEEDS_YOU
        assert other.status.state is ModemState.WORKING
        assert len(journal.outcomes) >= 179
        assert {outcome.evidence for _, outcome in journal.outcomes} == {Evidence.ACCEPTED}
        assert len(made) < 20

        await asyncio.sleep(FIRST_S - 2)
        assert fleet.supervisors[simulation.path(flapping)].status.sentence == "flapping"
        await asyncio.sleep(30)  # it stays
        assert fleet.supervisors[simulation.path(flapping)].status.state is ModemState.WORKING
        assert sorted(fleet.supervisors) == sorted(map(simulation.path, (flapping, good)))
        if new_names:  # the name that it left
            assert next(status for status in reversed(journal.statuses) if status.path == "ttyV0x0").sentence == "gone"

        for _ in range(8):  # again; and then it stays away
            simulation.unplug(flapping)
            await asyncio.sleep(0.5)
            simulation.replug(flapping)
            await asyncio.sleep(0.5)
        simulation.unplug(flapping)
        await asyncio.sleep(LONGEST_S)
        assert list(fleet.supervisors) == [simulation.path(good)]
        assert journal.statuses[-1].sentence == "gone" or journal.statuses[-1].path == simulation.path(good)
        await fleet.drain()
        serving.cancel()
        await asyncio.wait({serving})
        await simulation.stop()

    run(main())


def test_a_daemon_is_stopped_while_a_port_is_held() -> None:
    async def main() -> None:
        simulation, journal = Simulation(1, families=("sim800",)), FakeJournal()
        fleet = Fleet(
            SimulatedDiscovery(simulation),
            lambda path: Supervisor(path, simulation, profiles(), journal, ModemSettings(), journal.clock),
        )
        serving = asyncio.ensure_future(fleet.run())
        for _ in range(8):
            await asyncio.sleep(0.5)
            simulation.unplug(0)
            await asyncio.sleep(0.5)
            simulation.replug(0)
        await asyncio.sleep(1)
        assert journal.statuses[-1].sentence == "flapping"
        async with asyncio.timeout(1):
            await fleet.drain()
        serving.cancel()
        await asyncio.wait({serving})
        await simulation.stop()

    run(main())


def test_another_device_under_the_name_of_one_that_just_went_is_served() -> None:
    """Both are seen at the same look."""

    class Replaced(Discovery):
        def __init__(self, path: str) -> None:
            super().__init__(ModemSettings())
            self._looks = [[Appeared(path)], *[[]] * 20, [Vanished(path), Appeared(path)]]  # type: ignore[list-item]

        def look(self) -> list[Appeared | Vanished]:
            return self._looks.pop(0) if self._looks else []

    async def main() -> None:
        simulation, journal = Simulation(1, families=("sim800",)), FakeJournal()
        fleet = Fleet(
            Replaced(simulation.path(0)),
            lambda path: Supervisor(path, simulation, profiles(), journal, ModemSettings(), journal.clock),
        )
        serving = asyncio.ensure_future(fleet.run())
        await asyncio.sleep(60)
        assert fleet.supervisors[simulation.path(0)].status.state is ModemState.WORKING
        serving.cancel()
        await asyncio.wait({serving})
        await simulation.stop()

    run(main())
