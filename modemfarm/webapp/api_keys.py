"""API keys over the API itself: made, listed and switched off by one that is an administrator's."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response, url_for
from pydantic import Field

from modemfarm.model import Ceiling, millionths
from modemfarm.store import keys
from modemfarm.store.counters import day_start
from modemfarm.store.shapes import cost_fault
from modemfarm.webapp.access import by_whom, deps, needs
from modemfarm.webapp.asking import only
from modemfarm.webapp.bodies import Body, Whole, body
from modemfarm.webapp.faults import fault
from modemfarm.webapp.problems import Problem, not_found
from modemfarm.webapp.writing import reply

routes = Blueprint("keys", __name__, url_prefix="/v1/keys")


class KeyBody(Body):
    """`POST /v1/keys`."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
    scopes: Annotated[list[str], Field(default_factory=list)]
    rate: Annotated[Whole, Field(ge=1, le=1_000_000)] | None = None
    parts_per_day: Annotated[Whole, Field(ge=1, le=1_000_000_000)] | None = None
    sims: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = None
    cost_per_day: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] | None = None


@routes.get("")
@needs("admin")
def listed() -> Response:
    only()
    farm = deps()
    days = Ceiling(None, None, str(farm.zone)).days
    found = farm.store.look(keys.list_keys, day_start(days, farm.clock.now()))
    return reply(200, {"data": found, "next": None})


@routes.post("")
@needs("admin")
def create() -> Response:
    """Make a key. No Idempotency-Key is kept for it: its answer would keep the key."""
    only()
    wanted = body(KeyBody)
    farm = deps()
    wrong = [scope for scope in wanted.scopes if scope not in keys.SCOPES]
    if wrong:
        raise _not_fitting("/scopes", "expected", expected=", ".join(keys.SCOPES))
    if wanted.sims is not None and (not wanted.scopes or "admin" in wanted.scopes):
        raise _not_fitting("/scopes", "scopes_for_sims")
    if wanted.cost_per_day is not None and cost_fault(farm.terms.currencies):
        raise _not_fitting("/cost_per_day", "one_currency")
    cost = None if wanted.cost_per_day is None else millionths(wanted.cost_per_day)
    made = farm.offload_call(
        keys.create_key, wanted.name, wanted.scopes, farm.clock.now(), wanted.parts_per_day, cost,
        by_whom(), wanted.rate, wanted.sims,
    )  # fmt: skip
    return reply(201, {"key": made, "name": wanted.name}, {"Location": url_for("keys.listed")})


@routes.delete("/<int:key_id>")
@needs("admin")
def revoke(key_id: int) -> Response:
    farm = deps()
    if not farm.offload_call(keys.revoke_key_id, key_id, farm.clock.now(), by_whom()):
        raise not_found("key", key_id, " that works")
    return Response(status=204)


def _not_fitting(pointer: str, slug: str, **params: str) -> Problem:
    found = fault({"pointer": pointer}, "not_fitting", slug, params)
    return Problem(422, "validation", f"Not as expected: {pointer}.", code="not_fitting", errors=[found])
