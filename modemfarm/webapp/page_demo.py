"""The demo's own part of the page: the recipient's phone, and the buttons that make trouble."""

from __future__ import annotations

from flask import Blueprint, Response, request

from modemfarm.errors import ModemfarmError
from modemfarm.webapp.access import deps
from modemfarm.webapp.demo import DemoHooks
from modemfarm.webapp.page import back, fragment, person, person_as
from modemfarm.webapp.problems import Problem, not_found

routes = Blueprint("demo", __name__, url_prefix="/demo")

TROUBLED = 3  # the modem that the buttons pull


def _hooks() -> DemoHooks:
    hooks = deps().demo
    if hooks is None:
        raise not_found("demo")
    return hooks


def _phone(number: str) -> Response:
    try:
        texts = list(_hooks().texts(number))[-30:]
    except (ModemfarmError, OSError) as error:
        raise asleep(error) from None
    return fragment("_phone.html", number=number, texts=texts)


def asleep(error: Exception) -> Problem:
    """The simulated network does not answer; the page asks again by itself."""
    return Problem(503, "demo_unavailable", f"The simulated network does not answer: {error}")


@routes.get("/phone/<number>")
@person_as("operator")
def phone(number: str) -> Response:
    return _phone(number)


@routes.post("/phone/<number>")
@person
def answer(number: str) -> Response:
    text = request.form.get("text", "").strip()
    try:
        if text:
            _hooks().answer(number, text[:500])
    except (ModemfarmError, OSError) as error:
        raise asleep(error) from None
    return _phone(number) if request.headers.get("HX-Request") else back()


@routes.post("/fault/<any(pull, plug, lose, fill, kill):what>")
@person
def fault(what: str) -> Response:
    hooks = _hooks()
    raw = request.form.get("modem", "")
    modem = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 4 else TROUBLED
    try:
        _make(what, modem, hooks)
    except (ModemfarmError, OSError) as error:
        raise asleep(error) from None
    return Response(status=204) if request.headers.get("HX-Request") else back()


def _make(what: str, modem: int, hooks: DemoHooks) -> None:
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
