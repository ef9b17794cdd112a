"""From an open port to a modem that is known: wake it, ask who it is, choose its profile, set it up."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from modemfarm.at.events import Command
from modemfarm.errors import CmeError, CmsError, CommandError, ModemError, NoAnswerError
from modemfarm.modem import readings
from modemfarm.modem.family import Profile, Profiles
from modemfarm.modem.link import Link

log = logging.getLogger(__name__)

WAKE_EVERY_S = 0.5  # autobaud UARTs want AT about twice a second (modem manuals of SIM800 and Quectel 2G)
_NOT_READY_CME = frozenset({13, 14, 256, 515})  # SIM failure just after boot, SIM busy, Cinterion, Wavecom
_NOT_READY_CMS = frozenset({302, 313, 314, 512, 515, 521, 532, 604})  # not yet allowed, SIM busy, vendors' "wait"

_PATIENCE = 10  # seconds of plain ERROR, which some modems say while starting (SIM800)


class FaultError(ModemError):
    """This session cannot go on; the supervisor climbs the ladder.

    Attributes:
        slug: a sentence of `sentences.SENTENCES`.
        params: what it names.
    """

    def __init__(self, slug: str, **params: str | float) -> None:
        super().__init__(slug if not params else f"{slug}: {params}")
        self.slug, self.params = slug, params


@dataclass(frozen=True, slots=True)
class Identity:
    """What a modem says it is."""

    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    imei: str | None = None


async def wake(link: Link, within_s: float) -> None:
    """Leave a stale prompt and repeat AT until OK.

    ESC, never Ctrl-Z: that would submit what the prompt holds. ESC is sent again now and then,
    for a modem that was not listening the first time.

    Raises:
        NoAnswerError: the modem says nothing.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    tries = 0
    while True:
        if tries % 4 == 0:
            link.escape()
        tries += 1
        try:
            await link.command("", WAKE_EVERY_S)
        except NoAnswerError:
            if loop.time() >= until:
                raise NoAnswerError("AT", within_s) from None
        except CommandError:
            await asyncio.sleep(WAKE_EVERY_S / 5)
            if loop.time() >= until:
                raise
        else:
            return


async def optional(link: Link, command: Command | str, within_s: float) -> tuple[str, ...] | None:
    """A command that may fail: its lines, or None."""
    try:
        return await link.command(command, within_s)
    except (CommandError, NoAnswerError) as error:
        log.debug("optional: %s", error)
        return None


async def identify(link: Link, within_s: float) -> Identity:
    """Ask for numeric errors and no echo, then who it is."""
    for command in ("E0", "V1", "+CMEE=1"):
        await optional(link, command, within_s)
    return await who_is(link, within_s)


async def who_is(link: Link, within_s: float) -> Identity:
    """Manufacturer, model, firmware and IMEI (TS 27.007 §5.1 to §5.4); ATI where the first two are refused.

    Some firmware answers only the question form, ``AT+CGMM?`` (NL668).
    """
    manufacturer = await _told(link, "+CGMI", within_s)
    model = await _told(link, "+CGMM", within_s)
    firmware = await _told(link, "+CGMR", within_s)
    serial = _words(await optional(link, "+CGSN", within_s), "+CGSN:")
    if not manufacturer or not model:
        lines = await optional(link, "I", within_s) or ()
        told = [line.partition(":")[2].strip() or line.strip() for line in lines if line.strip()]
        manufacturer = manufacturer or (told[0] if told else "")
        model = model or (told[1] if len(told) > 1 else manufacturer)
    digits = "".join(char for char in serial if char.isdigit())
    return Identity(manufacturer.strip(), model.strip(), firmware.strip(), digits if 14 <= len(digits) <= 17 else None)


async def _told(link: Link, name: str, within_s: float) -> str:
    return _words(await optional(link, name, within_s), f"{name}:") or _words(
        await optional(link, f"{name}?", within_s), f"{name}:"
    )


def _words(lines: tuple[str, ...] | None, prefix: str) -> str:
    """The value of an identification; some modems put its own name before it, some quote it."""
    for line in lines or ():
        value = line.removeprefix(prefix).strip().strip('"')
        if value:
            return value
    return ""


def choose(profiles: Profiles, identity: Identity) -> Profile:
    """The profile of an identified modem."""
    return profiles.choose(identity.manufacturer, identity.model, identity.firmware)


def is_not_ready(error: CommandError) -> bool:
    """Whether an error only means that the modem or its card is still starting."""
    match error:
        case CmeError(code=code):
            return code in _NOT_READY_CME
        case CmsError(code=code):
            return code in _NOT_READY_CMS
        case _:
            return False


async def radio_is_on(link: Link, profile: Profile) -> bool:
    """Whether +CFUN? says full functionality; a modem that does not know the command is taken to be on."""
    lines = await optional(link, "+CFUN?", profile.timeouts.command)
    for line in lines or ():
        if line.startswith("+CFUN:"):
            return line.partition(":")[2].strip().split(",")[0] == "1"
    return True


async def initialise(link: Link, profile: Profile) -> None:
    """The profile's own commands, then PDU mode.

    Raises:
        FaultError: a command that this family needs was refused.
    """
    for command in profile.init:
        if command.optional:
            await optional(link, command.text, profile.timeouts.command)
            continue
        try:
            await link.command(command.text, profile.timeouts.command)
        except CommandError as error:
            raise FaultError("init_refused", command=command.text) from error


async def settle(link: Link, profile: Profile, within_s: float) -> None:
    """Wait until the modem says, when asked, that it can do SMS; one that cannot be asked is not waited for."""
    ready = profile.ready
    if ready is None:
        return
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    while True:
        said = readings.number(ready.query, await optional(link, ready.query.line, profile.timeouts.command))
        if said is None or said >= ready.at_least or loop.time() >= until:
            return
        await asyncio.sleep(1)


async def pdu_mode(link: Link, profile: Profile) -> None:
    """AT+CMGF=0, repeated while the modem starts: it is refused for seconds after the card is unlocked.

    Raises:
        FaultError: refused for as long as a start may take.
    """
    for attempt in range(max(3, int(profile.timeouts.boot))):
        try:
            await link.command("+CMGF=0", profile.timeouts.command)
        except CommandError as error:
            if attempt >= _PATIENCE and not is_not_ready(error):
                break
            await asyncio.sleep(1)
        else:
            # with 0 the modem acknowledges to the network itself (TS 27.005 §3.2.1)
            await optional(link, f"+CSMS={profile.csms}", profile.timeouts.command)
            return
    raise FaultError("pdu_mode_refused")
