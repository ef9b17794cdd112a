"""Is the modem registered, with whom, how strong: +CREG and its relatives, +CSQ, +COPS."""

from __future__ import annotations

from modemfarm.at.events import Command
from modemfarm.at.replies import parse_cops, parse_registration
from modemfarm.errors import CommandError
from modemfarm.modem import readings
from modemfarm.modem.bringup import optional
from modemfarm.modem.family import Profile
from modemfarm.modem.link import Link

REGISTERED = frozenset({"home", "roaming"})


async def turn_on(link: Link, profile: Profile) -> None:
    """Ask for registration URCs; a modem may refuse, it is asked again and again anyway."""
    await optional(link, "+CREG=1", profile.timeouts.command)


async def registration(link: Link, profile: Profile) -> str:
    """``home roaming searching denied none unknown``, or "" where the modem tells it in no way we know.

    +CREG comes first: it says whether SMS over the circuit-switched side works. On LTE-only
    attachments +CEREG or +CGREG is the one that counts (TS 27.007 §7.2, §10.1.20, §10.1.22).
    """
    first = ""
    for name in ("+CREG", "+CEREG", "+CGREG"):
        lines = await optional(link, Command(f"{name}?", info=(f"{name}:",)), profile.timeouts.command)
        for line in lines or ():
            found = parse_registration(line)
            if found is None:
                continue
            if found.state in REGISTERED:
                return found.state
            first = first or found.state
    return first


async def signal(link: Link, profile: Profile) -> int | None:
    """Signal in dBm; None where the modem does not tell.

    Raises:
        NoAnswerError: it says nothing at all; this is also the sign of life of an idle modem.
    """
    for query in profile.signal:
        try:
            lines = await link.command(query.line, profile.timeouts.command)
        except CommandError:
            continue
        dbm = readings.signal_dbm(query, lines)
        if dbm is not None:
            return dbm
    return None


async def operator(link: Link, profile: Profile) -> tuple[str | None, str | None]:
    """Operator and technology: +COPS? has both; where the family has a command that knows better, that one counts."""
    name = technology = None
    lines = await optional(link, Command("+COPS?", info=("+COPS:",)), profile.timeouts.command)
    for found in map(parse_cops, lines or ()):
        if found is not None:
            name, technology = found.name, found.technology
            break
    for query in profile.technology:
        better = readings.technology(query, await optional(link, query.line, profile.timeouts.command))
        if better is not None:
            return name, better
    return name, technology


async def health(link: Link, profile: Profile) -> tuple[int | None, int | None]:
    """Temperature in °C and supply in mV, where the family tells them."""
    degrees = millivolts = None
    for query in profile.temperature:
        degrees = readings.temperature_c(query, await optional(link, query.line, profile.timeouts.command))
    for query in profile.voltage:
        millivolts = readings.voltage_mv(query, await optional(link, query.line, profile.timeouts.command))
    return degrees, millivolts
