"""What the network and the caller do besides messages: USSD, balances, calls, reports that say something else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from modemfarm.gsm.alphabet import encode7, pack
from modemfarm.gsm.tpdu import SmsStatusReport, decode_pdu
from modemfarm.simulator.control import perform
from modemfarm.simulator.personality import FAMILIES
from modemfarm.simulator.settings import knob_forms
from modemfarm.simulator.simulation import Simulation
from tests.simulator.host import events, ready

Make = Callable[..., Simulation]
CALLER = "+8613700137000"
DOCS = Path(__file__).parents[2] / "docs" / "simulator.md"


def packed(text: str) -> str:
    return pack(encode7(text) or b"").hex().upper()


def wide(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()


@pytest.mark.parametrize(
    ("family", "charset", "request_", "reply"),
    [
        ("huawei", "GSM", packed("*100#"), f'+CUSD: 0,"{packed("Balance 12.34 CNY")}",15'),
        ("huawei", "UCS2", packed("*100#"), f'+CUSD: 0,"{packed("Balance 12.34 CNY")}",15'),
        ("huawei-me", "GSM", "*100#", '+CUSD: 0,"Balance 12.34 CNY",15'),
        ("huawei-me", "UCS2", "*100#", "+CME ERROR: 258"),
        ("zte", "GSM", "*100#", '+CUSD: 0,"Balance 12.34 CNY",15'),
        ("zte", "UCS2", wide("*100#"), "+CUSD: 4"),
        ("sim800", "IRA", "*100#", '+CUSD: 0,"Balance 12.34 CNY",15'),
        ("sim800", "HEX", "*100#", "+CUSD: 2"),
        ("mtk", "UCS2", wide("*100#"), f'+CUSD: 0,"{wide("Balance 12.34 CNY")}",15'),
        ("mtk", "UCS2", "*100#", "+CUSD: 4"),
        ("wavecom", "UCS2", wide("*100#"), "+CME ERROR: 516"),
        ("telit", "GSM", "*102#", f'+CUSD: 0,"{wide("余额12.34元")}",72'),
        ("huawei", "GSM", packed("*102#"), f'+CUSD: 0,"{wide("余额12.34元")}",72'),
        ("generic", "GSM", "*000#", "+CUSD: 2"),
    ],
)
async def test_ussd_comes_in_the_coding_of_the_family(
    simulate: Make, family: str, charset: str, request_: str, reply: str
) -> None:
    simulation = simulate(1, family)
    host = await ready(simulation, cnmi="1,1,0,0,1" if family == "cinterion" else "1,1,0,0,0")
    await host.ask(f'+CSCS="{charset}"')
    host.port.write(f'AT+CUSD=1,"{request_}",15\r'.encode())
    assert reply in await host.hush(1)


async def test_seven_packed_characters_end_with_a_carriage_return(simulate: Make) -> None:
    simulation = simulate(1, "huawei")
    host = await ready(simulation, cnmi="1,1,0,0,0")
    octets = pack((encode7("*10010#") or b"") + b"\x0d").hex().upper()
    assert len(octets) == 14
    host.port.write(f'AT+CUSD=1,"{octets}",15\r'.encode())
    assert "+CUSD: 0," in await host.hush(1)


async def test_a_menu_is_answered_step_by_step(simulate: Make) -> None:
    host = await ready(simulate())
    await host.ask('+CUSD=1,"*111#",15')
    assert '+CUSD: 1,"1 Balance\n2 Number\n0 End",15' in await host.hush(1)
    await host.ask('+CUSD=1,"2",15')
    assert '+CUSD: 0,"Your number +8613900000001",15' in await host.hush(1)
    await host.ask('+CUSD=1,"*111#",15')
    await host.ask("+CUSD=2")
    await host.hush(1)
    await host.ask('+CUSD=1,"2",15')
    assert "+CUSD: 4" in await host.hush(1)


async def test_a_code_may_never_be_answered(simulate: Make) -> None:
    host = await ready(simulate())
    assert await host.ask('+CUSD=1,"*555#",15') == "OK"
    assert await host.silent(300)


async def test_the_operator_answers_a_message_with_the_balance(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.turn(0, "balance", "7.5")
    await host.submit("YE", "10086", report=False)
    await host.hush(1)
    (line,) = events(simulation, "inbound")
    assert (line["from"], line["text"]) == ("10086", "您的余额7.50元")


@pytest.mark.parametrize(("statuses", "seen"), [("0x46", [0x46]), ("0x30,0", [0x30, 0]), ("1", [1]), ("0x80", [0x80])])
async def test_reports_say_what_they_were_told_to(simulate: Make, statuses: str, seen: list[int]) -> None:
    simulation = simulate(1, "generic", report_s=0.5)
    simulation.turn(0, "report-status", statuses)
    host = await ready(simulation, cnmi="2,1,0,1,0")
    await host.submit("hello")
    heard = await host.hush(2)
    pdus = [line for line in heard.split("\r\n") if line.startswith("08")]
    tpdus = [decode_pdu(bytes.fromhex(pdu)).tpdu for pdu in pdus]
    assert [tpdu.status for tpdu in tpdus if isinstance(tpdu, SmsStatusReport)] == seen
    assert [line["status"] for line in events(simulation, "report")] == seen


async def test_reports_may_lie_among_messages_or_never_come(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation, cnmi="2,1,0,1,0")
    simulation.turn(0, "reports-as", "inbox")
    await host.prompt("hello")
    assert '+CMTI: "SM",1' in await host.hush(1)
    simulation.turn(0, "reports-as", "off")
    await host.submit("hello")
    assert len(events(simulation, "report")) == 1


async def test_a_number_can_be_refused_whoever_sends_to_it(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    perform(simulation, "refuse", [CALLER, "21"])
    assert "+CMS ERROR: 21" in await host.submit("hello", CALLER)
    perform(simulation, "refuse", [CALLER, "0"])
    assert "+CMGS:" in await host.submit("hello", CALLER)
    assert [line["code"] for line in events(simulation, "refuse")] == [21]
    assert [line["text"] for line in events(simulation, "submit")] == ["hello"]


async def test_a_call_that_nobody_takes_is_missed(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    await host.ask("+CLIP=1")
    assert perform(simulation, "call", ["0", CALLER, "3"]) == "ringing"
    heard = await host.hush(5)
    assert heard.count("RING") == 3
    assert heard.count(f'+CLIP: "{CALLER}",145') == 3
    assert heard.rstrip().endswith("NO CARRIER")
    assert [line["name"] for line in events(simulation, "call")] == ["ringing", "missed"]


@pytest.mark.parametrize("command", ["H", "+CHUP"])
async def test_a_call_is_rejected(simulate: Make, command: str) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.call(0, CALLER)
    await host.until(b"RING")
    await host.hush()
    assert await host.ask("+CLCC", b"OK\r\n") == f'+CLCC: 1,1,4,0,0,"{CALLER}",145\r\n\r\nOK'
    assert await host.ask(command) == "OK"
    assert await host.silent(10)
    assert [line["name"] for line in events(simulation, "call")] == ["ringing", "rejected"]


@pytest.mark.parametrize(("family", "line"), [("sim7600", f"MISSED_CALL: 08:00AM {CALLER}"), ("wavecom", "+WIND: 2")])
async def test_a_family_has_its_own_lines_for_calls(simulate: Make, family: str, line: str) -> None:
    simulation = simulate(1, family)
    host = await ready(simulation, cnmi="1,1,0,0,0")
    await host.ask("+CRC=1")
    simulation.call(0, CALLER, 1)
    heard = await host.hush(5)
    assert line in heard
    assert "+CRING: VOICE" in heard


async def test_a_call_finds_the_modem_sending_or_away(simulate: Make) -> None:
    simulation = simulate(1, "sim800", airtime_s=1.0)
    host = await ready(simulation, cnmi="2,1,0,0,0")
    await host.prompt("hello")
    await asyncio.sleep(0.5)
    assert simulation.call(0, CALLER) == "busy"
    assert "+CMGS: " in await host.hush(2)
    simulation.fault(0, "denied")
    assert simulation.call(0, CALLER) == "unreachable"


def test_the_page_names_every_family_and_knob() -> None:
    page = DOCS.read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in FAMILIES)
    assert all(f"`{name}" in page for name in knob_forms())
