"""Who vouches for offers, on the page: an administrator's own word, given and taken back."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from modemfarm.store import rules
from modemfarm.store.engine import Tx
from modemfarm.webapp import page_settings
from modemfarm.webapp.access import by_whom, deps
from modemfarm.webapp.api_rules import LONGEST
from modemfarm.webapp.language import words
from modemfarm.webapp.page import person_as, write

routes = Blueprint("offers", __name__, url_prefix="/settings/offers")
_WORDS = ("who", "basis", "until", "document")
_LONGEST_WORD = 255  # as the API takes it


def _again(slug: str) -> Response:
    """The settings once more, with what was typed and what is missing."""
    typed = {name: request.form.get(name, "") for name in _WORDS}
    return page_settings.shown(422, vouched=typed, vouch_fault=words().say(slug))


@routes.post("/attest")
@person_as("admin")
def attest() -> AnyResponse:
    """Keep somebody's word for the profile that was shown, and who wrote it down."""
    farm, actor, form, now = deps(), by_whom(), request.form, deps().clock.now()
    given = {name: form.get(name, "").strip()[:_LONGEST_WORD] for name in _WORDS}
    if not (given["who"] and given["basis"] and form.get("meant")):
        return _again("page.vouch_missing")
    try:
        ends = datetime.combine(date.fromisoformat(given["until"]) + timedelta(days=1), time(), words().zone)
    except (ValueError, OverflowError):
        return _again("refusal.within_years")
    if not now < ends <= now + LONGEST:
        return _again("refusal.within_years")

    def work(tx: Tx) -> str:
        profile = rules.in_force(tx, farm.intake.policy, now).profile
        if profile.name != form.get("profile"):
            return "page.vouch_changed"
        if profile.own_sim == "prohibited" and not given["document"]:
            return "policy.prohibited"
        who, basis, document = given["who"], given["basis"], given["document"] or None
        rules.attest(tx, profile.name, who, basis, ends, now, document=document, by=actor)
        return ""

    against = write(work)
    return _again(against) if against else _back()


@routes.post("/withdraw")
@person_as("admin")
def withdraw() -> AnyResponse:
    farm, actor, now = deps(), by_whom(), deps().clock.now()
    write(lambda tx: rules.withdraw(tx, rules.in_force(tx, farm.intake.policy, now).profile.name, now, who=actor))
    return _back()


def _back() -> AnyResponse:
    return redirect(url_for("settings.settings") + "#offers", 303)
