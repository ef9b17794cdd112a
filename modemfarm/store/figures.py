"""The numbers behind /metrics, counted from the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from modemfarm.store import rates, shapes, wanting
from modemfarm.store.engine import Tx, to_us

SEND_BUCKETS_S = (0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0)
WINDOW = timedelta(minutes=5)

Labelled = dict[tuple[str, ...], float]


@dataclass(slots=True)
class Figures:
    """One scrape's values by their labels; `send_buckets` are cumulative, (upper bound, count)."""

    messages: Labelled = field(default_factory=dict)
    parts: Labelled = field(default_factory=dict)
    queue: Labelled = field(default_factory=dict)
    oldest_s: float = 0.0
    send_buckets: list[tuple[str, float]] = field(default_factory=list)
    send_sum_s: float = 0.0
    up: Labelled = field(default_factory=dict)
    signal_dbm: Labelled = field(default_factory=dict)
    resets: Labelled = field(default_factory=dict)
    utilisation: Labelled = field(default_factory=dict)
    inbound: Labelled = field(default_factory=dict)
    optouts: float = 0.0
    offers_sent: Labelled = field(default_factory=dict)
    offers_refused: Labelled = field(default_factory=dict)
    opt_out_rate: Labelled = field(default_factory=dict)


def read(tx: Tx, now: datetime) -> Figures:
    """Count everything in one view of the database."""
    seen = Figures()
    for row in tx.all("SELECT state, class, count(*) AS n FROM messages GROUP BY state, class"):
        seen.messages[row["state"], row["class"]] = row["n"]
    for state in ("scheduled", "held", "queued", "sending", "unknown"):
        seen.queue[(state,)] = sum(n for (of, _), n in seen.messages.items() if of == state)
    oldest = wanting.oldest_at(tx)
    seen.oldest_s = 0.0 if oldest is None else max(0.0, (to_us(now) - oldest) / 1e6)
    for row in tx.all(
        "SELECT iccid, coalesce(outcome, 'open') AS result, count(*) AS n FROM attempts GROUP BY iccid, outcome"
    ):
        seen.parts[row["iccid"], row["result"]] = row["n"]
    _durations(tx, seen)
    _modems(tx, seen, now)
    for row in tx.all("SELECT kind, count(*) AS n FROM inbound GROUP BY kind"):
        seen.inbound[(row["kind"],)] = row["n"]
    seen.optouts = tx.value("SELECT count(*) FROM suppressions") or 0
    for key, (sent, refused) in rates.by_purpose_and_sim(tx, now).items():
        seen.offers_sent[key], seen.offers_refused[key] = sent, refused
        seen.opt_out_rate[key] = round(refused / sent, 4)
    return seen


def _durations(tx: Tx, seen: Figures) -> None:
    columns = ", ".join(
        f"sum(CASE WHEN ended_at - ctrl_z_at <= {int(bound * 1e6)} THEN 1 ELSE 0 END) AS b{place}"
        for place, bound in enumerate(SEND_BUCKETS_S)
    )
    row = tx.one(
        f"SELECT count(*) AS n, sum(ended_at - ctrl_z_at) AS total, {columns} FROM attempts"  # noqa: S608  numbers only
        " WHERE outcome = 'accepted' AND ctrl_z_at IS NOT NULL AND ended_at IS NOT NULL"
    )
    counts = row or {}
    seen.send_buckets = [(str(bound), counts.get(f"b{place}") or 0) for place, bound in enumerate(SEND_BUCKETS_S)]
    seen.send_buckets.append(("+Inf", counts.get("n") or 0))
    seen.send_sum_s = float(counts.get("total") or 0) / 1e6


def _modems(tx: Tx, seen: Figures, now: datetime) -> None:
    names: dict[str, str] = {}
    for key, row in shapes.modem_keys(tx.all("SELECT * FROM modems ORDER BY host, path")):
        names[row["path"]] = key
        seen.up[(key,)] = int(row["state"] == "working")
        if row["signal_dbm"] is not None:
            seen.signal_dbm[(key,)] = row["signal_dbm"]
        seen.utilisation[(key,)] = 0.0
    since = to_us(now - WINDOW)
    for row in tx.all(
        "SELECT path, sum(coalesce(ended_at, :now) - CASE WHEN ctrl_z_at < :since THEN :since ELSE ctrl_z_at END)"
        " AS air FROM attempts WHERE ctrl_z_at IS NOT NULL AND (ended_at IS NULL OR ended_at > :since)"
        " GROUP BY path",
        now=to_us(now),
        since=since,
    ):
        if row["path"] in names:
            share = float(row["air"] or 0) / (WINDOW / timedelta(microseconds=1))
            seen.utilisation[(names[row["path"]],)] = round(min(1.0, max(0.0, share)), 4)
    for row in tx.all("SELECT subject, data FROM events WHERE kind = 'modem.reset'"):
        label = (str(names.get(row["subject"], row["subject"])), str(shapes.parsed(row["data"]).get("step", "")))
        seen.resets[label] = seen.resets.get(label, 0) + 1
