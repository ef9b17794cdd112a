"""What hangs on the USB, read from sysfs: devices, interfaces, ttys; and which tty of a modem takes commands."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modemfarm.modem.usb_ids import BRIDGES, UsbIds

_HUB, _STORAGE, _VENDOR, _COMM, _WIRELESS, _DATA, _MISC = "09", "08", "ff", "02", "e0", "0a", "ef"
_NETWORK = frozenset(
    {(_COMM, "06"), (_COMM, "0d"), (_COMM, "0e"), (_WIRELESS, "01"), (_MISC, "04")}
)  # ECM NCM MBIM RNDIS
_DIAG_PROTOCOL = "30"  # ff/ff/30 on Qualcomm chips
_COMMANDS = ("at", "at2", "ppp")  # roles that take commands, best first; no other role is ever opened
_AT_ENDPOINTS = 3  # control ports have an interrupt endpoint beside the two bulk ones; DIAG has none

Params = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Tty:
    """One tty of a device.

    Attributes:
        interface: number of its interface, two hexadecimal digits.
        port: which of several ttys of one interface it is; None where it is the only one.
    """

    name: str
    interface: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface; class, subclass and protocol as two hexadecimal digits each."""

    number: str
    cls: str
    sub: str
    protocol: str
    endpoints: int
    driver: str
    ttys: tuple[Tty, ...]


@dataclass(frozen=True, slots=True)
class Device:
    """One USB device that is no hub.

    Attributes:
        path: bus and chain of ports, ``1-1.4``: where it hangs, the same after a replug there.
        usb_id: ``vid:pid``.
        node: changes with every replug.
    """

    path: str
    usb_id: str
    serial: str
    name: str
    node: int
    interfaces: tuple[Interface, ...]

    @property
    def ttys(self) -> tuple[Tty, ...]:
        return tuple(tty for interface in self.interfaces for tty in interface.ttys)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One modem: the ttys that may take its commands, best first.

    Attributes:
        usb_path: the device's path, and the interface where several modems share the device.
        sure: the first one is the control port by its role.
    """

    usb_path: str
    ttys: tuple[str, ...]
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a device is not served: slug of a sentence, and what fills it."""

    slug: str
    params: Params = field(default_factory=dict)


def read_devices(sysfs: Path) -> list[Device]:
    """Every USB device but hubs, by path; what vanishes while it is read is left out."""
    folder = f"{sysfs}/bus/usb/devices"
    found = (_device(f"{folder}/{name}", name) for name in _names(folder) if ":" not in name)
    return sorted((device for device in found if device is not None), key=lambda device: device.path)


# Plain names and reads below: a farm has thousands of these attributes, and reading them all takes the time of sending.


def _device(folder: str, path: str) -> Device | None:
    """One device's folder; None for a hub, or when it is gone."""
    vendor, product = _text(f"{folder}/idVendor"), _text(f"{folder}/idProduct")
    if not vendor or not product or _text(f"{folder}/bDeviceClass") == _HUB or path.startswith("usb"):
        return None
    usb_id = f"{vendor}:{product}".lower()
    told = " ".join(filter(None, (_text(f"{folder}/manufacturer"), _text(f"{folder}/product"))))
    name = told or BRIDGES.get(usb_id, usb_id)
    interfaces = tuple(_interfaces(folder, path))
    return Device(path, usb_id, _text(f"{folder}/serial"), name, _node(folder), interfaces)


def _interfaces(folder: str, path: str) -> Iterator[Interface]:
    for entry in sorted(_names(folder)):
        if not entry.startswith(f"{path}:"):
            continue
        here = f"{folder}/{entry}"
        number = _text(f"{here}/bInterfaceNumber")
        if not number:
            continue
        try:
            driver = os.readlink(f"{here}/driver").rpartition("/")[2]  # noqa: PTH115
        except OSError:
            driver = ""
        names = sorted(_ttys(here), key=lambda tty: (len(tty), tty))
        ttys = tuple(Tty(tty, number, index if len(names) > 1 else None) for index, tty in enumerate(names))
        cls, sub, protocol = (_text(f"{here}/bInterface{part}") for part in ("Class", "SubClass", "Protocol"))
        endpoints = _text(f"{here}/bNumEndpoints")
        yield Interface(number, cls, sub, protocol, int(endpoints, 16) if endpoints.isalnum() else 0, driver, ttys)


def _ttys(interface: str) -> Iterator[str]:
    """usb-serial has ``ttyUSB0/tty/ttyUSB0`` under the interface, cdc-acm and vendors' drivers ``tty/ttyACM0``."""
    for entry in _names(interface):
        if entry == "tty":
            yield from _names(f"{interface}/{entry}")
        elif entry.startswith("tty"):
            yield from _names(f"{interface}/{entry}/tty")


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []


def _text(path: str) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(handle, 4096).decode("utf-8", "replace").strip()
    except OSError:
        return ""
    finally:
        os.close(handle)


def _node(folder: str) -> int:
    try:
        return os.stat(folder).st_ino  # noqa: PTH116
    except OSError:
        return 0


def judge(device: Device, ids: UsbIds, allowed: Collection[tuple[str, str]]) -> tuple[Candidate, ...] | Finding | None:
    """What a device is to us.

    Args:
        allowed: (path, id) of the devices that a person allowed.

    Returns:
        The modems it holds, the reason why it serves none, or None: no business of ours.
    """
    told: dict[str, str | int | float] = {"name": device.name, "id": device.usb_id}
    useless = ids.useless(device.usb_id)
    if useless is not None:
        return Finding(useless, told)
    ports = " ".join(tty.name for tty in device.ttys)
    if device.usb_id in BRIDGES:
        if not ports:
            taken = any(interface.driver == "usbfs" for interface in device.interfaces)
            return Finding("usb_taken", told) if taken else None
        if (device.path, device.usb_id) in allowed:
            return tuple(Candidate(_place(device, tty), (tty.name,)) for tty in device.ttys)
        return Finding("usb_possible", {**told, "ports": ports})
    roles = _roles(device, ids)
    known = device.usb_id in ids.known or _COMMANDS[0] in roles.values()
    if not ports:
        return _without_tty(device, told) if ids.makes_modems(device.usb_id) else None
    if not known and (device.path, device.usb_id) not in allowed:
        return Finding("usb_possible", {**told, "ports": ports})
    ttys = _command_ports(device, roles)
    if not ttys:
        return Finding("usb_no_at_port", {**told, "ports": ports})
    sure = any(roles.get(tty.interface) == _COMMANDS[0] for tty in device.ttys if tty.name == ttys[0])
    return (Candidate(device.path, ttys, sure),)


def _without_tty(device: Device, told: Params) -> Finding | None:
    classes = {interface.cls for interface in device.interfaces}
    if classes == {_STORAGE}:
        return Finding("usb_cdrom_mode", told)
    network = any((interface.cls, interface.sub) in _NETWORK for interface in device.interfaces)
    if network and _VENDOR not in classes:
        return Finding("usb_network_mode", told)
    if _VENDOR in classes or _COMM in classes:
        return Finding("usb_no_driver", told)
    return None


def _place(device: Device, tty: Tty) -> str:
    """Where a modem hangs; in a box without serial numbers, the only name that stays."""
    if len(device.ttys) == 1 or device.usb_id not in BRIDGES:
        return device.path
    return f"{device.path}:{tty.interface}" + ("" if tty.port is None else f".{tty.port}")


def place_of(path: str, sysfs: Path) -> str | None:
    """The USB path of a port, by whatever name it is called; None for one that is not on the USB."""
    try:
        number = Path(path).stat().st_rdev
        tty = (sysfs / f"dev/char/{os.major(number)}:{os.minor(number)}").resolve(strict=True)
    except OSError:
        return None
    for folder in tty.parents:
        if (folder / "idVendor").exists():
            device = _device(str(folder), folder.name)
            found = next((one for one in device.ttys if one.name == tty.name), None) if device else None
            return _place(device, found) if device and found else folder.name
    return None


def _roles(device: Device, ids: UsbIds) -> dict[str, str]:
    """Role by interface number: the profile's word for the number, else for the protocol."""
    usb = ids.known.get(device.usb_id)
    protocols = (usb.protocols if usb is not None else None) or ids.protocols.get(device.usb_id[:4], {})
    found = {}
    for interface in device.interfaces:
        role = usb.interfaces.get(interface.number) if usb is not None else None
        role = role or protocols.get(f"{interface.sub}/{interface.protocol}")
        if role is not None:
            found[interface.number] = role
    return found


def _command_ports(device: Device, roles: Mapping[str, str]) -> tuple[str, ...]:
    """The ttys by role, the control port first; without roles those that cannot be DIAG."""
    ranked = {role: rank for rank, role in enumerate(_COMMANDS)}
    told = [interface for interface in device.interfaces if roles.get(interface.number) in ranked and interface.ttys]
    if told:
        told.sort(key=lambda interface: ranked[roles[interface.number]])
        return tuple(tty.name for interface in told for tty in interface.ttys)
    unknown = [one for one in device.interfaces if one.number not in roles and one.protocol != _DIAG_PROTOCOL]
    if len(device.ttys) > 1:
        unknown = [one for one in unknown if one.endpoints >= _AT_ENDPOINTS or one.cls == _COMM]
    return tuple(tty.name for interface in unknown for tty in interface.ttys)
