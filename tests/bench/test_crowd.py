"""The crowd in its short form: kills, faults and limits at once, judged by the network's log."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.crowd import crowd


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_crowd_loses_and_doubles_nothing_and_keeps_its_limits(tmp_path: Path) -> None:
    found = crowd(tmp_path, modems=6, messages=240, kills=3, limited=2, seed=3, people=())
    assert not found.wrong(), found.told()
    assert found.kills.total() == 3
    assert found.faults.total() >= 3
    assert found.bound >= 1
