"""Devices on the USB that are opened only because a person allowed it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from modemfarm.store import sims
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.events import record

PREFIX = "usb:"  # rows of `modems` for devices without a port of ours: their path is this and the USB path
OFFERED = "usb_possible"


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


def forbid_everywhere(tx: Tx, usb_path: str, now: datetime) -> bool:
    """The same on every host; False: nothing was allowed there."""
    rows = tx.all("SELECT DISTINCT host FROM allowed_devices WHERE usb_path = :path", path=usb_path)
    for row in rows:
        forbid(tx, row["host"], usb_path, now)
    return bool(rows)


def allowed(tx: Tx, host: str) -> list[tuple[str, str]]:
    """(USB path, ``vid:pid``) of the devices that this host may open."""
    rows = tx.all("SELECT usb_path, usb_id FROM allowed_devices WHERE host = :host ORDER BY usb_path", host=host)
    return [(row["usb_path"], row["usb_id"]) for row in rows]


def offered(tx: Tx, word: str) -> Row | None:
    """The device that waits to be allowed: by its row's path, its USB path, or one of its ttys; None: there is none.

    Returns:
        Columns host, path, usb_path, usb_id, name.
    """
    wanted = word.removeprefix("/dev/")
    rows = tx.all("SELECT host, path, usb_path, params FROM modems WHERE sentence = :slug ORDER BY path", slug=OFFERED)
    for row in rows:
        params = json.loads(row["params"])
        if wanted in {row["path"], row["usb_path"], *str(params.get("ports", "")).split()}:
            return {**row, "usb_id": params["id"], "name": params["name"]}
    return None


def allow_offered(tx: Tx, word: str, now: datetime) -> Row | None:
    """Allow the device that waits for it; None: none of that name does."""
    row = offered(tx, word)
    if row is not None:
        allow(tx, row["host"], row["usb_path"], row["usb_id"], now)
    return row


def show(tx: Tx, host: str, facts: Iterable[Mapping[str, object]], now: datetime) -> None:
    """Make the rows of this host's devices without a port exactly these; `facts` as `sims.write_modem` takes them."""
    wanted = {str(told["path"]): told for told in facts}
    rows = tx.all(
        "SELECT path, sentence, params FROM modems WHERE host = :host AND path LIKE :prefix",
        host=host,
        prefix=f"{PREFIX}%",
    )
    there = {row["path"]: (row["sentence"], row["params"]) for row in rows}
    for path in sorted(there.keys() - wanted.keys()):
        sims.forget_modem(tx, host, path)
    for path, told in wanted.items():
        if there.get(path) != (told["sentence"], told["params"]):
            sims.write_modem(tx, host, told, now)
