"""`modemfarm run` and `modemfarm login`."""

from __future__ import annotations

import click

from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.output import emit, json_option, say
from modemfarm.config.load import Config
from modemfarm.store import keys


@click.command()
@click.option("--simulate", metavar="N", type=click.IntRange(1, 250), help="Use N virtual modems, no hardware.")
@click.option("--lan", is_flag=True, help="Serve the page to other machines of this network too, over TLS.")
@pass_farm
def run(farm: Farm, simulate: int | None, lan: bool) -> int:
    """Run the daemon; SIGTERM or Ctrl-C ends it in order."""
    from modemfarm import daemon  # noqa: PLC0415 # all rooms; `login` needs none of them

    return daemon.run(farm.config, simulate=simulate or 0, lan=lan)


def page_url(config: Config) -> str:
    """Where a browser on this machine finds the page."""
    host, _, port = config.file.http.listen.rpartition(":")
    if host.strip("[]") in {"0.0.0.0", "::"}:  # noqa: S104 # read, not bound
        host = "127.0.0.1"
    return f"{'https' if config.file.http.tls else 'http'}://{host}:{port}"


@click.command()
@click.option("--role", type=click.Choice(keys.ROLES), default=keys.ROLES[0], show_default=True)
@json_option
@pass_farm
def login(farm: Farm, role: str, as_json: bool) -> None:
    """Print a link to the page that logs in once, within the hour."""
    token = farm.store(create=True).run(keys.create_login, role, now())
    url = f"{page_url(farm.config)}/login/{token}"
    if as_json:
        emit({"url": url})
    else:
        say(url)
