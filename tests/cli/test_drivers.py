"""`modemfarm drivers`: list, check, probe, docs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from modemfarm.modem.profile import faults_of, load_profiles
from modemfarm.resources import shipped
from modemfarm.simulator.simulation import Simulation
from tests.cli.farm import FarmAt


@contextlib.contextmanager
def virtual_modem(folder: Path, family: str) -> Iterator[str]:
    """A pseudo-terminal with a modem behind it, served by a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def begin() -> Simulation:
        simulation = Simulation(1, families=(family,))
        await simulation.start(folder)
        return simulation

    simulation = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    try:
        yield simulation.path(0)
    finally:
        asyncio.run_coroutine_threadsafe(simulation.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_every_family_is_listed(bare: FarmAt) -> None:
    listed = {item["name"]: item for item in bare("drivers", "list", "--json").json["data"]}
    assert listed.keys() == {path.stem for path in shipped("drivers").glob("*.toml")} - {"errors"}
    assert listed["huawei_e"] == {
        "name": "huawei_e",
        "model": "Huawei E series",
        "family": "huawei",
        "reports": ["cdsi", "cds"],
        "seen_on_hardware": False,
    }
    assert bare("drivers", "list").code == 0


def test_check_tells_the_fault_of_every_file(bare: FarmAt) -> None:
    own = bare.folder / "own"
    own.mkdir()
    (own / "one.toml").write_text('model = "A"\ncnmi = ["2;1"]\n')
    (own / "two.toml").write_text("model = 1\n")
    (own / "three.toml").write_text('model = "C"\nmatch = {cgmm = "^C1"}\nexamples = [["Acme", "D"]]\n')
    ran = bare("drivers", "check", str(own), "--json")
    assert ran.code == 2
    told = {(Path(fault["file"]).name, fault["key"]): fault["what"] for fault in ran.json["faults"]}
    assert told.keys() == {("one.toml", "cnmi"), ("two.toml", "model"), ("three.toml", "examples")}
    assert "chooses generic" in told["three.toml", "examples"]
    spoken = bare("drivers", "check", str(own))
    assert spoken.code == 2
    assert "one.toml: cnmi: expected values like 2,1,0,1,0" in spoken.out
    assert bare("drivers", "check").code == 0


@pytest.mark.parametrize("family", ["generic", "ec25"])
def test_probe_writes_a_profile_that_check_takes(bare: FarmAt, family: str) -> None:
    own = bare.folder / "own"
    own.mkdir()
    with virtual_modem(bare.folder / "sim", family) as port:
        ran = bare("drivers", "probe", port, "--output", str(own / "mine.toml"))
        assert ran.code == 0, ran.err
        shown = bare("drivers", "probe", port)
    assert shown.code == 0, shown.err
    assert shown.out.strip() == (own / "mine.toml").read_text().strip()
    assert ("no profile knows it" in ran.err) is (family == "generic")
    assert faults_of(shipped("drivers"), own) == []
    assert not load_profiles(shipped("drivers"), own).families[0].seen_on_hardware  # it was a pseudo-terminal


def test_probe_never_writes_over_a_file(bare: FarmAt) -> None:
    (bare.folder / "mine.toml").write_text("precious")
    assert bare("drivers", "probe", "/dev/null", "--output", "mine.toml").code == 2
    assert (bare.folder / "mine.toml").read_text() == "precious"


def test_probe_says_when_there_is_no_port(bare: FarmAt) -> None:
    assert bare("drivers", "probe", str(bare.folder / "ttyNONE")).code == 5


def test_docs_prints_every_table(bare: FarmAt) -> None:
    ran = bare("drivers", "docs")
    assert ran.code == 0
    assert "Quectel 4G" in ran.out
    assert "`12d1:14db`" in ran.out


def test_what_is_no_port_and_what_is_no_recording_is_said(bare: FarmAt) -> None:
    ran = bare("drivers", "probe", "/dev/null")
    assert (ran.code, "/dev/null: this is no serial port" in ran.err) == (5, True)
    (bare.folder / "rubbish.jsonl").write_bytes(bytes(range(256)))
    ran = bare("drivers", "replay", "rubbish.jsonl")
    assert (ran.code, "rubbish.jsonl is no recording" in ran.err) == (2, True)


def test_a_faulty_generic_profile_hides_no_other_fault(bare: FarmAt) -> None:
    own = bare.folder / "own"
    own.mkdir()
    generic = (shipped("drivers") / "generic.toml").read_text()
    (own / "generic.toml").write_text("colour = 1\n" + generic)
    (own / "mine.toml").write_text('model = "Mine"\nfamily = "mine"\ncsms = 7\n')
    faults = bare("drivers", "check", str(own), "--json").json["faults"]
    assert [(Path(fault["file"]).name, fault["key"]) for fault in faults] == [
        ("generic.toml", "colour"),
        ("mine.toml", "csms"),
    ]
