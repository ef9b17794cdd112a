"""Modems that start anew without a word, forget what they were told, or go silent: noticed, and put right."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from modemfarm.model import Evidence, ModemState
from modemfarm.modem.journal import Pending
from modemfarm.modem.supervisor import Supervisor
from tests.modem.fakes import FakeJournal, ScriptedPort, make_part
from tests.modem.test_sending import play


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
