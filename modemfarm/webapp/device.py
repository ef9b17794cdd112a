"""One modem and its SIM as its page shows them: facts, use, errors and history in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modemfarm import wording
from modemfarm.store.engine import Row
from modemfarm.store.shapes import rfc3339
from modemfarm.webapp.tiles import device_name
from modemfarm.webapp.words import Words, errors_table

KINDS = frozenset(f"{slug}".replace("_", ".", 1) for slug in wording.section("event"))
"""The sorts of events that the history tells."""

PERIODS = ("minute", "hour", "day", "month", "recipients")

Fact = tuple[str, str]


def modem_facts(modem: dict[str, Any], words: Words) -> list[Fact]:
    """What is known of a modem, (label, value)."""
    told = {
        "model": device_name(modem["manufacturer"], modem["model"]) or modem["params"].get("name"),
        "family": modem["family"],
        "firmware": modem["firmware"],
        "imei": _masked_imei(modem["imei"]),
        "port": modem["path"] if modem["path"].startswith("/") else None,
        "usb": modem["usb_path"],
        "host": modem["host"],
        "network": " · ".join(item for item in (modem["operator"], modem["technology"]) if item),
        "registration": words.say(f"registration.{modem['registration']}"),
        "signal": None if modem["signal_dbm"] is None else f"{modem['signal_dbm']} dBm".replace("-", "−"),
        "temperature": None if modem["temperature_c"] is None else f"{modem['temperature_c']} °C".replace("-", "−"),
        "voltage": None if modem["voltage_mv"] is None else f"{modem['voltage_mv'] / 1000:.2f} V",
        "since": words.clock(modem["since"]),
        "last_success": words.ago(modem["last_success_at"]),
    }
    return [(words.say(f"device.{name}"), str(value)) for name, value in told.items() if value]


def sim_facts(sim: dict[str, Any], words: Words) -> list[Fact]:
    """What is known of a SIM, (label, value)."""
    told = {
        "number": words.masked(sim["number"]),
        "iccid": sim["iccid"],
        "operator": sim["operator"],
        "plan": sim["plan"],
        "account": sim["account"],
        "tags": ", ".join(sim["tags"]),
        "expires": sim["expires"],
        "last_success": words.ago(sim["last_success_at"]),
    }
    return [(words.say(f"device.{name}"), str(value)) for name, value in told.items() if value]


def limits(sim: dict[str, Any], words: Words) -> Iterator[tuple[str, int, int | None]]:
    """Label, used, limit of each period that is counted or limited."""
    for period in PERIODS:
        used, limit = sim["used"].get(period), sim["limits"].get(period)
        if used is not None:
            yield words.say(f"device.per_{period}"), used, limit


def error(row: Row, family: str | None, words: Words) -> dict[str, Any]:
    """One attempt that came to nothing: when, to whom, and what it means."""
    kind, code = row["kind"] or "", row["code"]
    if row["outcome"] == "refused" and kind in {"cms", "cme", "error"}:
        classed = errors_table().classify(kind, code, family)
        said, meaning = words.say(f"error_class.{classed.cls}"), classed.meaning
        number = kind.upper() if code is None else f"{kind.upper()} {code}"
    else:
        said = words.say(f"outcome.{row['outcome']}", {"detail": row["detail"] or kind})
        number = meaning = ""
    return {
        "at": rfc3339(row["ended_at"]),
        "message": row["message_id"],
        "to": words.masked(row["recipient"]),
        "number": number,
        "said": said,
        "meaning": meaning,
    }


def event(told: dict[str, Any], words: Words) -> dict[str, Any]:
    """One event in words."""
    data = dict(told["data"])
    params = data | data.get("params", {}) if isinstance(data.get("params"), dict) else data
    if "sentence" in data:
        params["sentence"] = words.say(f"modem.{data['sentence']}", params)
    if "step" in data:
        params["step"] = words.say(f"device.step_{data['step']}")
    if "warning" in data:
        params["warning"] = words.say(f"power.{data['warning']}")
    if data.get("who") in {"page", "schedule"}:
        params["who"] = words.say(f"device.who_{data['who']}")
    reason = data.get("reason")
    if isinstance(reason, str) and wording.known(f"sim.{reason}"):
        params["reason"] = words.sim(f"sim.{reason}", params)
    elif not reason:
        params["reason"] = ""
    for name in ("iccid", "before"):
        if isinstance(data.get(name), str):
            params[name] = f"…{data[name][-5:]}"
    return {
        "at": told["at"],
        "kind": told["kind"],
        "said": words.say(f"event.{told['kind'].replace('.', '_')}", params),
    }


def wire(data: str) -> str:
    """A piece of AT traffic to be read: a line a line, without the empty ones; control characters as ``^Z``."""
    lines = [line for line in re.split(r"[\r\n]+", data) if line]
    return "\n".join(re.sub(r"[\x00-\x1f]", lambda found: f"^{chr(ord(found[0]) + 64)}", line) for line in lines)


def _masked_imei(imei: str | None) -> str | None:
    return f"{imei[:6]}…{imei[-4:]}" if imei and len(imei) > 10 else imei
