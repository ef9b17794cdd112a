"""`modemfarm modems console` and `record`: a modem's port, seen through the daemon that holds it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from modemfarm import wording
from modemfarm.cli.context import Farm, pass_farm
from modemfarm.cli.outcome import CliError, Exit, NotThereError, highest
from modemfarm.cli.output import emit, json_option, note, say, sentence, tell, words
from modemfarm.cli.send import span
from modemfarm.daemon.line import Line, LineError
from modemfarm.modem.console import judge
from modemfarm.modem.masking import has_secret, mask_command
from modemfarm.modem.recordings import encode
from modemfarm.store import views

EXITS = {
    "unreachable": Exit.UNREACHABLE,
    "store": Exit.UNREACHABLE,
    "stopping": Exit.UNREACHABLE,
    "not_found": Exit.NOT_FOUND,
    "refused": Exit.REFUSED,
    "syntax": Exit.USAGE,
    "busy": Exit.TIMEOUT,
    "no_answer": Exit.TIMEOUT,
}


def told(error: LineError, section: str = "console") -> str:
    """What the daemon answers; in English its own, fuller words."""
    known = wording.known(f"{section}.{error.code}")
    return str(error) if words().lang == "en" or not known else sentence(f"{section}.{error.code}", what=error)


def _modem(farm: Farm, modem: str) -> dict[str, Any]:
    found = farm.store().look(views.modem, modem)
    if found is None:
        raise NotThereError(sentence("refusal.no_modem", name=modem))
    if is_elsewhere(farm, found):
        raise CliError(sentence("refusal.other_host", name=modem, host=found["host"]), Exit.UNREACHABLE)
    return found


def is_elsewhere(farm: Farm, modem: Mapping[str, Any]) -> bool:
    """Whether another host has a modem: a port of the same name here is another one's."""
    return not farm.store().sqlite and modem["host"] != farm.config.host


def _line(farm: Farm) -> Line:
    try:
        return Line(farm.config.state_dir)
    except LineError as error:
        raise CliError(told(error), Exit.UNREACHABLE) from error


@click.command("record")
@click.argument("modem")
@click.option("--last", metavar="SPAN", callback=span, help="Only the last of it; like 5m.")
@click.option("-o", "file", metavar="FILE", type=click.Path(path_type=Path), help="Where to write it; stdout else.")
@pass_farm
def record_(farm: Farm, modem: str, last: timedelta | None, file: Path | None) -> None:
    """Print a modem's last minutes of AT traffic, numbers and texts masked, as `drivers replay` reads it."""
    found = _modem(farm, modem)
    with _line(farm) as line:
        try:
            lines = line.ask("record", path=found["path"], last_s=None if last is None else last.total_seconds())
        except LineError as error:
            raise CliError(told(error), EXITS.get(error.code, Exit.FAILED)) from error
    text = encode(lines)
    if file is None or str(file) == "-":
        sys.stdout.write(text)
        return
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        raise CliError(f"{file}: {error.strerror}") from error
    tell("said.pieces", name=found["id"], n=len(lines) - 1, file=file)


@click.command()
@click.argument("modem")
@click.argument("command", required=False)
@click.option("--force", is_flag=True, help="Also what changes settings, dials or deletes.")
@click.option("--timeout", metavar="SPAN", callback=span, default="30s", show_default=True, help="Wait for an answer.")
@json_option
@pass_farm
def console(farm: Farm, modem: str, command: str | None, force: bool, timeout: timedelta, as_json: bool) -> int:
    """Put AT commands to a modem while the daemon goes on using it.

    COMMAND is one line like "AT+CSQ"; without it, lines are read until Ctrl-D. Queries are always allowed; what may
    change something needs --force; sending a message, trying a PIN and writing an IMEI are always refused. Everything
    is written down: who, the command without PINs and numbers, and how it ended.
    """
    if command is not None and _shows_secret(command):
        raise CliError(sentence("refusal.secret_shown"), Exit.USAGE)
    found = _modem(farm, modem)
    codes = []
    with _line(farm) as line:
        for typed in [command] if command is not None else _typed(found["id"]):
            codes.append(_put(line, found, typed, timeout.total_seconds(), force=force, as_json=as_json))
            if codes[-1] == Exit.UNREACHABLE:
                break
    return highest(codes)


def _shows_secret(command: str) -> bool:
    judged = judge(command)
    return judged.kind == "pin" or (
        judged.verdict != "free" and has_secret(command.replace(" ", "").encode("utf-8", "replace"))
    )


def _put(line: Line, modem: dict[str, Any], command: str, within_s: float, *, force: bool, as_json: bool) -> Exit:
    """One command; what it was answered with, printed."""
    try:
        answer = line.ask(
            "ask",
            patience_s=within_s,
            path=modem["path"],
            command=command,
            force=force,
            within_s=within_s,
        )
    except LineError as error:
        if as_json:
            fault = {"code": error.code, "detail": str(error)}
            emit({"modem": modem["id"], "command": mask_command(command), "error": fault})
        else:
            note(sentence("refusal.inside", what=told(error)))
        return EXITS.get(error.code, Exit.FAILED)
    if as_json:
        emit({"modem": modem["id"], **answer})
    else:
        for text in (*answer["lines"], answer["final"]):
            say(text)
    return Exit.DONE if answer["final"] == "OK" else Exit.FAILED


def _typed(modem: str) -> Iterator[str]:
    """Lines as a person types them, with a history that is kept nowhere; or as a pipe brings them."""
    if not sys.stdin.isatty():
        yield from (text for line in sys.stdin if (text := line.strip()))
        return
    import readline  # noqa: F401, PLC0415 # gives input() its history and editing; of no use to a pipe

    while True:
        try:
            text = input(f"{modem}> ").strip()
        except EOFError:
            print()
            return
        if text.lower() in {"exit", "quit"}:
            return
        if text:
            yield text
