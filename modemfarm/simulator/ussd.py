"""USSD: a network that answers a balance or a menu, and the codings in which families want and give strings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemfarm.gsm.alphabet import decode7, encode7, pack
from modemfarm.simulator.answers import ERROR, OK, Answer, Request, cme, ok
from modemfarm.simulator.basics import sim_trouble

if TYPE_CHECKING:
    from modemfarm.simulator.virtual import VirtualModem

AFTER_S = 0.5
_MENU = "1 Balance\n2 Number\n0 End"
_CODE = frozenset("*#0123456789")


def cusd(modem: VirtualModem, request: Request) -> Answer:
    """+CUSD (TS 27.007 §7.15).

    ``*111#`` opens a menu, ``*102#`` tells the balance in Chinese, ``*555#`` is never answered, ``*000#`` ends with 2,
    every other code tells the balance.
    """
    if request.kind == "test":
        return ok("+CUSD: (0-2)")
    if request.kind == "read":
        return ok("+CUSD: 1")
    trouble = sim_trouble(modem)
    if trouble is not None:
        return trouble
    fields = request.fields()
    if fields[0] == "2":
        modem.in_menu = False
        return OK
    if len(fields) < 2 or not fields[1]:
        return OK
    if not modem.registered:
        return cme(30)
    typed = _read(modem, fields[1])
    if typed is None:
        return _refused(modem)
    _reply(modem, typed)
    return OK


def _reply(modem: VirtualModem, typed: str) -> None:
    card = modem.card
    balance = f"Balance {card.balance} CNY" if card is not None else ""
    if modem.in_menu and typed in {"1", "2", "0"}:
        modem.in_menu = False
        texts = {"1": balance, "2": f"Your number {card.number if card else ''}", "0": "Bye"}
        _say(modem, 0, texts[typed])
    elif typed.startswith("*111"):
        modem.in_menu = True
        _say(modem, 1, _MENU)
    elif typed.startswith("*102"):
        _say(modem, 0, f"余额{card.balance if card else ''}元")
    elif typed.startswith("*000"):
        modem.in_menu = False
        modem.later(AFTER_S, modem.urc, "+CUSD: 2")
    elif not typed.startswith("*555"):
        _say(modem, 0, balance)


def _refused(modem: VirtualModem) -> Answer:
    """What a string in a wrong coding gets: ERROR, CME 258, +CUSD: 4 …"""
    how = modem.personality.ussd_refusal
    if how.startswith("cme"):
        return cme(int(how[3:]))
    if how.startswith("cusd"):
        modem.later(AFTER_S, modem.urc, f"+CUSD: {how[4:]}")
        return OK
    return ERROR


def coding(modem: VirtualModem) -> str:
    """``packed``, ``charset`` or ``gsm`` now; ^USSDMODE=0 makes a packed family plain (CD, GA)."""
    if modem.knobs.ussd:
        return modem.knobs.ussd
    if modem.personality.ussd == "packed" and not modem.settings.packed_ussd:
        return "charset"
    return modem.personality.ussd


def _read(modem: VirtualModem, typed: str) -> str | None:
    """The string that was meant; None in a coding that this family does not take."""
    how, charset = coding(modem), modem.settings.cscs
    if how == "packed":
        octets = _octets(typed)
        if octets is None:
            return None
        count = len(octets) * 8 // 7
        bits = int.from_bytes(octets, "little")
        septets = bytes((bits >> (7 * at)) & 0x7F for at in range(count))
        if len(octets) % 7 == 0 and septets[-1:] in {b"\x00", b"\x0d"}:  # TS 23.038 §6.1.2.3.1: CR fills 7 spare bits
            septets = septets[:-1]
        text: str | None = decode7(septets)
    elif how == "gsm" and charset not in {"GSM", "IRA"}:
        return None
    elif charset == "UCS2":
        octets = _octets(typed)
        text = octets.decode("utf-16-be", "replace") if octets is not None and len(octets) % 2 == 0 else None
    elif charset == "HEX":
        return None
    else:
        text = typed
    is_code = bool(text) and str(text)[0] in "*#" and set(str(text)) <= _CODE
    return text if text and (modem.in_menu or is_code) else None


def _say(modem: VirtualModem, state: int, text: str) -> None:
    septets = encode7(text)
    if septets is None:
        shown, dcs = text.encode("utf-16-be").hex().upper(), 72
    elif coding(modem) == "packed":
        shown, dcs = pack(septets + (b"\x0d" if len(septets) % 8 == 7 else b"")).hex().upper(), 15
    elif modem.settings.cscs == "UCS2":
        shown, dcs = text.encode("utf-16-be").hex().upper(), 15
    else:
        shown, dcs = text, 15
    modem.later(AFTER_S, modem.urc, f'+CUSD: {state},"{shown}",{dcs}')


def _octets(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text) or None
    except ValueError:
        return None
