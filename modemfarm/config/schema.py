"""Every key of config.yaml with its kind and default."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from modemfarm.config.kinds import (
    Address,
    Allowed,
    Beginning,
    Country,
    Database,
    Day,
    EventType,
    Net,
    Number,
    OneMessage,
    Pattern,
    Pin,
    Prefix,
    Profile,
    Program,
    Span,
    Text,
    Time,
    UssdCode,
    Web,
    Zone,
)

Limit = Annotated[int, Field(ge=1)]
ClassName = Literal["transactional", "marketing", "conversation", "emergency"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Tls(_Section):
    """`http.tls`"""

    cert: Text
    key: Text


class Http(_Section):
    """`http`"""

    listen: Address = "127.0.0.1:8025"
    tls: Tls | None = None
    insecure_lan: bool = False
    names: list[Text] = []
    proxy: bool = False
    kannel: bool = False
    kannel_dlr_urls: list[Beginning] = []


class Modems(_Section):
    """`modems`"""

    discover: bool = True
    ports: list[Text] = []
    ignore: list[Text] = []
    serial: Literal["serialx", "pyserial"] = "serialx"
    drivers: Text = "drivers"
    result_within: Span | None = None
    reject_calls: bool = False
    pins: dict[str, Pin] = {}


class Sim(_Section):
    """One SIM of `sims`"""

    label: Text | None = None
    pin: Pin | None = None
    number: Number | None = None
    plan: Text | None = None
    account: Text | None = None
    tags: list[Text] = []
    smsc: Number | None = None
    expires: Day | None = None
    roaming: bool | None = None


class Resets(_Section):
    """`plans.*.resets`"""

    day: Annotated[int, Field(ge=1, le=31)] = 1
    time: Time = "00:00"
    timezone: Zone | None = None


class BalanceSms(_Section):
    """`plans.*.balance.sms`"""

    to: Number
    text: OneMessage
    match: Pattern


class Balance(_Section):
    """`plans.*.balance`"""

    ussd: UssdCode | None = None
    match: Pattern | None = None
    low: Annotated[float, Field(ge=0)] | None = None
    sms: BalanceSms | None = None
    every: Span = timedelta(hours=24)


class PlanLimits(_Section):
    """One plan of `plans`"""

    per_minute: Limit | None = None
    per_hour: Limit | None = None
    per_day: Limit | None = None
    per_month: Limit | None = None
    recipients_per_month: Limit | None = None
    price_per_part: Annotated[float, Field(ge=0)] | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    resets: Resets = Resets()
    balance: Balance | None = None
    on_net: list[Prefix] = []


class ValidFor(_Section):
    """`sending.valid_for`"""

    transactional: Span | None = timedelta(hours=48)
    marketing: Span | None = None
    conversation: Span | None = None
    emergency: Span | None = None


class Sending(_Section):
    """`sending`"""

    country: Country | None = None
    timezone: Zone | None = None
    customers_timezone: Zone | None = None
    default_class: ClassName = "transactional"
    transactional_after_opt_out: bool = False
    conversation_within: Span = timedelta(hours=24)
    emergency_per_hour: Limit | None = 60
    reports: bool = True
    valid_for: ValidFor = ValidFor()
    sticky: bool = True
    sim_grace: Span = timedelta(minutes=15)
    roaming: bool = False
    allow_countries: Allowed = "own"
    short_codes: list[Number] = []
    max_parts: Annotated[int, Field(ge=1, le=255)] = 10
    max_parts_per_day: Limit | None = None
    max_cost_per_day: Annotated[float, Field(gt=0)] | None = None


class Policy(_Section):
    """`policy`"""

    profile: Profile = "unknown"
    brand: Text | None = None
    contact: Text | None = None
    signature: Text | None = None
    opt_out_line: Text | None = None


class Spool(_Section):
    """`spool`"""

    dir: Text = "spool"
    enabled: bool = True
    eventhandler: Text | None = None


class Alerts(_Section):
    """`alerts`"""

    sms: list[Number] = []
    exec: Program | None = None
    webhook: Web | None = None
    language: Literal["en", "zh", "ru"] | None = None


class Log(_Section):
    """`log`"""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Retention(_Section):
    """`retention`"""

    texts: Span | None = timedelta(days=365)
    inbound: Span | None = timedelta(days=365)
    pdus: Span | None = timedelta(days=30)
    events: Span | None = timedelta(days=365)
    recordings: Span | None = timedelta(days=30)
    audit: Annotated[Span, Field(ge=timedelta(days=366))] | None = None


class Webhook(_Section):
    """One item of `webhooks`"""

    url: Web
    secret: Annotated[str, Field(pattern=r"^whsec_[A-Za-z0-9+/=]+$")]
    events: list[EventType] = []


class File(_Section):
    """The whole file"""

    host: Text | None = None
    database: Database = "sqlite:///modemfarm.db"
    state_dir: Text = "farm"
    http: Http = Http()
    modems: Modems = Modems()
    sims: dict[str, Sim] = {}
    plans: dict[str, PlanLimits] = {}
    default_plan: Text = "cautious"
    sending: Sending = Sending()
    policy: Policy = Policy()
    spool: Spool = Spool()
    alerts: Alerts = Alerts()
    log: Log = Log()
    retention: Retention = Retention()
    webhooks: list[Webhook] = []
    webhook_networks: list[Net] = []
