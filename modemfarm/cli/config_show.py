"""`modemfarm config`: the settings and where each came from."""

from __future__ import annotations

import json

import click

from modemfarm.cli.context import Farm, pass_farm
from modemfarm.cli.output import emit, json_option, table
from modemfarm.config import showing


@click.group()
def config() -> None:
    """Show the settings and where each came from."""


@config.command()
@json_option
@pass_farm
def show(farm: Farm, as_json: bool) -> None:
    """Print the merged settings with where each came from.

    --json prints {"file", "settings": {KEY: {"value", "from"}}}. PINs, secrets and passwords are not printed.
    """
    found = farm.config
    settings = showing.settings(found)
    if as_json:
        emit({"file": str(found.path), "settings": settings})
        return
    rows = [
        {"key": key, "value": json.dumps(item["value"], ensure_ascii=False), "from": item["from"]}
        for key, item in settings.items()
    ]
    table((("key", "key"), ("value", "value"), ("from", "from")), rows, wide="value")
