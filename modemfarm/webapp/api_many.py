"""/v1/messages/cancel and its like: many messages at once, by state, reason, batch, recipient or class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response

from modemfarm.intake import many
from modemfarm.store import actions, labels, selecting, views
from modemfarm.store.engine import Tx
from modemfarm.store.selecting import Which
from modemfarm.webapp import asking, narrowed
from modemfarm.webapp.access import by_whom, deps, intake, needs
from modemfarm.webapp.api_batches import batch
from modemfarm.webapp.bodies import EmptyBody, ManyBody, ManyEditBody, ManyResolveBody, ResolveBody, body
from modemfarm.webapp.numbers import number_of
from modemfarm.webapp.writing import Answer, go_on, key_of_request, reply, write

routes = Blueprint("many", __name__, url_prefix="/v1")


def act(
    what: str,
    which: Which,
    *,
    word: str = "",
    changes: Mapping[str, object] | None = None,
    most: int | None = None,
    after: int = 0,
) -> many.Done:
    """Do it to all that are meant, and wake those who send."""
    farm = deps()
    done = many.do(
        farm.store.look,
        farm.offload_call,
        many.acting(what, which.states, intake(), word=word, changes=changes, who=by_whom()),
        which,
        farm.clock.now,
        most=most,
        after=after,
    )
    farm.offload_call(many.note, by_whom(), what, done.count, farm.clock.now())
    farm.wake()
    return done


def _some(what: str, asked: ManyBody, *, word: str = "", changes: Mapping[str, object] | None = None) -> Response:
    asking.only("dry_run")
    narrowed.whole_farm()
    newest = deps().store.look(labels.newest)
    which = many.meant(
        what,
        tuple(asked.state or ()),
        reason=asked.reason,
        batch=asked.batch,
        to=None if asked.to is None else number_of(asked.to, deps().intake.country)[0],
        message_class=asked.message_class,
        upto=newest if asked.upto is None else min(asked.upto, newest),
    )
    if asking.flag("dry_run"):
        key_of_request()  # a real one would refuse what is no key, and these changes
        many.acting(what, which.states, intake(), word=word, changes=changes)
        count = deps().store.look(selecting.count, which)
        return reply(200, {"count": count, "not_done": [], "more": False, "upto": newest})

    def work() -> dict[str, Any]:
        done = act(what, which, word=word, changes=changes, most=asked.limit, after=asked.after)
        left = {"after": done.last} if done.more else {}
        return {"count": done.count, "not_done": done.not_done, "more": done.more} | left

    return reply(*go_on(200, work))


@routes.post("/messages/cancel")
@needs("messages:send")
def cancel() -> Response:
    return _some("cancel", body(ManyBody))


@routes.post("/messages/edit")
@needs("messages:send")
def edit() -> Response:
    asked = body(ManyEditBody)
    return _some("edit", asked, changes=asked.changes.changes())


@routes.post("/messages/retry")
@needs("messages:send")
def retry() -> Response:
    return _some("retry", body(ManyBody))


@routes.post("/messages/resolve")
@needs("messages:send")
def resolve() -> Response:
    asked = body(ManyResolveBody)
    return _some("resolve", asked, word=asked.outcome)


def _of_batch(batch_id: int, what: str, told: str, word: str = "") -> Response:
    batch(batch_id)
    which = many.meant(what, batch=batch_id, upto=deps().store.look(labels.newest))

    def work() -> dict[str, Any]:
        done = act(what, which, word=word)
        return batch(batch_id) | {told: done.count, "not_done": done.not_done}

    return reply(*go_on(200, work))


@routes.post("/batches/<int:batch_id>/cancel")
@needs("messages:send")
def cancel_batch(batch_id: int) -> Response:
    body(EmptyBody, optional=True)
    return _of_batch(batch_id, "cancel", "canceled")


@routes.post("/batches/<int:batch_id>/retry")
@needs("messages:send")
def retry_batch(batch_id: int) -> Response:
    body(EmptyBody, optional=True)
    return _of_batch(batch_id, "retry", "retried")


@routes.post("/batches/<int:batch_id>/resolve")
@needs("messages:send")
def resolve_batch(batch_id: int) -> Response:
    return _of_batch(batch_id, "resolve", "resolved", body(ResolveBody).outcome)


@routes.post("/batches/<int:batch_id>/<any(pause, resume):what>")
@needs("messages:send")
def switch_batch(batch_id: int, what: str) -> Response:
    body(EmptyBody, optional=True)
    batch(batch_id)
    farm, who = deps(), by_whom()
    change = actions.pause if what == "pause" else actions.resume

    def work(tx: Tx) -> Answer:
        change(tx, "batch", str(batch_id), farm.clock.now(), who=who)
        return 200, {"pauses": views.pauses(tx)}

    return reply(*write(work))
