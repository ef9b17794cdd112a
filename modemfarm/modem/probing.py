"""Examines a modem by questions alone, and writes a first profile of it; nothing is set, sent, deleted or entered."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from modemfarm.at.events import Command, Late, Unsolicited
from modemfarm.at.machine import AtMachine
from modemfarm.at.replies import parse_choices, parse_cpin
from modemfarm.errors import LinkLostError
from modemfarm.modem import readings
from modemfarm.modem.bringup import Identity, optional, wake, who_is
from modemfarm.modem.family import Profile, Profiles
from modemfarm.modem.link import Link
from modemfarm.modem.port import Port
from modemfarm.modem.readings import Query
from modemfarm.modem.storage import reports_of

log = logging.getLogger(__name__)
T = TypeVar("T")

_WITHIN_S = 5.0
# The only settings' forms that are questions: they read a file of the card, a counter, a cell.
_READING = frozenset({"+CRSM=176,12258,0,0,10", '+CPINR="SIM PIN"', '^SPIC="SC"', "*CNTI=0"})
_PLACE = re.compile(r'"[0-9A-Fa-f]{2,}"')


def is_question(command: str) -> bool:
    """Whether a command only asks: a read, a test, a plain query, or one of the few that ask with an argument."""
    return command in _READING or command.endswith("?") or not re.search(r"[=&]", command)


@dataclass(frozen=True, slots=True)
class Found:
    """What a modem told of itself.

    Attributes:
        profile: the shipped profile that knows it, or generic.
        card: what +CPIN? says; "" when nothing.
        said: answers of test commands and registration, for the file's head.
    """

    identity: Identity
    profile: Profile
    card: str
    cpin_no_ok: bool
    memories: tuple[str, ...]
    cpms_form: int
    cnmi: tuple[str, ...]
    iccid: Query | None
    pin_counter: Query | None
    signal: Query | None
    technology: Query | None
    said: tuple[str, ...]


async def examine(port: Port, profiles: Profiles, wake_within_s: float = 12.0) -> Found:
    """Everything that questions can tell.

    Raises:
        NoAnswerError, CommandError: the modem does not answer AT.
        LinkLostError: the port is gone.
    """
    machine = AtMachine()
    for profile in profiles:
        machine.urcs = machine.urcs.adding(profile.urcs.all)
    link = Link(port, machine, _overhear, lambda: None)
    reading = asyncio.ensure_future(_read(link))  # ended below, before the port is given back
    try:
        await wake(link, wake_within_s)
        return await _Examination(link, profiles).result()
    finally:
        reading.cancel()
        await asyncio.wait({reading})


async def _read(link: Link) -> None:
    try:
        await link.read_on()
    except LinkLostError as error:
        log.debug("%s", error)


def _overhear(event: Unsolicited | Late) -> None:
    log.debug("unasked: %s", type(event).__name__)


class _Examination:
    def __init__(self, link: Link, profiles: Profiles) -> None:
        self._link, self._profiles = link, profiles
        self._said: list[str] = []

    async def result(self) -> Found:
        identity = await who_is(self._link, _WITHIN_S)
        known = self._profiles.choose(identity.manufacturer, identity.model, identity.firmware)
        card = "" if known.cpin_no_ok else await self._card(no_ok=False)
        no_ok = not card
        card = card or await self._card(no_ok=True)
        stores = self._choices(await self._ask("+CPMS=?", "+CPMS:", noted=True), "+CPMS:")
        offered = self._choices(await self._ask("+CNMI=?", "+CNMI:", noted=True), "+CNMI:")
        for name in ("+CSMS=?", "+CSMS?", "+CNMI?", "+CPMS?", "+CREG?", "+CEREG?", "+CGREG?"):
            await self._ask(name, f"{name.rstrip('=?')}:", noted=True)
        order = [known, *(profile for profile in self._profiles if profile is not known)]
        first = stores[0] if stores else ()
        return Found(
            identity=identity,
            profile=known,
            card=card,
            cpin_no_ok=no_ok and card != "",
            memories=tuple(name for name in known.memories if name in first),
            cpms_form=min(len(stores), 3) or known.cpms_form,
            cnmi=tuple(value for value in self._profiles.generic.cnmi if _fits(value, offered)),
            iccid=await self._first((query for profile in order for query in profile.iccid), readings.iccid),
            pin_counter=await self._first(
                (query for profile in order for query in profile.pin_counter), readings.pin_tries
            ),
            signal=await self._first((query for profile in order for query in profile.signal), readings.signal_dbm),
            technology=await self._first(
                (query for profile in order for query in profile.technology), readings.technology
            ),
            said=tuple(self._said),
        )

    async def _card(self, *, no_ok: bool) -> str:
        """What +CPIN? says; some modems say it and no OK."""
        ends = ("+CPIN:",) if no_ok else ()
        lines = await optional(self._link, Command("+CPIN?", info=("+CPIN:",), final_prefixes=ends), _WITHIN_S)
        return next((state for line in lines or () if (state := parse_cpin(line))), "")

    async def _ask(self, command: str, prefix: str, *, noted: bool = False) -> tuple[str, ...]:
        lines = await optional(self._link, Command(command, info=(prefix,)), _WITHIN_S) or ()
        if noted:
            told = [_PLACE.sub('"…"', line) for line in lines if line.startswith(prefix)]  # where it stands stays here
            self._said += [f"{command} -> {line}" for line in told]
        return lines

    @staticmethod
    def _choices(lines: Sequence[str], prefix: str) -> tuple[tuple[str, ...], ...]:
        return next((found for line in lines if (found := parse_choices(line, prefix))), ())

    async def _first(
        self, queries: Iterable[Query], read: Callable[[Query, Sequence[str] | None], T | None]
    ) -> Query | None:
        """The first query, the family's own before others', whose answer can be read."""
        for query in dict.fromkeys(queries):
            if not is_question(query.command):
                continue
            if read(query, await optional(self._link, query.line, _WITHIN_S)) is not None:
                return query
        return None


def _fits(value: str, offered: tuple[tuple[str, ...], ...]) -> bool:
    return all(not allowed or item in allowed for item, allowed in zip(value.split(","), offered, strict=False))


def as_toml(found: Found, *, on_hardware: bool) -> str:
    """A profile that `modemfarm drivers check` takes; a person should read it and say more.

    Args:
        on_hardware: it was no pseudo-terminal that answered.
    """
    who = found.identity
    name = " ".join(word for word in (who.manufacturer, who.model) if word) or "Unknown modem"
    ds = [reports_of(value) for value in found.cnmi]
    reports = [style for kind, style in (("direct", "cds"), ("stored", "cdsi")) if kind in ds] or ["cds", "cdsi"]
    lines = [
        "# A first profile, written by `modemfarm drivers probe`. Read it, correct it, and say where facts are from."
    ]
    if found.profile.name != "generic":
        lines += [f"# The profile {found.profile.name} knows this modem already; copy that one if it needs a change."]
    lines += [f"# {said}" for said in found.said]
    if found.card != "READY":
        lines += [f"# The card said {found.card or 'nothing'}: what only an unlocked card tells is missing."]
    lines += [
        "",
        f"model = {_text(name)}",
        f"family = {_text(found.profile.family)}",
        f"seen_on_hardware = {str(on_hardware).lower()}",
        f"sources = [{_text('modemfarm drivers probe, firmware ' + (who.firmware or 'unknown'))}]",
        f"match = {{ cgmi = {_text(_exactly(who.manufacturer))}, cgmm = {_text(_exactly(who.model))} }}",
        f"examples = [[{_text(who.manufacturer)}, {_text(who.model)}]]",
        "",
    ]
    if found.memories:
        lines += [f"memories = {_texts(found.memories)}"]
    lines += [f"cpms_form = {found.cpms_form}"]
    if found.cnmi:
        lines += [f"cnmi = {_texts(found.cnmi)}"]
    lines += [f"reports = {_texts(reports)}"]
    for key in ("iccid", "pin_counter", "signal", "technology"):
        query: Query | None = getattr(found, key)
        if query is not None:
            lines += [f"{key} = {_query(query)}"]
    if found.cpin_no_ok:
        lines += ["cpin_no_ok = true"]
    if found.profile.csms:
        lines += [f"csms = {found.profile.csms}", f"cnma = {_text(found.profile.cnma)}"]
    return "\n".join(lines) + "\n"


def _query(query: Query) -> str:
    field = f", field = {query.field}" if query.field else ""
    return (
        f"{{ command = {_text(query.command)}, prefix = {_text(query.prefix)}, parser = {_text(query.parser)}{field} }}"
    )


def _exactly(value: str) -> str:
    return f"^{re.escape(value)}$"


def _texts(values: Iterable[str]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"


def _text(value: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(value)
