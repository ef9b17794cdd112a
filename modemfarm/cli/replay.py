"""`modemfarm drivers replay`: a recording, understood again by this version."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from modemfarm.cli.outcome import CliError, Exit
from modemfarm.cli.output import emit, json_option, say, sentence, tell
from modemfarm.modem.profile import load_profiles
from modemfarm.modem.recordings import RecordingError, read
from modemfarm.modem.replay import Note, profile_of, replay_machine
from modemfarm.modem.replay_session import NotReplayableError, replay_session
from modemfarm.resources import shipped

_SIGNS = {"event": " ", "state": "=", "mark": "-", "odd": "?", "difference": "!"}


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--drivers", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Your profiles."
)
@json_option
def replay(file: Path, folder: Path | None, as_json: bool) -> int:
    """Play a recording to the parser, and where its beginning was recorded to a session; exits 1 when they differ.

    Signs before the lines: "=" the modem's state, "-" a mark, "?" what is odd in the recording itself, "!" what a
    session of now does otherwise.
    """
    try:
        with click.open_file(str(file), encoding="utf-8") as lines:
            head, pieces = read(lines.read(), file.name)
    except UnicodeDecodeError as error:
        raise CliError(sentence("refusal.no_recording", file=file.name), Exit.USAGE) from error
    except RecordingError as error:
        raise CliError(str(error), Exit.USAGE) from error
    profiles = load_profiles(shipped("drivers"), *([folder] if folder else []))
    profile = profile_of(head, profiles)
    notes = replay_machine(pieces, profile)
    why = None
    try:
        compared = replay_session(head, pieces, profiles)
    except NotReplayableError as error:
        compared, why = [], str(error)
    differs = any(note.kind == "difference" for note in compared)
    if as_json:
        told = {"modem": head["modem"], "fault": head["fault"], "profile": profile.name, "not_replayed": why}
        emit({**told, "notes": [asdict(note) for note in notes], "session": [asdict(note) for note in compared]})
    else:
        fault = head["fault"] or sentence("said.no_fault")
        tell("said.replayed", name=head["modem"], fault=fault, profile=profile.name)
        _print(notes)
        tell("said.not_replayed" if why else "said.session_now", what=why)
        _print(compared)
    return Exit.FAILED if differs else Exit.DONE


def _print(notes: list[Note]) -> None:
    for note in notes:
        say(f"{note.s:10.3f} {_SIGNS[note.kind]} {note.text}")
