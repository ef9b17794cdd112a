"""What a restarted daemon must not have forgotten of modems: today's restarts, and the card last seen in each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from modemfarm.store.engine import Tx, to_us
from modemfarm.store.events import record


@dataclass(frozen=True, slots=True)
class Place:
    """Where a modem hangs; `usb_path` None where it is not on the USB or that is not known."""

    host: str
    path: str
    usb_path: str | None = None

    @property
    def name(self) -> str:
        """What tells modems of one IMEI apart."""
        return f"{self.host} {self.usb_path or self.path}"


def may_reset(tx: Tx, sim: str, most: int, now: datetime) -> bool:
    """Whether this SIM's modem may be restarted once more within a day of `most`; counts it when it may."""
    tx.run("DELETE FROM resets WHERE at <= :day", day=to_us(now - timedelta(days=1)))
    past = tx.value("SELECT count(*) FROM resets WHERE sim = :sim", sim=sim)
    if (past or 0) >= most:
        return False
    tx.run("INSERT INTO resets (sim, at) VALUES (:sim, :at) ON CONFLICT (sim, at) DO NOTHING", sim=sim, at=to_us(now))
    return True


def card(tx: Tx, imei: str, place: Place, iccid: str, now: datetime) -> bool:
    """Note which card is in a modem.

    A modem is known by its IMEI, wherever it was plugged in before; of several with one IMEI, by its place.

    Returns:
        Whether another card was in it before; then it is an event too.
    """
    rows = tx.all("SELECT place, iccid FROM last_cards WHERE imei = :imei ORDER BY at DESC", imei=imei)
    here = next((row["iccid"] for row in rows if row["place"] == place.name), None)
    twins = tx.value(
        "SELECT 1 FROM modems WHERE imei = :imei AND state <> 'gone' AND (path <> :path OR host <> :host)",
        imei=imei,
        path=place.path,
        host=place.host,
    )
    if not twins:
        here = rows[0]["iccid"] if rows else None
        tx.run("DELETE FROM last_cards WHERE imei = :imei AND place <> :place", imei=imei, place=place.name)
    tx.run(
        "INSERT INTO last_cards (imei, place, iccid, at) VALUES (:imei, :place, :iccid, :now)"
        " ON CONFLICT (imei, place) DO UPDATE SET iccid = excluded.iccid, at = excluded.at",
        imei=imei,
        place=place.name,
        iccid=iccid,
        now=to_us(now),
    )
    swapped = here is not None and here != iccid
    if swapped:
        record(tx, "modem.sim_changed", now, subject=place.path, imei=imei, iccid=iccid, before=here)
    return swapped


def last_cards(tx: Tx) -> dict[tuple[str, str], str]:
    """The card last seen in each modem, by host and path."""
    cards = {(row["imei"], row["place"]): str(row["iccid"]) for row in tx.all("SELECT * FROM last_cards")}
    found = {}
    for row in tx.all("SELECT host, path, usb_path, imei FROM modems WHERE imei IS NOT NULL AND state <> 'gone'"):
        card = cards.get((row["imei"], Place(row["host"], row["path"], row["usb_path"]).name))
        if card is not None:
            found[row["host"], row["path"]] = card
    return found
