"""What the rules ask of a message's class before it may leave, and how each came out: the table of `explain`."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from modemfarm.intake.draft import IntakeSettings
from modemfarm.model import MessageClass, MessageState
from modemfarm.policy.consent import standing
from modemfarm.policy.frequency import DAY, MONTH, free_at
from modemfarm.policy.profiles import Rules, hours_of
from modemfarm.policy.quiet import opens_at
from modemfarm.store import consents, offers
from modemfarm.store.engine import Row, Tx, from_us, to_us
from modemfarm.store.rules import in_force
from modemfarm.store.shapes import Shape, parsed, rfc3339
from modemfarm.store.sticky import wrote_at

_RULES = ("opt_out", "profile", "consent", "hours", "frequency")  # as they are asked
_SAYS = {
    "opted_out": "opt_out",
    "opt_out_review": "opt_out",
    "emergency_limit": "emergency",
    "profile": "profile",
    "signature_missing": "profile",
    "consent_missing": "consent",
    "quiet_hours": "hours",
    "frequency_cap": "frequency",
}  # which rule gives which reason
_WAITING = (MessageState.SCHEDULED, MessageState.HELD, MessageState.QUEUED)
_NEVER_LEFT = (MessageState.REFUSED, MessageState.CANCELED, MessageState.EXPIRED, MessageState.FAILED)
_Outcome = tuple[str, dict[str, Any]]


def table(tx: Tx, message_id: int, settings: IntakeSettings, now: datetime) -> list[Shape] | None:
    """``{"rule", "outcome", "params"}`` for each rule, in the order in which they are asked.

    Outcomes are ``passed``, ``stopped``, ``waits``, ``not_asked`` (of this class), ``not_reached`` (it ended before).
    Sentences are ``RULE_OUTCOME`` of the section `asked` in web/sentences; None when there is no such message.
    """
    row = offers.weighed(tx, message_id)
    if row is None:
        return None
    one = _Asked(tx, row, settings, in_force(tx, settings.policy, now), now)
    extra = ("emergency",) if row["class"] == MessageClass.EMERGENCY else ()
    asked = [rule for rule in (*_RULES[:1], *extra, *_RULES[1:]) if one.is_offer or rule != "profile"]
    found: list[Shape] = []
    over = False
    for rule in asked:
        outcome, params = one.of(rule)
        if over and outcome != "not_asked":
            outcome, params = "not_reached", {}
        over = over or outcome == "stopped"
        found.append({"rule": rule, "outcome": outcome, "params": {"class": row["class"], **params}})
    return found


class _Asked:
    """One message before its rules."""

    def __init__(self, tx: Tx, row: Row, settings: IntakeSettings, rules: Rules, now: datetime) -> None:
        self._tx = tx
        self._row = row
        self._settings = settings
        self._rules = rules
        self.is_offer = row["class"] == MessageClass.MARKETING
        self._waits = row["state"] in _WAITING
        self._left = not self._waits and (row["sent_at"] or row["offered_at"] or row["state"] not in _NEVER_LEFT)
        left_at = row["offered_at"] or row["sent_at"] or row["created_at"]
        due = max(now, from_us(row["send_at"] or row["created_at"]))
        self._at = due if self._waits else from_us(left_at)

    def of(self, rule: str) -> _Outcome:
        said = _SAYS.get(self._row["reason"] or "") == rule
        if said and self._row["state"] in (MessageState.REFUSED, MessageState.CANCELED):
            return "stopped", parsed(self._row["reason_params"]) | {"reason": self._row["reason"]}
        match rule:
            case "opt_out":
                return self._opt_out(said=said)
            case "emergency":
                most = self._settings.emergency_per_hour
                return "passed", {"most": "∞" if most is None else most}
            case _ if not self.is_offer:
                return "not_asked", {}
            case "profile":
                return self._profile(said=said)
            case "consent":
                return "passed", self._consent()
            case _ if not (self._waits or self._left):
                return "not_reached", {}
            case "hours":
                return self._hours()
            case _:
                return self._frequency()

    def _opt_out(self, *, said: bool) -> _Outcome:
        row = self._row
        if said:
            return "waits", {"reason": row["reason"]}
        if row["automatic"] == "opted_out":
            return "not_asked", {"because": "confirms"}
        if row["class"] == MessageClass.CONVERSATION:
            wrote = wrote_at(self._tx, row["recipient"])
            if wrote is not None and self._at <= wrote + self._settings.conversation_within:
                return "not_asked", {"because": "talks", "since": rfc3339(to_us(wrote))}
            return "passed", {}
        return ("not_asked", {}) if row["class"] in self._settings.exempt else ("passed", {})

    def _profile(self, *, said: bool) -> _Outcome:
        given = self._rules.attestation
        if said:
            return "waits", {"reason": self._row["reason"]}
        if given is None:  # it stood when this left
            return "passed", {"because": "then"}
        return "passed", {
            "who": given.who,
            "day": given.until.astimezone(ZoneInfo(self._rules.zone)).date().isoformat(),
        }

    def _consent(self) -> dict[str, Any]:
        """Since when; a forgotten person's record is gone."""
        known: list[dict[str, Any]] = []
        for record in consents.records(self._tx, self._row["recipient"]):
            given_at = datetime.fromisoformat(record["captured_at"])
            known.append(record)
            if given_at <= self._at and standing(known).covers(self._row["purpose"], self._at):
                return {"day": given_at.astimezone(ZoneInfo(self._rules.zone)).date().isoformat()}
        return {"because": "erased"}

    def _hours(self) -> _Outcome:
        zones = offers.zones(self._tx, self._rules, self._row["recipient"])
        told = {"hours": hours_of(self._rules.profile)}
        opens = opens_at(self._rules.profile.hours, zones, self._at)
        if self._waits and opens != self._at:
            return "waits", told | {"next_at": None if opens is None else rfc3339(to_us(opens))}
        clocks = ", ".join(f"{self._at.astimezone(ZoneInfo(zone)):%H:%M} {zone}" for zone in zones)
        return "passed", told | {"clocks": clocks} | ({"because": "now"} if self._waits else {})

    def _frequency(self) -> _Outcome:
        row, caps = self._row, self._rules.profile.caps
        sent = offers.sent_until(self._tx, row["recipient"], self._at, besides=row["id"])
        told: dict[str, Any] = {
            "per_day": caps.per_day,
            "per_month": caps.per_month,
            "day": sum(one.at > self._at - DAY for one in sent),
            "month": sum(one.at > self._at - MONTH for one in sent),
        }
        free = free_at(sent, offers.digest_of(row["text"]), caps, self._at) if self._waits else None
        return ("passed", told) if free is None else ("waits", told | {"next_at": rfc3339(to_us(free))})
