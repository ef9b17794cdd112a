"""Keys and users on the Settings page, for administrators."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, redirect, request, url_for

from modemfarm.store import audit, keys, sessions, users
from modemfarm.store.engine import Tx
from modemfarm.webapp import access
from modemfarm.webapp.access import deps
from modemfarm.webapp.language import words
from modemfarm.webapp.page import person_as, seen_farm, show, write
from modemfarm.webapp.problems import not_found

routes = Blueprint("access", __name__, url_prefix="/settings/access")


@routes.get("")
@person_as("admin")
def listed() -> Response:
    return _page()


def _page(status: int = 200, *, secret: str = "", link: str = "", wrong: str = "") -> Response:
    """Both lists, and what is shown this once."""
    farm = deps()
    live = [key for key in farm.store.look(keys.list_keys) if key["revoked_at"] is None]
    return show(
        "access.html", status, keys=live, people=farm.store.look(users.listed), scopes=keys.SCOPES, roles=users.ROLES,
        secret=secret, link=link, wrong=wrong, **seen_farm(words()),
    )  # fmt: skip


def _back() -> Response:
    return cast(Response, redirect(url_for("access.listed"), 303))


@routes.post("/keys")
@person_as("admin")
def make_key() -> Response:
    name, rate = request.form.get("name", "").strip(), request.form.get("rate", "").strip()
    scopes = [scope for scope in request.form.getlist("scope") if scope in keys.SCOPES]
    if (
        not name
        or len(name) > 100
        or not scopes
        or (rate and not (rate.isascii() and rate.isdigit() and int(rate[:9])))
    ):
        return _page(422, wrong=words().page("key_wrong"))
    most = int(rate[:9]) if rate else None
    made = write(keys.create_key, name, scopes, deps().clock.now(), who=access.by_whom(), rate=most)
    return _page(secret=made)


@routes.post("/keys/<int:key_id>/revoke")
@person_as("admin")
def revoke(key_id: int) -> Response:
    if not write(keys.revoke_key_id, key_id, deps().clock.now(), access.by_whom()):
        raise not_found("key", key_id)
    return _back()


@routes.post("/users")
@person_as("admin")
def invite() -> Response:
    """Make a user, or a new link for one who is there; the person sets the password with it."""
    role, now, actor = request.form.get("role", ""), deps().clock.now(), access.by_whom()
    try:
        name = users.normal_name(request.form.get("name", ""))
    except ValueError:
        name = ""
    if not name or role not in users.ROLES:
        return _page(422, wrong=words().page("user_wrong"))

    def work(tx: Tx) -> str | None:
        made = users.add(tx, name, role, now)
        if made is None:
            return None
        audit.note(tx, actor, "user.added", now, subject=name, role=role)
        return sessions.create_login(tx, role, now, made)

    token = write(work)
    if token is None:
        return _page(409, wrong=words().page("user_there"))
    return _page(link=f"{request.host_url}login?token={token}")


@routes.post("/users/<name>/<any(remove, role):what>")
@person_as("admin")
def change(name: str, what: str) -> Response:
    role = request.form.get("role", "")
    if what == "role" and role not in users.ROLES:
        return _page(422, wrong=words().page("user_wrong"))
    now, actor = deps().clock.now(), access.by_whom()

    def work(tx: Tx) -> bool:
        if what == "remove":
            done, told = users.remove(tx, name), {}
        else:
            done, told = users.set_role(tx, name, role), {"role": role}
        if done:
            audit.note(tx, actor, "user.removed" if what == "remove" else "user.role", now, subject=name, **told)
        return done

    if not write(work):
        raise not_found("user", name)
    return _back()
