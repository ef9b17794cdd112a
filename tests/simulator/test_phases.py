"""Each fault fires in the phase that was named, once, and the log says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from modemfarm.errors import LinkLostError
from modemfarm.simulator.faults import ERRORS, FAULTS, PHASES, STRIKES
from modemfarm.simulator.simulation import Simulation
from tests.simulator.host import PHONE, Host, events, pdu_of, ready

Make = Callable[..., Simulation]
SPOILT = ("slow", "noise", "dribble", "glue", "no-answer")
CELLS = [(name, phase) for name, kind in FAULTS.items() for phase in kind.phases if phase in PHASES]
STOPS = {"hang", "deaf", "reboot", "brown-out", "boot-loop", "unplug", "flap"}


def fired(simulation: Simulation) -> list[tuple[str, str]]:
    return [(str(line["name"]), str(line["phase"])) for line in events(simulation, "fault")]


def argument(name: str) -> str:
    return {"hang": "2", "deaf": "2", "unplug": "1", "boot-loop": "1", "flap": "1", "slow": "0.2"}.get(name, "")


async def live_through(simulation: Simulation, host: Host) -> None:
    """One life of a modem, with a host that loses patience: bring-up, sending, receiving, idleness."""
    for command in ("", "E0", "+CMEE=1", '+CPIN="4711"', "+CPMS?", "+CNMI=2,1,0,1,0"):
        host.port.write(f"AT{command}\r".encode())
        await asyncio.sleep(1.0)
    pdu, length = pdu_of("hello")
    host.port.write(f"AT+CMGS={length}\r".encode())
    await asyncio.sleep(1.0)
    host.port.write(pdu.hex().encode() + b"\x1a")
    await asyncio.sleep(1.0)
    simulation.deliver(0, PHONE, "hi")
    for command in ("+CMGL=4", "+CMGD=1", "+CSQ"):
        host.port.write(f"AT{command}\r".encode())
        await asyncio.sleep(1.0)


@pytest.mark.parametrize(("name", "phase"), CELLS, ids=[f"{name}@{phase}" for name, phase in CELLS])
async def test_a_fault_fires_in_its_phase(simulate: Make, name: str, phase: str) -> None:
    simulation = simulate(1, "generic", reboot_s=0.5)
    if name == "stall":
        simulation.fault(0, "store-full")
    if name == "hasty-pin":
        simulation.fault(0, "pin", "4711")
    simulation.replug(0)
    simulation.fault(0, name, f"{argument(name)}@{phase}", 1)
    host = Host(simulation.connect(0))
    try:
        await live_through(simulation, host)
    except LinkLostError:
        assert name in {"unplug", "flap"}
    assert (name, phase) in fired(simulation)
    assert not any(item.name == name for item in simulation.modems[0].faults)


async def test_a_fault_can_let_occasions_pass(simulate: Make) -> None:
    simulation = simulate()
    simulation.replug(0)
    simulation.fault(0, "cme", "14@bring-up+2")
    host = Host(simulation.connect(0))
    await host.ask("E0+CMEE=1", b"OK\r\n")
    assert "OK" in await host.ask("+CPIN?")
    assert await host.ask("+CPIN?") == "+CME ERROR: 14"
    assert fired(simulation) == [("cme", "bring-up")]


@pytest.mark.parametrize("name", sorted(STOPS))
async def test_a_modem_that_stops_after_ctrl_z_loses_its_result(simulate: Make, name: str) -> None:
    simulation = simulate(1, "generic", airtime_s=0.1, reboot_s=0.5)
    host = await ready(simulation)
    simulation.fault(0, name, f"{argument(name)}@ctrl-z")
    await host.prompt("hello")
    await asyncio.sleep(10)
    if name == "brown-out":
        assert not events(simulation, "submit")
        assert [line["name"] for line in events(simulation, "refuse")] == ["brown-out"]
    else:
        assert [line["answer"] for line in events(simulation, "submit")] == ["lost"]
    assert simulation.modems[0].powered
    assert not simulation.modems[0].hung


@pytest.mark.parametrize("name", sorted(STOPS))
@pytest.mark.parametrize("phase", ["bring-up", "prompt", "idle", "receiving"])
async def test_a_modem_that_stopped_works_again(simulate: Make, name: str, phase: str) -> None:
    simulation = simulate(1, "generic", reboot_s=0.5)
    simulation.replug(0)
    simulation.fault(0, name, f"{argument(name)}@{phase}")
    with contextlib.suppress(LinkLostError):
        await live_through(simulation, Host(simulation.connect(0)))
    await asyncio.sleep(10)
    modem = simulation.modems[0]
    if modem.wire.port is not None:  # type: ignore[union-attr] # it is plugged in
        modem.wire.port.abort()  # type: ignore[union-attr]
    host = Host(simulation.connect(0))
    host.port.write(b"\x1b\r")
    await host.hush()
    assert "OK" in await host.ask("E0", b"OK\r\n")
    assert (name, phase) in fired(simulation)


@pytest.mark.parametrize(
    ("word", "final"), [("na", "NA"), ("modem", "MODEM ERROR: 4"), ("unsupported", "COMMAND NOT SUPPORT")]
)
async def test_an_error_may_have_a_vendor_s_words(simulate: Make, word: str, final: str) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "error", f"{word}@idle")
    assert (await host.ask("+CSQ", final.encode())).strip() == final


async def test_a_deaf_modem_goes_on_talking_and_a_reset_cures_it(simulate: Make) -> None:
    simulation = simulate(1, reboot_s=0.1)
    host = await ready(simulation)
    simulation.fault(0, "deaf")
    for _ in range(3):
        host.port.write(b"AT\r")
    assert await host.silent(5)
    simulation.deliver(0, PHONE, "hi")
    await host.until(b"+CMTI: ")
    host.port.write(b"AT+CFUN=1,1\r")
    await asyncio.sleep(1)
    await host.hush()
    assert "OK" in await host.ask("")


async def test_a_modem_that_sends_nothing_answers_all_else_until_a_reset(simulate: Make) -> None:
    simulation = simulate(1, reboot_s=0.1)
    host = await ready(simulation)
    simulation.fault(0, "no-send")
    for _ in range(3):
        await host.prompt("hello")
        assert await host.silent(200)
        assert await host.ask("") == "OK"
    assert fired(simulation) == [("no-send", "ctrl-z")] * 3
    assert len(events(simulation, "refuse")) == 3
    await host.ask("+CFUN=1,1")
    await asyncio.sleep(1)
    await host.hush()
    await host.ask("E0")
    assert "+CMGS: " in await host.submit("hello")


async def test_no_send_with_a_number_says_that_error(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "no-send", "500,stays", 2)
    assert [await host.submit("hello") for _ in range(2)] == ["+CMS ERROR: 500"] * 2
    assert "+CMGS: " in await host.submit("hello")


async def test_a_port_that_flaps_comes_back_under_new_names(simulate: Make) -> None:
    simulation = simulate()
    simulation.turn(0, "new-name", "1")
    simulation.fault(0, "flap", "3")
    names = set()
    for _ in range(100):
        await asyncio.sleep(0.1)
        names.add(simulation.path(0))
    assert names == {"ttyV0", "ttyV0r1", "ttyV0r2", "ttyV0r3"}
    assert len(fired(simulation)) == 3
    assert simulation.modems[0].powered


async def test_a_boot_loop_repeats_the_boot_lines(simulate: Make) -> None:
    simulation = simulate(1, "sim800", reboot_s=0.1)
    host = Host(simulation.connect(0))
    simulation.fault(0, "boot-loop", "4")
    assert (await host.hush(5)).count("RDY") == 4
    assert fired(simulation) == [("boot-loop", "now"), *[("boot-loop", "bring-up")] * 3]


async def test_a_brown_out_is_announced_by_sim800(simulate: Make) -> None:
    simulation = simulate(1, "sim800", reboot_s=0.1)
    host = await ready(simulation)
    simulation.fault(0, "brown-out", "@ctrl-z")
    await host.prompt("hello")
    heard = await host.hush(5)
    assert heard.index("UNDER-VOLTAGE") < heard.index("RDY")


async def test_a_slot_that_cannot_be_emptied_stays(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.deliver(0, PHONE, "one")
    simulation.deliver(0, PHONE, "two")
    await host.hush()
    simulation.fault(0, "undeletable", "2")
    assert await host.ask("+CMGD=1") == "OK"
    assert await host.ask("+CMGD=2") == "OK"
    assert await host.ask("+CMGD=1,4") == "OK"
    assert (await host.ask("+CMGL=4")).count("+CMGL: 2,") == 1
    simulation.fault(0, "clear")
    simulation.fault(0, "undeletable", "refused")
    assert await host.ask("+CMGD=2") == "+CMS ERROR: 500"
    assert ("undeletable", "receiving") in fired(simulation)


async def test_listings_come_double_or_cut(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    for text in ("one", "two"):
        simulation.deliver(0, PHONE, text)
    await host.hush()
    simulation.fault(0, "double-list", "", 1)
    assert (await host.ask("+CMGL=4")).count("+CMGL: ") == 4
    simulation.fault(0, "cut-list", "1", 1)
    assert (await host.ask("+CMGL=4")).count("+CMGL: ") == 1
    assert (await host.ask("+CMGL=4")).count("+CMGL: ") == 2


async def test_a_message_comes_twice_without_place_or_silently(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "double-inbound")
    simulation.deliver(0, PHONE, "one")
    assert (await host.hush()).count("+CMTI: ") == 2
    simulation.fault(0, "blank-cmti")
    simulation.deliver(0, PHONE, "two")
    assert "+CMTI: ,-1\r\n" in await host.hush()
    simulation.fault(0, "no-cmti")
    simulation.deliver(0, PHONE, "three")
    assert await host.silent()
    assert (await host.ask("+CMGL=4")).count("+CMGL: ") == 4
    assert len(events(simulation, "inbound")) == 3


async def test_reception_stalls_once_the_store_was_full(simulate: Make) -> None:
    simulation = simulate(1, reboot_s=0.1)
    host = await ready(simulation)
    simulation.fault(0, "store-full")
    simulation.fault(0, "stall")
    simulation.deliver(0, PHONE, "waits")
    await host.hush()
    await host.ask("+CMGD=1,4")
    assert await host.silent(60)
    simulation.fault(0, "reboot")
    await asyncio.sleep(1)
    await host.hush()
    assert "+CMGL: 1" in await host.ask("E0+CMGL=4", b"OK\r\n")


async def test_pin_with_one_try_left_blocks_at_a_wrong_one(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "pin", "0042,left=1")
    assert (await host.lines("+CPINR"))[0] == "+CPINR: SIM PIN,1,3"
    assert await host.ask('+CPIN="1111"') == "+CME ERROR: 12"
    assert (await host.lines("+CPIN?"))[0] == "+CPIN: SIM PUK"
    assert await host.ask('+CPIN="12345678","0042"') == "OK"
    assert [(line["name"], line["code"]) for line in events(simulation, "pin")] == [("wrong", 10), ("right", 3)]


async def test_a_puk_is_wanted_and_the_counter_cannot_be_read(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "puk")
    assert (await host.lines("+CPIN?"))[0] == "+CPIN: SIM PUK"
    assert await host.ask("+CMGS=20") == "+CMS ERROR: 316"
    simulation.turn(0, "pin-counter", "1")
    assert "+CPINR: " in await host.ask("+CPINR")
    assert await host.ask("+CPINR") == "ERROR"


async def test_what_a_sim_may_not_send_is_refused_by_the_network(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "barred", "8")
    assert await host.submit("hello") == "+CMS ERROR: 8"
    simulation.fault(0, "clear")
    simulation.fault(0, "no-credit")
    assert await host.submit("hello") == "+CMS ERROR: 50"
    assert "+CMGS: " in await host.submit("YE", to="10086")
    await host.ask('+CUSD=1,"*100#",15')
    assert "Balance 0.00 CNY" in await host.hush(1)
    simulation.turn(0, "balance", "5")
    assert "+CMGS: " in await host.submit("hello")
    assert [name for name, phase in fired(simulation) if phase == "ctrl-z"] == ["barred", "no-credit"]
    assert [line["code"] for line in events(simulation, "refuse")] == [8, 50]


async def test_registration_may_be_missing_roaming_or_without_a_service_centre(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    await host.ask("+CREG=1")
    simulation.fault(0, "no-network", "1")
    assert "+CREG: 2" in await host.hush()
    assert await host.submit("hello") == "+CMS ERROR: 331"
    assert "+CREG: 1" in await host.hush(2)
    simulation.turn(0, "roaming", "1")
    assert "+CREG: 5" in await host.hush()
    simulation.fault(0, "no-smsc")
    assert (await host.lines("+CSCA?"))[0] == '+CSCA: "",129'
    assert await host.submit("hello") == "+CMS ERROR: 330"
    await host.ask('+CSCA="+8613800100500",145')
    assert "+CMGS: " in await host.submit("hello")


async def test_a_busy_sim_says_so_for_a_while(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "sim-busy", "3")
    assert await host.ask("+CPIN?") == "+CME ERROR: 14"
    await asyncio.sleep(3)
    assert "READY" in await host.ask("+CPIN?")


def test_every_fault_has_a_phase_that_is_known() -> None:
    known = {"now", "command", *PHASES}
    assert all(set(kind.phases) <= known for kind in FAULTS.values())
    assert {*STRIKES, *ERRORS, *SPOILT} <= set(FAULTS)


async def test_ok_with_the_prompt_means_that_nothing_is_taken(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.fault(0, "early-ok")
    pdu, length = pdu_of("hello")
    host.port.write(f"AT+CMGS={length}\r".encode())
    assert await host.hush() == "\r\n> \r\nOK\r\n"
    host.port.write(pdu.hex().encode() + b"\x1a")
    assert await host.silent(60)
    assert await host.ask("") == "OK"
    assert not events(simulation, "submit")


async def test_one_part_takes_the_others_along(simulate: Make) -> None:
    simulation = simulate()
    host = await ready(simulation)
    simulation.deliver(0, PHONE, "你好" * 60)
    simulation.deliver(0, PHONE, "short")
    await host.hush()
    simulation.fault(0, "sibling-delete")
    assert await host.ask("+CMGD=1") == "OK"
    assert (await host.ask("+CMGL=4")).count("+CMGL: ") == 1


async def test_a_sim_put_in_under_power_may_need_a_radio_cycle(simulate: Make) -> None:
    simulation = simulate()
    simulation.turn(0, "sim-insert", "cfun")
    host = await ready(simulation)
    simulation.fault(0, "sim-swap")
    assert await host.ask("+CPIN?") == "+CME ERROR: 10"
    await host.ask("+CFUN=0")
    await host.ask("+CFUN=1")
    assert "460000000000002" in await host.ask("+CIMI")


async def test_two_modems_may_have_one_imei_and_nibbles_may_be_swapped(simulate: Make) -> None:
    simulation = simulate(2, "ec25")
    simulation.turn(1, "imei", "860000000000000")
    simulation.turn(1, "iccid-swapped", "1")
    host = await ready(simulation, 1)
    assert (await host.lines("+CGSN"))[0] == "860000000000000"
    assert (await host.lines("+QCCID"))[0] == "+QCCID: " + simulation.modems[1].card.swapped()  # type: ignore[union-attr]
