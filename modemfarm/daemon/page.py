"""What the page and the API need of a farm, for whoever serves them; and serving them alone, beside the daemons.

A daemon's own page is a process of its own (page_child.py); `modemfarm page` is for a host without modems.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication
from zoneinfo import ZoneInfo

from modemfarm.config import showing
from modemfarm.config.keywords import keywords
from modemfarm.config.kinds import loopback
from modemfarm.config.load import Config, load
from modemfarm.daemon.elsewhere import Elsewhere
from modemfarm.daemon.settings import farm_settings
from modemfarm.errors import ConfigError
from modemfarm.farm.outlook import Outlook
from modemfarm.modem.settings import SystemClock
from modemfarm.store import migrations, wake
from modemfarm.store.engine import Store
from modemfarm.webapp.app import create_app
from modemfarm.webapp.lately import Lately
from modemfarm.webapp.places import place
from modemfarm.webapp.server import serve
from modemfarm.webapp.settings import SHARED_S, WebDeps, WebSettings


def serve_alone(config: Config) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigError, StoreError: it cannot start.
    """
    if config.file.http.tls is not None:  # never plain HTTP where TLS was asked for
        raise ConfigError(config.name, "http.tls", "the page alone serves no TLS: put a TLS proxy before it")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    web = alone(config)
    server = serve(create_app(web), web.settings)
    stop.wait()
    server.stop()


def app(config: Config | None = None) -> WSGIApplication:
    """The WSGI application: ``gunicorn 'modemfarm.daemon.page:app()'``.

    Args:
        config: None: as commands find it (MODEMFARM_CONFIG, ./farm/config.yaml …).

    Raises:
        ConfigError, StoreError: it cannot start.
    """
    return create_app(alone(config or load(None, os.environ, Path.cwd())))


def alone(config: Config) -> WebDeps:
    """What the page needs beside daemons that it did not come from.

    Raises:
        StoreError: the database is not there, or not of this version.
    """
    store = Store(config.database, config.state_dir)
    migrations.check(store)
    return deps(config, store, store.run)


def deps(config: Config, store: Store, write: Callable[..., Any]) -> WebDeps:
    """What the page needs of a farm whose modems another process has: it is asked, and answers, in rows.

    Args:
        write: runs ``fn(tx, *args)`` and returns after its COMMIT.
    """
    state_dir, clock, http = config.state_dir, SystemClock(), config.file.http
    host, port = place(http.listen)

    async def command(work: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.to_thread(write, work, *args)

    elsewhere = Elsewhere(command, None, clock.now)
    return WebDeps(
        store=store,
        offload_call=write,
        intake=config.intake,
        clock=clock,
        state_dir=state_dir,
        host=None if store.sqlite else config.host,
        wake=lambda: wake.wake(state_dir),
        keywords=keywords(state_dir),
        farm_name=config.file.policy.brand or config.host,
        settings=WebSettings(
            host=host, port=port, proxy=http.proxy, secure=http.proxy, names=tuple(http.names),
            insecure=not (loopback(http.listen) or http.tls), kannel=http.kannel, share_s=SHARED_S,
            kannel_dlr_urls=tuple(http.kannel_dlr_urls),
            webhook_networks=tuple(ipaddress.ip_network(text) for text in config.file.webhook_networks),
        ),
        terms=config.terms,
        zone=ZoneInfo(config.zone),
        ussd=lambda iccid, steps, who: asyncio.run(elsewhere.ask("ussd", iccid, steps, who)),
        balance=lambda iccid, who: asyncio.run(elsewhere.ask("balance", iccid, (), who)),
        outlook=Outlook(store, farm_settings(config), lambda: datetime.now(UTC)),
        lately=Lately() if store.sqlite else Lately(time.monotonic),
        merged=showing.settings(config),
    )  # fmt: skip
