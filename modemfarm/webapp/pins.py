"""PINs by page and API: taken once, sealed, and never shown again."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, request

from modemfarm.model import is_pin
from modemfarm.store import pins, views
from modemfarm.store.engine import Tx
from modemfarm.store.pins import Card
from modemfarm.store.sealing import SealError
from modemfarm.webapp import narrowed
from modemfarm.webapp.access import by_whom, deps, needs
from modemfarm.webapp.bodies import EmptyBody, PinBody, body
from modemfarm.webapp.language import words
from modemfarm.webapp.page import person, seen_farm, show
from modemfarm.webapp.problems import Problem, not_found
from modemfarm.webapp.writing import go_on, reply

routes = Blueprint("pins", __name__)


def keep(card: Card, names: set[str | None], pin: str | None, who: str) -> bool:
    """Keep a card's PIN, or (None) keep it no longer. Outside of idempotency keys: those keep a body's digest.

    Args:
        names: under which config.yaml may have it, besides the ICCID.

    Returns:
        Whether anything was changed.

    Raises:
        Problem: config.yaml has it, it is no PIN, or it failed before.
    """
    farm = deps()
    said = farm.terms.sims.get(card.ledger)
    if (said is not None and said.pin) or names & farm.terms.pins:
        raise Problem(409, "conflict", "config.yaml sets the PIN of this SIM; change it there.", code="configured")
    if pin is not None and not is_pin(pin):
        fault = {"pointer": "/pin", "code": "bad_pin", "detail": "4 to 8 digits"}
        raise Problem(422, "validation", "A PIN is 4 to 8 digits.", code="bad_pin", errors=[fault])

    def work(tx: Tx) -> bool:
        if pin is None:
            return pins.forget(tx, card, farm.clock.now(), who=who)
        return pins.enter(tx, farm.store.secret, card, pin, farm.clock.now(), who=who)

    try:
        done = bool(farm.offload_call(work))
    except SealError as error:
        raise Problem(503, "store_unavailable", f"{error}.", code="key_file") from error
    if pin is not None and not done:
        what = "This PIN failed at this SIM before. Enter another one, or let it be tried once more."
        raise Problem(409, "conflict", what, code="pin_failed")
    farm.wake()
    return done


def release(card: Card, who: str) -> bool:
    """Let the card's PINs be tried once more; False: none was blocked."""
    farm = deps()

    def work(tx: Tx) -> bool:
        return pins.release(tx, card, farm.clock.now(), who=who)

    done = bool(farm.offload_call(work))
    farm.wake()
    return done


def _modem(key: str) -> dict[str, Any]:
    with deps().store.read() as tx:
        found = views.modem(tx, key) or views.modem(tx, "/" + key)
        if found is None or not narrowed.there(tx, found):
            raise not_found("modem", key)
    return found


def _names(modem: dict[str, Any]) -> set[str | None]:
    return {modem["imei"], modem["path"]}


@routes.patch("/v1/modems/<modem:key>")
@needs("modems")
def change_modem(key: str) -> Response:
    wanted = body(PinBody)
    modem = _modem(key)
    keep(pins.card_in(modem), _names(modem), wanted.pin, by_whom())
    return reply(200, {"id": modem["id"], "pin": "forgotten" if wanted.pin is None else "kept"})


@routes.post("/v1/modems/<modem:key>/release")
@needs("modems")
def release_modem(key: str) -> Response:
    body(EmptyBody, optional=True)
    modem = _modem(key)
    who = by_whom()
    return reply(*go_on(200, lambda: {"id": modem["id"], "released": release(pins.card_in(modem), who)}))


@routes.get("/modems/<modem:key>/pin")
@person
def form(key: str) -> Response:
    modem = _modem(key)
    w = words()
    seen = seen_farm(w)
    frame = {name: seen[name] for name in ("phrases", "title", "paused", "new_replies", "trouble")}
    sentence = w.say(f"modem.{modem['sentence']}", modem["params"])
    asks = modem["sentence"] in pins.WANTED
    return show("pin.html", mark="", modem=modem, sentence=sentence, asks=asks, **frame)


@routes.post("/modems/<modem:key>/pin")
@person
def enter(key: str) -> Response:
    modem = _modem(key)
    keep(pins.card_in(modem), _names(modem), request.form.get("pin", "").strip(), by_whom())
    return redirect("/", 303)  # type: ignore[return-value] # werkzeug's own class


@routes.post("/modems/<modem:key>/pin/release")
@person
def release_on_page(key: str) -> Response:
    release(pins.card_in(_modem(key)), by_whom())
    return redirect("/", 303)  # type: ignore[return-value] # werkzeug's own class
