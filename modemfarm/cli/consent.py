"""`modemfarm consent`: who agreed to offers, with the proof."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from modemfarm.cli import consent_away
from modemfarm.cli.complaints import complaint, complaints
from modemfarm.cli.consent_lists import import_, word
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import emit, json_option, record, say, sentence, tell, words
from modemfarm.cli.policy import user
from modemfarm.config.load import local_zone
from modemfarm.errors import BadFieldError
from modemfarm.intake import agreed
from modemfarm.intake.values import parse_moment
from modemfarm.policy.consent import GENERAL, METHODS, faults, head_of, standing
from modemfarm.policy.numbers import parse_recipient
from modemfarm.store import consents, withdrawing

_KEPT_AS = {"source": "source_url_or_form_id", "evidence": "evidence_sha256", "frequency": "stated_frequency"}
_ALWAYS = ("source", "evidence")

_purpose = click.option("--purpose", "purposes", multiple=True, help="What for; all offers when none is named.")


@click.group()
def consent() -> None:
    """Keep, show and prove who agreed to offers."""


def _number(farm: Farm, raw: str) -> str:
    intake = farm.config.intake
    return parse_recipient(raw, country=intake.country, allow_countries="all", allow_fixed=True).number


@consent.command()
@click.argument("numbers", metavar="NUMBER…", nargs=-1, required=True)
@_purpose
@click.option("--method", type=click.Choice(METHODS), required=True, help="How the person agreed.")
@click.option("--wording", required=True, help="The exact words that the person agreed to.")
@click.option("--source", help="Where: a form's address or number.")
@click.option("--evidence", help="SHA-256 of a file that proves it.")
@click.option("--wording-version", help="Which version of the words it was.")
@click.option("--language", help="Of the words.")
@click.option("--frequency", help="How often the person was told that offers come.")
@click.option("--captured-at", metavar="TIME", help="When the person agreed; now when not given.")
@click.option("--expires-at", metavar="TIME", help="When it ends; never when not given.")
@click.option("--ip", help="Where the person's browser was, for method web.")
@click.option("--user-agent", help="What browser it was.")
@json_option
@pass_farm
def grant(
    farm: Farm, /, *, numbers: tuple[str, ...], purposes: tuple[str, ...], wording: str, as_json: bool, **proof: Any
) -> None:
    """Write down that people agreed to offers."""
    remote = farm.remote()
    for name in ("captured_at", "expires_at"):
        proof[name] = _moment(name, proof[name], ZoneInfo(local_zone(farm.environ) if remote else farm.config.zone))
    if remote:
        body = {**proof, "wording": wording, "purpose": list(purposes) or None}
        done = consent_away.grant(remote, numbers, body)
    else:
        done = _granted(farm, numbers, purposes or (GENERAL,), {**proof, "exact_wording": wording})
    if as_json:
        emit({"data": done})
        return
    said = words(farm.environ)
    for item in done:
        say(said.say("way.consent_written", item))


def _moment(name: str, raw: str | None, zone: tzinfo) -> datetime | None:
    try:
        return None if raw is None else parse_moment(raw, zone)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=f"--{name.replace('_', '-')}") from None


def _granted(
    farm: Farm, numbers: Sequence[str], purposes: tuple[str, ...], given: Mapping[str, Any]
) -> list[dict[str, Any]]:
    wanted = [_number(farm, raw) for raw in numbers]
    about = {_KEPT_AS.get(name, name): value for name, value in given.items() if name in _ALWAYS or value is not None}
    about |= {name: value.isoformat() for name, value in about.items() if isinstance(value, datetime)}
    about["actor"] = user()
    store = farm.store(create=True)
    try:
        return [
            {"number": number, "seq": store.run(agreed.grant, number, purposes, about, farm.config.intake, now())}
            for number in wanted
        ]
    except BadFieldError as error:
        raise click.BadParameter(str(error)) from None


@consent.command()
@click.argument("number")
@_purpose
@click.option("--via", default="counter", show_default=True, help="How the person said it.")
@json_option
@pass_farm
def revoke(farm: Farm, number: str, purposes: tuple[str, ...], via: str, as_json: bool) -> None:
    """Write down that a person takes it back, and cancel the offers that rest on it."""
    remote = farm.remote()
    if remote:
        done = consent_away.revoke(remote, number, purposes, via)
        wanted, canceled = done["number"], done["canceled"]
    else:
        wanted, who = _number(farm, number), user()
        canceled = farm.store(create=True).run(
            lambda tx: withdrawing.revoke(tx, wanted, purposes or (GENERAL,), via, now(), actor=who)
        )
    if as_json:
        emit({"number": wanted, "canceled": canceled})
    else:
        tell("said.canceled", number=wanted, n=canceled)


@consent.command()
@click.argument("number")
@json_option
@pass_farm
def show(farm: Farm, number: str, as_json: bool) -> None:
    """Show what a person agreed to, and took back."""
    remote = farm.remote()
    if remote:
        found = consent_away.records(remote, number)
    else:
        found = farm.store().look(consents.records, _number(farm, number))
    amounts = standing(found).told(now())
    if as_json:
        emit({"data": found, **amounts})
        return
    say("  ".join(f"{name}: {', '.join(map(str, value)) or '-'}" for name, value in amounts.items()))
    for item in found:
        record(item)
        say("")


@consent.command()
@pass_farm
def export(farm: Farm) -> None:
    """Print the whole ledger, a JSON document a line; `consent verify` reads it anywhere."""
    remote = farm.remote()
    if remote:
        for line in consent_away.ledger(remote):
            say(line)
        return
    for row in farm.store().look(lambda tx: list(consents.ledger(tx))):
        emit(row)


@consent.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--head", metavar="SEQ:CHAIN", help="What an earlier look printed: nothing up to it may be missing.")
@json_option
@pass_farm
def verify(farm: Farm, file: Path | None, head: str | None, as_json: bool) -> None:
    """Check that no row of an exported FILE, or of the database, was changed, left out or put in.

    Note the head that it prints elsewhere: only with it shows that the last rows were cut off, or all written anew.
    """
    remote = farm.remote() if file is None else None
    if remote:
        told = consent_away.verify(remote, head)
        _verified(told["rows"], told["head"], told["faults"], as_json=as_json)
        return
    if file is None:
        rows = farm.store().look(lambda tx: list(consents.ledger(tx)))
    else:
        try:
            rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        except ValueError as error:
            raise CliError(sentence("refusal.no_ledger", file=file, what=error), Exit.USAGE) from None
    found = faults(rows, head)
    _verified(len(rows), head_of(rows[-1]) if rows else None, found, as_json=as_json)


def _verified(count: int, last: str | None, found: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        emit({"rows": count, "head": last, "faults": list(found)})
    if found:
        raise CliError("; ".join(found[:5]))
    if not as_json:
        tell("said.ledger_head" if last else "said.ledger_whole", n=count, head=last)


for _command in (import_, word, complaint, complaints):
    consent.add_command(_command)
