"""The doctor's look into the database: is it whole, does a daemon live, what of modems, SIMs, keys and alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import metadata
from typing import Any

from modemfarm.cli.context import now
from modemfarm.cli.doctor_host import MIB, open_files
from modemfarm.cli.finding import Finding, Pen
from modemfarm.cli.modems import spoken
from modemfarm.config.load import Config
from modemfarm.daemon.line import Line, LineError
from modemfarm.errors import ModemfarmError
from modemfarm.farm.clockguard import synchronised
from modemfarm.store import admin, alerts, hosts, keys, migrations, views, wanting
from modemfarm.store.engine import Store, from_us
from modemfarm.store.migrations import SCHEMA
from modemfarm.store.sealing import SealError

CLOCK_WITHIN = timedelta(seconds=60)
FIRST_YEAR = 2025  # a clock before this program was written is wrong


def examine(config: Config, store: Store, pen: Pen) -> Iterator[Finding]:
    """The database, and where it can be read all that it tells."""
    whole = _database(store, pen)
    yield whole
    if not whole.ok:
        return
    checks: tuple[Callable[[Config, Store, Pen], Iterator[Finding]], ...]
    checks = (_daemon, _secret, _clock, _modems, _sims, _queue, _keys, _alerts)
    for check in checks:
        try:
            yield from check(config, store, pen)
        except ModemfarmError as error:
            yield pen.find("database", False, "quoted", "check_database", what=error)


def _database(store: Store, pen: Pen) -> Finding:
    try:
        if not store.exists():
            return pen.find("database", False, "no_database", "make_database", path=store.file)
        migrations.check(store)
        faults = store.look(admin.damage)
        size = store.file.stat().st_size // MIB if store.file is not None else 0
    except OSError as error:
        return pen.find("database", False, "quoted", "run_as_owner", what=error)
    except ModemfarmError as error:
        return pen.find("database", False, "quoted", "upgrade_or_restore", what=error)
    if faults:
        return pen.find("database", False, "quoted", "restore_backup", what="; ".join(faults))
    return pen.find("database", True, "database_ok", schema=SCHEMA, mib=size)


def _daemon(config: Config, store: Store, pen: Pen) -> Iterator[Finding]:
    alive = store.look(hosts.alive, now())
    if not alive:
        yield pen.find("daemon", False, "daemon_none", "start_daemon")
    try:
        version = metadata.version("modemfarm")
    except metadata.PackageNotFoundError:
        version = ""
    yield from open_files(next((item["pid"] for item in alive if item["name"] == config.host), None), pen)
    for item in alive:
        told = {"name": item["name"], "pid": item["pid"], "version": item["version"]}
        page = _page(config) if item["name"] == config.host else {}
        if page is None:
            yield pen.find("daemon", False, "daemon_silent", "restart_daemon", **told)
        elif version and item["version"] != version:
            yield pen.find("daemon", False, "daemon_old", "restart_daemon", ours=version, **told)
        else:
            yield pen.find("daemon", True, "daemon_ok", **told)
        yield from _ended(page or {}, pen)


def _page(config: Config) -> dict[str, Any] | None:
    """What this host's daemon says of its page: {} where an older one does not know; None where it answers nothing."""
    try:
        with Line(config.state_dir) as line:
            told: dict[str, Any] = line.ask("page")
    except LineError as error:
        return None if error.code == "unreachable" else {}
    return told


def _ended(page: dict[str, Any], pen: Pen) -> Iterator[Finding]:
    """How often the page was started again, if it ever was."""
    if page.get("ends"):
        what = "page_hung" if page["how"] == "hung" else "page_ended"
        yield pen.find(
            "page", True, what, "read_log", n=page["ends"], time=pen.words.clock(page["at"]), what=page["how"]
        )


def _clock(_config: Config, store: Store, pen: Pen) -> Iterator[Finding]:
    at = now()
    newest = store.look(hosts.newest_moment)
    time = f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    if at.year < FIRST_YEAR or (newest is not None and from_us(newest) > at + CLOCK_WITHIN):
        yield pen.find("clock", False, "clock_behind", "set_clock", time=time)
    elif not synchronised():
        yield pen.find("clock", True, "clock_alone", "set_clock", time=time)
    else:
        yield pen.find("clock", True, "clock_ok", time=time)


def _modems(_config: Config, store: Store, pen: Pen) -> Iterator[Finding]:
    every = [spoken(item, pen.words) for item in store.look(views.modems)]
    if not every:
        yield pen.find("modems", False, "modems_none", "plug_in")
    for item in every:
        well = item["state"] in {"working", "starting", "paused"}
        state = pen.words.say(f"modem_state.{item['state']}")
        fix = "" if well else item["next_action"] or pen.words.say("fix.look_at_modem")
        yield pen.said("modem", well, f"{state}: {item['sentence']}", fix, name=item["id"])


def _secret(_config: Config, store: Store, pen: Pen) -> Iterator[Finding]:
    file = store.secret.file
    try:
        there = store.secret.is_there()
    except SealError as error:
        yield pen.find("secret", False, "quoted", "restore_secret", what=error, file=file)
        return
    count = store.look(admin.sealed)
    if there:
        yield pen.find("secret", True, "secret_ok", file=file)
    elif count:
        yield pen.find("secret", False, "secret_missing", "restore_secret", file=file, n=count)


def _sims(config: Config, store: Store, pen: Pen) -> Iterator[Finding]:
    with store.read() as tx:
        every = views.sims(tx, terms=config.terms, now=now())
    for item in every:
        state = pen.words.say(f"sim_state.{item['state']}")
        why = pen.words.sim(f"sim.{item['reason']}", item["reason_params"]) if item["reason"] else ""
        parked = item["state"] == "parked"
        fix = pen.words.say("fix.resume_sim", iccid=item["iccid"]) if parked else ""
        yield pen.said(
            "sim", not parked, ": ".join(filter(None, (state, why))), fix, name=item["label"] or item["iccid"]
        )


def _queue(_config: Config, store: Store, pen: Pen) -> Iterator[Finding]:
    """What waits for a SIM that is not here, by the name that was asked for."""
    for name, n in store.look(wanting.by_name):
        yield pen.find("queue", False, "wants_sim", "find_sim", name=name, n=n)


def _keys(_config: Config, store: Store, pen: Pen) -> Iterator[Finding]:
    usable = [item for item in store.look(keys.list_keys) if item["revoked_at"] is None]
    yield pen.find("keys", True, "keys", "" if usable else "make_key", count=len(usable))


def _alerts(_config: Config, store: Store, pen: Pen) -> Iterator[Finding]:
    for way, (at, what) in store.look(alerts.outcomes).items():
        if what:
            yield pen.find(
                "alerts", False, "alert_failed", "test_alerts", way=way, time=pen.words.clock(from_us(at)), what=what
            )
        else:
            yield pen.find("alerts", True, "alert_went", way=way, time=pen.words.clock(from_us(at)))
