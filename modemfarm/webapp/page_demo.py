"""The demo's own part of the page: the recipient's phone, and the buttons that make trouble."""

from __future__ import annotations

from flask import Blueprint, Response, request

from modemfarm.webapp.access import deps
from modemfarm.webapp.demo import DemoHooks
from modemfarm.webapp.page import back, fragment, person
from modemfarm.webapp.problems import not_found

routes = Blueprint("demo", __name__, url_prefix="/demo")

TROUBLED = 3  # the modem that the buttons pull


def _hooks() -> DemoHooks:
    hooks = deps().demo
    if hooks is None:
        raise not_found("demo")
    return hooks


def _phone(number: str) -> Response:
    hooks = _hooks()
    if number not in hooks.numbers():
        raise not_found(f"phone {number}")
    return fragment("_phone.html", number=number, numbers=list(hooks.numbers()), texts=list(hooks.texts(number))[-30:])


@routes.get("/phone/<number>")
@person
def phone(number: str) -> Response:
    return _phone(number)


@routes.post("/phone/<number>")
@person
def answer(number: str) -> Response:
    text = request.form.get("text", "").strip()
    if text and number in _hooks().numbers():
        _hooks().answer(number, text[:500])
    return _phone(number) if request.headers.get("HX-Request") else back()


@routes.post("/fault/<any(pull, plug, lose, fill, kill):what>")
@person
def fault(what: str) -> Response:
    hooks = _hooks()
    raw = request.form.get("modem", "")
    modem = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 4 else TROUBLED
    match what:
        case "pull":
            hooks.pull(modem)
        case "plug":
            hooks.plug(modem)
        case "lose":
            hooks.lose_answer(modem)
        case "fill":
            hooks.fill_sim(modem)
        case _:
            hooks.kill_sender()
    return Response(status=204) if request.headers.get("HX-Request") else back()
