"""`modemfarm users`: who logs in at the page with a password, and what each may do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import click

from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.outcome import CliError, Exit, NotThereError
from modemfarm.cli.output import emit, json_option, local, say, sentence, table, tell
from modemfarm.cli.policy import user as typist
from modemfarm.cli.run import login_url
from modemfarm.store import audit, passwords, sessions
from modemfarm.store import users as store_users
from modemfarm.store.engine import Store, Tx
from modemfarm.store.sealing import Secret

_COLUMNS = (
    ("name", "name"),
    ("role", "role"),
    ("password", "password"),
    ("totp", "codes"),
    ("created", "created"),
    ("login", "last_login"),
)
_role = click.Choice(store_users.ROLES)
R = TypeVar("R")


@click.group()
def users() -> None:
    """Make, list, change or remove those who log in with a password."""


def _name(raw: str) -> str:
    try:
        return store_users.normal_name(raw)
    except ValueError as error:
        raise CliError(str(error), Exit.USAGE) from None


def _found(store: Store, raw: str) -> store_users.User:
    user = store.look(store_users.find, _name(raw))
    if user is None:
        raise NotThereError(sentence("refusal.no_user", name=raw))
    return user


def _did(store: Store, action: str, name: str, work: Callable[[Tx], R], **data: object) -> R:
    """Do it, and write down who did."""

    def noted(tx: Tx) -> R:
        done = work(tx)
        audit.note(tx, f"cli {typist()}", f"user.{action}", now(), subject=name, **data)
        return done

    return store.run(noted)


def _typed(name: str) -> str:
    """What is kept of the password that a person types twice without echo, or of the first line of a pipe."""
    if sys.stdin.isatty():
        word = str(
            click.prompt(
                sentence("question.password"), hide_input=True, confirmation_prompt=sentence("question.again"), err=True
            )
        )
    else:
        word = sys.stdin.readline().rstrip("\r\n")
    try:
        return passwords.hashed(word, name)
    except passwords.WeakPasswordError as weak:
        raise CliError(str(weak), Exit.USAGE) from None


def _link(farm: Farm, store: Store, user_id: int, role: str) -> str:
    return login_url(farm.config, store.run(sessions.create_login, role, now(), user_id))


@users.command()
@click.argument("name")
@click.option("--role", type=_role, default=store_users.ROLES[0], show_default=True)
@click.option("--link", is_flag=True, help="Print a one-time link by which the person sets the password.")
@json_option
@pass_farm
def add(farm: Farm, name: str, role: str, *, link: bool, as_json: bool) -> None:
    """Make a user; the password is typed, or the first line of a pipe."""
    name = _name(name)
    store = farm.store(create=True)
    kept = None if link else _typed(name)

    def work(tx: Tx) -> int:
        made = store_users.add(tx, name, role, now(), kept)
        if made is None:
            raise CliError(sentence("refusal.user_there", name=name), Exit.FAILED)
        return made

    user_id = _did(store, "added", name, work, role=role)
    url = _link(farm, store, user_id, role) if link else None
    if as_json:
        emit({"name": name, "role": role, "url": url})
    else:
        say(url or sentence("said.may_log_in", name=name, role=role))


@users.command("list")
@json_option
@pass_farm
def list_(farm: Farm, *, as_json: bool) -> None:
    """List everybody, with role and last login."""
    found = farm.store().look(store_users.listed)
    if as_json:
        emit({"data": found, "next": None})
        return
    rows = [
        {
            **item,
            "password": sentence("cell.set" if item["password"] else "cell.none_yet"),
            "totp": sentence("cell.asked_for") if item["totp"] else "",
            "created": local(item["created_at"]),
            "login": local(item["login_at"]),
        }
        for item in found
    ]
    table(_COLUMNS, rows, wide="name")


@users.command("set")
@click.argument("name")
@click.option("--role", type=_role, required=True)
@pass_farm
def set_(farm: Farm, name: str, role: str) -> None:
    """Give a user another role, at once."""
    store = farm.store()
    user = _found(store, name)
    _did(store, "role", user.name, lambda tx: store_users.set_role(tx, user.name, role), role=role)
    tell("said.role", name=_name(name), role=role)


@users.command()
@click.argument("name")
@pass_farm
def remove(farm: Farm, name: str) -> None:
    """Remove a user and log them out."""
    store = farm.store()
    user = _found(store, name)
    _did(store, "removed", user.name, lambda tx: store_users.remove(tx, user.name))
    tell("said.removed", name=_name(name))


@users.command()
@click.argument("name")
@click.option("--link", is_flag=True, help="Print a one-time link by which the person sets it.")
@pass_farm
def password(farm: Farm, name: str, *, link: bool) -> None:
    """Set a user's password; every session of theirs ends."""
    store = farm.store()
    user = _found(store, name)
    if link:
        _did(store, "password", user.name, lambda tx: store_users.forget_password(tx, user.id), link=True)
        say(_link(farm, store, user.id, user.role))
    else:
        kept = _typed(user.name)
        _did(store, "password", user.name, lambda tx: store_users.set_password(tx, user.id, kept))
        tell("said.password_set")


@users.command()
@click.argument("name")
@click.option("--off", is_flag=True, help="Ask for no codes any more.")
@json_option
@pass_farm
def totp(farm: Farm, name: str, *, off: bool, as_json: bool) -> None:
    """Ask a user for codes of an authenticator app, and show the code to scan."""
    from modemfarm.webapp.qr import terminal  # noqa: PLC0415 # most commands draw none

    store = farm.store()
    user = _found(store, name)
    secret = None if off else passwords.new_secret()
    sealed = None if secret is None else Secret(farm.config.state_dir).seal(secret, user.place)
    _did(store, "codes", user.name, lambda tx: store_users.set_totp(tx, user.id, sealed), asked=not off)
    uri = None if secret is None else passwords.uri(secret, user.name, farm.config.file.policy.brand or "modemfarm")
    if as_json:
        emit({"secret": secret, "uri": uri})
    elif uri is None:
        tell("said.no_codes", name=user.name)
    else:
        say(terminal(uri))
        say(uri)


@users.command()
@click.argument("name", required=False)
@json_option
@pass_farm
def logout(farm: Farm, name: str | None, *, as_json: bool) -> None:
    """End every session and open link of a user; of everybody when none is named."""
    store = farm.store()
    if name is None:
        count = _did(store, "logged_out", "", sessions.end_all)
    else:
        user = _found(store, name)
        count = _did(store, "logged_out", user.name, lambda tx: sessions.end_sessions(tx, user.id))
    if as_json:
        emit({"ended": count})
    else:
        tell("said.sessions_ended", n=count)
