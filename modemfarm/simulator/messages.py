"""Commands of TS 27.005: memories, indications, listing, reading, deleting, and the prompt of +CMGS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from modemfarm.simulator.answers import ERROR, OK, Answer, Request, cme, cms, ok
from modemfarm.simulator.basics import unknown
from modemfarm.simulator.card import READ, UNREAD, Slot
from modemfarm.simulator.textmode import text_lines

if TYPE_CHECKING:
    from modemfarm.simulator.virtual import VirtualModem

PROMPT = Answer(final="prompt")
SILENT_PROMPT = Answer(final="quiet")
_LONGEST_TPDU = 176  # TS 27.005 §4.3: what one SMS-SUBMIT can have
_TEXT_STATS = {"REC UNREAD": 0, "REC READ": 1, "STO UNSENT": 2, "STO SENT": 3, "ALL": 4}


def sms_trouble(modem: VirtualModem) -> Answer | None:
    """Why message commands cannot be used now, or None (TS 27.005 §3.2.5)."""
    if modem.card is None:
        return cms(310)
    if modem.card.condition != "ready":
        return cms(311 if modem.card.condition == "pin" else 316)
    if modem.now < max(modem.sim_ready_at, modem.ready_at):
        return cme(515) if modem.personality.settle_s else cms(302)
    return None


def _cmgf(modem: VirtualModem, request: Request) -> Answer:
    if request.kind == "test":
        return ok("+CMGF: (0,1)")
    if request.kind == "read":
        return ok(f"+CMGF: {int(modem.settings.text_mode)}")
    if modem.now < modem.ready_at:  # SIM800: fails before "SMS Ready"
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
    wanted = [int(item) if item else settings.cnmi[at] for at, item in enumerate(fields)] + settings.cnmi[len(fields) :]
    if any(value not in allowed for value, allowed in zip(wanted, rules.allowed, strict=True)):
        return cms(303)
    settings.cnmi = wanted
    if wanted[0] != 0:
        modem.speech.flush()
    return OK


def _cnma(modem: VirtualModem, request: Request) -> Answer:
    if not modem.personality.cnma:
        return unknown(modem)
    if request.kind == "test":
        return ok("+CNMA: (0-2)")
    if modem.settings.csms == 0 or modem.unacknowledged == 0:
        return cms(340)
    modem.unacknowledged -= 1
    return OK


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
    if any(modem.store(name) is None or f'"{name}"' not in personality.cpms_offered for name in wanted):
        return cms(302)
    settings.memories = wanted + settings.memories[len(wanted) :]
    modem.pump()
    return ok(f"+CPMS: {','.join(_usage(modem, name) for name in settings.memories[: personality.cpms_memories])}")


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
    for index, slot in sorted(store.slots.items()):
        if stat in {4, slot.stat}:
            lines += _shown(modem, f"+CMGL: {index},", slot, in_list=True)
            slot.stat = READ
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
        return cms(empty) if empty else OK
    lines = _shown(modem, "+CMGR: ", slot, in_list=False)
    slot.stat = READ
    return ok(*lines)


def _shown(modem: VirtualModem, front: str, slot: Slot, *, in_list: bool) -> list[str]:
    if modem.settings.text_mode:
        return text_lines(front, slot, ucs2=modem.settings.cscs == "UCS2", in_list=in_list)
    return [f"{front}{slot.stat},,{len(slot.pdu) - slot.smsc_octets}", slot.pdu.hex().upper()]


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
    if flag == "4":
        store.slots.clear()
    elif flag in {"1", "2", "3"}:
        for index in [index for index, slot in store.slots.items() if slot.stat != UNREAD]:
            del store.slots[index]
    else:
        store.slots.pop(int(fields[0]), None)
    modem.later(0, modem.pump)  # behind the OK
    return OK


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
    fault = modem.fault_at("prompt") if modem.faults else None
    match fault.name if fault is not None else "":
        case "":
            modem.expects = expects
            return PROMPT
        case "no-prompt":
            modem.expects = expects
            return SILENT_PROMPT
    assert fault is not None
    code = int(fault.value or 0)
    if fault.name in {"cms", "cme", "error"}:
        return {"cms": cms(code), "cme": cme(code), "error": ERROR}[fault.name]
    modem.strike(fault)
    return Answer(final="")


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
