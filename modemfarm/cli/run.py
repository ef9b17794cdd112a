"""`modemfarm run` and `modemfarm login`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from modemfarm.cli.context import Farm, now, pass_farm, tighten
from modemfarm.cli.outcome import NotThereError
from modemfarm.cli.output import emit, json_option, say, sentence, tell
from modemfarm.cli.policy import user as typist
from modemfarm.config.load import Config
from modemfarm.errors import StoreError
from modemfarm.store import audit, sessions, users
from modemfarm.store.disk import is_read_only
from modemfarm.store.engine import Tx


@click.command()
@click.option("--simulate", metavar="N", type=click.IntRange(1, 250), help="Use N virtual modems, no hardware.")
@click.option("--demo", metavar="DIR", type=click.Path(path_type=Path), hidden=True, help="Show the simulator in DIR.")
@click.option("--lan", is_flag=True, help="Let this network's machines in, over TLS with a certificate made for it.")
@click.option("--debug", is_flag=True, help="Log what only matters to whoever looks for a fault.")
@pass_farm
def run(farm: Farm, simulate: int | None, demo: Path | None, *, lan: bool, debug: bool) -> int:
    """Run the daemon; SIGTERM or Ctrl-C ends it in order."""
    from modemfarm.cli import doctor  # noqa: PLC0415 # see below
    from modemfarm.daemon import logs  # noqa: PLC0415 # see below
    from modemfarm.daemon.lan import Lan  # noqa: PLC0415 # the same
    from modemfarm.daemon.run import run as run_daemon  # noqa: PLC0415 # all rooms; `login` needs none of them
    from modemfarm.webapp.qr import terminal  # noqa: PLC0415 # the same

    tighten(farm.config.state_dir, farm.config.state_dir / "modemfarm.db")
    logs.start(farm.config.file.log.format, "debug" if debug else farm.config.file.log.level)

    def announce(open_to: Lan) -> None:
        token = farm.store().run(sessions.create_login, "admin", now())
        link = f"{open_to.urls[0]}/login?token={token}"
        tell("said.lan_page")
        for url in open_to.urls:
            say(f"  {url}")
        tell("said.lan_certificate")
        say(f"  {open_to.fingerprint}")
        tell("said.lan_link")
        say(f"  {link}")
        say(terminal(link))

    look = partial(doctor.told, farm)
    return run_daemon(farm.config, simulate=simulate, demo=demo, announce=announce if lan else None, doctor=look)


@click.command()
@pass_farm
def page(farm: Farm) -> None:
    """Serve the page and the API alone, beside the daemons that have the modems, until Ctrl-C or SIGTERM."""
    from modemfarm.daemon.page import serve_alone  # noqa: PLC0415 # all rooms; `login` needs none of them

    store = farm.store()
    if store.file is not None and is_read_only(store.file):  # nobody could log in
        raise StoreError(sentence("refusal.lies_read_only", path=store.file))
    serve_alone(farm.config)


def page_url(config: Config) -> str:
    """Where a browser on this machine finds the page."""
    host, _, port = config.file.http.listen.rpartition(":")
    if host.strip("[]") in {"0.0.0.0", "::"}:  # noqa: S104 # read, not bound
        host = "127.0.0.1"
    return f"{'https' if config.file.http.tls else 'http'}://{host}:{port}"


def login_url(config: Config, token: str) -> str:
    """The link that spends a login token."""
    return f"{page_url(config)}/login?token={token}"


@click.command()
@click.option("--role", type=click.Choice(users.ROLES), default=users.ROLES[-1], show_default=True)
@click.option("--user", "name", metavar="NAME", help="Log in as this user, who may set a password then.")
@json_option
@pass_farm
def login(farm: Farm, role: str, name: str | None, as_json: bool) -> None:
    """Print a link to the page that logs in once, within the hour."""
    store, user_id = farm.store(create=True), None
    if name is not None:
        user = store.look(users.find, name.strip().casefold())
        if user is None:
            raise NotThereError(sentence("refusal.no_user", name=name))
        role, user_id = user.role, user.id

    def work(tx: Tx) -> str:
        audit.note(tx, f"cli {typist()}", "login.link", now(), subject=name or "", role=role)
        return sessions.create_login(tx, role, now(), user_id)

    token = store.run(work)
    url = login_url(farm.config, token)
    if as_json:
        emit({"url": url})
    else:
        say(url)
