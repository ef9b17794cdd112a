"""`modemfarm suppress import|export|review`: whole lists of people, and replies that somebody must decide on."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from modemfarm.cli import away
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import NotThereError
from modemfarm.cli.output import emit, fault_of, json_option, local, sentence, table, tell
from modemfarm.cli.policy import user
from modemfarm.errors import BadRecipientError, ModemfarmError
from modemfarm.intake.columns import column_of
from modemfarm.intake.encodings import decode_rows
from modemfarm.intake.sheets import harmless
from modemfarm.policy.numbers import parse_recipient
from modemfarm.store import audit, reviews, suppress, views
from modemfarm.store.engine import Store, Tx
from modemfarm.store.shapes import rfc3339

_CHUNK = 500  # numbers a transaction
_PAGE = 1000
_FIELDS = ("number", "since", "source", "keyword")
_COLUMNS = (("number", "number"), ("since", "since"), ("keyword", "keyword"), ("inbound_id", "id"), ("text", "text"))


def number_of(farm: Farm, raw: str) -> str:
    """A number as messages have it.

    Raises:
        BadRecipientError
    """
    intake = farm.config.intake
    return parse_recipient(
        raw, country=intake.country, allow_countries="all", short_codes=intake.short_codes, allow_fixed=True
    ).number


def all_suppressed(store: Store) -> Iterator[dict[str, object]]:
    """Every standing opt-out, by number."""
    cursor: str | None = None
    while True:
        page = store.look(lambda tx, after: views.suppressed(tx, cursor=after, limit=_PAGE), cursor)
        yield from page["data"]
        cursor = page["next"]
        if cursor is None:
            return


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--encoding", metavar="NAME", help="Of the file; found out when not given.")
@json_option
@pass_farm
def import_(farm: Farm, file: Path, encoding: str | None, as_json: bool) -> None:
    """Add the numbers of a list; none is ever lifted by it.

    FILE has a number a line, or CSV with a column of them; "-" is standard input.
    """
    octets = sys.stdin.buffer.read() if str(file) == "-" else _octets(file)
    remote = farm.remote()
    if remote:
        _imported(away.import_numbers(remote, list(_numbers(octets, encoding))), as_json=as_json)
        return
    numbers: list[str] = []
    rejected: list[dict[str, Any]] = []
    for row, raw in _numbers(octets, encoding):
        try:
            numbers.append(number_of(farm, raw))
        except BadRecipientError as error:
            rejected.append({"row": row, "code": error.code, "detail": str(error)})
    store = farm.store(create=True)
    wanted = list(dict.fromkeys(numbers))
    added = canceled = 0
    for start in range(0, len(wanted), _CHUNK):
        new, taken_back = store.run(_add, wanted[start : start + _CHUNK], farm.config.intake.exempt)
        added, canceled = added + new, canceled + taken_back
    who = user()
    store.run(lambda tx: audit.note(tx, who, "suppressions.imported", now(), count=added, canceled=canceled))
    farm.committed(store)
    done = {"added": added, "known": len(wanted) - added, "canceled": canceled, "rejected": rejected}
    _imported(done, as_json=as_json)


def _imported(done: dict[str, Any], *, as_json: bool) -> None:
    rejected = done["rejected"]
    if as_json:
        emit(done)
    else:
        counts = {"added": done["added"], "known": done["known"], "n": done["canceled"], "rejected": len(rejected)}
        tell("said.list_taken", **counts)
        for fault in rejected:
            tell("said.row", n=fault["row"], what=fault_of(fault["code"], fault["detail"]))
    if rejected:
        raise click.exceptions.Exit(2)


def _octets(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}") from None


def _add(tx: Tx, numbers: list[str], exempt: tuple[str, ...]) -> tuple[int, int]:
    return suppress.add_all(tx, numbers, now(), exempt=exempt, actor=user())


def _numbers(octets: bytes, encoding: str | None) -> Iterator[tuple[int, str]]:
    """Row and text of each number: of the column that a header names, else the first."""
    try:
        text = decode_rows(octets, encoding, ("number", "phone", "手机号", "телефон"))
    except (LookupError, UnicodeError, ModemfarmError) as error:
        raise click.BadParameter(str(error)) from None
    lines = text.splitlines()
    separator = next((sign for sign in ("\t", ";", ",") if lines and sign in lines[0]), ",")
    at = 0
    for row, cells in enumerate(csv.reader(lines, delimiter=separator), 1):
        if row == 1:
            named = [place for place, cell in enumerate(cells) if column_of(cell) == "to" or cell.strip() == "number"]
            if named:
                at = named[0]
                continue
        if len(cells) > at and cells[at].strip():
            yield row, cells[at]


@click.command()
@json_option
@pass_farm
def export(farm: Farm, as_json: bool) -> None:
    """Write the numbers that get nothing more, as CSV; `suppress import` reads it.

    --json prints a JSON document a line instead.
    """
    remote = farm.remote()
    found = away.pages(remote, "/suppressions") if remote else all_suppressed(farm.store())
    if as_json:
        for item in found:
            emit(item)
        return
    writer = csv.DictWriter(sys.stdout, _FIELDS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: harmless(str(item[name] or "")) for name in _FIELDS} for item in found)


@click.group()
def review() -> None:
    """Decide on replies that may have been refusals."""


@review.command("list")
@json_option
@pass_farm
def list_(farm: Farm, as_json: bool) -> None:
    """List the people whose replies wait for a decision, oldest first."""
    remote = farm.remote()
    if remote:
        rows = remote.get("/reviews")["data"]
    else:
        rows = [{**row, "since": rfc3339(row["since"])} for row in farm.store().look(reviews.listed)]
    if as_json:
        emit({"data": rows, "next": None})
        return
    table(_COLUMNS, [{**row, "since": local(str(row["since"]))} for row in rows])


@review.command()
@click.argument("number")
@json_option
@pass_farm
def confirm(farm: Farm, number: str, as_json: bool) -> None:
    """It was a refusal: nothing more goes to this number."""
    _decide(farm, number, "opted_out", as_json=as_json)


@review.command()
@click.argument("number")
@json_option
@pass_farm
def dismiss(farm: Farm, number: str, as_json: bool) -> None:
    """It was none: what was held for this number goes on."""
    _decide(farm, number, "dismissed", as_json=as_json)


def _decide(farm: Farm, raw: str, decision: reviews.Decision, *, as_json: bool) -> None:
    remote = farm.remote()
    if remote:
        number = remote.post(f"/reviews/{quote(raw)}", {"decision": decision})["number"]
    else:
        number = _decide_here(farm, raw, decision)
    if as_json:
        emit({"number": number, "decision": decision})
    else:
        tell("said.review_out" if decision == "opted_out" else "said.goes_on", number=number)


def _decide_here(farm: Farm, raw: str, decision: reviews.Decision) -> str:
    exact: str | None
    try:
        exact = number_of(farm, raw)
    except BadRecipientError:
        exact = None
    store = farm.store()
    number = store.look(reviews.meant, raw, exact)
    if number is None or not store.run(reviews.settle, number, decision, now(), user(), farm.config.intake.exempt):
        raise NotThereError(sentence("refusal.no_review", number=exact or raw))
    farm.committed(store)
    return number
