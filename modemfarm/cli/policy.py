"""`modemfarm policy`: the rules for offers, and who vouches for them."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import CliError, Exit, NotThereError
from modemfarm.cli.output import emit, json_option, say, sentence, words
from modemfarm.config import kinds
from modemfarm.policy.profiles import EDITABLE, FARM, NAMES, OWN, Rules, hours_of
from modemfarm.policy.remedy import command
from modemfarm.store import rates
from modemfarm.store import rules as store_rules
from modemfarm.store.engine import Tx

_LONGEST = timedelta(days=3 * 366)  # an attestation is looked at again some day


@click.group()
def policy() -> None:
    """Show and change the rules for offers, and vouch for them."""


def _in_force(tx: Tx, farm: Farm) -> Rules:
    return store_rules.in_force(tx, farm.config.intake.policy, now())


@policy.command()
@json_option
@pass_farm
def show(farm: Farm, as_json: bool) -> None:
    """Show the rules in force, where each comes from, and who vouches for them."""
    store = farm.store(create=True)
    rules = store.look(_in_force, farm)
    if as_json:
        emit({**store_rules.document(rules, farm.config.intake.policy), "opt_outs": store.look(rates.document, now())})
        return
    for line in told(farm, rules):
        say(line)


def told(farm: Farm, rules: Rules) -> list[str]:
    """The rules in force as sentences in the language of the locale."""
    said = words(farm.environ)

    def one(slug: str, **params: object) -> str:
        return said.say(f"policy.{slug}", params)

    profile, given = rules.profile, rules.attestation
    lines = [one("title", profile=profile.name)]
    if given is not None:
        day = (given.until - timedelta(seconds=1)).astimezone(ZoneInfo(rules.zone)).strftime("%Y-%m-%d")
        lines.append(one("open", who=given.who, basis=given.basis, day=day))
    if given is not None and given.document:
        lines.append(one("open_document", document=given.document))
    if not rules.is_open:
        lines.append(one("closed", command=command("profile", "", {"own_sim": profile.own_sim})))
    lines.append(one(profile.own_sim))
    lines += rates_told(farm.store(create=True).look(rates.document, now()), one)
    lines.append(one("hours", hours=hours_of(profile)))
    lines.append(one("caps", per_day=profile.caps.per_day, per_month=profile.caps.per_month))
    after = "_after" if farm.config.intake.transactional_after_opt_out else ""
    lines.append(one("classes"))
    taken = farm.config.intake
    about = {
        "per_day": profile.caps.per_day,
        "per_month": profile.caps.per_month,
        "hours": f"{taken.conversation_within / timedelta(hours=1):g}",
        "most": "∞" if taken.emergency_per_hour is None else taken.emergency_per_hour,
    }
    names = (f"transactional{after}", "marketing", "conversation", "emergency")
    lines += [f"- {one(f'class_{name}', **about)}" for name in names]
    lines.append(one("signature", signature=rules.signature or one("none")))
    lines.append(one("contact", contact=rules.contact or one("none")))
    lines.append(one("opt_out_line", line=rules.opt_out_line.strip() or one("none")))
    if profile.verified_by:
        lines.append(one("verified", who=profile.verified_by, checked_on=profile.checked_on))
    else:
        lines.append(one("unverified", checked_on=profile.checked_on))
    if rules.changed:
        lines.append(one("changed", keys=", ".join(sorted(rules.changed))))
    lines += [f"- {one('rule', about=r.about, basis=r.basis, source=r.source)}" for r in profile.rules]
    lines += [f"* {line}" for line in profile.advice.get(said.lang, profile.advice["en"])]
    return lines


def rates_told(found: Mapping[str, Any], one: Callable[..., str]) -> list[str]:
    """How often offers were refused, and what they were stopped by, as sentences."""
    stopped = found["stopped"]
    lines = [one(f"refused_often_{stopped['about']}", **stopped)] if stopped else []
    lines.append(one("refusals_most", most=f"{100 * found['most']:g}"))
    for about in ("purpose", "iccid"):
        lines += [
            "- " + one(f"refusals_{about}", **{**item, "rate": f"{100 * item['rate']:.1f}"}) for item in found[about]
        ]
    return lines


@policy.command("set")
@click.argument("key", type=click.Choice([*OWN, *EDITABLE, *FARM]))
@click.argument("value", required=False)
@click.option("--default", "back", is_flag=True, help="Take the change back.")
@json_option
@pass_farm
def set_(farm: Farm, key: str, value: str | None, back: bool, as_json: bool) -> None:
    """Change one rule, or your own words in every offer. Each change is kept as an event."""
    if (value is None) is not back:
        raise click.UsageError(sentence("refusal.value_or_default"))
    said = words(farm.environ)
    if key in OWN and getattr(farm.config.intake.policy, key) is not None:
        raise CliError(said.say("policy.in_file", {"key": f"policy.{key}"}), Exit.USAGE)
    if key == "profile" and value is not None and value not in NAMES:
        what = sentence("refusal.profile_one_of", known=", ".join(NAMES), given=repr(value))
        raise click.BadParameter(what, param_hint="VALUE")

    def work(tx: Tx) -> Rules:
        rules = _in_force(tx, farm)
        store_rules.change(tx, rules.profile.name, key, value, now(), who=user())
        return _in_force(tx, farm)

    store = farm.store(create=True)
    try:
        rules = store.run(work)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="VALUE") from None
    if as_json:
        emit(store_rules.document(rules, farm.config.intake.policy))
    else:
        say(said.say("policy.unset" if back else "policy.set", {"key": key, "value": value}))


def day_option(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """A day as an option takes it."""
    try:
        return None if value is None else kinds.day(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@policy.command()
@click.option("--who", help="Who vouches for it.")
@click.option("--basis", help="What it rests on: consent of customers, a contract, an opinion.")
@click.option("--until", metavar="DAY", callback=day_option, help="The last day it holds; like 2027-12-31.")
@click.option("--document", help="The clearance, by name; needed where offers from ordinary SIMs are prohibited.")
@click.option("--withdraw", is_flag=True, help="Take the word back: offers are closed at once.")
@json_option
@pass_farm
def attest(farm: Farm, /, *, withdraw: bool, as_json: bool, **given: Any) -> None:
    """Vouch that offers may be sent under the profile in force."""
    said = words(farm.environ)
    if withdraw:
        name = _withdrawn(farm)
        if name is None:
            rules = farm.store(create=True).look(_in_force, farm)
            raise NotThereError(said.say("policy.not_attested", {"profile": rules.profile.name}))
        _tell(farm, said.say("policy.withdrawn", {"profile": name}), as_json=as_json)
        return
    missing = [f"--{name}" for name in ("who", "basis", "until") if not (given[name] or "").strip()]
    if missing:
        raise click.UsageError(sentence("refusal.must_be_given", names=", ".join(missing)))
    zone = ZoneInfo(farm.config.zone)
    ends = datetime.combine(datetime.fromisoformat(given["until"]).date() + timedelta(days=1), time(), zone)
    if not now() < ends <= now() + _LONGEST:
        raise click.BadParameter(sentence("refusal.within_years"), param_hint="--until")

    def work(tx: Tx) -> Rules:
        name = _in_force(tx, farm).profile.name
        store_rules.attest(tx, name, given["who"], given["basis"], ends, now(), document=given["document"] or None)
        return _in_force(tx, farm)

    store = farm.store(create=True)
    rules = store.run(work)
    farm.committed(store)
    slug = "attested" if rules.is_open else "attested_closed"
    about = {"profile": rules.profile.name, "who": given["who"], "day": given["until"]}
    _tell(farm, said.say(f"policy.{slug}", about), as_json=as_json)


def _withdrawn(farm: Farm) -> str | None:
    def work(tx: Tx) -> str | None:
        name = _in_force(tx, farm).profile.name
        return name if store_rules.withdraw(tx, name, now(), who=user()) else None

    return farm.store(create=True).run(work)


def _tell(farm: Farm, text: str, *, as_json: bool) -> None:
    if as_json:
        rules = farm.store().look(_in_force, farm)
        emit(store_rules.document(rules, farm.config.intake.policy))
    else:
        say(text)


def user() -> str:
    """Who types this."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
