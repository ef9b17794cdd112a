"""`modemfarm db`: the database itself."""

from __future__ import annotations

from pathlib import Path

import click

from modemfarm.cli.context import Farm, note, now, pass_farm
from modemfarm.cli.outcome import Exit
from modemfarm.cli.output import emit, json_option, say
from modemfarm.daemon.lock import StateLock
from modemfarm.errors import DamagedStoreError
from modemfarm.store import admin, copying, epoch, migrations
from modemfarm.store.engine import Store
from modemfarm.store.schema import SCHEMA


@click.group()
def db() -> None:
    """Upgrade, check, copy or put back the database."""


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


@db.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@json_option
@pass_farm
def backup(farm: Farm, file: Path | None, as_json: bool) -> None:
    """Copy the database to FILE (default: a new one in the state directory) while the daemon runs; check it."""
    state_dir = farm.config.state_dir
    store = farm.store()
    if file is None:
        folder = state_dir / "backups"
        folder.mkdir(mode=0o700, exist_ok=True)
        file = folder / f"modemfarm-{now():%Y%m%dT%H%M%S}{'.db' if store.sqlite else '.dump'}"
    rows = copying.backup(store, file)
    epoch.remember(state_dir, store.run(epoch.advance))  # put back by hand, the copy is seen to be older
    if as_json:
        emit({"file": str(file), "octets": file.stat().st_size, "rows": rows})
        return
    told = f", {rows['messages']} messages, {rows['inbound']} replies" if rows else ""
    say(f"{file}: {file.stat().st_size / 1e6:.1f} MB{told}; the copy was opened and is whole")
    note("config.yaml and secret.key in the state directory are not in it: keep them too")


@db.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@pass_farm
def restore(farm: Farm, file: Path, as_json: bool) -> None:
    """Put a backup in the database's place; what had not ended in it waits until `modemfarm resume --restored`."""
    state_dir = farm.config.state_dir
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = StateLock(state_dir)
    try:
        store = Store(farm.config.database, state_dir)
        held, kept = copying.restore(store, file, state_dir, now())
    finally:
        lock.release()
    if as_json:
        emit({"schema": SCHEMA, "held": held, "replaced": None if kept is None else str(kept)})
        return
    say(f"{file} is the database now" + ("" if kept is None else f"; the one before it is {kept}"))
    if held:
        say(f"{held} messages had not ended in it and may have left since: they are held.")
        say("Look at them (`messages list --state held`), cancel what left, then `modemfarm resume --restored`.")
