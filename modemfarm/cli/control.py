"""`modemfarm explain`, `pause` and `resume`."""

from __future__ import annotations

from typing import Any

import click

from modemfarm.cli import away
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.messages import MESSAGE_ID
from modemfarm.cli.outcome import NotThereError
from modemfarm.cli.output import elsewhere, emit, json_option, local, say, sentence, tell, words
from modemfarm.intake import asked
from modemfarm.model import MessageClass
from modemfarm.store import actions, epoch, hosts, story, views
from modemfarm.store.engine import Tx


@click.command()
@click.argument("message_id", metavar="ID", type=MESSAGE_ID)
@json_option
@pass_farm
def explain(farm: Farm, message_id: int, as_json: bool) -> None:
    """Say in one line for each decision who decided what and why, and what the rules ask of it."""
    remote = farm.remote()
    found = remote.get(f"/messages/{message_id}/explain") if remote else farm.store().look(_explained, farm, message_id)
    if found is None:
        raise NotThereError(sentence("refusal.no_message", id=message_id))
    if as_json:
        emit(found)
        return
    told = words(farm.environ)
    for line in found["data"]:
        say(f"{local(line['at'])}  {told.say('source.' + line['source'])}: {told.told(line)}")
    if rules := found.get("rules"):  # a farm elsewhere may be older
        say(told.say("asked.title", rules[0]["params"]))
        for row in rules:
            say(f"- {told.asked(row)}")
    if there := elsewhere():
        tell("said.zone", zone=there)


def _explained(tx: Tx, farm: Farm, message_id: int) -> dict[str, Any] | None:
    lines = story.explain(tx, message_id, terms=farm.config.terms)
    return None if lines is None else {"data": lines, "rules": asked.table(tx, message_id, farm.config.intake, now())}


def _scope(message_class: str | None, batch: int | None) -> tuple[str, str]:
    if message_class and batch:
        raise click.UsageError(sentence("refusal.either"))
    if message_class:
        return "class", message_class
    return ("batch", str(batch)) if batch else ("all", "")


class_option = click.option(
    "--class", "message_class", type=click.Choice([item.value for item in MessageClass]), help="Only this class."
)
batch_option = click.option("--batch", type=MESSAGE_ID, help="Only this batch.")


@click.command()
@class_option
@batch_option
@json_option
@pass_farm
def pause(farm: Farm, message_class: str | None, batch: int | None, as_json: bool) -> None:
    """Stop sending, before the next part leaves; everything waits and nothing is lost."""
    scope, value = _scope(message_class, batch)
    remote = farm.remote()
    if remote:
        pauses = away.switch(remote, "pause", message_class, batch)["pauses"]
        _tell(pauses, sentence("said.paused", what=_all_or(value)), as_json=as_json)
        return
    store = farm.store()
    if batch is not None and store.look(views.batch, batch) is None:
        raise NotThereError(sentence("refusal.no_batch", id=batch))
    done = store.run(lambda tx: actions.pause(tx, scope, value, now(), who="cli"))
    farm.committed(store)
    text = sentence("said.paused" if done else "said.paused_already", what=_all_or(value))
    _tell(store.look(views.pauses), text, as_json=as_json)


@click.command()
@class_option
@batch_option
@click.option("--clock", is_flag=True, help="This computer's clock is right: let what it held by time go on.")
@click.option("--restored", is_flag=True, help="Send what a restore of the database held; some may have left before.")
@json_option
@pass_farm
def resume(
    farm: Farm, message_class: str | None, batch: int | None, clock: bool, restored: bool, as_json: bool
) -> None:
    """Send again what a pause, a doubted clock or a restore held."""
    scope, value = _scope(message_class, batch)
    remote = farm.remote()
    if remote:
        said = {"restored": True} if restored else {"clock": True} if clock else None
        found = remote.post("/resume", said) if said else away.switch(remote, "resume", message_class, batch)
        slug = "said.resumed" if said is None else f"said.lifted_{next(iter(said))}"
        _tell(found["pauses"], sentence(slug, what=_all_or(value)), as_json=as_json)
        return
    if restored:
        store = farm.store()
        done = store.run(lambda tx: epoch.release(tx, now(), who="cli"))
        farm.committed(store)
        _tell(store.look(views.pauses), sentence("said.released", n=done), as_json=as_json)
        return
    if clock:
        store = farm.store()
        store.run(hosts.confirm_clock)
        farm.committed(store)
        _tell(store.look(views.pauses), sentence("said.lifted_clock"), as_json=as_json)
        return
    store = farm.store()
    done = store.run(lambda tx: actions.resume(tx, scope, value, now(), who="cli"))
    farm.committed(store)
    text = sentence("said.resumed" if done else "said.not_paused", what=_all_or(value))
    _tell(store.look(views.pauses), text, as_json=as_json)


def _all_or(value: str) -> str:
    return value or sentence("said.everything")


def _tell(pauses: list[dict[str, Any]], text: str, *, as_json: bool) -> None:
    if as_json:
        emit({"pauses": pauses})
        return
    say(text)
    for item in pauses:
        tell("said.paused_since", time=local(item["since"]), what=_all_or(item["value"]))
