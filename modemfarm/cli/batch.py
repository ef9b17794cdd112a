"""`modemfarm batch`: many messages from one file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from modemfarm.cli import batch_away
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import emit, fault_of, json_option, note, sentence, tell, words
from modemfarm.cli.send import span
from modemfarm.config.load import local_zone
from modemfarm.intake.ahead import WORTH_OCTETS
from modemfarm.intake.bulk import Bulk
from modemfarm.intake.mapping import parse_map
from modemfarm.intake.people import filler
from modemfarm.intake.rows import Known, Row, RowError, at_least_one, read_rows
from modemfarm.intake.sheets import write_rejected
from modemfarm.intake.values import parse_moment
from modemfarm.model import MessageClass
from modemfarm.store import batches
from modemfarm.store.engine import Store
from modemfarm.store.sims import is_known
from modemfarm.store.wake import wake

# reasons of policy; every other one is a fault of the row
POLICY = frozenset({"opted_out", "profile", "consent_missing", "frequency_cap", "quiet_hours"})


@click.command()
@click.argument("file", metavar="FILE|-", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--format", "kind", type=click.Choice(["csv", "ndjson"]), help="Found out when not given.")
@click.option("--encoding", help="Found out when not given; like utf-8, gb18030, cp1251.")
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="FIELD=COLUMN,…",
    help="Which column is which: to=客户电话,text=内容; to=#1 in a file without a header line.",
)
@click.option("--template", help='The text of every row, filled from its columns: "您好{name}".')
@click.option("--class", "message_class", type=click.Choice([item.value for item in MessageClass]))
@click.option("--purpose", help="What consent it rests on.")
@click.option("--from", "pinned", help="The SIM: ICCID, label, number or tag.")
@click.option("--send-at", metavar="TIME", help="Not before; like 2026-03-01T09:30+08:00.")
@click.option("--valid-for", metavar="SPAN", callback=span, help="How long each may wait; like 48h.")
@click.option("--priority", type=click.IntRange(0, 9))
@click.option("--reference", help="Your own words, for every row without its own.")
@click.option("--flash", is_flag=True, default=None)
@click.option("--report/--no-report", default=None, help="Whether to ask for delivery reports.")
@click.option("--resend-unknown", is_flag=True, default=None)
@click.option(
    "--store-text/--no-store-text", default=None, help="Whether texts are kept once they are not needed any more."
)
@click.option("--dry-run", is_flag=True, help="Say what would happen, what it costs and when it ends; send nothing.")
@click.option("--again", is_flag=True, help="Send a file once more that was sent within 24 h.")
@json_option
@pass_farm
def batch(
    farm: Farm,
    /,
    *,
    file: Path,
    kind: str | None,
    encoding: str | None,
    columns: tuple[str, ...],
    template: str | None,
    send_at: str | None,
    dry_run: bool,
    again: bool,
    as_json: bool,
    **fields: str | int | bool | timedelta | None,
) -> int:
    """Send many messages from a CSV file with a header line, or from a JSON object a line.

    Columns: to, text and the flags' names, also as 手机号 内容 or телефон текст; any other one fills the template.
    --map says which column is which where they are called otherwise.
    What is written in a row wins over the flags. The same file within 24 h goes on where it was broken off.
    Rejected rows go to FILE.rejected.csv. --json prints {"id", "accepted", "rejected"}.
    """
    mapped = parse_map(columns)
    octets = _read(file)
    remote = farm.remote()
    if remote:
        given = {"kind": kind, "encoding": encoding, "template": template, "send_at": send_at, **fields}
        given["map"] = None if mapped is None else mapped.canonical
        zone = ZoneInfo(local_zone(farm.environ))
        codes = batch_away.take(remote, file, octets, given, zone, again=again, dry_run=dry_run, as_json=as_json)
        return Exit.REFUSED if codes & POLICY else Exit.USAGE if codes else Exit.DONE
    defaults: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    zone = ZoneInfo(farm.config.zone)
    if send_at is not None:
        try:
            defaults["send_at"] = parse_moment(send_at, zone)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--send-at") from None

    known = None if template is None else _contacts(farm)

    def rows() -> Iterator[Row]:
        return at_least_one(
            read_rows(
                octets,
                format=kind,
                encoding=encoding,
                template=template,
                defaults=defaults,
                zone=zone,
                known=known,
                columns=mapped,
            )
        )

    if dry_run:
        from modemfarm.cli.batch_preview import foresee, tell_sums, tell_warned  # noqa: PLC0415 # a farm to play with takes time to import

        seen, document = foresee(farm, rows())
        if as_json:
            emit(document)
        else:
            tell_sums(document)
            tell_warned(document, words(farm.environ))
        _note_rejected(seen.rejected)
        return _exit(seen.rejected)
    read = rows()  # a file that cannot be read makes no database
    store = farm.store(create=True)
    _warn(farm, store, fields["pinned"])
    rejected: dict[int, RowError] = {}
    with (
        _told_if_stopped(again=again),
        _progress(octets.count(b"\n"), shown=sys.stderr.isatty() and not as_json) as advance,
    ):

        def through(count: int) -> None:
            wake(farm.config.state_dir)
            advance(count)

        bulk = Bulk(
            store.run,
            farm.config.intake,
            now,
            rejected=lambda error: rejected.__setitem__(error.row, error),
            progress=through,
            beside=known is None and len(octets) >= WORTH_OCTETS and len(os.sched_getaffinity(0)) > 1,
        )
        more = {} if mapped is None else {"map": mapped.canonical}
        asked = json.dumps(
            [template, kind, encoding, {**fields, "send_at": send_at, **more}], default=str, sort_keys=True
        )
        print_ = hashlib.sha256(asked.encode() + b"\n" + octets).hexdigest()
        report = bulk.take(read, name="stdin" if str(file) == "-" else file.name, fingerprint=print_, again=again)
    for row in store.look(batches.errors, report.batch_id, 2**31):  # also those of a run that was broken off
        rejected.setdefault(row["row"], RowError(row["row"], "", row["code"], row["detail"]))
    if as_json:
        emit({"id": report.batch_id, "accepted": report.accepted, "rejected": report.rejected})
    if report.replayed:
        raise CliError(sentence("refusal.sent_before", id=report.batch_id), Exit.USAGE)
    if not as_json:
        tell("said.batch", id=report.batch_id, accepted=report.accepted, rejected=report.rejected)
    if rejected:
        _tell_rejected(file, rejected, rows)
    farm.committed(store)
    return _exit(rejected)


def _warn(farm: Farm, store: Store, asked_for: object) -> None:
    """Say so where no SIM is called what all rows ask for."""
    if isinstance(asked_for, str) and not store.look(is_known, farm.config.terms, asked_for):
        note(sentence("warning.sim_unknown"))


def _contacts(farm: Farm) -> Known | None:
    """What fills a template where a row has nothing; None where there is no database yet."""
    store = Store(farm.config.database, farm.config.state_dir)
    return filler(farm.store().look, farm.config.intake) if store.exists() else None


def _exit(rejected: dict[int, RowError]) -> Exit:
    if any(error.code in POLICY for error in rejected.values()):
        return Exit.REFUSED
    return Exit.USAGE if rejected else Exit.DONE


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        what = sentence("refusal.file_unread", file=file, what=error.strerror)
        raise click.BadParameter(what, param_hint="FILE") from None


def _tell_rejected(file: Path, rejected: dict[int, RowError], rows: Callable[[], Iterator[Row]]) -> None:
    """Write the rejected rows beside the input, with their cells as they were; on stderr where that cannot be."""
    target = Path(f"{file}.rejected.csv")
    if str(file) != "-":
        try:
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError as error:
            note(sentence("refusal.not_written", file=target, what=error.strerror))
        else:
            with os.fdopen(handle, "w", encoding="utf-8-sig", errors="backslashreplace", newline="") as out:
                write_rejected(out, rejected, rows())
            note(sentence("said.rejected_rows", file=target))
            return
    _note_rejected(rejected)


def _note_rejected(rejected: dict[int, RowError]) -> None:
    for number in sorted(rejected):
        fault = rejected[number]
        what = f"{fault.column + ': ' if fault.column else ''}{fault.code}: {fault_of(fault.code, fault.detail)}"
        note(sentence("said.row", n=number, what=what))


@contextlib.contextmanager
def _told_if_stopped(*, again: bool) -> Iterator[None]:
    """Where Ctrl-C ends it, how it goes on."""
    try:
        yield
    except KeyboardInterrupt:
        note(sentence("said.batch_broken_off_again" if again else "said.batch_broken_off"))
        raise


@contextlib.contextmanager
def _progress(total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal's stderr; nothing elsewhere, or without the `progress` extra."""
    try:
        if not shown:
            raise ImportError
        from rich.console import Console  # noqa: PLC0415 # only where there is a terminal to draw on
        from rich.progress import Progress  # noqa: PLC0415
    except ImportError:
        yield lambda _count: None
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(sentence("said.rows"), total=total or None)
        yield lambda count: bar.update(task, completed=count)
