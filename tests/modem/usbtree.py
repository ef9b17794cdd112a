"""Builds device trees as the kernel shows them: as plain folders, and as text for umockdev."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

BUS = "devices/pci0000:00/0000:00:14.0/usb1"


@dataclass(frozen=True)
class Face:
    """One interface; `tty` may be several names, parted by spaces."""

    number: str
    cls: str = "ff"
    sub: str = "ff"
    protocol: str = "ff"
    endpoints: str = "03"
    tty: str = ""
    driver: str = "option"


@dataclass(frozen=True)
class Plugged:
    """One device, at bus and ports `path`."""

    path: str
    usb_id: str
    faces: Sequence[Face]
    product: str = ""
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        return f"{BUS}/{self.path}"

    def attributes(self) -> dict[str, str]:
        vendor, product = self.usb_id.split(":")
        return {"idVendor": vendor, "idProduct": product, "bDeviceClass": "00", "product": self.product, **self.facts}


def minor(tty: str) -> int:
    return int("".join(filter(str.isdigit, tty)))


def lay(root: Path, device: Plugged, dev: Path | None = None, node: str = "") -> None:
    """Make the folders of one device under `root`; its ttys in `dev` are links to `node`."""
    here = root / device.folder
    _write(here, device.attributes())
    _link(root / "bus/usb/devices" / device.path, here)
    for face in device.faces:
        inner = here / f"{device.path}:1.{int(face.number, 16)}"
        _write(inner, face_attributes(face))
        _link(root / "bus/usb/devices" / inner.name, inner)
        drivers = root / "bus/usb/drivers" / face.driver
        drivers.mkdir(parents=True, exist_ok=True)
        if face.driver:
            _link(inner / "driver", drivers)
        for name in face.tty.split():
            tty = inner / tty_folder(name)
            _write(tty, {"dev": f"{188}:{minor(name)}"})
            _link(root / "class/tty" / name, tty)
            if dev is not None:
                (dev / name).symlink_to(node)


def face_attributes(face: Face) -> dict[str, str]:
    return {
        "bInterfaceNumber": face.number,
        "bInterfaceClass": face.cls,
        "bInterfaceSubClass": face.sub,
        "bInterfaceProtocol": face.protocol,
        "bNumEndpoints": face.endpoints,
    }


def tty_folder(name: str) -> str:
    return f"tty/{name}" if name.startswith("ttyACM") else f"{name}/tty/{name}"


def _write(folder: Path, facts: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in facts.items():
        (folder / name).write_text(f"{value}\n")


def _link(path: Path, to: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(os.path.relpath(to, path.parent))


def described(device: Plugged) -> list[tuple[str, str]]:
    """(sysfs path, description) of the device, its interfaces and ttys, parents first, as umockdev-record writes."""
    found = [(f"/{device.folder}", _block(device.folder, "usb", device.attributes(), DEVTYPE="usb_device"))]
    for face in device.faces:
        inner = f"{device.folder}/{device.path}:1.{int(face.number, 16)}"
        found.append((f"/{inner}", _block(inner, "usb", face_attributes(face), DEVTYPE="usb_interface")))
        for name in face.tty.split():
            if not name.startswith("ttyACM"):
                found.append((f"/{inner}/{name}", _block(f"{inner}/{name}", "usb-serial", {})))
            tty = f"{inner}/{tty_folder(name)}"
            block = _block(
                tty,
                "tty",
                {"dev": f"188:{minor(name)}"},
                f"N: {name}",
                DEVNAME=f"/dev/{name}",
                MAJOR="188",
                MINOR=str(minor(name)),
            )
            found.append((f"/{tty}", block))
    return found


def _block(path: str, subsystem: str, facts: dict[str, str], *lines: str, **properties: str) -> str:
    told = [f"P: /{path}", *lines, f"E: SUBSYSTEM={subsystem}"]
    told += [f"E: {name}={value}" for name, value in properties.items()]
    told += [f"A: {name}={value}" for name, value in facts.items()]
    return "\n".join(told) + "\n\n"


def stick(path: str, usb_id: str, ttys: Sequence[str], **more: object) -> Plugged:
    """A stick whose interfaces 00, 01, … are these ttys; the first has no interrupt endpoint, as DIAG."""
    faces = [Face(f"{n:02x}", endpoints="02" if n == 0 else "03", tty=tty) for n, tty in enumerate(ttys)]
    return Plugged(path, usb_id, faces, **more)  # type: ignore[arg-type]


def box(path: str, first: int, usb_id: str = "0403:6011") -> Plugged:
    """A bridge with four channels."""
    faces = [Face(f"{n:02x}", endpoints="02", tty=f"ttyUSB{first + n}", driver="ftdi_sio") for n in range(4)]
    return Plugged(path, usb_id, faces, "Quad RS232-HS")
