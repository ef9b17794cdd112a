"""Why a message went, waits or stopped: a line for each decision, with who decided it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from modemfarm.gsm.splitting import measure
from modemfarm.model import Encoding
from modemfarm.policy import remedy
from modemfarm.store import shapes, sim_facts, standing
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.labels import OURS
from modemfarm.store.shapes import Shape, Terms, rfc3339

NO_TERMS = Terms()
_ATTEMPTS: Mapping[str, str] = {  # accepted and uncertain ones have an event of their own
    "refused": "attempt_refused",
    "not_sent": "attempt_not_sent",
    "released": "attempt_released",
}
_SOURCES: Mapping[str, str] = {  # who decided; the farm where nothing stands here
    "accepted": "sender",
    "message_edited": "person",
    "message_resolved": "person",
    "message_resending": "sender",
    "message_refused": "rule",
    "opted_out_word": "rule",
    "opted_out_how": "rule",
    "help_way": "rule",
    "now_refused": "rule",
    "now_scheduled": "sender",
    "part_sent": "network",
    "part_delivered": "network",
    "part_undelivered": "network",
    "part_reported": "network",
    "part_unconfirmed": "network",
    "now_delivered": "network",
    "now_undelivered": "network",
    "attempt_refused": "network",
    "attempt_not_sent": "modem",
    "part_unknown": "modem",
}
_BY_REASON: Mapping[str, str] = {
    "paused": "person",
    "sim_paused": "person",
    "canceled": "person",
    "opted_out": "rule",
    "resolved": "person",
    "validity_expired": "sender",
    "network": "network",
    "recipient": "network",
    "restored": "rule",
    "clock": "rule",
    "ceiling_parts": "rule",
    "ceiling_cost": "rule",
}
_Line = tuple[int, int, str, dict[str, Any]]


def explain(tx: Tx, message_id: int, *, terms: Terms = NO_TERMS, now: datetime | None = None) -> list[Shape] | None:
    """The story of a message: ``{"at", "code", "source", "params"}``, oldest first.

    Codes are slugs of the section `explain` in web/sentences, sources of `source`; None when there is no such message.
    """
    row = tx.one("SELECT * FROM messages WHERE id = :id", id=message_id)
    if row is None:
        return None
    names = standing.names(tx, terms)
    parts = row["parts_total"]
    gone = ("字" if row["encoding"] == Encoding.UCS2 else "x") * (200 if parts > 1 else 1)  # one of the same room
    room = measure(row["text"] or gone).per_part
    about = {"class": row["class"], "parts": parts, "n": parts, "encoding": row["encoding"], "room": room}
    told: list[_Line] = [(row["created_at"], 0, "accepted", about)]
    told += _events(tx, row)
    told += _attempts(tx, row)
    told.sort(key=lambda line: line[:2])
    told = _until(tx, row, told)
    last = next(line for line in reversed(told) if line[2] != "callback_lost")  # which tells of no state
    told += _now(tx, row, last, terms, now or datetime.now(UTC))
    for _, _, _, params in told:
        for iccid, name in (("iccid", "sim"), ("other", "other_sim")):
            if params.get(iccid):
                params[name] = names.get(params[iccid], standing.short(params[iccid]))
    return [
        {"at": rfc3339(at), "code": code, "source": _source(code, params), "params": params}
        for at, _, code, params in told
    ]


def _source(code: str, params: Mapping[str, Any]) -> str:
    if code.startswith("limit_"):
        return "plan"
    by_reason = _BY_REASON.get(str(params.get("reason"))) if code.startswith(("now_", "message_", "sim_is")) else None
    return _SOURCES.get(code) or by_reason or "farm"


def _events(tx: Tx, row: Row) -> list[_Line]:
    """What happened to it; that it was taken in its own row tells, for batches too."""
    rows = tx.all("SELECT at, kind, subject, data FROM events WHERE message_id = :id ORDER BY id", id=row["id"])
    return [
        (
            item["at"],
            2,
            item["kind"].replace(".", "_"),
            {"iccid": item["subject"] or None, "total": row["parts_total"], "name": row["pinned"]}
            | shapes.parsed(item["data"]),
        )
        for item in rows
        if item["kind"] != "message.accepted"
    ]


def _until(tx: Tx, row: Row, told: list[_Line]) -> list[_Line]:
    """The same lines; of each hold that is over, until when: a claim, another hold or the end came next."""
    if not any(line[2] == "message_held" for line in told):
        return told
    claims = tx.all("SELECT claimed_at AS at FROM attempts WHERE message_id = :id", id=row["id"])
    ends = [one["at"] for one in claims] + [line[0] for line in told if line[2] == "message_held"]
    ends += [row["final_at"]] if row["final_at"] is not None else []
    found: list[_Line] = []
    for at, rank, code, params in told:
        after = min((end for end in ends if end > at), default=None) if code == "message_held" else None
        if row["state"] == "held" and params.get("reason") == row["reason"] and row["reason"] in OURS:
            continue  # it stands again, or still: the end says so
        if after is not None:
            found.append((at, rank, "message_was_held", params | {"until": rfc3339(after)}))
        elif code != "message_held" or row["state"] != "held" or params.get("reason") not in OURS:
            found.append((at, rank, code, params))  # what a label says now stands at the end
    return found


def _attempts(tx: Tx, row: Row) -> list[_Line]:
    """Which SIM took it and over which, and what came of that where no event tells."""
    rows = tx.all(
        "SELECT a.*, p.part_number, (SELECT min(family) FROM modems d WHERE d.path = a.path AND d.host = a.host)"
        " AS family FROM attempts a LEFT JOIN parts p ON p.id = a.part_id WHERE a.message_id = :id ORDER BY a.id",
        id=row["id"],
    )
    found: list[_Line] = []
    last: Row | None = None
    for item in rows:
        about = {"part": item["part_number"] or 1, "total": row["parts_total"], "iccid": item["iccid"]}
        same = last is not None and last["iccid"] == item["iccid"]
        if item["why"] and not (same and item["why"].startswith("started")):
            found.append((item["claimed_at"], 1, *_chosen(item["why"], about, None if same else last)))
        last = item
        if item["outcome"] is not None and item["outcome"] not in _ATTEMPTS:
            continue
        about |= {"path": item["path"], "kind": item["kind"], "number": item["code"], "detail": item["detail"],
                  "family": item["family"]}  # fmt: skip
        at = item["ended_at"] or item["submitting_at"] or item["claimed_at"]
        found.append((at, 1, _ATTEMPTS.get(item["outcome"] or "", "attempt_open"), about))
    return found


def _chosen(why: str, about: dict[str, Any], before: Row | None) -> tuple[str, dict[str, Any]]:
    """A claim's own words (`choosing.kept`) as a line; `before`: the attempt of another SIM that it comes after."""
    slug, *beside = why.split(" ")
    code = "chosen" if before is None else "moved"
    if len(beside) != 2 and before is not None and before["outcome"] == "refused":
        beside = [before["iccid"], "refused_it"]
    if len(beside) != 2:
        return code, about | {"choice": slug}
    return f"{code}_over", about | {"choice": slug, "other": beside[0], "over": beside[1]}


def _now(tx: Tx, row: Row, last: _Line, terms: Terms, now: datetime) -> list[_Line]:
    """How it stands or ended, on what that rests, and what a person may do about it."""
    state, reason = row["state"], row["reason"]
    at = row["final_at"] or max(last[0], row["created_at"])
    found: list[_Line] = []
    comes = row["next_at"] is not None and row["next_at"] > to_us(now)  # what has passed is no time to wait for
    params = shapes.reason_params(row) | {"reason": reason, "next_at": rfc3339(row["next_at"] if comes else None)}
    limits = standing.limits(tx, row, terms, now) if state == "held" and str(reason).startswith("plan_") else []
    if limits:
        found += [(to_us(now), 4, f"limit_{one['reason']}", one) for one in limits]
    elif reason and not (last[2] == f"message_{state}" and last[3].get("reason") == reason):
        found.append((at, 4, f"now_{state}", params))
    elif state in ("scheduled", "queued"):
        found.append((at, 4, f"now_{state}" if state == "scheduled" else "waits_turn", params))
    if state in ("held", "queued"):
        found += [(line[0], line[1], line[2], dict(line[3])) for line in sim_facts.why_parked(tx, row["iccid"])]
    return found + [(found[-1][0] if found else at, 6, *line) for line in _help(tx, row)]


def _help(tx: Tx, row: Row) -> list[tuple[str, dict[str, Any]]]:
    """What stands in the way, and the command that opens it."""
    state, reason = row["state"], row["reason"]
    if state == "unknown":
        return [("help_unknown", {"id": row["id"]})]
    if state in ("refused", "canceled"):
        way = remedy.command(reason, row["recipient"], shapes.parsed(row["reason_params"]))
        said = _opt_out(tx, row) if reason == "opted_out" else []
        return said if way is None else [*said, ("help_way", {"reason": reason, "command": way})]
    waits = state == "held" or (state, reason) == ("sending", "paused")
    command = _command(tx, row) if waits else None
    return [] if command is None else [("help_opens", {"command": command})]


def _opt_out(tx: Tx, row: Row) -> list[tuple[str, dict[str, Any]]]:
    found = tx.one(
        "SELECT since, source, keyword FROM suppressions WHERE number = :number AND removed_at IS NULL",
        number=row["recipient"],
    )
    if found is None:
        return []
    about = {"since": rfc3339(found["since"]), "how": found["source"], "keyword": found["keyword"]}
    return [("opted_out_word" if found["keyword"] else "opted_out_how", about)]


def _command(tx: Tx, row: Row) -> str | None:
    match row["reason"]:
        case "restored":
            return "modemfarm resume --restored"
        case "sim_parked" | "sim_paused" if row["iccid"]:
            return f"modemfarm sims resume {row['iccid']}"
        case "paused":
            paused = {(one["scope"], one["value"]) for one in tx.all("SELECT scope, value FROM pauses")}
            for scope, value in (("all", ""), ("class", row["class"]), ("batch", str(row["batch_id"]))):
                if (scope, value) in paused:
                    return "modemfarm resume" + (f" --{scope} {value}" if value else "")
    return None
