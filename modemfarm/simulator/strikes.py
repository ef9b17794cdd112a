"""Faults that act at once: cards that go and come, stores that fill, registration refused, floods of lines."""

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


def strike_now(modem: VirtualModem, fault: Fault, count: int | None) -> None:
    """Do what a fault of phase ``now`` means; `sim-swap` needs more than one modem and is not among them."""
    match fault.name:
        case "hang" | "reboot":
            modem.strike(fault)
        case "store-full":
            _fill(modem, int(fault.value or 0))
        case "pin":
            if (card := modem.remove_card()) is not None:
                card.pin, card.pin_left, card.blocked = fault.digits or "1234", 3, False
                modem.insert_card(card)
        case "no-sim":
            modem.pocket = modem.remove_card() or modem.pocket
            if fault.value:
                modem.network.later(fault.value, lambda: _card_back(modem))
        case "denied":
            modem.denied = True
            modem.registration_changed()
            if fault.value:
                modem.network.later(fault.value, lambda: _allow(modem))
        case "flood":
            _flood(modem, fault.value or 1.0, modem.now + (_FLOOD_FOR_S if count is None else count))
        case "clear":
            modem.faults.clear()
            modem.recover()
            _card_back(modem)
            _allow(modem)


def _card_back(modem: VirtualModem) -> None:
    if modem.pocket is not None and modem.card is None:
        card, modem.pocket = modem.pocket, None
        modem.insert_card(card)


def _allow(modem: VirtualModem) -> None:
    if modem.denied:
        modem.denied = False
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
