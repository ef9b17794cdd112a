"""/v1/sims/{iccid}/history and /balance: what happened to a card, and its credit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response

from modemfarm.model import normal_iccid
from modemfarm.modem.ussd import UssdError
from modemfarm.store import balances, devices, views
from modemfarm.store.engine import Tx
from modemfarm.store.shapes import rfc3339
from modemfarm.webapp import asking, narrowed, network, past
from modemfarm.webapp.access import by_whom, deps, needs
from modemfarm.webapp.bodies import EmptyBody, body
from modemfarm.webapp.language import words
from modemfarm.webapp.problems import not_found
from modemfarm.webapp.writing import reply

routes = Blueprint("sims", __name__, url_prefix="/v1")


def _iccid(iccid: str) -> str:
    """As the database spells it."""
    with deps().store.read() as tx:
        found = views.sim(tx, normal_iccid(iccid) or iccid)
        if found is None or not narrowed.there(tx, found):
            raise not_found("SIM", iccid)
    return str(found["iccid"])


@routes.get("/sims/<iccid>/history")
@needs("modems")
def history(iccid: str) -> Response:
    asking.only("limit")
    farm, card = deps(), _iccid(iccid)
    with farm.store.read() as tx:
        told = past.of_sim(tx, card, farm.terms, asking.limit(), farm.clock.now(), words())
    return reply(200, told)


@routes.get("/sims/<iccid>/balance")
@needs("modems")
def told_before(iccid: str) -> Response:
    asking.only()
    rows = deps().store.look(balances.history, _iccid(iccid))
    found = [
        {"at": rfc3339(row["at"]), "balance": row["amount"], "how": row["how"], "what": row["what"]} for row in rows
    ]
    return reply(200, {"data": found, "next": None})


@routes.post("/sims/<iccid>/balance")
@needs("modems")
def balance(iccid: str) -> Response:
    body(EmptyBody, optional=True)
    farm, card = deps(), _iccid(iccid)

    def question() -> Mapping[str, Any]:
        if farm.balance is None:
            raise UssdError("not_here", card)
        return farm.balance(card, by_whom())

    return network.ask(question)


@routes.delete("/modems/<modem:key>/allow")
@needs("modems")
def forbid(key: str) -> Response:
    narrowed.whole_farm()
    farm = deps()

    def work(tx: Tx) -> bool:
        return devices.forbid_everywhere(tx, key, farm.clock.now())

    if not farm.offload_call(work):
        raise not_found(f"permission at {key}")
    farm.wake()
    return Response(status=204)
