"""What outside readers see of the database: the API's and the CLI's dicts, a page of a list at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from modemfarm.model import normal_iccid
from modemfarm.store import complaints as complaint_rows
from modemfarm.store import consents as consent_ledger
from modemfarm.store import counters, epoch, shapes, suppress, wanting
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.shapes import Shape, Terms, rfc3339
from modemfarm.store.within import Within

MOST_PER_PAGE = 1000
PER_PAGE = 50
NO_TERMS = Terms()
UNSAID: Shape = {"text": "", "metadata": {}}  # in place of what a message says, wherever its document is kept
UNFINISHED = ("scheduled", "held", "queued", "sending", "unknown")


def page(
    tx: Tx,
    table: str,
    where: Mapping[str, object],
    conditions: Sequence[str],
    shape: Callable[[list[Row]], list[Shape]],
    *,
    order: str,
    cursor: str | None,
    limit: int,
) -> Shape:
    """One page of a table by id; `cursor` is the id of the last row seen, in either direction.

    Ascending, `next` is given as long as there was a row, so that a poller can come back with it.
    """
    limit = max(1, min(limit, MOST_PER_PAGE))
    upwards = order == "asc"
    wanted = list(conditions)
    binds = dict(where)
    if cursor is not None and cursor.isascii() and cursor.isdigit():
        wanted.append(f"id {'>' if upwards else '<'} :cursor")
        binds["cursor"] = min(int(cursor), 2**62)
    rows = tx.all(
        f"SELECT * FROM {table} {'WHERE ' + ' AND '.join(wanted) if wanted else ''}"  # noqa: S608  names of ours only
        f" ORDER BY id {'ASC' if upwards else 'DESC'} LIMIT :limit",
        **binds,
        limit=limit + 1,
    )
    more = len(rows) > limit
    rows = rows[:limit]
    follows = rows and (more or upwards)
    return {"data": shape(rows), "next": str(rows[-1]["id"]) if follows else None}


def _cards(of: Within) -> dict[str, object]:
    return {f"card{place}": iccid for place, iccid in enumerate(sorted(of.iccids) or [""])}


def _names(of: Within) -> str:
    return ", ".join(f":{name}" for name in _cards(of))


def parts_of(tx: Tx, ids: Sequence[int]) -> dict[int, list[Row]]:
    """The parts of each message, in order."""
    found: dict[int, list[Row]] = {number: [] for number in ids}
    if ids:
        names = {f"m{place}": number for place, number in enumerate(ids)}
        for row in tx.all(
            f"SELECT * FROM parts WHERE message_id IN ({', '.join(':' + name for name in names)})"  # noqa: S608
            " ORDER BY message_id, part_number",
            **names,
        ):
            found[row["message_id"]].append(row)
    return found


def message(tx: Tx, message_id: int) -> Shape | None:
    """One message with its parts."""
    row = tx.one("SELECT * FROM messages WHERE id = :id", id=message_id)
    return None if row is None else shapes.message(row, parts_of(tx, [message_id])[message_id])


def said(tx: Tx, message_id: int) -> Shape:
    """What a message says, as far as its row still has it: ``text``, ``metadata`` and ``store_text``."""
    row = tx.one("SELECT text, metadata, store_text FROM messages WHERE id = :id", id=message_id)
    if row is None:
        return {}
    return {
        "text": row["text"],
        "metadata": shapes.parsed(row["metadata"]),
        "store_text": bool(row["store_text"]),
    }


def messages(
    tx: Tx,
    *,
    state: Sequence[str] = (),
    to: str | None = None,
    reference: str | None = None,
    batch: int | None = None,
    since: datetime | None = None,
    of: Within | None = None,
    order: str = "desc",
    cursor: str | None = None,
    limit: int = PER_PAGE,
) -> Shape:
    """A page of messages: ``{"data": […], "next": cursor or None}``, newest first; `of` these SIMs only."""
    where: dict[str, object] = {}
    conditions: list[str] = []
    if of is not None:
        where |= {"own": of.name, **_cards(of)}
        conditions.append(f"(pinned = :own OR iccid IN ({_names(of)}))")
    if state:
        where |= {f"s{place}": name for place, name in enumerate(state)}
        conditions.append(f"state IN ({', '.join(f':s{place}' for place in range(len(state)))})")
    for column, value in (("recipient", to), ("reference", reference), ("batch_id", batch)):
        if value is not None:
            where[column] = value
            conditions.append(f"{column} = :{column}")
    if since is not None:
        where["since"] = to_us(since)
        conditions.append("created_at >= :since")

    def shape(rows: list[Row]) -> list[Shape]:
        parts = parts_of(tx, [row["id"] for row in rows])
        return [shapes.message(row, parts[row["id"]]) for row in rows]

    return page(tx, "messages", where, conditions, shape, order=order, cursor=cursor, limit=limit)


def inbound_one(tx: Tx, inbound_id: int) -> Shape | None:
    """One reply."""
    row = tx.one("SELECT * FROM inbound WHERE id = :id", id=inbound_id)
    return None if row is None else shapes.inbound(row)


def inbound_list(
    tx: Tx,
    *,
    from_number: str | None = None,
    iccid: str | None = None,
    since: datetime | None = None,
    of: Within | None = None,
    order: str = "desc",
    cursor: str | None = None,
    limit: int = PER_PAGE,
) -> Shape:
    """A page of replies, `of` these SIMs; one whose parts still arrive is shown once it is complete or too late."""
    where: dict[str, object] = {}
    conditions = ["(complete = 1 OR verdict IS NOT NULL)"]
    if of is not None:
        where |= _cards(of)
        conditions.append(f"iccid IN ({_names(of)})")
    for column, value in (("originator", from_number), ("iccid", iccid)):
        if value is not None:
            where[column] = value
            conditions.append(f"{column} = :{column}")
    if since is not None:
        where["since"] = to_us(since)
        conditions.append("received_at >= :since")
    return page(
        tx,
        "inbound",
        where,
        conditions,
        lambda rows: [shapes.inbound(row) for row in rows],
        order=order,
        cursor=cursor,
        limit=limit,
    )


def counts(tx: Tx) -> dict[str, int]:
    """How many messages stand in each state."""
    return _counts(tx, "SELECT state, count(*) AS n FROM messages GROUP BY state")


def batch(tx: Tx, batch_id: int, *, errors: int = 1000) -> Shape | None:
    """One bulk intake: its counts, its first rejected rows, where its messages stand."""
    row = tx.one("SELECT * FROM batches WHERE id = :id", id=batch_id)
    if row is None:
        return None
    states = tx.all("SELECT state, count(*) AS n FROM messages WHERE batch_id = :id GROUP BY state", id=batch_id)
    return {
        "id": row["id"],
        "name": row["name"],
        "accepted": row["accepted"],
        "rejected": row["rejected"],
        "errors": tx.all(
            'SELECT "row", code, detail FROM batch_errors WHERE batch_id = :id ORDER BY "row" LIMIT :limit',
            id=batch_id,
            limit=errors,
        ),
        "created_at": rfc3339(row["created_at"]),
        "finished_at": rfc3339(row["finished_at"]),
        "states": {item["state"]: item["n"] for item in states},
    }


def modems(tx: Tx) -> list[Shape]:
    """Every modem, as `{modem}` names it."""
    rows = tx.all("SELECT * FROM modems ORDER BY host, path")
    return [shapes.modem(row, key) for key, row in shapes.modem_keys(rows)]


def modem(tx: Tx, key: str) -> Shape | None:
    """One modem by its id, path, or IMEI where that is unique."""
    every = modems(tx)
    for field in ("id", "path", "imei"):
        found = [item for item in every if item[field] == key]
        if len(found) == 1:
            return found[0]
    return None


def sims(tx: Tx, *, terms: Terms = NO_TERMS, now: datetime | None = None) -> list[Shape]:
    """Every SIM, with what it used of its plan's limits."""
    return [_sim(tx, row, terms, now) for row in tx.all("SELECT * FROM sims ORDER BY iccid")]


def sim(tx: Tx, iccid: str, *, terms: Terms = NO_TERMS, now: datetime | None = None) -> Shape | None:
    """One SIM, by its ICCID in any spelling."""
    row = tx.one(
        "SELECT * FROM sims WHERE iccid = :iccid OR iccid = :normal", iccid=iccid, normal=normal_iccid(iccid) or iccid
    )
    return None if row is None else _sim(tx, row, terms, now)


def _sim(tx: Tx, row: Row, terms: Terms, now: datetime | None) -> Shape:
    now = now or datetime.now(UTC)
    owner = terms.owner(row)
    plan = terms.plan(row)
    month = counters.month_start(plan, now)
    used = {
        "minute": counters.used_in_minute(tx, owner, now),
        "hour": counters.used_in(tx, owner, now, counters.HOUR),
        "day": counters.used(tx, owner, "day", counters.day_start(plan, now)),
        "month": counters.used_since(tx, owner, month),
        "recipients": counters.people_seen(tx, owner, month) if plan.counts_people else None,
    }
    path = row["path"]
    here = {item["path"]: item for item in modems(tx) if item["state"] != "gone"}
    holder = here.get(path) if path and row["state"] != "absent" else None
    asks = plan.ask_at_recipients is not None and (used["recipients"] or 0) >= plan.ask_at_recipients
    return shapes.sim(row, terms, used, holder) | {"asks": asks and not counters.is_answered(tx, owner, month)}


def has_others(tx: Tx, batch_id: int, name: str) -> bool:
    """Whether a batch has a message that is not for the SIMs of this name."""
    query = "SELECT 1 FROM messages WHERE batch_id = :id AND (pinned IS NULL OR pinned <> :name) LIMIT 1"
    return tx.value(query, id=batch_id, name=name) is not None


def waiting_parts(tx: Tx) -> int:
    """How many parts wait for a SIM and nothing else."""
    return int(tx.value("SELECT count(*) FROM parts WHERE state = 'waiting' AND gate = 0") or 0)


def can_send(tx: Tx) -> bool:
    """Whether a modem with an active SIM works now."""
    return bool(
        tx.value(
            "SELECT count(*) FROM modems m JOIN sims s ON s.iccid = m.iccid"
            " WHERE m.state = 'working' AND s.state = 'active'"
        )
    )


def counted(tx: Tx, now: datetime) -> Shape:
    """The part of `stats` that takes the longer the more messages there are."""
    queue = dict.fromkeys(UNFINISHED, 0)
    for row in tx.all(
        "SELECT state, count(*) AS n FROM messages"
        " WHERE state IN ('scheduled', 'held', 'queued', 'sending', 'unknown') GROUP BY state"
    ):
        queue[row["state"]] = row["n"]
    lacking = wanting.count(tx)
    oldest_at = wanting.oldest_at(tx)
    day = to_us(now - timedelta(days=1))
    sent = tx.value(
        "SELECT count(*) FROM attempts WHERE outcome = 'accepted' AND id > :id AND ended_at > :day",
        id=first_of_day(tx, day),
        day=day,
    )
    return {
        "queue": queue,
        "waiting": queue["queued"] + queue["sending"] + lacking,
        "without_sim": lacking,
        "queue_oldest_seconds": 0.0 if oldest_at is None else max(0.0, (to_us(now) - oldest_at) / 1e6),
        "parts_sent_24h": sent or 0,
        "suppressed": tx.value("SELECT count(*) FROM suppressions WHERE removed_at IS NULL") or 0,
    }


def stats(tx: Tx, counts: Shape) -> Shape:
    """The farm in numbers: what waits, what works, what was sent in the last 24 hours.

    Args:
        counts: of `counted`, now or lately.
    """
    return counts | {
        "modems": _counts(tx, "SELECT state, count(*) AS n FROM modems GROUP BY state"),
        "sims": _counts(tx, "SELECT state, count(*) AS n FROM sims GROUP BY state"),
        "pauses": pauses(tx),
        "restored": epoch.held(tx),
    }


def first_of_day(tx: Tx, since: int) -> int:
    """An attempt id before which none is younger than `since`; ids grow with time."""
    low, high = 0, int(tx.value("SELECT max(id) FROM attempts") or 0)
    while low < high:
        middle = (low + high) // 2
        row = tx.one("SELECT id, claimed_at FROM attempts WHERE id > :id ORDER BY id LIMIT 1", id=middle)
        if row is None or row["claimed_at"] > since:
            high = middle
        else:
            low = row["id"]
    return max(0, low - 1000)


def _counts(tx: Tx, sql: str) -> dict[str, int]:
    return {row["state"]: row["n"] for row in tx.all(sql)}


def pauses(tx: Tx) -> list[Shape]:
    """What is paused: everything, a class, or a batch."""
    return [
        {"scope": row["scope"], "value": row["value"] or None, "since": rfc3339(row["since"]), "who": row["who"]}
        for row in tx.all("SELECT scope, value, since, who FROM pauses ORDER BY since")
    ]


def events(tx: Tx, *, after: str | None = None, limit: int = PER_PAGE, order: str = "desc") -> Shape:
    """A page of what happened."""

    def shape(rows: list[Row]) -> list[Shape]:
        return [
            {
                "id": row["id"],
                "at": rfc3339(row["at"]),
                "kind": row["kind"],
                "message": row["message_id"],
                "subject": row["subject"] or None,
                "data": shapes.parsed(row["data"]),
            }
            for row in rows
        ]

    return page(tx, "events", {}, (), shape, order=order, cursor=after, limit=limit)


def suppressed(tx: Tx, *, cursor: str | None = None, limit: int = PER_PAGE) -> Shape:
    """A page of the numbers that get nothing more, by number."""
    limit = max(1, min(limit, MOST_PER_PAGE))
    rows = suppress.listed(tx, cursor or "", limit + 1)
    more = len(rows) > limit
    data = [
        {"number": r["number"], "since": rfc3339(r["since"]), "source": r["source"], "keyword": r["keyword"],
         "inbound": r["inbound_id"]}
        for r in rows[:limit]
    ]  # fmt: skip
    return {"data": data, "next": data[-1]["number"] if more else None}


def consents(tx: Tx, *, number: str | None = None, cursor: str | None = None, limit: int = PER_PAGE) -> Shape:
    """A page of the ledger's records, newest first; those of erased people are no more."""
    limit = max(1, min(limit, MOST_PER_PAGE))
    rows = consent_ledger.listed(tx, number, None if cursor is None else int(cursor), limit + 1)
    return {"data": rows[:limit], "next": str(rows[limit - 1]["seq"]) if len(rows) > limit else None}


def complaints(tx: Tx, *, number: str | None = None, cursor: str | None = None, limit: int = PER_PAGE) -> Shape:
    """A page of complaints, newest first, each with its proof."""
    limit = max(1, min(limit, MOST_PER_PAGE))
    rows = complaint_rows.listed(tx, number, None if cursor is None else int(cursor), limit + 1)
    return {"data": rows[:limit], "next": str(rows[limit - 1]["id"]) if len(rows) > limit else None}
