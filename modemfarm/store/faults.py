"""Whether what the rows say fits together: what `db check` asks beyond whether the file is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from modemfarm.model import LEFT, ON_THE_AIR, MessageState, PartState
from modemfarm.policy.consent import faults as broken_links
from modemfarm.store import consents
from modemfarm.store.engine import Tx
from modemfarm.store.messages import FINAL, NAMED, OVER

SHOWN = 20  # of each sort

Fault = tuple[str, str]  # which check, and a sentence with the place


def _listed(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(str(one) for one in values))


# What a message is by its parts, as `model.derive` has it; `waits` for scheduled, held and queued.
_DERIVED = (
    f"CASE WHEN sum(CASE WHEN p.state IN ({_listed(ON_THE_AIR)}) THEN 1 ELSE 0 END) > 0 THEN 'sending'"
    f" WHEN sum(CASE WHEN p.state = '{PartState.WAITING}' THEN 1 ELSE 0 END) > 0 THEN"
    f" CASE WHEN sum(CASE WHEN p.state IN ({_listed(LEFT)}) THEN 1 ELSE 0 END) > 0 THEN 'sending' ELSE 'waits' END"
    + "".join(
        f" WHEN sum(CASE WHEN p.state = '{state}' THEN 1 ELSE 0 END) > 0 THEN '{state}'"
        for state in ("unknown", "undelivered", "failed", "canceled", "expired")
    )
    + " WHEN sum(CASE WHEN p.state = 'delivered' THEN 0 ELSE 1 END) = 0 THEN 'delivered' ELSE 'sent' END"
)
_WAITS = _listed((MessageState.SCHEDULED, MessageState.HELD, MessageState.QUEUED))


def _message_state(tx: Tx) -> Iterator[str]:
    rows = tx.all(
        "SELECT id, state, derived FROM (SELECT m.id, m.state,"  # noqa: S608 # our own words
        f" {_DERIVED} AS derived FROM messages m JOIN parts p ON p.message_id = m.id GROUP BY m.id, m.state) AS told"
        f" WHERE NOT (state = derived OR (derived = 'waits' AND state IN ({_WAITS}))) ORDER BY id LIMIT :n",
        n=SHOWN,
    )
    for row in rows:
        yield f"message {row['id']} is {row['state']}, by its parts it is {row['derived']}"


def _parts(tx: Tx) -> Iterator[str]:
    rows = tx.all(
        "SELECT m.id, m.parts_total, count(p.id) AS n FROM messages m LEFT JOIN parts p ON p.message_id = m.id"
        " WHERE m.state <> 'refused' GROUP BY m.id, m.parts_total HAVING count(p.id) <> m.parts_total"
        " ORDER BY m.id LIMIT :n",
        n=SHOWN,
    )
    for row in rows:
        yield f"message {row['id']} should have {row['parts_total']} parts and has {row['n']}"
    for row in tx.all(
        "SELECT id, message_id FROM parts p WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = p.message_id"
        " AND m.state <> 'refused') ORDER BY id LIMIT :n",
        n=SHOWN,
    ):
        yield f"part {row['id']} belongs to message {row['message_id']}, which is not there or was refused"


def _ends(tx: Tx) -> Iterator[str]:
    rows = tx.all(
        f"SELECT id, state, final_at FROM messages WHERE (state IN ({_listed(FINAL)}) AND final_at IS NULL)"  # noqa: S608
        f" OR (state IN ({_WAITS}, 'sending') AND final_at IS NOT NULL) ORDER BY id LIMIT :n",
        n=SHOWN,
    )
    for row in rows:
        told = "has no time of its end" if row["final_at"] is None else "has a time of its end"
        yield f"message {row['id']} is {row['state']} and {told}"


def _texts(tx: Tx) -> Iterator[str]:
    over = f"state IN ({_listed(OVER)})"
    rows = tx.all(
        f"SELECT id, state, text FROM messages WHERE (store_text = 0 AND {over} AND text <> '')"  # noqa: S608 # our own words
        f" OR (text = '' AND recipient <> '' AND NOT {over}) ORDER BY id LIMIT :n",  # none: the person was forgotten
        n=SHOWN,
    )
    for row in rows:
        told = "still has the text that was not to be kept" if row["text"] else "has no text that it could be sent with"
        yield f"message {row['id']} is {row['state']} and {told}"


def _attempts(tx: Tx) -> Iterator[str]:
    for row in tx.all(
        f"SELECT p.id, p.state FROM parts p WHERE p.state IN ({_listed(ON_THE_AIR)})"  # noqa: S608 # our own words
        " AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.id = p.attempt_id AND a.part_id = p.id)"
        " ORDER BY p.id LIMIT :n",
        n=SHOWN,
    ):
        yield f"part {row['id']} is {row['state']} without an attempt of its own"
    for row in tx.all(
        "SELECT a.id, a.part_id FROM attempts a WHERE a.charged_at IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.id = a.part_id) ORDER BY a.id LIMIT :n",
        n=SHOWN,
    ):
        yield f"attempt {row['id']} is charged for part {row['part_id']}, which is not there"
    for row in tx.all(
        "SELECT a.id, a.part_id, p.state FROM attempts a JOIN parts p ON p.id = a.part_id"  # noqa: S608 # our own words
        f" WHERE a.outcome IS NULL AND a.ended_at IS NULL AND NOT (p.state IN ({_listed(ON_THE_AIR)})"
        " AND coalesce(p.attempt_id, 0) = a.id) AND a.charged_at IS NOT NULL AND p.state <> 'canceled'"
        " ORDER BY a.id LIMIT :n",
        n=SHOWN,
    ):
        yield f"attempt {row['id']} has no end, and part {row['part_id']} is {row['state']}"


def _charges(tx: Tx) -> Iterator[str]:
    for row in tx.all(
        "SELECT p.charged_to AS owner, p.charged_day AS day, count(*) AS n, coalesce(max(c.used), 0) AS used"
        " FROM parts p LEFT JOIN counters c ON c.owner = p.charged_to AND c.period = 'day' AND c.starts_at ="
        " p.charged_day WHERE p.charged_to IS NOT NULL GROUP BY p.charged_to, p.charged_day"
        " HAVING count(*) > coalesce(max(c.used), 0) ORDER BY 1, 2 LIMIT :n",
        n=SHOWN,
    ):
        yield f"{row['owner']}: {row['n']} parts are charged to a day that counts {row['used']}"
    # Beyond its parts a day counts what may have left and was sent again: those attempts stay charged.
    counted = {
        row["owner"]: row["n"]
        for row in tx.all(
            "SELECT c.owner, sum(c.used) AS n FROM counters c WHERE c.period = 'day' AND EXISTS"
            " (SELECT 1 FROM attempts a WHERE a.owner = c.owner) GROUP BY c.owner"
        )
    }
    parts = {
        row["owner"]: row["n"]
        for row in tx.all(
            "SELECT charged_to AS owner, count(*) AS n FROM parts WHERE charged_to IS NOT NULL GROUP BY charged_to"
        )
    }
    beside = {
        row["owner"]: row["n"]
        for row in tx.all(
            "SELECT a.owner, count(*) AS n FROM attempts a WHERE a.charged_at IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM parts p WHERE p.id = a.part_id AND p.attempt_id = a.id AND p.charged_to = a.owner)"
            " GROUP BY a.owner"
        )
    }
    for owner, used in sorted(counted.items()):
        most = parts.get(owner, 0) + beside.get(owner, 0)
        if used > most:
            yield f"{owner}: its days count {used} parts, its rows explain {most}"
    for row in tx.all(
        "SELECT owner, period, used FROM counters WHERE used < 0 ORDER BY owner, starts_at LIMIT :n", n=SHOWN
    ):
        yield f"{row['owner']}: its {row['period']} counts {row['used']}"


def _people(tx: Tx) -> Iterator[str]:
    for row in tx.all(
        "SELECT c.owner, c.used, (SELECT count(*) FROM plan_recipients r WHERE r.owner = c.owner"
        " AND r.month = c.starts_at) AS n FROM counters c WHERE c.period = 'people' AND c.used <> (SELECT count(*)"
        " FROM plan_recipients r WHERE r.owner = c.owner AND r.month = c.starts_at)"
        " AND EXISTS (SELECT 1 FROM plan_recipients r WHERE r.owner = c.owner AND r.month = c.starts_at)"
        " ORDER BY c.owner LIMIT :n",
        n=SHOWN,
    ):
        yield f"{row['owner']}: its month counts {row['used']} people and lists {row['n']}"


def _bound(tx: Tx) -> Iterator[str]:
    for row in tx.all(
        "SELECT id, message_id, bound_iccid FROM parts p WHERE state = 'waiting' AND bound_iccid <> ''"
        " AND bound_iccid NOT LIKE :named AND NOT EXISTS (SELECT 1 FROM sims s WHERE s.iccid = p.bound_iccid)"
        " ORDER BY id LIMIT :n",
        named=f"{NAMED}%",
        n=SHOWN,
    ):
        yield f"message {row['message_id']} waits for SIM {row['bound_iccid']}, which nobody knows"


def _hidden(tx: Tx) -> Iterator[str]:
    if tx.value("SELECT 1 FROM pauses LIMIT 1") or tx.value("SELECT 1 FROM farm WHERE key LIKE 'gates:%' LIMIT 1"):
        return  # it may be on its way
    for row in tx.all(
        "SELECT DISTINCT p.message_id FROM parts p JOIN messages m ON m.id = p.message_id WHERE p.state = 'waiting'"
        " AND p.gate = 1 AND m.state = 'queued' ORDER BY 1 LIMIT :n",
        n=SHOWN,
    ):
        yield f"message {row['message_id']} is queued, and yet hidden from every SIM"


def _suppressed(tx: Tx) -> Iterator[str]:
    for row in tx.all(
        "SELECT DISTINCT p.message_id FROM parts p JOIN suppressions s ON s.number = p.recipient"
        " WHERE s.removed_at IS NULL AND p.class = 'marketing' AND p.state = 'waiting' ORDER BY 1 LIMIT :n",
        n=SHOWN,
    ):
        yield f"message {row['message_id']} is an offer that waits for somebody who opted out"


def _ledger(tx: Tx) -> Iterator[str]:
    for fault in broken_links(consents.ledger(tx))[:SHOWN]:
        yield f"consent ledger: {fault}"


CHECKS: dict[str, Callable[[Tx], Iterator[str]]] = {
    "message_state": _message_state,
    "parts": _parts,
    "ends": _ends,
    "texts": _texts,
    "attempts": _attempts,
    "charges": _charges,
    "people": _people,
    "bound": _bound,
    "hidden": _hidden,
    "suppressed": _suppressed,
    "ledger": _ledger,
}


def faults(tx: Tx) -> list[Fault]:
    """What does not fit together, in one view of the database; [] when all does."""
    return [(name, what) for name, check in CHECKS.items() for what in check(tx)]
