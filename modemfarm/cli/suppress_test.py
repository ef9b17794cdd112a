"""`modemfarm suppress test`: how a reply would be read; needs neither configuration nor database."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from importlib.resources import files

import click

from modemfarm.cli.output import emit, json_option, say
from modemfarm.policy.optout import Keywords, Verdict, verdict


def shipped_keywords() -> Keywords:
    """The keywords of this version."""
    source = files("modemfarm.policy").joinpath("optout.toml")
    return Keywords.from_mapping(tomllib.loads(source.read_text(encoding="utf-8")))


def _country(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    from modemfarm.config.kinds import country  # noqa: PLC0415 # what reads configurations is slow to load

    try:
        return country(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("test")
@click.argument("text", metavar="[TEXT|-]", default="-")
@click.option("--country", metavar="CC", callback=_country, help="Judge as in this country.")
@click.option("--advertised", metavar="TOKEN", multiple=True, help="What the last marketing text told to answer: T.")
@json_option
def test(text: str, country: str | None, advertised: tuple[str, ...], as_json: bool) -> None:
    """Show how a reply is read: as an opt-out, an opt-in, a question for help, or as nothing special.

    With "-", each line of the input is a reply of its own.
    """
    keywords = shipped_keywords()
    for reply in _lines() if text == "-" else (text,):
        found = verdict(reply, keywords, country=country, advertised=advertised)
        if as_json:
            emit({"tier": found.tier, "keyword": found.keyword, "rule": found.rule})
        else:
            say(_sentence(reply, found))


def _lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "replace").rstrip("\n")


def _sentence(reply: str, found: Verdict) -> str:
    shown = reply if len(reply) <= 40 else f"{reply[:39]}…"
    if found.keyword is None:
        return f"{found.tier}: {shown}"
    return f"{found.tier}: {shown} ({found.keyword}, {found.rule})"
