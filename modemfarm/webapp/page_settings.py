"""Settings on the page: what is set, who is told of faults, what opens offers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from modemfarm import wording
from modemfarm.policy.profiles import Rules, hours_of
from modemfarm.policy.remedy import command
from modemfarm.store import alerts, audit, rates, rules, views
from modemfarm.store.shapes import rfc3339
from modemfarm.webapp import access
from modemfarm.webapp.access import deps
from modemfarm.webapp.language import words
from modemfarm.webapp.page import person, person_as, piece, seen_farm, show
from modemfarm.webapp.words import Words

routes = Blueprint("settings", __name__)
_LINES = 20


@routes.get("/settings")
@person
def settings() -> Response:
    return shown()


def shown(status: int = 200, **told: Any) -> Response:
    """The page of settings; `told`: what a form on it says once more, and what is wrong with that."""
    farm = deps()
    w, now = words(), farm.clock.now()
    last = farm.store.look(alerts.outcomes)
    found = farm.lately.get("rates", lambda: farm.store.look(rates.document, now))
    ways = [
        {"way": way, "at": rfc3339(last[way][0]) if way in last else None, "error": last.get(way, (0, ""))[1]}
        for way in farm.alert_ways
    ]
    with farm.store.read() as tx:
        cards = views.sims(tx, terms=farm.terms, now=now)
        lines = [_line(row) for row in audit.listed(tx, _LINES)] if access.may("admin") else []
    merged = farm.merged if access.may("admin") else {}
    return show(
        "settings.html",
        status,
        ways=ways,
        offers=found,
        lines=lines,
        cards=cards,
        merged=merged,
        mark="",
        vouching=_rules(farm.store.look(rules.in_force, farm.intake.policy, now)),
        **told,
        **_looked(w),
        **seen_farm(w),
    )


def _rules(found: Rules) -> dict[str, Any]:
    """What stands about offers, for the page: the rules in force, and the word that opens them."""
    profile, given = found.profile, found.attestation
    return {
        "profile": profile,
        "hours": hours_of(profile),
        "given": given,
        "day": None if given is None else f"{(given.until - timedelta(seconds=1)).astimezone(words().zone):%Y-%m-%d}",
        "open": found.is_open,
        "signed": found.signature,
        "command": command("profile", "", {"own_sim": profile.own_sim}),
        "sign": command("signature_missing", "", {}),
    }


def _line(row: dict[str, Any]) -> dict[str, Any]:
    """One line of the audit, in words."""
    data = json.loads(row["data"])
    told = [row["subject"], *(_about(key, value) for key, value in data.items() if value not in (None, "", [], {}))]
    action = "audit." + row["action"].replace(".", "_")
    return {
        "at": rfc3339(row["at"]),
        "who": _who(row["who"]),
        "what": words().say(action),
        "about": ", ".join(filter(None, told)),
    }


def _who(who: str) -> str:
    """Whoever did it: by name where there is one."""
    where, _, name = who.replace("page:", "page ").partition(" ")
    if where == "page":
        return name or words().page("account_by_link")
    slug = f"about.{where}"
    return " ".join(filter(None, (words().say(slug) if wording.known(slug) else where, name)))


def _about(key: str, value: Any) -> str:
    """One thing that was written down of it."""
    named, valued = f"about.{key}", f"about.{key}_{value}"
    shown = ", ".join(map(str, value)) if isinstance(value, list) else value
    said = words().say(valued) if isinstance(value, str | bool) and wording.known(valued) else shown
    return f"{words().say(named) if wording.known(named) else key}: {said}"


def _looked(w: Words) -> dict[str, Any]:
    """What the doctor found when somebody asked last, in this language."""
    farm = deps()
    question = farm.asked.last("", f"doctor {w.lang}", farm.clock.now())
    found = question.answer.get("checks", []) if question is not None else []
    # what is wrong first, then what would be better
    return {"looked": question, "checks": sorted(found, key=lambda item: (item["ok"], not item["fix"])),
            "doctor": farm.doctor is not None and access.may("operator")}  # fmt: skip


@routes.get("/fragment/settings/doctor")
@person
def doctor() -> Response:
    return piece("_settings_doctor.html", **_looked(words()))


@routes.post("/settings/doctor")
@person
def look() -> AnyResponse:
    """Look for what is wrong, in a thread of its own: the page asks for what it found."""
    farm, w = deps(), words()
    ask = farm.doctor
    if ask is not None:
        farm.asked.start("", f"doctor {w.lang}", lambda: {"checks": ask(w)}, farm.clock.now())
    return redirect(url_for("settings.settings") + "#doctor", 303)


@routes.post("/settings/alerts/test")
@person_as("admin")
def test_alerts() -> AnyResponse:
    farm = deps()
    if farm.test_alerts is not None:
        farm.test_alerts()
    return redirect(url_for("settings.settings"), 303)
