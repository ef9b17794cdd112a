from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.farm import FarmAt

_made: dict[str, bytes] = {}  # what `init` wrote into the first farm of China; it writes the same into each


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
    folder = bare.folder / "farm"
    if not _made:
        assert bare("init", "--country", "CN", "--timezone", "Asia/Shanghai", "--yes").code == 0
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        if files.keys() == {"config.yaml", "modemfarm.db"}:  # else SQLite's log is still beside it
            _made.update(files)
        return bare
    folder.mkdir(0o700)
    for name, octets in _made.items():
        (folder / name).touch(0o600)
        (folder / name).write_bytes(octets)
    return bare
