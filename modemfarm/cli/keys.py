"""`modemfarm keys`: who may use the HTTP API."""

from __future__ import annotations

import click

from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import CliError, Exit, NotThereError
from modemfarm.cli.output import emit, json_option, local, say, sentence, table, tell
from modemfarm.model import millionths
from modemfarm.store import keys as store_keys
from modemfarm.store.counters import day_start

_COLUMNS = (
    ("id", "id"),
    ("name", "name"),
    ("scopes", "scopes"),
    ("created", "created"),
    ("used", "last_used"),
    ("revoked", "revoked"),
    ("today", "today"),
)


def _rate(typed: str | None) -> int | None:
    """The number in ``60/min``."""
    if typed is None:
        return None
    number = typed.removesuffix("/min")
    if not number.isascii() or not number.isdigit() or not 1 <= int(number[:9]) <= 1_000_000:
        raise CliError(sentence("refusal.rate_form"), Exit.USAGE)
    return int(number)


@click.group()
def keys() -> None:
    """Make, list or revoke API keys."""


@keys.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(store_keys.SCOPES), help="All when none is named.")
@click.option("--parts-per-day", "parts", type=click.IntRange(min=1), help="The most parts taken in with it a day.")
@click.option("--cost-per-day", "cost", type=click.FloatRange(0, min_open=True), help="The most that they may cost.")
@click.option("--rate", metavar="N/min", help="The most requests a minute.")
@click.option("--sims", metavar="SIM|TAG", help="Its messages go from these only; scopes must be named.")
@json_option
@pass_farm
def create(
    farm: Farm,
    name: str,
    scopes: tuple[str, ...],
    parts: int | None,
    cost: float | None,
    rate: str | None,
    sims: str | None,
    as_json: bool,
) -> None:
    """Make a key; it is shown this once."""
    most = None if cost is None else millionths(cost)
    if most is not None:
        found = farm.config.terms.currencies
        if found is None:
            raise CliError(sentence("refusal.no_price"), Exit.USAGE)
        if len(found) > 1:
            raise CliError(sentence("refusal.many_currencies", names=", ".join(found)), Exit.USAGE)
    try:
        key = farm.store(create=True).run(
            store_keys.create_key, name, scopes, now(), parts, most, "cli", _rate(rate), sims
        )
    except ValueError as error:
        raise CliError(str(error), Exit.USAGE) from None
    if as_json:
        emit({"key": key})
    else:
        say(key)


@keys.command("list")
@json_option
@pass_farm
def list_(farm: Farm, as_json: bool) -> None:
    """List every key ever made, without its secret."""
    day = day_start(farm.config.ceiling.days, now())
    found = farm.store().look(store_keys.list_keys, day)
    if as_json:
        emit({"data": found, "next": None})
        return
    rows = [
        {
            **item,
            "created": local(item["created_at"]),
            "used": local(item["used_at"]),
            "revoked": local(item["revoked_at"]),
            "today": ", ".join(
                f"{item['used'][what]:g}/{most:g} {what}" for what, most in item["limits"].items() if most is not None
            ),
        }
        for item in found
    ]
    table(_COLUMNS, rows, wide="scopes")


@keys.command()
@click.argument("name", metavar="NAME|ID")
@json_option
@pass_farm
def revoke(farm: Farm, name: str, as_json: bool) -> None:
    """Switch a key off, at once and for good."""
    count = farm.store().run(store_keys.revoke_key, name, now())
    if not count:
        raise NotThereError(sentence("refusal.no_key", name=name))
    if as_json:
        emit({"revoked": count})
    else:
        tell("said.keys_revoked", n=count)
