"""The virtual network: what it takes, what it writes down, what it sends back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modemfarm.gsm.tpdu import SmsDeliver, SmsStatusReport, decode_pdu
from modemfarm.simulator.simulation import Simulation
from modemfarm.simulator.strict import BadTpduError, inspect
from tests.simulator.host import PHONE, events, pdu_of, ready

Make = Callable[..., Simulation]
VECTORS = Path(__file__).parent.parent / "vectors" / "pdu.json"
SUBMITS = [item for item in json.loads(VECTORS.read_text(encoding="utf-8")) if item["kind"] == "submit"]
GOOD = "01000D91683108108300F0000005E8329BFD06"


async def test_a_message_is_in_the_file_before_the_modem_answers(tmp_path: Path, simulate: Make) -> None:
    log = tmp_path / "smsc.jsonl"
    simulation = simulate(1, log_path=log, clock=lambda: 1_700_000_000.5)
    seen: list[str] = []
    modem = simulation.modems[0]
    host = await ready(simulation)
    assert modem.wire is not None
    said = modem.wire.write

    def write(data: bytes) -> None:
        if b"+CMGS" in data:
            seen.append(log.read_text(encoding="utf-8"))
        said(data)

    modem.wire.write = write  # type: ignore[method-assign] # looks at the order of log and answer
    answer = await host.submit("你好 hello")
    line = json.loads(seen[0].splitlines()[-1])
    assert answer == f"+CMGS: {line['mr']}\r\n\r\nOK"
    assert {key: line[key] for key in ("event", "modem", "iccid", "to", "text", "concat", "answer")} == {
        "event": "submit",
        "modem": 0,
        "iccid": "8986003100000000000",
        "to": PHONE,
        "text": "你好 hello",
        "concat": None,
        "answer": "given",
    }
    assert line["t"] == line["ctrl_z_at"] == line["accepted_at"] == 1_700_000_000.5
    assert line["pdu"] == pdu_of("你好 hello")[0].hex().upper()


async def test_parts_are_logged_one_by_one_and_joined_on_the_phone(simulate: Make) -> None:
    simulation = simulate()
    shown: list[tuple[str, str, int]] = []
    simulation.on_phone(lambda number, text, modem: shown.append((number, text, modem)))
    host = await ready(simulation)
    text = "".join(f"{number:03d} " for number in range(60))
    for part in (1, 0):
        await host.submit(text, part=part)
    lines = events(simulation, "submit")
    assert [line["concat"] for line in lines] == [
        {"ref": 7, "total": 2, "number": 2},
        {"ref": 7, "total": 2, "number": 1},
    ]
    assert lines[1]["text"] + lines[0]["text"] == text
    assert shown == [(PHONE, text, 0)]
    assert [item["text"] for item in simulation.phone(PHONE)] == [text]


async def test_a_report_carries_the_reference_recipient_and_times(simulate: Make) -> None:
    now = 1_767_225_599.0  # 2026-01-01 07:59:59 at +08:00
    simulation = simulate(1, clock=lambda: now)
    host = await ready(simulation, cnmi="2,1,0,2,0")
    await host.submit("hello")
    await host.until(b"+CDSI")
    report = decode_pdu(bytes.fromhex(events(simulation, "report")[0]["pdu"])).tpdu
    assert isinstance(report, SmsStatusReport)
    assert (report.recipient, report.status) == (PHONE, 0)
    assert report.mr == events(simulation, "submit")[0]["mr"]
    assert report.scts is not None
    assert report.discharge_time is not None
    assert report.scts.isoformat() == report.discharge_time.isoformat() == "2026-01-01T07:59:59+08:00"


async def test_no_report_comes_when_none_was_asked_for(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation, cnmi="2,1,0,2,0")
    await host.submit("hello", report=False)
    await asyncio.sleep(0.01)
    assert events(simulation, "report") == []


async def test_a_sim_of_the_farm_gets_what_another_sends(simulate: Make) -> None:
    simulation = simulate(2)
    first, second = await ready(simulation, 0, "2,1,0,2,0"), await ready(simulation, 1)
    await first.submit("от первого", "+8613900000002")
    assert '+CMTI: "SM",1' in await second.until(b"+CMTI")
    tpdu = decode_pdu(bytes.fromhex((await second.lines("+CMGR=1"))[1])).tpdu
    assert isinstance(tpdu, SmsDeliver)
    assert (tpdu.originator, tpdu.text) == ("+8613900000001", "от первого")
    assert "+CDSI" in await first.until(b"+CDSI")


@pytest.mark.parametrize("originator", ["+8613800138000", "10086", "Shop"])
async def test_a_long_text_from_outside_comes_in_parts(simulate: Make, originator: str) -> None:
    simulation = simulate()
    host = await ready(simulation)
    text = "回复TD退订 " * 20
    assert simulation.deliver(0, originator, text) == 3
    heard = ""
    while heard.count("+CMTI") < 3:
        heard += await host.until(b"+CMTI")
    lines = await host.lines("+CMGL=4")
    parts = [decode_pdu(bytes.fromhex(line)).tpdu for line in lines[1:-1:2]]
    assert "".join(part.text for part in parts if isinstance(part, SmsDeliver)) == text
    assert {part.originator for part in parts if isinstance(part, SmsDeliver)} == {originator}
    assert [line["from"] for line in events(simulation, "inbound")] == [originator] * 3


async def test_a_full_store_makes_the_network_wait_until_there_is_room(simulate: Make) -> None:
    simulation = simulate(1, "huawei")
    host = await ready(simulation)
    simulation.fault(0, "store-full")
    assert '^SMMEMFULL: "SM"' in await host.until(b"FULL")
    simulation.deliver(0, PHONE, "late")
    assert simulation.stats()["modems"][0]["held"] == 1  # type: ignore[index] # JSON
    assert "OK" in await host.ask("+CMGD=3", b"OK\r\n")
    assert '+CMTI: "SM",3' in await host.until(b"+CMTI")


async def test_indications_wait_while_cnmi_mode_is_0(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation, cnmi="0,1,0,0,0")
    simulation.deliver(0, PHONE, "hello")
    assert await host.silent()
    host.port.write(b"AT+CNMI=2,1,0,0,0\r")
    assert '+CMTI: "SM",1' in await host.until(b"+CMTI")


async def test_link_setup_is_paid_once_while_the_link_stays_up(simulate: Make) -> None:
    simulation = simulate(1, airtime_s=0.01, setup_s=0.05)
    host = await ready(simulation)
    assert await host.ask("+CMMS=1") == "OK"
    for _ in range(3):
        await host.submit("hello", report=False)
    busy_s = simulation.modems[0].counters.busy_s
    assert busy_s == pytest.approx(0.05 + 3 * 0.01)
    await host.ask("+CMMS=0")
    await host.submit("hello", report=False)
    assert simulation.modems[0].counters.busy_s - busy_s == pytest.approx(0.06)


def bad(hexes: str, announced: int | None = None) -> str:
    pdu = bytes.fromhex("00" + hexes)
    with pytest.raises(BadTpduError) as caught:
        inspect(pdu, len(pdu) - 1 if announced is None else announced)
    return str(caught.value)


def test_the_strict_reading_takes_a_good_tpdu() -> None:
    sent = inspect(bytes.fromhex("00" + GOOD), 19)
    assert (sent.recipient, sent.text, sent.wants_report) == (PHONE, "hello", False)


@pytest.mark.parametrize("vector", SUBMITS, ids=[vector["name"] for vector in SUBMITS])
def test_the_strict_reading_agrees_with_every_verified_submission(vector: dict[str, Any]) -> None:
    pdu = bytes.fromhex(vector["pdu"])
    sent = inspect(pdu, vector["tpdu_length"])
    assert sent.recipient == vector["number"]
    assert sent.wants_report is vector["srr"]
    if vector.get("text") is not None:
        assert sent.text == vector["text"]


@pytest.mark.parametrize("cut", range(1, len(GOOD) // 2))
def test_no_prefix_of_a_tpdu_is_taken(cut: int) -> None:
    bad(GOOD[: 2 * cut])


@pytest.mark.parametrize(
    ("hexes", "what"),
    [
        pytest.param("00000D91683108108300F0000005E8329BFD06", "not SMS-SUBMIT", id="a deliver"),
        pytest.param("01000D91683108108300F0000005E8329BFD", "cut", id="one octet short"),
        pytest.param("01000D91683108108300F0000005E8329BFD0600", "follow", id="one octet long"),
        pytest.param("01000D11683108108300F0000005E8329BFD06", "type of address", id="type without its top bit"),
        pytest.param("01000DF1683108108300F0000005E8329BFD06", "type of address", id="reserved type of number"),
        pytest.param("01000DD0683108108300F0000005E8329BFD06", "alphanumeric", id="a name as recipient"),
        pytest.param("01000D9168310810830000000005E8329BFD06", "filler", id="odd without filler"),
        pytest.param("01000C91683108F08300000005E8329BFD06", "digit", id="filler in the middle"),
        pytest.param("01000091000005E8329BFD06", "0 digits", id="no digits"),
        pytest.param("01000D91683108108300F0800005E8329BFD06", "TP-PID", id="reserved TP-PID"),
        pytest.param("01000D91683108108300F0008005E8329BFD06", "TP-DCS", id="reserved TP-DCS"),
        pytest.param("01000D91683108108300F0000005E8329BFDFE", "spare bits", id="spare bits"),
        pytest.param("01000D91683108108300F000080300480065", "odd number", id="odd UCS-2"),
        pytest.param("01000D91683108108300F0000802D83D", "surrogate", id="half a surrogate pair"),
        pytest.param("41000D91683108108300F00008080500030702030041", "cannot be", id="part 3 of 2"),
        pytest.param("41000D91683108108300F00008060A0003070201", "longer", id="header past the end"),
        pytest.param("19000D91683108108300F000006231222222222305E8329BFD06", "no time", id="validity in month 13"),
    ],
)  # fmt: skip
def test_a_bad_tpdu_is_refused(hexes: str, what: str) -> None:
    assert what in bad(hexes)


async def test_a_wrong_length_gets_304_and_a_refuse_line(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    pdu, length = pdu_of("hello")
    await host.ask(f"+CMGS={length + 1}", b"> ")
    host.port.write(pdu.hex().encode() + b"\x1a")
    assert "+CMS ERROR: 304" in await host.until(b"ERROR: 304\r\n")
    (line,) = events(simulation, "refuse")
    assert line["code"] == 304
    assert line["answer"] == "error"
    assert events(simulation, "submit") == []


async def test_a_message_needs_a_network_and_a_service_centre(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "denied")
    assert await host.submit("hello") == "+CMS ERROR: 331"
    simulation.fault(0, "clear")
    await host.ask('+CSCA="",129')
    assert await host.submit("hello") == "+CMS ERROR: 330"
    assert [line["code"] for line in events(simulation, "refuse")] == [331, 330]
