"""`modemfarm contacts`: the people whom you write to."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import click

from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import CliError, Exit, NotThereError
from modemfarm.cli.output import emit, fault_of, json_option, note, record, sentence, table, tell
from modemfarm.cli.policy import user
from modemfarm.cli.suppress_lists import number_of
from modemfarm.errors import BadFieldError
from modemfarm.intake import people
from modemfarm.store import audit, erasing
from modemfarm.store import contacts as kept
from modemfarm.store.engine import checkpoint

_COLUMNS = (("number", "number"), ("name", "name"), ("zone", "zone"), ("language", "language"), ("attributes", "more"))
_name = click.option("--name", help="As you greet the person; fills {name} of templates.")
_zone = click.option("--zone", metavar="Z", help="The person's own time zone, like Europe/Paris; for quiet hours.")
_language = click.option("--language", metavar="L", help="Like zh.")


@click.group()
def contacts() -> None:
    """Keep the people you write to; import, export, forget them."""


@contacts.command()
@click.argument("number")
@click.argument("attributes", metavar="[KEY=VALUE…]", nargs=-1)
@_name
@_zone
@_language
@json_option
@pass_farm
def add(farm: Farm, /, number: str, attributes: tuple[str, ...], as_json: bool, **told: str | None) -> None:
    """Write a person down, with anything that templates may be filled from."""
    _put(farm, number, attributes, told, new=True, as_json=as_json)


@contacts.command("set")
@click.argument("number")
@click.argument("attributes", metavar="[KEY=VALUE…]", nargs=-1)
@_name
@_zone
@_language
@json_option
@pass_farm
def set_(farm: Farm, /, number: str, attributes: tuple[str, ...], as_json: bool, **told: str | None) -> None:
    """Change what is known of a person; an empty value takes it away."""
    _put(farm, number, attributes, told, new=False, as_json=as_json)


def _put(
    farm: Farm, number: str, pairs: tuple[str, ...], told: dict[str, str | None], *, new: bool, as_json: bool
) -> None:
    attributes: dict[str, str] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key.strip():
            raise click.UsageError(sentence("refusal.key_value", given=repr(pair)))
        attributes[key.strip()] = value
    contact = people.checked(number, farm.config.intake, attributes=attributes, **told)
    store = farm.store(create=True)
    if not new and store.look(kept.one, contact.number) is None:
        raise NotThereError(sentence("refusal.no_contact", number=contact.number))
    store.run(people.add, contact, "cli", now())
    row = store.look(kept.one, contact.number)
    assert row is not None
    if as_json:
        emit(kept.document(row))
    else:
        tell("said.kept", number=contact.number)


@contacts.command("list")
@click.argument("search", required=False, default="")
@json_option
@pass_farm
def list_(farm: Farm, search: str, as_json: bool) -> None:
    """List people, or those with SEARCH in number or name."""
    store = farm.store()
    found = [kept.document(row) for row in store.look(kept.listed, "", 2**31, search)]
    if as_json:
        emit({"data": found, "next": None})
        return
    table(_COLUMNS, found, wide="attributes")


@contacts.command()
@click.argument("number")
@json_option
@pass_farm
def show(farm: Farm, number: str, as_json: bool) -> None:
    """Show what is known of a person."""
    wanted = number_of(farm, number)
    row = farm.store().look(kept.one, wanted)
    if row is None:
        raise NotThereError(sentence("refusal.no_contact", number=wanted))
    if as_json:
        emit(kept.document(row))
    else:
        record(kept.document(row))


@contacts.command("import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--encoding", metavar="NAME", help="Of the file; found out when not given.")
@json_option
@pass_farm
def import_(farm: Farm, file: Path, encoding: str | None, as_json: bool) -> int:
    """Add the people of a CSV file, or what is new about them.

    FILE is read as `batch` reads its own: a column with numbers (手机号, телефон), name, zone and language by their
    names; every other column is kept as an attribute. "-" is standard input.
    """
    try:
        octets = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}") from None
    try:
        found = people.read(octets, farm.config.intake, encoding)
    except BadFieldError as error:
        raise click.BadParameter(str(error)) from None
    done = people.take(farm.store(create=True).run, found, now())
    if as_json:
        faults = [{"row": fault.row, "code": fault.code, "detail": fault.detail} for fault in done.rejected]
        emit({"added": done.added, "known": done.known, "rejected": faults})
    else:
        tell("said.taken", added=done.added, known=done.known, rejected=len(done.rejected))
        for fault in done.rejected:
            note(sentence("said.row", n=fault.row, what=fault_of(fault.code, fault.detail)))
    return Exit.USAGE if done.rejected else Exit.DONE


@contacts.command()
@json_option
@pass_farm
def export(farm: Farm, as_json: bool) -> None:
    """Write all people as CSV; `contacts import` reads it. --json prints a JSON document a line instead."""
    store = farm.store()
    store.run(lambda tx: audit.note(tx, f"cli {user()}", "contacts.exported", now()))
    found = list(kept.everybody(store.look))
    if as_json:
        for item in found:
            emit(item)
        return
    csv.writer(sys.stdout, lineterminator="\n").writerows(people.table(found))


@contacts.command()
@click.argument("number")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@json_option
@pass_farm
def forget(farm: Farm, number: str, yes: bool, as_json: bool) -> None:
    """Erase a person: contact, texts, replies, consent; waiting messages are cancelled.

    What stays is a keyed hash that still stops messages to the number and a later import of it, and rows without
    number or text for the counts. `suppress remove` lifts it.
    """
    wanted = number_of(farm, number)
    if not yes:
        if as_json:
            raise click.UsageError(sentence("refusal.json_yes"))
        if not click.confirm(sentence("question.forget", number=wanted), err=True):
            raise CliError(sentence("refusal.nothing_erased"), Exit.FAILED)
    store = farm.store()
    done = erasing.forget(store.run, wanted, now(), f"cli {user()}")
    farm.committed(store)
    checkpoint(store)
    told: dict[str, Any] = {"canceled": done.canceled, "messages": done.messages, "replies": done.replies}
    if as_json:
        emit({"number": wanted, **told, "moving": done.moving})
        return
    tell("said.erased", number=wanted, messages=done.messages, replies=done.replies, n=done.canceled)
    if done.moving:
        note(sentence("said.erased_later", n=done.moving))
    note(sentence("said.not_searched"))
