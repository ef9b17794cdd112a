"""/v1/policy: the rules for offers, their changes, and who vouches for them."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response

from modemfarm.policy.profiles import NAMES, OWN
from modemfarm.store import rates, rules
from modemfarm.store.engine import Tx
from modemfarm.webapp import asking
from modemfarm.webapp.access import by_whom, deps, needs
from modemfarm.webapp.bodies import AttestationBody, PolicyBody, body
from modemfarm.webapp.faults import fault
from modemfarm.webapp.problems import Problem, not_found
from modemfarm.webapp.writing import Answer, reply, write
from modemfarm.wording import known

routes = Blueprint("rules", __name__, url_prefix="/v1")
LONGEST = timedelta(days=3 * 366)  # of a word that somebody gives for offers


@routes.get("/policy")
@needs("people")
def show() -> Response:
    asking.only()
    farm = deps()
    configured, now = farm.intake.policy, farm.clock.now()
    with farm.store.read() as tx:
        told = rules.document(rules.in_force(tx, configured, now), configured)
        return reply(200, {**told, "opt_outs": rates.document(tx, now)})


@routes.patch("/policy")
@needs("people")
def change() -> Response:
    wanted = body(PolicyBody)
    farm, who = deps(), by_whom()
    given = {key: getattr(wanted, key) for key in wanted.model_fields_set}
    for key in given.keys() & set(OWN):
        if getattr(farm.intake.policy, key) is not None:
            raise Problem(409, "conflict", f"config.yaml sets policy.{key}; change it there.", code="configured")
    if given.get("profile") not in (None, *NAMES):
        raise _wrong("/profile", "expected", expected=", ".join(NAMES))
    configured = farm.intake.policy

    def work(tx: Tx) -> Answer:
        now = farm.clock.now()
        for key in sorted(given, key=lambda name: name != "profile"):  # what follows is about the new profile
            profile = rules.in_force(tx, configured, now).profile.name
            value = given[key]
            try:
                rules.change(tx, profile, key, None if value is None else str(value), now, who=who)
            except ValueError as error:
                slug = key if known(f"form.{key}") else "unfitting"
                raise _wrong(f"/{key}", slug, detail=str(error)) from None
        told = rules.document(rules.in_force(tx, configured, now), configured)
        return 200, {**told, "opt_outs": rates.document(tx, now)}

    return reply(*write(work))


@routes.post("/policy/attestation")
@needs("admin")
def attest() -> Response:
    wanted = body(AttestationBody)
    farm, actor = deps(), by_whom()
    configured, now = farm.intake.policy, farm.clock.now()
    if not now < wanted.until <= now + LONGEST:
        raise _wrong("/until", "three_years")

    def work(tx: Tx) -> Answer:
        profile = rules.in_force(tx, configured, now).profile.name
        rules.attest(
            tx, profile, wanted.who, wanted.basis, wanted.until, now, document=wanted.document or None, by=actor
        )
        return 201, rules.document(rules.in_force(tx, configured, now), configured)

    return reply(*write(work))


@routes.delete("/policy/attestation")
@needs("admin")
def withdraw() -> Response:
    farm, who = deps(), by_whom()
    configured, now = farm.intake.policy, farm.clock.now()

    def work(tx: Tx) -> bool:
        return rules.withdraw(tx, rules.in_force(tx, configured, now).profile.name, now, who=who)

    if not farm.offload_call(work):
        raise not_found("attestation that stands")
    return Response(status=204)


def _wrong(pointer: str, slug: str, *, detail: str = "", **params: str) -> Problem:
    """A member that does not fit.

    Args:
        slug: of the sentence `form.…`.
        detail: what English says instead, where that is more.
    """
    found = fault({"pointer": pointer}, "not_fitting", slug, params)
    found |= {"detail": detail} if detail else {}
    return Problem(422, "validation", f"Not as expected: {pointer}.", code="not_fitting", errors=[found])
