"""Takes one PDU in: kept as it was read, then understood, with everything that follows in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from modemfarm.at.errors_table import ErrorTable
from modemfarm.errors import PduDecodeError
from modemfarm.gsm.tpdu import SmsDeliver, SmsStatusReport, decode_pdu
from modemfarm.gsm.userdata import join
from modemfarm.inbound.acting import Acted, Acting, act
from modemfarm.model import Received, same_number
from modemfarm.policy.home import home_country
from modemfarm.policy.numbers import originator
from modemfarm.policy.optout import Keywords, Verdict
from modemfarm.policy.profiles import Configured
from modemfarm.store import inbox, reports, sims, sticky, suppress
from modemfarm.store.engine import Tx, from_us
from modemfarm.store.events import record
from modemfarm.store.inbox import Raw
from modemfarm.store.rules import in_force

JUDGE_AFTER = timedelta(minutes=10)  # the rest of a long message comes within seconds or not at all
CLOCK_SLACK = timedelta(days=1)  # SMS centres and modems disagree about zones, not about days
_MAY_HAVE_MISSED = timedelta(minutes=2)  # a transaction ends much sooner
WIDE = 1 << 16  # equal references of 8 and of 16 bits are two messages
PLATFORMS = ("106", "100", "95")  # of Chinese platforms, operators and services
SHORTEST_LINE = 7  # digits of a telephone line's number; shorter ones are services
EARLIEST_SCTS = datetime.fromisoformat("2015-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class InboundSettings:
    """What understanding a PDU needs besides the PDU.

    Attributes:
        country: of numbers that a SIM sees in national form.
        exempt: classes that an opt-out does not stop.
        services: numbers of operators that the farm itself asks; what they write is a service's, however long they are.
        policy: what config.yaml says on the rules in force; where it is silent the database speaks.
    """

    keywords: Keywords
    errors: ErrorTable
    country: str | None = None
    exempt: tuple[str, ...] = suppress.EXEMPT
    services: tuple[str, ...] = ()
    policy: Configured = field(default_factory=Configured)

    def acting(self, tx: Tx, now: datetime) -> Acting:
        """What acting on a reply needs, by the rules in force."""
        rules = in_force(tx, self.policy, now)
        countries = rules.profile.countries
        country = next(iter(countries)) if len(countries) == 1 else self.country
        return Acting(self.keywords, country, rules.brand, rules.own_signature, rules.contact, self.exempt)


@dataclass(frozen=True, slots=True)
class Understood:
    """What a PDU turned out to be.

    Attributes:
        kind: ``deliver status_report undecodable duplicate``.
        inbound_id: the message that is complete by it, if any.
        opted_out: the number that an opt-out in it suppressed.
        moved: by it something waits to be sent, or no longer.
    """

    kind: str
    inbound_id: int | None = None
    opted_out: str | None = None
    moved: bool = False


def receive(tx: Tx, received: Received, settings: InboundSettings, now: datetime) -> Understood:
    """Keep one PDU and do all that it means: join, match, suppress. Never refuses one: a bad one is kept and flagged.

    The modem's copy may be deleted once the transaction is committed.
    """
    try:
        tpdu = decode_pdu(received.pdu, bad_time_is_none=True).tpdu
    except PduDecodeError as error:
        return _undecodable(tx, _raw(received, "undecodable", what=str(error)), now)
    if isinstance(tpdu, SmsStatusReport):
        return _report(tx, received, tpdu, settings, now)
    if isinstance(tpdu, SmsDeliver):
        return _deliver(tx, tpdu, received, settings, now)
    what = "an SMS-SUBMIT lay in the store: this SIM's own draft or copy"
    return _undecodable(tx, _raw(received, "undecodable", what=what), now)


def _raw(received: Received, kind: str, **understood: Any) -> Raw:
    return Raw(
        pdu=received.pdu.hex().upper() if received.pdu else _storable(received.pdu_text),
        iccid=received.iccid,
        imei=received.imei,
        at=received.at,
        memory=received.memory,
        slot=received.index,
        kind=kind,
        **understood,
    )


def _undecodable(tx: Tx, raw: Raw, now: datetime) -> Understood:
    if inbox.is_known(tx, raw, plausible=False):
        return Understood("duplicate")
    inbox.keep(tx, raw)
    record(tx, "inbound.undecodable", now, subject=raw.iccid or "", what=raw.what)
    return Understood("undecodable")


def _plausible(scts: datetime | None, now: datetime) -> bool:
    return scts is not None and EARLIEST_SCTS < scts < now + CLOCK_SLACK


def _report(tx: Tx, received: Received, tpdu: SmsStatusReport, settings: InboundSettings, now: datetime) -> Understood:
    raw = _raw(
        received,
        "status_report",
        recipient=tpdu.recipient,
        mr=tpdu.mr,
        status=tpdu.status,
        scts=tpdu.scts,
        discharge_at=tpdu.discharge_time,
    )
    if inbox.is_known(tx, raw, plausible=_plausible(tpdu.scts, now)):
        return Understood("duplicate")
    report = _as_report(raw, settings)
    part = None if raw.iccid is None else reports.find(tx, report)
    inbox.keep(tx, raw, part_id=None if part is None else part["id"])
    if part is not None:
        reports.apply(tx, part, report, now)
    return Understood("status_report")


def _as_report(raw: Raw, settings: InboundSettings) -> reports.Report:
    said = settings.errors.tp_status(raw.status or 0)
    return reports.Report(
        iccid=raw.iccid or "",
        mr=raw.mr or 0,
        recipient=raw.recipient or "",
        scts=raw.scts,
        discharge_at=raw.discharge_at,
        status=raw.status or 0,
        verdict=said.state.value,
        reason=said.reason,
    )


def match_loose(tx: Tx, iccid: str, settings: InboundSettings, now: datetime) -> int:
    """Try the reports that fit nothing yet once more, because a part of this SIM got its MR or became unknown.

    Returns:
        How many found their part.
    """
    found = 0
    for row in reports.loose(tx, iccid, now - timedelta(days=3)):
        raw = Raw(
            pdu="",
            iccid=iccid,
            imei=None,
            at=now,
            memory="",
            slot=None,
            kind="status_report",
            recipient=row["recipient"],
            mr=row["mr"],
            status=row["status"],
            scts=None if row["scts"] is None else from_us(row["scts"]),
            discharge_at=None if row["discharge_at"] is None else from_us(row["discharge_at"]),
        )
        found += reports.match(tx, _as_report(raw, settings), row["id"], now)
    return found


def match_missed(tx: Tx, settings: InboundSettings, now: datetime) -> int:
    """The same for every SIM, with reports of the last minutes that another writer's answer passed unseen.

    On a server a report and the answer to its part may be written at once, each before it sees the other.

    Returns:
        How many found their part.
    """
    return sum(match_loose(tx, iccid, settings, now) for iccid in reports.with_loose(tx, now - _MAY_HAVE_MISSED))


def _deliver(tx: Tx, tpdu: SmsDeliver, received: Received, settings: InboundSettings, now: datetime) -> Understood:
    country = settings.country or (home_country(sims.imsi(tx, received.iccid)) if received.iccid else None)
    raw = _raw(
        received,
        "deliver",
        originator=inbox.known_as(tx, originator(_storable(tpdu.originator), country)),
        text=_storable(tpdu.text) if tpdu.data is None else tpdu.data.hex().upper(),
        scts=tpdu.scts,
        concat_ref=tpdu.concat.ref + WIDE * (tpdu.concat.bits == 16) if tpdu.concat else None,
        concat_total=tpdu.concat.total if tpdu.concat else None,
        concat_number=tpdu.concat.number if tpdu.concat else None,
    )
    if inbox.is_known(tx, raw, plausible=_plausible(tpdu.scts, now)):
        return Understood("duplicate")
    received_id = inbox.keep(tx, raw)
    # every session sweeps first; what came while a known SIM lay in no modem is as new as anything
    old = received.first_sweep and not sims.was_swept(tx, raw.iccid)
    inbound_id, complete = inbox.join(tx, raw, received_id, old=old, judge_at=received.at + JUDGE_AFTER)
    if not complete:
        return Understood("deliver")
    if raw.concat_ref is not None and tpdu.data is None:
        inbox.write_text(tx, inbound_id, _storable(_joined(inbox.pdus(tx, inbound_id))))
    acted = judge(tx, inbound_id, settings, now)
    return Understood("deliver", inbound_id, acted.opted_out, acted.moved)


def _joined(pdus: list[bytes]) -> str:
    """The text of all parts read as one: foreign senders cut characters in two."""
    tpdus = (decode_pdu(pdu, bad_time_is_none=True).tpdu for pdu in pdus)
    return join([tpdu.user_data for tpdu in tpdus if isinstance(tpdu, SmsDeliver)])


def _storable(text: str | None) -> str:
    """A text as every database takes it: what is no character (half a surrogate pair, NUL) becomes U+FFFD."""
    return (text or "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "\ufffd")


def _is_person(number: str) -> bool:
    """Whether a person writes: names, short codes and the platforms' ranges are none (CN 106…, 100…, 95…)."""
    digits = number.removeprefix("+")
    if not digits.isdecimal() or len(digits) < SHORTEST_LINE:
        return False
    if number.startswith("+86"):
        return not digits.removeprefix("86").startswith(PLATFORMS)
    return number.startswith("+") or not digits.startswith(PLATFORMS)


def judge(tx: Tx, inbound_id: int, settings: InboundSettings, now: datetime) -> Acted:
    """Take a complete (or given up) inbound message for what it is, and do here and now what it asks for."""
    row = inbox.one(tx, inbound_id)
    if row is None:
        return Acted(Verdict("none"))
    number = row["originator"]
    is_person = _is_person(number) and not any(same_number(number, service) for service in settings.services)
    kind = "message" if is_person else "service"  # adverts of platforms end in an opt-out word themselves
    reply_to = inbox.last_sent_to(tx, number) if is_person else None
    acted = act(tx, row, reply_to, settings.acting(tx, now), now) if is_person else Acted(Verdict("none"))
    inbox.write_verdict(tx, inbound_id, kind, acted.verdict.tier, acted.verdict.keyword, reply_to)
    inbox.look_at_trial(tx, inbound_id, now)
    record(tx, "message.received", now, subject=number, inbound_id=inbound_id, message_kind=kind)
    if is_person:
        sticky.exchanged(tx, number, row["iccid"], now, wrote=True)
    return acted
