"""What is known of each family, as dialogues: identity, readiness, counters, reports, resets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from modemfarm.errors import LinkLostError
from modemfarm.simulator.personality import FAMILIES
from modemfarm.simulator.simulation import Simulation
from tests.simulator.host import PHONE, Host, events, ready

Make = Callable[..., Simulation]
ICCID = "8986003100000000000F"
# What each family takes for +CNMI with reports; the second is refused.
CNMI = {
    "huawei": ("2,1,0,2,0", "2,1,0,1,0"),
    "huawei-me": ("2,1,0,1,0", "2,1,1,1,0"),
    "zte": ("1,1,0,1,0", "2,1,0,1,0"),
    "sim800": ("2,1,0,1,0", "2,1,0,2,0"),
    "sim7600": ("2,1,0,1,0", "2,1,0,2,0"),
    "quectel-m35": ("2,1,0,1,0", "2,1,0,2,0"),
    "ec25": ("2,1,0,1,0", "2,1,1,1,0"),
    "wavecom": ("2,1,0,1,0", "2,1,4,1,0"),
    "sierra": ("2,1,0,2,0", "2,1,0,1,0"),
    "telit": ("2,1,0,1,0", "2,1,0,2,0"),
    "ublox": ("2,1,0,1,0", "2,1,0,2,0"),
    "cinterion": ("2,1,0,2,1", "2,1,0,2,0"),
    "fibocom": ("2,1,0,1,0", "2,1,0,2,0"),
    "mtk": ("2,1,0,1,0", "2,1,0,2,0"),
    "neoway": ("2,1,0,1,0", "2,1,0,2,0"),
    "a9": ("2,1,0,1,0", "2,1,0,2,0"),
    "generic": ("2,1,0,1,0", "2,1,1,1,0"),
}
REPORT = {  # how a report comes with that +CNMI
    "huawei": '+CDSI: "SM",0',
    "zte": "+CDS: ,26",
    "sierra": '+CDSI: "SM",0',
    "cinterion": '+CDSI: "SR",1',
}


@pytest.mark.parametrize("family", FAMILIES)
async def test_only_the_indications_of_the_family_are_taken(simulate: Make, family: str) -> None:
    taken, refused = CNMI[family]
    host = await ready(simulate(1, family), cnmi=taken)
    assert await host.ask(f"+CNMI={refused}") == "+CMS ERROR: 303"
    assert (await host.lines("+CNMI?"))[0] == f"+CNMI: {taken}"


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_report_comes_as_the_family_brings_it(simulate: Make, family: str) -> None:
    simulation = simulate(1, family)
    host = await ready(simulation, cnmi=CNMI[family][0])
    await host.prompt("hello")
    heard = await host.until(REPORT.get(family, "+CDS: 26").encode() + b"\r\n")
    assert "+CMGS: " in heard
    assert [line["answer"] for line in events(simulation, "report")] == ["given"]


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_long_chinese_text_goes_out_and_an_answer_comes_in(simulate: Make, family: str) -> None:
    simulation = simulate(1, family)
    host = await ready(simulation, cnmi=CNMI[family][0])
    text = "您好，您的订单已经发货。" * 12
    for part in range(3):
        assert "+CMGS: " in await host.submit(text, report=False, part=part)
    assert simulation.phone(PHONE)[-1]["text"] == text
    assert simulation.deliver(0, PHONE, "好的，收到。" * 20) == 2
    heard = ""
    while heard.count("+CMTI: ") < 2:
        heard += await host.until(b"+CMTI: ")
    assert (await host.ask("+CMGL=4")).count("+CMGL: ") == 2


@pytest.mark.parametrize(
    ("family", "command", "answer"),
    [
        ("huawei-me", "+CGMM", "ME909s-120"),
        ("huawei-me", "^ICCID?", f"^ICCID: {ICCID}"),
        ("huawei-me", "^HCSQ?", '^HCSQ:"LTE",48,43,131,18'),  # RSSI -121+48 = -73, RSRP -141+43 = -98
        ("huawei-me", "^CHIPTEMP?", "^CHIPTEMP: 310,310,65535,65535,65535"),
        ("huawei-me", "+QCCID", "COMMAND NOT SUPPORT"),
        ("huawei", "+CNMA=1", "ERROR"),
        ("zte", "+CGMI", "ZTE INCORPORATED"),
        ("zte", "+CCID", "ERROR"),
        ("zte", "+CRSM=176,12258,0,0,10", '+CRSM: 144,0,"986800130000000000F0"'),
        ("zte", "+ZPINPUK=?", "+ZPINPUK: 3,10"),
        ("zte", "+ZPAS?", '+ZPAS: "UMTS","CS_PS"'),
        ("zte", "+ZCDRUN=8", "OK"),
        ("sim800", "+CMTE?", "+CMTE: 0,31.00"),
        ("sim800", "+CBC", "+CBC: 0,95,4000"),
        ("sim800", "+CSMS=1", "+CMS ERROR: 303"),
        ("sim7600", "+CICCID", f"+ICCID: {ICCID}"),
        ("sim7600", "+CCID", "ERROR"),
        ("sim7600", "+CNMA", "ERROR"),
        ("sim7600", "+SPIC", "+SPIC: 3,10,3,10"),
        ("sim7600", "+CPMUTEMP", "+CPMUTEMP: 31"),
        ("sim7600", "+CNSMOD?", "+CNSMOD: 0,8"),
        ("sim7600", "+COPS=3,2;+COPS?", '+COPS: 0,2,"46000",7'),
        ("quectel-m35", "+CGMI", "Quectel_Ltd"),
        ("quectel-m35", "+QCCID", ICCID),
        ("quectel-m35", "+QINISTAT", "+QINISTAT: 3"),
        ("quectel-m35", "+CSMS=128", "+CSMS: 1,1,1"),
        ("quectel-m35", "+CSMS=1", "+CMS ERROR: 303"),
        ("quectel-m35", "+QTRPIN", "+QTRPIN: 3,3,10,10"),
        ("quectel-m35", "+COPS=3,2;+COPS?", '+COPS: 0,2,"46000",0'),
        ("ec25", "+QINISTAT", "+QINISTAT: 7"),
        ("ec25", "+QTEMP", "+QTEMP: 31,31,31"),
        ("ec25", "+QPINC?", '+QPINC: "SC",3,10'),
        ("wavecom", "+CFUN=4", "+CME ERROR: 4"),
        ("sierra", "!ICCID?", "ERROR"),
        ("sierra", '!ENTERCND="1234"', "ERROR"),
        ("sierra", "+CPINC?", "+CPINC: 3,3,10,10"),
        ("sierra", "*CNTI=0", "*CNTI: 0,LTE"),
        ("telit", "#CCID", f"#CCID: {ICCID}"),
        ("telit", "#PCT", "#PCT: 3"),
        ("telit", "#TEMPSENS=2", "#TEMPSENS: 4,31"),
        ("telit", "#QSS?", "#QSS: 0,3"),
        ("ublox", "+UPINCNT", "+UPINCNT: 3,3,10,10"),
        ("ublox", "+CCID", f"+CCID: {ICCID}"),
        ("cinterion", "^SPIC", "^SPIC: 3"),
        ("cinterion", '^SPIC="SC",1', "^SPIC: 10"),
        ("cinterion", "^SCTM?", "^SCTM: 0,0,31"),
        ("cinterion", "^SBV", "^SBV: 4000"),
        ("cinterion", "+CMGR=1", "+CMGR: 0,,0"),
        ("cinterion", '+CPMS="SM","SM","ME"', "+CMS ERROR: 302"),
        ("cinterion", '+CPMS="ME","ME","SM"', "+CPMS: 0,25,0,25,0,20"),
        ("fibocom", "+CGMM", "ERROR"),
        ("fibocom", "+CGMM?", "L850-GL"),
        ("fibocom", "+ICCID", f"+ICCID: {ICCID}"),
        ("fibocom", "+XPINCNT", "+XPINCNT: 3, 3, 10, 10"),
        ("fibocom", '+CPMS="ME"', "+CPMS: 0,352,0,50,0,50"),
        ("fibocom", "+MTSM=1", "+MTSM: 31"),
        ("mtk", "+CGMI", "MTK1"),
        ("mtk", "+EPINC?", "+EPINC: 3,3,10,10"),
        ("mtk", "+CCID", "ERROR"),
        ("neoway", "$MYCCID", f'$MYCCID: "{ICCID}"'),
        ("neoway", '+CPMS="ME"', "+CMS ERROR: 302"),
        ("a9", "+CCID", f"+CCID: {ICCID}"),
        ("generic", "+SPIC", "ERROR"),
        ("generic", "+CPINR", "+CPINR: SIM PIN,3,3"),
    ],
)
async def test_a_command_gets_what_the_family_says(simulate: Make, family: str, command: str, answer: str) -> None:
    host = await ready(simulate(1, family), cnmi=CNMI[family][0])
    assert (await host.lines(command))[0] == answer


async def test_sierra_opens_its_own_commands_with_a_password(simulate: Make) -> None:
    host = await ready(simulate(1, "sierra"), cnmi=CNMI["sierra"][0])
    assert await host.ask('!ENTERCND="A710"') == "OK"
    assert (await host.lines("!ICCID?"))[0] == f"!ICCID: {ICCID}"
    status = await host.lines("!GSTATUS?")
    assert any("\t" in line and "RSRP" in line for line in status)


@pytest.mark.parametrize(
    ("family", "marker", "sim_busy", "sms_busy"),
    [
        ("huawei-me", b"^SRVST:2", "+CME ERROR: 14", "+CMS ERROR: 302"),
        ("sim800", b"SMS Ready", "+CME ERROR: 14", "+CMS ERROR: 302"),
        ("sim7600", b"SMS DONE", "+CME ERROR: 14", "+CMS ERROR: 302"),
        ("quectel-m35", b"SMS Ready", "+CME ERROR: 14", "+CMS ERROR: 604"),
        ("ec25", b"+QIND: SMS DONE", "+CME ERROR: 14", "+CMS ERROR: 302"),
        ("wavecom", b"+WIND: 7", "+CME ERROR: 515", "+CME ERROR: 515"),
        ("cinterion", b"+CIEV: simstatus,5", "+CME ERROR: 256", "+CMS ERROR: 532"),
        ("fibocom", b"+SIM READY", "+CME ERROR: 14", "+CMS ERROR: 302"),
        ("mtk", b"+EIND: 1\r", "+CME ERROR: 14", "+CMS ERROR: 302"),
        ("neoway", b"+PBREADY", "+CME ERROR: 14", "+CMS ERROR: 302"),
    ],
)
async def test_a_modem_that_starts_says_wait_until_its_marker(
    simulate: Make, family: str, marker: bytes, sim_busy: str, sms_busy: str
) -> None:
    simulation = simulate(1, family)
    simulation.unplug(0)
    simulation.replug(0)
    host = Host(simulation.connect(0))
    await host.ask("E0+CMEE=1")
    assert sim_busy in await host.ask("+CPIN?")
    assert sms_busy in await host.ask("+CPMS?")
    await host.until(marker, within_s=30)
    await asyncio.sleep(0.5)
    host.unread = b""
    assert "+CPMS: " in await host.ask("+CPMS?")


async def test_telit_tells_that_it_is_ready_only_when_asked_to(simulate: Make) -> None:
    simulation = simulate(1, "telit")
    simulation.replug(0)
    host = Host(simulation.connect(0))
    assert await host.silent(10)
    await host.ask("E0#QSS=2")
    simulation.replug(0)
    host = Host(simulation.connect(0))
    assert "#QSS: 2" in await host.until(b"#QSS: 3", within_s=30)
    assert "ERROR" not in await host.ask("E0+CMGF=0", b"OK\r\n")


async def test_zte_keeps_its_service_centre_back_for_ten_seconds(simulate: Make) -> None:
    simulation = simulate(1, "zte")
    simulation.replug(0)
    host = Host(simulation.connect(0))
    await host.ask("E0+CMEE=1")
    await asyncio.sleep(3)
    assert "READY" in await host.ask("+CPIN?", b"OK\r\n")
    assert await host.ask("+CSCA?") == "+CME ERROR: 14"
    await asyncio.sleep(8)
    host.unread = b""
    assert "+CSCA: " in await host.ask("+CSCA?", b"OK\r\n")


@pytest.mark.parametrize(("family", "wait_s"), [("huawei", 2.0), ("zte", 2.0), ("sim800", 1.0), ("sierra", 2.0)])
async def test_the_sim_is_busy_after_its_pin(simulate: Make, family: str, wait_s: float) -> None:
    simulation = simulate(1, family)
    host = await ready(simulation, cnmi=CNMI[family][0])
    simulation.fault(0, "pin", "4711")
    await host.hush()
    assert await host.ask('+CPIN="4711"') == "OK"
    assert await host.ask("+CPIN?") == "+CME ERROR: 14"
    await asyncio.sleep(wait_s)
    assert "READY" in await host.ask("+CPIN?", b"OK\r\n")


@pytest.mark.parametrize(
    ("family", "command"),
    [
        ("huawei", "^RESET"),
        ("huawei-me", "+CFUN=16"),
        ("zte", "+ZOPRT=6"),
        ("sim7600", "+CRESET"),
        ("ec25", "+CFUN=1,1"),
        ("telit", "#REBOOT"),
        ("ublox", "+CFUN=16"),
        ("fibocom", "+CFUN=15"),
        ("neoway", "+CFUN=15"),
        ("a9", "+RST=1"),
        ("wavecom", "+CFUN=1"),
        ("cinterion", "+CFUN=1,1"),
        ("mtk", "+CFUN=1,1"),
        ("quectel-m35", "+CFUN=1,1"),
    ],
)
async def test_the_family_s_reset_restarts_it(simulate: Make, family: str, command: str) -> None:
    simulation = simulate(1, family)
    modem = simulation.modems[0]
    host = await ready(simulation, cnmi=CNMI[family][0])
    assert await host.ask(command) == "OK"
    await asyncio.sleep(0.5)
    assert not modem.powered
    assert (modem.wire is None) == modem.personality.drops_port
    await asyncio.sleep(2)
    assert modem.powered
    assert modem.settings.echo


@pytest.mark.parametrize(
    ("family", "command", "farewell"),
    [
        ("sim800", "+CPOWD=1", b"NORMAL POWER DOWN"),
        ("ec25", "+QPOWD=1", b"POWERED DOWN"),
        ("cinterion", "^SMSO", b"^SHUTDOWN"),
    ],
)
async def test_a_modem_that_was_turned_off_stays_off(
    simulate: Make, family: str, command: str, farewell: bytes
) -> None:
    simulation = simulate(1, family)
    host = await ready(simulation, cnmi=CNMI[family][0])
    host.port.write(f"AT{command}\r".encode())
    await host.until(farewell)
    await asyncio.sleep(60)
    assert not simulation.modems[0].powered


@pytest.mark.parametrize("family", [name for name, item in FAMILIES.items() if item.sim_gone])
async def test_a_sim_that_is_exchanged_is_told_as_the_family_tells_it(simulate: Make, family: str) -> None:
    simulation = simulate(1, family)
    personality = FAMILIES[family]
    host = await ready(simulation, cnmi=CNMI[family][0])
    simulation.fault(0, "sim-swap")
    heard = await host.until(personality.sim_back[-1].encode() if personality.sim_insert == "nothing" else b"\r\n")
    assert all(line in heard for line in personality.sim_gone)
    if personality.sim_insert == "restart":  # Neoway wants the SIM at power-on
        assert await host.ask("+CIMI") == "+CME ERROR: 10"
        simulation.fault(0, "reboot", "1")
        await asyncio.sleep(10)
        await host.ask("E0+CMEE=1", b"OK\r\n")
    assert "460000000000002" in await host.ask("+CIMI", b"OK\r\n")


async def test_fibocom_repeats_a_report_until_it_is_acknowledged(simulate: Make) -> None:
    simulation = simulate(1, "fibocom")
    host = await ready(simulation, cnmi="2,1,0,1,0")
    await host.submit("hello")
    for _ in range(2):
        await host.until(b"+CDS: 26", within_s=20)
    await host.hush()
    assert await host.ask("+CNMA", b"OK\r\n") == "OK"
    assert await host.silent(60)
    assert [line["name"] for line in events(simulation, "fault")] == ["no-cnma"]


async def test_telit_keeps_the_next_message_until_the_last_is_acknowledged(simulate: Make) -> None:
    simulation = simulate(1, "telit")
    host = await ready(simulation, cnmi="2,2,0,0,0")
    assert "OK" in await host.ask("+CSMS=1")
    simulation.deliver(0, PHONE, "one")
    simulation.deliver(0, PHONE, "two")
    await host.until(b"+CMT: ,")
    host.unread = b""
    await asyncio.sleep(60)
    assert simulation.network.held(simulation.modems[0].card.iccid) == 1  # type: ignore[union-attr] # it has one
    assert "OK" in await host.ask("+CNMA", b"OK\r\n")
    await host.until(b"+CMT: ,")


async def test_cinterion_stops_direct_indications_that_nobody_acknowledges(simulate: Make) -> None:
    simulation = simulate(1, "generic")
    simulation.turn(0, "ack", "reset")
    host = await ready(simulation, cnmi="2,2,0,1,0")
    simulation.deliver(0, PHONE, "one")
    await host.until(b"+CMT: ,")
    await asyncio.sleep(16)
    host.unread = b""
    assert (await host.lines("+CNMI?"))[0] == "+CNMI: 2,0,0,0,0"


async def test_cinterion_shows_a_message_without_alpha(simulate: Make) -> None:
    simulation = simulate(1, "cinterion")
    host = await ready(simulation, cnmi="2,1,0,2,1")
    simulation.modems[0].settings.cnmi = [2, 2, 0, 0, 1]  # other models take mt=2
    simulation.deliver(0, PHONE, "hi")
    assert "+CMT: 2" in await host.hush()


async def test_zte_shows_a_message_without_its_state(simulate: Make) -> None:
    simulation = simulate(1, "zte")
    host = await ready(simulation, cnmi="1,1,0,1,0")
    simulation.deliver(0, PHONE, "hi")
    await host.until(b"+CMTI: ")
    host.unread = b""
    assert (await host.lines("+CMGR=1"))[-3].startswith("+CMGR: ,,")


async def test_zte_puts_reports_among_the_messages_unasked(simulate: Make) -> None:
    simulation = simulate(1, "zte")
    host = await ready(simulation, cnmi="1,1,0,0,0")
    await host.prompt("hello")
    await host.until(b'+CMTI: "SM",1')
    assert events(simulation, "report")[0]["answer"] == "given"


async def test_left_out_parameters_of_cnmi_are_zero_on_cinterion(simulate: Make) -> None:
    host = await ready(simulate(1, "cinterion"), cnmi="2,1,0,2,1")
    assert await host.ask("+CNMI=2,1") == "+CMS ERROR: 303"  # bfr would be 0


async def test_deaf_huawei_hears_what_restarts_it(simulate: Make) -> None:
    simulation = simulate(1, "huawei", chatter_s=1.0)
    host = await ready(simulation, cnmi="2,1,0,2,0")
    simulation.fault(0, "deaf")
    host.port.write(b"AT\r")
    heard = await host.until(b"\r\n^", within_s=5)
    assert "OK" not in heard
    host.port.write(b"AT+CFUN=1,1\r")
    with pytest.raises(LinkLostError):
        await host.until(b"never", within_s=5)
