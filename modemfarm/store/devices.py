"""Devices on the USB that are opened only because a person allowed it."""

from __future__ import annotations

from datetime import datetime

from modemfarm.store.engine import Tx, to_us
from modemfarm.store.events import record


def allow(tx: Tx, host: str, usb_path: str, usb_id: str, now: datetime) -> bool:
    """Let this host open what hangs at `usb_path` as long as it is a device of that id; False: it may already."""
    new = tx.run(
        "INSERT INTO allowed_devices (host, usb_path, usb_id, at) VALUES (:host, :path, :id, :now)"
        " ON CONFLICT (host, usb_path, usb_id) DO NOTHING",
        host=host,
        path=usb_path,
        id=usb_id,
        now=to_us(now),
    )
    if new:
        record(tx, "device.allowed", now, subject=usb_path, usb_id=usb_id, host=host)
    return bool(new)


def forbid(tx: Tx, host: str, usb_path: str, now: datetime) -> bool:
    """Take back what was allowed for a place; False: nothing was."""
    gone = tx.run("DELETE FROM allowed_devices WHERE host = :host AND usb_path = :path", host=host, path=usb_path)
    if gone:
        record(tx, "device.forbidden", now, subject=usb_path, host=host)
    return bool(gone)


def allowed(tx: Tx, host: str) -> list[tuple[str, str]]:
    """(USB path, ``vid:pid``) of the devices that this host may open."""
    rows = tx.all("SELECT usb_path, usb_id FROM allowed_devices WHERE host = :host ORDER BY usb_path", host=host)
    return [(row["usb_path"], row["usb_id"]) for row in rows]
