"""Inbound: committed first, deleted after, whatever way it came."""

from __future__ import annotations

import asyncio

from modemfarm.errors import StoreError
from modemfarm.model import Evidence, ModemState, Received
from modemfarm.modem.supervisor import Supervisor
from tests.modem.fakes import FakeJournal, ScriptedPort, make_part
from tests.modem.playing import play
from tests.modem.test_bringup import ready

PDU = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"
REPORT = "07911326040000F006010B911346610089F6208062917314082080629173240800"


def after_ready(port: ScriptedPort, said: str, seconds: float = 5):  # type: ignore[no-untyped-def]
    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        port.say(said)
        await asyncio.sleep(seconds)

    return script


def test_an_announced_message_is_committed_before_it_is_deleted() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.slots[4] = PDU
    journal.on_received = lambda received: (
        None if "AT+CMGD=4" not in port.heard else (_ for _ in ()).throw(AssertionError)
    )
    play(port, journal, after_ready(port, '+CMTI: "SM",4'))
    assert [(found.memory, found.index, found.pdu_text) for found in journal.inbound] == [("SM", 4, PDU)]
    assert journal.inbound[0].iccid == "8986001234567890123"
    assert port.heard.count("AT+CMGD=4") == 1


def test_direct_messages_and_reports_are_committed() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    play(port, journal, after_ready(port, f"+CMT: ,30|{PDU}||+CDS: 26|{REPORT}"))
    assert [(found.pdu_text, found.status_report) for found in journal.inbound] == [(PDU, False), (REPORT, True)]


def test_what_the_port_held_before_the_card_was_read_bears_its_name() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.say(f"+CDS: 26|{REPORT}")
    play(port, journal, ready)
    assert [(found.pdu_text, found.iccid) for found in journal.inbound] == [(REPORT, "8986001234567890123")]


def test_what_comes_to_a_modem_without_a_card_is_kept_all_the_same() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.answers["AT+CPIN?"] = None
    port.say(f"+CMT: ,30|{PDU}")

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await asyncio.sleep(60)

    play(port, journal, script)
    assert [(found.pdu_text, found.iccid) for found in journal.inbound] == [(PDU, None)]


def test_a_report_that_comes_on_the_air_is_committed_before_the_result() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.result_s = 60
    journal.add(make_part(1))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while not port.bodies:
            await asyncio.sleep(0.1)
        port.say(f"+CDS: 26|{REPORT}")
        await asyncio.sleep(1)
        assert len(journal.inbound) == 1
        assert journal.outcomes == []

    play(port, journal, script)


def test_a_slot_that_is_filled_again_while_it_is_emptied_is_read_again() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.slots[4] = PDU
    listings = 0

    def again(port: ScriptedPort) -> str:
        nonlocal listings
        listings = port.heard.count("AT+CMGL=4")
        port.slots[4] = REPORT
        port.answers["AT+CMGD=4"] = "OK"
        return 'OK|+CDSI: "SM",4'

    port.answers["AT+CMGD=4"] = again
    play(port, journal, after_ready(port, '+CMTI: "SM",4'))
    assert [found.pdu_text for found in journal.inbound] == [PDU, REPORT]
    assert port.heard.count("AT+CMGL=4") == listings  # by its announcement, not by the next sweep


def test_a_header_that_lost_its_pdu_makes_a_sweep() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    play(port, journal, after_ready(port, "+CMT: ,30"))
    assert port.heard.count("AT+CMGL=4") >= 3  # SM and ME at first, then SM again


def test_a_bare_ok_after_the_announcement_selects_the_memory_anew_and_then_sweeps() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    play(port, journal, after_ready(port, '+CMTI: "SM",4'))
    first = port.heard.index("AT+CMGR=4")
    assert port.heard[first:][:4] == ["AT+CMGR=4", 'AT+CPMS="SM"', "AT+CMGR=4", 'AT+CPMS="SM"']
    assert "AT+CMGL=4" in port.heard[first:]


def test_another_memory_is_selected_and_left_again() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.slots[2] = PDU
    play(port, journal, after_ready(port, '+CDSI: "SR",2'))
    at = port.heard.index('AT+CPMS="SR"')
    after = ["AT+CMGR=2", "AT+CMGD=2", "AT+CMGR=2", 'AT+CPMS="SM","SM","SM"']  # read again: the OK of +CMGD is no proof
    assert port.heard[at : at + 5] == ['AT+CPMS="SR"', *after]
    assert journal.inbound[0].status_report


def test_the_first_sweep_reads_every_memory_and_is_told() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.answers["AT+CMGL=4"] = [f"+CMGL: 1,1,,30|{PDU}|+CMGL: 7,1,,30|{REPORT}|OK", "OK"]
    play(port, journal, ready)
    assert [(found.index, found.first_sweep) for found in journal.inbound] == [(1, True), (7, True)]
    assert port.heard.count("AT+CMGD=1") == port.heard.count("AT+CMGD=7") == 1
    assert journal.swept_cards == ["8986001234567890123"]


def test_where_there_is_no_listing_every_slot_is_read() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.answers["AT+CMGL=4"] = "ERROR"
    port.answers['AT+CPMS="SM"'] = "+CPMS: 1,10,1,10,1,10|OK"
    port.slots[3] = PDU
    play(port, journal, ready)
    assert [found.index for found in journal.inbound] == [3]


def test_a_slot_that_cannot_be_deleted_is_told_once() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.answers["AT+CMGL=4"] = f"+CMGL: 1,1,,30|{PDU}|OK"
    port.answers["AT+CPMS=?"] = '+CPMS: ("SM"),("SM"),("SM")|OK'
    port.answers["AT+CMGD=1"] = "+CMS ERROR: 320"
    play(port, journal, after_ready(port, "", 3600))
    assert len(journal.inbound) == 1
    assert port.heard.count("AT+CMGL=4") > 5


def test_nothing_is_deleted_while_the_database_cannot_commit() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.slots[4] = PDU
    journal.fail_received = [StoreError("disk full")] * 3
    port.answers["AT+CMGL=4"] = lambda port: f"+CMGL: 4,1,,30|{PDU}|OK" if 4 in port.slots else "OK"

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while journal.fail_received:
            assert 4 in port.slots
            await asyncio.sleep(0.01)
        while not journal.inbound:
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)

    play(port, journal, script)
    assert 4 not in port.slots


def test_a_direct_message_is_held_until_the_database_is_back() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    journal.fail_received = [StoreError("disk full")] * 3
    play(port, journal, after_ready(port, f"+CMT: ,30|{PDU}", 20))
    assert len(journal.inbound) == 1


def test_what_was_announced_is_read_before_the_next_submission() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.slots[4] = PDU

    def result(port: ScriptedPort) -> str:
        return f'+CMGS: {port.mr}|OK||+CMTI: "SM",4'

    port.result = result
    journal.add(make_part(1), make_part(2))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        while len(journal.outcomes) < 2:
            await asyncio.sleep(0.1)

    play(port, journal, script)
    submissions = [index for index, line in enumerate(port.heard) if line.startswith("AT+CMGS")]
    assert "AT+CMGR=4" in port.heard[submissions[0] : submissions[1]]


def test_a_flood_of_announcements_does_not_stop_sending() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    journal.add(*(make_part(number) for number in range(1, 6)))

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        for number in range(300):
            port.say(f'+CMTI: "SM",{number % 250}|+CREG: 1')
        while len(journal.outcomes) < 5:
            await asyncio.sleep(0.1)

    play(port, journal, script)
    assert {outcome.evidence for _, outcome in journal.outcomes} == {Evidence.ACCEPTED}


def test_an_announcement_is_committed_within_50_ms_on_an_idle_modem() -> None:
    port, journal = ScriptedPort(), FakeJournal()
    port.slots[4] = PDU
    took: list[float] = []

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        await asyncio.sleep(10)
        loop = asyncio.get_running_loop()
        began = loop.time()
        journal.on_received = lambda received: took.append(loop.time() - began)
        port.say('+CMTI: "SM",4')
        await asyncio.sleep(1)

    play(port, journal, script)
    assert took
    assert took[0] < 0.05


def test_what_lies_in_the_modem_after_a_change_of_card_is_nobody_s() -> None:
    first, second, journal = ScriptedPort(), ScriptedPort(), FakeJournal()
    changed = {"AT+CCID": "+CCID: 8986009999999999999|OK", "AT+CIMI": "460009999999999|OK"}
    listing = [f"+CMGL: 1,1,,30|{PDU}|OK", "OK", f"+CMGL: 1,1,,30|{REPORT}|OK", "OK"]  # SM, then ME
    second.answers |= {**changed, "AT+CMGL=4": list(listing)}  # type: ignore[dict-item]

    async def script(journal: FakeJournal, supervisor: Supervisor) -> None:
        await ready(journal, supervisor)
        first.unplug()
        while not journal.inbound or supervisor.status.state is not ModemState.WORKING:
            await asyncio.sleep(0.1)

    play([first, second], journal, script)
    by_memory: dict[str, Received] = {found.memory: found for found in journal.inbound}
    assert by_memory["SM"].iccid == "8986009999999999999"
    assert by_memory["ME"].iccid is None
