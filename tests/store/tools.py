"""What the store's tests share: a farm of one or more SIMs in rows, and the way of a part through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from modemfarm.at.errors_table import ErrorTable
from modemfarm.farm.settling import Settled, SettlingRules, settle
from modemfarm.inbound.receive import InboundSettings, Understood, receive
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft, IntakeSettings
from modemfarm.model import UNLIMITED, Evidence, Outcome, Plan, Received
from modemfarm.policy.optout import Keywords
from modemfarm.resources import shipped
from modemfarm.simulator.tpdus import Body, address, deliver_tpdu, report_tpdu, smsc_address
from modemfarm.store import counters, queue, sims, steps
from modemfarm.store.engine import Row, Store, Tx, to_us
from modemfarm.store.permits import Permit
from modemfarm.store.queue import Candidate, Lane

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
SIM, OTHER = "8986001234567890123", "8986009999999999999"
TO = "+8613800138000"
INTAKE = IntakeSettings(country="CN")
LONG = "x" * 400  # three parts


def _toml(path: Any) -> dict[str, object]:
    import tomllib

    with path.open("rb") as file:
        return tomllib.load(file)


def _policy() -> Any:
    from pathlib import Path

    import modemfarm.policy

    return Path(next(iter(modemfarm.policy.__path__))) / "optout.toml"


ERRORS = ErrorTable.from_mapping(_toml(shipped("drivers") / "errors.toml"))
INBOUND = InboundSettings(keywords=Keywords.from_mapping(_toml(_policy())), errors=ERRORS, country="CN")
RULES = SettlingRules(ERRORS)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def add(tx: Tx, *, at: datetime = NOW, settings: IntakeSettings = INTAKE, **draft: Any) -> int:
    """Take one message in; its id."""
    taken = accept(tx, Draft(**{"to": TO, "text": "hello", "confirm_emergency": True, **draft}), settings, at)
    assert taken is not None
    return taken.message_id


def lane(iccid: str = SIM, *, plan: Plan = UNLIMITED, at: datetime = NOW, owner: str | None = None) -> Lane:
    return Lane(iccid, owner or iccid, f"/dev/{iccid[-2:]}", "here", "run1", counters.day_start(plan, at), plan)


def claim(
    tx: Tx, iccid: str = SIM, *, at: datetime = NOW, plan: Plan = UNLIMITED, owner: str | None = None
) -> tuple[Candidate, int] | None:
    """Claim the first part that this SIM may take: its own, else an unbound one."""
    found = queue.heads(tx, iccid, at, 1) or queue.heads(tx, "", at, 1)
    if not found:
        return None
    attempt = queue.claim(tx, found[0], lane(iccid, plan=plan, at=at, owner=owner), at)
    assert attempt is not None
    return found[0], attempt


def permit(part_id: int, attempt: int, *, at: datetime = NOW, plan: Plan = UNLIMITED, owner: str = SIM) -> Permit:
    day = counters.day_start(plan, at)
    shared = owner.startswith("account:")
    return Permit(part_id, attempt, owner, plan.per_minute, day, per_hour=plan.per_hour, shared=shared)


def submit(tx: Tx, iccid: str = SIM, *, at: datetime = NOW, plan: Plan = UNLIMITED) -> tuple[Candidate, int]:
    """Claim and step 3: from here it may have left."""
    claimed = claim(tx, iccid, at=at, plan=plan)
    assert claimed is not None
    assert steps.submitting(tx, permit(claimed[0].part_id, claimed[1], at=at, plan=plan, owner=iccid), at) is None
    return claimed


def ended(evidence: Evidence, at: datetime = NOW, **facts: Any) -> Outcome:
    sent = None if evidence is Evidence.NOT_SENT or facts.get("phase") == "prompt" else at
    phase = "prompt" if sent is None else "submitted"
    return replace(Outcome(evidence, phase, at, sent), **facts)


def accepted(mr: int | None = 7, at: datetime = NOW, **facts: Any) -> Outcome:
    return ended(Evidence.ACCEPTED, at, mr=mr, text=f"+CMGS: {mr}", **facts)


def refused(code: int, at: datetime = NOW, kind: str = "cms", **facts: Any) -> Outcome:
    return ended(Evidence.REFUSED, at, kind=kind, code=code, text=f"+{kind.upper()} ERROR: {code}", **facts)


def uncertain(text: str = "timeout", at: datetime = NOW, **facts: Any) -> Outcome:
    return ended(Evidence.UNCERTAIN, at, text=text, **facts)


def end(tx: Tx, attempt: int, outcome: Outcome, at: datetime | None = None) -> Settled:
    settled = settle(tx, RULES, INBOUND, attempt, None, outcome, at or outcome.at)
    tx.finish()  # what a server is told at the end of a transaction, and a test may ask for in the same one
    return settled


def send(tx: Tx, iccid: str = SIM, *, mr: int = 7, at: datetime = NOW) -> tuple[Candidate, int]:
    """One part all the way to `sent`."""
    part, attempt = submit(tx, iccid, at=at)
    end(tx, attempt, accepted(mr, at))
    return part, attempt


def see(tx: Tx, iccid: str = SIM, *, at: datetime = NOW, **facts: Any) -> str:
    known: Mapping[str, Any] = {"imsi": None, "number": None, "smsc": None, "path": f"/dev/{iccid[-2:]}", **facts}
    return sims.seen(tx, iccid, at, host="here", **known)


def message(tx: Tx, message_id: int) -> Row:
    row = tx.one("SELECT * FROM messages WHERE id = :id", id=message_id)
    assert row is not None
    return row


def parts(tx: Tx, message_id: int) -> list[Row]:
    return tx.all("SELECT * FROM parts WHERE message_id = :id ORDER BY part_number", id=message_id)


def states(tx: Tx, message_id: int) -> list[str]:
    return [row["state"] for row in parts(tx, message_id)]


def used(store_or_tx: Store | Tx, owner: str = SIM, *, plan: Plan = UNLIMITED, at: datetime = NOW) -> int:
    if isinstance(store_or_tx, Store):
        with store_or_tx.read() as tx:
            return used(tx, owner, plan=plan, at=at)
    return counters.used(store_or_tx, owner, "day", counters.day_start(plan, at))


def charged(tx: Tx) -> dict[str, int]:
    """What the parts themselves say is charged to whom; the counters must agree."""
    rows = tx.all(
        "SELECT charged_to AS owner, count(*) AS n FROM parts WHERE charged_to IS NOT NULL GROUP BY charged_to"
    )
    return {row["owner"]: row["n"] for row in rows}


def counted(tx: Tx) -> dict[str, int]:
    rows = tx.all("SELECT owner, sum(used) AS n FROM counters WHERE period = 'day' GROUP BY owner")
    return {row["owner"]: int(row["n"]) for row in rows if row["n"]}


def us(seconds: float) -> int:
    return to_us(after(seconds))


def take(tx: Tx, iccid: str = SIM, **facts: Any) -> tuple[Candidate, int]:
    """Claim where there must be something to claim."""
    claimed = claim(tx, iccid, **facts)
    assert claimed is not None
    return claimed


def report_pdu(mr: int, status: int = 0, *, to: str = TO, sent: datetime = NOW, done: datetime | None = None) -> bytes:
    """A delivery report as a modem shows it, written by the simulator's own hand."""
    done = done or sent
    return smsc_address("") + report_tpdu(mr, address(to), sent.timestamp(), done.timestamp(), status)


def deliver_pdu(text: str, *, by: str = TO, at: datetime = NOW, concat: tuple[int, int, int] | None = None) -> bytes:
    """An SMS-DELIVER in UCS-2; `concat` is (reference, total, number)."""
    header = b"" if concat is None else bytes([5, 0, 3, *concat])
    octets = header + text.encode("utf-16-be", "surrogatepass")
    body = Body(0, 8, len(octets), octets, bool(header))
    return smsc_address("") + deliver_tpdu(by, body, at.timestamp())


def get(tx: Tx, pdu: bytes, *, at: datetime = NOW, iccid: str | None = SIM, **facts: Any) -> Understood:
    """One PDU taken in."""
    understood = receive(tx, Received(pdu, pdu.hex().upper(), iccid, None, at, **facts), INBOUND, at)
    tx.finish()
    return understood


def as_offer(tx: Tx, message_id: int) -> int:
    """Make it an offer past the intake, whose rules are other tests' business."""
    tx.run("UPDATE messages SET class = 'marketing' WHERE id = :id", id=message_id)
    tx.run("UPDATE parts SET class = 'marketing' WHERE message_id = :id", id=message_id)
    return message_id


def wrote(tx: Tx, number: str, at: datetime) -> None:
    """This person wrote to us then; in the product that is noted at the end of the transaction."""
    tx.run(
        "INSERT INTO people (number, digits, wrote_at) VALUES (:n, :d, :at)"
        " ON CONFLICT (number) DO UPDATE SET wrote_at = excluded.wrote_at",
        n=number,
        d=number[-9:],
        at=to_us(at),
    )


def claimed_message(tx: Tx, **draft: object) -> tuple[int, int, int]:
    """A claimed message: message, part, attempt."""
    see(tx)
    number = add(tx, **draft)
    part, attempt = take(tx)
    return number, part.part_id, attempt


def charges_fit(tx: Tx) -> None:
    """Every plan's count is what its attempts say."""
    assert counted(tx) == charged(tx)
    open_or_counted = tx.value(
        "SELECT count(*) FROM attempts a JOIN parts p ON p.attempt_id = a.id WHERE a.charged_at IS NOT NULL"
    )
    assert tx.value("SELECT count(*) FROM attempts WHERE charged_at IS NOT NULL") == open_or_counted
