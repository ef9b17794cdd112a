"""`modemfarm db`: the database itself."""

from __future__ import annotations

from pathlib import Path

import click

from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import emit, json_option, note, say, sentence, tell
from modemfarm.daemon.lock import StateLock
from modemfarm.errors import DamagedStoreError, StoreError
from modemfarm.store import admin, copying, encrypting, epoch, migrations, moving
from modemfarm.store import faults as logic
from modemfarm.store.disk import is_read_only
from modemfarm.store.engine import Store
from modemfarm.store.migrations import SCHEMA

_key_file = click.option(
    "--key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What closes a backup, and opens it.",
)
_SHORTEST = 8  # octets of what closes a backup


def _secret(key_file: Path | None, *, new: bool) -> bytes:
    """What closes or opens a backup."""
    if key_file is not None:
        secret = key_file.read_bytes()
    else:
        secret = str(
            click.prompt(sentence("question.passphrase"), hide_input=True, confirmation_prompt=new, err=True)
        ).encode()
    if len(secret) < _SHORTEST:
        raise CliError(sentence("refusal.passphrase_short", least=_SHORTEST), Exit.USAGE)
    return secret


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
        tell("said.upgraded" if done else "said.up_to_date", schema=SCHEMA)


@db.command()
@json_option
@pass_farm
def check(farm: Farm, as_json: bool) -> int:
    """Say whether the database is whole, of this version's schema, and without contradictions; exits 1 when it is not.

    --json prints {"schema", "faults"}; each fault begins with the check that found it.
    """
    try:
        store = farm.store()
        faults = [f"damage: {line}" for line in store.look(admin.damage)]
        if not faults:
            faults = [f"{name}: {what}" for name, what in store.look(logic.faults)]
            last, here = epoch.seen(farm.config.state_dir), store.look(epoch.current)
            if here < last:
                faults.append(f"epoch: the database is of epoch {here}, the state directory has seen {last}")
    except DamagedStoreError as error:
        faults = [str(error)]
    if as_json:
        emit({"schema": SCHEMA, "faults": faults})
    else:
        say("\n".join(faults) or sentence("said.whole", schema=SCHEMA))
    return Exit.FAILED if faults else Exit.DONE


@db.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--encrypt", is_flag=True, help="Close it: with --key-file, else with a passphrase that is asked for.")
@_key_file
@json_option
@pass_farm
def backup(farm: Farm, file: Path | None, encrypt: bool, key_file: Path | None, as_json: bool) -> None:
    """Copy the database to FILE (default: a new one in the state directory) while the daemon runs; check it."""
    if key_file is not None and not encrypt:
        raise click.UsageError(sentence("refusal.key_file_alone"))
    state_dir = farm.config.state_dir
    store = farm.store(older_ok=True)
    if file is None:
        folder = state_dir / "backups"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreError(sentence("refusal.cannot_use", path=folder, what=error.strerror)) from error
        end = ".db" if store.sqlite else ".dump"
        file = folder / f"modemfarm-{now():%Y%m%dT%H%M%S}{end}{'.enc' if encrypt else ''}"
    schema = migrations.found(store)
    rows = copying.backup(store, file, _secret(key_file, new=True) if encrypt else None)
    if store.file is None or not is_read_only(store.file):  # there the copy cannot become older than the database
        epoch.remember(state_dir, store.run(epoch.advance))  # put back by hand, the copy is seen to be older
    if as_json:
        emit({"file": str(file), "octets": file.stat().st_size, "rows": rows, "schema": schema})
        return
    told = {"messages": rows["messages"], "replies": rows["inbound"]} if rows else {}
    slug = "said.backed_up_rows" if rows else "said.backed_up"
    tell(slug, file=file, size=f"{file.stat().st_size / 1e6:.1f}", **told)
    if schema < SCHEMA:
        tell("said.backed_up_older", schema=schema, wanted=SCHEMA)
    if encrypt:
        note(sentence("said.keep_passphrase"))
    note(sentence("said.keep_files"))


@db.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_key_file
@json_option
@pass_farm
def restore(farm: Farm, file: Path, key_file: Path | None, as_json: bool) -> None:
    """Put a backup in the database's place; what had not ended in it waits until `modemfarm resume --restored`."""
    secret = _secret(key_file, new=False) if encrypting.is_encrypted(file) else None
    state_dir = farm.config.state_dir
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = StateLock(state_dir)
    try:
        store = Store(farm.config.database, state_dir)
        held, kept = copying.restore(store, file, state_dir, now(), secret)
    finally:
        lock.release()
    if as_json:
        emit({"schema": SCHEMA, "held": held, "replaced": None if kept is None else str(kept)})
        return
    tell("said.is_database" if kept is None else "said.is_database_kept", file=file, kept=kept)
    if held:
        tell("said.restored_held", n=held)
        tell("said.restored_next")


@db.command()
@json_option
@pass_farm
def compact(farm: Farm, as_json: bool) -> None:
    """Rewrite the database without its unused parts, which may still hold what was deleted; no daemon may run."""
    lock = StateLock(farm.config.state_dir)
    try:
        before, after = copying.compact(farm.store())
    finally:
        lock.release()
    if as_json:
        emit({"before": before, "after": after})
    else:
        tell("said.compacted", before=f"{before / 1e6:.1f}", after=f"{after / 1e6:.1f}")


@db.command()
@click.argument("url")
@json_option
@pass_farm
def move(farm: Farm, url: str, as_json: bool) -> None:
    """Move the farm from its SQLite file to the empty PostgreSQL database URL; the daemon must be stopped."""
    state_dir = farm.config.state_dir
    lock = StateLock(state_dir)
    try:
        rows = moving.move(Store(farm.config.database, state_dir), Store(url, state_dir), now())
    finally:
        lock.release()
    if as_json:
        emit({"rows": rows})
        return
    tell("said.moved_rows", rows=sum(rows.values()), n=rows["messages"])
    tell("said.moved_next", url=url)
    note(sentence("said.moved_host"))
