"""The bench of several hosts runs: its smallest form. What it measures decides nothing here."""

from __future__ import annotations

import pytest

from bench import several


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_hosts_beside_each_other_claim_and_hear_of_what_another_took_in() -> None:
    lines = list(several.told(several.SMALLEST))
    rows = [line.split(" | ") for line in lines if line[:3] in ("| 1", "| 2")]
    assert [row[0] for row in rows] == ["| 1", "| 2"], lines
    for row in rows:
        assert all(float(cell.split(" ")[0]) > 0 for cell in row[1:]), lines
