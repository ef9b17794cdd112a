"""Recordings of faults: what they tell, and files of their owner alone, few, found again, gone with age."""

from __future__ import annotations

import asyncio
import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from modemfarm.modem import recordings
from modemfarm.modem.recorder import Recorder
from modemfarm.modem.recordings import RecordingFolder
from tests.modem.fakes import FakeJournal, LoopClock, ScriptedPort, make_part
from tests.modem.shelf import STATUS, Shelf, on_loop, supervised

# --- at a fault ---


def serve(shelf: Shelf | RecordingFolder, journal: FakeJournal, *ports: ScriptedPort, seconds: float = 120) -> None:
    async def main() -> None:
        supervisor = supervised(shelf, journal, *ports)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(supervisor.run())
            await asyncio.sleep(seconds)
            serving.cancel()

    on_loop(main())


def test_a_fault_is_recorded_with_the_state_before_and_after() -> None:
    journal, shelf = FakeJournal(), Shelf()
    port = ScriptedPort()
    port.result = None
    journal.add(make_part(1))
    serve(shelf, journal, port, seconds=400)
    first = shelf.taken[0]
    head, *pieces = first.lines()
    assert (first.fault, head["before"]["sentence"], head["after"]["sentence"]) == ("resyncing", "ready", "resyncing")
    assert (head["format"], head["modem"], head["path"]) == ("modemfarm-recording", "490154203237518", "script")
    assert {piece["dir"] for piece in pieces} == {"in", "out", "state", "mark"}
    body = next(piece for piece in pieces if piece["dir"] == "out" and "\x1a" in piece["data"])
    assert body["pdus"][0]["kind"] == "submit"
    assert [piece["sentence"] for piece in pieces if piece["dir"] == "state"][-1] == "resyncing"


def test_a_lost_port_is_recorded_once_and_a_port_that_was_never_there_is_not() -> None:
    journal, shelf = FakeJournal(), Shelf()
    port = ScriptedPort()

    async def main() -> None:
        asyncio.get_running_loop().call_later(30, port.unplug)
        await asyncio.sleep(0)

    async def both() -> None:
        supervisor = supervised(shelf, journal, port)
        async with asyncio.TaskGroup() as group:
            await main()
            serving = group.create_task(supervisor.run())
            await asyncio.sleep(600)
            serving.cancel()

    on_loop(both())
    assert [recording.fault for recording in shelf.taken] == ["gone"]


def test_files_are_the_owners_alone_few_and_found_again(tmp_path: Path) -> None:
    async def main() -> None:
        folder = RecordingFolder(tmp_path)
        clock = LoopClock()
        recorder = Recorder("/dev/ttyX", clock)
        recorder.heard(b"\r\n+CREG: 1\r\n")
        names = []
        for _ in range(recordings.OF_ONE_MODEM + 5):
            names.append(folder.write(recorder.recording(STATUS, before=STATUS, fault="resyncing")))
            await asyncio.sleep(0.4)
        assert None not in names
        files = sorted((tmp_path / "recordings").iterdir())
        assert len(files) == recordings.OF_ONE_MODEM
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert stat.S_IMODE((tmp_path / "recordings").stat().st_mode) == 0o700
        kept = recordings.kept(tmp_path, "490154203237518", "/dev/ttyX", 3)
        assert [item.name for item in kept] == names[:-4:-1]
        assert kept[0].fault == "resyncing"
        head, pieces = recordings.read(files[0].read_text(encoding="utf-8"))
        assert head["modem"] == "490154203237518"
        assert pieces[0]["data"] == "\r\n+CREG: 1\r\n"

    on_loop(main())


def test_a_recording_that_grew_too_large_loses_its_oldest_lines() -> None:
    lines = [{"format": "x", "cut": False}, *({"s": number, "data": "y" * 100} for number in range(100))]
    text = recordings.encode(lines, 2000)
    assert len(text) <= 2000
    head, *rest = [json.loads(line) for line in text.splitlines()]
    assert head["cut"]
    assert [line["s"] for line in rest] == list(range(100 - len(rest), 100))


@pytest.mark.parametrize("text", ["", "{}", "no json", '{"format": "modemfarm-recording", "version": 9}'])
def test_a_file_that_is_no_recording_is_named_so(text: str) -> None:
    with pytest.raises(recordings.RecordingError):
        recordings.read(text)


async def test_the_folder_writes_off_the_loop_and_on_stopping(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path)
    recorder = Recorder("/dev/../odd name", LoopClock())
    recorder.heard(b"\r\nRDY\r\n")
    writing = asyncio.ensure_future(folder.run())
    folder.put(recorder.recording(STATUS))
    while not list(tmp_path.glob("recordings/*")):
        await asyncio.sleep(0.01)
    writing.cancel()
    await asyncio.wait({writing})
    folder.put(recorder.recording(STATUS))
    folder.flush()
    assert len(list(tmp_path.glob("recordings/*.jsonl"))) == 2


async def test_recordings_go_by_age(tmp_path: Path) -> None:
    clock = LoopClock()
    later = clock.now() + timedelta(days=31)
    folder = RecordingFolder(tmp_path, lambda: later, timedelta(days=30))
    recorder = Recorder("/dev/ttyX", clock)
    recorder.heard(b"\r\nRDY\r\n")
    old = folder.write(recorder.recording(STATUS))
    young = RecordingFolder(tmp_path)
    young.forget_old()
    assert [file.name for file in tmp_path.glob("recordings/*")] == [old]
    (tmp_path / "recordings" / "x-20990101T000000000Z.jsonl").write_text("{}")
    working = asyncio.ensure_future(folder.run())
    while len(list(tmp_path.glob("recordings/*"))) > 1 and not working.done():
        await asyncio.sleep(0.01)
    working.cancel()
    await asyncio.wait({working})
    assert [file.name for file in tmp_path.glob("recordings/*")] == ["x-20990101T000000000Z.jsonl"]
