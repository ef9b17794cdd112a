"""Commands that only one family has: looked up in its tables before the common ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemfarm.simulator.answers import ERROR, OK, Answer, Request, cme, ok

if TYPE_CHECKING:
    from modemfarm.simulator.virtual import VirtualModem

RESTART_AFTER_S = 0.1  # the OK gets out first
_FORMS = {"run": "", "read": "?", "test": "=?", "set": "="}
_STATES = {"ready": "READY", "pin": "SIM PIN", "puk": "SIM PUK"}


def cpin_state(modem: VirtualModem) -> str:
    """<code> of +CPIN (TS 27.007 §8.3)."""
    return _STATES[modem.card.condition] if modem.card is not None else "NOT INSERTED"


def answer(modem: VirtualModem, request: Request) -> Answer | None:
    """What this family says to a command of its own; None when it is not one."""
    personality = modem.personality
    if not request.name:
        return None
    form = request.name + _FORMS[request.kind]
    whole = form + request.arguments.upper() if request.kind == "set" else form
    if personality.unlock and whole == personality.unlock:
        modem.unlocked = True
        return OK
    if personality.locked and request.name.startswith(personality.locked) and not modem.unlocked:
        return ERROR
    if whole in personality.restart:
        modem.later(RESTART_AFTER_S, modem.restart)
        return OK
    if whole in personality.power_off:
        modem.later(RESTART_AFTER_S, _power_off, modem, personality.power_off[whole])
        return OK
    if _asks_counter(modem, form, whole):
        return _pin_counter(modem)
    if request.name == personality.iccid_command:
        return _iccid(modem, request)
    if request.name == personality.boot_switch[0]:
        return _switch(modem, request)
    if personality.chatter_off == (request.name, request.arguments):
        modem.settings.silenced = True
    if request.name == "^USSDMODE" and personality.ussd == "packed":
        return _ussd_mode(modem, request)
    return _of_table(modem, request, form, whole)


def _of_table(modem: VirtualModem, request: Request, form: str, whole: str) -> Answer | None:
    table = modem.personality.vendor
    for key in (whole, form):
        if key in table:
            reply = table[key]
            if reply == "ERROR":
                return ERROR
            return ok(*fill(modem, reply).split("\n")) if reply else OK
    if request.kind == "test" and any(key.startswith((f"{request.name}=", f"{request.name}?")) for key in table):
        return OK
    return None


def fill(modem: VirtualModem, text: str) -> str:
    """A template with what the modem measures and knows."""
    if "{" not in text:
        return text
    rssi, knobs, card = modem.knobs.signal, modem.knobs, modem.card
    dbm = -113 + 2 * rssi if rssi <= 31 and modem.registered else -113
    pin, puk = (card.pin_left, card.puk_left) if card is not None else (0, 0)
    rsrp = dbm - 25
    ready = modem.now >= modem.ready_at
    return text.format(
        imei=modem.imei,
        imsi=card.imsi if card is not None else "",
        iccid=card.on_card if card is not None else "",
        pin=pin,
        puk=puk,
        asked=puk if card is not None and card.blocked else pin,
        state=cpin_state(modem),
        rssi=rssi,
        dbm=dbm,
        rsrp=rsrp,
        rsrp10=rsrp * 10,
        hcsq_rssi=dbm + 121,  # RSSI and RSCP -121+v, RSRP -141+v [MM]
        hcsq_rscp=dbm + 118,
        hcsq_rsrp=rsrp + 141,
        cesq=rsrp + 141,  # TS 27.007 §8.69
        cesq_rxlev=dbm + 111,
        cesq_rscp=dbm + 121,
        temp=knobs.temperature,
        temp10=knobs.temperature * 10,
        mv=knobs.millivolts,
        cv=knobs.millivolts // 10,
        volts=f"{knobs.millivolts / 1000:.3f}",
        inistat3=3 if ready else 1,
        inistat7=7 if ready else 1,
    )


def _power_off(modem: VirtualModem, farewell: str) -> None:
    if farewell:
        modem.urc(farewell)
    if modem.personality.drops_port:
        modem.owner.pull(modem, None)
    else:
        modem.power_off()  # a serial bridge keeps its port


def _asks_counter(modem: VirtualModem, form: str, whole: str) -> bool:
    """Whether this reads the PIN counter: bare, of the PIN alone (TS 27.007 §8.65), or in vain."""
    command = modem.personality.pin_counter[0]
    chosen = form == f"{command}=" and (whole == '+CPINR="SIM PIN"' or modem.knobs.pin_counter_reads == 0)
    return form == command or chosen


def _pin_counter(modem: VirtualModem) -> Answer:
    knobs = modem.knobs
    if knobs.pin_counter_reads == 0:
        return Answer(final=modem.personality.unknown_command)
    if modem.card is None:
        return cme(10)
    if knobs.pin_counter_reads > 0:
        knobs.pin_counter_reads -= 1
    return ok(*fill(modem, modem.personality.pin_counter[1]).split("\n"))


def _iccid(modem: VirtualModem, request: Request) -> Answer:
    """Some answer without a prefix, some in quotes."""
    personality = modem.personality
    if modem.knobs.no_iccid:
        return Answer(final=personality.unknown_command)
    if modem.card is None:
        return cme(10)
    if request.kind == "test":
        return OK
    if request.kind != personality.iccid_kind:
        return ERROR
    digits = modem.card.swapped() if modem.knobs.iccid_swapped else modem.card.on_card
    digits = f'"{digits}"' if personality.iccid_quoted else digits
    return ok(f"{personality.iccid_prefix}{digits}")


def _switch(modem: VirtualModem, request: Request) -> Answer:
    """Turns boot lines on; the modem keeps it over restarts (Telit's #QSS)."""
    name = request.name
    if request.kind == "set":
        if not request.arguments.isdigit():
            return ERROR
        modem.boot_switch = int(request.arguments)
        return OK
    if request.kind != "read":
        return OK
    stage = 0 if modem.card is None else 3 if modem.now >= modem.ready_at else 2
    return ok(f"{name}: {modem.boot_switch},{stage}")


def _ussd_mode(modem: VirtualModem, request: Request) -> Answer:
    if request.kind == "set":
        modem.settings.packed_ussd = request.arguments != "0"
        return OK
    return ok(f"^USSDMODE: {int(modem.settings.packed_ussd)}")
