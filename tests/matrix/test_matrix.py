"""Every fault in every phase on every family: it fires, the modem is back, nobody else waits, nothing is lost."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.matrix.cells import ORDER, possible
from tests.matrix.report import REPORT, render
from tests.matrix.stage import play


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the processes of one run share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "recoveries"
    folder.mkdir(exist_ok=True)
    return folder


def _report(measured: Path) -> None:
    """Write the page once the last cell of a whole run was played."""
    cells = {(name, phase): measured / f"{name}@{phase}.json" for name, phase in possible()}
    if all(path.exists() for path in cells.values()):
        REPORT.write_text(render({cell: json.loads(path.read_text("utf-8")) for cell, path in cells.items()}), "utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "phase"), possible(), ids=[f"{name}-{phase}" for name, phase in possible()])
def test_a_modem_is_back_after(tmp_path: Path, measured: Path, name: str, phase: str) -> None:
    seen = play(name, phase, ORDER, tmp_path)
    assert not seen.wrong, "\n".join(seen.wrong)
    fresh = measured / f"{name}@{phase}.new"
    fresh.write_text(json.dumps(seen.recovered_s), "utf-8")
    fresh.rename(fresh.with_suffix(".json"))
    if os.environ.get("MATRIX_REPORT"):
        _report(measured)
