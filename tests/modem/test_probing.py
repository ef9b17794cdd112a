"""An unknown modem is examined by questions alone, and the profile written of it can be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemfarm.errors import NoAnswerError
from modemfarm.modem.family import Profiles
from modemfarm.modem.probing import Found, as_toml, examine, is_question
from modemfarm.modem.profile import faults_of, load_profiles
from modemfarm.simulator.personality import FAMILIES
from modemfarm.simulator.simulation import Simulation
from tests.modem.fakes import DRIVERS, ScriptedPort, profiles, run
from tests.modem.test_families import PROFILES, live


class Overheard:
    """A port that remembers what was written."""

    def __init__(self, simulation: Simulation) -> None:
        self._port = simulation.connect(0)
        self.path, self.read, self.abort = "overheard", self._port.read, self._port.abort
        self.written = bytearray()

    def write(self, data: bytes) -> None:
        self.written += data
        self._port.write(data)


def probed(family: str) -> tuple[Found, list[str]]:
    async def main() -> tuple[Found, list[str]]:
        simulation = Simulation(1, families=(family,))
        port = Overheard(simulation)
        before = simulation.modems[0].settings
        shown = repr(before)
        found = await examine(port, profiles())
        assert repr(simulation.modems[0].settings) == shown
        port.abort()
        await simulation.stop()
        return found, port.written.replace(b"\x1b", b"").decode().split("\r")

    return run(main())


@pytest.mark.parametrize("family", FAMILIES)
def test_probing_only_asks_and_leaves_everything_as_it_was(family: str) -> None:
    found, lines = probed(family)
    assert found.profile.name == PROFILES[family]
    assert found.card == "READY"
    assert [line for line in lines if line and not is_question(line.removeprefix("AT"))] == []
    assert not [line for line in lines if "+CMG" in line or "+CPIN=" in line or "\x1a" in line]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_probing_writes_is_a_profile_that_works(tmp_path: Path, family: str) -> None:
    found, _ = probed(family)
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.toml").write_text(as_toml(found, on_hardware=True), encoding="utf-8")
    faults = [fault for fault in faults_of(DRIVERS, own) if fault.file.endswith("mine.toml")]
    assert faults == []
    loaded = load_profiles(DRIVERS, own)
    mine = loaded.choose(found.identity.manufacturer, found.identity.model)
    assert (mine.name, mine.seen_on_hardware) == ("mine", True)
    assert found.iccid in mine.iccid
    assert found.pin_counter is None or mine.pin_counter == (found.pin_counter,)
    did, iccid = live(tmp_path, family, Profiles(loaded.generic, (mine,)))
    assert did.well(iccid), did


@pytest.mark.parametrize(
    ("command", "asks"),
    [
        ("+CPMS=?", True),
        ("+CNMI?", True),
        ("+CCID", True),
        ("+CRSM=176,12258,0,0,10", True),
        ("+CMEE=1", False),
        ("+CNMI=2,1,0,1,0", False),
        ("&W", False),
        ("^U2DIAG=0", False),
        ('+CPMS="SM"', False),
        ('+CPIN="1234"', False),
        ("+MTSM=1", False),
    ],
)
def test_a_question_is_known_from_a_setting(command: str, asks: bool) -> None:
    assert is_question(command) is asks


def test_a_silent_port_is_told_and_nothing_is_written_to_it_but_at() -> None:
    port = ScriptedPort({"AT": None})

    async def main() -> None:
        with pytest.raises(NoAnswerError):
            await examine(port, profiles(), wake_within_s=3)  # type: ignore[arg-type]

    run(main())
    assert set(port.heard) == {"AT"}


def test_where_the_modem_stands_is_not_written_down() -> None:
    port = ScriptedPort({"AT+CREG?": '+CREG: 2,1,"1A2B","0C3D4E5F",7|OK'})

    async def main() -> str:
        return as_toml(await examine(port, profiles()), on_hardware=True)  # type: ignore[arg-type]

    text = run(main())
    assert "+CREG: 2,1" in text
    assert "1A2B" not in text
    assert "8986001234567890123" not in text
    assert "490154203237518" not in text
