"""A file of messages on its way: how far it is, its pause and its end, and the rows that were not taken."""

from __future__ import annotations

import io
from typing import Any

from flask import Blueprint, Response, redirect, url_for

from modemfarm.errors import SubmitError
from modemfarm.intake import many
from modemfarm.intake.rows import RowError
from modemfarm.intake.sheets import write_rejected
from modemfarm.store import actions, batches, labels, selecting, views
from modemfarm.webapp import mailings
from modemfarm.webapp.access import by_whom, deps
from modemfarm.webapp.api_batches import batch
from modemfarm.webapp.api_many import act
from modemfarm.webapp.language import words
from modemfarm.webapp.page import back, fragment, frame, person, person_as, show, write
from modemfarm.webapp.page_send import moment

routes = Blueprint("batch", __name__, url_prefix="/batches")

_ON_THE_WAY = ("scheduled", "held", "queued", "sending")
_ENDED_WELL = ("sent", "delivered")
_LOOKED_AT = 5000  # messages of a batch whose end is looked up in the forecast
_FAULTS = 20
_EVERY_FAULT = 2**31


@routes.get("/<int:batch_id>")
@person
def one(batch_id: int) -> Response:
    return show("batch.html", mark="", **_told(batch_id), **frame())


@routes.get("/<int:batch_id>/fragment")
@person
def its_progress(batch_id: int) -> Response:
    return fragment("_batch.html", **_told(batch_id))


def _told(batch_id: int) -> dict[str, Any]:
    farm, w = deps(), words()
    found = batch(batch_id)
    with farm.store.read() as tx:
        paused = any(p["scope"] == "batch" and p["value"] == str(batch_id) for p in views.pauses(tx))
        ids = selecting.ids(tx, selecting.Which(_ON_THE_WAY, batch=batch_id), 0, _LOOKED_AT)
        faults = batches.errors(tx, batch_id, _FAULTS)
        cost = batches.cost(tx, batch_id)
    states: dict[str, int] = found["states"]
    total, waiting = sum(states.values()), sum(states.get(name, 0) for name in _ON_THE_WAY)
    ahead = farm.outlook.lately() if waiting else None
    finish = max((ahead.finished[i] for i in ids if i in ahead.finished), default=None) if ahead else None
    unfinished = found["finished_at"] is None
    running = unfinished and mailings.is_running(batch_id)
    return {
        "b": found,
        "total": total,
        "waiting": waiting,
        "well": sum(states.get(name, 0) for name in _ENDED_WELL),
        "ended": total - waiting,
        "finish": w.clock(finish),
        "late": ahead.late_in.get(batch_id, 0) if ahead else 0,
        "batch_paused": paused,
        "running": running,
        "stopped": unfinished and not running,
        "can_go_on": unfinished and not running and mailings.kept(batch_id, farm) is not None,
        "faults": [{"row": f["row"], "said": w.row_fault(f["code"], f["detail"])} for f in faults],
        "cost": cost,
        "currency": farm.intake.currency,
    }


@routes.post("/<int:batch_id>/<any(pause, resume):what>")
@person
def switch(batch_id: int, what: str) -> Response:
    batch(batch_id)
    change = actions.pause if what == "pause" else actions.resume
    write(change, "batch", str(batch_id), deps().clock.now(), who=by_whom())
    return back()


@routes.post("/<int:batch_id>/cancel")
@person
def cancel(batch_id: int) -> Response:
    """Take back what has not left; as much at once as a person waits for, the button stays for the rest."""
    batch(batch_id)
    which = many.meant("cancel", batch=batch_id, upto=deps().store.look(labels.newest))
    act("cancel", which, most=many.PAGE)
    return back()


@routes.post("/<int:batch_id>/go-on")
@person
def go_on(batch_id: int) -> Response:
    """Take in the rows that a stop of the daemon left out."""
    farm, found = deps(), mailings.kept(batch_id, deps())
    if found is not None and batch(batch_id)["finished_at"] is None:
        upload, asked, mark = found
        mailings.go_on(batch_id, mark, upload, asked, moment(asked.send_at), farm)
    return redirect(url_for("batch.one", batch_id=batch_id), 303)  # type: ignore[return-value]  # werkzeug's base class


@routes.get("/<int:batch_id>/rejected.csv")
@person_as("operator")
def rejected(batch_id: int) -> Response:
    """The rows that were not taken: mended, this file can be sent as it is."""
    farm = deps()
    batch(batch_id)
    faults = {
        row["row"]: RowError(row["row"], "", row["code"], row["detail"])
        for row in farm.store.look(batches.errors, batch_id, _EVERY_FAULT)
    }
    kept, out = mailings.kept(batch_id, farm), io.StringIO(newline="")
    try:
        rows = [] if kept is None else list(kept[1].rows(kept[0], moment(kept[1].send_at), farm))
    except SubmitError:
        rows = []
    write_rejected(out, faults, rows)
    name = f'attachment; filename="batch-{batch_id}-rejected.csv"'
    return Response(
        out.getvalue().encode("utf-8-sig", "backslashreplace"),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": name},
    )
