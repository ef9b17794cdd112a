"""Driver profiles: what a family of modems wants and says, read from drivers/*.toml, laid over generic.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modemfarm.errors import ConfigError

GENERIC = "generic"
_NOT_PROFILES = frozenset({"errors"})  # drivers/errors.toml belongs to the error classification
_MERGED = frozenset({"timeouts_s", "urcs"})  # tables laid over generic's key by key; all else is replaced


@dataclass(frozen=True, slots=True)
class InitCommand:
    """One command of the bring-up; `optional` ones may fail."""

    text: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A command whose reply holds one wanted value.

    Attributes:
        command: without "AT".
        prefix: of the reply line; "" when the value stands alone on its line.
        field: index of the value among the comma-separated fields behind the prefix.
    """

    command: str
    prefix: str
    field: int = 0


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


@dataclass(frozen=True, slots=True)
class Urcs:
    """What unsolicited lines mean, by prefix.

    Attributes:
        extra: vendor prefixes beyond the standard's, so that they are never taken for a reply.
        boot_ready: the modem can do SMS now.
        reboot: it has just started: everything we set is gone.
        sim: something happened to the card: read it again.
        full: a message store is full: sweep.
    """

    extra: tuple[str, ...]
    boot_ready: tuple[str, ...]
    reboot: tuple[str, ...]
    sim: tuple[str, ...]
    full: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """One family.

    Attributes:
        name: the file's stem.
        family: whose vendor codes drivers/errors.toml applies.
        match_cgmi, match_cgmm: regular expressions on the identification; both must fit; None fits anything.
        memories: message stores in the order we want them; reading, sending and receiving use the same one.
        cpms_form: how many memories +CPMS= takes, 3, 2 or 1.
        cnmi: values of +CNMI= to try, best first (TS 27.005 §3.4.1).
        reports: how delivery reports come: ``cds``, ``cdsi`` or ``stored``.
        reports_kept: reports were seen to survive a stopped daemon with this profile.
        list_method: ``cmgl`` or ``cmgr`` (index by index, for slow UARTs).
        cmms_verified: AT+CMMS was seen to work.
        cpin_no_ok: +CPIN? ends without a final result code.
        reset: the vendor's restart command.
        radio_off, radio_on: the CFUN cycle.
    """

    name: str
    model: str
    family: str
    match_cgmi: str | None
    match_cgmm: str | None
    init: tuple[InitCommand, ...]
    memories: tuple[str, ...]
    cpms_form: int
    cnmi: tuple[str, ...]
    reports: str
    reports_kept: bool
    list_method: str
    iccid: tuple[Query, ...]
    pin_counter: Query | None
    urcs: Urcs
    timeouts: Timeouts
    reset: str
    radio_off: str
    radio_on: str
    cmms_verified: bool
    cpin_no_ok: bool

    def fits(self, manufacturer: str, model: str) -> bool:
        """Whether an identified modem is of this family."""
        if self.match_cgmi is None and self.match_cgmm is None:
            return False
        return all(
            wanted is None or re.search(wanted, found) is not None
            for wanted, found in ((self.match_cgmi, manufacturer), (self.match_cgmm, model))
        )


@dataclass(frozen=True, slots=True)
class Profiles:
    """All profiles, generic among them."""

    generic: Profile
    families: tuple[Profile, ...]

    def choose(self, manufacturer: str, model: str) -> Profile:
        """The profile for +CGMI's and +CGMM's answers; generic when no family fits."""
        return next((profile for profile in self.families if profile.fits(manufacturer, model)), self.generic)


def load_profiles(*folders: Path) -> Profiles:
    """Read every profile of these folders; a later folder's file replaces an earlier one of its name.

    Raises:
        ConfigError: an unknown key, a value that cannot be used, or no generic.toml.
    """
    files: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            if path.stem not in _NOT_PROFILES:
                files[path.stem] = path
    if GENERIC not in files:
        raise ConfigError(str(folders[0]) if folders else "", "", "there is no generic.toml")
    base = _read(files[GENERIC])
    generic = _build(files[GENERIC], base)
    families = (_build(path, _laid_over(base, _read(path))) for name, path in sorted(files.items()) if name != GENERIC)
    return Profiles(generic, tuple(families))


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), "", f"not TOML: {error}") from error
    except OSError as error:
        raise ConfigError(str(path), "", f"cannot be read: {error.strerror}") from error


def _laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` wins; matching is never inherited."""
    merged = {key: value for key, value in base.items() if key != "match"}
    for key, value in over.items():
        below = merged.get(key)
        if key in _MERGED and isinstance(below, dict) and isinstance(value, dict):
            merged[key] = below | value
        else:
            merged[key] = value
    return merged


class _Table:
    """One TOML table being read: every key must be asked for, none may be missing."""

    def __init__(self, path: Path, values: object, at: str = "") -> None:
        self.path, self.at = str(path), at
        if not isinstance(values, dict):
            raise ConfigError(self.path, at, "expected a table")
        self._left = dict(values)

    def take(self, key: str, check: Callable[[object], bool], wanted: str, default: object = ...) -> Any:
        if key not in self._left:
            if default is ...:
                raise ConfigError(self.path, self.name(key), f"is missing: expected {wanted}")
            return default
        value = self._left.pop(key)
        if not check(value):
            raise ConfigError(self.path, self.name(key), f"expected {wanted}, found {value!r}")
        return value

    def name(self, key: str) -> str:
        return f"{self.at}.{key}" if self.at else key

    def text(self, key: str, default: object = ...) -> Any:
        return self.take(key, lambda value: isinstance(value, str), "text", default)

    def texts(self, key: str) -> tuple[str, ...]:
        def check(value: object) -> bool:
            return isinstance(value, list) and all(isinstance(item, str) for item in value)

        return tuple(self.take(key, check, "a list of texts"))

    def flag(self, key: str) -> bool:
        return bool(self.take(key, lambda value: isinstance(value, bool), "true or false"))

    def one_of(self, key: str, *allowed: object) -> Any:
        return self.take(key, lambda value: value in allowed, " or ".join(map(repr, allowed)))

    def seconds(self, key: str) -> float:
        def check(value: object) -> bool:
            return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 600

        return float(self.take(key, check, "seconds, 0 to 600"))

    def pattern(self, key: str) -> str | None:
        value: str | None = self.text(key, None)
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ConfigError(self.path, self.name(key), f"not a regular expression: {error}") from error
        return value

    def inner(self, key: str, default: object = ...) -> _Table:
        return _Table(self.path_, self.take(key, lambda value: isinstance(value, dict), "a table", default), key)

    @property
    def path_(self) -> Path:
        return Path(self.path)

    def done(self) -> None:
        for key in self._left:
            raise ConfigError(self.path, self.name(key), "unknown key")


def _build(path: Path, values: Mapping[str, Any]) -> Profile:
    table = _Table(path, dict(values))
    match = table.inner("match", {})
    times = table.inner("timeouts_s")
    urcs = table.inner("urcs")
    profile = Profile(
        name=path.stem,
        model=table.text("model"),
        family=table.text("family"),
        match_cgmi=match.pattern("cgmi"),
        match_cgmm=match.pattern("cgmm"),
        init=_commands(table, "init"),
        memories=table.texts("memories"),
        cpms_form=table.one_of("cpms_form", 3, 2, 1),
        cnmi=table.texts("cnmi"),
        reports=table.one_of("reports", "cds", "cdsi", "stored"),
        reports_kept=table.flag("reports_kept"),
        list_method=table.one_of("list_method", "cmgl", "cmgr"),
        iccid=_queries(table, "iccid"),
        pin_counter=next(iter(_queries(table, "pin_counter")), None),
        urcs=Urcs(**{name: urcs.texts(name) for name in Urcs.__dataclass_fields__}),
        timeouts=Timeouts(**{name: times.seconds(name) for name in Timeouts.__dataclass_fields__}),
        reset=table.text("reset"),
        radio_off=table.text("radio_off"),
        radio_on=table.text("radio_on"),
        cmms_verified=table.flag("cmms_verified"),
        cpin_no_ok=table.flag("cpin_no_ok"),
    )
    table.texts("sources")  # every file says where its facts come from
    for part in (table, match, times, urcs):
        part.done()
    return profile


def _commands(table: _Table, key: str) -> tuple[InitCommand, ...]:
    found = []
    for index, item in enumerate(table.take(key, lambda value: isinstance(value, list), "a list of commands")):
        if isinstance(item, str):
            found.append(InitCommand(item))
            continue
        inner = _Table(table.path_, item, f"{key}[{index}]")
        found.append(InitCommand(inner.text("send"), inner.flag("optional")))
        inner.done()
    return tuple(found)


def _queries(table: _Table, key: str) -> tuple[Query, ...]:
    """One table, or a list of them to be tried in order."""
    value = table.take(key, lambda value: isinstance(value, dict | list), "a table or a list of tables")
    found = []
    for index, item in enumerate(value if isinstance(value, list) else [value]):
        inner = _Table(table.path_, item, f"{key}[{index}]" if isinstance(value, list) else key)
        field = inner.take("field", lambda value: isinstance(value, int) and 0 <= value <= 9, "0 to 9", 0)
        found.append(Query(inner.text("command"), inner.text("prefix"), field))
        inner.done()
    return tuple(found)
