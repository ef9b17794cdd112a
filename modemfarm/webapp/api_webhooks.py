"""/v1/webhooks: which addresses are told what happens."""

from __future__ import annotations

from flask import Blueprint, Response

from modemfarm.store import outbox, webhooks
from modemfarm.store.engine import Tx
from modemfarm.store.sealing import SealError
from modemfarm.webapp import asking
from modemfarm.webapp.access import by_whom, deps, needs
from modemfarm.webapp.bodies import EmptyBody, ReplayBody, WebhookBody, body
from modemfarm.webapp.problems import Problem, not_found
from modemfarm.webapp.writing import Answer, reply, write

routes = Blueprint("webhooks", __name__, url_prefix="/v1")


@routes.get("/webhooks")
@needs("admin")
def list_() -> Response:
    asking.only()
    return reply(200, {"data": deps().store.look(webhooks.document), "next": None})


@routes.post("/webhooks")
@needs("admin")
def add() -> Response:
    wanted = body(WebhookBody)
    farm = deps()
    secret = wanted.secret or webhooks.new_secret()
    made: list[int] = []
    actor = by_whom()

    def work(tx: Tx) -> Answer:
        try:
            told = (wanted.url, wanted.events, secret, farm.clock.now())
            networks = farm.settings.webhook_networks
            made.append(webhooks.enter(tx, farm.store.secret, *told, who=actor, networks=networks))
        except webhooks.TooManyError as error:
            raise Problem(409, "conflict", f"{error}.", code="too_many") from None
        except webhooks.UnfitError as error:
            fault = {"pointer": error.member, "code": error.code, "detail": str(error)}
            what = f"{error}."
            raise Problem(422, "validation", what, code="webhook", errors=[fault], params=error.params) from None
        except SealError as error:
            raise Problem(503, "store_unavailable", f"{error}.", code="key_file") from error
        return 201, _shown(tx, made[-1])

    status, answer = write(work)
    # what an Idempotency-Key keeps holds no secret: it is shown by the answer that made it, and never again
    return reply(status, {**answer, "secret": secret if made else None})


@routes.delete("/webhooks/<int:hook_id>")
@needs("admin")
def remove(hook_id: int) -> Response:
    now, actor = deps().clock.now(), by_whom()

    def work(tx: Tx) -> Answer:
        if _found(tx, hook_id).source == webhooks.CONFIGURED:
            raise Problem(409, "conflict", "config.yaml names this webhook; remove it there.", code="configured")
        webhooks.remove(tx, hook_id, now, actor)
        return 200, {"id": hook_id}

    return reply(*write(work))


@routes.post("/webhooks/<int:hook_id>/test")
@needs("admin")
def test(hook_id: int) -> Response:
    body(EmptyBody, optional=True)
    now = deps().clock.now()

    def work(tx: Tx) -> Answer:
        _found(tx, hook_id)
        return 202, {"event": outbox.test(tx, hook_id, now)}

    return reply(*write(work))


@routes.post("/webhooks/<int:hook_id>/replay")
@needs("admin")
def replay(hook_id: int) -> Response:
    wanted, now = body(ReplayBody), deps().clock.now()

    def work(tx: Tx) -> Answer:
        _found(tx, hook_id)
        return 202, {"calls": outbox.replay(tx, hook_id, wanted.since, now)}

    return reply(*write(work))


@routes.post("/webhooks/<int:hook_id>/enable")
@needs("admin")
def enable(hook_id: int) -> Response:
    body(EmptyBody, optional=True)
    now, actor = deps().clock.now(), by_whom()

    def work(tx: Tx) -> Answer:
        _found(tx, hook_id)
        webhooks.enable(tx, hook_id, now, actor)
        return 200, _shown(tx, hook_id)

    return reply(*write(work))


def _found(tx: Tx, hook_id: int) -> webhooks.Hook:
    hook = webhooks.one(tx, hook_id)
    if hook is None:
        raise not_found("webhook")
    return hook


def _shown(tx: Tx, hook_id: int) -> dict[str, object]:
    return next(item for item in webhooks.document(tx) if item["id"] == hook_id)
