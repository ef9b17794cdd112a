"""Each family answers in its own way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from modemfarm.simulator.simulation import Simulation
from tests.simulator.host import Host, ready

Make = Callable[..., Simulation]


@pytest.mark.parametrize(
    ("family", "command", "answer"),
    [
        ("huawei", "+CGMI", "huawei\r\n\r\nOK"),
        ("huawei", "^ICCID?", "^ICCID: 8986003100000000000F\r\n\r\nOK"),
        ("huawei", "+CCID", "COMMAND NOT SUPPORT"),
        ("huawei", "+CNMI=2,1,0,1,0", "+CMS ERROR: 303"),
        ("huawei", "+CNMI=2,1,0,2,0", "OK"),
        ("huawei", "+CMMS=2", "+CMS ERROR: 500"),
        ("huawei", "+CMGR=0", "OK"),
        ("huawei", "^CPIN?", "^CPIN: READY,3,10,3,10,3\r\n\r\nOK"),
        ("sim800", "I", "SIM800 R14.18\r\n\r\nOK"),
        ("sim800", "+CCID", "8986003100000000000F\r\n\r\nOK"),
        ("sim800", "+CNMI=?", "+CNMI: (0-3),(0-3),(0,2),(0,1),(0,1)\r\n\r\nOK"),
        ("sim800", "+CNMI=2,1,0,2,0", "+CMS ERROR: 303"),
        ("sim800", "+CNMA", "ERROR"),
        ("sim800", "+CMGR=0", "+CMS ERROR: 321"),
        ("sim800", "+SPIC", "+SPIC: 3,10,3,10\r\n\r\nOK"),
        ("ec25", "+CGMM", "EC25\r\n\r\nOK"),
        ("ec25", "+QCCID", "+QCCID: 8986003100000000000F\r\n\r\nOK"),
        ("ec25", "+CNMI=2,1,0,2,0", "OK"),
        ("ec25", "+CPMS?", '+CPMS: "ME",0,255,"ME",0,255,"ME",0,255\r\n\r\nOK'),
        ("ec25", "+CMGR=0", "OK"),
        ("wavecom", "+CGMI", " WAVECOM MODEM\r\n\r\nOK"),
        ("wavecom", "+CPMS=?", '+CPMS: (("SM","BM","SR"),("SM"))\r\n\r\nOK'),
        ("wavecom", '+CPMS="SM","SM","SM"', "+CMS ERROR: 302"),
        ("wavecom", '+CPMS="SM"', "+CPMS: 0,50,0,50\r\n\r\nOK"),
        ("wavecom", "+CCID", '+CCID: "8986003100000000000F"\r\n\r\nOK'),
        ("wavecom", "+CMGR=1", "+CMS ERROR: 321"),
        ("generic", "+CCID", "ERROR"),
        ("generic", "+CRSM=176,12258,0,0,10", '+CRSM: 144,0,"986800130000000000F0"\r\n\r\nOK'),
        ("generic", "+CIMI", "460000000000001\r\n\r\nOK"),
        ("generic", "+CNUM", '+CNUM: "","+8613900000001",145\r\n\r\nOK'),
        ("generic", "+CSCA?", '+CSCA: "+8613800100500",145\r\n\r\nOK'),
        ("generic", "+COPS=3,2;+COPS?", '+COPS: 0,2,"46000",2\r\n\r\nOK'),
        ("generic", "+CLCC", "OK"),
        ("generic", "H", "OK"),
    ],
)
async def test_a_command_is_answered_as_the_family_answers_it(
    simulate: Make, family: str, command: str, answer: str
) -> None:
    host = await ready(simulate(1, family), cnmi="1,1,0,0,0")
    assert await host.ask(command) == answer


async def test_wavecom_says_ready_without_ok(simulate: Make) -> None:
    host = await ready(simulate(1, "wavecom"))
    assert await host.ask("+CPIN?", b"READY\r\n") == "+CPIN: READY"
    assert await host.silent()


@pytest.mark.parametrize(
    ("level", "shown"), [(0, "ERROR"), (1, "+CMS ERROR: 304"), (2, "+CMS ERROR: invalid PDU mode parameter")]
)
async def test_cmee_decides_how_an_error_looks(simulate: Make, level: int, shown: str) -> None:
    host = await ready(simulate())
    await host.ask(f"+CMEE={level}")
    assert await host.ask("+CMGS=0") == shown


async def test_echo_is_on_until_it_is_turned_off(simulate: Make) -> None:
    host = Host(simulate().connect(0))
    assert (await host.ask("")).startswith("AT\r")
    assert await host.ask("E0") == "ATE0\r\r\nOK"
    assert await host.ask("") == "OK"


@pytest.mark.parametrize(
    ("family", "cnmi", "said", "memory"),
    [
        ("huawei", "2,1,0,2,0", '+CDSI: "SM",0', "SM"),
        ("ec25", "2,1,0,2,0", '+CDSI: "SM",0', "SR"),
        ("wavecom", "2,1,0,2,0", '+CDSI: "SR",1', "SR"),
        ("generic", "2,1,0,2,0", '+CDSI: "SM",1', "SM"),
    ],
)
async def test_a_stored_report_lies_where_the_family_puts_it(
    simulate: Make, family: str, cnmi: str, said: str, memory: str
) -> None:
    simulation = simulate(1, family)
    host = await ready(simulation, cnmi=cnmi)
    await host.prompt("hello")
    assert said in await host.until(b'+CDSI: "SM",0\r\n', said.encode())
    store = simulation.modems[0].store(memory)
    assert store is not None
    assert len(store.slots) == 1


@pytest.mark.parametrize("family", ["sim800", "ec25", "wavecom", "generic"])
async def test_a_direct_report_comes_with_its_pdu(simulate: Make, family: str) -> None:
    host = await ready(simulate(1, family), cnmi="2,1,0,1,0")
    await host.prompt("hello")
    heard = await host.until(b"+CDS: ")
    while heard.count("\r\n") < 6:
        heard += await host.until(b"\r\n")
    header, pdu = heard[heard.index("+CDS: ") :].split("\r\n")[:2]
    assert int(header.removeprefix("+CDS: ")) == len(pdu) // 2 - 9


@pytest.mark.parametrize(
    ("family", "marker"), [("sim800", b"SMS Ready"), ("ec25", b"+QIND: SMS DONE"), ("wavecom", b"+WIND: 4")]
)
async def test_a_replugged_modem_boots_with_its_own_lines(simulate: Make, family: str, marker: bytes) -> None:
    simulation = simulate(1, family)
    simulation.unplug(0)
    simulation.replug(0)
    host = Host(simulation.connect(0))
    assert "SMS" not in await host.ask("E0")
    assert "OK" not in await host.ask("+CPMS?")
    await host.until(marker, within_s=4)
    await asyncio.sleep(0)
    assert "OK" in await host.ask("+CMGF=0", b"OK\r\n")


async def test_packed_ussd_is_hex_both_ways(simulate: Make) -> None:
    host = await ready(simulate(1, "huawei"))
    assert await host.ask('+CUSD=1,"*100#",15') == "ERROR"
    assert await host.ask('+CUSD=1,"AA180C3602",15') == "OK"
    assert '+CUSD: 0,"C2303BEC1E974131996B46030D9D59' in await host.until(b",15\r\n")
    await host.ask("^USSDMODE=0")
    assert await host.ask('+CUSD=1,"*100#",15') == "OK"
    assert "Balance 12.34 CNY" in await host.until(b",15\r\n")


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("plain", "+CREG: 1,1"),
        ("location", '+CREG: 1,1,"1A2B","0C3D4E5F"'),
        ("bare", "+CREG: 1,1,1A2B,3C4D"),
        ("act", '+CREG: 1,1,"1A2B","0C3D4E5F",7'),
        ("short", "+CREG: 1"),
    ],
)
async def test_registration_comes_in_the_form_of_the_knob(simulate: Make, form: str, answer: str) -> None:
    simulation = simulate()
    simulation.turn(0, "creg-form", form)
    host = await ready(simulation)
    await host.ask("+CREG=1")
    assert (await host.lines("+CREG?"))[0] == answer


async def test_knobs_make_optional_commands_fail(simulate: Make) -> None:
    simulation = simulate(1, "sim800")
    simulation.turn(0, "refuse", "+CMEE,+CNUM,+CSMS,+CPMS,+CMMS")
    simulation.turn(0, "no-iccid", "1")
    simulation.turn(0, "cpin-slow", "0.3")
    host = Host(simulation.connect(0))
    await host.ask("E0")
    for command in ("+CMEE=1", "+CNUM", "+CSMS?", '+CPMS="SM"', "+CMMS=1", "+CCID", "+CRSM=176,12258,0,0,10"):
        assert await host.ask(command) == "ERROR"
    host.port.write(b"AT+CPIN?\r")
    assert await host.silent(0.05)
    assert "READY" in await host.until(b"OK\r\n")


async def test_chatter_stops_when_the_modem_is_told_to_hush(simulate: Make) -> None:
    host = await ready(simulate(1, "huawei", chatter_s=0.01))
    await host.until(b"\r\n^")
    await host.ask("^CURC=0")
    host.unread = b""
    assert await host.silent(0.05)
