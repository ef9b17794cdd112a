"""What `messages cancel|edit|retry|resolve` do to many messages at once: how they are named, and asked about first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from modemfarm.cli import away
from modemfarm.cli.context import Farm, now
from modemfarm.cli.outcome import CliError, Exit, NotThereError
from modemfarm.cli.output import emit, fault_of, sentence, state_of, tell
from modemfarm.cli.policy import user
from modemfarm.errors import SubmitError
from modemfarm.intake import many
from modemfarm.model import MessageClass
from modemfarm.policy.numbers import parse_recipient
from modemfarm.store import labels, selecting, views

MESSAGE_ID = click.IntRange(1, 2**63 - 1)
_DONE = {"cancel": "canceled", "edit": "changed", "retry": "retried", "resolve": "resolved"}
_NAMES = ("state", "reason", "batch", "to", "message_class")

Command = TypeVar("Command", bound=Callable[..., Any])


def which_options(what: str) -> Callable[[Command], Command]:
    """The options that say which messages are meant."""
    options = [
        click.option("--state", multiple=True, type=click.Choice(many.MAY[what]), help="Those in this state."),
        click.option("--reason", metavar="SLUG", help="Those with this reason."),
        click.option("--batch", type=MESSAGE_ID, help="Those of this batch."),
        click.option("--to", metavar="NUMBER", help="Those to this recipient."),
        click.option(
            _class_option(what),
            "message_class",
            type=click.Choice([item.value for item in MessageClass]),
            help="This class.",
        ),
        click.option("--yes", is_flag=True, help="Do not ask."),
    ]

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _class_option(what: str) -> str:
    return "--of-class" if what == "edit" else "--class"  # there it says what they shall be


def one_or_many(what: str, message_id: int | None, asked: Mapping[str, Any]) -> bool:
    """Whether many are meant.

    Raises:
        UsageError: neither or both.
    """
    several = any(asked[name] not in (None, ()) for name in _NAMES)
    if several == (message_id is not None):
        raise click.UsageError(sentence("refusal.one_or_many", of_class=_class_option(what)))
    return several


def act(
    farm: Farm,
    what: str,
    asked: Mapping[str, Any],
    *,
    word: str = "",
    changes: Mapping[str, Any] | None = None,
    as_json: bool,
) -> int:
    """Say how many they are, ask, do it, say what could not be done."""
    remote, batch = farm.remote(), asked["batch"]
    if remote:
        if batch is not None:
            remote.get(f"/batches/{batch}")
        body = away.which(asked) | ({"outcome": word} if word else {})
        body |= {"changes": away.told(changes)} if changes else {}
        seen = remote.post(f"/messages/{what}?dry_run=1", body)
        _ask_first(what, seen["count"], asked)
        count, left = away.act(remote, what, body | {"upto": seen["upto"]})
        _tell(what, batch, count, left, as_json=as_json)
        return Exit.DONE
    store = farm.store()
    if batch is not None and store.look(views.batch, batch) is None:
        raise NotThereError(sentence("refusal.no_batch", id=batch))
    which = many.meant(
        what,
        asked["state"],
        reason=asked["reason"],
        batch=batch,
        to=None if asked["to"] is None else number(farm, asked["to"]),
        message_class=asked["message_class"],
        upto=store.look(labels.newest),
    )
    doing = many.acting(what, which.states, farm.config.intake, word=word, changes=changes, who="cli")
    _ask_first(what, store.look(selecting.count, which), asked)
    done = many.do(store.look, store.run, doing, which, now)
    store.run(many.note, user(), what, done.count, now())
    farm.committed(store)
    _tell(what, batch, done.count, done.not_done, as_json=as_json)
    return Exit.DONE


def _ask_first(what: str, count: int, asked: Mapping[str, Any]) -> None:
    """Whoever means many says so twice, but for a whole batch that is taken back."""
    alone = what == "cancel" and asked["batch"] is not None
    alone = alone and not any(asked[name] for name in _NAMES if name != "batch")
    if count and not alone and not asked["yes"] and not click.confirm(sentence(f"question.{what}", n=count), err=True):
        raise CliError(sentence("refusal.nothing_changed"))


def _tell(what: str, batch: int | None, count: int, not_done: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        emit(({"batch": batch} if batch is not None else {}) | {_DONE[what]: count, "not_done": not_done})
        return
    tell(f"said.{what}", n=count)
    for left in not_done:
        tell(
            "said.left_as",
            id=left["id"],
            state=state_of("message", left["state"]),
            what=fault_of(left["reason"], left["reason"]),
        )


def number(farm: Farm, raw: str) -> str:
    """A number as messages have it; what is no number is looked for as typed."""
    try:
        return parse_recipient(
            raw,
            country=farm.config.intake.country,
            allow_countries="all",
            short_codes=farm.config.intake.short_codes,
            allow_fixed=True,
        ).number
    except SubmitError:
        return raw
