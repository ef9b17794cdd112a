"""`modemfarm consent complaint|complaints`: who complained, with the proof of consent."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import click

from modemfarm.cli import away
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.output import emit, json_option, local, sentence, table, tell
from modemfarm.cli.policy import user
from modemfarm.cli.suppress_lists import number_of
from modemfarm.config.load import local_zone
from modemfarm.intake.values import parse_moment
from modemfarm.store import complaints as kept

_COLUMNS = (("id", "id"), ("at", "at"), ("number", "number"), ("channel", "how"), ("granted", "consent"),
            ("messages", "sent"), ("text", "text"))  # fmt: skip
_MOST = 2**31


@click.command()
@click.argument("number")
@click.option("--text", required=True, help="What the person says.")
@click.option("--channel", type=click.Choice(kept.CHANNELS), default="phone", show_default=True, help="How it came.")
@click.option("--at", "at", metavar="TIME", help="When; like 2026-03-01T09:30+08:00. Now when not given.")
@json_option
@pass_farm
def complaint(farm: Farm, /, *, number: str, text: str, channel: str, at: str | None, as_json: bool) -> None:
    """Write a complaint down with the proof of consent; the person gets nothing more, what waits is cancelled."""
    if not 1 <= len(text) <= kept.LONGEST:
        raise click.BadParameter(sentence("refusal.characters", most=kept.LONGEST), param_hint="--text")
    remote = farm.remote()
    try:
        zone = ZoneInfo(local_zone(farm.environ) if remote else farm.config.zone)
        moment = None if at is None else parse_moment(at, zone)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--at") from None
    if remote:
        done: dict[str, Any] = away.complain(remote, number, text, channel, moment)
    else:
        wanted, store = number_of(farm, number), farm.store(create=True)
        exempt = farm.config.intake.exempt
        done = store.run(
            lambda tx: kept.add(tx, wanted, text, channel, now(), who=f"cli {user()}", at=moment, exempt=exempt)
        )
        farm.committed(store)
    if as_json:
        emit(done)
        return
    agreed = ", ".join(done["proof"]["granted"]) or "-"
    tell("said.complaint", number=done["number"], id=done["id"], n=done["canceled"])
    tell("said.complaint_proof", purposes=agreed, rows=len(done["proof"]["rows"]), n=len(done["sent"]))


@click.command()
@click.argument("number", required=False)
@json_option
@pass_farm
def complaints(farm: Farm, /, *, number: str | None, as_json: bool) -> None:
    """List complaints, newest first, or those of NUMBER; --json has proof and messages."""
    remote = farm.remote()
    if remote:
        found = list(away.pages(remote, "/complaints", number=number))
    else:
        wanted = None if number is None else number_of(farm, number)
        found = farm.store().look(kept.listed, wanted, None, _MOST)
    if as_json:
        emit({"data": found, "next": None})
        return
    told = [
        {**item, "at": local(item["at"]), "granted": item["proof"]["granted"], "messages": len(item["sent"])}
        for item in found
    ]
    table(_COLUMNS, told, wide="text")
