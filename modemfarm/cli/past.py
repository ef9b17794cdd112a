"""`modemfarm sims history`: what happened to one SIM."""

from __future__ import annotations

import click

from modemfarm.cli.cards import one_sim
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.output import emit, json_option, local, say, table, words
from modemfarm.webapp import past

_MOST = 1000


@click.command()
@click.argument("sim")
@click.option("--limit", type=click.IntRange(1, _MOST), default=50, show_default=True, help="How many events at most.")
@json_option
@pass_farm
def history(farm: Farm, sim: str, limit: int, as_json: bool) -> None:
    """Tell what happened to a SIM, newest first, and how much it sent on each of the last 14 days.

    SIM is its ICCID, label or number. --json prints {"iccid", "data": [{"at", "kind", "said", "data"}],
    "sent": [{"day", "parts"}]}.
    """
    iccid, remote = one_sim(farm, sim)["iccid"], farm.remote()
    if remote:
        found = remote.get(f"/sims/{iccid}/history", limit=limit)
    else:
        with farm.store().read() as tx:
            found = past.of_sim(tx, iccid, farm.config.terms, limit, now(), words(farm.environ))
    if as_json:
        emit(found)
        return
    table((("at", "when"), ("said", "what")), [line | {"at": local(line["at"])} for line in found["data"]], wide="said")
    say("")
    table((("day", "day"), ("parts", "sent")), found["sent"])
