"""Writes how an attempt ended, with all that follows from it, in one transaction."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta

from modemfarm.at.errors_table import ErrorTable
from modemfarm.farm import triage as decisions
from modemfarm.farm.triage import Decision, History, triage
from modemfarm.inbound.receive import InboundSettings, match_loose
from modemfarm.model import Evidence, MessageClass, Outcome, SimState
from modemfarm.modem.journal import After, GoOn, Parked, Repair, Resync
from modemfarm.store import attempts, histories, labels, queue, reports, sims, steps
from modemfarm.store.attempts import Attempt
from modemfarm.store.engine import Row, Tx, to_us
from modemfarm.store.shapes import rfc3339

RESEND_AFTER = timedelta(minutes=2)
MOST_RESENDS = 2
LATE_AFTER = timedelta(seconds=55)  # every profile waits longer than this; `modems.result_within` may be shorter
PARK_AFTER_UNCERTAIN = 2  # in a row, after an error or a time-out
NOT_THE_SIMS = frozenset({"port_lost", "killed", "stop"})  # how a fate was lost without the SIM's doing
LANE_RESTS_S = (5, 30, 120, 600)  # after the n-th refusal in a row
SAYS_FAILING_AT = 3


@dataclass(frozen=True, slots=True)
class SettlingRules:
    """Data that deciding needs."""

    errors: ErrorTable


@dataclass(frozen=True, slots=True)
class Settled:
    """What the farm does now.

    Attributes:
        worked: the SIM is not to blame: it sent, or the message was at fault.
    """

    after: After
    worked: bool
    sim_changed: bool = False


def settle(
    tx: Tx,
    rules: SettlingRules,
    inbound: InboundSettings,
    attempt_id: int,
    family: str | None,
    outcome: Outcome,
    now: datetime,
) -> Settled:
    """Write one attempt's outcome; repeating it, or hearing it late, is harmless."""
    one = attempts.attempt(tx, attempt_id)
    if one is None:
        return Settled(GoOn(), worked=True)
    match outcome.evidence:
        case Evidence.ACCEPTED:
            return _accepted(tx, inbound, one, outcome, now)
        case Evidence.UNCERTAIN:
            return _uncertain(tx, inbound, one, outcome, now)
        case Evidence.NOT_SENT | Evidence.REFUSED if not steps.is_open(one, outcome):
            return Settled(GoOn(), worked=True)  # written before, or about a part that went on since
        case Evidence.NOT_SENT:
            steps.end_attempt(tx, one.id, outcome, now, charged=False)
            queue.give_back(tx, one.part_id, one.id, now, outcome="not_sent")
            return Settled(GoOn(), worked=outcome.text != "no_prompt")
        case Evidence.REFUSED:
            return _refused(tx, rules, inbound, one, family, outcome, now)


def _accepted(tx: Tx, inbound: InboundSettings, one: Attempt, outcome: Outcome, now: datetime) -> Settled:
    steps.end_attempt(tx, one.id, outcome, now, charged=True)
    moved = steps.accepted(tx, one, outcome, now)
    reports.mr_seen(tx, one.iccid, outcome.mr, now, last=one.mr_last)
    if moved and one.report and one.loose:
        match_loose(tx, one.iccid, inbound, now)
    return Settled(GoOn(), worked=True, sim_changed=one.sim_failing and histories.stops_failing(tx, one.iccid))


def _uncertain(tx: Tx, inbound: InboundSettings, one: Attempt, outcome: Outcome, now: datetime) -> Settled:
    steps.end_attempt(tx, one.id, outcome, now, charged=True)
    again = one.resend_unknown and one.resent < MOST_RESENDS
    moved = steps.uncertain(tx, one, outcome, now, now + RESEND_AFTER if again else None)
    if moved:
        match_loose(tx, one.iccid, inbound, now)
    if not moved or outcome.text in NOT_THE_SIMS:
        return Settled(Resync(), worked=True)
    if sims.uncertain_again(tx, one.iccid) < PARK_AFTER_UNCERTAIN:
        # Silence may be the modem's own fault: it is restarted, so that the next silence is the SIM's. A restart
        # loses a result that is only late, so one that was not waited for long is given its time.
        waited = outcome.ctrl_z_at is not None and outcome.at - outcome.ctrl_z_at >= LATE_AFTER
        return Settled(Repair("no_result") if outcome.text == "timeout" and waited else Resync(), worked=False)
    params = {"kind": outcome.kind, "code": outcome.code if outcome.code is not None else outcome.text}
    sims.set_state(tx, one.iccid, SimState.PARKED, now, reason="sim_uncertain", params=params)
    return Settled(Parked("sim_uncertain"), worked=False, sim_changed=True)


def _refused(
    tx: Tx,
    rules: SettlingRules,
    inbound: InboundSettings,
    one: Attempt,
    family: str | None,
    outcome: Outcome,
    now: datetime,
) -> Settled:
    earlier = histories.of_sim(tx, one.iccid, one.id)
    history = _history(tx, one, earlier)
    decision = triage(outcome, MessageClass(one.message_class), family, history, rules.errors)
    if isinstance(decision, decisions.Unknown):
        return _uncertain(tx, inbound, one, outcome, now)
    steps.end_attempt(tx, one.id, outcome, now, charged=False)
    facts: dict[str, object] = {"kind": outcome.kind, "code": outcome.code}
    if isinstance(decision, decisions.Fail):
        steps.count_attempt(tx, one, counts=False)
        steps.failed(tx, one, decision.slug, now, params=facts)
        return Settled(GoOn(), worked=True)
    _put_back(tx, one, decision, now)
    return _sim_side(tx, one, decision, earlier, facts | _evidence(one, earlier, facts, now), now)


def _put_back(tx: Tx, one: Attempt, decision: Decision, now: datetime) -> None:
    """Where the part of a refused attempt goes."""
    back = functools.partial(queue.give_back, tx, one.part_id, one.id, now, late=one.part_state == "unknown")
    steps.count_attempt(tx, one, counts=getattr(decision, "counts_attempt", True))
    stays = one.message_class == MessageClass.MARKETING
    match decision:
        case decisions.RetryLater(delay_s=delay):
            back(reason="network", due_at=now + timedelta(seconds=delay), unbind=not stays)
        case decisions.OtherSim(exclude_iccid=iccid):
            back(avoid=iccid)
        case decisions.HoldOnSim(slug=slug):
            back(unbind=False, reason=slug)
            labels.hold(tx, one.message_id, slug, {"iccid": one.iccid}, None)
        case decisions.Repair(delay_s=delay, exclude_iccid=exclude):
            due = None if exclude else now + timedelta(seconds=delay)
            back(
                reason=None if exclude else "network",
                due_at=due,
                unbind=not stays,
                avoid=exclude,
            )
        case _:
            back()


def _sim_side(
    tx: Tx, one: Attempt, decision: Decision, earlier: list[Row], facts: dict[str, object], now: datetime
) -> Settled:
    """What the refusal means for the SIM and its lane."""
    park = getattr(decision, "park", None)
    if park:
        sims.set_state(tx, one.iccid, SimState.PARKED, now, reason=park, params=facts)
        return Settled(Parked(park), worked=False, sim_changed=True)
    if isinstance(decision, decisions.Repair):
        return Settled(Repair(decision.slug), worked=False)
    in_a_row = len(earlier) + 1
    rest = LANE_RESTS_S[min(in_a_row, len(LANE_RESTS_S)) - 1]
    until = now + timedelta(seconds=decisions.spread(one.iccid, in_a_row, rest))
    rests = GoOn(until, in_a_row, _code(facts["kind"], facts["code"]))
    if in_a_row < SAYS_FAILING_AT:
        return Settled(rests, worked=False)
    histories.starts_failing(tx, one.iccid, {**facts, "count": in_a_row, "until": until.isoformat()})
    return Settled(rests, worked=False, sim_changed=True)


def _code(kind: object, code: object) -> str:
    return str(kind or "error").upper() + ("" if code is None else f" {code}")


def _evidence(one: Attempt, refused: list[Row], facts: dict[str, object], now: datetime) -> dict[str, object]:
    """What the word about a SIM rests on: which codes, for how many people, since when."""
    codes = {_code(row["kind"], row["code"]) for row in refused} | {_code(facts["kind"], facts["code"])}
    began = [row["ended_at"] for row in refused if row["ended_at"] is not None]
    return {
        "codes": ", ".join(sorted(codes)),
        "recipients": len({one.recipient, *(row["recipient"] for row in refused)}),
        "from": rfc3339(min(began)) if began else rfc3339(to_us(now)),
    }


def _history(tx: Tx, one: Attempt, refused: list[Row]) -> History:
    earlier = histories.of_part(tx, one.part_id, one.id)
    return History(
        iccid=one.iccid,
        recipient=one.recipient,
        attempts_counted=one.part_attempts,
        prompt_refusals=tuple((row["iccid"], row["kind"], row["code"]) for row in earlier if row["phase"] == "prompt"),
        started=histories.has_left(tx, one.message_id, one.part_id),
        iccids_tried=tuple(dict.fromkeys(row["iccid"] for row in earlier)),
        sim_recent_failures=tuple(
            (row["recipient"], row["code"] if row["code"] is not None else -1) for row in refused
        ),
    )
