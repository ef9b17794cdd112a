"""The udev rules that follow from the profiles' USB ids: stable names, access without root, no ModemManager."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from modemfarm.modem.family import Profile, Profiles, Usb
from modemfarm.modem.usb_ids import BRIDGES

_HEAD = """\
# modemfarm: stable names, access without root, no other program on our modems.
# Made by `modemfarm install --rules` from drivers/, which a test compares. Your own rules belong into another file.
#
# 78: before ModemManager's 80-mm-candidate.rules, after 60-serial.rules which sets ID_USB_INTERFACE_NUM.
# A command port is called /dev/modemfarm/<usb path>-at: the same after each replug, whatever its ttyUSB number.
#
# Bridges (FTDI, CH34x, CP210x, PL2303) get no name here: scales and printers use them too. docs/usb.md has an example.
# brltty takes some of these bridges for braille displays: remove it, or mask brltty-udev.service.

ACTION=="remove", GOTO="modemfarm_end"
SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", GOTO="modemfarm_device"
SUBSYSTEM=="tty", SUBSYSTEMS=="usb", GOTO="modemfarm_tty"
GOTO="modemfarm_end"
"""

_DEVICE = """
# Whole devices: ModemManager keeps off, also while a stick is still in its install disc mode.
LABEL="modemfarm_device"
"""

_TTY = """GOTO="modemfarm_end"

# Their ttys. Each rule names one parent's attributes only; $id is that parent: bus and chain of ports.
LABEL="modemfarm_tty"
"""

_TAIL = """
ENV{MODEMFARM_FAMILY}=="", GOTO="modemfarm_end"
ENV{ID_MM_PORT_IGNORE}="1", GROUP="dialout", MODE="0660"
ENV{MODEMFARM_ROLE}=="at", SYMLINK+="modemfarm/$env{MODEMFARM_PLACE}-at"
LABEL="modemfarm_end"
"""

_SERIAL_MODES = frozenset({"serial", "mbim"})


def rules(profiles: Profiles) -> str:
    """The whole file."""
    every = sorted((*profiles.families, profiles.generic), key=lambda profile: profile.name)
    told = [_HEAD, _DEVICE]
    for profile in every:
        ids = sorted({usb_id for usb in profile.usb for usb_id in usb.ids if usb_id not in BRIDGES})
        told += _devices(profile, ids)
    told.append(_TTY)
    for profile in every:
        for usb in profile.usb:
            if usb.mode in _SERIAL_MODES:
                told += _ttys(profile, usb)
    return "".join((*told, _TAIL))


def _devices(profile: Profile, ids: Iterable[str]) -> Iterator[str]:
    for vendor, products in _by_vendor(ids):
        yield (
            f'ATTR{{idVendor}}=="{vendor}", ATTR{{idProduct}}=="{products}", ENV{{ID_MM_DEVICE_IGNORE}}="1",'
            f' ENV{{MODEMFARM_FAMILY}}="{profile.name}"\n'
        )


def _ttys(profile: Profile, usb: Usb) -> Iterator[str]:
    for vendor, products in _by_vendor(usb_id for usb_id in usb.ids if usb_id not in BRIDGES):
        device = f'ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{products}"'
        yield f'{device}, ENV{{MODEMFARM_FAMILY}}="{profile.name}", ENV{{MODEMFARM_PLACE}}="$id"\n'
        for number, role in sorted(usb.interfaces.items()):
            if role == "at":
                yield f'{device}, ENV{{ID_USB_INTERFACE_NUM}}=="{number}", ENV{{MODEMFARM_ROLE}}="at"\n'
        if not usb.interfaces:
            yield from _by_protocol(profile, usb)


def _by_protocol(profile: Profile, usb: Usb) -> Iterator[str]:
    """Subclass and protocol belong to the interface, the ids to the device above it: two rules."""
    for pair, role in sorted(usb.protocols.items()):
        if role == "at":
            sub, _, protocol = pair.partition("/")
            yield (
                f'ENV{{MODEMFARM_FAMILY}}=="{profile.name}", ATTRS{{bInterfaceSubClass}}=="{sub}",'
                f' ATTRS{{bInterfaceProtocol}}=="{protocol}", ENV{{MODEMFARM_ROLE}}="at"\n'
            )


def _by_vendor(ids: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(vendor, products parted by "|")."""
    for vendor, same in groupby(sorted(set(ids)), key=lambda usb_id: usb_id[:4]):
        yield vendor, "|".join(usb_id[5:] for usb_id in same)
