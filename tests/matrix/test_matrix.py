"""Every fault in every phase on every family: it fires, the modem is back, nobody else waits, nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matrix.cells import families, possible
from tests.matrix.stage import play


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "phase"), possible(), ids=[f"{name}-{phase}" for name, phase in possible()])
def test_a_modem_is_back_after(tmp_path: Path, name: str, phase: str) -> None:
    played = play(name, phase, families(name, phase), tmp_path)
    assert not played.wrong, "\n".join(played.wrong)
