"""/v1: replies, modems, SIMs, pauses, numbers, events, suppressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.routing import BaseConverter

from modemfarm.errors import BadRecipientError
from modemfarm.intake.accept import accept
from modemfarm.model import normal_iccid
from modemfarm.modem.ussd import UssdError
from modemfarm.store import actions, devices, epoch, hosts, sim_facts, sims, suppress, views
from modemfarm.store.engine import Tx
from modemfarm.store.pins import Card
from modemfarm.webapp import asking, forecast, narrowed, network, pins, trials
from modemfarm.webapp.access import by_whom, deps, intake, needs
from modemfarm.webapp.api_messages import taken
from modemfarm.webapp.bodies import AnswerBody, EmptyBody, PauseBody, SimBody, SuppressionBody, UssdBody, body
from modemfarm.webapp.language import words
from modemfarm.webapp.numbers import named, number_of, typed
from modemfarm.webapp.problems import Problem, not_found, unsubmittable
from modemfarm.webapp.writing import Answer, go_on, reply, write

routes = Blueprint("farm", __name__, url_prefix="/v1")


class ModemConverter(BaseConverter):
    """A modem's id in a URL: an IMEI, ``IMEI@usb-path``, or a path with its slashes; what can be done to it is none."""

    regex = ".+?(?<!/allow)(?<!/release)(?<!/reset)"
    part_isolating = False


@routes.get("/inbound")
@needs("messages:read")
def inbound() -> Response:
    asking.only("from", "iccid", "since", "cursor", "after", "order", "limit")
    farm = deps()
    with farm.store.read() as tx:
        found = views.inbound_list(
            tx,
            from_number=typed("from", farm.intake.country),
            iccid=request.args.get("iccid"),
            since=asking.since(),
            of=narrowed.own(tx),
            **asking.paging(),
        )
    return reply(200, found)


@routes.get("/inbound/<int:inbound_id>")
@needs("messages:read")
def inbound_one(inbound_id: int) -> Response:
    with deps().store.read() as tx:
        document = views.inbound_one(tx, min(inbound_id, 2**62))
        if document is None or not narrowed.there(tx, document):
            raise not_found("reply", inbound_id)
    return reply(200, document)


@routes.get("/modems")
@needs("modems")
def modems() -> Response:
    asking.only("limit")
    with deps().store.read() as tx:
        found = narrowed.some(tx, views.modems(tx))
    return reply(200, {"data": [_told(item) for item in found], "next": None})


def _told(modem: dict[str, Any]) -> dict[str, Any]:
    """A modem with its sentence and next action in the reader's language, and their slugs beside them."""
    w = words()
    action = modem["next_action"]
    return modem | {
        "sentence": w.say(f"modem.{modem['sentence']}", modem["params"]),
        "sentence_code": modem["sentence"],
        "next_action": w.say(f"action.{action}", modem["params"]) if action else None,
        "next_action_code": action,
    }


def _modem(tx: Tx, key: str) -> dict[str, Any]:
    document = views.modem(tx, key) or views.modem(tx, "/" + key)
    if document is None:
        raise not_found("modem", key)
    return document


def _own_modem(key: str) -> dict[str, Any]:
    """The modem, if this request's key may know of it; asked before the writer thread, which knows no request."""
    with deps().store.read() as tx:
        document = _modem(tx, key)
        if not narrowed.there(tx, document):
            raise not_found("modem", key)
    return document


@routes.get("/modems/<modem:key>")
@needs("modems")
def modem(key: str) -> Response:
    return reply(200, _told(_own_modem(key)))


@routes.post("/modems/<modem:key>/allow")
@needs("modems")
def allow(key: str) -> Response:
    narrowed.whole_farm()
    body(EmptyBody, optional=True)
    now = deps().clock.now()

    def work(tx: Tx) -> Answer:
        given = devices.allow_offered(tx, key, now) or devices.allow_offered(tx, "/" + key, now)
        document = _modem(tx, key if given is None else given["path"])
        if given is None:
            raise Problem(409, "conflict", "This modem does not wait to be allowed.", code="nothing_to_allow")
        return 202, {"id": document["id"], "wish": "allow"}

    return reply(*write(work))


@routes.post("/modems/<modem:key>/reset")
@needs("modems")
def reset(key: str) -> Response:
    body(EmptyBody, optional=True)
    _own_modem(key)

    def work(tx: Tx) -> Answer:
        document = _modem(tx, key)
        sims.wish(tx, document["path"], "reset", document["host"])
        return 202, {"id": document["id"], "wish": "reset"}

    return reply(*write(work))


@routes.get("/sims")
@needs("modems")
def all_sims() -> Response:
    asking.only("limit")
    farm = deps()
    with farm.store.read() as tx:
        found = narrowed.some(tx, views.sims(tx, terms=farm.terms, now=farm.clock.now()))
    return reply(200, {"data": found, "next": None})


def _own_sim(iccid: str) -> dict[str, Any]:
    """The SIM, if this request's key may know of it; asked before the writer thread, which knows no request."""
    with deps().store.read() as tx:
        return _sim(tx, iccid)


def _sim(tx: Tx, iccid: str) -> dict[str, Any]:
    farm = deps()
    document = views.sim(tx, iccid, terms=farm.terms, now=farm.clock.now())
    if document is None or not narrowed.there(tx, document):
        raise not_found("SIM", iccid)
    return document


@routes.get("/sims/<iccid>")
@needs("modems")
def sim(iccid: str) -> Response:
    return reply(200, _own_sim(iccid))


@routes.patch("/sims/<iccid>")
@needs("modems")
def change_sim(iccid: str) -> Response:
    wanted = body(SimBody)
    _own_sim(iccid)
    farm = deps()
    given = {name: getattr(wanted, name) for name in wanted.model_fields_set - {"pin"}}
    said = farm.terms.sims.get(normal_iccid(iccid) or iccid)
    for name in given:
        if said is not None and getattr(said, name, None):
            raise Problem(409, "conflict", f"config.yaml sets {name} of this SIM; change it there.", code="configured")
    plan = given.get("plan")
    if plan is not None and plan not in farm.terms.plans:
        fault = {"pointer": "/plan", "code": "unknown_plan", "detail": f"one of {', '.join(sorted(farm.terms.plans))}"}
        raise Problem(422, "validation", f"There is no plan {plan!r}.", code="unknown_plan", errors=[fault])

    with farm.store.read() as tx:
        if twice := sim_facts.doubled(tx, _farm_sim(tx, iccid), given, farm.terms):
            fault = {"pointer": f"/{twice[0]}", "code": "doubled", "detail": twice[1]}
            raise Problem(409, "conflict", f"{twice[1]}.", code="doubled", errors=[fault])
    if "pin" in wanted.model_fields_set:
        with farm.store.read() as tx:
            card = _farm_sim(tx, iccid)
        pins.keep(Card(card, card), set(), wanted.pin, by_whom())

    def work(tx: Tx) -> Answer:
        found = _farm_sim(tx, iccid)
        sim_facts.change(tx, found, given)
        wrong = sim_facts.clash(tx, found, farm.terms) if given.keys() & {"plan", "account"} else None
        if wrong:
            raise Problem(409, "conflict", f"{wrong}.", code="account_plan")
        return 200, views.sim(tx, found, terms=farm.terms, now=farm.clock.now()) or {}

    return reply(*write(work))


def _farm_sim(tx: Tx, iccid: str) -> str:
    """The ICCID as the database spells it."""
    document = views.sim(tx, iccid)
    if document is None:
        raise not_found("SIM", iccid)
    return str(document["iccid"])


@routes.post("/sims/<iccid>/<any(pause, resume):what>")
@needs("modems")
def sim_switch(iccid: str, what: str) -> Response:
    body(EmptyBody, optional=True)
    _own_sim(iccid)
    farm = deps()
    change = actions.sim_pause if what == "pause" else actions.sim_resume

    def work(tx: Tx) -> Answer:
        found = _farm_sim(tx, iccid)
        change(tx, found, farm.clock.now())
        return 200, views.sim(tx, found, terms=farm.terms, now=farm.clock.now()) or {}

    return reply(*write(work))


@routes.post("/sims/<iccid>/answer")
@needs("modems")
def sim_answer(iccid: str) -> Response:
    word = body(AnswerBody).answer
    _own_sim(iccid)
    farm = deps()

    def work(tx: Tx) -> Answer:
        found = _farm_sim(tx, iccid)
        if not (views.sim(tx, found, terms=farm.terms, now=farm.clock.now()) or {})["asks"]:
            raise Problem(409, "conflict", f"SIM {found} asks nothing.", code="not_asked")
        actions.sim_answer(tx, found, farm.terms, word, farm.clock.now())
        return 200, views.sim(tx, found, terms=farm.terms, now=farm.clock.now()) or {}

    return reply(*write(work))


@routes.post("/sims/<iccid>/release")
@needs("modems")
def release_sim(iccid: str) -> Response:
    body(EmptyBody, optional=True)
    card = str(_own_sim(iccid)["iccid"])
    who = by_whom()
    return reply(*go_on(200, lambda: {"iccid": card, "released": pins.release(Card(card, card), who)}))


@routes.post("/sims/<iccid>/ussd")
@needs("modems")
def sim_ussd(iccid: str) -> Response:
    wanted = body(UssdBody)
    farm = deps()
    found = str(_own_sim(iccid)["iccid"])

    def question() -> Mapping[str, Any]:
        if farm.ussd is None:
            raise UssdError("not_here", found)
        return farm.ussd(found, (wanted.code, *wanted.answers), by_whom())

    return network.ask(question)


@routes.post("/sims/<iccid>/test")
@needs("modems")
def sim_test(iccid: str) -> Response:
    body(EmptyBody, optional=True)
    farm = deps()
    found = _own_sim(iccid)
    settings = intake()
    said = words()

    def work(tx: Tx) -> Answer:
        try:
            return taken(tx, accept(tx, trials.draft(found), settings, farm.clock.now()), said)
        except BadRecipientError as error:
            raise Problem(409, "conflict", f"The own number of this SIM: {error}.", code="number_unusable") from None

    return reply(*write(work))


@routes.post("/alerts/test")
@needs("admin")
def test_alerts() -> Response:
    body(EmptyBody, optional=True)
    told = deps().test_alerts
    return reply(*go_on(200, lambda: {"data": told() if told is not None else []}))


@routes.post("/pause")
@needs("modems", "messages:send")
def pause() -> Response:
    narrowed.whole_farm()
    scope, value = body(PauseBody, optional=True).scope()
    farm, who = deps(), by_whom()

    def work(tx: Tx) -> Answer:
        actions.pause(tx, scope, value, farm.clock.now(), who=who)
        return 200, {"pauses": views.pauses(tx)}

    return reply(*write(work))


@routes.post("/resume")
@needs("modems", "messages:send")
def resume() -> Response:
    narrowed.whole_farm()
    asked = body(PauseBody, optional=True)
    farm, who = deps(), by_whom()

    def work(tx: Tx) -> Answer:
        if asked.restored:
            epoch.release(tx, farm.clock.now(), who=who)
        elif asked.clock:
            hosts.confirm_clock(tx)
        else:
            actions.resume(tx, *asked.scope(), farm.clock.now(), who=who)
        return 200, {"pauses": views.pauses(tx)}

    return reply(*write(work))


@routes.get("/stats")
@needs("messages:read")
def stats() -> Response:
    asking.only()
    narrowed.whole_farm()
    farm = deps()
    now = farm.clock.now()
    with farm.store.read() as tx:
        found = views.stats(tx, farm.lately.get("counted", lambda: views.counted(tx, now)))
    return reply(200, found | {"finish_at": forecast.said(farm.outlook.lately().finish_at)})


@routes.get("/events")
@needs("messages:read")
def events() -> Response:
    asking.only("cursor", "after", "order", "limit")
    narrowed.whole_farm()
    with deps().store.read() as tx:
        return reply(200, views.events(tx, after=asking.cursor(), limit=asking.limit(), order=asking.order()))


@routes.get("/suppressions")
@needs("people")
def suppressions() -> Response:
    asking.only("cursor", "limit")
    cursor = request.args.get("cursor")
    with deps().store.read() as tx:
        return reply(200, views.suppressed(tx, cursor=cursor, limit=asking.limit()))


@routes.post("/suppressions")
@needs("people")
def suppress_number() -> Response:
    wanted = body(SuppressionBody)
    farm = deps()
    try:
        number, digits = number_of(wanted.number, farm.intake.country)
    except BadRecipientError as error:
        raise unsubmittable(error, "number") from None
    who = by_whom()

    def work(tx: Tx) -> Answer:
        now, exempt = farm.clock.now(), farm.intake.exempt
        canceled = suppress.add(
            tx, number, digits, wanted.source, now, keyword=wanted.keyword, exempt=exempt, actor=who
        )
        return 201, {"number": number, "canceled": canceled}

    return reply(*write(work))


@routes.delete("/suppressions/<number:number>")
@needs("people")
def unsuppress(number: str) -> Response:
    farm = deps()
    exact = named(number, farm.intake.country)
    who = by_whom()
    if not farm.offload_call(lambda tx: suppress.remove(tx, exact, farm.clock.now(), actor=who)):
        raise not_found(f"suppression of {number}")
    return Response(status=204)
