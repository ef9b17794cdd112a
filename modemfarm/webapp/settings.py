"""What the web room needs from whoever builds it: settings, and the rest of the farm behind a few callables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Protocol

from modemfarm.intake.draft import IntakeSettings
from modemfarm.policy.optout import Keywords
from modemfarm.store.addresses import Network
from modemfarm.store.engine import Store
from modemfarm.store.shapes import Terms
from modemfarm.webapp.asked import Asked
from modemfarm.webapp.demo import DemoHooks
from modemfarm.webapp.forecast import NoOutlook, Outlook
from modemfarm.webapp.lately import Lately
from modemfarm.webapp.rate import Buckets
from modemfarm.webapp.words import Words

Doctor = Callable[[Words], list[dict[str, Any]]]

# Less than the two seconds between two polls, so that what somebody did is in the next one.
SHARED_S = 1.0

MOST_BODY_OCTETS = 1024 * 1024
MOST_BATCH_OCTETS = 64 * 1024 * 1024


class Clock(Protocol):
    """Where timestamps come from."""

    def now(self) -> datetime:
        """Aware UTC."""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The `http:` part of config.yaml.

    Attributes:
        secure: the page is reached over TLS, so that its cookie may be marked Secure.
        proxy: a proxy on this machine serves TLS and names who asks in X-Forwarded-For.
        insecure: other machines reach it without TLS: every page says so.
        kannel: messages are taken as Kannel takes them, too.
        kannel_dlr_urls: what an address in their dlr-url must begin with; none: dlr-url is refused.
        webhook_networks: private ones in which added webhooks may be called.
        share_s: so long, all who watch the same piece of the page in one language and role get the same one.
        names: host names besides IP addresses, localhost and *.local under which the page answers.
    """

    host: str = "127.0.0.1"
    port: int = 8025
    threads: int = 8
    secure: bool = False
    proxy: bool = False
    insecure: bool = False
    names: tuple[str, ...] = ()
    kannel: bool = False
    kannel_dlr_urls: tuple[str, ...] = ()
    webhook_networks: tuple[Network, ...] = ()
    share_s: float = 0.0


@dataclass(frozen=True, slots=True)
class WebDeps:
    """The farm as the page and the API reach it; rows are read from `store` and written through `offload_call`.

    Attributes:
        offload_call: `Offload.call`: runs ``fn(tx, *args)`` in the writer thread, returns after its COMMIT.
        wake: tells those who send that rows were committed.
        keywords: how replies are read, and the texts that answer them.
        demo: the simulated network of `make demo`; None on a real farm.
        terms: plans and SIM settings of config.yaml.
        zone: where the page's clock is.
        ussd: says a code and answers to the network with a SIM: ``(iccid, steps, who)``; raises `UssdError`.
        test_alerts: tells everybody that it is a test: ``way`` and ``error`` of each; raises `StoreError`.
        alert_ways: who is told, as `store.alerts.outcomes` names them.
        balance: asks the operator for the credit of a SIM: ``(iccid, who)``; raises `UssdError`.
        outlook: plays the farm forward, for forecasts.
        buckets: how often each key asked, and each address guessed.
        asked: what people asked on the page and still wait for.
        lately: counts that all who watch share.
        merged: the settings, key -> ``value`` and ``from``, without what is secret.
        doctor: looks for what is wrong and tells it in these words: each with check, ok, what and fix.
        host: whose recordings lie in `state_dir`; None: there is one host.
        trouble: slug of the section `trouble` in web/sentences while the daemon cannot work, else None.
    """

    store: Store
    offload_call: Callable[..., Any]
    intake: IntakeSettings
    clock: Clock
    state_dir: Path
    wake: Callable[[], object]
    keywords: Keywords
    demo: DemoHooks | None = None
    farm_name: str = "modemfarm"
    settings: WebSettings = field(default_factory=WebSettings)
    terms: Terms = field(default_factory=Terms)
    zone: tzinfo = UTC
    trouble: Callable[[], str | None] = lambda: None
    ussd: Callable[[str, Sequence[str], str], dict[str, Any]] | None = None
    test_alerts: Callable[[], list[dict[str, str]]] | None = None
    alert_ways: tuple[str, ...] = ()
    balance: Callable[[str, str], dict[str, Any]] | None = None
    outlook: Outlook = field(default_factory=NoOutlook)
    asked: Asked = field(default_factory=Asked)
    buckets: Buckets = field(default_factory=Buckets)
    lately: Lately = field(default_factory=Lately)
    merged: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    doctor: Doctor | None = None
    host: str | None = None
