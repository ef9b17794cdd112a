from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.farm import FarmAt


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> FarmAt:
    """A folder without a farm."""
    monkeypatch.chdir(tmp_path)
    for name in ("MODEMFARM_CONFIG", "MODEMFARM_URL", "MODEMFARM_KEY", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    return FarmAt(tmp_path, capsys)


@pytest.fixture
def farm(bare: FarmAt) -> FarmAt:
    """A farm of China, no daemon."""
    assert bare("init", "--country", "CN", "--timezone", "Asia/Shanghai", "--yes").code == 0
    return bare
