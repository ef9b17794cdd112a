"""Commands about the modem and its card: echo, identity, restart, SIM, PIN, ICCID."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from modemfarm.simulator.answers import ERROR, OK, Answer, Request, cme, ok
from modemfarm.simulator.vendor import cpin_state

if TYPE_CHECKING:
    from modemfarm.simulator.virtual import VirtualModem

Handler = Callable[["VirtualModem", Request], Answer]
_PIN_TAKES_S = 0.2


def unknown(modem: VirtualModem) -> Answer:
    """What this family says to a command that it does not have."""
    return Answer(final=modem.personality.unknown_command)


def shown(modem: VirtualModem, text: str) -> str:
    """A string as +CSCS wants it (TS 27.007 §5.5)."""
    return text.encode("utf-16-be").hex().upper() if modem.settings.cscs == "UCS2" else text


def sim_trouble(modem: VirtualModem) -> Answer | None:
    """Why the card cannot be used now, or None (TS 27.007 §9.2.1)."""
    if modem.card is None or modem.sim_ready_at == float("inf"):  # it does not see a card
        return cme(10)
    if modem.now < modem.sim_ready_at:
        kind, code = modem.personality.sim_busy
        return Answer(final=kind, code=code)
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
        if request.kind == "test":
            return OK
        if modem.personality.identity_read and request.kind != "read" and request.name.startswith("+C"):
            return ERROR
        return ok(str(getattr(modem.personality, field)))

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
        return ok(f"+CFUN: ({','.join(sorted(modem.personality.cfun))}),(0,1)")
    if request.fields()[0] not in modem.personality.cfun:
        return cme(4)
    before, modem.settings.cfun = modem.settings.cfun, int(request.fields()[0])
    if modem.settings.cfun == 1 and before != 1:
        modem.radio_turned_on()
    modem.registration_changed()
    return OK


def _cpin(modem: VirtualModem, request: Request) -> Answer:
    card = modem.card
    if card is None or modem.now < modem.sim_ready_at:
        return sim_trouble(modem) or OK
    if request.kind == "test":
        return OK
    if request.kind == "read":
        return Answer((f"+CPIN: {cpin_state(modem)}",), "OK" if modem.personality.cpin_says_ok else "")
    if card.condition == "ready":
        return cme(3)
    code = card.unlock(*request.fields()[:2])
    left = card.puk_left if card.blocked else card.pin_left
    modem.network.log.write("pin", modem=modem.number, iccid=card.iccid, name="wrong" if code else "right", code=left)
    if code:
        return cme(code)
    modem.pin_at = modem.now
    modem.sim_ready_at = modem.now + modem.personality.pin_settles_s
    modem.later(modem.personality.pin_settles_s or _PIN_TAKES_S, modem.sim_came_back)
    return OK


def _imsi(modem: VirtualModem, request: Request) -> Answer:
    trouble = sim_trouble(modem)
    if trouble is not None or request.kind == "test" or modem.card is None:
        return trouble or OK
    return ok(modem.card.imsi)


def _crsm(modem: VirtualModem, request: Request) -> Answer:
    """READ BINARY of EF-ICCID only (TS 27.007 §8.18; TS 11.11 §10.1.1)."""
    if not modem.personality.crsm or modem.knobs.no_iccid:
        return unknown(modem)
    if modem.card is None:
        return cme(10)
    if request.kind != "set" or request.fields()[:2] != ["176", "12258"]:
        return ok("+CRSM: 106,130")  # file not found
    return ok(f'+CRSM: 144,0,"{modem.card.swapped()}"')


HANDLERS: Mapping[str, Handler] = {
    "": _nothing,
    "E": _echo,
    "V": _verbose,
    "Z": _reset,
    "&F": _reset,
    "I": _information,
    **dict.fromkeys(("Q", "X", "L", "M", "S", "&C", "&D", "&K", "&W", "&S"), _nothing),
    **dict.fromkeys(("+CGMI", "+GMI"), _identity("manufacturer")),
    **dict.fromkeys(("+CGMM", "+GMM"), _identity("model")),
    **dict.fromkeys(("+CGMR", "+GMR"), _identity("revision")),
    **dict.fromkeys(("+CGSN", "+GSN"), _imei),
    **dict.fromkeys(("+COLP", "+CTZU", "+CTZR", "+IPR", "+IFC", "+ICF"), _nothing),
    "+CMEE": _cmee,
    "+CFUN": _cfun,
    "+CPIN": _cpin,
    "+CIMI": _imsi,
    "+CRSM": _crsm,
}
