"""The matrix leaves nothing out unsaid, and its report is about the code that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modemfarm.simulator.faults import FAULTS, PHASES
from modemfarm.simulator.personality import FAMILIES
from tests.matrix.cells import (
    IMPOSSIBLE,
    LOCKS,
    NAMES,
    ORDER,
    PERSON,
    REPORTLESS,
    SPARED,
    UNCOUNTING,
    impossible,
    person,
    possible,
)
from tests.matrix.report import REPORT, render
from tests.matrix.stage import play


def test_every_fault_and_phase_is_played_or_has_its_reason() -> None:
    assert set(possible()) | set(impossible()) == {(name, phase) for name in FAULTS for phase in PHASES} - {
        ("clear", phase) for phase in PHASES
    }
    assert set(IMPOSSIBLE) == {name for name, _ in impossible()}
    assert (len(possible()), len(impossible())) == (149, 56)


def test_what_is_played_otherwise_is_said_of_faults_and_families_that_there_are() -> None:
    assert {*PERSON, *SPARED, *REPORTLESS, *LOCKS} <= set(NAMES)
    assert set(UNCOUNTING) <= set(ORDER) == set(FAMILIES)
    assert [name for name in NAMES if person(name, "huawei")] == [name for name in NAMES if name in PERSON]


@pytest.mark.parametrize(("name", "phase"), [("reboot", "idle"), ("cms", "prompt")])
def test_a_few_families_are_back_after(tmp_path: Path, name: str, phase: str) -> None:
    assert not play(name, phase, ("huawei", "a9", "wavecom"), tmp_path, shared=True).wrong


def test_the_committed_report_is_of_every_cell_that_there_is() -> None:
    written, fresh = REPORT.read_text("utf-8"), render({})
    assert f"yes to the next message; {len(possible()) * len(ORDER)}\ncells were played" in written
    for begins in ("Families (", "Faults (", "Cells: "):
        line = next(line for line in fresh.splitlines() if line.startswith(begins))
        assert line in written.splitlines(), "play it again: MATRIX_REPORT=1 make matrix"
    assert fresh.partition("## Ended by a person")[2] == written.partition("## Ended by a person")[2]
    rows = re.findall(r"^\| ([a-z-]+) \|(.*)\|$", written.partition("## The slowest family")[2], re.MULTILINE)[1:]
    filled = {
        (name, phase)
        for name, cells in rows
        for phase, cell in zip(PHASES, cells.split("|"), strict=True)
        if cell.strip()
    }
    assert filled == set(possible())
