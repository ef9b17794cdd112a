"""`modemfarm db`: the database itself."""

from __future__ import annotations

import click

from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import Exit
from modemfarm.cli.output import emit, json_option, say
from modemfarm.errors import DamagedStoreError
from modemfarm.store import admin, migrations
from modemfarm.store.engine import Store
from modemfarm.store.schema import SCHEMA


@click.group()
def db() -> None:
    """Upgrade or check the database."""


@db.command()
@json_option
@pass_farm
def upgrade(farm: Farm, as_json: bool) -> None:
    """Create the database, or bring it to this version's schema."""
    store = Store(farm.config.database, farm.config.state_dir)
    done = migrations.upgrade(store, now())
    if as_json:
        emit({"schema": SCHEMA, "changed": done})
    else:
        say(f"schema {SCHEMA}: {'upgraded' if done else 'up to date'}")


@db.command()
@json_option
@pass_farm
def check(farm: Farm, as_json: bool) -> int:
    """Say whether the database is whole and of this version's schema; exits 1 when it is damaged."""
    try:
        faults = farm.store().look(admin.damage)
    except DamagedStoreError as error:
        faults = [str(error)]
    if as_json:
        emit({"schema": SCHEMA, "faults": faults})
    else:
        say("\n".join(faults) if faults else f"schema {SCHEMA}: whole")
    return Exit.FAILED if faults else Exit.DONE
