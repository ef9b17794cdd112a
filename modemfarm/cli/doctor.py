"""`modemfarm doctor`: looks for what is wrong, and says how to mend it."""

from __future__ import annotations

import glob
import grp
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click

from modemfarm.cli import doctor_usb as usb
from modemfarm.cli.context import Farm, now, pass_farm, tighten
from modemfarm.cli.finding import Finding
from modemfarm.cli.install import RULES
from modemfarm.cli.modems import spoken
from modemfarm.cli.outcome import Exit
from modemfarm.cli.output import emit, json_option, say, words
from modemfarm.errors import ModemfarmError
from modemfarm.store import admin, hosts, migrations, views
from modemfarm.store.engine import Store, from_us

LEAST_FREE_OCTETS = 200 * 1024 * 1024
CLOCK_WITHIN = timedelta(seconds=60)
FIRST_YEAR = 2025  # a clock before this program was written is wrong
_SERIAL = ("/dev/ttyUSB*", "/dev/ttyACM*")


@click.command()
@json_option
@pass_farm
def doctor(farm: Farm, as_json: bool) -> int:
    """Look for what is wrong and say how to mend it; exits 1 when something is.

    --json prints {"ok", "checks": [{"check", "ok", "what", "fix"}]}.
    """
    found = list(examine(farm))
    well = all(item.ok for item in found)
    if as_json:
        emit({"ok": well, "checks": [asdict(item) for item in found]})
    else:
        for item in found:
            say(f"{'ok ' if item.ok else 'BAD'}  {item.check}: {item.what}")
            if item.fix and not item.ok:
                say(f"     -> {item.fix}")
    return Exit.DONE if well else Exit.FAILED


def examine(farm: Farm) -> Iterator[Finding]:
    """Every check, in the order in which things depend on each other."""
    try:
        config = farm.config
    except ModemfarmError as error:
        yield Finding("configuration", False, str(error), "mend that line, or run `modemfarm init`")
        return
    yield Finding("configuration", True, config.name)
    store = Store(config.database, config.state_dir)
    yield from _folder(config.state_dir)
    tightened = tighten(config.state_dir, store.file)
    yield Finding("rights", True, f"tightened: {', '.join(map(str, tightened))}" if tightened else "nobody else's")
    yield from _ports(config.file.modems.ports)
    yield from usb.examine(farm, store)
    yield from _modem_manager()
    whole = _database(store)
    yield whole
    if not whole.ok:
        return
    for check in (_daemon, _clock, _modems, _sims):
        yield from _guarded(check, farm, store)


def _guarded(check: Callable[[Farm, Store], Iterator[Finding]], farm: Farm, store: Store) -> Iterator[Finding]:
    try:
        yield from check(farm, store)
    except ModemfarmError as error:
        yield Finding("database", False, str(error), "`modemfarm db check` says more")


def _folder(folder: Path) -> Iterator[Finding]:
    if not folder.exists():
        yield Finding("state directory", True, f"{folder} is not there yet; the first start makes it")
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("state directory", False, f"no rights on {folder}", "run as its owner")
        return
    free = shutil.disk_usage(folder).free
    enough = free >= LEAST_FREE_OCTETS
    what = f"{folder}, {free // 1024 // 1024} MiB free"
    yield Finding("state directory", enough, what, "free some space: a full disk stops sending")


def _ports(patterns: list[str]) -> Iterator[Finding]:
    here = [path for pattern in _SERIAL for path in sorted(glob.glob(pattern))]  # noqa: PTH207 # patterns are absolute
    for pattern in patterns:
        if "://" in pattern:
            yield Finding("ports", True, f"{pattern} is an address")
            continue
        found = sorted(glob.glob(pattern))  # noqa: PTH207
        fix = "plug the modem in, or correct modems.ports"
        yield Finding("ports", bool(found), f"{pattern}: {len(found)} found", fix)
        here += found
    if not patterns:
        yield Finding("ports", True, f"none configured; {len(here)} serial ports are plugged in")
    shut = [path for path in dict.fromkeys(here) if not os.access(path, os.R_OK | os.W_OK)]
    if shut:
        group = _group_of(shut[0])
        yield Finding(
            "rights on ports", False, f"no rights on {', '.join(shut)}", f"join the group: usermod -aG {group}"
        )


def _group_of(path: str) -> str:
    try:
        return grp.getgrgid(Path(path).stat().st_gid).gr_name
    except (KeyError, OSError):
        return "dialout"


def _modem_manager() -> Iterator[Finding]:
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            name = path.read_text().strip()
        except OSError:
            continue
        if name == "ModemManager":
            kept_off = (Path("/") / RULES).exists()
            what = "the udev rules keep it off" if kept_off else "it opens modems and talks to them"
            fix = "`modemfarm install`, which keeps it off, or: systemctl disable --now ModemManager"
            yield Finding("other programs", kept_off, f"ModemManager runs: {what}", fix)
            return
    yield Finding("other programs", True, "no ModemManager")


def _database(store: Store) -> Finding:
    try:
        if not store.exists():
            return Finding("database", False, f"there is none at {store.file}", "`modemfarm db upgrade` makes it")
        migrations.check(store)
        faults = store.look(admin.damage)
    except OSError as error:
        return Finding("database", False, str(error), "run as the owner of the state directory")
    except ModemfarmError as error:
        return Finding("database", False, str(error), "`modemfarm db upgrade`, or restore a backup")
    return Finding("database", not faults, "; ".join(faults) or "whole and up to date", "restore a backup")


def _daemon(_farm: Farm, store: Store) -> Iterator[Finding]:
    alive = store.look(hosts.alive, now())
    names = ", ".join(f"{item['name']} (process {item['pid']})" for item in alive)
    yield Finding("daemon", bool(alive), names or "none is alive", "start `modemfarm run`")


def _clock(_farm: Farm, store: Store) -> Iterator[Finding]:
    at = now()
    newest = store.look(hosts.newest_moment)
    behind = newest is not None and from_us(newest) > at + CLOCK_WITHIN
    right = not behind and at.year >= FIRST_YEAR
    what = f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}" + (", behind the newest row" if behind else "")
    yield Finding("clock", right, what, "set the clock; timedatectl set-ntp true")


def _modems(farm: Farm, store: Store) -> Iterator[Finding]:
    every = [spoken(item, words(farm.environ)) for item in store.look(views.modems)]
    if not every:
        yield Finding("modems", False, "none was ever seen", "plug one in, set modems.ports, or `run --simulate 4`")
    for item in every:
        well = item["state"] in {"working", "starting", "paused"}
        yield Finding(
            f"modem {item['id']}",
            well,
            f"{item['state']}: {item['sentence']}",
            item["next_action"] or "look at the modem",
        )


def _sims(farm: Farm, store: Store) -> Iterator[Finding]:
    with store.read() as tx:
        every = views.sims(tx, terms=farm.config.terms, now=now())
    told = words(farm.environ)
    for item in every:
        name = f"SIM {item['label'] or item['iccid']}"
        why = told.say(f"sim.{item['reason']}", item["reason_params"]) if item["reason"] else ""
        what = ": ".join(filter(None, (item["state"], why)))
        yield Finding(
            name, item["state"] != "parked", what, f"mend the cause, then `modemfarm sims resume {item['iccid']}`"
        )
