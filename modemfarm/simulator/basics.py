"""Commands about the modem and its card: echo, identity, restart, SIM, PIN, ICCID."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from modemfarm.simulator.answers import ERROR, OK, Answer, Request, cme, ok

if TYPE_CHECKING:
    from modemfarm.simulator.virtual import VirtualModem

Handler = Callable[["VirtualModem", Request], Answer]
RESTART_AFTER_S = 0.1  # the OK gets out first


def unknown(modem: VirtualModem) -> Answer:
    """What this family says to a command that it does not have."""
    return Answer(final=modem.personality.unknown_command)


def shown(modem: VirtualModem, text: str) -> str:
    """A string as +CSCS wants it (TS 27.007 §5.5)."""
    return text.encode("utf-16-be").hex().upper() if modem.settings.cscs == "UCS2" else text


def sim_trouble(modem: VirtualModem) -> Answer | None:
    """Why the card cannot be used now, or None (TS 27.007 §9.2.1)."""
    if modem.card is None:
        return cme(10)
    if modem.now < modem.sim_ready_at:
        return cme(515 if modem.personality.settle_s else 14)
    if modem.card.condition != "ready":
        return cme(11 if modem.card.condition == "pin" else 12)
    return None


def _nothing(_modem: VirtualModem, _request: Request) -> Answer:
    return OK


def _echo(modem: VirtualModem, request: Request) -> Answer:
    modem.settings.echo = request.arguments == "1"
    return OK


def _verbose(modem: VirtualModem, request: Request) -> Answer:
    modem.settings.verbose = request.arguments != "0"
    return OK


def _reset(modem: VirtualModem, _request: Request) -> Answer:
    modem.reset_settings()
    return OK


def _information(modem: VirtualModem, _request: Request) -> Answer:
    return ok(*(line.format(imei=modem.imei) for line in modem.personality.information))


def _identity(field: str) -> Handler:
    def answer(modem: VirtualModem, request: Request) -> Answer:
        return OK if request.kind == "test" else ok(str(getattr(modem.personality, field)))

    return answer


def _imei(modem: VirtualModem, request: Request) -> Answer:
    return OK if request.kind == "test" else ok(modem.imei)


def _cmee(modem: VirtualModem, request: Request) -> Answer:
    if request.kind == "read":
        return ok(f"+CMEE: {modem.settings.cmee}")
    if request.kind == "test":
        return ok("+CMEE: (0-2)")
    if request.arguments not in {"0", "1", "2"}:
        return ERROR
    modem.settings.cmee = int(request.arguments)
    return OK


def _cfun(modem: VirtualModem, request: Request) -> Answer:
    if request.kind == "read":
        return ok(f"+CFUN: {modem.settings.cfun}")
    if request.kind == "test":
        return ok("+CFUN: (0,1,4),(0,1)")
    if request.arguments in modem.personality.restart:
        modem.later(RESTART_AFTER_S, modem.restart)
        return OK
    if request.fields()[0] not in {"0", "1", "4"}:
        return cme(4)
    modem.settings.cfun = int(request.fields()[0])
    modem.registration_changed()
    return OK


def _restart(family: str) -> Handler:
    def answer(modem: VirtualModem, _request: Request) -> Answer:
        if modem.personality.name != family:
            return unknown(modem)
        modem.later(RESTART_AFTER_S, modem.restart)
        return OK

    return answer


def _cpin(modem: VirtualModem, request: Request) -> Answer:
    card = modem.card
    if card is None or modem.now < modem.sim_ready_at:
        return sim_trouble(modem) or OK
    if request.kind == "test":
        return OK
    if request.kind == "read":
        state = {"ready": "READY", "pin": "SIM PIN", "puk": "SIM PUK"}[card.condition]
        return Answer((f"+CPIN: {state}",), "OK" if modem.personality.cpin_says_ok else "")
    if card.condition != "pin":
        return cme(3 if card.condition == "ready" else 12)
    if request.fields()[0] == card.pin:
        card.locked, card.pin_left = False, 3
        modem.later(0.2, modem.sim_came_back)
        return OK
    card.pin_left -= 1
    card.blocked = card.pin_left <= 0
    return cme(12 if card.blocked else 16)


def _pin_counter(modem: VirtualModem, request: Request) -> Answer:
    command, reply = modem.personality.pin_counter
    if request.name != command:
        return unknown(modem)
    if modem.card is None:
        return cme(10)
    state = {"ready": "READY", "pin": "SIM PIN", "puk": "SIM PUK"}[modem.card.condition]
    return ok(*reply.format(pin=modem.card.pin_left, state=state).split("\n"))


def _imsi(modem: VirtualModem, request: Request) -> Answer:
    trouble = sim_trouble(modem)
    if trouble is not None or request.kind == "test" or modem.card is None:
        return trouble or OK
    return ok(modem.card.imsi)


def _iccid(modem: VirtualModem, request: Request) -> Answer:
    """The vendor's own command; some answer without a prefix (TG)."""
    personality = modem.personality
    if request.name != personality.iccid_command or modem.knobs.no_iccid:
        return unknown(modem)
    if modem.card is None:
        return cme(10)
    if request.kind == "test":
        return OK
    if request.kind != personality.iccid_kind:
        return ERROR
    quoted = f'"{modem.card.on_card}"' if personality.name == "wavecom" else modem.card.on_card
    return ok(f"{personality.iccid_prefix}{quoted}")


def _crsm(modem: VirtualModem, request: Request) -> Answer:
    """READ BINARY of EF-ICCID only (TS 27.007 §8.18; TS 11.11 §10.1.1)."""
    if not modem.personality.crsm or modem.knobs.no_iccid:
        return unknown(modem)
    if modem.card is None:
        return cme(10)
    if request.kind != "set" or request.fields()[:2] != ["176", "12258"]:
        return ok("+CRSM: 106,130")  # file not found
    return ok(f'+CRSM: 144,0,"{modem.card.swapped()}"')


def _of(family: str, reply: str = "") -> Handler:
    """A vendor's command that is taken, with at most a fixed reply to its read form."""

    def answer(modem: VirtualModem, request: Request) -> Answer:
        if modem.personality.name != family:
            return unknown(modem)
        if modem.personality.chatter_off == (request.name, request.arguments):
            modem.settings.silenced = True
        return ok(reply) if reply and request.kind != "set" else OK

    return answer


def _ussd_mode(modem: VirtualModem, request: Request) -> Answer:
    if modem.personality.name != "huawei":
        return unknown(modem)
    if request.kind == "set":
        modem.settings.packed_ussd = request.arguments != "0"
        return OK
    return ok(f"^USSDMODE: {int(modem.settings.packed_ussd)}")


HANDLERS: Mapping[str, Handler] = {
    "": _nothing,
    "E": _echo,
    "V": _verbose,
    "Z": _reset,
    "&F": _reset,
    "I": _information,
    **dict.fromkeys(("H", "A", "Q", "X", "L", "M", "S", "&C", "&D", "&K", "&W", "&S"), _nothing),
    **dict.fromkeys(("+CGMI", "+GMI"), _identity("manufacturer")),
    **dict.fromkeys(("+CGMM", "+GMM"), _identity("model")),
    **dict.fromkeys(("+CGMR", "+GMR"), _identity("revision")),
    **dict.fromkeys(("+CGSN", "+GSN"), _imei),
    **dict.fromkeys(("+CLIP", "+CRC", "+COLP", "+CTZU", "+CTZR", "+IPR", "+IFC", "+ICF", "+CHUP", "+CLCC"), _nothing),
    "+CMEE": _cmee,
    "+CFUN": _cfun,
    "^RESET": _restart("huawei"),
    "+CPIN": _cpin,
    **dict.fromkeys(("+CPINR", "^CPIN", "+SPIC", "+QPINC", "+CPINC"), _pin_counter),
    "+CIMI": _imsi,
    **dict.fromkeys(("^ICCID", "+CCID", "+QCCID"), _iccid),
    "+CRSM": _crsm,
    "^USSDMODE": _ussd_mode,
    **dict.fromkeys(("^CURC", "^PORTSEL", "^U2DIAG", "^RFSWITCH", "^CVOICE", "^DDSETEX"), _of("huawei")),
    "^SYSINFO": _of("huawei", "^SYSINFO:2,3,0,5,1,,4"),
    "^HCSQ": _of("huawei", '^HCSQ:"WCDMA",50,48,55'),
    **dict.fromkeys(("+QURCCFG", "+QINDCFG", "+QCFG"), _of("ec25")),
    "+QINISTAT": _of("ec25", "+QINISTAT: 7"),
    "+QNWINFO": _of("ec25", '+QNWINFO: "FDD LTE","46000","LTE BAND 3",1300'),
    "+QCSQ": _of("ec25", '+QCSQ: "LTE",52,-81,195,-10'),
    "+EXUNSOL": _of("sim800"),
    "+WIND": _of("wavecom", "+WIND: 15"),
}
