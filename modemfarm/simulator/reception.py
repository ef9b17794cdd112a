"""What a virtual modem does with a TPDU from the network: refuse, store, or show at once (TS 27.005 §3.4.1)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from modemfarm.simulator.card import UNREAD, Slot
from modemfarm.simulator.network import Airborne

if TYPE_CHECKING:
    from modemfarm.simulator.virtual import VirtualModem

ACK_WITHIN_S = 15.0  # [L860]; other makers name similar times


class Acks:
    """What was shown directly and wants +CNMA (TS 27.005 §3.4.4), and what happens when none comes."""

    def __init__(self, modem: VirtualModem) -> None:
        self._modem = modem
        self._open: deque[str] = deque()

    @property
    def policy(self) -> str:
        knob = self._modem.knobs.ack
        return self._modem.personality.ack if knob == "family" else "" if knob == "none" else knob

    @property
    def withholds(self) -> bool:
        """Whether the next item has to wait."""
        return bool(self._open) and self.policy == "withhold"

    def shown(self, line: str, *, report: bool) -> None:
        """A +CMT or +CDS went out."""
        modem = self._modem
        always = report and modem.personality.ack_reports_always
        if modem.settings.csms == 0 and not always and modem.knobs.ack in {"family", "none"}:
            return
        self._open.append(line)
        if self.policy in {"repeat", "reset"}:
            modem.later(ACK_WITHIN_S, self._lapsed, line)

    def acknowledge(self) -> bool:
        """+CNMA came; False when nothing waits for it."""
        if not self._open:
            return False
        self._open.popleft()
        self._modem.later(0, self._modem.pump)
        return True

    def forget(self) -> None:
        self._open.clear()

    def _lapsed(self, line: str) -> None:
        modem = self._modem
        if line not in self._open:
            return
        modem.log_fault("no-cnma", "receiving")
        if self.policy == "reset":  # [EHS6]
            modem.settings.cnmi[1] = modem.settings.cnmi[3] = 0
            self._open.clear()
        else:  # the same again [L860]
            modem.urc(line)
            modem.later(ACK_WITHIN_S, self._lapsed, line)


def receiving_memory(modem: VirtualModem) -> str:
    """Where new messages go: the last memory that +CPMS shows."""
    return modem.settings.memories[modem.personality.cpms_memories - 1]


def _report_memory(modem: VirtualModem) -> str:
    return modem.personality.report_memory or receiving_memory(modem)


def _into_inbox(modem: VirtualModem, airborne: Airborne) -> bool:
    """Whether a report is stored and announced like a message."""
    if not airborne.report:
        return False
    unasked = modem.personality.reports_unasked and modem.settings.cnmi[3] == 0
    return unasked or modem.knobs.reports_as == "inbox"


def keeps(modem: VirtualModem, airborne: Airborne) -> bool:
    """Whether it will be shown or stored."""
    return not airborne.report or modem.settings.cnmi[3] != 0 or _into_inbox(modem, airborne)


def can_take(modem: VirtualModem, airborne: Airborne) -> bool:
    """Whether the modem is on the air and has room; a full store is announced as the family does it."""
    if not modem.registered or modem.now < modem.ready_at or modem.stalled:
        return False
    _, mt, _, ds, _ = modem.settings.cnmi
    plain = not airborne.report or _into_inbox(modem, airborne)
    if mt in {2, 3} if plain else ds == 1:
        return not modem.acks.withholds
    if not plain and ds != 2:
        return True
    memory = receiving_memory(modem) if plain else _report_memory(modem)
    store = modem.store(memory)
    if store is None:
        return False
    if store.full:
        if modem.personality.full_line:
            modem.urc(modem.personality.full_line.format(memory=memory))
        modem.stalled = modem.fault_at("receiving", "stall") is not None
    return not store.full


def take(modem: VirtualModem, airborne: Airborne, pdu: bytes, smsc_octets: int) -> None:
    """Store it or show it, and announce it."""
    mode, mt, _, ds, _ = modem.settings.cnmi
    plain = not airborne.report or _into_inbox(modem, airborne)
    length, shown = len(pdu) - smsc_octets, pdu.hex().upper()
    line = ""
    if not plain and ds == 1:
        line = f"+CDS: {',' if modem.personality.cds_comma else ''}{length}\r\n{shown}"
        modem.acks.shown(line, report=True)
    elif not plain and ds == 2:
        memory = _report_memory(modem)
        index = _keep(modem, memory, pdu, smsc_octets)
        line = '+CDSI: "SM",0' if modem.personality.announces_report_wrongly else f'+CDSI: "{memory}",{index}'
    elif plain and mt in {2, 3}:
        line = f"+CMT: {',' if modem.personality.cmt_alpha else ''}{length}\r\n{shown}"
        modem.acks.shown(line, report=False)
    elif plain:
        line = _store_message(modem, pdu, smsc_octets, announced=mt == 1)
    if line and (not modem.faults or modem.fault_at("receiving", "no-cmti") is None):
        modem.speech.indicate(line, mode=mode)


def _store_message(modem: VirtualModem, pdu: bytes, smsc_octets: int, *, announced: bool) -> str:
    memory = receiving_memory(modem)
    index = _keep(modem, memory, pdu, smsc_octets)
    line = f'+CMTI: "{memory}",{index}'
    if modem.faults:
        if modem.fault_at("receiving", "double-inbound") is not None:
            line += f'\r\n\r\n+CMTI: "{memory}",{_keep(modem, memory, pdu, smsc_octets)}'
        if modem.fault_at("receiving", "blank-cmti") is not None:
            line = "+CMTI: ,-1"  # SIM7000G [LilyGo #155]
    return line if announced else ""


def _keep(modem: VirtualModem, memory: str, pdu: bytes, smsc_octets: int) -> int:
    store = modem.store(memory)
    index = store.put(Slot(pdu, smsc_octets, UNREAD)) if store is not None else None
    return 0 if index is None else index
