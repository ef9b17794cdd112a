"""`modemfarm init`: a configuration with only what was answered, the database and the first API key."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import emit, json_option, note, say, sentence, words
from modemfarm.config import kinds
from modemfarm.config.check import BUILT_IN_PLANS
from modemfarm.config.load import load
from modemfarm.errors import ModemfarmError
from modemfarm.policy.profiles import profile_of
from modemfarm.policy.remedy import command
from modemfarm.store import keys, migrations
from modemfarm.store.engine import Store
from modemfarm.store.rules import change, in_force, shipped_profile

FIRST_KEY = "first"
_OWN_PLAN = "mine"
_OWN_PER_MINUTE = 6


def _kind(check: Callable[[Any], str]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    def read(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
        try:
            return None if value is None else check(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return read


def _plan(value: str) -> str:
    """A built-in plan, or the parts a day that one SIM may send."""
    if value in BUILT_IN_PLANS or (value.isascii() and value.isdigit() and int(value) > 0):
        return value
    raise ValueError(sentence("refusal.plan_form", known=", ".join(BUILT_IN_PLANS), given=repr(value)))


@click.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("farm"))
@click.option("--country", metavar="CC", callback=_kind(kinds.country), help="Yours, like CN: for national numbers.")
@click.option("--brand", help="Your name, as your customers know it.")
@click.option("--timezone", metavar="Z", callback=_kind(kinds.zone), help="Yours; the machine's when not given.")
@click.option("--customers-timezone", metavar="Z", callback=_kind(kinds.zone), help="Theirs; yours when not given.")
@click.option("--plan", metavar="NAME", callback=_kind(_plan), help="cautious, unlimited, or messages a day and SIM.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@json_option
@pass_farm
def init(farm: Farm, /, folder: Path, yes: bool, as_json: bool, **answers: str | None) -> None:
    """Make a configuration, the database and the first API key, in DIR (farm/ when not given).

    --json prints {"config", "key"}.
    """
    target = farm.cwd / folder / "config.yaml"
    if target.exists() or target.is_symlink():
        raise CliError(sentence("refusal.is_there_kept", file=folder / "config.yaml"), Exit.USAGE)
    if not yes and not as_json and sys.stdin.isatty():
        _ask(answers, farm)
    _write(target, _text(answers))
    try:
        config = load(target, {}, farm.cwd)
        store = Store(config.database, config.state_dir)
        migrations.upgrade(store, now())
        key = store.run(keys.create_key, FIRST_KEY, (), now())
        profile = profile_of(answers["country"], shipped_profile)
        if profile != "unknown":
            store.run(lambda tx: change(tx, "unknown", "profile", profile, now(), who="init"))
    except ModemfarmError:
        target.unlink()
        raise
    if as_json:
        emit({"config": str(target), "key": key})
        return
    said = words(farm.environ)
    say(said.say("init.configuration", {"file": str(folder / "config.yaml")}))
    say(said.say("init.key", {"key": key}))
    rules = store.look(in_force, config.intake.policy, now())
    say(said.say("init.profile", {"profile": rules.profile.name}))
    say(said.say(f"policy.{rules.profile.own_sim}"))
    if not rules.is_open:
        way = command("profile", "", {"own_sim": rules.profile.own_sim})
        say(said.say("policy.closed", {"command": way}))
    named = "" if folder == Path("farm") else f" -c {folder / 'config.yaml'}"
    note(said.say("init.next", {"run": f"modemfarm{named} run", "trial": f"modemfarm{named} run --simulate 4"}))


def _ask(answers: dict[str, str | None], farm: Farm) -> None:
    """Ask for what decides how numbers are read and how much a SIM may send."""
    said = words(farm.environ)
    questions: tuple[tuple[str, Callable[[Any], str]], ...] = (
        ("country", kinds.country),
        ("brand", str),
        ("customers_timezone", kinds.zone),
        ("plan", _plan),
    )
    for key, check in questions:
        while answers[key] is None:
            question = f"{said.say(f'init.ask_{key}')} [{said.say('init.later')}]"
            answer = click.prompt(question, default="", show_default=False, err=True).strip()
            if not answer:
                break
            try:
                answers[key] = check(answer)
            except ValueError:
                note(said.say(f"init.wrong_{key}", given=answer))


def _text(answers: dict[str, str | None]) -> str:
    """The file: what was answered and nothing else."""
    lines = ["# Every setting with its default stands in the example that comes with modemfarm.", "state_dir: ."]
    sending = {key: answers[key] for key in ("country", "timezone", "customers_timezone") if answers[key]}
    if sending:
        lines += ["sending:", *(f"  {key}: {json.dumps(value)}" for key, value in sending.items())]
    if answers["brand"]:
        lines += ["policy:", f"  brand: {json.dumps(answers['brand'], ensure_ascii=False)}"]
    plan = answers["plan"]
    if plan in BUILT_IN_PLANS:
        lines.append(f"default_plan: {plan}")
    elif plan:
        lines += ["plans:", f"  {_OWN_PLAN}: {{per_minute: {_OWN_PER_MINUTE}, per_day: {int(plan)}}}"]
        lines.append(f"default_plan: {_OWN_PLAN}")
    return "\n".join(lines) + "\n"


def _write(target: Path, text: str) -> None:
    """Create the file, for nobody else to read; never over another one."""
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise CliError(sentence("refusal.is_there_kept", file=target), Exit.USAGE) from None
    except OSError as error:
        raise CliError(sentence("refusal.cannot_write", file=target, what=error.strerror), Exit.UNREACHABLE) from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
