"""The taker's turns."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from modemfarm.intake.draft import IntakeSettings
from modemfarm.spool import taking
from modemfarm.spool.desk import Desk
from modemfarm.spool.folders import Folders, Seen, Watch


def test_many_files_leave_the_other_half_of_the_spool_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [Seen(f"f{number:04d}", 1, number, number, 20, 0o100600, 1) for number in range(1000)]
    taken: list[Seen] = []
    monkeypatch.setattr(Watch, "settled", lambda *_: files)
    monkeypatch.setattr(taking.Taker, "_take", lambda _self, _folders, some: taken.extend(some))
    taker = taking.Taker(cast(Desk, None), IntakeSettings(), cast(Any, None), lambda: False)
    taker.turn(Folders(tmp_path))
    assert taken == files[: taking.A_TURN]
