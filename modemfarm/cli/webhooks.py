"""`modemfarm webhooks`: who is told what happens."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network

import click

from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import NotThereError
from modemfarm.cli.output import emit, json_option, local, say, sentence, table
from modemfarm.cli.policy import user
from modemfarm.store import outbox
from modemfarm.store import webhooks as registry

_COLUMNS = (
    ("id", "id"),
    ("url", "address"),
    ("source", "from"),
    ("state", "state"),
    ("waiting", "wait"),
    ("last", "last"),
    ("last_answer", "answer"),
)


@click.group()
def webhooks() -> None:
    """Say which addresses are told what happens."""


@webhooks.command()
@click.argument("url")
@click.option("--event", "events", multiple=True, type=click.Choice(registry.TYPES), help="All when none is named.")
@click.option("--secret", help="whsec_…; a new one is made by default.")
@json_option
@pass_farm
def add(farm: Farm, url: str, events: tuple[str, ...], secret: str | None, as_json: bool) -> None:
    """Add an address; its secret is shown this once."""
    secret = secret or registry.new_secret()
    try:
        store = farm.store(create=True)
        networks = [ip_network(text) for text in farm.config.file.webhook_networks]
        told = (url, events, secret, now())
        hook_id = store.run(lambda tx: registry.enter(tx, store.secret, *told, who=f"cli {user()}", networks=networks))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        emit({"id": hook_id, "secret": secret})
    else:
        say(f"{hook_id}  {secret}")


@webhooks.command("list")
@json_option
@pass_farm
def list_(farm: Farm, as_json: bool) -> None:
    """List the addresses and how the last call went."""
    found = farm.store().look(registry.document)
    if as_json:
        emit({"data": found, "next": None})
        return
    rows = [
        {**item, "state": item["disabled"] or sentence("cell.on"), "last": local(item["last_at"])} for item in found
    ]
    table(_COLUMNS, rows)


@webhooks.command()
@click.argument("hook", type=int)
@pass_farm
def test(farm: Farm, hook: int) -> None:
    """Have an address called with a test event."""
    _known(farm, hook)
    farm.store().run(outbox.test, hook, now())


@webhooks.command()
@click.argument("hook", type=int)
@click.option("--hours", type=click.IntRange(1, 168), default=24, show_default=True, help="How far back.")
@json_option
@pass_farm
def replay(farm: Farm, hook: int, hours: int, as_json: bool) -> None:
    """Tell an address again what it was told, under the same ids."""
    _known(farm, hook)
    count = farm.store().run(outbox.replay, hook, now() - timedelta(hours=hours), now())
    if as_json:
        emit({"calls": count})
    else:
        say(str(count))


@webhooks.command()
@click.argument("hook", type=int)
@pass_farm
def remove(farm: Farm, hook: int) -> None:
    """Remove an address, and what it was not told yet."""
    if _known(farm, hook).source == registry.CONFIGURED:
        raise click.UsageError(sentence("refusal.in_config"))
    farm.store().run(registry.remove, hook, now(), f"cli {user()}")


@webhooks.command()
@click.argument("hook", type=int)
@pass_farm
def enable(farm: Farm, hook: int) -> None:
    """Tell an address again that answered with 410, beginning with what waits."""
    _known(farm, hook)
    farm.store().run(registry.enable, hook, now(), f"cli {user()}")


def _known(farm: Farm, hook: int) -> registry.Hook:
    found = farm.store().look(registry.one, hook)
    if found is None:
        raise NotThereError(sentence("refusal.no_webhook", id=hook))
    return found
