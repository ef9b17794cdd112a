"""What a virtual modem does with a TPDU from the network: refuse, store, or show at once (TS 27.005 §3.4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemfarm.simulator.card import UNREAD, Slot
from modemfarm.simulator.network import Airborne

if TYPE_CHECKING:
    from modemfarm.simulator.virtual import VirtualModem


def receiving_memory(modem: VirtualModem) -> str:
    """Where new messages go: the last memory that +CPMS shows."""
    return modem.settings.memories[modem.personality.cpms_memories - 1]


def _report_memory(modem: VirtualModem) -> str:
    return modem.personality.report_memory or receiving_memory(modem)


def can_take(modem: VirtualModem, airborne: Airborne) -> bool:
    """Whether the modem is on the air and has room; a full store is announced as the family does it."""
    if not modem.registered or modem.now < modem.ready_at:
        return False
    _, mt, _, ds, _ = modem.settings.cnmi
    if ds != 2 if airborne.report else mt in {2, 3}:
        return True
    memory = _report_memory(modem) if airborne.report else receiving_memory(modem)
    store = modem.store(memory)
    if store is None:
        return False
    if store.full and modem.personality.full_line:
        modem.urc(modem.personality.full_line.format(memory=memory))
    return not store.full


def take(modem: VirtualModem, airborne: Airborne, pdu: bytes, smsc_octets: int) -> None:
    """Store it or show it, and announce it."""
    mode, mt, _, ds, _ = modem.settings.cnmi
    shown = f"{len(pdu) - smsc_octets}\r\n{pdu.hex().upper()}"
    line = ""
    if airborne.report and ds == 1:
        modem.unacknowledged += 1
        line = f"+CDS: {shown}"
    elif airborne.report and ds == 2:
        memory = _report_memory(modem)
        index = _keep(modem, memory, pdu, smsc_octets)
        line = '+CDSI: "SM",0' if modem.personality.announces_report_wrongly else f'+CDSI: "{memory}",{index}'
    elif not airborne.report and mt in {2, 3}:
        modem.unacknowledged += 1
        line = f"+CMT: ,{shown}"
    elif not airborne.report:
        memory = receiving_memory(modem)
        index = _keep(modem, memory, pdu, smsc_octets)
        line = f'+CMTI: "{memory}",{index}' if mt == 1 else ""
    if line:
        modem.speech.indicate(line, mode=mode)


def _keep(modem: VirtualModem, memory: str, pdu: bytes, smsc_octets: int) -> int:
    store = modem.store(memory)
    index = store.put(Slot(pdu, smsc_octets, UNREAD)) if store is not None else None
    return 0 if index is None else index
