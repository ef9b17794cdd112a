"""The doctor's look at the USB: what serves, what cannot and why, and who else holds a modem's port."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from modemfarm.cli.context import Farm, now
from modemfarm.cli.finding import Finding
from modemfarm.cli.output import words
from modemfarm.errors import ModemfarmError
from modemfarm.modem import usb
from modemfarm.modem.holders import holders
from modemfarm.modem.profile import load_profiles
from modemfarm.modem.sentences import SENTENCES
from modemfarm.modem.usb_ids import UsbIds
from modemfarm.resources import shipped
from modemfarm.store import devices, hosts
from modemfarm.store.engine import Store

_OFFERED = "usb_possible"


def examine(farm: Farm, store: Store) -> Iterator[Finding]:
    """One finding for each device that is, or might be, a modem."""
    config = farm.config
    try:
        profiles = load_profiles(shipped("drivers"), *([config.drivers_dir] if config.drivers_dir.is_dir() else []))
    except ModemfarmError as error:
        yield Finding("driver profiles", False, str(error), "mend that file, or take it out of the folder")
        return
    allowed, daemons = _known(store, config.host)
    told = words(farm.environ)
    sysfs = Path(farm.environ.get("SYSFS_PATH", "/sys"))
    for device in usb.read_devices(sysfs):
        verdict = usb.judge(device, UsbIds.of(profiles), allowed)
        if isinstance(verdict, usb.Finding):
            sentence = SENTENCES[verdict.slug]
            what = told.say(f"modem.{verdict.slug}", dict(verdict.params))
            fix = told.say(f"action.{sentence.next_action}")
            yield Finding(f"USB {device.path}", verdict.slug == _OFFERED, what, fix)
        for candidate in verdict if isinstance(verdict, tuple) else ():
            yield _port(candidate, device.name, daemons)


def _known(store: Store, host: str) -> tuple[frozenset[tuple[str, str]], frozenset[int]]:
    """What a person allowed, and the process numbers of our daemons."""
    try:
        if not store.exists():
            return frozenset(), frozenset()
        pids = frozenset(int(row["pid"]) for row in store.look(hosts.alive, now()))
        return frozenset(store.look(devices.allowed, host)), pids
    except (ModemfarmError, OSError):
        return frozenset(), frozenset()  # the database has a check of its own


def _port(candidate: usb.Candidate, name: str, daemons: frozenset[int]) -> Finding:
    check, path = f"USB {candidate.usb_path}", f"/dev/{candidate.ttys[0]}"
    if not Path(path).exists():
        return Finding(check, False, f"{name}: {path} is not there", "start udev, or pass the port into this container")
    if not os.access(path, os.R_OK | os.W_OK):
        return Finding(check, False, f"{name}: no rights on {path}", "`modemfarm install`, or join the group dialout")
    others = [one for one in holders(path) if not any(one.endswith(f"(process {pid})") for pid in daemons)]
    if others:
        return Finding(check, False, f"{name}: {path} is held by {', '.join(others)}", "stop that program")
    return Finding(check, True, f"{name} on {path}")
