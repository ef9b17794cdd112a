"""Who may: API keys with their scopes for programs, a session cookie for people, a known Host for both."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import ipaddress
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import current_app, g, request

from modemfarm.errors import StoreError
from modemfarm.intake.draft import IntakeSettings, Quota
from modemfarm.model import Ceiling
from modemfarm.store import keys, sessions, users
from modemfarm.webapp.problems import Problem
from modemfarm.webapp.settings import WebDeps

COOKIE = "modemfarm_session"
COOKIE_FORM = "modemfarm_form"  # what the login form is bound to, before there is a session
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
    return replace(farm.intake, quota=Quota(key.owner, ceiling) if ceiling else None, only_from=key.sims)


def needs(*scopes: str) -> Callable[[View], View]:
    """A route that wants an API key with one of these scopes."""

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            g.key = _key()
            if not g.key.scopes & {*scopes, "admin"}:
                lacks = f"This API key lacks the scope {' or '.join(scopes)}."
                raise Problem(403, "forbidden_scope", lacks, params={"what": " / ".join(scopes)})
            return view(*args, **kwargs)

        guarded.scopes = scopes  # type: ignore[attr-defined] # for the test of all routes
        return cast(View, guarded)

    return wrap


def _key() -> keys.Key:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    farm = deps()
    now = farm.clock.now()
    secret = secret.strip() if scheme.lower() == "bearer" else ""
    key = known_key(secret)
    if key is None:
        what = "This API key is not known or was revoked." if secret else "Send Authorization: Bearer mf_…"
        raise Problem(401, "unauthorized", what, headers={"WWW-Authenticate": 'Bearer realm="modemfarm"'})
    if key.stale:
        try:
            farm.offload_call(keys.key_used, key.id, now)
        except StoreError:
            g.key_use_lost = True  # "last used" is a nicety; the request itself will tell whether writing works
    return key


def known_key(secret: str) -> keys.Key | None:
    """The API key with this secret; every wrong one costs the address that shows it.

    Raises:
        Problem: too many wrong ones came from there, or the key asks more often than it may.
    """
    farm, address = deps(), peer()
    now = farm.clock.now()
    if secret and (wait_s := farm.buckets.may_guess(address, secret, now)) > 0:
        raise _too_often("Too many unknown keys came from this address.", wait_s)
    key = farm.store.look(keys.check_key, secret, now) if secret else None
    if key is None:
        if secret:
            farm.buckets.wrong(address, secret)
        return None
    farm.buckets.known(address, secret)
    if key.rate is not None:
        taken = farm.buckets.take(key.owner, key.rate, now)
        g.rate_limit = taken.headers(key.rate)
        if taken.wait_s > 0:
            raise _too_often(f"This API key may ask {key.rate} times a minute.", taken.wait_s)
    return key


def secure() -> bool:
    """Whether this request came over TLS."""
    return request.is_secure or deps().settings.secure


def cookie(name: str) -> str:
    """How a cookie of ours is called; over TLS so that no page without TLS can set it (RFC 6265bis §4.1.3.2)."""
    return f"__Host-{name}" if secure() else name


def session_token() -> str:
    """The secret of this browser's session; "" when it has none."""
    return request.cookies.get(cookie(COOKIE), "")


def session() -> sessions.Session | None:
    """The person at the page, if logged in."""
    if "session" not in g:
        token, farm = session_token(), deps()
        g.session = farm.store.look(sessions.check_session, token, farm.clock.now()) if token else None
        # what a page asks by itself, every two seconds, is no sign of a person
        if g.session is not None and g.session.stale and not request.path.startswith("/fragment/"):
            with contextlib.suppress(StoreError):
                farm.offload_call(sessions.seen, token, farm.clock.now())
    return cast("sessions.Session | None", g.session)


def _too_often(what: str, wait_s: float) -> Problem:
    return Problem(429, "rate_limited", what, headers={"Retry-After": str(math.ceil(wait_s))})


def known() -> sessions.Session | None:
    """The same for what is drawn: while the database cannot be read, nobody."""
    try:
        return session()
    except StoreError:
        return None


def may(role: str) -> bool:
    """Whether the person at the page may what a role may."""
    person = known()
    return person is not None and users.ROLES.index(person.role) >= users.ROLES.index(role)


def by_whom() -> str:
    """The API key or the person at the page, for what is written down of it."""
    if "key" in g:
        return f"key {g.key.id}"
    person = known()
    return f"page:{person.name}" if person is not None and person.name else "page"


def peer() -> str:
    """The address that asks; behind a proxy of ours, the one that the proxy names."""
    told = request.headers.get("X-Forwarded-For", "") if deps().settings.proxy else ""
    return told.rpartition(",")[2].strip()[:64] or request.remote_addr or ""


def csrf_token() -> str:
    """What a form of this session, or of this browser's login page, must bring back; "" where it has neither."""
    token = session_token() or request.cookies.get(cookie(COOKIE_FORM), "") or g.get("form_token", "")
    return hmac.new(token.encode(), b"modemfarm form", hashlib.sha256).hexdigest() if token else ""


def check_form() -> None:
    """Refuse a POST that did not come from our own page.

    Raises:
        Problem: another site's origin, or no token of this session.
    """
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Problem(403, "forbidden", "That form is of another site.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise Problem(403, "forbidden", "That form is of another site.")
    given, own = request.headers.get("X-CSRF-Token") or request.form.get("csrf", ""), csrf_token()
    if not own or not hmac.compare_digest(given.encode(), own.encode()):
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
