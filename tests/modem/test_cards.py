"""A card that is changed, locked or missed while its modem works: noticed soon, also where the modem says nothing."""

from __future__ import annotations

import asyncio

import pytest

from modemfarm.model import ModemState
from modemfarm.modem.journal import Repair
from modemfarm.modem.supervisor import Supervisor
from tests.modem.fakes import Answer, FakeJournal, ScriptedPort, make_part
from tests.modem.playing import play

OTHER = {"AT+CCID": "+CCID: 8986009999999999999|OK", "AT+CIMI": "460009999999999|OK"}


async def ready(journal: FakeJournal, supervisor: Supervisor) -> None:
    while supervisor.status.state is not ModemState.WORKING:
        await asyncio.sleep(0.1)


async def cards(journal: FakeJournal, count: int) -> None:
    while len(journal.cards) < count:
        await asyncio.sleep(0.1)


def test_another_card_of_which_an_idle_modem_says_nothing_is_noticed_at_the_next_poll() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort({**OTHER}), FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        first.answers |= OTHER
        async with asyncio.timeout(31):
            await cards(journal, 2)

    play([first, second], journal, script)
    assert [card.iccid for card in journal.cards] == ["8986001234567890123", "8986009999999999999"]
    assert "sim_changed" in journal.sentences()


def test_nothing_more_leaves_a_busy_modem_than_fits_between_two_looks_at_the_card() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort({**OTHER}), FakeJournal()
    first.result_s = second.result_s = 1.0
    journal.add(*(make_part(number) for number in range(1, 200)))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while len(first.bodies) < 100:
            await asyncio.sleep(0.1)
        first.answers |= OTHER
        await cards(journal, 2)

    play([first, second], journal, script)
    assert len(first.bodies) <= 131
    looks = first.heard.count("AT+CCID") - 1
    assert 3 <= looks <= 6  # of 100 to 131 parts


def test_a_word_that_there_is_no_network_at_all_has_the_card_looked_at_at_once() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort({**OTHER}), FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        first.answers |= OTHER
        first.say("+CREG: 0")
        first.say("+CREG: 1")
        async with asyncio.timeout(2):
            await cards(journal, 2)

    play([first, second], journal, script)


def test_a_card_that_wants_its_pin_again_is_unlocked_and_not_waited_for_as_a_network() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort(), FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        first.answers["AT+CPIN?"] = "+CPIN: SIM PIN|OK"
        first.say("+CPIN: SIM PIN")
        async with asyncio.timeout(3):
            await cards(journal, 2)

    play([first, second], journal, script)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param("+CPIN: READY|OK", "repairing_reinit", id="it-is-there"),
        pytest.param("+CME ERROR: 10", "sim_absent", id="it-is-not"),
        pytest.param("+CPIN: SIM PIN|OK", "sim_changed", id="it-is-locked"),
    ],
)
def test_a_refusal_for_the_card_s_sake_has_it_looked_at(answer: Answer, says: str) -> None:
    first, second, journal = ScriptedPort(), ScriptedPort(), FakeJournal()
    first.prompt = "+CMS ERROR: 310"
    journal.after = lambda outcome: Repair("card")
    journal.add(make_part(1))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        first.answers["AT+CPIN?"] = ["+CPIN: READY|OK", answer]
        while says not in journal.sentences():
            await asyncio.sleep(0.1)

    play([first, second], journal, script)
    assert first.bodies == []


def test_a_modem_whose_card_is_parked_is_not_called_ready() -> None:
    port, journal = ScriptedPort(), FakeJournal(parked_for="roaming")

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while supervisor.status.sentence != "sim_parked":
            await asyncio.sleep(0.1)
        assert supervisor.status.params == {"reason": "roaming"}
        journal.parked_for = ""
        async with asyncio.timeout(31):
            await ready(journal, supervisor)

    play(port, journal, script)
    assert "ready" not in journal.sentences()[: journal.sentences().index("sim_parked")]
