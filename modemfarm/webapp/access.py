"""Who may: API keys with their scopes for programs, a session cookie for people, a known Host for both."""

from __future__ import annotations

import functools
import hashlib
import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import current_app, g, request

from modemfarm.errors import StoreError
from modemfarm.intake.draft import IntakeSettings, Quota
from modemfarm.model import Ceiling
from modemfarm.store import keys
from modemfarm.webapp.problems import Problem
from modemfarm.webapp.settings import WebDeps

COOKIE = "modemfarm_session"
View = TypeVar("View", bound=Callable[..., Any])


def deps() -> WebDeps:
    """The farm behind this app."""
    return cast(WebDeps, current_app.extensions["modemfarm"])


def intake() -> IntakeSettings:
    """How intake takes what this request sends: within what its API key, where it came with one, may a day."""
    farm, key = deps(), cast("keys.Key | None", g.get("key"))
    if key is None:
        return farm.intake
    ceiling = Ceiling(key.parts_a_day, key.cost_a_day, str(farm.zone))
    return replace(farm.intake, quota=Quota(key.owner, ceiling)) if ceiling else farm.intake


def needs(*scopes: str) -> Callable[[View], View]:
    """A route that wants an API key with one of these scopes."""

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            g.key = _key()
            if not g.key.scopes & {*scopes, "admin"}:
                raise Problem(403, "forbidden_scope", f"This API key lacks the scope {' or '.join(scopes)}.")
            return view(*args, **kwargs)

        return cast(View, guarded)

    return wrap


def _key() -> keys.Key:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    farm = deps()
    now = farm.clock.now()
    key = farm.store.look(keys.check_key, secret.strip(), now) if scheme.lower() == "bearer" and secret else None
    if key is None:
        what = "This API key is not known or was revoked." if secret else "Send Authorization: Bearer mf_…"
        raise Problem(401, "unauthorized", what, headers={"WWW-Authenticate": 'Bearer realm="modemfarm"'})
    if key.stale:
        try:
            farm.offload_call(keys.key_used, key.id, now)
        except StoreError:
            g.key_use_lost = True  # "last used" is a nicety; the request itself will tell whether writing works
    return key


def session() -> keys.Session | None:
    """The person at the page, if logged in."""
    token = request.cookies.get(COOKIE)
    return deps().store.look(keys.check_session, token, deps().clock.now()) if token else None


def csrf_token() -> str:
    """What a form of this session must bring back."""
    token = request.cookies.get(COOKIE, "")
    return hmac.new(token.encode(), b"modemfarm form", hashlib.sha256).hexdigest()


def check_form() -> None:
    """Refuse a POST that did not come from our own page.

    Raises:
        Problem: another site's origin, or no token of this session.
    """
    origin = request.headers.get("Origin")
    if origin not in (None, "null") and urlsplit(origin or "").netloc != request.host:
        raise Problem(403, "forbidden", "That form is of another site.")
    given = request.headers.get("X-CSRF-Token") or request.form.get("csrf", "")
    if not hmac.compare_digest(given.encode(), csrf_token().encode()):
        raise Problem(403, "forbidden", "This page is too old: load it again.")


def check_host(names: tuple[str, ...]) -> None:
    """Refuse a Host that another site could have pointed at us (DNS rebinding).

    An address cannot be re-pointed; one-word names, .local and .localhost never leave the site.
    """
    name = (urlsplit(f"//{request.host}").hostname or "").lower()
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if "." not in name or name.endswith((".local", ".localhost")) or name in names:
            return
        raise Problem(403, "forbidden_host", f"This page does not answer to the name {name!r}.") from None
