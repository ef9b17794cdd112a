"""What is late, pulled out, hung or told to stop while a part is on its way."""

from __future__ import annotations

import asyncio

import pytest

from modemfarm.model import ClaimedPart, Evidence
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.supervisor import Supervisor
from tests.modem.fakes import FakeJournal, ScriptedOpener, ScriptedPort, make_part, profiles, run
from tests.modem.playing import only, play, wait_for


def test_after_a_time_out_nothing_is_submitted_before_a_recognisable_answer() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result = [None, lambda port: f"+CMGS: {port.mr}|OK"]
    journal.add(make_part(1), make_part(2))
    play(port, journal, wait_for(2))
    assert journal.evidence() == {1: [Evidence.UNCERTAIN], 2: [Evidence.ACCEPTED]}
    submissions = [index for index, line in enumerate(port.heard) if "CMGS" in line]
    between = port.heard[submissions[0] + 1 : submissions[1]]
    assert "AT+CSQ" in between
    assert "AT+CREG?" in between


def test_a_late_acceptance_belongs_to_the_part_that_was_given_up() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result = [None, lambda port: f"+CMGS: {port.mr}|OK"]
    told: list[bool] = []

    def signal(port: ScriptedPort) -> str:
        if port.bodies and not told:
            told.append(True)
            return "+CMGS: 99||OK||+CSQ: 20,99|OK"  # it came while the next command was asked
        return "+CSQ: 20,99|OK"

    port.answers["AT+CSQ"] = signal
    journal.add(make_part(1), make_part(2))
    play(port, journal, wait_for(3))
    assert journal.evidence()[1] == [Evidence.UNCERTAIN, Evidence.ACCEPTED]
    late = next(outcome for attempt, outcome in journal.outcomes if outcome.late)
    assert late.mr == 99
    assert journal.evidence()[2] == [Evidence.ACCEPTED]


def test_a_late_error_is_told_as_late() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result = None
    journal.add(make_part(1))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not port.bodies:
            await asyncio.sleep(0.1)
        port.answers["AT+CSQ"] = [None, None, None, "+CSQ: 20,99|OK"]
        port.answers["AT+CREG?"] = None
        await asyncio.sleep(121)
        port.say("+CMS ERROR: 38")
        await asyncio.sleep(3)
        port.answers["AT+CREG?"] = "+CREG: 0,1|OK"
        await asyncio.sleep(30)

    play(port, journal, script)
    assert journal.evidence()[1] == [Evidence.UNCERTAIN, Evidence.REFUSED]
    assert journal.outcomes[-1][1].late


def test_a_port_pulled_on_the_air_leaves_the_part_uncertain() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort(), FakeJournal()
    first.result_s = 60
    journal.add(make_part(1))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not first.bodies:
            await asyncio.sleep(0.1)
        first.unplug()
        while supervisor.status.sentence != "ready":
            await asyncio.sleep(0.1)

    play([first, second], journal, script)
    outcome = only(journal)
    assert (outcome.evidence, outcome.text, outcome.phase) == (Evidence.UNCERTAIN, "port_lost", "submitted")
    assert second.bodies == []


def test_a_port_pulled_before_the_prompt_sends_nothing() -> None:
    first, journal = ScriptedPort(), FakeJournal()
    first.prompt = lambda port: port.unplug()
    journal.add(make_part(1))
    play([first, ScriptedPort()], journal, wait_for(1))
    assert (only(journal).evidence, only(journal).text) == (Evidence.NOT_SENT, "port_lost")


def test_a_modem_that_restarts_on_the_air_leaves_the_part_uncertain_at_once() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort(), FakeJournal()
    first.result = "RDY"
    journal.add(make_part(1))
    play([first, second], journal, wait_for(1))
    outcome = only(journal)
    assert (outcome.evidence, outcome.text) == (Evidence.UNCERTAIN, "port_lost")
    assert outcome.ctrl_z_at is not None
    assert (outcome.at - outcome.ctrl_z_at).total_seconds() < 2


def test_a_hung_modem_lets_go_of_the_part_claimed_ahead() -> None:
    class Farm(FakeJournal):
        async def release(self, part: ClaimedPart) -> None:
            self.released.append(part.attempt_id)  # for another SIM

    port, journal = ScriptedPort(), Farm()
    port.result_s = 50
    journal.add(make_part(1), make_part(2))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not port.bodies:
            await asyncio.sleep(0.1)
        await asyncio.sleep(10)
        assert journal.released == []
        await asyncio.sleep(10)
        assert journal.released == [2]
        assert journal.outcomes == []
        journal.add(make_part(3))
        while len(journal.outcomes) < 2:
            await asyncio.sleep(0.1)

    play(port, journal, script)
    assert [attempt for attempt, _ in journal.outcomes] == [1, 3]


def test_draining_waits_for_the_result_and_gives_the_next_part_back() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result_s = 20
    journal.add(make_part(1), make_part(2), make_part(3))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not port.bodies:
            await asyncio.sleep(0.1)

    play(port, journal, script)
    assert only(journal).evidence is Evidence.ACCEPTED
    assert journal.released == [2]
    assert len(port.bodies) == 1


def test_a_drain_that_is_cut_short_says_so() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result_s = 100
    journal.add(make_part(1))

    async def main() -> None:
        supervisor = Supervisor(
            "script",
            ScriptedOpener(port),
            profiles(),
            journal,
            ModemSettings(),
            journal.clock,  # type: ignore[arg-type]
        )
        serving = asyncio.ensure_future(supervisor.run())
        while not port.bodies:
            await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(25):
                await supervisor.drain()
        serving.cancel()
        await asyncio.wait({serving})

    run(main())
    assert (only(journal).evidence, only(journal).text) == (Evidence.UNCERTAIN, "stop")
