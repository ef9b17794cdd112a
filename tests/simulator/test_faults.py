"""Each fault does what its help says, and the log says that it fired."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from modemfarm.errors import LinkLostError, PortBusyError
from modemfarm.simulator.faults import FAULTS, describe, parse_fault
from modemfarm.simulator.simulation import Simulation
from tests.simulator.host import PHONE, Host, events, pdu_of, ready

Make = Callable[..., Simulation]


@pytest.mark.parametrize(
    ("name", "arg", "answer", "logged"),
    [
        ("cms", "38", "+CMS ERROR: 38", ("refuse", "error")),
        ("cms", "", "+CMS ERROR: 500", ("refuse", "error")),
        ("cms", "500,accepted", "+CMS ERROR: 500", ("submit", "error")),
        ("cme", "100", "+CME ERROR: 100", ("refuse", "error")),
        ("error", "", "ERROR", ("refuse", "error")),
        ("error", "accepted", "ERROR", ("submit", "error")),
        ("lost-result", "ok", "OK", ("submit", "lost")),
    ],
)
async def test_a_submission_ends_as_the_fault_says(
    simulate: Make, name: str, arg: str, answer: str, logged: tuple[str, str]
) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, name, arg)
    assert await host.submit("hello") == answer
    (line,) = events(simulation, logged[0])
    assert line["answer"] == logged[1]
    (fired,) = events(simulation, "fault")
    assert (fired["name"], fired["phase"]) == (name, "ctrl-z")
    assert "+CMGS: " in await host.submit("hello again")


async def test_a_fault_fires_as_often_as_counted(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "cms", "500", 3)
    answers = [await host.submit("hello") for _ in range(4)]
    assert [answer == "+CMS ERROR: 500" for answer in answers] == [True, True, True, False]


async def test_an_error_at_the_prompt_comes_instead_of_it(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "cms", "302@prompt")
    assert await host.ask("+CMGS=20") == "+CMS ERROR: 302"
    assert simulation.modems[0].counters.ctrl_z == 0


async def test_a_lost_result_leaves_a_modem_that_answers(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "lost-result")
    await host.prompt("hello")
    assert await host.silent()
    assert await host.ask("") == "OK"
    assert events(simulation, "submit")[0]["answer"] == "lost"


async def test_a_late_result_comes_between_other_answers(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "late-result", "0.3")
    await host.prompt("hello")
    assert await host.ask("") == "OK"
    assert "+CMGS: " in await host.until()


async def test_no_prompt_is_left_with_escape_only(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "no-prompt")
    host.port.write(b"AT+CMGS=20\r")
    assert await host.silent()
    host.port.write(b"AT\r")
    assert await host.silent()
    host.port.write(b"\x1b")
    assert (await host.until()).strip() == "OK"
    assert await host.ask("") == "OK"
    assert simulation.modems[0].counters.ctrl_z == 0


async def test_escape_at_the_prompt_sends_nothing(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    await host.ask("+CMGS=20")
    host.port.write(b"0001000D91\x1b")
    assert (await host.until()).strip() == "OK"
    assert simulation.network.log.lines == []


@pytest.mark.parametrize("phase", ["now", "command", "prompt", "ctrl-z"])
async def test_a_hung_modem_says_nothing_until_its_time_is_over(simulate: Make, phase: str) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "hang", "0.4" if phase == "now" else f"0.4@{phase}")
    pdu, length = pdu_of("hello")
    host.port.write(f"AT+CMGS={length}\r".encode())
    if phase == "ctrl-z":
        await host.until(b"> ")
        host.port.write(pdu.hex().encode() + b"\x1a")
    assert await host.silent()
    while simulation.modems[0].hung:
        await asyncio.sleep(0.02)
    assert await host.ask("") == "OK"
    lines = events(simulation, "submit")
    assert [line["answer"] for line in lines] == (["lost"] if phase == "ctrl-z" else [])


async def test_noise_dribble_and_glue_spoil_the_looks_of_one_answer(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "noise", "20")
    assert len(await host.ask("", b"\r\nOK\r\n")) > len("OK") + 10
    simulation.fault(0, "dribble", "0.001")
    assert await host.ask("+CSQ") == "+CSQ: 20,99\r\n\r\nOK"
    simulation.fault(0, "glue")
    assert await host.ask("+CSQ", b"OK\r\n+CREG: 1\r\n") == "+CREG: 1\r\n+CSQ: 20,99\r\n\r\nOK\r\n+CREG: 1"
    assert await host.ask("+CSQ") == "+CSQ: 20,99\r\n\r\nOK"


async def test_slow_answers_come_late(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "slow", "0.3", 1)
    host.port.write(b"AT+CSQ\r")
    assert await host.silent(0.05)
    assert "+CSQ: 20,99" in await host.until()


async def test_a_sim_that_wants_its_pin_gets_three_tries(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "pin", "0042")
    assert (await host.lines("+CPIN?"))[0] == "+CPIN: SIM PIN"
    assert (await host.lines("+CREG?"))[0] == "+CREG: 0,0"
    assert await host.ask("+CMGS=20") == "+CMS ERROR: 311"
    assert await host.ask('+CPIN="1111"') == "+CME ERROR: 16"
    assert (await host.lines("+CPINR"))[0] == "+CPINR: SIM PIN,2,3"
    assert await host.ask('+CPIN="0042"') == "OK"
    assert (await host.lines("+CPIN?"))[0] == "+CPIN: READY"
    simulation.fault(0, "pin", "0042")
    for answer in ("+CME ERROR: 16", "+CME ERROR: 16", "+CME ERROR: 12"):
        assert await host.ask('+CPIN="9999"') == answer
    assert (await host.lines("+CPIN?"))[0] == "+CPIN: SIM PUK"


async def test_a_sim_that_is_out_comes_back_when_cleared(simulate: Make) -> None:
    simulation = simulate(1, "sim800")
    host = await ready(simulation)
    simulation.fault(0, "no-sim")
    assert "+CPIN: NOT INSERTED" in await host.until(b"INSERTED\r\n")
    assert await host.ask("+CPIN?") == "+CME ERROR: 10"
    simulation.deliver(0, PHONE, "while it was out")
    simulation.fault(0, "clear")
    assert "+CMTI" in await host.until(b"+CMTI")


async def test_swapped_sims_take_number_and_messages_along(simulate: Make) -> None:
    simulation = simulate(2)
    host = await ready(simulation)
    simulation.deliver(0, PHONE, "stays on the card")
    simulation.fault(0, "sim-swap", "1")
    assert "+8613900000002" in await host.ask("+CNUM", b"145\r\n")
    assert len(simulation.modems[1].card.store.slots) == 1  # type: ignore[union-attr] # it has a card
    simulation.fault(0, "sim-swap")
    assert "+8613900000003" in await host.ask("+CNUM", b'0003",145\r\n')


async def test_denied_shows_as_registration_3(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    await host.ask("+CREG=1")
    simulation.fault(0, "denied", "0.05")
    assert "+CREG: 3" in await host.until(b"+CREG: 3\r\n")
    assert "+CREG: 1" in await host.until(b"+CREG: 1\r\n")


async def test_a_flood_does_not_keep_answers_away(simulate: Make) -> None:
    simulation = simulate(1, "huawei")
    host = await ready(simulation)
    simulation.fault(0, "flood", "2000", 1)
    heard = await host.ask("+CGMM", b"E173")
    assert heard.count("^") >= 3


async def test_a_restart_forgets_settings_and_loses_what_is_on_the_air(simulate: Make) -> None:
    simulation = simulate(1, "wavecom", airtime_s=0.05, reboot_s=0.01)
    host = await ready(simulation)
    simulation.fault(0, "reboot", "@ctrl-z")
    await host.prompt("hello")
    assert "+WIND: 1" in await host.until(b"+WIND: 1\r\n")
    assert (await host.ask("")).startswith("AT\r")
    assert "+CME ERROR: 515" not in await host.ask("+CIMI")  # +CMEE is 0 again
    await host.ask("E0+CMEE=1")
    assert await host.ask("+CIMI") == "+CME ERROR: 515"
    await asyncio.sleep(0.05)
    assert events(simulation, "submit")[0]["answer"] == "lost"


async def test_a_stick_takes_its_port_along_when_it_restarts(simulate: Make) -> None:
    simulation = simulate(1, "ec25", reboot_s=0.01)
    host = await ready(simulation)
    assert await host.ask("+CFUN=1,1") == "OK"
    with pytest.raises(LinkLostError):
        await host.until(b"never")
    while simulation.modems[0].wire is None:
        await asyncio.sleep(0.005)
    assert "RDY" in await Host(simulation.connect(0)).until(b"RDY")


async def test_unplugged_after_ctrl_z_is_accepted_and_lost(simulate: Make) -> None:
    simulation = simulate(1, airtime_s=0.03)
    host = await ready(simulation)
    simulation.on_moment(lambda moment, modem: simulation.unplug(modem) if moment == "ctrl-z" else None)
    await host.prompt("hello")
    with pytest.raises(LinkLostError):
        await host.until(b"never")
    with pytest.raises(LinkLostError):
        host.port.write(b"AT\r")
    await asyncio.sleep(0.05)
    assert [line["answer"] for line in events(simulation, "submit")] == ["lost"]
    simulation.replug(0, "ttyVother")
    again = await simulation.open("/dev/ttyVother")
    assert again.path == "ttyVother"
    with pytest.raises(PortBusyError):
        simulation.connect(0)
    with pytest.raises(LinkLostError):
        await simulation.open("ttyV0")


async def test_a_line_cut_in_the_middle_of_a_pdu_sends_nothing(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.on_moment(lambda moment, _modem: moment == "mid-pdu")
    await host.prompt("hello")
    assert await host.silent()
    host.port.write(b"\x1b")
    assert (await host.until()).strip() == "OK"
    assert simulation.network.log.lines == []


async def test_every_moment_is_told_once_and_in_order(simulate: Make) -> None:
    simulation = simulate()
    told: list[str] = []
    simulation.on_moment(lambda moment, _modem: told.append(moment))
    host = await ready(simulation, cnmi="2,1,0,1,0")
    await host.submit("hello")
    await host.until(b"+CDS")
    simulation.deliver(0, PHONE, "answer")
    assert told == ["prompt", "mid-pdu", "ctrl-z", "result", "report", "inbound"]


@pytest.mark.parametrize("arg", ["x", "500,lost", "500@now", "5@", "after=x"])
def test_what_a_fault_cannot_mean_is_refused(arg: str) -> None:
    if arg == "5@":
        assert parse_fault("cms", arg).phase == "ctrl-z"
        return
    with pytest.raises(ValueError, match=r"know|fire|float"):
        parse_fault("cms", arg)


def test_help_names_every_fault() -> None:
    assert all(f"\n{name}: " in describe() for name in FAULTS)


@pytest.mark.parametrize(("moment", "sent"), [("prompt", 0), ("mid-pdu", 0), ("ctrl-z", 1), ("result", 1)])
async def test_a_port_is_pulled_at_the_moment_that_was_named(simulate: Make, moment: str, sent: int) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.unplug_at(0, moment)
    pdu, length = pdu_of("hello")
    await host.ask(f"+CMGS={length}")
    if moment != "prompt":
        host.port.write(pdu.hex().encode() + b"\x1a")
    with pytest.raises(LinkLostError):  # once what it still said was read
        await host.until(b"never")
    assert len(events(simulation, "submit")) == sent


async def test_wavecom_keeps_receiving_into_the_sim_while_reports_are_read(simulate: Make) -> None:
    simulation = simulate(1, "wavecom")
    host = await ready(simulation)
    assert await host.ask('+CPMS="SR"') == "+CPMS: 0,20,0,50\r\n\r\nOK"
    simulation.deliver(0, PHONE, "hello")
    assert '+CMTI: "SM",1' in await host.until(b"+CMTI")
