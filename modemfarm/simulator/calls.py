"""Incoming calls: ringing until the caller or the host gives up, and what the family says about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modemfarm.simulator.answers import OK, Answer, Request, ok

if TYPE_CHECKING:
    from modemfarm.simulator.virtual import VirtualModem

RINGS_EVERY_S = 3.0
RINGS = 4


@dataclass(slots=True)
class Call:
    """One call on its way in."""

    number: str
    left: int
    answered: bool = False


def ring(modem: VirtualModem, number: str, rings: int = RINGS) -> str:
    """Begin a call.

    Returns:
        ``ringing``, ``busy`` when the modem is in a call or sends (SIM800: calls are rejected while sending), or
        ``unreachable``.
    """
    outcome = "ringing"
    if not modem.registered:
        outcome = "unreachable"
    elif modem.call is not None or modem.ear.busy:
        outcome = "busy"
    modem.network.log.write(
        "call",
        modem=modem.number,
        iccid=modem.card.iccid if modem.card else None,
        to=modem.card.number if modem.card else None,
        name=outcome,
        **{"from": number},
    )
    if outcome == "ringing":
        modem.call = Call(number, rings)
        _ring_once(modem, modem.call)
    return outcome


def _ring_once(modem: VirtualModem, call: Call) -> None:
    if modem.call is not call or call.answered:
        return
    if call.left <= 0:
        _end(modem, "missed", *modem.personality.missed, "NO CARRIER")
        return
    call.left -= 1
    for line in modem.personality.ring:
        modem.urc(line)
    modem.urc("+CRING: VOICE" if modem.settings.crc else "RING")
    if modem.settings.clip:
        kind = 145 if call.number.startswith("+") else 129
        modem.urc(f'+CLIP: "{call.number}",{kind},,,,0')  # TS 27.007 §7.6
    modem.later(RINGS_EVERY_S, _ring_once, modem, call)


def _end(modem: VirtualModem, name: str, *lines: str) -> None:
    call, modem.call = modem.call, None
    if call is None:
        return
    modem.network.log.write(
        "call",
        modem=modem.number,
        iccid=modem.card.iccid if modem.card else None,
        to=modem.card.number if modem.card else None,
        name=name,
        **{"from": call.number},
    )
    for line in lines:
        modem.urc(line.format(number=call.number))


def _hang_up(modem: VirtualModem, _request: Request) -> Answer:
    call = modem.call
    if call is not None:
        _end(modem, "ended" if call.answered else "rejected")
    return OK


def _answer(modem: VirtualModem, _request: Request) -> Answer:
    if modem.call is None:
        return Answer(final="NO CARRIER")
    modem.call.answered = True
    return OK


def _listed(modem: VirtualModem, request: Request) -> Answer:
    """+CLCC (TS 27.007 §7.18): state 4 is incoming, 0 active."""
    call = modem.call
    if call is None or request.kind == "test":
        return OK
    return ok(f'+CLCC: 1,1,{0 if call.answered else 4},0,0,"{call.number}",{145 if call.number[:1] == "+" else 129}')


def _clip(modem: VirtualModem, request: Request) -> Answer:
    if request.kind == "set":
        modem.settings.clip = request.arguments == "1"
    return ok(f"+CLIP: {int(modem.settings.clip)},1") if request.kind == "read" else OK


def _crc(modem: VirtualModem, request: Request) -> Answer:
    if request.kind == "set":
        modem.settings.crc = request.arguments == "1"
    return ok(f"+CRC: {int(modem.settings.crc)}") if request.kind == "read" else OK


HANDLERS: Mapping[str, Callable[[VirtualModem, Request], Answer]] = {
    "H": _hang_up,
    "+CHUP": _hang_up,
    "A": _answer,
    "+CLCC": _listed,
    "+CLIP": _clip,
    "+CRC": _crc,
}
