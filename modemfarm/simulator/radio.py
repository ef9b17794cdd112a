"""Commands about the network: registration, operator, signal, own number, service centre, USSD."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from modemfarm.simulator.answers import ERROR, OK, Answer, Request, cme, cms, ok
from modemfarm.simulator.basics import shown, sim_trouble, unknown
from modemfarm.simulator.ussd import cusd

if TYPE_CHECKING:
    from modemfarm.simulator.virtual import VirtualModem

_CHARSETS = ("GSM", "IRA", "UCS2", "HEX")
_OPERATOR, _PLMN = "CHINA MOBILE", "46000"


def creg_line(modem: VirtualModem, name: str, *, query: bool) -> str:
    """One +CREG line in the form that this modem's knob names (TS 27.007 §7.2).

    ``plain``: n,stat, with location in quotes when n is 2; ``location``: always with quoted location; ``bare``:
    location without quotes; ``act``: location and access technology; ``short``: the query answers stat alone.
    """
    form, level, stat = modem.knobs.creg_form, modem.settings.creg, modem.registration
    fields = [str(stat)] if not query or form == "short" else [str(level), str(stat)]
    here = stat in {1, 5}
    if here and (form == "location" or (form == "plain" and level == 2)):
        fields += ['"1A2B"', '"0C3D4E5F"']
    elif here and form == "bare":
        fields += ["1A2B", "3C4D"]
    elif here and form == "act":
        fields += ['"1A2B"', '"0C3D4E5F"', "7"]
    return f"{name}: {','.join(fields)}"


def _creg(modem: VirtualModem, request: Request) -> Answer:
    if request.kind == "test":
        return ok(f"{request.name}: (0-2)")
    if request.kind == "read":
        return ok(creg_line(modem, request.name, query=True))
    if request.arguments not in {"0", "1", "2"}:
        return cme(4)
    if request.name == "+CREG":
        modem.settings.creg = int(request.arguments)
    return OK


def _cops(modem: VirtualModem, request: Request) -> Answer:
    if request.kind == "test":
        return ok(f'+COPS: (2,"{_OPERATOR}","CMCC","{_PLMN}",{modem.personality.act}),,(0-4),(0-2)')
    if request.kind == "set":
        fields = request.fields()
        if fields[0] == "3" and len(fields) > 1:
            modem.settings.cops_numeric = fields[1] == "2"
        return OK
    if not modem.registered:
        return ok("+COPS: 0")
    if modem.settings.cops_numeric:
        return ok(f'+COPS: 0,2,"{_PLMN}",{modem.personality.act}')
    return ok(f'+COPS: 0,0,"{shown(modem, _OPERATOR)}",{modem.personality.act}')


def _csq(modem: VirtualModem, request: Request) -> Answer:
    if request.kind == "test":
        return ok("+CSQ: (0-31,99),(0-7,99)")
    return ok(f"+CSQ: {modem.knobs.signal if modem.registered else 99},99")


def _cnum(modem: VirtualModem, _request: Request) -> Answer:
    trouble = sim_trouble(modem)
    if trouble is not None or modem.card is None or not modem.knobs.has_number:
        return trouble or OK
    return ok(f'+CNUM: "","{shown(modem, modem.card.number)}",145')


def _csca(modem: VirtualModem, request: Request) -> Answer:
    card = modem.card
    if card is None:
        return cms(310)
    if modem.now < modem.csca_ready_at:  # ZTE: CME 14 about 10 s after start [GA]
        return cme(14)
    if request.kind == "set":
        number = request.fields()[0]
        if modem.settings.cscs == "UCS2":
            try:
                number = bytes.fromhex(number).decode("utf-16-be")
            except ValueError:
                return cms(304)
        if card.smsc_fixed:
            return cms(302)
        card.smsc = number
        return OK
    if request.kind == "test":
        return OK
    if not card.smsc:
        return ok('+CSCA: "",129')
    return ok(f'+CSCA: "{shown(modem, card.smsc)}",{145 if card.smsc.startswith("+") else 129}')


def _cscs(modem: VirtualModem, request: Request) -> Answer:
    if request.kind == "test":
        return ok("+CSCS: (" + ",".join(f'"{name}"' for name in _CHARSETS) + ")")
    if request.kind == "read":
        return ok(f'+CSCS: "{modem.settings.cscs}"')
    name = request.fields()[0].upper()
    if name not in _CHARSETS:
        return ERROR
    modem.settings.cscs = name
    return OK


def _fixed(line: str) -> Callable[[VirtualModem, Request], Answer]:
    def answer(_modem: VirtualModem, request: Request) -> Answer:
        return OK if request.kind in {"set", "test"} else ok(line)

    return answer


def _dial(modem: VirtualModem, request: Request) -> Answer:
    """No voice calls here; ``ATD*100#;`` is not USSD on any of these families."""
    del request
    return Answer(final="NO CARRIER") if modem.registered else unknown(modem)


HANDLERS: Mapping[str, Callable[[VirtualModem, Request], Answer]] = {
    **dict.fromkeys(("+CREG", "+CGREG", "+CEREG"), _creg),
    "+COPS": _cops,
    "+CSQ": _csq,
    "+CNUM": _cnum,
    "+CSCA": _csca,
    "+CSCS": _cscs,
    "+CUSD": cusd,
    "D": _dial,
    "+CGATT": _fixed("+CGATT: 1"),
    "+CPAS": _fixed("+CPAS: 0"),
    "+CBC": _fixed("+CBC: 0,95,4100"),
    "+CEER": _fixed("+CEER: No cause information available"),
    "+CGSMS": _fixed("+CGSMS: 1"),
    "+GCAP": _fixed("+GCAP: +CGSM"),
}
