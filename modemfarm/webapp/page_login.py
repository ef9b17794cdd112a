"""The way in: one-time links, name and password with a code, lock-out, and a person's own account."""

from __future__ import annotations

import hashlib
import math
import secrets
import threading
from datetime import datetime
from typing import cast

from flask import Blueprint, Response, g, redirect, request, url_for

from modemfarm.store import audit, passwords, sessions, tries, users
from modemfarm.store.engine import Tx
from modemfarm.store.sealing import Secret
from modemfarm.webapp import access
from modemfarm.webapp.access import COOKIE, COOKIE_FORM, check_form, cookie, deps
from modemfarm.webapp.language import words
from modemfarm.webapp.page import person_as, seen_farm, show, write
from modemfarm.webapp.problems import Problem
from modemfarm.webapp.qr import svg

routes = Blueprint("login", __name__)

# Failures that cost nothing: of a name from one address, of an address, of a name from anywhere. The last is high:
# whoever knows a name could else keep its owner out.
_FREE_HERE, _FREE_ADDRESS, _FREE_NAME = 4, 20, 50
_one_at_a_time = threading.Lock()  # a password costs 32 MiB; and no two guesses pass one count of failures


def _counted(name: str) -> dict[str, int]:
    # names are digested: somebody may have typed the password there
    kept = hashlib.sha256(name.encode()).hexdigest()[:32]
    peer = access.peer()
    return {f"at {peer} {kept}": _FREE_HERE, f"at {peer}": _FREE_ADDRESS, f"name {kept}": _FREE_NAME}


def _enter(token: str, target: str = "/") -> Response:
    """Give the browser its new session and lead it in."""
    if request.headers.get("Sec-Fetch-Site", "none") in {"none", "same-origin"}:
        response = cast(Response, redirect(target, 303))
    else:  # a Strict cookie does not follow a redirect that another site began
        response = show("login_enter.html")
    _set(response, COOKIE, token, int(sessions.SESSION_LIVES.total_seconds()))
    response.delete_cookie(cookie(COOKIE_FORM), secure=access.secure(), httponly=True, samesite="Strict")
    return response


def _set(response: Response, name: str, value: str, max_age: int | None) -> None:
    response.set_cookie(
        cookie(name), value, max_age=max_age, httponly=True, samesite="Strict", secure=access.secure(), path="/"
    )


def _form(status: int = 200, said: str = "login_text", wait_s: int = 0) -> Response:
    """The login page, bound to this browser."""
    if not request.cookies.get(cookie(COOKIE_FORM)):
        g.form_token = secrets.token_urlsafe(32)
    said += "_seconds" if 0 < wait_s < 60 else ""
    response = show("login.html", status, said=words().page(said, seconds=wait_s, minutes=math.ceil(wait_s / 60)))
    if "form_token" in g:
        _set(response, COOKIE_FORM, g.form_token, None)
    if wait_s:
        response.headers["Retry-After"] = str(wait_s)
    return response


@routes.get("/login")
def login() -> Response:
    """Spend a one-time link, or ask who it is. HEAD and prefetching browsers must not spend it."""
    token = request.args.get("token")
    if token is None:
        return cast(Response, redirect("/", 303)) if access.session() else _form()
    if request.method == "HEAD" or "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")):
        return Response(status=503)
    opened = deps().offload_call(_spend, token, deps().clock.now(), access.session_token(), access.peer())
    if opened is None:
        return cast(Response, redirect("/", 303)) if access.session() else _form(403, "login_spent")
    found = deps().store.look(sessions.check_session, opened, deps().clock.now())
    return _enter(opened, url_for("login.account") if found is not None and found.user_id is not None else "/")


def _spend(tx: Tx, token: str, now: datetime, old: str, peer: str) -> str | None:
    opened = sessions.use_login(tx, token, now, old)
    found = None if opened is None else sessions.check_session(tx, opened, now)
    if found is not None:
        who = f"page:{found.name}" if found.name else "page"
        audit.note(tx, who, "login.done", now, subject=found.name, by="link", role=found.role, address=peer)
    return opened


def _failed(tx: Tx, counted: dict[str, int], name: str, peer: str, now: datetime) -> None:
    """Count a failure and write it down; `name` is a user's: what else was typed there may be a password."""
    tries.failed(tx, counted, now)
    audit.note(tx, "page", "login.failed", now, subject=name, address=peer)


@routes.post("/login")
def enter() -> Response:
    """Name, password and, where the person set one up, the code of an authenticator app."""
    check_form()
    farm = deps()
    name, password = request.form.get("name", ""), request.form.get("password", "")
    try:
        name = users.normal_name(name)
    except ValueError:
        name = ""
    counted = _counted(name)
    with _one_at_a_time:
        now = farm.clock.now()
        wait_s = farm.store.look(tries.wait_s, counted, now)
        if wait_s > 0:
            return _form(429, "login_wait", math.ceil(wait_s))
        user = farm.store.look(users.find, name)
        fits = passwords.fits(password, user.password if user else None)
        step = _step(user, request.form.get("code", "")) if user is not None and fits else None
        token = None
        if user is not None and fits and (user.totp is None or step is not None):
            token = farm.offload_call(_open, user, step, counted, access.session_token(), access.peer(), now)
        if token is None:
            farm.offload_call(_failed, counted, "" if user is None else user.name, access.peer(), now)
            return _form(403, "login_wrong")
    return _enter(token)


def _step(user: users.User, code: str) -> int | None:
    if user.totp is None:
        return None
    secret = Secret(deps().state_dir).open(user.totp, user.place)
    return passwords.step_of(secret, code, deps().clock.now(), user.totp_step)


def _open(
    tx: Tx, user: users.User, step: int | None, counted: dict[str, int], old: str, peer: str, now: datetime
) -> str | None:
    if step is not None and not users.spend_step(tx, user.id, step):
        return None
    tries.succeeded(tx, [who for who, free in counted.items() if free != _FREE_ADDRESS])
    audit.note(
        tx, f"page:{user.name}", "login.done", now, subject=user.name, by="password", role=user.role, address=peer
    )
    return sessions.open_session(tx, user.role, now, user.id, old)


@routes.post("/logout")
@person_as("viewer")
def logout() -> Response:
    write(sessions.end_session, access.session_token())
    return _out()


def _out() -> Response:
    response = cast(Response, redirect(url_for("login.login"), 303))
    response.delete_cookie(cookie(COOKIE), secure=access.secure(), httponly=True, samesite="Strict")
    return response


@routes.get("/account")
@person_as("viewer")
def account() -> Response:
    return _account()


def _account(status: int = 200, trouble: str = "") -> Response:
    found = _me(needed=False)
    secret = passwords.new_secret() if found is not None and found.totp is None else ""
    picture = svg(passwords.uri(secret, found.name, deps().farm_name)) if found is not None and secret else ""
    return show("account.html", status, user=found, secret=secret, picture=picture, wrong=trouble, **seen_farm(words()))


def _me(*, needed: bool = True) -> users.User | None:
    person = access.session()
    found = deps().store.look(users.find, person.name) if person is not None and person.name else None
    if found is None and needed:
        raise Problem(404, "not_found", words().page("account_none"))
    return found


def _sure(user: users.User) -> bool:
    """Whether it is still the owner who sits there: the password is asked for once more, and counted as a login."""
    farm, counted = deps(), _counted(user.name)
    with _one_at_a_time:
        if farm.store.look(tries.wait_s, counted, farm.clock.now()) > 0:
            return False
        if passwords.fits(request.form.get("old", ""), user.password):
            return True
        farm.offload_call(_failed, counted, user.name, access.peer(), farm.clock.now())
        return False


@routes.post("/account/password")
@person_as("viewer")
def password() -> Response:
    """Set one's own password; every other session of that person ends."""
    user = cast(users.User, _me())
    if user.password is not None and not _sure(user):
        return _account(403, words().page("login_wrong"))
    try:
        kept = passwords.hashed(request.form.get("password", ""), user.name)
    except passwords.WeakPasswordError as weak:
        return _account(422, words().page(f"password_{weak.code}"))

    now = deps().clock.now()

    def change(tx: Tx) -> str:
        users.set_password(tx, user.id, kept)
        audit.note(tx, f"page:{user.name}", "user.password", now, subject=user.name)
        return sessions.open_session(tx, user.role, now, user.id)

    return _enter(write(change), url_for("login.account"))


@routes.post("/account/totp")
@person_as("viewer")
def totp() -> Response:
    """Ask for codes from now on, once the person has shown one; or no more."""
    user = cast(users.User, _me())
    if not _sure(user):
        return _account(403, words().page("login_wrong"))
    sealed = None
    if request.form.get("secret"):
        secret = request.form["secret"]
        try:
            fits = passwords.step_of(secret, request.form.get("code", ""), deps().clock.now()) is not None
        except ValueError:
            fits = False
        if not fits or len(secret) < 32:
            return _account(422, words().page("totp_wrong"))
        sealed = Secret(deps().state_dir).seal(secret, user.place)
    now = deps().clock.now()

    def keep(tx: Tx) -> None:
        users.set_totp(tx, user.id, sealed)
        audit.note(tx, f"page:{user.name}", "user.codes", now, subject=user.name, asked=sealed is not None)

    write(keep)
    return cast(Response, redirect(url_for("login.account"), 303))


@routes.post("/account/logout")
@person_as("viewer")
def logout_everywhere() -> Response:
    """End every session of this person."""
    person = access.session()
    write(sessions.end_sessions, person.user_id if person is not None else None)
    return _out()
