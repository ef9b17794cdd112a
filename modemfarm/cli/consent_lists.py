"""`modemfarm consent import|word`: whole lists of people who agreed, and the words by which they sign up."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import click

from modemfarm.cli import consent_away
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import NotThereError
from modemfarm.cli.output import emit, fault_of, json_option, sentence, table, tell
from modemfarm.cli.policy import day_option, user
from modemfarm.config.keywords import keywords
from modemfarm.config.load import local_zone
from modemfarm.errors import BadFieldError
from modemfarm.intake import agreed
from modemfarm.policy.consent import GENERAL, METHODS
from modemfarm.policy.optout import verdict
from modemfarm.store import signups


def _octets(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}") from None


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--method", type=click.Choice(METHODS), help="How these people agreed.")
@click.option("--wording", help="The exact words that they agreed to.")
@click.option("--since", metavar="DAY", callback=day_option, help="The first day on which they did; like 2026-01-31.")
@click.option("--until", metavar="DAY", callback=day_option, help="The last one.")
@click.option("--purpose", "purposes", multiple=True, help="What for; all offers when none is named.")
@click.option("--source", help="Where: a form's address or number.")
@click.option("--encoding", metavar="NAME", help="Of the file; found out when not given.")
@json_option
@pass_farm
def import_(
    farm: Farm,
    /,
    *,
    file: Path,
    method: str | None,
    wording: str | None,
    since: str | None,
    until: str | None,
    purposes: tuple[str, ...],
    source: str | None,
    encoding: str | None,
    as_json: bool,
) -> None:
    """Take in a list of people who agreed, CSV or a JSON object a line; "-" is standard input.

    With --method, --wording, --since and --until you vouch for them, and they count at once; columns `method wording
    captured_at purpose source` say it row by row. Whoever nobody vouches for is asked by one message first.
    """
    octets = _octets(file)
    remote = farm.remote()
    if remote:
        here = ZoneInfo(local_zone(farm.environ))
        given = {"method": method, "wording": wording, "purpose": list(purposes) or None, "source": source}
        given |= {"encoding": encoding, "since": None if since is None else _midnight(since, here).isoformat()}
        given |= {"until": None if until is None else (_midnight(until, here) + timedelta(days=1)).isoformat()}
        _imported(consent_away.import_(remote, octets, **given), as_json=as_json)
        return
    zone = ZoneInfo(farm.config.zone)
    vouched = agreed.Vouched(
        actor=user(),
        sha256=hashlib.sha256(octets).hexdigest(),
        method=method,
        wording=wording,
        since=None if since is None else _midnight(since, zone),
        until=None if until is None else _midnight(until, zone) + timedelta(days=1),
        purposes=purposes or (GENERAL,),
        source=source,
    )
    store = farm.store(create=True)
    answers = keywords(farm.config.state_dir).answers
    try:
        done = agreed.take(store.run, agreed.read(octets, encoding), vouched, farm.config.intake, answers, now)
    except BadFieldError as error:
        raise click.BadParameter(str(error)) from None
    farm.committed(store)
    _imported(done.document(), as_json=as_json)


def _imported(done: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(done)
    else:
        counts = {name: done[name] for name in ("granted", "pending", "known", "rejected")}
        tell("said.consents_taken", **counts, out=done["opted_out"])
        for fault in done["errors"]:
            tell("said.row", n=fault["row"], what=fault_of(fault["code"], fault["detail"]))
    if done["rejected"]:
        raise click.exceptions.Exit(2)


def _midnight(day: str, zone: tzinfo) -> datetime:
    return datetime.combine(datetime.fromisoformat(day).date(), time(), zone).astimezone(UTC)


@click.group()
def word() -> None:
    """Keep the words by which people sign up: whoever writes one to a SIM is asked once whether they mean it."""


@word.command("add")
@click.argument("word", metavar="WORD")
@click.option("--purpose", default=GENERAL, show_default=True, help="What for.")
@click.option("--wording", required=True, help="What its sender agrees to, as it is told beside the word.")
@json_option
@pass_farm
def add(farm: Farm, word: str, purpose: str, wording: str, as_json: bool) -> None:
    """Let a word sign its sender up."""
    remote = farm.remote()
    if remote:
        remote.post("/consents/words", {"word": word, "purpose": purpose, "wording": wording})
    elif not signups.usable(word) or verdict(word, keywords(farm.config.state_dir)).tier != "none":
        raise click.BadParameter(sentence("refusal.word_taken", given=repr(word)), param_hint="WORD")
    else:
        farm.store(create=True).run(lambda tx: signups.add_word(tx, word, purpose, wording, now(), who=user()))
    if as_json:
        emit({"word": word, "purpose": purpose, "wording": wording})
    else:
        tell("said.signs_up", given=word, purpose=purpose)


@word.command("remove")
@click.argument("word", metavar="WORD")
@json_option
@pass_farm
def remove(farm: Farm, word: str, as_json: bool) -> None:
    """Let a word sign nobody up any more."""
    remote = farm.remote()
    if remote:
        remote.delete(f"/consents/words/{quote(word, safe='')}")
    elif not farm.store().run(lambda tx: signups.remove_word(tx, word, now(), who=user())):
        raise NotThereError(sentence("refusal.signs_nobody", given=word))
    if as_json:
        emit({"word": word})
    else:
        tell("said.signs_nobody", given=word)


@word.command("list")
@json_option
@pass_farm
def list_(farm: Farm, as_json: bool) -> None:
    """List the words."""
    remote = farm.remote()
    found = remote.get("/consents/words")["data"] if remote else farm.store().look(signups.words)
    if as_json:
        emit({"data": found, "next": None})
        return
    table((("word", "word"), ("purpose", "purpose"), ("wording", "wording")), found, wide="wording")
