"""Rows of the database as the API shows them (docs: HTTP API); no query here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modemfarm.model import CAUTIOUS, UNLIMITED, PartState, Plan, SimSettings
from modemfarm.store.engine import Row, from_us

Shape = dict[str, Any]

ACCEPTED_PARTS = frozenset({"sent", "delivered", "undelivered"})


@dataclass(frozen=True, slots=True)
class Terms:
    """What config.yaml says about plans and SIMs; where it says nothing, the database's row counts.

    Attributes:
        pins: IMEIs and ports whose card's PIN it has.
        places: where it says a key, as ``config.yaml:12``; ``default`` where it does not.
    """

    plans: Mapping[str, Plan] = field(default_factory=lambda: {"cautious": CAUTIOUS, "unlimited": UNLIMITED})
    default_plan: str = "cautious"
    sims: Mapping[str, SimSettings] = field(default_factory=dict)
    pins: frozenset[str] = frozenset()
    places: Mapping[str, str] = field(default_factory=dict)

    def plan(self, sim: Row) -> Plan:
        """The plan of one row of `sims`; an unknown name means the cautious one."""
        said = self.sims.get(sim["iccid"])
        name = (said and said.plan) or sim["plan"] or self.default_plan
        return self.plans.get(name, CAUTIOUS)

    @property
    def currencies(self) -> list[str] | None:
        """In which the plans' prices are; None: no plan has one."""
        return currencies((plan.price_per_part, plan.currency) for plan in self.plans.values())

    def place(self, key: str) -> str | None:
        """Where config.yaml says this key; None: nowhere."""
        found = self.places.get(key, "default")
        return None if found == "default" else found

    def owner(self, sim: Row) -> str:
        """Whose limits one row of `sims` counts on: its account, else itself."""
        said = self.sims.get(sim["iccid"])
        account = (said and said.account) or sim["account"]
        return f"account:{account}" if account else str(sim["iccid"])


def currencies(prices: Iterable[tuple[float | None, str | None]]) -> list[str] | None:
    """Those of plans with a price, of all plans' prices and currencies; None: no plan has one."""
    found = [currency for price, currency in prices if price]
    return sorted({currency for currency in found if currency}) if found else None


def cost_fault(found: list[str] | None) -> str | None:
    """Why a ceiling of money could hold nothing by plans in these currencies; None: it can."""
    if found is None:
        return "no plan has a price_per_part: nothing would be counted"
    return f"the plans' prices are in {', '.join(found)}: a ceiling wants one currency" if len(found) > 1 else None


def rfc3339(us: int | None) -> str | None:
    """A database time as RFC 3339 in UTC, whole milliseconds."""
    if us is None:
        return None
    return from_us(us).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parsed(text: str | None) -> Any:
    """A JSON column; {} for null."""
    return json.loads(text) if text else {}


def reason_params(row: Row) -> dict[str, Any]:
    """What fills the reason of a row of `messages`; of a name that no SIM bears, that name."""
    found: dict[str, Any] = parsed(row["reason_params"])
    return {"name": row["pinned"]} | found if row["reason"] == "no_sim" else found


def message(row: Row, parts: Sequence[Row]) -> Shape:
    """One row of `messages` with its `parts`."""
    price = row["price"]
    return {
        "id": row["id"],
        "to": row["recipient"],
        "text": row["text"],
        "class": row["class"],
        "purpose": row["purpose"],
        "state": row["state"],
        "reason": row["reason"],
        "reason_params": reason_params(row),
        "next_at": rfc3339(row["next_at"]),
        "parts": [part(item) for item in parts],
        "parts_total": row["parts_total"],
        "parts_sent": sum(item["state"] in ACCEPTED_PARTS for item in parts),
        "parts_delivered": sum(item["state"] == PartState.DELIVERED.value for item in parts),
        "encoding": row["encoding"],
        "iccid": row["iccid"],
        "from": row["pinned"],
        "attempts": row["attempts"],
        "created_at": rfc3339(row["created_at"]),
        "send_at": rfc3339(row["send_at"]),
        "sent_at": rfc3339(row["sent_at"]),
        "final_at": rfc3339(row["final_at"]),
        "valid_until": rfc3339(row["valid_until"]),
        "priority": 9 - row["rank"],
        "reference": row["reference"],
        "batch": row["batch_id"],
        "batch_row": row["batch_row"],
        "retry_of": row["retry_of"],
        "resolved": row["resolved"],
        "resend_unknown": bool(row["resend_unknown"]),
        "report": bool(row["report"]),
        "flash": bool(row["flash"]),
        "store_text": bool(row["store_text"]),
        "tags": parsed(row["tags"]) or [],
        "metadata": parsed(row["metadata"]),
        "cost": None if price is None else round(price * row["parts_total"], 6),
        "currency": row["currency"],
    }


def part(row: Row) -> Shape:
    """One row of `parts`."""
    return {
        "number": row["part_number"],
        "state": row["state"],
        "mr": row["mr"],
        "iccid": row["iccid"],
        "sent_at": rfc3339(row["sent_at"]),
        "reported_at": rfc3339(row["reported_at"]),
        "status": row["status"],
    }


def inbound(row: Row) -> Shape:
    """One row of `inbound`: a person's reply."""
    return {
        "id": row["id"],
        "iccid": row["iccid"],
        "from": row["originator"],
        "text": row["text"],
        "received_at": rfc3339(row["received_at"]),
        "sent_at": rfc3339(row["sent_at"]),
        "parts": row["parts"],
        "complete": bool(row["complete"]),
        "kind": row["kind"],
        "verdict": row["verdict"],
        "keyword": row["keyword"],
        "in_reply_to": row["in_reply_to"],
        "old": bool(row["old"]),
    }


def modem(row: Row, key: str) -> Shape:
    """One row of `modems`; `sentence` and `next_action` are slugs, `params` fills them."""
    return {
        "id": key,
        "imei": row["imei"],
        "path": row["path"],
        "usb_path": row["usb_path"],
        "host": row["host"],
        "family": row["family"],
        "manufacturer": row["manufacturer"],
        "model": row["model"],
        "firmware": row["firmware"],
        "state": row["state"],
        "sentence": row["sentence"],
        "params": parsed(row["params"]),
        "next_action": row["next_action"] or None,
        "since": rfc3339(row["since"]),
        "iccid": row["iccid"],
        "signal_dbm": row["signal_dbm"],
        "operator": row["operator"],
        "technology": row["technology"],
        "registration": row["registration"],
        "temperature_c": row["temperature_c"],
        "voltage_mv": row["voltage_mv"],
        "warning": row["warning"] or None,
        "warned_at": rfc3339(row["warned_at"]),
        "last_success_at": rfc3339(row["last_success_at"]),
    }


def modem_keys(rows: Sequence[Row]) -> list[tuple[str, Row]]:
    """Name each modem: the IMEI where unique, else ``IMEI@usb-path``, else the path.

    A port that is gone and whose modem works on another port now is left out: it is the same modem.
    """
    here = [row for row in rows if row["state"] != "gone"]
    alive = {row["imei"] for row in here}
    shown = [row for row in rows if row["state"] != "gone" or row["imei"] is None or row["imei"] not in alive]
    keys: list[tuple[str, Row]] = []
    for row in shown:
        same = [other for other in shown if other["imei"] == row["imei"]]
        if row["imei"] and len(same) == 1:
            keys.append((row["imei"], row))
        elif row["imei"] and row["usb_path"] and sum(o["usb_path"] == row["usb_path"] for o in same) == 1:
            keys.append((f"{row['imei']}@{row['usb_path']}", row))
        else:
            keys.append((row["path"], row))
    return keys


def is_low(row: Row, plan: Plan) -> bool:
    """Whether a SIM's last known credit is below what its plan calls low."""
    low = None if plan.balance is None else plan.balance.low
    return low is not None and row["balance"] is not None and row["balance"] < low


def sim(row: Row, terms: Terms, used: Mapping[str, int | None], holder: Shape | None) -> Shape:
    """One row of `sims` with what its owner (account or itself) has used of its plan."""
    said = terms.sims.get(row["iccid"])
    plan = terms.plan(row)
    return {
        "iccid": row["iccid"],
        "imsi": row["imsi"],
        "number": (said and said.number) or row["number"],
        "label": (said and said.label) or row["label"],
        "tags": list(said.tags) if said and said.tags else (parsed(row["tags"]) or []),
        "account": (said and said.account) or row["account"],
        "plan": plan.name,
        "state": row["state"],
        "reason": row["reason"],
        "reason_params": parsed(row["reason_params"]),
        "modem": holder["id"] if holder else None,
        "modem_state": holder["state"] if holder else None,
        "operator": row["operator"],
        "used": dict(used),
        "limits": {
            "minute": plan.per_minute,
            "hour": plan.per_hour,
            "day": plan.per_day,
            "month": plan.per_month,
            "recipients": plan.recipients_per_month,
        },
        "balance": row["balance"],
        "currency": plan.currency,
        "low_balance": is_low(row, plan),
        "expires": (said and said.expires) or row["expires"],
        "since": rfc3339(row["since"]),
        "seen_at": rfc3339(row["seen_at"]),
        "last_success_at": rfc3339(row["last_success_at"]),
    }
