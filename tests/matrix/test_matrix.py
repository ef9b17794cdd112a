"""Every fault in every phase on every family: it fires, the modem is back, nobody else waits, nothing is lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.matrix.cells import families, played
from tests.matrix.report import REPORT, render
from tests.matrix.stage import play


@pytest.fixture(scope="module")
def recoveries() -> Iterator[dict[tuple[str, str], dict[str, float]]]:
    """What was measured; a whole run writes the report where MATRIX_REPORT asks for it."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    yield found
    if os.environ.get("MATRIX_REPORT") and set(found) == set(played()):
        REPORT.write_text(render(found), "utf-8")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "phase"), played(), ids=[f"{name}-{phase}" for name, phase in played()])
def test_a_modem_is_back_after(
    tmp_path: Path, recoveries: dict[tuple[str, str], dict[str, float]], name: str, phase: str
) -> None:
    seen = play(name, phase, families(name, phase), tmp_path)
    assert not seen.wrong, "\n".join(seen.wrong)
    recoveries[name, phase] = seen.recovered_s
