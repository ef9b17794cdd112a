"""Faults that happen to a modem: power and port that go, cards that go and come, stores that fill, floods of lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemfarm.simulator.card import UNREAD, Slot
from modemfarm.simulator.faults import Fault
from modemfarm.simulator.reception import receiving_memory
from modemfarm.simulator.tpdus import Body, deliver_tpdu, semi_octets, smsc_address

if TYPE_CHECKING:
    from modemfarm.simulator.virtual import VirtualModem

_FLOOD_TICK_S = 0.02
_FLOOD_FOR_S = 5
_FILLER = "10086"  # whom the old messages of `store-full` are from
_DAY_S = 86400
_AGAIN_S = 1.0  # between two rounds of `flap` and `boot-loop`


def strike(modem: VirtualModem, fault: Fault, count: int | None = None) -> bool:
    """Do what a strike means.

    Args:
        count: of a flood that begins now, its seconds.

    Returns:
        True when the modem does not answer any more.
    """
    match fault.name:
        case "hang":
            _hang(modem, fault.value)
        case "deaf":
            modem.deaf = True
            if fault.value is not None:
                modem.later(fault.value, modem.recover)
        case "reboot":
            modem.restart(fault.value)
        case "brown-out":
            for line in modem.personality.brown_out:
                modem.urc(line)
            modem.restart(None)
        case "boot-loop" | "flap":
            modem.again = (fault.name, int(fault.value or 1) - 1)
            go_again(modem, fault.name)
        case "unplug":
            modem.owner.pull(modem, fault.value)
        case _:
            _strike_card(modem, fault, count)
            return False
    return True


def _strike_card(modem: VirtualModem, fault: Fault, count: int | None) -> None:
    card = modem.card
    match fault.name:
        case "pin" | "puk":
            _lock(modem, fault)
        case "no-sim":
            modem.pocket = modem.remove_card() or modem.pocket
            if fault.value:
                modem.network.later(fault.value, lambda: _card_back(modem))
        case "sim-swap":
            modem.owner.swap(modem, None if fault.value is None else int(fault.value))
        case "sim-busy":
            modem.sim_ready_at = modem.now + (fault.value or 0.0)
        case "no-smsc" if card is not None:
            card.smsc, card.smsc_fixed = "", "fixed" in fault.words
        case "barred" | "no-credit" if card is not None:
            card.refuses = (int(fault.value or 0), fault.name)
            if fault.name == "no-credit":
                card.balance = "0.00"
        case "denied" | "no-network":
            modem.denied = 3 if fault.name == "denied" else 2
            modem.registration_changed()
            if fault.value:
                modem.network.later(fault.value, lambda: _allow(modem))
        case "store-full":
            _fill(modem, int(fault.value or 0))
        case "flood":
            _flood(modem, fault.value or 1.0, modem.now + (_FLOOD_FOR_S if count is None else count))


def clear(modem: VirtualModem) -> None:
    """End every fault; a card that is out comes back."""
    modem.faults.clear()
    modem.again = ("", 0)
    modem.recover()
    for card in (modem.card, modem.pocket):
        if card is not None:
            card.refuses = (0, "")
    _card_back(modem)
    _allow(modem)


def go_again(modem: VirtualModem, name: str) -> None:
    """One round of `boot-loop` or `flap`."""
    if name == "flap":
        modem.owner.pull(modem, _AGAIN_S)
    else:
        modem.restart(None)


def after_start(modem: VirtualModem) -> None:
    """The next round, a while after a start."""
    name, left = modem.again
    if left > 0:
        modem.again = (name, left - 1)
        modem.later(_AGAIN_S, _next_round, modem, name)


def _next_round(modem: VirtualModem, name: str) -> None:
    modem.log_fault(name, "bring-up")
    go_again(modem, name)


def _hang(modem: VirtualModem, for_s: float | None) -> None:
    modem.hung = True
    modem.ear.drop_input()
    if for_s is not None:
        modem.later(for_s, modem.recover)


def _lock(modem: VirtualModem, fault: Fault) -> None:
    card = modem.remove_card()
    if card is None:
        return
    if fault.name == "puk":
        card.pin, card.pin_left, card.blocked = card.pin or "1234", 0, True
    else:
        card.pin, card.pin_left, card.blocked = fault.digits or "1234", fault.tries, False
    modem.insert_card(card)


def _card_back(modem: VirtualModem) -> None:
    if modem.pocket is not None and modem.card is None:
        card, modem.pocket = modem.pocket, None
        modem.insert_card(card)


def _allow(modem: VirtualModem) -> None:
    if modem.denied:
        modem.denied = 0
        modem.registration_changed()


def _fill(modem: VirtualModem, free: int) -> None:
    """Old messages that nobody announced, 8-bit data, each another; each is an inbound line in the log."""
    memory = receiving_memory(modem)
    store, card = modem.store(memory), modem.card
    if store is None or card is None:
        return
    front = smsc_address(card.smsc)
    while store.capacity - len(store.slots) > free:
        octets = semi_octets(f"{modem.rng.randrange(10**10):010d}")
        body = Body(0, 0x04, len(octets), octets, has_header=False)
        pdu = front + deliver_tpdu(_FILLER, body, modem.network.clock() - _DAY_S)
        modem.network.log.write(
            "inbound",
            modem=modem.number,
            iccid=card.iccid,
            pdu=pdu.hex().upper(),
            to=card.number,
            **{"from": _FILLER},
            text=octets.hex().upper(),
            answer="given",
        )
        store.put(Slot(pdu, len(front), UNREAD))
    if modem.personality.full_line and store.full:
        modem.urc(modem.personality.full_line.format(memory=memory))


def _flood(modem: VirtualModem, rate: float, until: float) -> None:
    lines = modem.personality.chatter or ("+CSQ: 20,99",)
    for _ in range(max(1, round(rate * _FLOOD_TICK_S))):
        modem.urc(modem.rng.choice(lines))
    if modem.now < until:
        modem.later(_FLOOD_TICK_S, _flood, modem, rate, until)
