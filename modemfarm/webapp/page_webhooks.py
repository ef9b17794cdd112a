"""Webhooks on the Settings page, for administrators."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, redirect, request, url_for

from modemfarm.store import outbox, webhooks
from modemfarm.store.engine import Tx
from modemfarm.webapp.access import by_whom, deps
from modemfarm.webapp.language import words
from modemfarm.webapp.page import person_as, seen_farm, show, write
from modemfarm.webapp.problems import Problem, not_found

routes = Blueprint("webhook", __name__, url_prefix="/settings/webhooks")


@routes.get("")
@person_as("admin")
def listed() -> Response:
    return _page(tested="tested" in request.args)


def _page(status: int = 200, *, secret: str = "", wrong: str = "", tested: bool = False) -> Response:
    """All addresses, and the secret that is shown this once."""
    return show(
        "webhooks.html", status, hooks=deps().store.look(webhooks.document), types=webhooks.TYPES, secret=secret,
        wrong=wrong, tested=tested, **seen_farm(words()),
    )  # fmt: skip


@routes.post("")
@person_as("admin")
def add() -> Response:
    farm = deps()
    url, chosen, secret = request.form.get("url", "").strip(), request.form.getlist("event"), webhooks.new_secret()
    try:
        write(
            webhooks.enter, farm.store.secret, url, chosen, secret, farm.clock.now(),
            who=by_whom(), networks=farm.settings.webhook_networks,
        )  # fmt: skip
    except webhooks.UnfitError as error:
        what = words().row_fault(error.code, str(error), error.params)
        return _page(422, wrong=words().page("webhook_wrong", what=what))
    except webhooks.TooManyError as error:
        return _page(422, wrong=words().page("webhook_wrong", what=str(error)))
    return _page(secret=secret)


@routes.post("/<int:hook_id>/<any(test, enable, remove):what>")
@person_as("admin")
def change(hook_id: int, what: str) -> Response:
    now, person, there = deps().clock.now(), by_whom(), words().page("webhook_file")

    def work(tx: Tx) -> None:
        hook = webhooks.one(tx, hook_id)
        if hook is None:
            raise not_found("webhook", hook_id)
        if what == "test":
            outbox.test(tx, hook_id, now)
        elif what == "enable":
            webhooks.enable(tx, hook_id, now, person)
        elif hook.source == webhooks.CONFIGURED:
            raise Problem(409, "conflict", there)
        else:
            webhooks.remove(tx, hook_id, now, person)

    write(work)
    back = url_for("webhook.listed", tested="1") if what == "test" else url_for("webhook.listed")
    return cast(Response, redirect(back, 303))
