"""Commands of TS 27.005: memories, indications, listing, reading, deleting, and the prompt of +CMGS."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from modemfarm.errors import PduDecodeError
from modemfarm.gsm.tpdu import SmsDeliver, decode_pdu
from modemfarm.simulator.answers import ERROR, OK, Answer, Request, cms, ok
from modemfarm.simulator.basics import unknown
from modemfarm.simulator.card import READ, UNREAD, Slot, Store
from modemfarm.simulator.faults import ERRORS, error_of
from modemfarm.simulator.textmode import text_lines

if TYPE_CHECKING:
    from modemfarm.simulator.virtual import VirtualModem

PROMPT = Answer(final="prompt")
SILENT_PROMPT = Answer(final="quiet")
EARLY_OK = Answer(final="early-ok")  # MC7455 while NMEA runs [Sierra forum 10538]
_LONGEST_TPDU = 176  # TS 27.005 §4.3: what one SMS-SUBMIT can have
_TEXT_STATS = {"REC UNREAD": 0, "REC READ": 1, "STO UNSENT": 2, "STO SENT": 3, "ALL": 4}


def sms_trouble(modem: VirtualModem) -> Answer | None:
    """Why message commands cannot be used now, or None (TS 27.005 §3.2.5)."""
    if modem.card is None:
        return cms(310)
    if modem.card.condition != "ready":
        return cms(311 if modem.card.condition == "pin" else 316)
    if modem.now < max(modem.sim_ready_at, modem.ready_at):
        kind, code = modem.personality.sms_busy
        return Answer(final=kind, code=code)
    return None


def _cmgf(modem: VirtualModem, request: Request) -> Answer:
    if request.kind == "test":
        return ok("+CMGF: (0,1)")
    if request.kind == "read":
        return ok(f"+CMGF: {int(modem.settings.text_mode)}")
    if modem.now < modem.ready_at:  # SIM800, A9: fails before the modem is ready
        return ERROR
    if request.arguments not in {"0", "1"}:
        return cms(303)
    modem.settings.text_mode = request.arguments == "1"
    return OK


def _csms(modem: VirtualModem, request: Request) -> Answer:
    if request.kind == "test":
        return ok(f"+CSMS: ({','.join(map(str, sorted(modem.personality.csms)))})")
    if request.kind == "read":
        return ok(f"+CSMS: {modem.settings.csms},1,1,1")
    if not request.arguments.isdigit() or int(request.arguments) not in modem.personality.csms:
        return cms(303)
    modem.settings.csms = int(request.arguments)
    return ok("+CSMS: 1,1,1")


def _cmms(modem: VirtualModem, request: Request) -> Answer:
    """Keeps the link up between messages; level 1 falls back once the link was idle too long (§3.5.6)."""
    settings = modem.settings
    if settings.cmms == 1 and 0 < modem.link_until < modem.now:
        settings.cmms = 0
    if request.kind == "test":
        return ok(f"+CMMS: ({','.join(map(str, sorted(modem.personality.cmms)))})")
    if request.kind == "read":
        return ok(f"+CMMS: {settings.cmms}")
    if not request.arguments.isdigit() or int(request.arguments) not in modem.personality.cmms:
        return cms(modem.personality.cmms_refusal)
    settings.cmms = int(request.arguments)
    return OK


def _cnmi(modem: VirtualModem, request: Request) -> Answer:
    rules, settings = modem.personality.cnmi, modem.settings
    if request.kind == "test":
        return ok(f"+CNMI: {rules.offered}")
    if request.kind == "read":
        return ok(f"+CNMI: {','.join(map(str, settings.cnmi))}")
    fields = request.fields()
    if len(fields) > 5 or any(item and not item.isdigit() for item in fields):
        return cms(303)
    kept = [0] * 5 if rules.omitted_is_zero else settings.cnmi
    wanted = [int(item) if item else kept[at] for at, item in enumerate(fields)] + kept[len(fields) :]
    if any(value not in allowed for value, allowed in zip(wanted, rules.allowed, strict=True)):
        return cms(303)
    if rules.phase2_only and settings.csms == 0 and (wanted[1] >= 2 or wanted[3] == 1):
        return cms(303)
    settings.cnmi = wanted
    modem.brought_up = True
    if wanted[0] != 0:
        modem.speech.flush()
    return OK


def _cnma(modem: VirtualModem, request: Request) -> Answer:
    """Acknowledges what was shown directly (§3.4.4)."""
    forms = modem.personality.cnma
    if not forms:
        return unknown(modem)
    if request.kind == "test":
        return ok("+CNMA: (0-2)")
    form = "bare" if request.kind == "run" else "pdu" if "," in request.arguments else request.arguments
    if form not in forms:
        return ERROR
    return OK if modem.acks.acknowledge() else cms(340)


def _cpms(modem: VirtualModem, request: Request) -> Answer:
    personality, settings = modem.personality, modem.settings
    if request.kind == "test":
        return ok(f"+CPMS: {personality.cpms_offered}")
    trouble = sms_trouble(modem)
    if trouble is not None:
        return trouble
    memories = settings.memories[: personality.cpms_memories]
    if request.kind == "read":
        shown = [f'"{name}",{_usage(modem, name)}' for name in memories]
        return ok(f"+CPMS: {','.join(shown)}")
    wanted = [item.upper() for item in request.fields()]
    if len(wanted) not in personality.cpms_arguments:
        return cms(302)
    offered = offered_memories(personality.cpms_offered)
    if any(modem.store(name) is None or name not in offered[at] for at, name in enumerate(wanted)):
        return cms(302)
    settings.memories = wanted + settings.memories[len(wanted) :]
    modem.pump()
    return ok(f"+CPMS: {','.join(_usage(modem, name) for name in settings.memories[: personality.cpms_memories])}")


def offered_memories(text: str) -> list[list[str]]:
    """The names in each pair of brackets; a malformed list still has them in order."""
    return [re.findall(r'"(\w+)"', group) for group in text.split("),")]


def _usage(modem: VirtualModem, memory: str) -> str:
    store = modem.store(memory)
    return "0,0" if store is None else f"{len(store.slots)},{store.capacity}"


def _cmgl(modem: VirtualModem, request: Request) -> Answer:
    if request.kind == "test":
        return ok("+CMGL: (0-4)")
    trouble = sms_trouble(modem)
    store = modem.store(modem.settings.memories[0])
    if trouble is not None or store is None:
        return trouble or cms(302)
    wanted = request.arguments.strip('"').upper() or ("REC UNREAD" if modem.settings.text_mode else "0")
    stat = _TEXT_STATS.get(wanted, int(wanted) if wanted.isdigit() else -1)
    if not 0 <= stat <= 4:
        return cms(305 if modem.settings.text_mode else 304)
    lines: list[str] = []
    shown = [(index, slot) for index, slot in sorted(store.slots.items()) if stat in {4, slot.stat}]
    if shown and (fault := modem.fault_at("receiving", "cut-list")) is not None:
        shown = shown[: int(fault.value or 0)]
    for index, slot in shown:
        lines += _shown(modem, f"+CMGL: {index},", slot, in_list=True)
        slot.stat = READ
    if shown and modem.fault_at("receiving", "double-list") is not None:
        lines *= 2
    return ok(*lines)


def _cmgr(modem: VirtualModem, request: Request) -> Answer:
    if request.kind == "test":
        return OK
    trouble = sms_trouble(modem)
    store = modem.store(modem.settings.memories[0])
    if trouble is not None or store is None:
        return trouble or cms(302)
    field = request.fields()[0]
    if not field.isdigit() or not store.holds(int(field)):
        return cms(321)
    slot = store.slots.get(int(field))
    if slot is None:
        empty = modem.personality.empty_slot
        return ok("+CMGR: 0,,0") if empty < 0 else cms(empty) if empty else OK
    lines = _shown(modem, "+CMGR: ", slot, in_list=False)
    slot.stat = READ
    return ok(*lines)


def _shown(modem: VirtualModem, front: str, slot: Slot, *, in_list: bool) -> list[str]:
    if modem.settings.text_mode:
        return text_lines(front, slot, ucs2=modem.settings.cscs == "UCS2", in_list=in_list)
    stat = slot.stat if in_list or modem.personality.shows_stat else ""
    return [f"{front}{stat},,{len(slot.pdu) - slot.smsc_octets}", slot.pdu.hex().upper()]


def _cmgd(modem: VirtualModem, request: Request) -> Answer:
    """Deletes one slot, or with a second argument the read ones (1–3) or all (4) (§3.5.4)."""
    trouble = sms_trouble(modem)
    store = modem.store(modem.settings.memories[0])
    if trouble is not None or store is None:
        return trouble or cms(302)
    if request.kind == "test":
        return ok(f"+CMGD: ({','.join(map(str, sorted(store.slots)))}),(0-4)")
    fields = request.fields()
    if not fields[0].isdigit() or not store.holds(int(fields[0])):
        return cms(321)
    flag = fields[1] if len(fields) > 1 else "0"
    stuck = modem.troubles.keeps_slot(store, int(fields[0]) if flag == "0" else None)
    if stuck is not None:
        return stuck
    if flag == "4":
        store.slots.clear()
    elif flag in {"1", "2", "3"}:
        for index in [index for index, slot in store.slots.items() if slot.stat != UNREAD]:
            del store.slots[index]
    else:
        gone = store.slots.pop(int(fields[0]), None)
        if gone is not None and modem.fault_at("receiving", "sibling-delete") is not None:
            _delete_siblings(store, gone)
    modem.later(0, modem.pump)  # behind the OK
    return OK


def _delete_siblings(store: Store, part: Slot) -> None:
    """SIM600 deletes all parts of a long message with one of them."""
    whole = _long_message(part)
    for index in [index for index, slot in store.slots.items() if whole is not None and _long_message(slot) == whole]:
        del store.slots[index]


def _long_message(slot: Slot) -> tuple[str, int, int] | None:
    try:
        tpdu = decode_pdu(slot.pdu).tpdu
    except PduDecodeError:
        return None
    if not isinstance(tpdu, SmsDeliver) or tpdu.concat is None:
        return None
    return tpdu.originator, tpdu.concat.ref, tpdu.concat.total


def _cmgs(modem: VirtualModem, request: Request) -> Answer:
    """Opens the prompt (§3.5.1, §4.3); faults of the phase ``prompt`` come instead of it."""
    if request.kind == "test":
        return OK
    trouble = sms_trouble(modem)
    if trouble is not None:
        return trouble
    first = request.fields()[0]
    expects: tuple[str, int, str]
    if modem.settings.text_mode:
        if not first:
            return cms(305)
        expects = ("text", 0, first)
    elif first.isdigit() and 1 <= int(first) <= _LONGEST_TPDU:
        expects = ("pdu", int(first), "")
    else:
        return cms(304)
    modem.brought_up = True
    if modem.troubles.strike("prompt"):
        return Answer(final="")
    if (fault := modem.fault_at("prompt", *ERRORS, "no-prompt", "early-ok")) is not None:
        if fault.name in ERRORS:
            return error_of(fault)
        if fault.name == "early-ok":
            return EARLY_OK
        modem.expects = expects
        return SILENT_PROMPT
    modem.expects = expects
    return PROMPT


def _taken(_modem: VirtualModem, request: Request) -> Answer:
    return {"+CSMP": ok("+CSMP: 17,167,0,0"), "+CSDH": ok("+CSDH: 0")}[request.name] if request.kind == "read" else OK


HANDLERS: Mapping[str, Callable[[VirtualModem, Request], Answer]] = {
    "+CMGF": _cmgf,
    "+CSMS": _csms,
    "+CMMS": _cmms,
    "+CNMI": _cnmi,
    "+CNMA": _cnma,
    "+CPMS": _cpms,
    "+CMGL": _cmgl,
    "+CMGR": _cmgr,
    "+CMGD": _cmgd,
    "+CMGS": _cmgs,
    **dict.fromkeys(("+CSMP", "+CSDH"), _taken),
}
