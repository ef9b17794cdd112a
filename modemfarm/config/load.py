"""Loads config.yaml: finds it, checks it, and lays it over each room's defaults."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from modemfarm.config import kinds
from modemfarm.config.check import check, dotted
from modemfarm.config.document import Document, Path_, read_document
from modemfarm.config.find import NoConfigError, find, shown
from modemfarm.config.schema import Balance, File, PlanLimits
from modemfarm.intake.draft import IntakeSettings
from modemfarm.model import CAUTIOUS, UNLIMITED, BalanceAsk, Ceiling, MessageClass, Plan, SimSettings, millionths
from modemfarm.modem.settings import ModemSettings
from modemfarm.policy.profiles import OWN, Configured
from modemfarm.store.shapes import Terms

_OPEN = frozenset({"sims", "plans", "webhooks"})  # keys whose content the owner names


@dataclass(frozen=True, slots=True)
class Config:
    """Everything config.yaml says, laid over the defaults.

    Attributes:
        path: the file; `name` is how messages call it.
        file: its values as they stand there, defaults filled in.
        state_dir: absolute; every other path of the file is relative to it.
        provenance: dotted key -> ``config.yaml:12`` or ``default``.
    """

    path: Path
    name: str
    file: File
    host: str
    state_dir: Path
    database: str
    drivers_dir: Path
    plans: Mapping[str, Plan]
    default_plan: str
    sims: Mapping[str, SimSettings]
    intake: IntakeSettings
    modem: ModemSettings
    zone: str
    ceiling: Ceiling
    provenance: Mapping[str, str]

    @property
    def terms(self) -> Terms:
        """Plans and SIMs as the store's views want them."""
        return Terms(self.plans, self.default_plan, self.sims, frozenset(self.file.modems.pins), self.provenance)

    @property
    def keep(self) -> dict[str, timedelta]:
        """How long texts, replies and the like are kept; what is kept for ever is not there."""
        kinds = (kind for kind in type(self.file.retention).model_fields if kind != "recordings")  # these are files
        spans = ((kind, getattr(self.file.retention, kind)) for kind in kinds)
        return {kind: span for kind, span in spans if span is not None}

    def source(self, key: str) -> str | None:
        """Where the file sets this key, as ``config.yaml:12``; None when it does not."""
        found = self.provenance.get(key)
        return None if found == "default" else found


def load(path: Path | None, environ: Mapping[str, str], cwd: Path) -> Config:
    """The configuration of this start.

    Args:
        path: what `-c` named.

    Raises:
        NoConfigError: there is none, or it may not be read.
        ConfigError: something in it cannot be used.
    """
    found = find(path, environ, cwd)
    name = shown(found, cwd)
    try:
        document = read_document(found, name)
    except OSError as error:
        raise NoConfigError(name, "", error.strerror or "cannot be read") from error
    return build(document, found, environ)


def build(document: Document, path: Path, environ: Mapping[str, str]) -> Config:
    """The same for a document in hand; `path` says what `state_dir` is relative to."""
    file = check(document)
    state_dir = (path.resolve().parent / file.state_dir).resolve()
    zone = file.sending.timezone or local_zone(environ)
    plans = {plan.name: replace(plan, zone=zone) for plan in (CAUTIOUS, UNLIMITED)}
    plans |= {name: _plan(name, limits, zone) for name, limits in file.plans.items()}
    sims = {
        kinds.iccid(key): SimSettings(
            iccid=kinds.iccid(key),
            label=sim.label,
            pin=sim.pin,
            number=sim.number,
            plan=sim.plan,
            account=sim.account,
            tags=tuple(sim.tags),
            smsc=sim.smsc,
            expires=sim.expires,
            roaming=sim.roaming,
        )
        for key, sim in file.sims.items()
    }
    return Config(
        path=path,
        name=document.name,
        file=file,
        host=file.host or default_host(),
        state_dir=state_dir,
        database=file.database,
        drivers_dir=state_dir / file.modems.drivers,
        plans=plans,
        default_plan=file.default_plan,
        sims=sims,
        intake=_intake(file, plans, sims, zone),
        modem=_modem(file),
        zone=zone,
        ceiling=_ceiling(file, zone),
        provenance=dict(_provenance(document, file)),
    )


def _plan(name: str, limits: PlanLimits, zone: str) -> Plan:
    hours, minutes = limits.resets.time.split(":")
    return Plan(
        name=name,
        per_minute=limits.per_minute,
        per_hour=limits.per_hour,
        per_day=limits.per_day,
        per_month=limits.per_month,
        recipients_per_month=limits.recipients_per_month,
        price_per_part=limits.price_per_part,
        currency=limits.currency,
        resets_day=limits.resets.day,
        resets_minute=int(hours) * 60 + int(minutes),
        zone=limits.resets.timezone or zone,
        balance=None if limits.balance is None else _balance(limits.balance),
        on_net=tuple(limits.on_net),
    )


def _ceiling(file: File, zone: str) -> Ceiling:
    cost = file.sending.max_cost_per_day
    return Ceiling(file.sending.max_parts_per_day, None if cost is None else millionths(cost), zone)


def _balance(asked: Balance) -> BalanceAsk:
    common = BalanceAsk(low=asked.low, every=asked.every)
    if asked.ussd is None and asked.sms is not None:
        return replace(common, to=asked.sms.to, text=asked.sms.text, match=asked.sms.match)
    return replace(common, ussd=asked.ussd, match=asked.match)


def _intake(file: File, plans: Mapping[str, Plan], sims: Mapping[str, SimSettings], zone: str) -> IntakeSettings:
    sending = file.sending
    used = [plans[file.default_plan], *(plans[sim.plan] for sim in sims.values() if sim.plan)]
    days = [_most_a_day(file, plan) for plan in used]
    spans: dict[str, timedelta | None] = dict(sending.valid_for)
    allowed = sending.allow_countries
    return IntakeSettings(
        country=sending.country,
        default_class=MessageClass(sending.default_class),
        transactional_after_opt_out=sending.transactional_after_opt_out,
        conversation_within=sending.conversation_within,
        emergency_per_hour=sending.emergency_per_hour,
        reports=sending.reports,
        valid_for={MessageClass(name): span for name, span in spans.items()},
        allow_countries=allowed if isinstance(allowed, str) else tuple(allowed),
        short_codes=tuple(sending.short_codes),
        max_parts=sending.max_parts,
        sticky=sending.sticky,
        parts_a_day=None if None in days else max(day for day in days if day is not None),
        price_per_part=plans[file.default_plan].price_per_part,
        currency=_currency(plans, file.default_plan),
        terms=Terms(plans, file.default_plan, sims),
        policy=Configured(
            **{key: getattr(file.policy, key) for key in OWN if key in file.policy.model_fields_set},
            zone=zone,
            customers_zone=sending.customers_timezone,
            country=sending.country,
        ),
    )


def _currency(plans: Mapping[str, Plan], default_plan: str) -> str | None:
    """That of every plan with a price, where they share one; else the default plan's."""
    found = {plan.currency for plan in plans.values() if plan.price_per_part}
    return found.pop() if len(found) == 1 else plans[default_plan].currency


def _most_a_day(file: File, plan: Plan) -> int | None:
    """How many parts a message can have that a SIM of this plan could ever send."""
    sending = file.sending
    cost, price = millionths(sending.max_cost_per_day), millionths(plan.price_per_part)
    limits = (plan.per_day, plan.per_month, sending.max_parts_per_day, cost // price if cost and price else None)
    return min((limit for limit in limits if limit is not None), default=None)


def _modem(file: File) -> ModemSettings:
    within = file.modems.result_within
    return ModemSettings(
        ports=tuple(file.modems.ports),
        discover=file.modems.discover,
        ignore=tuple(file.modems.ignore),
        result_within_s=None if within is None else within.total_seconds(),
        reject_calls=file.modems.reject_calls,
    )


def flat(values: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every key of nested values with what it holds; an empty mapping or a list is a value."""
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from flat(value, (*path, key))
    elif isinstance(values, list) and values and isinstance(values[0], dict):
        for index, value in enumerate(values):
            yield from flat(value, (*path, index))
    else:
        yield path, values


def _provenance(document: Document, file: File) -> Iterator[tuple[str, str]]:
    for path, _ in flat(file.model_dump(mode="json")):
        line = document.lines.get(path)
        yield dotted(path), "default" if line is None else f"{document.name}:{line}"


def default_host() -> str:
    """This machine's name with the start of its machine id, so that two machines of one name differ."""
    try:
        machine = Path("/etc/machine-id").read_text("ascii").strip()[:8]
    except (OSError, UnicodeDecodeError):
        machine = ""
    return "-".join(item for item in (socket.gethostname(), machine) if item)


def local_zone(environ: Mapping[str, str]) -> str:
    """The time zone that this machine is set to; UTC when it cannot be told."""
    link = Path("/etc/localtime")
    target = str(link.resolve()) if link.is_symlink() else ""
    for name in (environ.get("TZ", "").removeprefix(":"), target.partition("zoneinfo/")[2]):
        try:
            if name:
                return kinds.zone(name)
        except ValueError:
            continue
    return "UTC"
