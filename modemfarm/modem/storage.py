"""Where the modem keeps messages, and how it announces them: +CPMS and +CNMI, chosen, set and read back."""

from __future__ import annotations

import asyncio
import logging

from modemfarm.at.events import Command
from modemfarm.at.replies import Storage, parse_choices, parse_cnmi, parse_cpms
from modemfarm.errors import CommandError, NoAnswerError
from modemfarm.modem.bringup import is_not_ready, optional
from modemfarm.modem.family import Profile
from modemfarm.modem.link import Link

log = logging.getLogger(__name__)

_REPORTS_BY = {"direct": "cds", "stored": "cdsi", "none": ""}  # how a profile calls it
_TRIES = 3  # of a +CPMS= that is refused outright; "not ready" is waited for as long as a start may take


async def choose_memories(link: Link, profile: Profile) -> tuple[str, ...]:
    """Make one memory hold what comes, what is read and what is sent.

    Setting only the first leaves new messages in another one (Quectel, E17xx), so all three are set alike.

    Returns:
        The memory in use, then the others this modem offers to read, wanted or not; () when +CPMS is refused.
    """
    offered: tuple[str, ...] = ()
    test = Command("+CPMS=?", info=("+CPMS:",))
    for line in await optional(link, test, profile.timeouts.command) or ():
        choices = parse_choices(line, "+CPMS:")
        if choices:
            offered = choices[0]
    wanted = tuple(name for name in profile.memories if not offered or name in offered)
    for name in wanted or offered[:1]:
        if await _set(link, profile, name):
            return (name, *(other for other in offered if other in {"SM", "ME", "SR"} and other != name))
    return ()


async def _set(link: Link, profile: Profile, name: str) -> bool:
    forms = [form for form in (3, 2, 1) if form <= profile.cpms_form]
    for attempt in range(max(_TRIES, int(profile.timeouts.boot))):
        waits = False
        for form in forms:
            try:
                await select(link, profile, name, form)
            except CommandError as error:
                waits = waits or is_not_ready(error)
            except NoAnswerError:
                waits = True
            else:
                return True
        if not waits and attempt >= _TRIES - 1:
            return False
        await asyncio.sleep(1)
    return False


async def select(link: Link, profile: Profile, name: str, form: int = 1) -> Storage | None:
    """Choose a memory: with one argument only for reading and deleting.

    Returns:
        How many slots it has and how many are used, where the modem says so.
    """
    text = ",".join([f'"{name}"'] * form)
    lines = await link.command(Command(f"+CPMS={text}", info=("+CPMS:",)), profile.timeouts.command)
    for line in lines:
        for storage in parse_cpms(line):
            return storage
    return None


async def announce(link: Link, profile: Profile) -> str:
    """Set +CNMI to the first of the profile's values that this modem offers, takes and keeps.

    Values that would bring reports in a way that this family gets wrong are left out; those without reports stay.

    Returns:
        The value; "" when none held: the stores are then read often instead.
    """
    test = Command("+CNMI=?", info=("+CNMI:",))
    choices: tuple[tuple[str, ...], ...] = ()
    for line in await optional(link, test, profile.timeouts.command) or ():
        choices = parse_choices(line, "+CNMI:") or choices
    styled = [value for value in profile.cnmi if _REPORTS_BY[reports_of(value)] in {*profile.reports, ""}]
    likely = [value for value in styled if _is_offered(value, choices)]
    for value in likely or styled:
        if await optional(link, f"+CNMI={value}", profile.timeouts.command) is None:
            continue
        if await still_announces(link, profile, value):
            return value
    return ""


async def still_announces(link: Link, profile: Profile, value: str) -> bool:
    """Whether +CNMI is what it was set to; a modem that does not tell is believed.

    It is not after a restart that nothing announced, and where a modem gives up over an acknowledgement it missed.
    """
    if not value:
        return True
    read = await optional(link, Command("+CNMI?", info=("+CNMI:",)), profile.timeouts.command)
    held = next((found for found in map(parse_cnmi, read or ()) if found), ())
    wanted = tuple(int(item) for item in value.split(","))
    if not held or held[: min(4, len(wanted))] == wanted[:4]:
        return True
    log.info("+CNMI=%s reads back as %s", value, held)
    return False


def _is_offered(value: str, choices: tuple[tuple[str, ...], ...]) -> bool:
    return all(not allowed or item in allowed for item, allowed in zip(value.split(","), choices, strict=False))


def reports_of(cnmi: str) -> str:
    """How delivery reports come with a +CNMI value: ``direct``, ``stored`` or ``none`` (<ds>, TS 27.005 §3.4.1)."""
    values = cnmi.split(",")
    return {"1": "direct", "2": "stored"}.get(values[3] if len(values) > 3 else "", "none")
