"""The page's frame: login, language, the line, the Farm, and the switches on it."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from modemfarm import wording
from modemfarm.errors import ModemfarmError, StoreError
from modemfarm.store import actions, devices, epoch, remembered, rules, sims, unread, views
from modemfarm.store.engine import Tx
from modemfarm.webapp import access, masking
from modemfarm.webapp.access import by_whom, check_form, csrf_token, deps
from modemfarm.webapp.demo import DemoHooks
from modemfarm.webapp.language import COOKIE_LANG, words
from modemfarm.webapp.problems import Problem, not_found
from modemfarm.webapp.tiles import line, tiles
from modemfarm.webapp.words import Words

routes = Blueprint("page", __name__)
View = TypeVar("View", bound=Callable[..., Any])

_LOOKS = frozenset({"GET", "HEAD", "OPTIONS"})
LAST = 8  # messages and replies that the Farm shows


def person(view: View) -> View:
    """A route for a person who is logged in: anybody may look, an operator may change."""
    return _guarded(view, None)


def person_as(role: str) -> Callable[[View], View]:
    """A route for a person of this role or a higher one, whatever the method."""
    return functools.partial(_guarded, role=role)


def _guarded(view: View, role: str | None) -> View:
    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if access.session() is None:
            if request.headers.get("HX-Request"):
                return Response(status=401, headers={"HX-Redirect": url_for("login.login")})
            return redirect(url_for("login.login"), 303)
        if not access.may(role or ("viewer" if request.method in _LOOKS else "operator")):
            raise Problem(403, "forbidden_role", words().page("may_not"))
        if request.method not in _LOOKS:
            check_form()
        return view(*args, **kwargs)

    guarded.role = role  # type: ignore[attr-defined] # for the test of all routes
    return cast(View, guarded)


def show(template: str, status: int = 200, **values: Any) -> Response:
    """Render a template with the words and the bar."""
    w = words()
    response = make_response(
        render_template(
            template,
            w=w,
            say=w.say,
            t=w.page,
            lang=w.lang,
            languages=wording.LANGUAGES,
            csrf=csrf_token(),
            farm_name=deps().farm_name,
            demo=deps().demo is not None,
            insecure=deps().settings.insecure and not request.is_secure,
            may=access.may,
            me=access.known(),
            shown=masking.here,
            here=request.path,
            **values,
        ),
        status,
    )
    if request.args.get("lang") in wording.LANGUAGES:
        response.set_cookie(COOKIE_LANG, w.lang, max_age=31_536_000, httponly=True, samesite="Lax")
    return response


def fragment(template: str, **values: Any) -> Response:
    """A polled piece: 204 when the page has it already, so that nothing moves unless something changed."""
    return _piece_or_nothing(*_drawn(template, values))


def watched(template: str, values: Callable[[], dict[str, Any]]) -> Response:
    """The same for a piece that every open page asks for: drawn once for all who see the same."""
    farm, here = deps(), request.args.get("here", "/")
    if farm.settings.share_s <= 0:
        return fragment(template, **values())
    person = access.known()
    name = " ".join((template, words().lang, person.role if person is not None else "", here))
    return _piece_or_nothing(*farm.lately.get(name, lambda: _drawn(template, values()), farm.settings.share_s))


def _drawn(template: str, values: dict[str, Any]) -> tuple[str, str]:
    """A piece without what is this browser's alone, and the mark by which one knows it again."""
    w = words()
    text = render_template(template, w=w, say=w.say, t=w.page, lang=w.lang, csrf="@csrf@", mark="@mark@",
                           languages=wording.LANGUAGES, farm_name=deps().farm_name, demo=deps().demo is not None,
                           may=access.may, me=access.known(), shown=masking.here, polled=True,
                           here=request.args.get("here", "/"), **values)  # fmt: skip
    return text, hashlib.sha256(text.encode()).hexdigest()[:16]


def _piece_or_nothing(text: str, mark: str) -> Response:
    if request.args.get("seen") == mark:
        return Response(status=204)
    own = text.replace("@mark@", mark).replace('value="@csrf@"', f'value="{csrf_token()}"')
    return Response(own, content_type="text/html; charset=utf-8")


def piece(template: str, status: int = 200, **values: Any) -> Response:
    """A piece of a page, as the answer to a form that stays where it is."""
    w = words()
    text = render_template(template, w=w, say=w.say, t=w.page, lang=w.lang, csrf=csrf_token(), may=access.may,
                           me=access.known(), shown=masking.here, farm_name=deps().farm_name, **values)  # fmt: skip
    return Response(text, status, content_type="text/html; charset=utf-8")


def _prohibited(tx: Tx, now: datetime) -> dict[str, Any] | None:
    """Where offers from ordinary SIMs are prohibited: the profile, and the clearance that opens them all the same."""
    found = rules.in_force(tx, deps().intake.policy, now)
    if found.profile.own_sim != "prohibited":
        return None
    given = found.attestation if found.is_open else None
    about = {} if given is None else {"document": given.document, "who": given.who, "until": given.until.isoformat()}
    return {"profile": found.profile.name, **about}


def seen_farm(w: Words) -> dict[str, Any]:
    """What bar and Farm show, from one view of the database; a broken database is shown, not raised."""
    farm = deps()
    if "seen" in g:
        return cast(dict[str, Any], g.seen)
    now = w.now
    trouble = farm.trouble()
    try:
        with farm.store.read() as tx:
            cards = views.sims(tx, terms=farm.terms, now=now)
            stats = views.stats(tx, farm.lately.get("counted", lambda: views.counted(tx, now)))
            shown = tiles(views.modems(tx), cards, w, remembered.last_cards(tx))
            finish = farm.outlook.lately().finish_at if stats["waiting"] else None
            messages = views.messages(tx, limit=LAST)["data"]
            replies = views.inbound_list(tx, limit=LAST)["data"]
            new_replies = unread.count(tx)
            prohibited = _prohibited(tx, now)
    except StoreError:
        trouble = trouble or "store"
        stats = {"queue": {}, "waiting": 0, "without_sim": 0, "pauses": [], "parts_sent_24h": 0, "restored": 0}
        shown, finish, messages, replies, new_replies, prohibited = [], None, [], [], 0, None
    phrases = line(shown, stats, w.clock(finish), trouble, w)
    paused = next((item for item in stats["pauses"] if item["scope"] == "all"), None)
    g.seen = {
        "tiles": shown,
        "prohibited": prohibited,
        "stats": stats,
        "messages": messages,
        "replies": replies,
        "phrases": phrases,
        "title": " · ".join(phrase.text for phrase in phrases),
        "paused": paused,
        "restored": stats["restored"],
        "trouble": trouble,
        "new_replies": new_replies,
    }
    return cast(dict[str, Any], g.seen)


def frame() -> dict[str, Any]:
    """What the bar of a page that is not the Farm shows."""
    seen = seen_farm(words())
    return {name: seen[name] for name in ("phrases", "title", "paused", "restored", "new_replies", "trouble")}


@routes.get("/")
@person
def farm_page() -> Response:
    extra: dict[str, Any] = {}
    demo = deps().demo
    if demo is not None:
        asked, there = request.args.get("phone"), phones(demo)
        extra["phones"] = there if asked is None or asked in there else (asked, *there)
        extra["number"] = asked or next(iter(there), "")
    return show("farm.html", mark="", **seen_farm(words()), **extra)


def phones(demo: DemoHooks) -> tuple[str, ...]:
    """The phones to choose from; none while the simulated network does not answer."""
    try:
        return tuple(demo.numbers())
    except (ModemfarmError, OSError):
        return ()


@routes.get("/fragment/bar")
@person
def bar() -> Response:
    return watched("_bar.html", lambda: seen_farm(words()))


@routes.get("/fragment/farm")
@person
def farm_fragment() -> Response:
    return watched("_farm.html", lambda: seen_farm(words()))


def back() -> Response:
    """To the page that the form stood on."""
    came = urlsplit(request.headers.get("Referer", ""))
    ours = came.netloc == request.host and came.path.startswith("/") and not came.path.startswith("//")
    target = came.path + (f"?{came.query}" if came.query else "") if ours else "/"
    return cast(Response, redirect(target, 303))


def write(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """One write of a person's, and the wake-up after it."""
    farm = deps()

    def named(tx: Tx) -> Any:
        return work(tx, *args, **kwargs)

    result = farm.offload_call(named)
    farm.lately.forget()
    farm.wake()
    return result


@routes.post("/pause")
@person
def pause() -> Response:
    write(actions.pause, "all", "", deps().clock.now(), who=by_whom())
    return back()


@routes.post("/resume")
@person
def resume() -> Response:
    write(actions.resume, "all", "", deps().clock.now(), who=by_whom())
    return back()


@routes.post("/release")
@person
def release() -> Response:
    """Let go what a restore of the database held."""
    write(epoch.release, deps().clock.now(), who=by_whom())
    return back()


@routes.post("/sims/<iccid>/<any(pause, resume):what>")
@person
def sim_switch(iccid: str, what: str) -> Response:
    change = actions.sim_pause if what == "pause" else actions.sim_resume
    if not write(change, iccid, deps().clock.now()):
        raise not_found("SIM", iccid)
    return back()


@routes.post("/sims/<iccid>/answer")
@person
def sim_answer(iccid: str) -> Response:
    """What a person says to the question about many people."""
    farm = deps()
    word = request.form.get("answer", "")
    if word not in actions.ANSWERS or not write(actions.sim_answer, iccid, farm.terms, word, farm.clock.now()):
        raise not_found("SIM", iccid)
    return back()


@routes.post("/modems/<modem:key>/allow")
@person
def allow(key: str) -> Response:
    farm = deps()
    modem = farm.store.look(views.modem, key)
    if modem is None:
        raise not_found("modem", key)
    write(devices.allow_offered, modem["path"], farm.clock.now())
    return back()


@routes.post("/modems/<modem:key>/reset")
@person
def reset(key: str) -> Response:
    modem = deps().store.look(views.modem, key) or deps().store.look(views.modem, "/" + key)
    if modem is None:
        raise not_found("modem", key)
    write(sims.wish, modem["path"], "reset", modem["host"])
    return back()


def problem(what: Problem) -> Response:
    """An error for a person."""
    slug = f"problem.{what.code}"
    said = words().say(slug) if wording.known(slug) else what.detail
    if request.headers.get("HX-Request"):  # a piece stays as it is; the page says that it is old
        return Response(said, what.status, content_type="text/plain; charset=utf-8")
    return show("problem.html", what.status, what=what, said=said)
