"""The console and the recordings through control.sock: judged, written down, and never a PIN anywhere."""

from __future__ import annotations

import asyncio
import getpass
import json
import logging
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from modemfarm.daemon.control import ControlServer
from modemfarm.daemon.line import Line, LineError
from modemfarm.model import ModemState
from modemfarm.modem.recordings import RecordingFolder
from modemfarm.modem.settings import ModemSettings, SystemClock
from modemfarm.modem.supervisor import Supervisor
from modemfarm.store import sims
from modemfarm.store.engine import Store, Tx, to_us
from modemfarm.store.offload import Offload
from tests.cli.conftest import bare, farm
from tests.cli.farm import FarmAt, Ran
from tests.modem.fakes import FakeJournal, ScriptedOpener, ScriptedPort, make_part, profiles
from tests.patience import PATIENT_S

__all__ = ["bare", "farm"]

IMEI = "490154203237518"
PIN = "58392017"


class Running:
    """A daemon's control end with one scripted modem."""

    def __init__(self, farm: FarmAt, port: ScriptedPort, journal: FakeJournal, supervisor: Supervisor) -> None:
        self.farm, self.port, self.journal, self.supervisor = farm, port, journal, supervisor

    async def cli(self, *arguments: str) -> Ran:
        return await asyncio.to_thread(self.farm, *arguments)

    def events(self) -> list[dict[str, Any]]:
        with self.farm.store.read() as tx:
            rows = tx.all("SELECT kind, subject, data FROM events WHERE subject = 'script' ORDER BY id")
        return [{"event": row["kind"], **json.loads(row["data"])} for row in rows]


@asynccontextmanager
async def running(farm: FarmAt, *ports: ScriptedPort) -> AsyncIterator[Running]:
    store = Store("sqlite:///modemfarm.db", farm.folder / "farm")
    offload = Offload(store)
    offload.start()
    clock = SystemClock()
    journal = FakeJournal(clock=clock)  # type: ignore[arg-type]
    folder = RecordingFolder(farm.folder / "farm")
    opener = ScriptedOpener(*ports)
    supervisor = Supervisor("script", opener, profiles(), journal, ModemSettings(), clock, recordings=folder)  # type: ignore[arg-type]
    control = ControlServer(farm.folder / "farm", {"script": supervisor}, offload, lambda: datetime.now(UTC))
    await control.start()
    serving = [asyncio.ensure_future(supervisor.run()), asyncio.ensure_future(folder.run())]
    try:
        async with asyncio.timeout(PATIENT_S):
            while supervisor.status.state is not ModemState.WORKING:
                await asyncio.sleep(0.01)
        await offload.run(_modem_row)
        yield Running(farm, ports[0], journal, supervisor)
    finally:
        control.stop()
        for task in serving:
            task.cancel()
        await asyncio.wait(serving)
        await asyncio.sleep(0.05)
        offload.stop()
        store.close()


def _modem_row(tx: Tx) -> None:
    facts = dict.fromkeys(
        ("usb_path", "family", "manufacturer", "model", "firmware", "iccid", "signal_dbm", "operator", "technology")
    ) | {"path": "script", "imei": IMEI, "state": "working", "sentence": "ready", "params": "{}", "next_action": ""}
    now = datetime.now(UTC)
    facts |= {"since": to_us(now), "registration": "home", "last_success_at": None}
    facts |= {"temperature_c": None, "voltage_mv": None}
    sims.write_modem(tx, "here", facts, now)


async def test_a_command_is_answered_and_written_down_with_who_asked(farm: FarmAt) -> None:
    async with running(farm, ScriptedPort({"AT+XYZ?": "+XYZ: 7|OK"})) as on:
        ran = await on.cli("modems", "console", IMEI, "AT+XYZ?", "--json")
        assert ran.code == 0, ran.err
        told = ran.json
        assert (told["modem"], told["command"], told["lines"], told["final"]) == (IMEI, "AT+XYZ?", ["+XYZ: 7"], "OK")
        plain = await on.cli("modems", "console", IMEI, "at+xyz?")
        assert plain.out.splitlines()[-1:] == ["OK"]
        asked, answered = on.events()[:2]
        assert (asked["event"], asked["who"], asked["command"]) == ("modem.console", getpass.getuser(), "AT+XYZ?")
        assert (answered["event"], answered["final"]) == ("modem.answered", "OK")


async def test_an_error_of_the_modem_is_exit_code_1(farm: FarmAt) -> None:
    async with running(farm, ScriptedPort({"AT+XYZ?": "+CME ERROR: 16"})) as on:
        ran = await on.cli("modems", "console", IMEI, "AT+XYZ?")
        assert (ran.code, ran.out.strip()) == (1, "+CME ERROR: 16")
        assert on.events()[-1]["final"] == "+CME ERROR: 16"


@pytest.mark.parametrize("command", ["AT+CMGS=12", "AT+CMSS=1", 'AT+EGMR=1,7,"490154203237518"', "AT+CSQ;+CMGW=1"])
async def test_messages_and_imeis_are_refused_even_with_force_and_that_is_written_down(
    farm: FarmAt, command: str
) -> None:
    async with running(farm, ScriptedPort()) as on:
        before = len(on.port.heard)
        ran = await on.cli("modems", "console", IMEI, command, "--force")
        assert ran.code == 3
        assert "refused" in ran.err
        assert on.port.heard[before:] == []
        (event,) = on.events()
        assert (event["verdict"], event["forced"]) == ("refused", True)
        assert IMEI not in json.dumps(event)


async def test_a_setting_needs_force_and_has_the_modem_set_up_again(farm: FarmAt) -> None:
    async with running(farm, ScriptedPort(), ScriptedPort()) as on:
        assert (await on.cli("modems", "console", IMEI, "AT+CMGF=1")).code == 3
        assert "AT+CMGF=1" not in on.port.heard
        assert (await on.cli("modems", "console", IMEI, "AT+CMGF=1", "--force")).code == 0
        assert "AT+CMGF=1" in on.port.heard
        async with asyncio.timeout(PATIENT_S):
            while len(on.journal.cards) < 2 or on.supervisor.status.state is not ModemState.WORKING:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "command",
    [f'AT+CPIN="{PIN}"', f'AT+CLCK="SC",0,"{PIN}"', f"ATD**04*{PIN}*1111*1111#", f"AT+CMGD=1;+C PIN = {PIN}"],
)
async def test_a_pin_is_tried_by_no_console_and_stays_nowhere(
    farm: FarmAt, caplog: pytest.LogCaptureFixture, command: str
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(farm, ScriptedPort()) as on:
        refused = await on.cli("modems", "console", IMEI, command, "--force")
        assert (refused.code, "sims set" in refused.err) == (2, True)
        assert on.events() == []

        def put() -> str:
            with Line(farm.folder / "farm") as line:
                with pytest.raises(LineError, match="sims set SIM --pin") as caught:
                    line.ask("ask", path="script", command=command, force=True, within_s=5)
                assert caught.value.code == "refused"
                return json.dumps(line.ask("record", path="script"))

        said = await asyncio.to_thread(put)
        assert not any(PIN in line for line in on.port.heard)
        assert on.events()[-1]["verdict"] == "refused"
        files = [path.read_text() for path in (farm.folder / "farm").glob("recordings/*")]
        for text in (said, caplog.text, json.dumps(on.events()), refused.err, *files):
            assert PIN not in text
        assert PIN.encode() not in (farm.folder / "farm" / "modemfarm.db").read_bytes()


async def test_a_code_is_not_given_as_an_argument_but_a_query_is(farm: FarmAt) -> None:
    async with running(farm, ScriptedPort({'AT+CLCK="SC",2': "+CLCK: 0|OK"})) as on:
        code = await on.cli("modems", "console", IMEI, 'AT+CLCK="AO",1,"4711"', "--force")
        assert (code.code, "seen by others" in code.err) == (2, True)
        assert on.events() == []
        assert (await on.cli("modems", "console", IMEI, 'AT+CLCK="SC",2')).code == 0


async def test_a_silent_modem_is_exit_code_6(farm: FarmAt) -> None:
    async with running(farm, ScriptedPort({"AT+XYZ?": None})) as on:
        ran = await on.cli("modems", "console", IMEI, "AT+XYZ?", "--timeout", "1s", "--json")
        assert (ran.code, ran.json["error"]["code"]) == (6, "no_answer")
        assert on.events()[-1]["final"] == "no answer"


async def test_lines_from_a_pipe_are_put_one_after_the_other(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    async with running(farm, ScriptedPort({"AT+XYZ?": "+XYZ: 7|OK"})) as on:
        monkeypatch.setattr("sys.stdin", io.StringIO("AT+XYZ?\n\nAT+CMGS=3\nAT+XYZ?\n"))
        ran = await on.cli("modems", "console", IMEI, "--json")
        assert ran.code == 3
        assert [("lines" in json.loads(line)) for line in ran.out.splitlines()] == [True, False, True]


async def test_a_recording_is_written_for_its_owner_and_replayable_lines_come_on_stdout(farm: FarmAt) -> None:
    async with running(farm, ScriptedPort()) as on:
        ran = await on.cli("modems", "record", IMEI)
        head, *pieces = [json.loads(line) for line in ran.out.splitlines()]
        assert (head["format"], head["fault"], head["modem"]) == ("modemfarm-recording", None, IMEI)
        assert any(piece.get("data") == "AT+CSQ\r" for piece in pieces)
        file = farm.folder / "out.jsonl"
        assert (await on.cli("modems", "record", IMEI, "--last", "10m", "-o", str(file))).code == 0
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert json.loads(file.read_text().splitlines()[0])["format"] == "modemfarm-recording"
        assert (await on.cli("modems", "record", "nobody")).code == 4


async def test_show_names_the_recordings_of_the_last_faults(farm: FarmAt) -> None:
    async with running(farm, ScriptedPort()) as on:
        on.port.unplug()
        async with asyncio.timeout(PATIENT_S):
            while not list((farm.folder / "farm").glob("recordings/*.jsonl")):
                await asyncio.sleep(0.02)
        shown = (await on.cli("modems", "show", IMEI, "--json")).json
        assert [item["fault"] for item in shown["recordings"]] == ["gone"]
        assert shown["recordings"][0]["name"].startswith(IMEI)
        assert shown["recordings"][0]["name"] in (await on.cli("modems", "show", IMEI)).out


async def test_a_command_waits_for_the_part_on_the_air(farm: FarmAt) -> None:
    port = ScriptedPort({"AT+XYZ?": "+XYZ: 7|OK"})
    port.result_s = 0.5
    async with running(farm, port) as on:
        on.journal.add(make_part(1))
        while not port.bodies:
            await asyncio.sleep(0.01)
        assert (await on.cli("modems", "console", IMEI, "AT+XYZ?")).code == 0
        assert len(on.journal.outcomes) == 1


async def test_nonsense_on_the_socket_is_answered_and_nothing_breaks(farm: FarmAt) -> None:
    async with running(farm, ScriptedPort()) as on:

        def talk(*lines: bytes) -> list[dict[str, Any]]:
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(str(farm.folder / "farm" / "control.sock"))
                with peer.makefile("rwb") as stream:
                    answers = []
                    for line in lines:
                        stream.write(line + b"\n")
                        stream.flush()
                        answers.append(json.loads(stream.readline()))
                    return answers

        answers = await asyncio.to_thread(
            talk, b"no json", b"[]", b"{}", b'{"do": "dance", "path": "script"}', b'{"do": "ask", "path": "/dev/no"}',
            b'{"do": "ask", "path": "script", "command": "AT+CSQ", "within_s": "soon"}',
            json.dumps({"do": "ask", "path": "script", "command": "AT\rAT+CMGS=3"}).encode(),
        )  # fmt: skip
        assert [answer["code"] for answer in answers] == ["bad", "bad", "bad", "bad", "not_found", "bad", "syntax"]
        assert stat.S_IMODE((farm.folder / "farm" / "control.sock").stat().st_mode) == 0o600
        assert (await on.cli("modems", "console", IMEI, "AT")).code == 0


def test_without_a_daemon_the_console_says_so(farm: FarmAt) -> None:
    farm.write(_modem_row)
    ran = farm("modems", "console", IMEI, "AT")
    assert (ran.code, "no daemon is alive" in ran.err) == (5, True)
    with pytest.raises(LineError, match="no daemon"):
        Line(farm.folder / "farm")
    assert not (farm.folder / "farm" / "control.sock").exists()
