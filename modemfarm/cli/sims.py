"""`modemfarm sims`: the cards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from modemfarm.cli import away
from modemfarm.cli.cards import all_sims as _all
from modemfarm.cli.cards import one_sim as _one
from modemfarm.cli.context import Farm, now, pass_farm
from modemfarm.cli.credit import balance, ussd
from modemfarm.cli.outcome import CliError, Exit, NotThereError
from modemfarm.cli.output import emit, json_option, record, say, sentence, state_of, table, tell, words
from modemfarm.cli.past import history
from modemfarm.cli.pin import release, set_pin, typed_pin
from modemfarm.cli.trials import identify, test_
from modemfarm.config import kinds
from modemfarm.model import normal_iccid
from modemfarm.store import actions, admin, sim_facts, views
from modemfarm.webapp.tiles import low_credit
from modemfarm.webapp.words import Words

_COLUMNS = (
    ("iccid", "sim"),
    ("label", "label"),
    ("number", "number"),
    ("state", "state"),
    ("why", "why"),
    ("plan", "plan"),
    ("today", "today"),
    ("people", "people"),
    ("modem", "modem"),
)
_FOR_NONE = ""  # what takes a word back


@click.group()
def sims() -> None:
    """List, show, set, pause, resume or ask SIM cards."""


sims.add_command(ussd)
sims.add_command(balance)
sims.add_command(history)
sims.add_command(identify)
sims.add_command(test_)
sims.add_command(release)


@sims.command("list")
@json_option
@pass_farm
def list_(farm: Farm, as_json: bool) -> None:
    """List SIMs with their state and what they sent today."""
    found = _all(farm)
    if as_json:
        emit({"data": found, "next": None})
        return
    told = words(farm.environ)
    rows = [
        {
            **item,
            "state": state_of("sim", item["state"]),
            "why": _why(item, told),
            "today": _of(item["used"]["day"] or 0, item["limits"]["day"]),
            "people": _of(item["used"]["recipients"], item["limits"]["recipients"]),
        }
        for item in found
    ]
    table(_COLUMNS, rows, wide="why")


def _why(sim: dict[str, Any], told: Words) -> str | None:
    """Why it does not send, or will soon not: a sentence each."""
    reason = told.sim(f"sim.{sim['reason']}", sim.get("reason_params")) if sim["reason"] else ""
    return f"{reason} {low_credit(sim, told)}".strip() or None


def _of(used: int | None, limit: int | None) -> str | None:
    if used is None:
        return None
    return f"{used}/{limit}" if limit else str(used)


@sims.command()
@click.argument("sim")
@json_option
@pass_farm
def show(farm: Farm, sim: str, as_json: bool) -> None:
    """Show one SIM, by ICCID, label or number."""
    found = _one(farm, sim)
    if as_json:
        emit(found)
    else:
        shown = {key: value for key, value in found.items() if key != "reason_params"}
        why = {"state": state_of("sim", found["state"]), "reason": _why(found, words(farm.environ))}
        record(shown | why)


def _checked(kind: Callable[[Any], Any]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    def check(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
        if not value:
            return value
        try:
            return str(kind(value))
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return check


@sims.command("set")
@click.argument("iccid", metavar="KEY")
@click.option("--label", help='What you call it; "" takes it back, here and below.')
@click.option("--number", callback=_checked(kinds.number), help="Its own number.")
@click.option("--plan", help="Its plan.")
@click.option("--account", help="SIMs of one account share one plan's limits.")
@click.option("--tag", "tags", multiple=True, help="For `send --from`; give all tags each time.")
@click.option("--expires", callback=_checked(kinds.day), metavar="DAY", help="When the card ends, like 2027-12-31.")
@click.option("--pin/--no-pin", default=None, help="Ask for its PIN, unseen, and try it once; or forget it.")
@click.option("--pin-stdin", is_flag=True, help="Read the PIN from the first line of standard input.")
@json_option
@pass_farm
def set_(
    farm: Farm,
    /,
    iccid: str,
    tags: tuple[str, ...],
    pin: bool | None,
    pin_stdin: bool,
    as_json: bool,
    **given: str | None,
) -> None:
    """Say what a SIM is; also before it was ever seen.

    KEY is its ICCID, label or number; for a PIN also the modem (IMEI, IMEI@usb-path) or port that holds it.
    With a PIN and nothing else --json prints {"card", "pin"}: "kept" or "forgotten".
    """
    if pin is not None or pin_stdin:
        done = set_pin(farm, iccid, None if pin is False else typed_pin(from_stdin=pin_stdin))
        if not tags and all(value is None for value in given.values()):
            emit(done) if as_json else tell(f"said.pin_{done['pin']}", name=done["card"])
            return
    _set_words(farm, iccid, tags, given, as_json=as_json)


def _set_words(farm: Farm, iccid: str, tags: tuple[str, ...], given: dict[str, str | None], *, as_json: bool) -> None:
    known = normal_iccid(iccid) or _one(farm, iccid)["iccid"]
    words: dict[str, Any] = {key: value or None for key, value in given.items() if value is not None}
    if tags:
        words["tags"] = [tag for tag in tags if tag != _FOR_NONE]
    if not words:
        raise click.UsageError(sentence("refusal.what_to_set"))
    remote = farm.remote()
    if remote:
        changed = away.set_sim(remote, known, words)
        emit(changed) if as_json else record(changed)
        return
    for key in words:
        place = next((farm.config.source(f"sims.{name}.{key}") for name in _spellings(farm, known)), None)
        if place:
            raise CliError(sentence("refusal.sim_key_in_file", key=key, file=place), Exit.USAGE)
    if words.get("plan") and words["plan"] not in farm.config.plans:
        plans = ", ".join(sorted(farm.config.plans))
        raise CliError(sentence("refusal.no_plan", name=words["plan"], known=plans), Exit.USAGE)
    store = farm.store(create=True)
    with store.write() as tx:
        twice = sim_facts.doubled(tx, known, words, farm.config.terms)
        if twice:
            raise CliError(twice[1], Exit.USAGE)
        admin.set_sim(tx, known, words)
        after = views.sim(tx, known, terms=farm.config.terms, now=now())
        if after is None:
            raise NotThereError(sentence("refusal.no_sim", name=known))
        wrong = sim_facts.clash(tx, known, farm.config.terms)
        if wrong:
            raise CliError(wrong, Exit.USAGE)
    farm.committed(store)
    if as_json:
        emit(after)
    else:
        record(after)


def _spellings(farm: Farm, iccid: str) -> list[str]:
    return [key for key in farm.config.file.sims if normal_iccid(key) == iccid]


@sims.command()
@click.argument("sim")
@json_option
@pass_farm
def pause(farm: Farm, sim: str, as_json: bool) -> None:
    """Send nothing with a SIM; it still receives."""
    if _asked_away(farm, sim, "pause", as_json=as_json):
        return
    store = farm.store()
    store.run(actions.sim_pause, _one(farm, sim)["iccid"], now())
    farm.committed(store)
    _tell(farm, sim, as_json=as_json)


@sims.command()
@click.argument("sim")
@json_option
@pass_farm
def resume(farm: Farm, sim: str, as_json: bool) -> None:
    """Send again with a SIM that was paused or parked."""
    if _asked_away(farm, sim, "resume", as_json=as_json):
        return
    store = farm.store()
    store.run(actions.sim_resume, _one(farm, sim)["iccid"], now())
    farm.committed(store)
    _tell(farm, sim, as_json=as_json)


@sims.command()
@click.argument("sim")
@click.argument("word", metavar="go-on|pause", type=click.Choice([word.replace("_", "-") for word in actions.ANSWERS]))
@json_option
@pass_farm
def answer(farm: Farm, sim: str, word: str, as_json: bool) -> None:
    """Say whether a SIM shall go on writing to still more people this month."""
    found = _one(farm, sim)
    if not found["asks"]:
        raise CliError(sentence("refusal.asks_nothing", iccid=found["iccid"]), Exit.USAGE)
    if _asked_away(farm, sim, "answer", as_json=as_json, answer=word.replace("-", "_")):
        return
    store = farm.store()
    store.run(actions.sim_answer, found["iccid"], farm.config.terms, word.replace("-", "_"), now())
    farm.committed(store)
    _tell(farm, sim, as_json=as_json)


def _asked_away(farm: Farm, sim: str, what: str, *, as_json: bool, **body: str) -> bool:
    """Ask the API of a farm elsewhere for it; False: this farm is here."""
    remote = farm.remote()
    if remote is None:
        return False
    _told(remote.post(f"/sims/{_one(farm, sim)['iccid']}/{what}", body), as_json=as_json)
    return True


def _tell(farm: Farm, sim: str, *, as_json: bool) -> None:
    _told(_one(farm, sim), as_json=as_json)


def _told(found: dict[str, Any], *, as_json: bool) -> None:
    emit(found) if as_json else say(f"{found['iccid']}  {found['label'] or ''}  {state_of('sim', found['state'])}")
