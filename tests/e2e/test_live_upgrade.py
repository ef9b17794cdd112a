"""A schema that is older than the program, under a daemon that is alive: nothing is upgraded beneath it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from modemfarm.store.migrations import SCHEMA
from tests.e2e.farm import RealFarm
from tests.patience import PATIENT_S


def schema(file: Path, new: int | None = None) -> int:
    """What the database says of its schema; `new` marks it as another one."""
    with contextlib.closing(sqlite3.connect(file, timeout=PATIENT_S)) as database, database:
        if new is not None:
            database.execute("UPDATE farm SET value = ? WHERE key = 'schema'", (str(new),))
        return int(database.execute("SELECT value FROM farm WHERE key = 'schema'").fetchone()[0])


def test_an_older_schema_is_not_upgraded_under_a_live_daemon_but_once_it_has_stopped(tmp_path: Path) -> None:
    with RealFarm(tmp_path, modems=1).start() as farm:
        assert farm.daemon is not None
        file = farm.state_dir / "modemfarm.db"
        host = os.uname().nodename
        rows = tmp_path / "rows.csv"
        rows.write_text("to,text\n+491701234567,now\n", "utf-8")
        schema(file, SCHEMA - 1)
        for words in (("db", "upgrade"), ("send", "+491701234567", "--text", "now"), ("batch", str(rows))):
            refused = farm.cli(*words)
            assert refused.code == 5, (words, refused)
            assert f"process {farm.daemon.pid}" in refused.err, (words, refused)
            assert host in refused.err, (words, refused)
            assert "Traceback" not in refused.err
        second = farm.cli("run")
        assert second.code == 5, second
        assert f"process {farm.daemon.pid}" in second.err, second
        assert schema(file) == SCHEMA - 1
        assert farm.http("GET", "/readyz")[0] == 200  # it goes on
        assert farm.terminate()[0] == 0
        upgraded = farm.cli("db", "upgrade")
        assert (upgraded.code, schema(file)) == (0, SCHEMA), upgraded
        sent = farm.cli("send", "+491701234567", "--text", "later")
        assert sent.code == 0, sent
