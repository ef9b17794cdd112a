"""A country's rules for offers as data: hours, caps, who must be named, how to opt out, and who vouched for it here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from modemfarm.errors import ConfigError
from modemfarm.policy.frequency import Caps
from modemfarm.policy.quiet import Hours, hours_text, parse_hours

NAMES = ("unknown", "CN", "RU", "FR", "IN", "UK", "US", "EU")
OwnSim = Literal["prohibited", "restricted", "operator_contract", "carrier_terms", "check_contract"]
_OWN_SIM = frozenset({"prohibited", "restricted", "operator_contract", "carrier_terms", "check_contract"})
_KEYS = frozenset(
    {"checked_on", "verified", "countries", "own_sim_marketing", "hours", "holidays", "caps", "signature", "opt_out",
     "advice", "rules"}
)  # fmt: skip
OWN = ("profile", "brand", "contact", "signature", "opt_out_line")  # stand in config.yaml or in the database
FARM = ("max_opt_out_rate",)  # stands in the database, whatever the profile
EDITABLE = ("hours", "per_day", "per_month", "own_sim_marketing", "verified_by")  # laid over the profile


@dataclass(frozen=True, slots=True)
class Rule:
    """Where one rule of a profile comes from."""

    about: str
    basis: str
    source: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What holds for offers.

    Attributes:
        verified_by: who checked it against the law; None: nobody has.
        own_sim: what a farm may do with its own SIMs.
        signature: how the sender is named, with ``{brand}``; "" when nothing is asked for.
        signature_marks: a text between these two is a signature; "" where there is no such form.
        opt_out_line: put behind every offer; "" for none.
        opt_out_marks: a text that holds one of these tells how to opt out already.
        advice: sentences by language.
    """

    name: str
    checked_on: str
    verified_by: str | None
    countries: frozenset[str]
    own_sim: OwnSim
    hours: Hours
    caps: Caps
    signature: str
    signature_marks: str
    opt_out_line: str
    opt_out_marks: tuple[str, ...]
    advice: Mapping[str, tuple[str, ...]]
    rules: tuple[Rule, ...]

    @classmethod
    def from_mapping(cls, name: str, data: Mapping[str, Any]) -> Profile:
        """A profile of a parsed TOML file.

        Raises:
            ConfigError: a key is unknown or does not hold what it should.
        """
        file = f"{name}.toml"
        for key in data:
            if key not in _KEYS:
                raise ConfigError(file, key, f"unknown key; known are {', '.join(sorted(_KEYS))}")
        try:
            holidays, signature, opt_out = (data.get(key, {}) for key in ("holidays", "signature", "opt_out"))
            return cls(
                name=name,
                checked_on=str(data["checked_on"]),
                verified_by=data.get("verified") or None,
                countries=frozenset(data["countries"]),
                own_sim=_own_sim(data["own_sim_marketing"]),
                hours=Hours(
                    parse_hours(data["hours"]),
                    frozenset(_month_day(item) for item in holidays.get("fixed", ())),
                    frozenset(holidays.get("easter", ())),
                ),
                caps=Caps(**data.get("caps", {})),
                signature=signature.get("form", ""),
                signature_marks=signature.get("marks", ""),
                opt_out_line=opt_out.get("line", ""),
                opt_out_marks=tuple(opt_out.get("marks", ())),
                advice={lang: tuple(lines) for lang, lines in data["advice"].items()},
                rules=tuple(Rule(**item) for item in data["rules"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(file, "", f"not a profile: {error}") from error


def _own_sim(value: object) -> OwnSim:
    if value not in _OWN_SIM:
        raise ValueError(f"own_sim_marketing is one of {', '.join(sorted(_OWN_SIM))}, not {value!r}")
    return value  # type: ignore[return-value]  # a member of the set


def _month_day(text: str) -> tuple[int, int]:
    month, day = text.split("-")
    return int(month), int(day)


def profile_of(country: str | None, profiles: Callable[[str], Profile]) -> str:
    """The profile that names a country; ``unknown`` when none does."""
    return next((name for name in NAMES if country in profiles(name).countries), "unknown")


@dataclass(frozen=True, slots=True)
class Attestation:
    """Somebody's word that offers may be sent under a profile.

    Attributes:
        document: the clearance that it rests on, by name; None: none was named.
    """

    profile: str
    who: str
    basis: str
    document: str | None
    until: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Configured:
    """What config.yaml says on rules; None where it is silent and the database speaks.

    Attributes:
        zone: the farm's own; where nothing else is known of a person.
        customers_zone: that of people whose own is not known.
        country: whose people `customers_zone` means.
    """

    profile: str | None = None
    brand: str | None = None
    contact: str | None = None
    signature: str | None = None
    opt_out_line: str | None = None
    zone: str = "UTC"
    customers_zone: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules in force: the profile with the owner's changes, and the owner's own words."""

    profile: Profile
    attestation: Attestation | None = None
    brand: str | None = None
    contact: str | None = None
    own_signature: str | None = None
    own_opt_out_line: str | None = None
    zone: str = "UTC"
    customers_zone: str | None = None
    country: str | None = None
    changed: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_open(self) -> bool:
        """Whether offers may be sent at all."""
        given = self.attestation
        return given is not None and (self.profile.own_sim != "prohibited" or bool(given.document))

    @property
    def signature(self) -> str | None:
        """What names the sender in every offer; "" where nothing is asked, None where it is missing."""
        if self.own_signature is not None:
            return self.own_signature
        if not self.profile.signature:
            return ""
        return None if self.brand is None else self.profile.signature.replace("{brand}", self.brand)

    @property
    def opt_out_line(self) -> str:
        """What tells how to opt out in every offer."""
        return self.profile.opt_out_line if self.own_opt_out_line is None else self.own_opt_out_line


def laid_over(profile: Profile, changes: Mapping[str, str]) -> Profile:
    """A profile with the owner's changes.

    Raises:
        ValueError: a value does not fit its key.
    """
    if "hours" in changes:
        profile = replace(profile, hours=replace(profile.hours, days=parse_hours(changes["hours"])))
    for key in ("per_day", "per_month"):
        if key in changes:
            profile = replace(profile, caps=replace(profile.caps, **{key: _count(changes[key])}))
    if "own_sim_marketing" in changes:
        profile = replace(profile, own_sim=_own_sim(changes["own_sim_marketing"]))
    if "verified_by" in changes:
        profile = replace(profile, verified_by=changes["verified_by"])
    return profile


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1000):
        raise ValueError(f"expected a number from 1 to 1000, not {text!r}")
    return int(text)


RATE_MOST = 0.02  # of those who got an offer, by refusals; above it offers are paused
_RATE_BOUNDS = (0.001, 0.2)


def rate_of(text: str) -> float:
    """A highest rate of refusals, as typed.

    Raises:
        ValueError: it is none, or so high or low that it would mean nothing.
    """
    low, high = _RATE_BOUNDS
    try:
        rate = float(text)
    except ValueError:
        rate = -1
    if not low <= rate <= high:  # also what is no number
        raise ValueError(f"expected a share from {low} to {high}, like 0.02, not {text!r}")
    return rate


def hours_of(profile: Profile) -> str:
    """A profile's hours as text."""
    return hours_text(profile.hours.days)


def is_signed(text: str, rules: Rules) -> bool:
    """Whether a text names its sender already, in the form that the rules ask for."""
    signature, marks = rules.signature, rules.profile.signature_marks
    if signature and signature.strip() in text:
        return True
    plain = text.strip()
    if len(marks) == 2:
        head, tail = plain.partition(marks[1])[0], plain.rpartition(marks[0])[2]
        return (plain.startswith(marks[0]) and marks[1] in plain and len(head) > 1) or (
            plain.endswith(marks[1]) and marks[0] in plain and len(tail) > 1
        )
    return bool(rules.brand) and (rules.brand or "").casefold() in plain.casefold()


def tells_how_to_opt_out(text: str, rules: Rules) -> bool:
    """Whether a text says already how to get no more of its kind."""
    marks = (rules.opt_out_line.strip(), *rules.profile.opt_out_marks)
    folded = text.casefold()
    return any(mark and mark.casefold() in folded for mark in marks)


def completed(text: str, rules: Rules) -> str:
    """An offer with its sender named and the way out told, each exactly once; complete ones stay as they are."""
    if rules.signature and not is_signed(text, rules):
        text = rules.signature + text
    if rules.opt_out_line and not tells_how_to_opt_out(text, rules):
        text += rules.opt_out_line
    return text
