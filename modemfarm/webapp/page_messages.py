"""The page's list of messages: found, counted, acted on together; and each with its whole story."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request, url_for

from modemfarm.errors import BadFieldError, RefusedError, SubmitError
from modemfarm.intake import asked, many
from modemfarm.intake.again import retry
from modemfarm.intake.edit import edit
from modemfarm.model import MessageClass, MessageState
from modemfarm.store import actions, labels, seeking, selecting, story, views
from modemfarm.store.seeking import Sought
from modemfarm.store.shapes import Shape
from modemfarm.webapp import asking
from modemfarm.webapp.access import by_whom, deps
from modemfarm.webapp.api_many import act
from modemfarm.webapp.language import words
from modemfarm.webapp.page import back, fragment, frame, person, show, write
from modemfarm.webapp.page_send import Typed, moment, typed
from modemfarm.webapp.problems import not_found

routes = Blueprint("lists", __name__)

_SHOWN = 50
_LONGEST_SEARCH = 100
_NARROW = ("sim", "class", "since", "until")  # filters that stand behind "more"
_FILTERS = ("state", "q", "batch", *_NARROW)
_AT_ONCE = {"cancel": many.CANCELS, "edit": ("scheduled", "held", "queued"), "retry": many.RETRIES}  # offered for these
_ANYONE = "*"  # in the form for many: any SIM may send it, where "" leaves that as it is
AT_ONCE = 20_000  # of what a button acts on; it stands there again for the others


@routes.get("/messages")
@person
def messages() -> Response:
    sought, farm = _sought(), deps()
    with farm.store.read() as tx:
        found = seeking.messages(tx, sought, cursor=asking.cursor(), limit=_SHOWN)
        whole = sought == Sought(states=sought.states)  # counted once for all who watch
        counts = farm.lately.get("counts", lambda: views.counts(tx)) if whole else seeking.counts(tx, sought)
        oldest = None if asking.cursor() or sought.words else seeking.oldest_waiting(tx)
        newest = labels.newest(tx)
        able = {what: selecting.count(tx, which) for what, which in _meant(sought, newest)}
        cards = views.sims(tx, terms=farm.terms, now=farm.clock.now())
    return show(
        "messages.html",
        mark="",
        found=found,
        sought=sought,
        counts=counts,
        able=able,
        newest=newest,
        oldest=oldest,
        sims=cards,
        asked={name: request.args.get(name, "") for name in _FILTERS},
        narrowed=any(request.args.get(name) for name in _NARROW),
        classes=[item.value for item in MessageClass],
        anyone=_ANYONE,
        link=_link,
        **frame(),
    )


def _sought() -> Sought:
    """What the address asks for; what cannot be meant is left out."""
    given = request.args
    since, before = _day("since"), _day("until")
    batch = given.get("batch", "")
    return Sought(
        states=tuple(asking.states()),
        words=given.get("q", "").strip()[:_LONGEST_SEARCH],
        iccid=given.get("sim", ""),
        batch=int(batch) if batch.isdecimal() and len(batch) < 19 else None,
        message_class=given.get("class", ""),
        since=since,
        before=None if before is None else before + timedelta(days=1),
    )


def _day(name: str) -> datetime | None:
    """The beginning of a day, where the page's clock is."""
    try:
        day = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=deps().zone)


def _link(**changes: object) -> str:
    """This list with something else about it; a list with another filter begins with its newest."""
    kept = {name: ",".join(request.args.getlist(name)) for name in _FILTERS}
    wanted = {name: value for name, value in {**kept, **changes}.items() if value not in ("", None)}
    return "/messages" + (f"?{urlencode(wanted)}" if wanted else "")


def _meant(sought: Sought, newest: int) -> list[tuple[str, selecting.Which]]:
    """What can be done at once to all that the filter shows."""
    if not sought.states or not sought.is_plain():
        return []
    those = {"batch": sought.batch, "message_class": sought.message_class or None, "upto": newest}
    return [
        (what, many.meant(what, sought.states, **those))
        for what, states in _AT_ONCE.items()
        if set(sought.states) <= set(states)
    ]


def _which(what: str) -> selecting.Which | None:
    """What the button that was pressed is about: not what came since it was drawn."""
    newest = request.form.get("upto", "")
    upto = int(newest) if newest.isdecimal() and len(newest) < 19 else 0
    return next((which for able, which in _meant(_sought(), upto) if able == what), None)


@routes.post("/messages/<any(cancel, retry):what>")
@person
def several(what: str) -> Response:
    which = _which(what)
    if which is not None:
        act(what, which, most=AT_ONCE)
    return back()


@routes.post("/messages/edit")
@person
def change_many() -> Response:
    """Show what a change is about and, once that was confirmed, make it; then what stayed as it was, and why."""
    farm, which, what = deps(), _which("edit"), typed()
    if which is None:
        return back()
    fault, done = "", None
    try:
        many.acting("edit", which.states, farm.intake, changes=_changes(what))
        if request.form.get("do") == "change":
            done = act("edit", which, changes=_changes(what), most=AT_ONCE)
    except SubmitError as error:
        fault = words().fault(error)
    with farm.store.read() as tx:
        count = selecting.count(tx, which)
        cards = views.sims(tx, terms=farm.terms, now=farm.clock.now())
    told = [
        {**one, "said": words().row_fault(str(one["reason"]), str(one["reason"]))}
        for one in (done.not_done if done else ())
    ]
    return show("messages_change.html", 422 if fault else 200, mark="", what=what, count=count, done=done, told=told,
                fault=fault, sims=cards, anyone=_ANYONE, upto=which.upto, link=_link, **frame())  # fmt: skip


def _changes(what: Typed) -> dict[str, object]:
    """What was filled in of the form for many.

    Raises:
        BadFieldError: nothing was, or a time that is none.
    """
    changes: dict[str, object] = {}
    if what.text.strip():
        changes["text"] = what.text
    if what.pinned:
        changes["from"] = None if what.pinned == _ANYONE else what.pinned
    if what.send_at:
        changes["send_at"] = moment(what.send_at)
    if not changes:
        raise BadFieldError("changes", "no_changes", "nothing is to be changed")
    return changes


@routes.get("/messages/<int:message_id>")
@person
def message(message_id: int) -> Response:
    return _message(message_id)


def _message(message_id: int, what: Typed | None = None, fault: str = "", status: int = 200) -> Response:
    """A message with its story and, while nothing of it left, what can be changed of it."""
    found = _story(message_id)
    with deps().store.read() as tx:
        cards = views.sims(tx, terms=deps().terms, now=deps().clock.now())
    cards = [card for card in cards if card["state"] != "absent"]
    shown = what or _as_it_is(found["m"])
    return show("message.html", status, mark="", typed=shown, fault=fault, sims=cards, **found, **frame())


def _as_it_is(found: Shape) -> Typed:
    """What the form shows of a message."""
    at = found["send_at"] and datetime.fromisoformat(found["send_at"]).astimezone(deps().zone)
    return Typed(text=found["text"], pinned=found["from"] or "", send_at=f"{at:%Y-%m-%dT%H:%M}" if at else "")


@routes.post("/messages/<int:message_id>/edit")
@person
def change(message_id: int) -> Response:
    found = deps().store.look(views.message, min(message_id, 2**62))
    if found is None:
        raise not_found("message", message_id)
    was, what = _as_it_is(found), typed()
    try:
        changes: dict[str, object] = {}
        if what.text != was.text:
            changes["text"] = what.text
        if what.pinned != was.pinned:
            changes["from"] = what.pinned or None
        if what.send_at != was.send_at:  # the form knows no seconds
            changes["send_at"] = moment(what.send_at)
        if changes:
            write(edit, message_id, changes, deps().intake, deps().clock.now(), who=by_whom())
    except RefusedError as error:
        return _message(message_id, what, words().refusal(error.slug, found["to"]), 403)
    except SubmitError as error:
        return _message(message_id, what, words().fault(error), 409 if error.code == "too_late" else 422)
    return redirect(url_for("lists.message", message_id=message_id), 303)  # type: ignore[return-value]  # werkzeug's base class


@routes.get("/fragment/messages/<int:message_id>")
@person
def its_story(message_id: int) -> Response:
    return fragment("_story.html", **_story(message_id))


def _story(message_id: int) -> dict[str, Any]:
    """A message, what became of it, and what a person can do about it."""
    with deps().store.read() as tx:
        found = views.message(tx, min(message_id, 2**62))
        told = story.explain(tx, min(message_id, 2**62), terms=deps().terms, now=deps().clock.now())
        rules = asked.table(tx, min(message_id, 2**62), deps().intake, deps().clock.now())
    if found is None:
        raise not_found("message", message_id)
    waits = found["state"] in {"scheduled", "held", "queued"}
    can = {
        "cancel": waits,
        "edit": waits and all(part["state"] == "waiting" for part in found["parts"]),
        "retry": found["state"] in {"failed", "undelivered", "expired", "canceled"} and found["text"],
        "resolve": found["state"] == MessageState.UNKNOWN,
    }
    return {"m": found, "story": told, "rules": rules, "can": can}


@routes.post("/messages/<int:message_id>/cancel")
@person
def cancel(message_id: int) -> Response:
    write(actions.cancel, message_id, deps().clock.now(), who=by_whom())
    return back()


@routes.post("/messages/<int:message_id>/retry")
@person
def again(message_id: int) -> Response:
    taken = write(retry, message_id, deps().intake, deps().clock.now())
    if taken is None:
        raise not_found("message", message_id)
    return redirect(url_for("lists.message", message_id=taken.message_id), 303)  # type: ignore[return-value]  # werkzeug's base class


@routes.post("/messages/<int:message_id>/resolve/<any(sent, failed):outcome>")
@person
def resolve(message_id: int, outcome: str) -> Response:
    write(actions.resolve, message_id, outcome == "sent", deps().clock.now(), who=by_whom())
    return back()
