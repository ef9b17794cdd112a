"""Modems that refuse what is optional become ready; cards and PINs are treated with care."""

from __future__ import annotations

import asyncio

import pytest

from modemfarm.model import ModemState
from modemfarm.modem.journal import NoPin
from modemfarm.modem.ladder import Limits
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.supervisor import Supervisor
from tests.modem.fakes import Answer, FakeJournal, ScriptedOpener, ScriptedPort, make_part, profiles, run
from tests.modem.playing import play


async def ready(journal: FakeJournal, supervisor: Supervisor) -> None:
    while supervisor.status.state is not ModemState.WORKING:
        await asyncio.sleep(0.1)


def late_cpin(port: ScriptedPort) -> str | None:
    port.later(9.0, "+CPIN: READY|OK")
    return None


REFUSALS = dict.fromkeys(("AT+CMEE=1", "AT+CSMS=0", "AT+CNUM", "AT+CCID", "AT+CMMS=1", "AT+CPMS=?", 'AT+CPMS="SM"', 'AT+CPMS="SM","SM"', 'AT+CPMS="SM","SM","SM"', "AT+CSCA?", "AT+CREG=1", 'AT+CSCS="GSM"', "AT+CFUN?", "AT+CGMR", "AT+CGSN"), "ERROR")  # fmt: skip


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param({}, id="all-is-well"),
        *(pytest.param({name: "ERROR"}, id=name) for name in REFUSALS),
        pytest.param(REFUSALS, id="all-of-them"),
        pytest.param({"AT+CPIN?": late_cpin}, id="cpin-seconds-late"),
        pytest.param({"AT+CPIN?": ["+CME ERROR: 14", "+CME ERROR: 515", "+CPIN: READY|OK"]}, id="sim-busy-at-first"),
        pytest.param({"AT+CMGF=0": ["+CMS ERROR: 302", "ERROR", "OK"]}, id="pdu-mode-refused-at-first"),
        pytest.param({"AT+CGMI": "ERROR", "AT+CGMM": "ERROR"}, id="ati-only"),
        pytest.param({"AT+CNMI=?": "ERROR", "AT+CNMI?": "ERROR"}, id="cnmi-cannot-be-asked"),
        pytest.param({"AT+CREG?": '+CREG: 2,1,"00C3","A1B2",7|OK'}, id="creg-long"),
        pytest.param({"AT+CREG?": "+CREG: 5|OK"}, id="creg-like-a-urc"),
        pytest.param({"AT+CREG?": "+CREG: 0,6|OK"}, id="creg-sms-only"),
        pytest.param({"AT+CREG?": "ERROR", "AT+CEREG?": "+CEREG: 0,5|OK"}, id="cereg-only"),
        pytest.param({"AT+CREG?": "+CREG: 0,2|OK", "AT+CGREG?": "+CGREG: 0,1|OK"}, id="cgreg-registered"),
        pytest.param({"AT+CREG?": "ERROR", "AT+CEREG?": "ERROR", "AT+CGREG?": "ERROR"}, id="no-registration-at-all"),
        pytest.param({"AT+CREG?": ["+CREG: 0,2|OK"] * 5 + ["+CREG: 0,1|OK"]}, id="searching-at-first"),
        pytest.param({"AT": [None, None, "OK"]}, id="deaf-at-first"),
    ],
)
def test_a_modem_becomes_ready_and_sends(answers: dict[str, Answer | list[Answer]]) -> None:
    port, journal = ScriptedPort(dict(answers)), FakeJournal()
    journal.add(make_part(1))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        async with asyncio.timeout(120):
            await ready(journal, supervisor)
            while not journal.outcomes:
                await asyncio.sleep(0.1)

    play(port, journal, script)
    assert journal.outcomes[0][1].mr == 1


def test_the_imsi_stands_for_a_card_whose_iccid_cannot_be_read() -> None:
    port, journal = ScriptedPort({"AT+CCID": "ERROR", "AT+CRSM=176,12258,0,0,10": "ERROR"}), FakeJournal()
    play(port, journal, ready)
    assert journal.cards[0].iccid == "imsi:460001234567890"
    assert journal.swept_cards == ["imsi:460001234567890"]


def test_the_iccid_is_read_from_the_card_file_where_there_is_no_command() -> None:
    answers: dict[str, Answer | list[Answer]] = {
        "AT+CCID": "ERROR",
        "AT+CRSM=176,12258,0,0,10": '+CRSM: 144,0,"981082114365870921F3"|OK',
    }
    port, journal = ScriptedPort(answers), FakeJournal()
    play(port, journal, ready)
    assert journal.cards[0].iccid == "8901281134567890123"[:19]


def test_the_wake_up_leaves_a_stale_prompt_with_escape_and_never_with_ctrl_z() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.open_prompt = True
    play(port, journal, ready)
    assert port.writes[0] == b"\x1b"
    assert port.bodies == []


def test_cnmi_is_read_back_and_the_next_value_tried_when_it_did_not_stick() -> None:
    answers: dict[str, Answer | list[Answer]] = {
        "AT+CNMI?": ["+CNMI: 0,0,0,0,0|OK", "+CNMI: 2,1,0,2,0|OK"],
    }
    port, journal = ScriptedPort(answers), FakeJournal()
    play(port, journal, ready)
    set_values = [line for line in port.heard if line.startswith(("AT+CNMI=2", "AT+CNMI=1"))]
    assert set_values == ["AT+CNMI=2,1,0,1,0", "AT+CNMI=2,1,0,2,0"]


def wants_pin(counter: str, after: list[Answer]) -> dict[str, Answer | list[Answer]]:
    return {"AT+CPIN?": ["+CPIN: SIM PIN|OK", *after], 'AT+CPINR="SIM PIN"': counter}


def test_a_pin_is_entered_when_known_and_more_than_one_try_is_left() -> None:
    port = ScriptedPort(wants_pin("+CPINR: SIM PIN,3,3|OK", ["+CPIN: READY|OK"]))
    journal = FakeJournal(pin="1234")
    play(port, journal, ready)
    assert port.heard.count('AT+CPIN="1234"') == 1
    assert journal.pins == [True]


@pytest.mark.parametrize(
    ("counter", "pin", "sentence"),
    [
        pytest.param("+CPINR: SIM PIN,1,3|OK", "1234", "pin_last_try", id="last-try"),
        pytest.param("ERROR", "1234", "pin_counter_unreadable", id="counter-unreadable"),
        pytest.param("+CPINR: SIM PIN,3,3|OK", None, "pin_unknown", id="unknown"),
        pytest.param("+CPINR: SIM PIN,3,3|OK", NoPin("pin_blocked"), "pin_blocked", id="tried-before"),
    ],
)
def test_a_pin_is_not_tried_when_that_may_lock_the_card(counter: str, pin: str | NoPin | None, sentence: str) -> None:
    port, journal = ScriptedPort(wants_pin(counter, ["+CPIN: SIM PIN|OK"])), FakeJournal(pin=pin)

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while supervisor.status.sentence != sentence:
            await asyncio.sleep(0.1)
        assert supervisor.status.state is ModemState.NEEDS_YOU

    play(port, journal, script)
    assert not [line for line in port.heard if line.startswith('AT+CPIN="')]


def test_a_wrong_pin_is_reported_and_its_text_appears_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    port = ScriptedPort(wants_pin("+CPINR: SIM PIN,3,3|OK", ["+CPIN: SIM PIN|OK"]))
    port.answers['AT+CPIN="4321"'] = "+CME ERROR: 16"
    journal = FakeJournal(pin="4321")

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while supervisor.status.sentence != "pin_wrong":
            await asyncio.sleep(0.1)

    with caplog.at_level("DEBUG"):
        play(port, journal, script)
    assert journal.pins == [False]
    assert port.heard.count('AT+CPIN="4321"') == 1
    assert "4321" not in caplog.text


def test_a_puk_is_never_entered() -> None:
    port, journal = ScriptedPort({"AT+CPIN?": "+CPIN: SIM PUK|OK"}), FakeJournal(pin="1234")

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while supervisor.status.sentence != "puk_wanted":
            await asyncio.sleep(0.1)

    play(port, journal, script)
    assert not [line for line in port.heard if line.startswith("AT+CPIN=")]


def test_a_missing_card_is_asked_for_and_found_when_it_comes() -> None:
    first, second = ScriptedPort({"AT+CPIN?": "+CME ERROR: 10"}), ScriptedPort()
    journal = FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)

    play([first, second], journal, script)
    assert "sim_absent" in journal.sentences()


def test_a_denied_registration_is_told_and_not_reset() -> None:
    port, journal = ScriptedPort({"AT+CREG?": "+CREG: 0,3|OK"}), FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while supervisor.status.sentence != "registration_denied":
            await asyncio.sleep(0.1)
        await asyncio.sleep(16 * 60)
        assert port.heard.count("AT+COPS=0") == 1
        await asyncio.sleep(31 * 60)
        assert port.heard.count("AT+COPS=0") == 2
        port.answers["AT+CREG?"] = "+CREG: 0,1|OK"
        await ready(journal, supervisor)

    play(port, journal, script)
    assert not [line for line in port.heard if line.startswith("AT+CFUN=")]


def test_another_card_ends_the_session_before_the_next_part() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort(), FakeJournal()
    second.answers["AT+CCID"] = "+CCID: 8986009999999999999|OK"
    second.answers["AT+CIMI"] = "460009999999999|OK"

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        first.answers["AT+CCID"], first.answers["AT+CIMI"] = second.answers["AT+CCID"], second.answers["AT+CIMI"]
        first.say("+CPIN: READY")
        journal.add(make_part(1))
        while not journal.outcomes:
            await asyncio.sleep(0.1)

    play([first, second], journal, script)
    assert first.bodies == []
    assert len(second.bodies) == 1
    assert [card.iccid for card in journal.cards] == ["8986001234567890123", "8986009999999999999"]


def test_a_silent_modem_is_left_alone_longer_and_longer() -> None:
    journal = FakeJournal()
    opener = ScriptedOpener(*(ScriptedPort({"AT": None}) for _ in range(40)))

    async def main() -> None:
        supervisor = Supervisor("script", opener, profiles(), journal, ModemSettings(), journal.clock)  # type: ignore[arg-type]
        serving = asyncio.ensure_future(supervisor.run())
        await asyncio.sleep(3600)
        assert supervisor.status.sentence in {"repairing_reopen", "waking", "repairing_radio", "repairing_reset"}
        serving.cancel()
        await asyncio.wait({serving})

    run(main())
    assert 6 <= opener.opened <= 20


def test_a_fault_climbs_the_ladder_within_six_resets_a_day() -> None:
    answers: dict[str, Answer | list[Answer]] = {"AT+CMGF=0": "ERROR"}
    ports = [ScriptedPort(dict(answers)) for _ in range(2000)]
    journal = FakeJournal()

    async def main() -> None:
        supervisor = Supervisor("script", ScriptedOpener(*ports), profiles(), journal, ModemSettings(), journal.clock)  # type: ignore[arg-type]
        serving = asyncio.ensure_future(supervisor.run())
        await asyncio.sleep(23 * 3600)
        serving.cancel()
        await asyncio.wait({serving})

    run(main())
    heard = [line for port in ports for line in port.heard]
    assert heard.index("AT+CFUN=0") < heard.index("AT+CFUN=1,1")
    assert heard.count("AT+CFUN=0") + heard.count("AT+CFUN=1,1") == 6
    assert "resets_used_up" in journal.sentences()


def test_a_reset_that_a_person_asks_for_waits_for_the_result_on_the_air() -> None:
    first, second, third = ScriptedPort(), ScriptedPort(), ScriptedPort()
    journal = FakeJournal()
    first.result_s = 30
    journal.add(make_part(1))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not first.bodies:
            await asyncio.sleep(0.1)
        await supervisor.reset()
        while "AT+CFUN=1,1" not in second.heard:
            await asyncio.sleep(0.1)
        assert len(journal.outcomes) == 1
        while not third.heard:
            await asyncio.sleep(0.1)
        await ready(journal, supervisor)

    play([first, second, third], journal, script)
    assert "AT+CFUN=1,1" not in first.heard


def test_a_card_that_another_port_serves_is_reported_and_not_fought_over() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort(), FakeJournal()
    limits = Limits()

    async def main() -> None:
        supervisors = []
        tasks = []
        for path, port in (("one", first), ("two", second)):
            port.path = path
            supervisor = Supervisor(
                path,
                ScriptedOpener(port, *(ScriptedPort() for _ in range(9))),  # type: ignore[arg-type]
                profiles(),
                journal,
                ModemSettings(),
                journal.clock,
                limits,
            )
            supervisors.append(supervisor)
            tasks.append(asyncio.ensure_future(supervisor.run()))
            await asyncio.sleep(1)
        assert [supervisor.status.sentence for supervisor in supervisors] == ["ready", "sim_twice"]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    run(main())
    assert len(journal.cards) == 1
