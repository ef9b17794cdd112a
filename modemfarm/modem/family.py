"""Driver profiles: what a family of modems wants and says; drivers/*.toml hold the facts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modemfarm.modem.readings import Query

MODES = frozenset({"serial", "hilink", "cdrom", "mbim", "flash"})
ROLES = frozenset({"at", "at2", "ppp", "diag", "nmea", "gnss", "ignore"})


@dataclass(frozen=True, slots=True)
class InitCommand:
    """One command of the bring-up; `optional` ones may fail."""

    text: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long this family may take, in seconds."""

    command: float
    prompt: float
    cmgs: float
    cpin: float
    list: float
    boot: float
    pin_settle: float
    reset: float
    ussd: float


@dataclass(frozen=True, slots=True)
class Urcs:
    """What unsolicited lines mean, by prefix.

    Attributes:
        extra: vendor prefixes beyond the standard's, so that they are never taken for a reply.
        boot_ready: the modem can do SMS now.
        reboot: it has just started: everything we set is gone.
        sim: something happened to the card: read it again.
        network: something happened to the registration: ask for it again.
        full: a message store is full: sweep.
        power: it lacks power or is too hot; it may fail any moment.
    """

    extra: tuple[str, ...]
    boot_ready: tuple[str, ...]
    reboot: tuple[str, ...]
    sim: tuple[str, ...]
    network: tuple[str, ...]
    full: tuple[str, ...]
    power: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.extra, *self.boot_ready, *self.reboot, *self.sim, *self.network, *self.full, *self.power)


def says(line: str, entries: tuple[str, ...]) -> bool:
    """Whether a line is one of these URCs; ``+WIND: 1`` is not ``+WIND: 10``."""
    return line.startswith(entries) and any(
        line.startswith(entry) and (entry.endswith(":") or not line[len(entry) : len(entry) + 1].isalnum())
        for entry in entries
    )


@dataclass(frozen=True, slots=True)
class Match:
    """Regular expressions on the identification; all that are given must fit."""

    cgmi: str | None
    cgmm: str | None
    cgmr: str | None = None

    def fits(self, manufacturer: str, model: str, firmware: str) -> bool:
        pairs = ((self.cgmi, manufacturer), (self.cgmm, model), (self.cgmr, firmware))
        given = [(wanted, found) for wanted, found in pairs if wanted is not None]
        return bool(given) and all(re.search(wanted, found) is not None for wanted, found in given)


@dataclass(frozen=True, slots=True)
class Usb:
    """Some USB ids of a family, and what their interfaces are.

    Attributes:
        ids: ``vid:pid``, lower-case hex.
        mode: ``serial``: has AT ports; ``mbim``: may have none; ``hilink``, ``cdrom``, ``flash``: has none.
        interfaces: role by bInterfaceNumber, two hex digits.
        protocols: role by ``subclass/protocol``, two hex digits each.
    """

    ids: tuple[str, ...]
    mode: str
    interfaces: Mapping[str, str]
    protocols: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ready:
    """A question that tells when a starting modem can do SMS: the answer's number is at least `at_least`."""

    query: Query
    at_least: int


@dataclass(frozen=True, slots=True)
class Ussd:
    """How USSD strings travel.

    Attributes:
        encodings: ``plain``, ``packed`` (7-bit septets as hex) or ``ucs2``, in the order to try.
        charset: +CSCS while USSD is used.
    """

    encodings: tuple[str, ...]
    charset: str
    dcs: int


@dataclass(frozen=True, slots=True)
class Profile:
    """One family.

    Attributes:
        name: the file's stem.
        family: whose vendor codes drivers/errors.toml applies.
        devices: model names by which people know them.
        buy: ``yes``, ``works`` or ``no``: what we tell somebody who is about to buy one.
        remarks: what an owner should know.
        matches: identifications; one must fit.
        examples: (+CGMI, +CGMM) answers that must choose this profile.
        memories: message stores in the order we want them; reading, sending and receiving use the same one.
        cpms_form: how many memories +CPMS= takes, 3, 2 or 1.
        cnmi: values of +CNMI= to try, best first (TS 27.005 §3.4.1).
        csms: service of +CSMS=; with any but 0 each direct message must be acknowledged.
        cnma: how: ``plain`` (+CNMA), ``one`` (+CNMA=1), ``zero`` (+CNMA=0); ``none``: the family has no +CNMA.
        reports: how delivery reports come: ``cds`` (ds 1), ``cdsi`` (ds 2) or ``stored`` (as any message, ds 0).
        reports_kept: reports were seen to survive a stopped daemon with this profile.
        list_method: ``cmgl`` or ``cmgr`` (index by index, for slow UARTs).
        deletes_siblings: deleting one part of a long message deletes the others.
        signal, technology, temperature, voltage: vendor's readings; None: +CSQ, +COPS?, none, none.
        reset_first: sent before a reset, whatever it answers.
        reset: commands that restart the modem, each tried when the one before was refused.
        radio_off, radio_on: the CFUN cycle.
        cmms_verified: AT+CMMS was seen to work.
        cpin_no_ok: +CPIN? ends without a final result code.
        sim_at_power_on: a SIM that is put in later is seen only after a restart.
    """

    name: str
    model: str
    family: str
    devices: str
    buy: str
    remarks: tuple[str, ...]
    sources: tuple[str, ...]
    seen_on_hardware: bool
    matches: tuple[Match, ...]
    examples: tuple[tuple[str, str], ...]
    usb: tuple[Usb, ...]
    init: tuple[InitCommand, ...]
    memories: tuple[str, ...]
    cpms_form: int
    cnmi: tuple[str, ...]
    csms: int
    cnma: str
    reports: tuple[str, ...]
    reports_kept: bool
    list_method: str
    deletes_siblings: bool
    iccid: tuple[Query, ...]
    own_number: tuple[Query, ...]
    pin_counter: tuple[Query, ...]
    signal: tuple[Query, ...]
    technology: tuple[Query, ...]
    temperature: tuple[Query, ...]
    voltage: tuple[Query, ...]
    ready: Ready | None
    ussd: Ussd
    urcs: Urcs
    timeouts: Timeouts
    reset_first: tuple[str, ...]
    reset: tuple[str, ...]
    radio_off: str
    radio_on: str
    cmms_verified: bool
    cpin_no_ok: bool
    sim_at_power_on: bool

    def fits(self, manufacturer: str, model: str, firmware: str = "") -> bool:
        """Whether an identified modem is of this family."""
        return any(match.fits(manufacturer, model, firmware) for match in self.matches)


@dataclass(frozen=True, slots=True)
class Profiles:
    """All profiles, generic among them."""

    generic: Profile
    families: tuple[Profile, ...]

    def __iter__(self) -> Iterator[Profile]:
        return iter((*self.families, self.generic))

    def choose(self, manufacturer: str, model: str, firmware: str = "") -> Profile:
        """The profile for +CGMI's, +CGMM's and +CGMR's answers; generic when no family fits."""
        fitting = (profile for profile in self.families if profile.fits(manufacturer, model, firmware))
        return next(fitting, self.generic)

    @property
    def starting(self) -> Urcs:
        """What any family says while it starts: to be understood before the modem itself is known."""
        none: tuple[str, ...] = ()
        return Urcs(
            extra=none,
            boot_ready=tuple(dict.fromkeys(line for profile in self for line in profile.urcs.boot_ready)),
            reboot=tuple(dict.fromkeys(line for profile in self for line in profile.urcs.reboot)),
            sim=self.generic.urcs.sim,
            network=none,
            full=none,
            power=none,
        )
