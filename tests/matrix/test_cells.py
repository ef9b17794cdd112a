"""The matrix leaves nothing out unsaid, and its report is about the code that is there."""

from __future__ import annotations

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
