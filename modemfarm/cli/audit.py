"""`modemfarm audit`: who did what."""

from __future__ import annotations

import json

import click

from modemfarm.cli.context import Farm, pass_farm
from modemfarm.cli.output import emit, json_option, local, table
from modemfarm.store import audit as store_audit
from modemfarm.store.shapes import rfc3339

_COLUMNS = (("at", "at"), ("who", "who"), ("action", "action"), ("subject", "subject"), ("data", "data"))


@click.group()
def audit() -> None:
    """Show who did what."""


@audit.command("list")
@click.option("--most", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many lines.")
@json_option
@pass_farm
def list_(farm: Farm, most: int, as_json: bool) -> None:
    """List the newest lines of the audit, newest first; numbers are masked. The database refuses to change them."""
    rows = [
        {**row, "at": rfc3339(row["at"]), "data": json.loads(row["data"])}
        for row in farm.store().look(store_audit.listed, most)
    ]
    if as_json:
        emit({"data": rows, "next": None})
        return
    table(_COLUMNS, [{**row, "at": local(row["at"])} for row in rows], wide="data")
