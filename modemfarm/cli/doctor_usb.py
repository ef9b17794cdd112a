"""The doctor's look at the USB: what serves, what cannot and why, and who else holds a modem's port."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from modemfarm.cli.context import Farm, now
from modemfarm.cli.finding import Finding, Pen
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


def examine(farm: Farm, store: Store, pen: Pen) -> Iterator[Finding]:
    """One finding for each device that is, or might be, a modem."""
    config = farm.config
    try:
        profiles = load_profiles(shipped("drivers"), *([config.drivers_dir] if config.drivers_dir.is_dir() else []))
    except ModemfarmError as error:
        yield pen.find("drivers", False, "quoted", "mend_profile", what=error)
        return
    allowed, daemons = _known(store, config.host)
    sysfs = Path(farm.environ.get("SYSFS_PATH", "/sys"))
    for device in usb.read_devices(sysfs):
        verdict = usb.judge(device, UsbIds.of(profiles), allowed)
        if isinstance(verdict, usb.Finding):
            sentence = SENTENCES[verdict.slug]
            what = pen.words.say(f"modem.{verdict.slug}", dict(verdict.params))
            fix = pen.words.say(f"action.{sentence.next_action}")
            yield pen.said("usb", verdict.slug == _OFFERED, what, fix, name=device.path)
        for candidate in verdict if isinstance(verdict, tuple) else ():
            yield _port(candidate, device.name, daemons, pen)


def _known(store: Store, host: str) -> tuple[frozenset[tuple[str, str]], frozenset[int]]:
    """What a person allowed, and the process numbers of our daemons."""
    try:
        if not store.exists():
            return frozenset(), frozenset()
        pids = frozenset(int(row["pid"]) for row in store.look(hosts.alive, now()))
        return frozenset(store.look(devices.allowed, host)), pids
    except (ModemfarmError, OSError):
        return frozenset(), frozenset()  # the database has a check of its own


def _port(candidate: usb.Candidate, device: str, daemons: frozenset[int], pen: Pen) -> Finding:
    path = f"/dev/{candidate.ttys[0]}"
    told = {"name": candidate.usb_path, "device": device, "path": path}
    if not Path(path).exists():
        return pen.find("usb", False, "usb_not_there", "start_udev", **told)
    if not os.access(path, os.R_OK | os.W_OK):
        return pen.find("usb", False, "usb_no_rights", "install_or_join", **told)
    others = [one for one in holders(path) if not any(one.endswith(f"(process {pid})") for pid in daemons)]
    if others:
        return pen.find("usb", False, "usb_held", "stop_program", who=", ".join(others), **told)
    return pen.find("usb", True, "usb_ok", **told)
