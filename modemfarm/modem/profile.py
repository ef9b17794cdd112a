"""Reads driver profiles from drivers/*.toml, laid over generic.toml; every fault names file, key and reason."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modemfarm.errors import ConfigError
from modemfarm.modem.console import may_stand
from modemfarm.modem.family import (
    MODES,
    ROLES,
    InitCommand,
    Match,
    Profile,
    Profiles,
    Ready,
    Timeouts,
    Urcs,
    Usb,
    Ussd,
)
from modemfarm.modem.readings import PARSERS, Query
from modemfarm.modem.table import Table

GENERIC = "generic"

_NOT_PROFILES = frozenset({"errors"})  # drivers/errors.toml belongs to the error classification
_MERGED = frozenset({"timeouts_s", "urcs", "ussd"})  # tables laid over generic's key by key; all else is replaced
_OWN = frozenset({"match", "examples", "devices", "usb", "sources", "remarks", "buy", "seen_on_hardware"})
_USB_ID = r"[0-9a-f]{4}:[0-9a-f]{4}"
_CNMI = r"[0-3],[0-3](?:,[0-3](?:,[0-2](?:,[01])?)?)?"
_RESULTS = ("OK", "ERROR", "+CME ERROR: 1", "+CMS ERROR: 1", "+CMGS: 1", "> ")  # no URC may look like one
_MEMORIES = r"SM|ME|MT|SR|BM"
_CHARSET = r"[A-Za-z0-9-]{1,16}"


def load_profiles(*folders: Path) -> Profiles:
    """Read every profile of these folders; a later folder's file replaces an earlier one of its name.

    A later folder's families are looked at first: its owner knows best.

    Raises:
        ConfigError: an unknown key, a value that cannot be used, or no generic.toml.
    """
    files = _files(folders)
    base = _read(files[GENERIC])
    generic = _build(files[GENERIC], base)
    families = (_build(path, _laid_over(base, _read(path))) for name, path in files.items() if name != GENERIC)
    return Profiles(generic, tuple(families))


def faults_of(*folders: Path) -> list[ConfigError]:
    """What is wrong with the profiles of these folders: the first fault of every file.

    A profile whose own examples choose another one beside it, or none, is faulty too.
    """
    found: list[ConfigError] = []
    try:
        files = _files(folders)
        base, generic = _generic(files[GENERIC])
    except ConfigError as error:
        found.append(error)
        try:  # what is wrong with the others is told too, laid over the generic.toml that comes with modemfarm
            files = _files(folders)
            base, generic = _generic(folders[0] / f"{GENERIC}.toml")
        except ConfigError:
            return found
    families = []
    for name, path in files.items():
        try:
            if name != GENERIC:
                families.append(_build(path, _laid_over(base, _read(path))))
        except ConfigError as error:
            found.append(error)
    profiles = Profiles(generic, tuple(families))
    for profile in families:
        for maker, model in profile.examples:
            chosen = profiles.choose(maker, model).name
            of_the_same = files[chosen].parent == files[profile.name].parent  # an owner's may take over ours
            if chosen != profile.name and (of_the_same or chosen == GENERIC):
                found.append(ConfigError(str(files[profile.name]), "examples", f"{maker} {model} chooses {chosen}"))
    return found


def _generic(path: Path) -> tuple[dict[str, Any], Profile]:
    base = _read(path)
    return base, _build(path, base)


def _files(folders: tuple[Path, ...]) -> dict[str, Path]:
    """Every profile's file by its name, the last folder's first."""
    files: dict[str, Path] = {}
    for folder in folders:
        mine = {path.stem: path for path in sorted(folder.glob("*.toml")) if path.stem not in _NOT_PROFILES}
        files = mine | {name: path for name, path in files.items() if name not in mine}
    if GENERIC not in files:
        raise ConfigError(str(folders[0]) if folders else "", "", "there is no generic.toml")
    return files


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "", f"not TOML: {error}") from error
    except OSError as error:
        raise ConfigError(str(path), "", f"cannot be read: {error.strerror}") from error


def _laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` wins; who a modem is and where the facts come from is never inherited."""
    merged = {key: value for key, value in base.items() if key not in _OWN}
    for key, value in over.items():
        below = merged.get(key)
        if key in _MERGED and isinstance(below, dict) and isinstance(value, dict):
            merged[key] = below | value
        else:
            merged[key] = value
    return merged


def _build(path: Path, values: Mapping[str, Any]) -> Profile:
    table = Table(str(path), dict(values))
    profile = Profile(
        name=path.stem,
        model=table.text("model"),
        family=table.text("family"),
        devices=table.text("devices", ""),
        buy=table.one_of("buy", "yes", "works", "no", default="works"),
        remarks=table.texts("remarks", []),
        sources=table.texts("sources", []),
        seen_on_hardware=table.flag("seen_on_hardware", default=False),
        matches=tuple(_matches(table)),
        examples=_examples(table),
        usb=tuple(_usb(table)),
        init=_commands(table, "init"),
        memories=table.texts("memories", pattern=_MEMORIES, wanted="memories like SM and ME", some=True),
        cpms_form=table.one_of("cpms_form", 3, 2, 1),
        cnmi=table.texts("cnmi", pattern=_CNMI, wanted="values like 2,1,0,1,0", some=True),
        csms=table.one_of("csms", 0, 1, 128),
        cnma=table.one_of("cnma", "none", "plain", "one", "zero"),
        reports=table.some_of("reports", "cds", "cdsi", "stored"),
        reports_kept=table.flag("reports_kept"),
        list_method=table.one_of("list_method", "cmgl", "cmgr"),
        deletes_siblings=table.flag("deletes_siblings"),
        iccid=_queries(table, "iccid"),
        own_number=_queries(table, "own_number"),
        pin_counter=_queries(table, "pin_counter"),
        signal=_queries(table, "signal"),
        technology=_queries(table, "technology"),
        temperature=_queries(table, "temperature"),
        voltage=_queries(table, "voltage"),
        ready=_ready(table),
        ussd=_ussd(table),
        urcs=_urcs(table),
        timeouts=_timeouts(table),
        reset_first=_plain(table, "reset_first"),
        reset=_plain(table, "reset"),
        radio_off=_command(table, "radio_off"),
        radio_on=_command(table, "radio_on"),
        cmms_verified=table.flag("cmms_verified"),
        cpin_no_ok=table.flag("cpin_no_ok"),
        sim_at_power_on=table.flag("sim_at_power_on"),
    )
    table.done()
    return profile


def _checked(table: Table, key: str, text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise table.fail(key, f"a command is printable ASCII: {text!r}")
    if text[:2].upper() == "AT":
        raise table.fail(key, f"a command stands without its AT: {text!r}")
    # No profile may change an identifier, send, call, delete, touch a PIN or write to the modem's memory by itself.
    if not may_stand(text):
        raise table.fail(
            key, f"no profile may send {text!r}: only queries and the settings that are known to be harmless"
        )
    return text


def _command(table: Table, key: str) -> str:
    return _checked(table, key, table.text(key))


def _plain(table: Table, key: str) -> tuple[str, ...]:
    return tuple(_checked(table, key, text) for text in table.texts(key))


def _matches(table: Table) -> Iterator[Match]:
    for inner in table.each("match", []):
        yield Match(inner.pattern("cgmi"), inner.pattern("cgmm"), inner.pattern("cgmr"))
        inner.done()


def _examples(table: Table) -> tuple[tuple[str, str], ...]:
    def check(value: object) -> bool:
        return isinstance(value, list) and all(
            isinstance(item, list) and len(item) == 2 and all(isinstance(word, str) for word in item) for item in value
        )

    value = table.take("examples", check, "a list of pairs: manufacturer and model", [])
    return tuple((item[0], item[1]) for item in value)


def _usb(table: Table) -> Iterator[Usb]:
    for inner in table.each("usb", []):
        yield Usb(
            ids=inner.texts("ids", pattern=_USB_ID, wanted="ids like 12d1:1001"),
            mode=inner.one_of("mode", *sorted(MODES), default="serial"),
            interfaces=inner.pairs("interfaces", r"[0-9a-f]{2}", 'an interface\'s number like "02"', ROLES),
            protocols=inner.pairs("protocols", r"[0-9a-f]{2}/[0-9a-f]{2}", 'subclass and protocol like "06/10"', ROLES),
        )
        inner.done()


def _commands(table: Table, key: str) -> tuple[InitCommand, ...]:
    found = []
    for index, item in enumerate(table.take(key, lambda value: isinstance(value, list), "a list of commands")):
        if isinstance(item, str):
            found.append(InitCommand(_checked(table, f"{key}[{index}]", item)))
            continue
        inner = Table(table.file, item, f"{key}[{index}]")
        found.append(InitCommand(_command(inner, "send"), inner.flag("optional")))
        inner.done()
    return tuple(found)


def _queries(table: Table, key: str) -> tuple[Query, ...]:
    """One table, or a list of them to be tried in order; none where the key is missing."""
    found = []
    for inner in table.each(key, []):
        found.append(_query(inner, key))
        if key == "iccid" and not found[-1].prefix:
            raise inner.fail("prefix", "expected what the answer's line begins with")
        inner.done()
    return tuple(found)


def _query(inner: Table, key: str) -> Query:
    return Query(
        _command(inner, "command"),
        inner.text("prefix"),
        inner.one_of("parser", *PARSERS[key]),
        inner.number("field", 0, 19, 0),
    )


def _ready(table: Table) -> Ready | None:
    for inner in table.each("ready", []):
        ready = Ready(_query(inner, "ready"), inner.number("at_least", 0, 255))
        inner.done()
        return ready
    return None


def _ussd(table: Table) -> Ussd:
    inner = table.inner("ussd")
    ussd = Ussd(
        inner.some_of("encodings", "plain", "packed", "ucs2"), inner.text("charset"), inner.number("dcs", 0, 255)
    )
    inner.done()
    if not re.fullmatch(_CHARSET, ussd.charset):
        raise table.fail("ussd.charset", f"expected a plain word like GSM, found {ussd.charset!r}")
    return ussd


def _urcs(table: Table) -> Urcs:
    inner = table.inner("urcs")
    urcs = Urcs(**{name: inner.texts(name) for name in Urcs.__dataclass_fields__})
    for name in Urcs.__dataclass_fields__:
        for text in getattr(urcs, name):
            if not text.strip():
                raise inner.fail(name, "an empty text is how every line begins")
            if any(result.startswith(text) for result in _RESULTS):
                raise inner.fail(name, f"{text!r} is how a command's result begins")
    inner.done()
    return urcs


def _timeouts(table: Table) -> Timeouts:
    inner = table.inner("timeouts_s")
    times = Timeouts(**{name: inner.seconds(name) for name in Timeouts.__dataclass_fields__})
    inner.done()
    return times
