"""`modemfarm sims ussd` and `balance`: what a SIM's network says, asked through the daemon that holds the modem."""

from __future__ import annotations

from typing import Any

import click

from modemfarm.cli import console
from modemfarm.cli.cards import one_sim
from modemfarm.cli.context import Farm, pass_farm
from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import emit, json_option, local, say, table, tell
from modemfarm.cli.remote import ProblemError, Remote
from modemfarm.daemon.line import Line, LineError
from modemfarm.store import balances
from modemfarm.store.shapes import rfc3339

_STEP_S = 360.0  # each waits for the modem and for the network, the first one perhaps twice
_EXITS = console.EXITS | {
    "bad_code": Exit.USAGE,
    "not_configured": Exit.USAGE,
    "not_here": Exit.UNREACHABLE,
    "away": Exit.UNREACHABLE,
    "no_reply": Exit.TIMEOUT,
    "held": Exit.REFUSED,
}


def _asked(farm: Farm, do: str, turns: int, **members: Any) -> dict[str, Any]:
    try:
        with Line(farm.config.state_dir) as line:
            told: dict[str, Any] = line.ask(do, patience_s=turns * _STEP_S, **members)
            return told
    except LineError as error:
        section = "console" if error.code == "unreachable" else "ussd"
        raise CliError(console.told(error, section), _EXITS.get(error.code, Exit.FAILED)) from error


def _asked_away(remote: Remote, path: str, turns: int, **members: Any) -> dict[str, Any]:
    try:
        told: dict[str, Any] = remote.post(path, members, within_s=turns * _STEP_S)
        return told
    except ProblemError as error:
        slug = str(error.problem.get("code", "")).removeprefix("ussd_")
        raise CliError(str(error), _EXITS.get(slug, error.exit_code)) from error


@click.command()
@click.argument("sim")
@click.argument("code")
@click.argument("answers", nargs=-1, metavar="[ANSWER]...")
@json_option
@pass_farm
def ussd(farm: Farm, sim: str, code: str, answers: tuple[str, ...], as_json: bool) -> int:
    """Say a USSD CODE like "*100#" to a SIM's network, then an ANSWER to each menu.

    A menu that no answer is left for is closed: start again with one answer more.
    """
    iccid, remote, turns = one_sim(farm, sim)["iccid"], farm.remote(), 1 + len(answers)
    if remote:
        told = _asked_away(remote, f"/sims/{iccid}/ussd", turns, code=code, answers=answers)
    else:
        told = _asked(farm, "ussd", turns, iccid=iccid, steps=[code, *answers])
    if as_json:
        emit(told)
    else:
        for item in told["dialogue"]:
            say(item["text"] or f"({item['status']})")
        if told["unused"]:
            tell("said.ussd_unused", n=told["unused"])
    return Exit.DONE if told["status"] in {"done", "menu"} else Exit.FAILED


@click.command()
@click.argument("sim")
@click.option("--history", is_flag=True, help="What was told before, newest first; asks nothing.")
@json_option
@pass_farm
def balance(farm: Farm, sim: str, history: bool, as_json: bool) -> int:
    """Ask a SIM's operator for its credit, by the code or the message that its plan names."""
    iccid, remote = one_sim(farm, sim)["iccid"], farm.remote()
    if history:
        if remote:
            found = remote.get(f"/sims/{iccid}/balance")["data"]
        else:
            rows = farm.store().look(balances.history, iccid)
            found = [
                {"at": rfc3339(row["at"]), "balance": row["amount"], "how": row["how"], "what": row["what"]}
                for row in rows
            ]
        if as_json:
            emit({"data": found, "next": None})
        else:
            columns = (("at", "at"), ("balance", "balance"), ("how", "how"), ("what", "what"))
            table(columns, [{**row, "at": local(row["at"])} for row in found])
        return Exit.DONE
    told = _asked_away(remote, f"/sims/{iccid}/balance", 6) if remote else _asked(farm, "balance", 6, iccid=iccid)
    if as_json:
        emit(told)
    elif told["balance"] is None:
        tell("said.no_amount", what=told["text"])
    else:
        say(f"{told['balance']:g} {told['currency'] or ''}".strip())
    return Exit.DONE if told["balance"] is not None else Exit.FAILED
