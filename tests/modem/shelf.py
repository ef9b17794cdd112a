"""Where tests put recordings, and what they record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

from modemfarm.model import ModemState
from modemfarm.modem import recordings
from modemfarm.modem.journal import ModemStatus
from modemfarm.modem.recorder import Recorder, Recording
from modemfarm.modem.recordings import RecordingFolder
from modemfarm.modem.settings import ModemSettings
from modemfarm.modem.supervisor import Supervisor
from tests.modem.fakes import EPOCH, FakeJournal, LoopClock, ScriptedOpener, ScriptedPort, profiles, run

STATUS = ModemStatus("/dev/ttyX", ModemState.WORKING, "ready", EPOCH, imei="490154203237518")
PDU = "07915892000000F0240B913111325476F80000627021219434000CE8329BFD6681EE6F399B1C"


class Shelf:
    """Recordings, in memory."""

    def __init__(self) -> None:
        self.taken: list[Recording] = []

    def put(self, recording: Recording) -> None:
        self.taken.append(recording)

    @property
    def text(self) -> str:
        return "".join(recordings.encode(recording.lines()) for recording in self.taken)


def supervised(shelf: Shelf | RecordingFolder, journal: FakeJournal, *ports: ScriptedPort) -> Supervisor:
    """A modem behind these ports, one after the other, whose recordings go to the shelf."""
    opener: Any = ScriptedOpener(*ports)
    return Supervisor("script", opener, profiles(), journal, ModemSettings(), journal.clock, recordings=shelf)


def on_loop(work: Coroutine[object, object, Any]) -> Any:
    return run(work)


def recorded(*traffic: tuple[str, bytes]) -> str:
    """What a recording says of some traffic; "in" and "out" alternate as given."""

    async def main() -> str:
        recorder = Recorder("/dev/ttyX", LoopClock())
        for way, data in traffic:
            recorder.wrote(data) if way == "out" else recorder.heard(data)
            await asyncio.sleep(0.1)
        return recordings.encode(recorder.recording(STATUS).lines())

    return str(on_loop(main()))


def octets_of(text: str, way: str) -> str:
    pieces = [json.loads(line) for line in text.splitlines()[1:]]
    return "".join(piece["data"] for piece in pieces if piece["dir"] == way)
