"""Modems that start anew without a word, forget what they were told, or go silent: noticed, and put right."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from modemfarm.errors import LinkLostError, PortGoneError
from modemfarm.model import Evidence, ModemState
from modemfarm.modem.journal import GoOn, Pending, Repair
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.supervisor import Supervisor
from tests.modem.fakes import FakeJournal, ScriptedOpener, ScriptedPort, make_part, profiles, run
from tests.modem.playing import play


async def ready(journal: FakeJournal, supervisor: Supervisor) -> None:
    while supervisor.status.state is not ModemState.WORKING:
        await asyncio.sleep(0.1)


def test_a_modem_whose_echo_is_on_again_is_set_up_before_the_next_part_goes_out() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort(), FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        first.prompt = lambda port: f"{port.heard[-1]}|> "
        journal.add(make_part(1))
        while not journal.outcomes:
            await asyncio.sleep(0.1)
        journal.add(make_part(2))
        while not second.bodies:
            await asyncio.sleep(0.1)

    play([first, second], journal, script)
    assert first.bodies == []
    assert len(second.bodies) == 1
    assert journal.evidence() == {1: [Evidence.NOT_SENT], 2: [Evidence.ACCEPTED]}
    assert "restarted" in journal.sentences()


def test_a_modem_that_never_stops_echoing_works_all_the_same() -> None:
    port, journal = ScriptedPort({"AT+CSQ": "AT+CSQ|+CSQ: 20,99|OK", "AT+CMGF=0": "AT+CMGF=0|OK"}), FakeJournal()
    journal.add(make_part(1))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        await asyncio.sleep(300)

    play(port, journal, script)
    assert len(port.bodies) == 1
    assert "restarted" not in journal.sentences()


def test_a_modem_that_forgets_how_to_announce_is_set_up_again() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort(), FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        first.answers["AT+CNMI?"] = "+CNMI: 0,0,0,0,0|OK"
        while not second.heard:
            await asyncio.sleep(0.1)
        await ready(journal, supervisor)

    play([first, second], journal, script)
    assert "settings_lost" in journal.sentences()
    assert "AT+CNMI=2,1,0,1,0" in second.heard


def test_a_result_is_not_waited_for_when_the_modem_says_that_it_started_anew() -> None:
    port, journal = ScriptedPort(), FakeJournal()

    async def pending(path: str, imei: str | None = None) -> Pending | None:
        return Pending(77, None, journal.clock.now() + timedelta(seconds=120))

    journal.pending = pending  # type: ignore[method-assign] # an attempt of an earlier run is open

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await asyncio.sleep(5)
        assert port.writes == []
        port.say("RDY")
        await asyncio.sleep(2)
        assert port.writes != []

    play(port, journal, script)
    assert journal.outcomes == []


def test_nor_by_the_session_after_the_one_that_heard_it() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort(), FakeJournal()
    first.result_s = 1000
    journal.add(make_part(1))

    async def pending(path: str, imei: str | None = None) -> Pending | None:
        return Pending(1, None, journal.clock.now() + timedelta(seconds=120)) if first.bodies else None

    journal.pending = pending  # type: ignore[method-assign] # as the store answers it

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not first.bodies:
            await asyncio.sleep(0.1)
        first.say("RDY")
        await asyncio.sleep(3)
        await ready(journal, supervisor)
        assert "listening" not in journal.sentences()

    play([first, second], journal, script)


@pytest.mark.parametrize(("away", "listens"), [(PortGoneError, False), (LinkLostError, True)])
def test_a_device_that_was_pulled_out_owes_no_result(away: type[LinkLostError], listens: bool) -> None:
    first, second, journal = ScriptedPort(), ScriptedPort(), FakeJournal()
    first.result_s = 1000
    journal.add(make_part(1))

    async def pending(path: str, imei: str | None = None) -> Pending | None:
        return Pending(1, None, journal.clock.now() + timedelta(seconds=120)) if first.bodies else None

    journal.pending = pending  # type: ignore[method-assign] # as the store answers it

    async def main() -> None:
        opener = ScriptedOpener(first, second)
        opens = opener.open

        async def open_it(path: str) -> ScriptedPort:
            if opener.opened == 1 and asyncio.get_running_loop().time() < 1030:
                raise away(f"{path}: away")
            return await opens(path)

        opener.open = open_it  # type: ignore[method-assign]
        supervisor = Supervisor("script", opener, profiles(), journal, ModemSettings(), journal.clock)  # type: ignore[arg-type]
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(supervisor.run())
            while not first.bodies:
                await asyncio.sleep(0.1)
            first.unplug()
            while not second.writes:
                await asyncio.sleep(0.1)
            serving.cancel()

    run(main())
    assert ("listening" in journal.sentences()) is listens
    assert [found[0] for found in journal.evidence().values()] == [Evidence.UNCERTAIN]


def _goes_silent(port: ScriptedPort) -> None:
    port.answers = dict.fromkeys((*port.answers, "AT+CFUN=1,1", "AT+CREG?"))


def test_a_known_modem_that_answers_nothing_is_told_to_restart_all_the_same() -> None:
    journal = FakeJournal()
    first, last = ScriptedPort(), ScriptedPort()
    silent = [ScriptedPort(dict.fromkeys(("AT", "AT+CFUN=1,1"))) for _ in range(3)]

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        _goes_silent(first)
        while not last.heard:
            await asyncio.sleep(0.1)
        await ready(journal, supervisor)

    play([first, *silent, last], journal, script)
    assert [port.heard.count("AT+CFUN=1,1") for port in silent] == [0, 0, 1]


def test_a_port_that_never_said_what_it_is_gets_no_command_but_at() -> None:
    journal = FakeJournal()
    silent = [ScriptedPort({"AT": None}) for _ in range(6)]

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not silent[-1].heard:
            await asyncio.sleep(0.1)

    play(list(silent), journal, script)
    assert {line for port in silent for line in port.heard} == {"AT"}


def test_a_modem_that_says_nothing_of_a_message_is_restarted_before_the_next_one() -> None:
    first, second, last, journal = ScriptedPort(), ScriptedPort(), ScriptedPort(), FakeJournal()
    first.result = None
    journal.after = lambda outcome: Repair("no_result") if outcome.evidence is Evidence.UNCERTAIN else GoOn()
    journal.add(make_part(1), make_part(2))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not last.bodies:
            await asyncio.sleep(0.1)

    play([first, second, last], journal, script)
    assert (len(first.bodies), len(second.bodies), len(last.bodies)) == (1, 0, 1)
    assert "AT+CFUN=1,1" in second.heard
    assert "repairing_reset" in journal.sentences()


def test_a_modem_that_never_asks_for_a_text_climbs_the_ladder_however_long_each_try_takes() -> None:
    journal = FakeJournal()
    dumb = [ScriptedPort() for _ in range(3)]
    for port in dumb:
        port.prompt = None
    last = ScriptedPort()
    journal.add(*(make_part(number) for number in range(1, 20)))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not last.heard:
            await asyncio.sleep(0.1)

    play([*dumb, last], journal, script)
    told = [one for one in journal.sentences() if one.startswith("repairing_")]
    assert told == ["repairing_reinit", "repairing_radio", "repairing_reset"]
    assert len(journal.evidence()) == 9
    assert {evidence for found in journal.evidence().values() for evidence in found} == {Evidence.NOT_SENT}
