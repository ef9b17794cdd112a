"""`modemfarm drivers docs`: the tables of docs/modems.md, drawn from the profiles."""

from __future__ import annotations

from collections.abc import Iterator

import click

from modemfarm.cli.output import say
from modemfarm.modem.family import Profile, Profiles
from modemfarm.modem.profile import load_profiles
from modemfarm.resources import shipped

_BUY = {"yes": "buy it", "works": "use it", "no": "if you have it"}
_MODES = {
    "serial": "works",
    "mbim": "only in a composition with serial ports",
    "hilink": "no: a router (HiLink), it has no AT port",
    "cdrom": "after its switch: it shows a CD first (usb_modeswitch)",
    "flash": "no: it waits for firmware; leave it alone",
}
_REPORTS = {"cds": "direct", "cdsi": "stored", "stored": "as messages"}


@click.command("docs", hidden=True)
def docs() -> None:
    """Print the tables of docs/modems.md, as the profiles have them."""
    profiles = load_profiles(shipped("drivers"))
    for name, draw in TABLES.items():
        say(f"<!-- {name} -->\n{draw(profiles)}\n<!-- end -->\n")


def families(profiles: Profiles) -> str:
    """A row a family."""
    rows = ["| family | models | advice | reports | seen on hardware |", "|---|---|---|---|---|"]
    for profile in _ordered(profiles):
        reports = ", ".join(_REPORTS[style] for style in profile.reports)
        seen = "yes" if profile.seen_on_hardware else "no, from documents"
        rows.append(f"| {profile.model} | {profile.devices} | {_BUY[profile.buy]} | {reports} | {seen} |")
    return "\n".join(rows)


def remarks(profiles: Profiles) -> str:
    """What an owner of each family should know, and where its facts are from."""
    parts = []
    for profile in _ordered(profiles):
        lines = [f"### {profile.model}", ""]
        lines += [f"- {remark}" for remark in profile.remarks]
        lines += [f"- Profile: `{profile.name}`. Sources: {'; '.join(profile.sources)}."]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def usb(profiles: Profiles) -> str:
    """A row for each set of USB ids."""
    rows = ["| USB id (`lsusb`) | family | works | AT port |", "|---|---|---|---|"]
    for profile in _ordered(profiles):
        for device in profile.usb:
            ids = " ".join(f"`{item}`" for item in device.ids)
            ports = [f"interface {number}" for number, role in device.interfaces.items() if role == "at"]
            ports += [f"protocol {pair}" for pair, role in device.protocols.items() if role == "at"]
            where = ", ".join(ports) or ("found by asking" if device.mode == "serial" else "—")
            rows.append(f"| {ids} | {profile.model} | {_MODES[device.mode]} | {where} |")
    return "\n".join(rows)


def _ordered(profiles: Profiles) -> Iterator[Profile]:
    yield from sorted(profiles.families, key=lambda profile: profile.model.lower())
    yield profiles.generic


TABLES = {"families": families, "usb": usb, "remarks": remarks}
