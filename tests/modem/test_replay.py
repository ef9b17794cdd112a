"""A recording of a simulated fault is played to the parser and to a session, and both see what was seen then."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modemfarm.model import ModemState
from modemfarm.modem import recordings
from modemfarm.modem.family import Profiles
from modemfarm.modem.ladder import Limits
from modemfarm.modem.recorder import Recording
from modemfarm.modem.replay import Note, profile_of, replay_machine
from modemfarm.modem.replay_session import NotReplayableError, replay_session
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.supervisor import Supervisor
from modemfarm.simulator.simulation import Simulation
from tests.cli.conftest import bare
from tests.cli.farm import FarmAt
from tests.modem.fakes import FakeJournal, LoopClock, make_part, profiles, run

__all__ = ["bare"]

FAMILIES = ("huawei", "sim800", "ec25", "wavecom")


class Shelf:
    """Recordings as text, as their files have them."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def put(self, recording: Recording) -> None:
        self.texts.append(recordings.encode(recording.lines()))


def dump(family: str, fault: str, arg: str = "", *, parts: int = 2, seconds: float = 400, tail: bool = False) -> str:
    """The recording that a simulated fault leaves; with `tail`, the one a person asks for at the end."""

    async def main() -> str:
        clock, shelf = LoopClock(), Shelf()
        simulation = Simulation(1, families=(family,), airtime_s=3, report_s=2, clock=lambda: clock.now().timestamp())
        journal = FakeJournal(clock=clock)
        supervisor = Supervisor(
            simulation.path(0), simulation, profiles(), journal, ModemSettings(), clock, Limits(), shelf
        )
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(supervisor.run())
            async with asyncio.timeout(1000):
                while supervisor.status.state is not ModemState.WORKING:
                    await asyncio.sleep(0.1)
            if fault == "unplug":
                await asyncio.sleep(20)
                simulation.unplug(0)
            elif fault:
                simulation.fault(0, fault, arg, 1)
            journal.add(*(make_part(number) for number in range(1, parts + 1)))
            await asyncio.sleep(seconds)
            text = recordings.encode(supervisor.recorder.recording(supervisor.status).lines())
            serving.cancel()
        await simulation.stop()
        return text if tail else shelf.texts[0]

    return run(main())


def parsed(text: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return recordings.read(text)


def played(text: str, with_profiles: Profiles | None = None) -> tuple[list[Note], list[Note]]:
    """What the machine and a session make of it."""
    head, pieces = parsed(text)
    loaded = with_profiles or profiles()
    return replay_machine(pieces, profile_of(head, loaded)), replay_session(head, pieces, loaded)


def differences(notes: list[Note]) -> list[str]:
    return [note.text for note in notes if note.kind == "difference"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_healthy_session_is_replayed_without_a_difference(family: str) -> None:
    machine, session = played(dump(family, "", seconds=60, tail=True))
    assert differences(session) == []
    assert sum(note.text.startswith("accepted +CMGS") for note in machine) == 2
    assert [note.text for note in machine if note.kind == "odd" and "no final result" in note.text] == []


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("fault", "arg"),
    [("hang", "60"), ("lost-result", ""), ("no-prompt", ""), ("reboot", ""), ("unplug", ""), ("slow", "40")],
)
def test_a_simulated_fault_is_seen_again_in_its_recording(family: str, fault: str, arg: str) -> None:
    text = dump(family, fault, arg)
    head, _ = parsed(text)
    assert head["fault"] in {"resyncing", "restarted", "repairing_reinit", "gone"}
    assert head["before"]["sentence"] != head["after"]["sentence"]
    _, session = played(text)
    assert differences(session) == []


def test_the_parser_sees_the_command_that_stayed_without_an_answer() -> None:
    machine, _ = played(dump("huawei", "lost-result"))
    odd = [note.text for note in machine if note.kind == "odd"]
    assert any(text.startswith("AT+CMGS=") and "no final result" in text for text in odd), odd


def test_a_fact_spoiled_in_a_profile_is_a_difference() -> None:
    text = dump("huawei", "", seconds=60, tail=True)
    loaded = profiles()
    families = tuple(replace(profile, cnmi=("2,2,0,0,0",)) for profile in loaded.families)
    _, session = played(text, Profiles(loaded.generic, families))
    assert any("+CNMI=2,2,0,0,0" in difference for difference in differences(session))


def test_a_recording_that_begins_in_the_middle_is_played_to_the_parser_only() -> None:
    head, pieces = parsed(dump("huawei", "", seconds=60, tail=True))
    half = [piece for piece in pieces[len(pieces) // 2 :] if piece["dir"] != "mark"]
    assert replay_machine(half, profile_of(head, profiles()))
    with pytest.raises(NotReplayableError, match="opening"):
        replay_session(head, half, profiles())


def test_no_number_or_text_of_the_farm_is_in_a_recording() -> None:
    text = dump("huawei", "lost-result")
    for secret in ("13800000001", "31080000000", "part 1", "70391D0402"):
        assert secret not in text


def test_drivers_replay_prints_what_was_understood(bare: FarmAt, tmp_path: Path) -> None:
    file = tmp_path / "fault.jsonl"
    file.write_text(dump("huawei", "lost-result"), encoding="utf-8")
    ran = bare("drivers", "replay", str(file))
    assert ran.code == 0, ran.out
    assert "accepted" in ran.out or "had no final result" in ran.out
    told = bare("drivers", "replay", str(file), "--json").json
    assert (told["fault"], told["not_replayed"]) == ("resyncing", None)
    assert told["session"][-1]["kind"] == "mark"
    lines = file.read_text(encoding="utf-8").splitlines()
    at = next(at for at, line in enumerate(lines) if "+CPMS=?" in line and json.loads(line)["dir"] == "out")
    lines[at] = lines[at].replace("+CPMS=?", "+CXXX=?")
    file.write_text("\n".join(lines), encoding="utf-8")
    assert bare("drivers", "replay", str(file)).code == 1
    file.write_text("{}", encoding="utf-8")
    assert bare("drivers", "replay", str(file)).code == 2
    assert not (bare.folder / "farm").exists()
