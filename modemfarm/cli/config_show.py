"""`modemfarm config`: the settings and where each came from."""

from __future__ import annotations

import json
from typing import Any

import click

from modemfarm.cli.context import Farm, pass_farm
from modemfarm.cli.output import emit, json_option, table
from modemfarm.config.check import dotted
from modemfarm.config.document import Path_
from modemfarm.config.load import flat

_HIDDEN = "••••"


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
    values = dict(flat(found.file.model_dump(mode="json")))
    settings = {
        dotted(path): {"value": _shown(path, value), "from": found.provenance[dotted(path)]}
        for path, value in values.items()
    }
    if as_json:
        emit({"file": str(found.path), "settings": settings})
        return
    rows = [
        {"key": key, "value": json.dumps(item["value"], ensure_ascii=False), "from": item["from"]}
        for key, item in settings.items()
    ]
    table((("key", "KEY"), ("value", "VALUE"), ("from", "FROM")), rows, wide="value")


def _shown(path: Path_, value: Any) -> Any:
    if value is None or value == {}:
        return value
    if path[-1] in {"pin", "secret"} or "pins" in path:
        return _HIDDEN
    if path == ("database",) and "@" in value:
        scheme, _, rest = value.partition("://")
        person, _, place = rest.rpartition("@")
        name, colon, _ = person.partition(":")
        return f"{scheme}://{name}{colon and ':' + _HIDDEN}@{place}"
    return value
