"""`modemfarm sims history`: what happened to one SIM."""

from __future__ import annotations

import click

from modemfarm.cli.cards import one_sim
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.output import emit, json_option, local, say, table, words
from modemfarm.store import past, views
from modemfarm.webapp import device

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
    found = one_sim(farm, sim)
    iccid, told = found["iccid"], words(farm.environ)
    with farm.store().read() as tx:
        events = past.of_sim(tx, iccid, device.KINDS, limit)
        refused = past.errors(tx, iccid, limit)
        row = tx.one("SELECT * FROM sims WHERE iccid = :iccid", iccid=iccid)
        days = past.sent_per_day(tx, iccid, farm.config.terms.plan(row or found), now())
        holder = views.modem(tx, found["modem"]) if found["modem"] else None
    lines = [device.event(one, told) | {"data": one["data"]} for one in events]
    for attempt in refused:
        error = device.error(attempt, holder["family"] if holder else None, told)
        said = " ".join(word for word in (error["number"], error["said"]) if word)
        data = {"message": error["message"], "to": error["to"], "meaning": error["meaning"]}
        lines.append({"at": error["at"], "kind": f"attempt.{attempt['outcome']}", "said": said, "data": data})
    lines = sorted(lines, key=lambda line: line["at"] or "", reverse=True)[:limit]
    if as_json:
        emit({"iccid": iccid, "data": lines, "sent": [{"day": day, "parts": parts} for day, parts in days]})
        return
    table((("at", "WHEN"), ("said", "WHAT")), [line | {"at": local(line["at"])} for line in lines], wide="said")
    say("")
    table((("day", "DAY"), ("parts", "SENT")), [{"day": day, "parts": parts} for day, parts in days])
