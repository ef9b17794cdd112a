"""The matrix leaves nothing out unsaid, and its report is about the code that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modemfarm.simulator.faults import FAULTS, PHASES
from modemfarm.simulator.personality import FAMILIES
from tests.matrix.cells import IMPOSSIBLE, NAMES, OPEN, ORDER, families, impossible, open_reason, possible
from tests.matrix.report import render
from tests.matrix.stage import play


def test_every_fault_and_phase_is_played_or_has_its_reason() -> None:
    assert set(possible()) | set(impossible()) == {(name, phase) for name in FAULTS for phase in PHASES} - {
        ("clear", phase) for phase in PHASES
    }
    assert set(IMPOSSIBLE) == {name for name, _ in impossible()}
    assert (len(possible()), len(impossible())) == (149, 56)


def test_what_is_not_kept_is_counted_so_that_it_grows_by_no_accident() -> None:
    left = [(n, p, f) for n, p in possible() for f in ORDER if open_reason(n, p, f)]
    assert len(left) == 160
    assert {name for name, _, _ in OPEN} <= set(NAMES)


def test_the_report_names_the_families_faults_and_reasons_of_the_code() -> None:
    text = render({("reboot", "idle"): {"huawei": 4.5}})
    assert f"Families: {' '.join(FAMILIES)}\n" in text
    rows = re.findall(r"^\| ([a-z-]+) \|", text.partition("## The slowest family")[2], re.MULTILINE)
    assert [row for row in rows if row != "fault"] == list(NAMES)
    assert "| 4.5 | reboot | idle | huawei |" in text
    assert all(reason in text for reason in (*IMPOSSIBLE.values(), *OPEN.values()))


@pytest.mark.parametrize(("name", "phase"), [("reboot", "idle"), ("cms", "prompt")])
def test_a_few_families_are_back_after(tmp_path: Path, name: str, phase: str) -> None:
    few = tuple(family for family in families(name, phase) if family in {"huawei", "a9", "wavecom"})
    assert not play(name, phase, few, tmp_path, shared=True).wrong
