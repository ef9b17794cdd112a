"""The page of one modem and its SIM: what it is, what happened to it, and what a person may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for

from modemfarm import wording
from modemfarm.errors import SubmitError
from modemfarm.intake.accept import accept
from modemfarm.modem import recordings
from modemfarm.modem.dialled import MOST_STEPS
from modemfarm.modem.ussd import UssdError
from modemfarm.store import balances, past, views
from modemfarm.store.engine import Tx
from modemfarm.store.shapes import rfc3339
from modemfarm.webapp import device, trials
from modemfarm.webapp.access import deps
from modemfarm.webapp.language import words
from modemfarm.webapp.page import back, fragment, frame, person, person_as, seen_farm, show, write
from modemfarm.webapp.problems import Problem, not_found

routes = Blueprint("device", __name__)

_BALANCES = 8
_WHO = "page"


@routes.get("/modems/<modem:key>")
@person
def modem(key: str) -> Response:
    found = _modem(key)
    return _page(found, _sim(found["iccid"]) if found["iccid"] else None)


@routes.get("/sims/<iccid>")
@person
def sim(iccid: str) -> Response:
    found = _sim(iccid)
    if found["modem"] is not None:
        return redirect(url_for("device.modem", key=found["modem"].lstrip("/"), lang=request.args.get("lang")), 303)  # type: ignore[return-value]  # werkzeug's base class
    return _page(None, found)


@routes.get("/fragment/modems/<modem:key>")
@person
def modem_fragment(key: str) -> Response:
    found = _modem(key)
    return fragment("_device.html", **_told(found, _sim(found["iccid"]) if found["iccid"] else None))


@routes.get("/fragment/sims/<iccid>")
@person
def sim_fragment(iccid: str) -> Response:
    return fragment("_device.html", **_told(None, _sim(iccid)))


@routes.get("/fragment/sims/<iccid>/ussd")
@person
def ussd_fragment(iccid: str) -> Response:
    return fragment("_ussd.html", **_dialogue(_sim(iccid)))


@routes.get("/modems/<modem:key>/recordings/<name>")
@person_as("operator")
def recording(key: str, name: str) -> Response:
    found = _modem(key)
    if name not in {kept.name for kept in _kept(found)}:
        raise not_found("recording", name)
    text = (deps().state_dir / recordings.FOLDER / name).read_text("utf-8")
    try:
        head, pieces = recordings.read(text, name)
    except recordings.RecordingError as error:
        raise not_found(str(error)) from error
    return show("recording.html", head=head, pieces=pieces, modem=found, wire=device.wire, noted=_noted, **frame())


def _noted(what: str) -> str:
    """What the recorder wrote down between two lines, in words where it has some."""
    return words().say(f"mark.{what}") if wording.known(f"mark.{what}") else what


@routes.post("/sims/<iccid>/ussd")
@person
def ussd(iccid: str) -> Response:
    """Say a code, or answer the last menu: all is said again from the start, as no modem waits for a person."""
    farm = deps()
    found = _sim(iccid)
    said = [request.form.get("code", ""), *request.form.getlist("step"), request.form.get("answer", "")]
    steps = tuple(word.strip() for word in said if word.strip())

    def work() -> Mapping[str, Any]:
        if farm.ussd is None:
            raise UssdError("not_here", found["iccid"])
        return farm.ussd(found["iccid"], steps, _WHO)

    farm.asked.start(found["iccid"], "ussd", work, farm.clock.now(), steps)
    return back()


@routes.post("/sims/<iccid>/balance")
@person
def balance(iccid: str) -> Response:
    farm = deps()
    found = _sim(iccid)

    def work() -> Mapping[str, Any]:
        if farm.balance is None:
            raise UssdError("not_here", found["iccid"])
        return farm.balance(found["iccid"], _WHO)

    farm.asked.start(found["iccid"], "balance", work, farm.clock.now())
    return back()


@routes.post("/sims/<iccid>/test")
@person
def test(iccid: str) -> Response:
    farm = deps()
    found = _sim(iccid)

    def work(tx: Tx) -> int:
        accepted = accept(tx, trials.draft(found), farm.intake, farm.clock.now())
        if accepted is None:
            raise not_found("such message")
        return accepted.message_id

    try:
        message_id = write(work)
    except SubmitError as error:
        raise Problem(422, "validation", str(error), code="number") from error
    return redirect(url_for("lists.message", message_id=message_id), 303)  # type: ignore[return-value]  # werkzeug's base class


def _modem(key: str) -> dict[str, Any]:
    store = deps().store
    found = store.look(views.modem, key) or store.look(views.modem, "/" + key)
    if found is None:
        raise not_found("modem", key)
    return found


def _sim(iccid: str) -> dict[str, Any]:
    farm = deps()
    with farm.store.read() as tx:
        found = views.sim(tx, iccid, terms=farm.terms, now=farm.clock.now())
    if found is None:
        raise not_found("SIM", iccid)
    return found


def _elsewhere(modem: dict[str, Any]) -> str | None:
    """The other host that has a modem, and its recordings."""
    return modem["host"] if deps().host not in {None, modem["host"]} else None


def _kept(modem: dict[str, Any]) -> list[recordings.Kept]:
    if _elsewhere(modem):
        return []
    return recordings.kept(deps().state_dir, modem["imei"] or modem["id"], modem["path"])


def _page(modem: dict[str, Any] | None, sim: dict[str, Any] | None) -> Response:
    dialogue = _dialogue(sim) if sim is not None else {"question": None}
    kept, elsewhere = ([], None) if modem is None else (_kept(modem), _elsewhere(modem))
    return show("device.html", mark="", kept=kept, elsewhere=elsewhere, **{**dialogue, **_told(modem, sim), **frame()})


def _dialogue(sim: dict[str, Any]) -> dict[str, Any]:
    farm = deps()
    question = farm.asked.last(sim["iccid"], "ussd", farm.clock.now())
    return {"sim": sim, "question": question, "most_steps": MOST_STEPS}


def _told(modem: dict[str, Any] | None, sim: dict[str, Any] | None) -> dict[str, Any]:
    """What the polled part of the page shows."""
    farm, w = deps(), words()
    iccid = sim["iccid"] if sim is not None else None
    mine: Callable[[Any], bool] = (
        (lambda tile: tile.modem == modem["id"]) if modem is not None else (lambda tile: tile.iccid == iccid)
    )
    with farm.store.read() as tx:
        subjects = [*([] if modem is None else past.ports(tx, modem)), *([iccid] if iccid else [])]
        events = past.history(tx, subjects, modem["imei"] if modem else None, device.KINDS)
        failed = past.errors(tx, iccid) if iccid else []
        told = balances.history(tx, iccid, _BALANCES) if iccid else []
    plan = farm.terms.plans.get(sim["plan"]) if sim is not None else None
    return {
        "modem": modem,
        "sim": sim,
        "tile": next(filter(mine, seen_farm(w)["tiles"]), None),
        "modem_facts": device.modem_facts(modem, w) if modem is not None else [],
        "sim_facts": device.sim_facts(sim, w) if sim is not None else [],
        "limits": list(device.limits(sim, w)) if sim is not None else [],
        "errors": [device.error(row, modem["family"] if modem else None, w) for row in failed],
        "events": [device.event(one, w) for one in events],
        "credits": [row | {"at": rfc3339(row["at"])} for row in told],
        "currency": plan.currency if plan is not None else None,
        "asks_balance": plan is not None and plan.balance is not None,
        "credit_asked": farm.asked.last(iccid, "balance", farm.clock.now()) if iccid else None,
    }
