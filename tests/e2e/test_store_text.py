"""A text that is not to be kept, through a kill and to the end: on the air, and in no file that the daemon keeps."""

from __future__ import annotations

import contextlib
import http.client
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.e2e.farm import RealFarm, until

SECRET = "dragonfruit"
SEVERAL_PARTS = 4  # every so many


def test_after_a_kill_delivery_and_a_stop_no_file_of_the_farm_has_it(tmp_path: Path) -> None:
    with RealFarm(tmp_path / "farm", modems=2, airtime_ms=15, report_ms=40, result_within="4s").start() as farm:
        texts = [
            (f"+49151{3000000 + number}", f"{number} {SECRET} " * (1 if number % SEVERAL_PARTS else 12))
            for number in range(24)
        ]
        farm.kill_at("result", 7)
        with contextlib.suppress(OSError, http.client.HTTPException):  # the kill may come before the answer
            farm.submit(texts, "once", store_text=False)
        farm.wait_killed()
        farm.restart()
        farm.submit(texts, "once", store_text=False)
        open_ones = "/v1/messages?state=scheduled,held,queued,sending&limit=1"
        # a delivery report that came to the killed one may be lost: what waits for it stays `sent`
        until(lambda: farm.get(open_ones)["data"] == [], 60, lambda: farm.get(open_ones))
        found = farm.messages()
        for one in found:
            if one["state"] == "unknown":  # nobody knows whether it has to be sent again: a person says so
                assert SECRET in one["text"]
                farm.http("POST", f"/v1/messages/{one['id']}/resolve", {"outcome": "sent"})
        assert {(one["text"], one["store_text"]) for one in farm.messages()} == {("", False)}
        assert len(found) == len(texts)
        code, _ = farm.terminate()
        assert code == 0, farm.said()[-2000:]
        assert SECRET in farm.log_path.read_text("utf-8")  # the network was told
        with closing(sqlite3.connect(next(farm.state_dir.glob("*.db")))) as raw:
            assert raw.execute("SELECT count(*), max(length(text)) FROM messages").fetchone() == (len(texts), 0)
        files = [path for path in farm.folder.rglob("*") if path.is_file() and farm.sim_folder not in path.parents]
        assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
