"""Too many refusals of offers stop all offers, until a person has looked: by purpose, by SIM and by text."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta

from modemfarm.policy.profiles import RATE_MOST
from modemfarm.store.actions import is_paused, pause
from modemfarm.store.engine import Row, Tx, from_us, to_us
from modemfarm.store.events import record

SPAN = timedelta(days=30)
SENT_LEAST, REFUSED_LEAST = 200, 5  # fewer tell nothing
WHO = "opt-outs"  # who paused, in the list of pauses

_ABOUT = "coalesce(m.purpose, 'marketing') AS purpose, coalesce(m.iccid, '') AS iccid, s.digest AS text, count(*) AS n"
_LEFT = "m.state IN ('sent', 'delivered', 'undelivered', 'unknown')"
_SENT = (
    f"SELECT {_ABOUT} FROM marketing_sends s JOIN messages m ON m.id = s.message_id"  # noqa: S608 # our own words
    f" WHERE s.at > :since AND {_LEFT} GROUP BY m.purpose, m.iccid, s.digest"
)
_REFUSED = (  # each refusal counts against the last offer before it
    f"SELECT {_ABOUT} FROM suppressions x JOIN marketing_sends s ON s.recipient = x.number AND s.at <= x.since"  # noqa: S608
    " JOIN messages m ON m.id = s.message_id"
    " WHERE x.source IN ('reply', 'phone', 'counter', 'web', 'complaint')"
    f" AND x.since > :since AND s.at > :since AND {_LEFT}"
    " AND NOT EXISTS (SELECT 1 FROM marketing_sends z WHERE z.recipient = s.recipient AND z.at > s.at"
    " AND z.at <= x.since) GROUP BY m.purpose, m.iccid, s.digest"
)


def watch(tx: Tx, now: datetime) -> bool:
    """Pause offers where those of one purpose, SIM or text were refused too often; whether it did.

    A person's `resume` begins the count anew.
    """
    if is_paused(tx, "marketing", None):
        return False
    since, above = _since(tx, now), most(tx)
    refused = tx.all(_REFUSED, since=since)
    if sum(row["n"] for row in refused) < REFUSED_LEAST:
        return False
    sent = tx.all(_SENT, since=since)
    for about in ("purpose", "iccid", "text"):
        said, got = _sums(refused, about), _sums(sent, about)
        for name, count in said.items():
            if count >= REFUSED_LEAST and got[name] >= SENT_LEAST and count > above * got[name]:
                pause(tx, "class", "marketing", now, who=WHO)
                record(tx, "policy.refused_often", now, subject=about, name=name, refused=count, sent=got[name])
                return True
    return False


def most(tx: Tx) -> float:
    """Above which share of refusals offers are paused."""
    own = tx.value("SELECT value FROM policy_settings WHERE key = 'max_opt_out_rate'")
    return RATE_MOST if own is None else float(own)


def document(tx: Tx, now: datetime) -> dict[str, object]:
    """How often offers were refused, by purpose and by SIM, since the count began; and what they were stopped by.

    Texts are told by nothing but what stopped the offers: their digests say nothing to a person.
    """
    since = _since(tx, now)
    refused, sent = tx.all(_REFUSED, since=since), tx.all(_SENT, since=since)
    found: dict[str, object] = {"most": most(tx), "since": from_us(since).isoformat(), "stopped": why_paused(tx)}
    for about in ("purpose", "iccid"):
        said, got = _sums(refused, about), _sums(sent, about)
        found[about] = [
            {"name": name, "sent": n, "refused": said[name], "rate": round(said[name] / n, 4)}
            for name, n in sorted(got.items())
        ]
    return found


def by_purpose_and_sim(tx: Tx, now: datetime) -> dict[tuple[str, str], tuple[int, int]]:
    """How many offers left and how many of them were refused, by purpose and ICCID, since the count began."""
    since = _since(tx, now)
    sent, refused = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for counted, rows in ((sent, tx.all(_SENT, since=since)), (refused, tx.all(_REFUSED, since=since))):
        for row in rows:
            counted[row["purpose"], row["iccid"]] += int(row["n"])
    return {key: (number, refused[key]) for key, number in sent.items()}


def _since(tx: Tx, now: datetime) -> int:
    resumed = tx.value(
        "SELECT max(at) FROM events WHERE kind = 'farm.resumed' AND subject = 'marketing' AND message_id IS NULL"
    )
    return max(to_us(now - SPAN), int(resumed or 0))


def _sums(rows: list[Row], about: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows:
        found[row[about]] += int(row["n"])
    return found


def why_paused(tx: Tx) -> dict[str, object] | None:
    """What stopped the offers, while it stands: about, name, refused, sent, at; None: nothing did."""
    if not tx.value("SELECT 1 FROM pauses WHERE scope = 'class' AND value = 'marketing' AND who = :who", who=WHO):
        return None
    row = tx.one("SELECT at, subject, data FROM events WHERE kind = 'policy.refused_often' ORDER BY id DESC LIMIT 1")
    if row is None:
        return None
    return {"about": row["subject"], **json.loads(row["data"]), "at": from_us(row["at"]).isoformat()}
