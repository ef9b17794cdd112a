"""The doctor's look at this machine: files and rights, ports, limits, rules, other programs, clock."""

from __future__ import annotations

import glob
import grp
import os
import re
import resource
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from modemfarm.cli.context import tighten
from modemfarm.cli.finding import Finding, Pen
from modemfarm.cli.install import RULES
from modemfarm.config.load import Config
from modemfarm.resources import shipped
from modemfarm.store.engine import Store

LEAST_FREE_OCTETS = 200 * 1024 * 1024
LEAST_FILES = 1024  # a modem takes some, a browser one, a reader of the database two
MIB = 1024 * 1024
ROOT, PROC = Path("/"), Path("/proc")
_SERIAL = ("/dev/ttyUSB*", "/dev/ttyACM*")
_TAKERS = {"ModemManager": "modem_manager", "brltty": "brltty"}


def configuration(config: Config, pen: Pen) -> Iterator[Finding]:
    """What is allowed and yet hardly meant."""
    file = config.file
    if file.sending.country is None:
        yield pen.find("country", True, "no_country", "name_country")
    if not file.plans and config.default_plan == "cautious":
        yield pen.find("plans", True, "no_plan", "name_plan")
    secret = bool(file.modems.pins or file.webhooks or any(sim.pin for sim in file.sims.values()))
    if secret and stat.S_IMODE(config.path.stat().st_mode) & 0o077:
        yield pen.find("secrets", False, "file_open", "close_file", file=config.name)
    said = file.alerts
    if not said.sms and said.exec is None and said.webhook is None:
        yield pen.find("alerts", True, "alerts_nobody", "name_alerts")


def examine(config: Config, store: Store, pen: Pen) -> Iterator[Finding]:
    """The state directory, rights, ports and limits."""
    yield from _folder(config.state_dir, pen)
    tightened = tighten(config.state_dir, store.file)
    if tightened:
        yield pen.find("rights", True, "tightened", paths=", ".join(map(str, tightened)))
    else:
        yield pen.find("rights", True, "rights_ok")
    yield from _ports(config.file.modems.ports, pen)
    yield _rules(pen)


def open_files(pid: int | None, pen: Pen) -> Iterator[Finding]:
    """Whether a running daemon may open enough; without one, whether it could from here."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if pid is not None:
        try:
            told = re.search(r"^Max open files\s+(\w+)", (PROC / f"{pid}/limits").read_text("utf-8"), re.MULTILINE)
        except OSError:
            return  # it ended meanwhile
        most = int(told[1]) if told is not None and told[1].isdigit() else resource.RLIM_INFINITY
    if most != resource.RLIM_INFINITY and most < LEAST_FILES:
        yield pen.find("limits", False, "few_files", "raise_limit", count=most, least=LEAST_FILES)


def _folder(folder: Path, pen: Pen) -> Iterator[Finding]:
    if not folder.exists():
        yield pen.find("state_dir", True, "folder_not_yet", path=folder)
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield pen.find("state_dir", False, "no_rights", "run_as_owner", path=folder)
        return
    free = shutil.disk_usage(folder).free
    enough = free >= LEAST_FREE_OCTETS
    yield pen.find("state_dir", enough, "folder_free", "" if enough else "free_space", path=folder, mib=free // MIB)


def _ports(patterns: list[str], pen: Pen) -> Iterator[Finding]:
    here = [path for pattern in _SERIAL for path in sorted(glob.glob(pattern))]  # noqa: PTH207 # patterns are absolute
    for pattern in patterns:
        if "://" in pattern:
            yield pen.find("ports", True, "port_address", path=pattern)
            continue
        found = sorted(glob.glob(pattern))  # noqa: PTH207
        yield pen.find(
            "ports", bool(found), "ports_found", "" if found else "plug_or_name", path=pattern, count=len(found)
        )
        here += found
    if not patterns:
        yield pen.find("ports", True, "ports_none", count=len(here))
    shut = [path for path in dict.fromkeys(here) if not os.access(path, os.R_OK | os.W_OK)]
    if shut:
        yield pen.find("port_rights", False, "no_rights", "join_group", path=", ".join(shut), group=_group_of(shut[0]))


def _group_of(path: str) -> str:
    try:
        return grp.getgrgid(Path(path).stat().st_gid).gr_name
    except (KeyError, OSError):
        return "dialout"


def _rules(pen: Pen) -> Finding:
    """Whether the udev rules lie where `install` puts them, and are this version's."""
    path = ROOT / RULES
    try:
        there = path.read_text(encoding="utf-8")
    except OSError:
        return pen.find("udev", True, "rules_none", "install", path=path)
    current = there == (shipped("udev") / RULES.name).read_text(encoding="utf-8")
    return pen.find("udev", current, "rules_ok" if current else "rules_old", "" if current else "install", path=path)


def programs(pen: Pen) -> Iterator[Finding]:
    """Others that take modems for theirs."""
    seen: set[str] = set()
    for path in PROC.glob("[0-9]*/comm"):
        try:
            name = path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue
        if name not in _TAKERS or name in seen:
            continue
        seen.add(name)
        kept_off = name == "ModemManager" and (ROOT / RULES).exists()
        what = f"{_TAKERS[name]}_kept_off" if kept_off else _TAKERS[name]
        yield pen.find("programs", kept_off, what, "" if kept_off else f"stop_{_TAKERS[name]}")
    if not seen:
        yield pen.find("programs", True, "no_takers")
