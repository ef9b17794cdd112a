"""All doors fed at once while the daemon is killed at random."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.doors import feed


@pytest.mark.slow
def test_what_any_door_accepted_leaves_once_or_is_told(tmp_path: Path) -> None:
    fed = feed(tmp_path / "farm", kills=4, seed=11)
    assert fed.wrong == [], fed.told()
    assert fed.kills.total() == 4
    assert set(fed.accepted) == {"messages", "batches", "spool", "send", "batch", "kannel"}
