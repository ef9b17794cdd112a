"""The card: is it there, does it want a PIN, which one is it."""

from __future__ import annotations

import asyncio
import logging

from modemfarm.at.events import Command
from modemfarm.at.replies import parse_cpin, parse_csca
from modemfarm.errors import CmeError, CmsError, CommandError, NoAnswerError, SimError
from modemfarm.modem import readings
from modemfarm.modem.bringup import is_not_ready, optional
from modemfarm.modem.family import Profile
from modemfarm.modem.journal import Centre, Journal, NoPin, SimSeen
from modemfarm.modem.link import Link
from modemfarm.modem.readings import Query

log = logging.getLogger(__name__)

_NO_CARD = frozenset({10, 310, 772})  # CME SIM not inserted, CMS the same, SIMCom SIM powered down
_ABSENT_AFTER_S = 10.0  # a card that is inserted is seen within this
_SILENCES_ALLOWED = 2
_ERRORS_ALLOWED = 4  # plain ERROR to +CPIN?: no card where errors have no numbers, or an odd modem


async def wait_for_card(link: Link, profile: Profile) -> str:
    """What +CPIN? says once it says something (TS 27.007 §8.3): ``READY``, ``SIM PIN``…

    Raises:
        SimError: no card, or it stays busy for longer than a start may take.
        NoAnswerError: the modem stopped answering.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    errors = silences = 0
    while True:
        waited_s = loop.time() - began
        try:
            said = await _ask_card(link, profile, waited_s)
        except NoAnswerError:
            silences += 1
            if silences > _SILENCES_ALLOWED:
                raise
        except CommandError as error:
            errors += 1
            if errors >= _ERRORS_ALLOWED:
                if await optional(link, "+CIMI", profile.timeouts.command):
                    return "READY"  # the command is not known, the card is there
                raise SimError("absent") from error
        else:
            if said:
                return said
        if waited_s > profile.timeouts.boot:
            raise SimError("failure", "the card stays busy")
        await asyncio.sleep(1)


async def _ask_card(link: Link, profile: Profile, waited_s: float) -> str:
    """One +CPIN?; "" for not yet."""
    ends = ("+CPIN:",) if profile.cpin_no_ok else ()
    absent = False
    said = ""
    try:
        lines = await link.command(Command("+CPIN?", info=("+CPIN:",), final_prefixes=ends), profile.timeouts.cpin)
    except (CmeError, CmsError) as error:
        absent = error.code in _NO_CARD
        if not absent and not is_not_ready(error):
            raise SimError("failure", str(error)) from error
    else:
        said = next((found for found in map(parse_cpin, lines) if found), "")
        absent = said == "NOT INSERTED"
    if absent and waited_s > _ABSENT_AFTER_S:
        raise SimError("absent")
    return "" if said in {"NOT READY", "NOT INSERTED"} else said


async def unlock(link: Link, profile: Profile, journal: Journal, imei: str | None, path: str) -> None:
    """Wait for the card and enter its PIN, at most once, with more than one try left.

    Raises:
        SimError: no card, PUK wanted, PIN unknown, wrong, or not to be tried.
    """
    state = await wait_for_card(link, profile)
    if state == "READY":
        return
    if state != "SIM PIN":
        raise SimError("puk" if "PUK" in state else "locked", f"the card says {state}")
    iccid = await read_iccid(link, profile) or None
    left = await pin_tries_left(link, profile)
    if left is None:
        raise SimError("pin", "pin_counter_unreadable")
    if left <= 1:
        raise SimError("pin", "pin_last_try")
    pin = await journal.pin_allowed(iccid, imei, path, left)
    if isinstance(pin, NoPin):
        raise SimError("pin", pin.slug, left=left, iccid=iccid or "")
    try:
        await link.command(f'+CPIN="{pin}"', profile.timeouts.cpin)
    except CommandError as error:
        await journal.pin_worked(iccid, imei, path, worked=False)
        code = getattr(error, "code", None)
        after = await pin_tries_left(link, profile)
        left = left - 1 if after is None else after
        what = f"the PIN was refused ({code or 'ERROR'})"
        raise SimError("wrong_pin", what, left=left, iccid=iccid or "") from None  # its text holds the PIN
    except NoAnswerError as error:
        raise NoAnswerError("AT+CPIN=…", error.within_s) from None
    await asyncio.sleep(profile.timeouts.pin_settle)
    state = await wait_for_card(link, profile)
    await journal.pin_worked(iccid, imei, path, worked=state == "READY")
    if state != "READY":
        raise SimError("locked", f"the card says {state}")


async def pin_tries_left(link: Link, profile: Profile) -> int | None:
    """How many tries the card's PIN has; None where no command surely tells."""
    for query in (*profile.pin_counter, Query('+CPINR="SIM PIN"', "+CPINR:", "cpinr")):
        left = readings.pin_tries(query, await optional(link, query.line, profile.timeouts.command))
        if left is not None:
            return left
    return None


async def read_iccid(link: Link, profile: Profile) -> str:
    """The card's number in its normal form, or ""."""
    for query in profile.iccid:
        found = readings.iccid(query, await optional(link, query.line, profile.timeouts.command))
        if found:
            return found
    return ""


async def is_still_in(link: Link, profile: Profile, iccid: str) -> bool:
    """Whether the card answers to this number at the first asking; False may mean no more than that it cannot tell.

    Raises:
        NoAnswerError: the modem says nothing at all.
    """
    query = profile.iccid[0]
    try:
        return readings.iccid(query, await link.command(query.line, profile.timeouts.command)) == iccid
    except CommandError:
        return False


async def read_imsi(link: Link, profile: Profile) -> str:
    """The subscription's number (TS 27.007 §5.6), or ""."""
    for _ in range(3):
        try:
            lines = await link.command("+CIMI", profile.timeouts.command)
        except CommandError as error:
            if not is_not_ready(error):
                return ""
            await asyncio.sleep(1)
            continue
        except NoAnswerError:
            return ""
        for line in lines:
            digits = line.removeprefix("+CIMI:").strip().strip('"')
            if digits.isdigit() and 6 <= len(digits) <= 15:
                return digits
        return ""
    return ""


async def read_card(link: Link, profile: Profile) -> SimSeen:
    """Who the card is: by ICCID, or where a modem cannot tell it, by IMSI.

    Raises:
        SimError: neither can be read.
    """
    iccid = await read_iccid(link, profile)
    imsi = await read_imsi(link, profile)
    if not iccid and not imsi:
        raise SimError("failure", "neither ICCID nor IMSI can be read")
    smsc = await _centre(link, profile)
    return SimSeen(iccid or f"imsi:{imsi}", imsi or None, await _own_number(link, profile), smsc)


async def _centre(link: Link, profile: Profile) -> str | None:
    """The service centre's address on the card; "" where there is none, None where the modem does not say."""
    lines = await optional(link, Command("+CSCA?", info=("+CSCA:",)), profile.timeouts.command)
    if not any(line.startswith("+CSCA:") for line in lines or ()):
        return None
    return next((found for found in map(parse_csca, lines or ()) if found), "")


async def fill_centre(link: Link, profile: Profile, card: SimSeen, known: Centre | None) -> str | None:
    """Give a card without a service centre the one it is known to use (TS 27.005 §3.3.1).

    What a card holds is replaced only where the owner wants another one.

    Returns:
        The address that each PDU must carry, because the card cannot be read or does not take it; else None.
    """
    if known is None or card.smsc == known.number or (card.smsc and not known.wanted):
        return None
    if card.smsc is not None:
        kind = 145 if known.number.startswith("+") else 129
        await optional(link, f'+CSCA="{known.number}",{kind}', profile.timeouts.command)
        if await _centre(link, profile) == known.number:
            log.info("the card's service centre was %s and is %s now", card.smsc or "empty", known.number)
            return None
    return known.number


async def _own_number(link: Link, profile: Profile) -> str | None:
    for query in profile.own_number:
        found = readings.own_number(query, await optional(link, query.line, profile.timeouts.command))
        if found:
            return found
    return None
