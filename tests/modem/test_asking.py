"""Commands of others between a session's own: answered in order, never beside a submission, lost with nothing."""

from __future__ import annotations

import asyncio

import pytest

from modemfarm.at.events import Answered
from modemfarm.errors import CmeError, LinkLostError, NoAnswerError
from modemfarm.model import Evidence, ModemState
from modemfarm.modem.asking import NotAskedError
from modemfarm.modem.supervisor import Supervisor
from tests.modem.fakes import FakeJournal, ScriptedPort, make_part
from tests.modem.playing import Play, play


def asked(script: Play, *ports: ScriptedPort) -> FakeJournal:
    """One supervisor beside a script; what its journal has afterwards."""
    journal = FakeJournal()
    play(list(ports), journal, script)
    return journal


async def working(supervisor: Supervisor) -> None:
    while supervisor.status.state is not ModemState.WORKING:
        await asyncio.sleep(0.1)


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_command_is_answered_at_once_by_an_idle_modem() -> None:
    port = ScriptedPort({"AT+CGMR": "1.0|OK", "AT+XYZ?": "+XYZ: 7|OK"})

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await working(supervisor)
        await asyncio.sleep(60)
        began = now()
        answered = await supervisor.ask("+XYZ?", 5)
        assert (answered.lines, answered.error) == (("+XYZ: 7",), None)
        assert now() - began < 0.1

    asked(script, port)


def test_an_error_of_the_modem_is_an_answer_with_the_lines_before_it() -> None:
    port = ScriptedPort({"AT+XYZ?": "+XYZ: 7|+CME ERROR: 16"})

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await working(supervisor)
        answered = await supervisor.ask("+XYZ?", 5)
        assert answered.lines == ("+XYZ: 7",)
        assert isinstance(answered.error, CmeError)
        assert answered.error.code == 16

    asked(script, port)


def test_a_command_waits_for_the_submission_on_the_air() -> None:
    port = ScriptedPort({"AT+XYZ?": "+XYZ: 7|OK"})
    port.result_s = 10.0

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await working(supervisor)
        journal.add(make_part(1), make_part(2), make_part(3))
        while not port.bodies:
            await asyncio.sleep(0.1)
        asked = [asyncio.ensure_future(supervisor.ask("+XYZ?", 5)) for _ in range(2)]
        await asyncio.wait(asked)
        while len(journal.outcomes) < 3:
            await asyncio.sleep(0.1)

    journal = asked(script, port)
    assert {outcome.evidence for _, outcome in journal.outcomes} == {Evidence.ACCEPTED}
    written = [line.partition("=")[0] for line in port.heard if line.startswith(("AT+CMGS", "AT+XYZ"))]
    assert written == ["AT+CMGS", "AT+XYZ?", "AT+CMGS", "AT+XYZ?", "AT+CMGS"]


def test_a_message_of_the_farms_own_goes_between_two_parts_and_is_told_to_who_sent_it() -> None:
    port = ScriptedPort({})
    port.result_s = 10.0
    own = FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        sent = asyncio.ensure_future(supervisor.submit(make_part(9), own))  # the lane is not open yet: it waits
        await working(supervisor)
        await sent
        journal.add(make_part(1), make_part(2))
        while len(port.bodies) < 2:
            await asyncio.sleep(0.1)
        await supervisor.submit(make_part(10), own)
        while len(journal.outcomes) < 2:
            await asyncio.sleep(0.1)

    journal = asked(script, port)
    assert [attempt for attempt, _ in own.outcomes] == [9, 10]
    assert [attempt for attempt, _ in journal.outcomes] == [1, 2]
    assert {outcome.evidence for _, outcome in own.outcomes + journal.outcomes} == {Evidence.ACCEPTED}


def test_the_lane_gets_in_step_after_a_message_of_the_farms_own_had_no_result() -> None:
    port = ScriptedPort({})
    own = FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await working(supervisor)
        await asyncio.sleep(10)
        port.result_s = 500.0
        with pytest.raises(NoAnswerError):
            await supervisor.submit(make_part(9), own)
        port.result_s = 1.0
        journal.add(make_part(1))
        while not journal.outcomes:
            await asyncio.sleep(0.1)

    journal = asked(script, port)
    assert [outcome.evidence for _, outcome in own.outcomes] == [Evidence.UNCERTAIN]
    assert [(attempt, outcome.evidence) for attempt, outcome in journal.outcomes] == [(1, Evidence.ACCEPTED)]


def test_no_message_of_the_farms_own_is_written_where_the_lane_does_not_open() -> None:
    ports = [ScriptedPort({"AT+CPIN?": "+CPIN: SIM PUK|OK"}) for _ in range(3)]
    own = FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while supervisor.status.sentence != "puk_wanted":
            await asyncio.sleep(0.1)
        with pytest.raises(NotAskedError, match="busy"):
            await supervisor.submit(make_part(9), own)

    asked(script, *ports)
    assert own.outcomes == []
    assert not any(port.bodies for port in ports)


def test_what_finds_no_hand_free_in_time_was_never_written() -> None:
    port = ScriptedPort()
    port.result_s = 50.0

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await working(supervisor)
        journal.add(make_part(1))
        while not port.bodies:
            await asyncio.sleep(0.1)
        with pytest.raises(NotAskedError, match="busy"):
            await supervisor.ask("+XYZ?", 5, start_within_s=3)

    asked(script, port)
    assert "AT+XYZ?" not in port.heard


def test_a_silent_modem_gives_no_answer_and_the_lane_gets_in_step_before_it_sends() -> None:
    port = ScriptedPort({"AT+XYZ?": None})

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await working(supervisor)
        with pytest.raises(NoAnswerError):
            await supervisor.ask("+XYZ?", 5)
        journal.add(make_part(1))
        while not journal.outcomes:
            await asyncio.sleep(0.1)

    journal = asked(script, port)
    assert "resyncing" in journal.sentences()
    after = port.heard[port.heard.index("AT+XYZ?") + 1 :]
    assert after[0] == "AT+CSQ"
    assert journal.outcomes[0][1].evidence is Evidence.ACCEPTED


def test_a_port_lost_while_asking_is_told_and_the_next_session_answers_others() -> None:
    first, second = ScriptedPort({"AT+XYZ?": None}), ScriptedPort({"AT+ABC?": "+ABC: 1|OK"})

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await working(supervisor)
        asking = asyncio.ensure_future(supervisor.ask("+XYZ?", 60))
        behind = asyncio.ensure_future(supervisor.ask("+ABC?", 60))
        await asyncio.sleep(1)
        first.unplug()
        with pytest.raises(LinkLostError):
            await asking
        answered = await behind
        assert answered.lines == ("+ABC: 1",)

    asked(script, first, second)


def test_draining_gives_back_what_waits_and_cuts_short_what_is_asked() -> None:
    port = ScriptedPort({"AT+XYZ?": None})

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await working(supervisor)
        asking = asyncio.ensure_future(supervisor.ask("+XYZ?", 600))
        behind = asyncio.ensure_future(supervisor.ask("+ABC?", 600))
        await asyncio.sleep(1)
        began = now()
        await supervisor.drain()
        assert now() - began < 1
        with pytest.raises(NoAnswerError):
            await asking
        for late in (behind, supervisor.ask("+ABC?", 5)):
            with pytest.raises(NotAskedError, match="stopping"):
                await late

    asked(script, port)
    assert "AT+ABC?" not in port.heard


def test_a_cancelled_asker_stops_nothing() -> None:
    port = ScriptedPort({"AT+XYZ?": None})

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await working(supervisor)
        asking = asyncio.ensure_future(supervisor.ask("+XYZ?", 5))
        behind = asyncio.ensure_future(supervisor.ask("+ABC?", 5))
        await asyncio.sleep(1)
        asking.cancel()
        behind.cancel()
        await asyncio.wait({asking, behind})
        journal.add(make_part(1))
        while not journal.outcomes:
            await asyncio.sleep(0.1)

    asked(script, port)
    assert "AT+ABC?" not in port.heard


def test_a_late_answer_is_not_the_next_commands() -> None:
    port = ScriptedPort({"AT+ONE?": None, "AT+TWO?": "+TWO: 2|OK"})

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await working(supervisor)
        port.later(5.5, "+ONE: 1|OK")
        with pytest.raises(NoAnswerError):
            await supervisor.ask("+ONE?", 5)
        answered: Answered = await supervisor.ask("+TWO?", 5)
        assert answered.lines == ("+TWO: 2",)

    asked(script, port)


def test_a_modem_that_waits_for_its_card_is_asked_all_the_same() -> None:
    ports = [ScriptedPort({"AT+CPIN?": "+CPIN: SIM PUK|OK", "AT+XYZ?": "+XYZ: 7|OK"}) for _ in range(3)]

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while supervisor.status.sentence != "puk_wanted":
            await asyncio.sleep(0.1)
        await asyncio.sleep(5)
        answered = await supervisor.ask("+XYZ?", 5)
        assert answered.lines == ("+XYZ: 7",)

    asked(script, *ports)


def test_a_command_that_touches_settings_has_the_modem_set_up_again() -> None:
    ports = [ScriptedPort(), ScriptedPort()]

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await working(supervisor)
        await supervisor.ask("+CMGF=1", 5, touches=True)
        while len(journal.cards) < 2:
            await asyncio.sleep(0.1)
        await working(supervisor)

    journal = asked(script, *ports)
    assert ports[0].heard[-1] == "AT+CMGF=1"
    assert "AT+CMGF=0" in ports[1].heard
    assert "console_used" in journal.sentences()


def test_more_than_a_few_waiting_commands_are_refused() -> None:
    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        asked = [asyncio.ensure_future(supervisor.ask("+XYZ?", 1, start_within_s=1)) for _ in range(20)]
        await asyncio.wait(asked)
        slugs = [error.slug for error in (item.exception() for item in asked) if isinstance(error, NotAskedError)]
        assert slugs.count("full") == 4

    asked(script)
