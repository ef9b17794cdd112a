"""What a profile's single facts do in a session: PIN counters, waiting for SMS, resets, acknowledgements, readings."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from modemfarm.errors import StoreError
from modemfarm.modem.family import Profiles
from modemfarm.modem.readings import Query
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.supervisor import Supervisor
from modemfarm.simulator.personality import FAMILIES
from modemfarm.simulator.simulation import Simulation
from tests.modem.fakes import Answer, FakeJournal, ScriptedPort, profiles, run
from tests.modem.playing import play
from tests.modem.test_families import PROFILES, joined, spoiled

COUNTS_NOTHING = {"neoway", "a9"}  # no command is known that tells the tries left
LONG_REPLY = "谢谢!" * 60


def modem(manufacturer: str, model: str, **answers: Answer | list[Answer]) -> ScriptedPort:
    said: dict[str, Answer | list[Answer]] = {"AT+CGMI": f"{manufacturer}|OK", "AT+CGMM": f"{model}|OK"}
    return ScriptedPort({**said, **{f"AT{name}": answer for name, answer in answers.items()}})


async def ready(journal: FakeJournal, supervisor: Supervisor) -> None:
    while not supervisor.status.sentence.startswith("ready"):
        await asyncio.sleep(0.1)


def locked(family: str, loaded: Profiles, pin: str) -> tuple[str, FakeJournal, list[str]]:
    """Two minutes with a card that wants 1234: the sentence, the journal, and what the network's log says of PINs."""

    async def main() -> tuple[str, FakeJournal, list[str]]:
        simulation = Simulation(1, families=(family,))
        simulation.fault(0, "pin", "1234")
        if family.startswith("huawei"):
            simulation.fault(0, "hasty-pin")
        simulation.unplug(0)
        simulation.replug(0)  # some see a card only when they start
        journal = FakeJournal(pin=pin)
        supervisor = Supervisor(simulation.path(0), simulation, loaded, journal, ModemSettings(), journal.clock)
        serving = asyncio.ensure_future(supervisor.run())
        await asyncio.sleep(140)
        card = simulation.modems[0].card
        assert card is not None
        left = [str(card.pin_left)]
        serving.cancel()
        await asyncio.wait({serving})
        await simulation.stop()
        return supervisor.status.sentence, journal, left

    return run(main())


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_s_card_is_unlocked_where_its_tries_can_be_counted(family: str) -> None:
    sentence, journal, _ = locked(family, profiles(), "1234")
    assert sentence == ("pin_counter_unreadable" if family in COUNTS_NOTHING else "ready")
    assert journal.pins == ([] if family in COUNTS_NOTHING else [True])


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - COUNTS_NOTHING - {"generic"}))  # +CPINR is asked anyhow
def test_a_wrong_counter_command_keeps_the_pin_from_being_tried(family: str) -> None:
    wrong = (Query("+NOCOUNTER?", "+NOCOUNTER:", "field"),)
    sentence, journal, left = locked(family, spoiled(profiles(), PROFILES[family], pin_counter=wrong), "1234")
    assert (sentence, journal.pins, left) == ("pin_counter_unreadable", [], ["3"])


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - COUNTS_NOTHING))
def test_a_wrong_pin_costs_one_try(family: str) -> None:
    sentence, journal, left = locked(family, profiles(), "9999")
    assert (sentence, journal.pins, left) == ("pin_wrong", [False], ["2"])


def test_a_modem_that_can_be_asked_is_asked_until_it_can_do_sms() -> None:
    states: list[Answer] = ["+QINISTAT: 0|OK", "+QINISTAT: 1|OK", "+QINISTAT: 3|OK"]
    port, journal = modem("Quectel_Ltd", "Quectel_M35", **{"+QINISTAT": states}), FakeJournal()
    play(port, journal, ready)
    assert port.heard.count("AT+QINISTAT") == 3
    assert port.heard.index("AT+CMGF=0") > len(port.heard) - 1 - port.heard[::-1].index("AT+QINISTAT")


def test_a_modem_that_refuses_the_question_is_not_waited_for() -> None:
    port, journal = modem("Quectel_Ltd", "Quectel_M35", **{"+QINISTAT": "ERROR"}), FakeJournal()
    play(port, journal, ready)
    assert port.heard.count("AT+QINISTAT") == 1


def test_a_modem_that_was_seen_to_start_is_waited_for_until_it_says_that_sms_works() -> None:
    port, journal = modem("SIMCOM_Ltd", "SIMCOM_SIM800"), FakeJournal()
    asked_at: list[float] = []

    def note(port: ScriptedPort) -> str:
        asked_at.append(asyncio.get_running_loop().time() - 1000)
        return "OK"

    port.answers["AT+CMGF=0"] = note

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        port.later(0.05, "RDY")
        port.later(9.0, "SMS Ready")
        await ready(journal, supervisor)

    port.answers["AT"] = [None, "OK"]
    play(port, journal, script)
    assert asked_at[0] == pytest.approx(9.0, abs=0.2)


def test_a_modem_that_runs_already_is_not_waited_for() -> None:
    port, journal = modem("SIMCOM_Ltd", "SIMCOM_SIM800"), FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        assert asyncio.get_running_loop().time() < 1003

    play(port, journal, script)


def test_answers_are_not_mixed_up_when_the_first_at_meets_the_boot() -> None:
    port, journal = modem("SIMCOM_Ltd", "SIMCOM_SIM800"), FakeJournal()
    port.answers["AT"] = ["RDY|OK", "OK"]

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        port.later(3.0, "SMS Ready")
        await ready(journal, supervisor)
        assert supervisor.status.manufacturer == "SIMCOM_Ltd"
        assert supervisor.status.model == "SIMCOM_SIM800"

    play(port, journal, script)


@pytest.mark.parametrize(
    ("answers", "tried"),
    [
        pytest.param({}, ["^RESET"], id="the-vendor-s-own"),
        pytest.param({"^RESET": "COMMAND NOT SUPPORT"}, ["^RESET", "+CFUN=1,1"], id="the-next-when-refused"),
        pytest.param({"^RESET": None}, ["^RESET"], id="silence-means-it-went-down"),
    ],
)
def test_a_reset_tries_one_command_after_the_other(answers: dict[str, Answer], tried: list[str]) -> None:
    first, second, third = (modem("huawei", "E173", **answers) for _ in range(3))
    journal = FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        await supervisor.reset()
        while not third.heard:
            await asyncio.sleep(0.1)
        await ready(journal, supervisor)

    play([first, second, third], journal, script)
    assert [line.removeprefix("AT") for line in second.heard if "RESET" in line or "CFUN=" in line] == tried


def test_sierra_s_reset_is_unlocked_first() -> None:
    first, second, third = (modem("Sierra Wireless, Incorporated", "MC7455") for _ in range(3))
    journal = FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        await supervisor.reset()
        while not third.heard:
            await asyncio.sleep(0.1)
        await ready(journal, supervisor)

    play([first, second, third], journal, script)
    assert second.heard.index('AT!ENTERCND="A710"') + 1 == second.heard.index("AT!RESET")


REPORT = "+CDS: 25|00062A0C91947110325476623092100351806230921013748001"


@pytest.mark.parametrize(
    ("manufacturer", "model", "csms", "acknowledged"),
    [
        pytest.param("Fibocom Wireless Inc.", "L850-GL", "1", 1, id="csms-1"),
        pytest.param("Quectel", "EC25", "0", 0, id="csms-0"),
    ],
)
def test_a_direct_report_is_acknowledged_after_its_commit_where_csms_says_so(
    manufacturer: str, model: str, csms: str, acknowledged: int
) -> None:
    port, journal = modem(manufacturer, model), FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        assert f"AT+CSMS={csms}" in port.heard
        port.say(REPORT)
        await asyncio.sleep(3)

    play(port, journal, script)
    assert len(journal.inbound) == 1
    assert len([line for line in port.heard if line.startswith("AT+CNMA")]) == acknowledged


def test_what_could_not_be_committed_is_not_acknowledged() -> None:
    port, journal = modem("Fibocom Wireless Inc.", "L850-GL"), FakeJournal()
    journal.fail_received = [StoreError("full")] * 5

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        port.say(REPORT)
        await asyncio.sleep(2.5)
        assert "AT+CNMA=1" not in port.heard
        await asyncio.sleep(5)

    play(port, journal, script)
    assert port.heard.count("AT+CNMA=1") == 1


def test_an_idle_modem_tells_signal_technology_temperature_and_voltage() -> None:
    port = modem(
        "Quectel", "EC25",
        **{"+QCSQ": '+QCSQ: "LTE",-62,-91,195,-10|OK', "+QNWINFO": '+QNWINFO: "FDD LTE","46000","LTE BAND 3",1300|OK',
           "+QTEMP": "+QTEMP: 41,38|OK", "+CBC": "+CBC: 0,80,3930|OK"},
    )  # fmt: skip
    journal = FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        await asyncio.sleep(60)
        status = supervisor.status
        assert (status.signal_dbm, status.technology) == (-62, "4G")
        assert (status.temperature_c, status.voltage_mv) == (41, 3930)

    play(port, journal, script)


def test_what_a_modem_cannot_tell_is_left_out_in_silence() -> None:
    names = ("+QCSQ", "+QNWINFO", "+QTEMP", "+CBC", "+QINISTAT")
    port, journal = modem("Quectel", "EC25", **dict.fromkeys(names, "ERROR")), FakeJournal()

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        await asyncio.sleep(60)
        status = supervisor.status
        assert (status.signal_dbm, status.technology) == (-73, "2G")
        assert (status.temperature_c, status.voltage_mv) == (None, None)
        assert status.sentence == "ready"

    play(port, journal, script)


@pytest.mark.parametrize("deletes_siblings", [True, False])
def test_all_parts_are_read_before_any_is_deleted_where_that_deletes_the_others(
    tmp_path: Path, deletes_siblings: bool
) -> None:
    async def main() -> str:
        simulation = Simulation(1, families=("sim800",))
        journal = FakeJournal()
        loaded = spoiled(profiles(), "simcom_2g", deletes_siblings=deletes_siblings)
        supervisor = Supervisor(simulation.path(0), simulation, loaded, journal, ModemSettings(), journal.clock)
        serving = asyncio.ensure_future(supervisor.run())
        await asyncio.sleep(30)
        simulation.fault(0, "sibling-delete")
        simulation.deliver(0, "+8613912345678", LONG_REPLY)
        await asyncio.sleep(300)
        serving.cancel()
        await asyncio.wait({serving})
        await simulation.stop()
        return joined(journal)

    assert (run(main()) == LONG_REPLY) is deletes_siblings


def test_the_sim600_is_known_to_need_that() -> None:
    chosen = profiles().choose("SIMCOM_Ltd", "SIMCOM_SIM600")
    assert chosen.deletes_siblings
