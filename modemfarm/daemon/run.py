"""`modemfarm run`: one process that drives the modems, and beside it one that takes messages in and serves the page."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import sys
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from modemfarm.at.errors_table import ErrorTable
from modemfarm.config.keywords import keywords
from modemfarm.config.load import Config
from modemfarm.daemon import logs
from modemfarm.daemon.alarm import build_alarm
from modemfarm.daemon.control import ControlServer
from modemfarm.daemon.devices import Devices
from modemfarm.daemon.elsewhere import Elsewhere
from modemfarm.daemon.errands import Errands, vitals
from modemfarm.daemon.lan import Announce, Lan, Opening, opening
from modemfarm.daemon.lease import enter, usurped
from modemfarm.daemon.lock import StateLock
from modemfarm.daemon.notify import feed_watchdog, notify
from modemfarm.daemon.page_process import SILENT, Born, Handed, PageProcess
from modemfarm.daemon.settings import farm_settings
from modemfarm.daemon.signals import Signals
from modemfarm.daemon.simulated import SimulatorProcess
from modemfarm.daemon.spool import build_spool
from modemfarm.daemon.webhooks import build_webhooks
from modemfarm.errors import StoreError
from modemfarm.farm.balances import Balances
from modemfarm.farm.clockguard import ClockGuard
from modemfarm.farm.housekeeping import Housekeeping
from modemfarm.farm.journal import FarmJournal
from modemfarm.farm.labelling import Labeller
from modemfarm.farm.settling import SettlingRules
from modemfarm.farm.ussd import UssdDesk
from modemfarm.inbound.receive import InboundSettings
from modemfarm.modem.discovery import Discovery
from modemfarm.modem.fleet import Fleet
from modemfarm.modem.ladder import Limits
from modemfarm.modem.port import PortOpener, PyserialOpener, SerialxOpener
from modemfarm.modem.profile import load_profiles
from modemfarm.modem.recordings import RecordingFolder
from modemfarm.modem.scout import Scout
from modemfarm.modem.settings import SystemClock
from modemfarm.modem.supervisor import Supervisor
from modemfarm.modem.usb_ids import UsbIds
from modemfarm.resources import shipped
from modemfarm.store import epoch, errands, hosts, migrations, sims, wake
from modemfarm.store.engine import Store, Tx, from_us
from modemfarm.store.listening import Listener
from modemfarm.store.offload import Offload
from modemfarm.webapp.places import listeners, place
from modemfarm.webapp.settings import Doctor

log = logging.getLogger(__name__)

DRAIN_WITHIN_S = 25.0
OPEN_FILES = 4096
SWITCH_S = 0.0005  # every statement of the writer lets go of the interpreter; getting it back took up to 5 ms
PORT_THREADS = 64
VERSION = "0.1.0"


def run(
    config: Config, *, simulate: int | None = None, demo: Path | None = None, announce: Announce | None = None,
    doctor: Doctor | None = None,
) -> int:  # fmt: skip
    """Run the daemon until SIGTERM or SIGINT.

    Args:
        simulate: start so many virtual modems beside it.
        demo: folder of a running simulator that the page shows.
        announce: told where other machines come in; None: they do not (`--lan`).
        doctor: what the page's Settings ask for findings.

    Returns:
        The exit code: 0 after a drain, 1 where another daemon took the name, 5 where the store took nothing at the end.

    Raises:
        ConfigError, StoreError: it cannot start.
    """
    _raise_file_limit()
    sys.setswitchinterval(SWITCH_S)
    config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    door = opening(config, _now(), lan=announce is not None)
    page = Born()  # before the first thread and the first connection
    lock = None
    try:
        lock = StateLock(config.state_dir)
        store = Store(config.database, config.state_dir)
        migrations.upgrade(store, _now())
        opened = listeners(*place(config.file.http.listen), door.addresses)
        instance = enter(store, config.host, config.state_dir, VERSION, _now())
        held = epoch.enter(store, config.state_dir, _now())
        if held is not None:
            log.warning("this database is older than what was here: %d messages are held for a person", held)
        with ExitStack() as stack:
            if simulate:
                simulator = SimulatorProcess(config.state_dir / "sim", simulate)
                stack.callback(simulator.stop)
                demo = demo or simulator.folder
            if demo is not None:
                ports = (*config.modem.ports, str(demo / "ttyV*"))
                # beside virtual modems no real one is opened unasked: a try must not send from somebody's SIM
                virtual = replace(config.modem, ports=tuple(dict.fromkeys(ports)), discover=False)
                config = replace(config, modem=virtual)
            daemon = Daemon(config, store, page, opened, demo, instance, door, announce, doctor)
            return asyncio.run(daemon.run())
    finally:
        page.end()
        if lock is not None:
            lock.release()


def _now() -> datetime:
    return datetime.now(UTC)


def _raise_file_limit() -> None:
    """A port, or a virtual one, needs a descriptor; shells give 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Daemon:
    """Everything that the modems need in one process, built once; the page is another's work."""

    def __init__(
        self, config: Config, store: Store, page: Born, opened: Sequence[socket.socket], demo: Path | None,
        instance: str, door: Opening, announce: Announce | None, doctor: Doctor | None,
        now: Callable[[], datetime] = _now,
    ) -> None:  # fmt: skip
        self._door, self._opened, self._announce = door, opened, announce
        self._config = config
        self._store = store
        self._now = now
        self._instance = instance
        self._settings = farm_settings(config)
        errors = ErrorTable.from_mapping(_toml(shipped("drivers") / "errors.toml"))
        self._inbound = InboundSettings(
            keywords=keywords(config.state_dir),
            errors=errors,
            country=config.intake.country,
            exempt=config.intake.exempt,
            policy=config.intake.policy,
            services=tuple(plan.balance.to for plan in config.plans.values() if plan.balance and plan.balance.to),
        )
        self._offload = Offload(store)
        self._journal = FarmJournal(
            self._offload, self._settings, now, self._instance, self._inbound, SettlingRules(errors)
        )
        self._recordings = RecordingFolder(config.state_dir, now, config.file.retention.recordings)
        self._fleet = self._make_fleet()
        desk = UssdDesk(self._fleet.supervisors, self._offload, config.host, now)
        self._balances = Balances(desk, self._offload, self._settings, now, self._journal.registrations.forbids)
        self._alarm = build_alarm(
            config, self._offload, now, self._journal.dispatcher.wake, lambda: self._journal.leads
        )
        elsewhere = Elsewhere(self._offload.run, config.host, now)
        self._errands = Errands(desk, self._balances, self._alarm, elsewhere, self._offload, now)
        self._page = self._make_page(page, demo, doctor)
        asked = {
            "page": self._page.told,
            "ussd": self._errands.ussd,
            "balance": self._errands.balance,
            "vitals": vitals,
            "alerts_test": self._errands.try_alerts,
        }
        self._control = ControlServer(config.state_dir, self._fleet.supervisors, self._offload, now, asked)
        self._spool = build_spool(config, store, self._offload, errors, now, self._wake_soon)
        self._webhooks = build_webhooks(config, store, self._offload, instance, now)
        self._guard: ClockGuard | None = None
        self._stop = asyncio.Event()
        self._usurped = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def _make_page(self, born: Born, demo: Path | None, doctor: Doctor | None) -> PageProcess:
        shape = self._config.file.log.format
        handed = Handed(self._config, self._door, demo, doctor, self._alarm.ways, (shape, logs.level()))
        return PageProcess(born, handed, self._opened, self._trouble)

    def _tell_where(self) -> None:
        if self._announce is not None:
            port = self._opened[0].getsockname()[1]
            self._announce(Lan(self._door.addresses, port, self._door.fingerprint))

    def _make_fleet(self) -> Fleet:
        folders = [shipped("drivers")]
        if self._config.drivers_dir.is_dir():
            folders.append(self._config.drivers_dir)
        profiles = load_profiles(*folders)
        opener: PortOpener = PyserialOpener() if self._config.file.modems.serial == "pyserial" else SerialxOpener()
        limits, clock = Limits(), SystemClock()

        def make(path: str) -> Supervisor:
            return Supervisor(
                path, opener, profiles, self._journal, self._config.modem, clock, limits, self._recordings
            )

        ids = UsbIds.of(profiles)
        self._scout = Scout(self._config.modem, ids, opener, pending=self._pending_on)
        return Fleet(Discovery(self._config.modem, self._scout), make)

    async def _pending_on(self, path: str) -> bool:
        return await self._journal.pending(path) is not None

    async def run(self) -> int:
        """Start, serve until a signal, drain; the exit code."""
        loop = asyncio.get_running_loop()
        self._loop = loop
        # ports open and close off the loop, and a stuck one may take its time
        loop.set_default_executor(ThreadPoolExecutor(PORT_THREADS, thread_name_prefix="port"))
        Signals(loop, self._stop.set).install()
        self._offload.start()
        guard = self._guard = await self._enter()
        housekeeping = Housekeeping(
            self._offload,
            self._journal,
            self._inbound,
            self._now,
            self._settings.host,
            self._instance,
            guard,
            self._reset_modem,
            partial(epoch.remember, self._config.state_dir),
            self._retry_modem,
            self._config.keep,
            self._errands.serve,
            self._usurp,
        )
        await housekeeping.turn()
        waker = wake.listen(self._config.state_dir)
        loop.add_reader(waker, self._woken, waker)
        listener = None if self._store.sqlite else Listener(self._store, self._wake_soon)
        if listener is not None:
            listener.start()
        await self._control.start()
        await self._page.start()
        self._tell_where()
        if self._spool is not None:
            self._spool.start()
        self._webhooks.start()
        devices = Devices(self._scout, self._store, self._offload, self._settings.host, self._now)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(work, name=name)
                    for name, work in (
                        ("dispatcher", self._journal.dispatcher.run()),
                        ("housekeeping", housekeeping.run()),
                        ("statuses", self._journal.write_statuses()),
                        ("labels", Labeller(self._offload, self._journal, self._now).run()),
                        ("recordings", self._recordings.run()),
                        ("modems", self._fleet.run()),
                        ("devices", devices.run()),
                        ("balances", self._balances.run()),
                        ("alerts", self._alarm.run()),
                        ("page", self._page.watch()),
                        ("watchdog", feed_watchdog(self._alive)),
                    )
                ]
                notify("READY=1")
                await self._stop.wait()
                notify("STOPPING=1")
                await self._drain()
                for task in tasks:
                    task.cancel()
        finally:
            self._control.stop()
            if self._spool is not None:
                await asyncio.to_thread(self._spool.stop)
            await asyncio.to_thread(self._webhooks.stop)
            self._recordings.flush()
            await self._page.stop()
            if listener is not None:
                listener.stop()
            loop.remove_reader(waker)
            waker.close()
            await self._leave()
        return 1 if self._usurped else 5 if self._journal.store_down_since is not None else 0

    async def _enter(self) -> ClockGuard:
        """Settle what a dead instance of this host left open; the lease is taken."""
        now = self._now()
        newest = await self._offload.run(hosts.newest_moment)
        back, unknown = await self._offload.run(hosts.recover, self._settings.host, now)
        if back or unknown:
            log.warning("after a crash: %d parts wait again, %d may have been sent", back, unknown)
        await self._offload.run(errands.lost, self._settings.host, now)
        await self._offload.run(sims.nowhere, self._settings.host, now)
        self._journal.refresh_sims(await self._offload.run(sims.all_sims))
        return ClockGuard(now, None if newest is None else from_us(newest))

    async def _drain(self) -> None:
        """No new prompt; wait for the results on the air, and write down as unknown what has none in time."""
        log.info("stopping: waiting for what is on the air")
        self._journal.dispatcher.stop()
        try:
            async with asyncio.timeout(DRAIN_WITHIN_S):
                await self._fleet.drain()
        except TimeoutError:
            log.warning("stopping: some results did not come within %g s, or were not written", DRAIN_WITHIN_S)
            self._journal.end()
        await self._journal.flush_statuses()

    async def _leave(self) -> None:
        try:
            if await self._offload.run(self._renew_lease):
                await self._offload.run(hosts.recover, self._settings.host, self._now())
            await self._offload.run(self._end_lease)
            if self._usurped:
                log.error("%s", usurped(self._store, self._config.host))
        except StoreError as error:
            log.error("stopping: %s", error)  # noqa: TRY400 # the store's words say it all
        self._offload.stop()
        self._store.close()

    def _usurp(self) -> None:
        self._usurped = True
        self._stop.set()

    def _wake_soon(self) -> None:
        """Wake the dispatcher from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._journal.dispatcher.wake)

    def _renew_lease(self, tx: Tx) -> bool:
        return hosts.renew_lease(tx, self._settings.host, self._instance, hosts.clock(tx, self._now()))

    def _end_lease(self, tx: Tx) -> None:
        hosts.end_lease(tx, self._settings.host, self._instance, hosts.clock(tx, self._now()))
        hosts.leave_jobs(tx, self._instance)

    def _trouble(self) -> list[str]:
        """What the page shall know of."""
        silent = [SILENT] if self._store.silent() else []
        if self._journal.store_down_since is not None:
            return ["store", *silent]
        return ["clock", *silent] if self._guard is not None and self._guard.doubt is not None else silent

    def _alive(self) -> bool:
        """What the watchdog asks; that the loop turns is told by its asking."""
        return self._offload.alive

    def _woken(self, waker: socket.socket) -> None:
        try:
            while waker.recv(64):
                pass
        except BlockingIOError:
            pass
        self._journal.dispatcher.wake()

    def _reset_modem(self, path: str) -> None:
        supervisor = self._fleet.supervisors.get(path)
        if supervisor is not None:
            asyncio.ensure_future(supervisor.reset())  # noqa: RUF006 # sets flags only; nothing to wait for

    def _retry_modem(self, path: str) -> None:
        supervisor = self._fleet.supervisors.get(path)
        if supervisor is not None:
            supervisor.retry()


def _toml(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        return tomllib.load(file)
