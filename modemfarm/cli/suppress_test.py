"""`modemfarm suppress test`: how a reply would be read; needs neither configuration nor database."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from modemfarm.cli.context import Farm
from modemfarm.cli.output import emit, json_option, say
from modemfarm.config.keywords import keywords
from modemfarm.config.kinds import country as country_code
from modemfarm.errors import ModemfarmError
from modemfarm.policy.optout import Keywords, Verdict, verdict


def _keywords(farm: Farm | None) -> Keywords:
    """The words of the farm at hand; of this version where there is none."""
    try:
        state_dir = None if farm is None else farm.config.state_dir
    except ModemfarmError:  # a text is read without any configuration, so a wrong one does not matter either
        state_dir = None
    return keywords(state_dir)


def _country(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return country_code(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("test")
@click.argument("text", metavar="[TEXT|-]", default="-")
@click.option("--country", metavar="CC", callback=_country, help="Judge as in this country.")
@click.option("--advertised", metavar="TOKEN", multiple=True, help="What the last marketing text told to answer: T.")
@json_option
@click.pass_obj
def test(farm: Farm | None, text: str, country: str | None, advertised: tuple[str, ...], as_json: bool) -> None:
    """Show how a reply is read: as an opt-out, an opt-in, a question for help, or as nothing special.

    With "-", each line of the input is a reply of its own.
    """
    words = _keywords(farm)
    for reply in _lines() if text == "-" else (text,):
        found = verdict(reply, words, country=country, advertised=advertised)
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
