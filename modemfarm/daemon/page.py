"""The page and the API alone, beside the daemons that have the modems: for a host without any, or one more of them."""

from __future__ import annotations

import asyncio
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
    server = serve(create_app(deps(config)), _settings(config))
    stop.wait()
    server.stop()


def _settings(config: Config) -> WebSettings:
    http = config.file.http
    host, _, port = http.listen.rpartition(":")
    return WebSettings(
        host=host.strip("[]"),
        port=int(port),
        proxy=http.proxy,
        secure=http.proxy,
        names=tuple(http.names),
        share_s=SHARED_S,
    )


def app(config: Config | None = None) -> WSGIApplication:
    """The WSGI application: ``gunicorn 'modemfarm.daemon.page:app()'``.

    What needs a modem goes through rows: the daemon that has it acts.

    Args:
        config: None: as commands find it (MODEMFARM_CONFIG, ./farm/config.yaml …).

    Raises:
        ConfigError, StoreError: it cannot start.
    """
    return create_app(deps(config or load(None, os.environ, Path.cwd())))


def deps(config: Config) -> WebDeps:
    """What the page needs of a farm whose modems other processes have.

    Raises:
        StoreError: its database is not there, or not of this version.
    """
    store = Store(config.database, config.state_dir)
    migrations.check(store)
    state_dir = config.state_dir
    clock = SystemClock()

    async def command(work: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.to_thread(store.run, work, *args)

    elsewhere = Elsewhere(command, None, clock.now)
    return WebDeps(
        store=store,
        offload_call=store.run,
        intake=config.intake,
        clock=clock,
        state_dir=state_dir,
        host=None if store.sqlite else config.host,
        wake=lambda: wake.wake(state_dir),
        keywords=keywords(state_dir),
        farm_name=config.file.policy.brand or config.host,
        settings=_settings(config),
        terms=config.terms,
        zone=ZoneInfo(config.zone),
        ussd=lambda iccid, steps, who: asyncio.run(elsewhere.ask("ussd", iccid, steps, who)),
        balance=lambda iccid, who: asyncio.run(elsewhere.ask("balance", iccid, (), who)),
        outlook=Outlook(store, farm_settings(config), lambda: datetime.now(UTC)),
        lately=Lately(time.monotonic),
        merged=showing.settings(config),
    )
