"""`modemfarm demo`: virtual modems, the daemon and the page, with nothing to set up; what dies is started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

import click

from modemfarm.cli.context import now
from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import say, sentence, tell
from modemfarm.cli.run import login_url, page_url
from modemfarm.config.load import Config, load
from modemfarm.daemon.lock import StateLock
from modemfarm.daemon.simulated import SimulatorProcess
from modemfarm.errors import StoreError
from modemfarm.intake.accept import accept
from modemfarm.intake.draft import Draft
from modemfarm.store import keys, migrations, sessions
from modemfarm.store.engine import Store
from modemfarm.store.wake import wake

READY_WITHIN_S = 60.0
RESTART_AFTER_S = 1.0
STOPPED_WITHIN_S = 40.0  # a daemon drains for 25 s
SETTINGS = """\
# The demo's own configuration; a real farm has its own (modemfarm init).
state_dir: .
database: sqlite:///demo.db
http: {{listen: "127.0.0.1:{port}"}}
modems: {{discover: false, ports: [], serial: {serial}, result_within: 8s}}
default_plan: unlimited
sending: {{country: CN, allow_countries: all}}
policy: {{brand: modemfarm demo}}
"""
FIRST_TEXTS = (
    ("+8613800138000", "您好,您的订单 1024 已发货,预计明天送达。回复TD退订"),
    ("+8613800138000", "Your order 1024 is on its way 🚚 — it should arrive tomorrow. Reply STOP to opt out."),
    ("+79161234567", "Здравствуйте! Ваш заказ 1024 готов к выдаче."),
)


@click.command()
@click.option("--modems", type=click.IntRange(1, 64), default=4, show_default=True, help="How many virtual modems.")
@click.option("--port", type=click.IntRange(1, 65535), default=8025, show_default=True, help="Where the page listens.")
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), default=Path("farm/demo"), show_default=True, help="Its folder."
)
@click.option(
    "--serial",
    type=click.Choice(["serialx", "pyserial"]),
    default="serialx",
    show_default=True,
    help="The library that opens the ports.",
)
def demo(modems: int, port: int, folder: Path, serial: str) -> int:
    """Try modemfarm without hardware; Ctrl-C ends it. Each start begins anew."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started is ended too
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        ours = StateLock(folder, "demo")
        StateLock(folder).release()  # a daemon that outlived its demo keeps what it has
    except StoreError as error:
        raise CliError(sentence("refusal.demo_runs", what=error), Exit.UNREACHABLE) from error
    try:
        _check_free(port)
        return _play(_prepare(folder, port, serial), modems, folder)
    finally:
        ours.release()


def _play(config: Config, modems: int, folder: Path) -> int:
    simulator = SimulatorProcess(
        folder.resolve() / "sim", modems, "--airtime-ms", "1500", "--report-ms", "1500", "--setup-ms", "500"
    )
    keeper = _Keeper(
        [sys.executable, "-m", "modemfarm", "-c", str(config.path), "run", "--demo", str(simulator.folder)],
        folder / "daemon.log",
    )
    try:
        keeper.start()
        _wait_ready(page_url(config), keeper)
        _tell(config)
        return keeper.watch()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave a process behind
        keeper.stop()
        simulator.stop()


def _check_free(port: int) -> None:
    """Else whoever has the port would answer our question whether the daemon is ready."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        what = os.strerror(error.errno or 0)
        raise CliError(sentence("refusal.port_taken", port=port, what=what)) from error


def _prepare(folder: Path, port: int, serial: str) -> Config:
    for stale in (*folder.glob("demo.db*"), folder / "sim" / "smsc.jsonl", folder / "daemon.log"):
        stale.unlink(missing_ok=True)
    path = folder / "config.yaml"
    path.write_text(SETTINGS.format(port=port, serial=serial), encoding="utf-8")
    path.chmod(0o600)
    config = load(path, {}, Path.cwd())
    migrations.upgrade(Store(config.database, config.state_dir), now())
    return config


def _wait_ready(url: str, keeper: _Keeper) -> None:
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2):  # noqa: S310 # our own page
                return
        except (urllib.error.URLError, OSError):
            if keeper.ended:
                break
            time.sleep(0.2)
    said = "".join(keeper.log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)[-15:])
    raise CliError(sentence("refusal.demo_not_ready", what=said), Exit.FAILED)


def _tell(config: Config) -> None:
    store = Store(config.database, config.state_dir)
    token = store.run(sessions.create_login, "admin", now())
    key = store.run(keys.create_key, "demo", (), now())
    for to, text in FIRST_TEXTS:
        store.run(accept, Draft(to=to, text=text), config.intake, now())
    wake(config.state_dir)
    url = page_url(config)
    store.close()
    say("")
    tell("said.demo_ready")
    say("")
    tell("said.demo_page", url=login_url(config, token))
    tell("said.demo_link", command=f"modemfarm -c {config.name} login")
    tell("said.demo_key", key=key)
    curl = f"curl -s -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\"
    tell("said.demo_send", command=curl)
    say(f'             -d \'{{"to": "+8613800138000", "text": "Hello from modemfarm 👋"}}\' {url}/v1/messages')
    say("")
    tell("said.demo_end", file=config.path.parent / "daemon.log")
    sys.stdout.flush()


class _Keeper:
    """Runs the daemon and starts it again when it dies."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command = command
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False

    @property
    def ended(self) -> bool:
        """Whether the daemon ended by itself, rather than by a signal."""
        code = None if self._process is None else self._process.poll()
        return code is not None and code >= 0

    def start(self) -> None:
        """Start the daemon."""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(self._command, stdout=out, stderr=out)  # noqa: S603 # our own program

    def watch(self) -> int:
        """Until a signal asks for the end; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        while not self._stopping:
            code = self._ended_with()
            if code is None:
                continue
            if code >= 0:
                tell("said.sender_ended", file=self.log)
                return code or int(Exit.FAILED)
            tell("said.sender_killed", signal=-code)
            time.sleep(RESTART_AFTER_S)
            self.start()
        return int(Exit.DONE)

    def _ended_with(self) -> int | None:
        """How the daemon ended; None while it runs, or when it was we who stopped it."""
        assert self._process is not None
        try:
            code = self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            return None
        return None if self._stopping else code

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def stop(self) -> None:
        """End the daemon in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOPPED_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
