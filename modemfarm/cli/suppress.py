"""`modemfarm suppress`: people who want no more messages."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from modemfarm.cli import away
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import NotThereError
from modemfarm.cli.output import emit, json_option, local, sentence, table, tell
from modemfarm.cli.policy import user
from modemfarm.cli.suppress_lists import all_suppressed, export, import_, number_of, review
from modemfarm.cli.suppress_test import test
from modemfarm.model import digits_key
from modemfarm.store import suppress as store_suppress
from modemfarm.store.engine import Tx

_COLUMNS = (("number", "number"), ("since", "since"), ("source", "source"), ("keyword", "keyword"))


@click.group()
def suppress() -> None:
    """Keep the list of people who want no more messages."""


@suppress.command()
@click.argument("numbers", metavar="NUMBER…", nargs=-1, required=True)
@click.option(
    "--source",
    "--channel",
    "source",
    type=click.Choice(["phone", "counter", "web", "import"]),
    default="counter",
    show_default=True,
    help="How the person said it.",
)
@json_option
@pass_farm
def add(farm: Farm, numbers: tuple[str, ...], source: str, as_json: bool) -> None:
    """Send nothing more to these numbers, and cancel what waits for them."""
    remote = farm.remote()
    if remote:
        _say(away.suppress(remote, numbers, source), as_json=as_json)
        return
    wanted = [number_of(farm, raw) for raw in numbers]
    store = farm.store(create=True)
    done = []
    for number in wanted:
        canceled = store.run(_added, number, source, farm.config.intake.exempt)
        done.append({"number": number, "canceled": canceled})
    farm.committed(store)
    _say(done, as_json=as_json)


def _say(done: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        emit({"data": done})
        return
    for item in done:
        tell("said.gets_nothing", number=item["number"], n=item["canceled"])


def _added(tx: Tx, number: str, source: str, exempt: tuple[str, ...]) -> int:
    return store_suppress.add(tx, number, digits_key(number), source, now(), exempt=exempt, actor=user())


@suppress.command()
@click.argument("number")
@json_option
@pass_farm
def remove(farm: Farm, number: str, as_json: bool) -> None:
    """Lift an opt-out: only when the person asked for it."""
    remote = farm.remote()
    wanted = number if remote else number_of(farm, number)
    if remote:
        remote.delete(f"/suppressions/{quote(number)}")
    elif not farm.store().run(lambda tx: store_suppress.remove(tx, wanted, now(), actor=user())):
        raise NotThereError(sentence("refusal.not_suppressed", number=wanted))
    if as_json:
        emit({"number": wanted})
    else:
        tell("said.may_again", number=wanted)


@suppress.command("list")
@json_option
@pass_farm
def list_(farm: Farm, as_json: bool) -> None:
    """List the numbers that get nothing more."""
    remote = farm.remote()
    found = list(away.pages(remote, "/suppressions") if remote else all_suppressed(farm.store()))
    if as_json:
        emit({"data": found, "next": None})
        return
    table(_COLUMNS, [{**item, "since": local(str(item["since"]))} for item in found])


for _command in (test, import_, export, review):
    suppress.add_command(_command)
