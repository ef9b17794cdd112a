"""The waiting parts: reading the heads of the queue, claiming a part for a SIM, giving it back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from modemfarm.model import NO_CEILING, UNLIMITED, Ceiling, MessageClass, MessageState, PartState, Plan, normal_iccid
from modemfarm.policy.profiles import Configured
from modemfarm.store import locks
from modemfarm.store.charging import CHARGED, Charge, charge_binds, charged, refund, reserve, settle_key
from modemfarm.store.counters import day_start
from modemfarm.store.engine import Row, Tx, from_us, to_us
from modemfarm.store.messages import NAMED, refresh, settle_doubt
from modemfarm.store.offers import may_leave
from modemfarm.store.sims import pinned_to
from modemfarm.store.suppress import OPTED_OUT, stops_forgotten

STARTED_RANK = -1  # the other parts of a message whose first part went out: before everything else

NEXT_RANK = (
    "SELECT rank FROM parts WHERE state = 'waiting' AND gate = 0 AND bound_iccid = :bound AND rank >= :rank"
    " ORDER BY rank LIMIT 1"
)
WHAT = (  # the columns of a `Candidate`
    "SELECT p.id AS part_id, p.message_id, p.part_number, p.recipient, p.class, p.rank, p.due_at, p.bound_iccid,"
    " p.charged_to, p.charged_day, p.farm_day, m.parts_total, m.text, m.encoding, m.iccid, m.pinned, m.report, m.flash,"
    " m.valid_until, m.concat_ref, m.avoid, m.batch_id, m.charged_key, m.state AS message_state, q.iccid AS sticky"
)
FIRST = (  # of a row `p` of waiting `parts`: no part of its message waits before it
    "(p.part_number = 1 OR NOT EXISTS (SELECT 1 FROM parts e WHERE e.message_id = p.message_id"
    " AND e.part_number < p.part_number AND e.state = 'waiting'))"
)
_DUE_OF_RANK = (
    WHAT + " FROM parts p JOIN messages m ON m.id = p.message_id LEFT JOIN people q ON q.number = p.recipient"
    " WHERE p.state = 'waiting' AND p.gate = 0 AND p.bound_iccid = :bound AND p.rank = :rank AND p.due_at <= :now"
    f" AND {FIRST} ORDER BY p.due_at, p.id LIMIT :most"
)
_CLAIM = "UPDATE parts SET state = 'claimed', attempt_id = :attempt, iccid = :iccid, bound_iccid = :iccid"
_WAITS = f" WHERE id = :id AND state = 'waiting' AND gate = 0 AND NOT {OPTED_OUT}"
_CLAIM_ALONE = f"{_CLAIM}, {CHARGED}{_WAITS}"  # and charge it: it is its message's only part


@dataclass(frozen=True, slots=True)
class Candidate:
    """A waiting part at the head of a queue, with what choosing and encoding need.

    Attributes:
        bound_iccid: the SIM that it must leave by; "" when any may take it.
        sticky_iccid: the SIM of the last exchange with this person.
        avoid: SIMs that it must not leave by.
        scheduled: its time was not released yet; a clock in doubt does not let it go.
        charged: its parts are already reserved in `charged_day` of `charged_to`, and in the farm's `farm_day`.
    """

    part_id: int
    message_id: int
    part_number: int
    parts_total: int
    recipient: str
    message_class: str
    rank: int
    due_at: int
    bound_iccid: str
    sticky_iccid: str | None
    pinned: str | None
    avoid: frozenset[str]
    charged_to: str | None
    charged_day: int | None
    text: str
    encoding: str
    report: bool
    flash: bool
    valid_until: datetime | None
    concat_ref: int | None
    batch_id: int | None
    scheduled: bool = False
    farm_day: int | None = None
    charged_key: str | None = None

    @property
    def started(self) -> bool:
        """Whether another part of its message left."""
        return self.rank == STARTED_RANK

    @property
    def parts_left(self) -> int:
        """How many parts of its message are to leave, with this one."""
        return self.parts_total - (self.part_number - 1 if self.started else 0)

    @property
    def by_clock(self) -> bool:
        """Whether a clock in doubt keeps it: its own time, or the hours of offers."""
        return self.scheduled or self.message_class == MessageClass.MARKETING


def heads(tx: Tx, bound_iccid: str, now: datetime, most: int, *, claim: bool = True) -> list[Candidate]:
    """The first waiting part of the first due messages bound to one SIM ("": to none), in the order they should go.

    Args:
        claim: what another host looks at in this moment is left out, and what is found is left out there.
    """
    found: list[Candidate] = []
    rank = STARTED_RANK
    while len(found) < most:
        # Rank by rank: a scheduled message in an urgent one must not hide due ones behind it.
        next_rank = tx.value(NEXT_RANK, bound=bound_iccid, rank=rank)
        if next_rank is None:
            break
        rows = tx.all(
            _DUE_OF_RANK + (locks.skipping(tx, "p", "m") if claim else ""),
            bound=bound_iccid,
            rank=next_rank,
            now=to_us(now),
            most=most - len(found),
        )
        found += [candidate(row) for row in rows]
        rank = next_rank + 1
    return found


def longest_waiting(tx: Tx, bound_iccid: str, before: datetime) -> list[Candidate]:
    """The first part of each priority that has been due since `before`; they stand in `heads`' order, not by age."""
    found: list[Candidate] = []
    rank = tx.value(NEXT_RANK, bound=bound_iccid, rank=STARTED_RANK + 1)
    while rank is not None:
        rows = tx.all(
            _DUE_OF_RANK + locks.skipping(tx, "p", "m"), bound=bound_iccid, rank=rank, now=to_us(before), most=2
        )
        found += [candidate(row) for row in rows]
        rank = tx.value(NEXT_RANK, bound=bound_iccid, rank=rank + 1)
    return found


def candidate(row: Row) -> Candidate:
    """A row of the columns above."""
    return Candidate(
        part_id=row["part_id"],
        message_id=row["message_id"],
        part_number=row["part_number"],
        parts_total=row["parts_total"],
        recipient=row["recipient"],
        message_class=row["class"],
        rank=row["rank"],
        due_at=row["due_at"],
        bound_iccid="" if row["bound_iccid"].startswith(NAMED) else row["bound_iccid"],
        sticky_iccid=row["sticky"],
        pinned=row["pinned"],
        avoid=frozenset(row["avoid"].split(",")) if row["avoid"] else frozenset(),
        charged_to=row["charged_to"],
        charged_day=row["charged_day"],
        text=row["text"],
        encoding=row["encoding"],
        report=bool(row["report"]),
        flash=bool(row["flash"]),
        valid_until=None if row["valid_until"] is None else from_us(row["valid_until"]),
        concat_ref=row["concat_ref"],
        batch_id=row["batch_id"],
        scheduled=row["message_state"] == "scheduled",
        farm_day=row["farm_day"],
        charged_key=row["charged_key"],
    )


def home(tx: Tx, pinned: str | None) -> str:
    """The queue that a message of which nothing left waits in: for any SIM, for one, or for those of a name."""
    if pinned is None:
        return ""
    return pinned_to(tx, normal_iccid(pinned), pinned) or NAMED + pinned


def bind(tx: Tx, message_id: int, iccid: str) -> None:
    """Tie a message that waits unbound to one SIM: every part of it goes there."""
    tx.run(
        "UPDATE parts SET bound_iccid = :iccid WHERE message_id = :id AND state = 'waiting'", iccid=iccid, id=message_id
    )
    tx.run("UPDATE messages SET iccid = :iccid WHERE id = :id", iccid=iccid, id=message_id)
    tx.tell()


@dataclass(frozen=True, slots=True)
class Lane:
    """Where a claim is made: one SIM in one modem of one running daemon."""

    iccid: str
    owner: str
    path: str
    host: str
    instance: str
    day: datetime  # when the plan's current day began
    plan: Plan = UNLIMITED
    ceiling: Ceiling = NO_CEILING
    policy: Configured = field(default_factory=Configured)
    transactional_after_opt_out: bool = False


def claim(tx: Tx, part: Candidate, lane: Lane, now: datetime, why: str | None = None) -> int | None:
    """Claim one part for a SIM and charge its plan; the first claim reserves the whole message.

    Args:
        why: kept with the attempt for `explain`: a slug, and after blanks the SIM that came next and a slug for why.

    Returns:
        The attempt's id; None when the part was not waiting any more, a claim beside this one took the last that
        the plan, or the farm's ceiling, allows, or an offer may not leave now.
    """
    if part.message_class == MessageClass.MARKETING and not locks.try_person(tx, part.recipient):
        return None  # another host may be about to use up what this person is to get
    if part.message_class == MessageClass.MARKETING and not may_leave(tx, part, lane.iccid, lane.policy, now):
        return None
    if stops_forgotten(tx, part.recipient, now, exempt=lane.transactional_after_opt_out):
        return None
    if not (lane.plan.is_limited or lane.ceiling or part.charged_to):
        return _claim(tx, part, lane, now, why)
    tx.run("SAVEPOINT claiming")
    mark, owners = tx.mark(), set(tx.owners)
    attempt_id = _claim(tx, part, lane, now, why)
    if attempt_id is None:
        tx.run("ROLLBACK TO SAVEPOINT claiming")
        tx.drop(mark)
        tx.owners = owners
    tx.run("RELEASE SAVEPOINT claiming")
    return attempt_id


def _claim(tx: Tx, part: Candidate, lane: Lane, now: datetime, why: str | None) -> int | None:
    at = to_us(now)
    attempt_id = tx.value(
        "INSERT INTO attempts (part_id, message_id, recipient, iccid, owner, host, instance, path, claimed_at,"
        " charged_at, why) VALUES (:part, :message, :recipient, :iccid, :owner, :host, :instance, :path, :now, :now,"
        " :why) RETURNING id",
        part=part.part_id,
        message=part.message_id,
        recipient=part.recipient,
        iccid=lane.iccid,
        owner=lane.owner,
        host=lane.host,
        instance=lane.instance,
        path=lane.path,
        now=at,
        why=why,
    )
    farm_day = to_us(day_start(lane.ceiling.days, now)) if lane.ceiling else None
    what = Charge(part.part_id, part.message_id, part.recipient, lane.owner, lane.plan, lane.day, farm_day)
    alone = part.parts_total == 1 and part.charged_to is None
    moved = tx.run(
        _CLAIM_ALONE if alone else _CLAIM + _WAITS,
        attempt=attempt_id,
        iccid=lane.iccid,
        id=part.part_id,
        exempt=int(lane.transactional_after_opt_out and part.message_class == "transactional"),
        **(charge_binds(what) if alone else {}),
    )
    if not moved:
        tx.run("DELETE FROM attempts WHERE id = :id", id=attempt_id)
        return None
    anew = part.charged_to != lane.owner or part.charged_day != to_us(lane.day)
    if anew or (farm_day is not None and part.farm_day != farm_day):
        if part.charged_to is not None:
            if not locks.try_owners(tx, charged(part.charged_to, part.farm_day)):
                return None
            refund(tx, part.part_id)
        if not reserve(tx, what, lane.ceiling, now, alone=alone):
            return None
    settle_key(tx, part.message_id, part.charged_key, lane.plan)
    tx.run(
        "UPDATE messages SET state = 'sending', reason = NULL, reason_params = NULL, next_at = NULL, iccid = :iccid,"
        " price = :price, currency = :currency WHERE id = :id",
        iccid=lane.iccid,
        price=lane.plan.price_per_part,
        currency=lane.plan.currency,
        id=part.message_id,
    )
    if part.parts_total > 1:
        tx.run(
            "UPDATE parts SET bound_iccid = :iccid, rank = :rank WHERE message_id = :id"
            " AND (state = 'waiting' OR id = :part)",
            iccid=lane.iccid,
            part=part.part_id,
            rank=STARTED_RANK,
            id=part.message_id,
        )
    return int(attempt_id)


def next_concat_ref(tx: Tx, iccid: str, recipient: str, message_id: int) -> int:
    """The next concatenation reference (0–255) of this SIM and recipient, kept with the message."""
    ref = tx.value(
        "INSERT INTO concat_refs (iccid, recipient, last) VALUES (:iccid, :recipient, 1)"
        " ON CONFLICT (iccid, recipient) DO UPDATE SET last = (concat_refs.last + 1) % 256 RETURNING last",
        iccid=iccid,
        recipient=recipient,
    )
    tx.run("UPDATE messages SET concat_ref = :ref WHERE id = :id", ref=ref, id=message_id)
    return int(ref)


def give_back(
    tx: Tx,
    part_id: int,
    attempt_id: int,
    now: datetime,
    *,
    outcome: str = "released",
    reason: str | None = None,
    due_at: datetime | None = None,
    unbind: bool = True,
    avoid: str | None = None,
    late: bool = False,
) -> bool:
    """Put a part of an attempt back to waiting, refunded.

    A message of which nothing has left is unreserved as a whole and, unless `unbind` is false, free again for
    any SIM, or for those that the sender named. A started one keeps its place in the plan's day.

    Args:
        reason: slug for what it now waits; with `due_at` the message is held until then.
        avoid: a SIM that it must not try again, unless it is bound to it.
        late: an error told late that an unknown part was not accepted after all.

    Returns:
        False when the part was not in this attempt any more.
    """
    locks.message_of(tx, part_id)
    moved = tx.run(
        "UPDATE parts SET state = 'waiting', attempt_id = NULL, submitting_at = NULL, due_at = coalesce(:due, due_at)"
        " WHERE id = :id AND attempt_id = :attempt"
        " AND (state IN ('claimed', 'submitting') OR (state = 'unknown' AND :late = 1))",
        id=part_id,
        attempt=attempt_id,
        late=int(late),
        due=None if due_at is None else to_us(due_at),
    )
    tx.run(
        "UPDATE attempts SET charged_at = NULL, ended_at = coalesce(ended_at, :now),"
        " outcome = coalesce(outcome, :outcome) WHERE id = :id",
        id=attempt_id,
        now=to_us(now),
        outcome=outcome,
    )
    if not moved:
        return False
    message = tx.one(
        "SELECT m.id, m.parts_total, m.pinned, m.rank, m.avoid FROM messages m JOIN parts p ON p.message_id = m.id"
        " WHERE p.id = :id",
        id=part_id,
    )
    if message is None:
        return True
    if late:
        settle_doubt(tx, message["id"])
    rows = tx.all("SELECT id, state, charged_to FROM parts WHERE message_id = :id", id=message["id"])
    if all(PartState(row["state"]) is PartState.WAITING for row in rows):
        for row in rows:
            if row["charged_to"] is not None:
                refund(tx, row["id"])
        tx.run("UPDATE parts SET rank = :rank WHERE message_id = :id", rank=message["rank"], id=message["id"])
        if unbind:
            free = home(tx, message["pinned"])
            tx.run("UPDATE parts SET bound_iccid = :home WHERE message_id = :id", home=free, id=message["id"])
            sim = None if free.startswith(NAMED) else free or None
            tx.run("UPDATE messages SET iccid = :iccid WHERE id = :id", iccid=sim, id=message["id"])
    if due_at is not None and len(rows) > 1:
        tx.run(
            "UPDATE parts SET due_at = :due WHERE message_id = :id AND state = 'waiting' AND due_at < :due",
            due=to_us(due_at),
            id=message["id"],
        )
    if avoid:
        kept = [*(message["avoid"].split(",") if message["avoid"] else []), avoid]
        tx.run(
            "UPDATE messages SET avoid = :avoid WHERE id = :id", avoid=",".join(dict.fromkeys(kept)), id=message["id"]
        )
    refresh(
        tx,
        message["id"],
        now,
        reason=reason,
        waits_as=MessageState.HELD if reason else MessageState.QUEUED,
        next_at=due_at,
    )
    return True
