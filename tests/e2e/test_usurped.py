"""A daemon whose name another one took sends nothing more, stops, and says who has it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.e2e.farm import RealFarm
from tests.patience import PATIENT_S


def test_a_daemon_whose_name_another_took_stops_with_exit_1_and_says_who(tmp_path: Path) -> None:
    with RealFarm(tmp_path, modems=1).start() as farm:
        assert farm.daemon is not None
        with closing(sqlite3.connect(farm.state_dir / "modemfarm.db", timeout=PATIENT_S)) as database, database:
            database.execute(
                "UPDATE hosts SET instance = 'other:1', pid = 4711, machine = 'attic', lease_until = ?",
                (int((time.time() + 600) * 1e6),),
            )
        assert farm.daemon.wait(PATIENT_S) == 1, farm.said()
        assert "another daemon (process 4711 on attic) took the name" in farm.said()
