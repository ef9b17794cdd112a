"""Decides what follows from how an attempt ended: later, another SIM, repair, fail, or unknown.

The wire's rules stand in docs/architecture.md, the classes in drivers/errors.toml.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import timedelta

from modemfarm.at.errors_table import Cause, ErrorClass, ErrorTable
from modemfarm.model import Evidence, MessageClass, Outcome

TRUSTED_WITHIN = timedelta(seconds=30)  # later, an error may be the modem's own expired timer
FREE_PROMPT_REFUSALS = 3  # refusals before Ctrl-Z that do not count as attempts
MOST_ATTEMPTS = 3  # counted ones before the next failure is the last
WAITS_IN_A_ROW = 5  # "not ready yet" this often on one SIM is a modem to repair

_LATER_S = {
    Cause.TRANSIENT: (30, 120, 600),
    Cause.AMBIG: (30, 120, 600),
    Cause.NETWORK: (120, 600, 1800),
    Cause.RCPT_TEMP: (300, 1800, 7200),
    Cause.SIM: (600, 1800, 3600),
    Cause.SIM_HARD: (600, 1800, 3600),
    Cause.DEVICE: (30, 120, 600),
    Cause.CONFIG: (30, 120, 600),
}
_PARK_AT = 3  # SIM codes in a row, each with another recipient
_PARK_AT_BARRED = 2
_OPERATOR_BARRING, _CALL_BARRED, _NOT_SUBSCRIBED = 8, 10, 50  # TS 24.011 annex E
_BARRED = frozenset({_OPERATOR_BARRING, _CALL_BARRED, _NOT_SUBSCRIBED})
# An outage, a modem that still starts or a locked card says nothing about the message, however many modems say it.
_NOT_THE_MESSAGES = frozenset({Cause.NETWORK, Cause.WAIT, Cause.SIM_HARD})
_DUPLICATE = 197  # "duplicate SM": references that modems assign wrap, so it may be an earlier message


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have left. Nothing is sent again without evidence or a person's word."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Back to waiting, refunded, on the same SIM where the message is bound to one.

    Attributes:
        count_sim: a SIM's failure all the same, where the message may not leave it.
        park: slug that parks the SIM now.
    """

    delay_s: int
    counts_attempt: bool
    count_sim: bool = False
    park: str | None = None


@dataclass(frozen=True, slots=True)
class OtherSim:
    """Back to waiting, refunded, at once, for any SIM but this one."""

    exclude_iccid: str
    count_sim: bool = False
    park: str | None = None
    counts_attempt: bool = True


@dataclass(frozen=True, slots=True)
class HoldOnSim:
    """Back to waiting, refunded, held on its SIM for a person: marketing that would have to move."""

    slug: str
    count_sim: bool = False
    park: str | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """The message cannot be sent; counted against no SIM."""

    slug: str


@dataclass(frozen=True, slots=True)
class Repair:
    """The modem or a setting is at fault: the session repairs, the part waits.

    Attributes:
        slug: what to look at: ``device``, ``not_ready``, ``no_result``, or a `fix` of the table; ``card``: is it in,
            and open?
        exclude_iccid: the part may go out through any other SIM meanwhile; None: it stays with this one.
    """

    slug: str
    delay_s: int
    exclude_iccid: str | None = None
    counts_attempt: bool = True


Decision = Unknown | RetryLater | OtherSim | HoldOnSim | Fail | Repair


@dataclass(frozen=True, slots=True)
class History:
    """What was already tried for this part, this attempt not included.

    Attributes:
        iccid, recipient: of this attempt.
        attempts_counted: earlier attempts that count.
        prompt_refusals: (iccid, kind, code) of earlier error codes at the prompt.
        started: some part of the message has left.
        iccids_tried: SIMs of earlier attempts.
        sim_recent_failures: (recipient, +CMS code) of this SIM's failures since its last success, oldest first.
    """

    iccid: str
    recipient: str
    attempts_counted: int = 0
    prompt_refusals: tuple[tuple[str, str, int | None], ...] = ()
    started: bool = False
    iccids_tried: tuple[str, ...] = ()
    sim_recent_failures: tuple[tuple[str, int], ...] = ()


def triage(
    outcome: Outcome,
    message_class: MessageClass,
    family: str | None,
    history: History,
    table: ErrorTable,
) -> Decision:
    """What follows from one attempt that was not accepted.

    Args:
        family: the modem's, for its own error numbers.

    Raises:
        ValueError: the attempt was accepted, so there is nothing to decide.
    """
    match outcome.evidence:
        case Evidence.ACCEPTED:
            msg = "an accepted part needs no triage"
            raise ValueError(msg)
        case Evidence.UNCERTAIN:
            return Unknown()
        case Evidence.NOT_SENT:
            return RetryLater(spread(history.iccid, 0, 2), counts_attempt=False)
        case Evidence.REFUSED:
            pass
    error = table.classify(outcome.kind, outcome.code, family)
    if outcome.phase == "prompt":
        same = (iccid for iccid, kind, code in history.prompt_refusals if (kind, code) == (outcome.kind, outcome.code))
        if error.cls not in _NOT_THE_MESSAGES and any(iccid != history.iccid for iccid in same):
            return Fail(_fail_slug(error.cls))
        counts = len(history.prompt_refusals) >= FREE_PROMPT_REFUSALS
    else:
        if not _surely_refused(outcome, error):
            return Unknown()
        counts = True
    return _Case(outcome, message_class, family, history, table, error, counts).decide()


def spread(iccid: str, attempt: int, base_s: int) -> int:
    """`base_s` and up to half of it more, always the same for one SIM and attempt.

    SIMs that failed together come back apart; nothing here is random, so a wait can be explained.
    """
    share = zlib.crc32(f"{iccid}/{attempt}".encode()) % 1000
    return base_s + base_s * share // 2000


def _surely_refused(outcome: Outcome, error: ErrorClass) -> bool:
    if outcome.code is None or outcome.ctrl_z_at is None or error.accepted != "no":
        return False
    if outcome.kind == "cms" and outcome.code == _DUPLICATE:
        return False
    return timedelta(0) <= outcome.at - outcome.ctrl_z_at <= TRUSTED_WITHIN


def _fail_slug(cause: Cause) -> str:
    match cause:
        case Cause.RCPT_PERM | Cause.RCPT_TEMP:
            return "recipient"
        case Cause.CONTENT:
            return "content"
        case _:
            return "network"


@dataclass(frozen=True, slots=True)
class _Case:
    """One refusal that surely left nothing on the air."""

    outcome: Outcome
    message_class: MessageClass
    family: str | None
    history: History
    table: ErrorTable
    error: ErrorClass
    counts: bool

    @property
    def may_move(self) -> bool:
        return self.message_class is not MessageClass.MARKETING and not self.history.started

    @property
    def tried_elsewhere(self) -> bool:
        return any(iccid != self.history.iccid for iccid in self.history.iccids_tried)

    def decide(self, cause: Cause | None = None) -> Decision:
        cause = cause or self.error.cls
        if cause is Cause.WAIT:
            return self._wait()
        if cause is Cause.SIM_HARD and self.error.fix == "card":
            # The modem misses its card, or the card its PIN: no fault of the message, and no word about the SIM.
            return Repair("card", self._later_s(Cause.DEVICE), self._elsewhere(), counts_attempt=False)
        at_prompt = self.outcome.phase == "prompt"
        if cause in (Cause.RCPT_PERM, Cause.CONTENT):
            # Before Ctrl-Z only a modem judged the message; another one may see it differently.
            return self._second_opinion(cause) if at_prompt else Fail(_fail_slug(cause))
        if self.counts and self.history.attempts_counted >= MOST_ATTEMPTS:
            return Fail("partial" if self.history.started else _fail_slug(self.error.then or cause))
        match cause:
            case Cause.SIM | Cause.SIM_HARD:
                return self._sim(cause)
            case Cause.DEVICE | Cause.CONFIG:
                return self._repair(cause)
            case Cause.AMBIG:
                return self._ambiguous()
            case _:
                return RetryLater(self._later_s(cause), self.counts)

    def _second_opinion(self, cause: Cause) -> Decision:
        if self.counts and self.history.attempts_counted >= MOST_ATTEMPTS:
            return Fail("partial" if self.history.started else _fail_slug(cause))  # there is no second modem
        if self.may_move:
            return OtherSim(self.history.iccid, counts_attempt=self.counts)
        if self.counts:
            return Fail(_fail_slug(cause))
        return RetryLater(self._later_s(Cause.TRANSIENT), counts_attempt=False)

    def _wait(self) -> Decision:
        codes = [code for _, code in self.history.sim_recent_failures]
        row = 0
        while row < len(codes) and codes[-1 - row] == self.outcome.code:
            row += 1
        if row + 1 < WAITS_IN_A_ROW:
            return RetryLater(spread(self.history.iccid, row, min(2 + row, 6)), counts_attempt=False)
        if self.error.then is not None:
            return self.decide(self.error.then)
        return Repair("not_ready", self._later_s(Cause.DEVICE), self._elsewhere(), self.counts)

    def _sim(self, cause: Cause) -> Decision:
        park = self._park(cause)
        if self.message_class is MessageClass.MARKETING:
            return HoldOnSim("sim_parked", count_sim=True, park=park)
        if self.history.started or self.history.iccid in self.history.iccids_tried:
            # No other SIM took it meanwhile: those behind it show whether the SIM or the recipient is to blame.
            return RetryLater(self._later_s(cause), self.counts, count_sim=True, park=park)
        return OtherSim(self.history.iccid, count_sim=True, park=park, counts_attempt=self.counts)

    def _park(self, cause: Cause) -> str | None:
        if cause is Cause.SIM_HARD:
            return "sim_unusable"
        kind, code = self.outcome.kind, self.outcome.code
        codes = {code}
        recipients = {self.history.recipient}
        barred = {self.history.recipient} if kind == "cms" and code in _BARRED else set()
        for recipient, earlier in self.history.sim_recent_failures:
            if self.table.classify("cms", earlier, self.family).cls is Cause.SIM:
                recipients.add(recipient)
                codes.add(earlier)
                if earlier in _BARRED:
                    barred.add(recipient)
        if len(recipients) < _PARK_AT and len(barred) < _PARK_AT_BARRED:
            return None
        if kind == "cms" and codes == {_OPERATOR_BARRING}:
            return "operator_block"
        if kind == "cms" and codes == {_CALL_BARRED}:
            return "sim_barred"
        if kind == "cms" and codes == {_NOT_SUBSCRIBED}:
            return "not_subscribed"
        return "operator_refusal"

    def _repair(self, cause: Cause) -> Decision:
        slug = self.error.fix or ("device" if cause is Cause.DEVICE else "config")
        return Repair(slug, self._later_s(cause), self._elsewhere(), self.counts)

    def _ambiguous(self) -> Decision:
        if not self.tried_elsewhere:
            if self.may_move:
                return OtherSim(self.history.iccid, counts_attempt=self.counts)
            if self.message_class is MessageClass.MARKETING:
                return HoldOnSim("network")
        elif self.error.then is not None:
            return self.decide(self.error.then)
        return RetryLater(self._later_s(Cause.AMBIG), self.counts)

    def _elsewhere(self) -> str | None:
        return self.history.iccid if self.may_move else None

    def _later_s(self, cause: Cause) -> int:
        steps = _LATER_S[cause]
        attempt = min(self.history.attempts_counted, len(steps) - 1)
        return spread(self.history.iccid, attempt, steps[attempt])
