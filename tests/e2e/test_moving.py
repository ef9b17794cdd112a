"""`db move`: a farm that waits in a SQLite file goes on from a PostgreSQL server; the simulator's log judges."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.farm import Finished, RealFarm, run_cli, until
from tests.postgres import Cluster

PER_DAY = 12
SIMS = 3
TEXTS = 60  # more than a day allows
PERSON = "+8613912345678"  # who answers TD
PLAN = f"plans: {{tight: {{per_day: {PER_DAY}}}}}\n"


def _fill(farm: RealFarm) -> None:
    """Messages in every state that a killed daemon leaves."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    farm.submit([(f"+86137{number:08d}", f"{number} later") for number in range(900, 903)], send_at=tomorrow)
    farm.submit([(PERSON, "明天见")], send_at=tomorrow)
    assert farm.cli("pause", "--class", "conversation").code == 0
    farm.submit([(f"+86137{number:08d}", f"{number} held") for number in range(800, 805)], **{"class": "conversation"})
    farm.fault(0, "lost-result", count=1)
    farm.submit([(f"+86137{number:08d}", f"{number} hello") for number in range(TEXTS)])
    until(lambda: len(farm.log("submit")) > 3, 60, "the first have left")
    farm.ctl("deliver", 1, PERSON, "回复TD")
    until(lambda: farm.get("/v1/messages?state=canceled")["data"], 60, "the refusal was read")
    until(lambda: len(farm.log("submit")) > 9, 60, "more have left")
    farm.kill_at("ctrl-z")
    farm.wait_killed(60)


def _move(farm: RealFarm, url: str) -> Finished:
    return farm.cli("db", "move", url, "--json")


@pytest.mark.slow
def test_a_farm_of_a_file_goes_on_from_a_server_and_loses_and_doubles_nothing(tmp_path: Path) -> None:
    cluster = Cluster()
    try:
        with RealFarm(
            tmp_path, modems=SIMS, families=("huawei",), airtime_ms=400, report_ms=4000, result_within="8s",
            plan="tight", yaml=PLAN,
        ) as farm:  # fmt: skip
            farm.start_simulator()
            farm.start_daemon()
            farm.wait_ready(180)
            url = cluster.create("farm")
            running = _move(farm, url)
            assert (running.code, "a daemon is running" in running.err) == (5, True), running
            _fill(farm)
            _refused(farm, cluster)
            before = {row["id"]: row for row in _listed(farm)}
            assert {"sent", "queued", "held", "scheduled", "canceled"} <= {row["state"] for row in before.values()}
            moved = until(lambda: (done := _move(farm, url)).code == 0 and done, 60, lambda: _move(farm, url), 2.0)
            assert moved.document["rows"]["messages"] == len(before)
            refused = farm.cli("run")
            assert refused.code != 0
            assert "was moved to postgresql" in refused.err, refused
            assert "holds a farm already" in _move(farm, url).err
            farm.config.write_text(f"database: {url}\n{farm.config.read_text('utf-8')}", "utf-8")
            farm.start_daemon()
            farm.wait_ready(180)
            rows = until(lambda: _at_rest(farm), 180, lambda: Counter(row["state"] for row in farm.messages()))
            farm.terminate()
            _judge(farm, before, rows)
    finally:
        cluster.stop()


def _listed(farm: RealFarm) -> list[dict[str, object]]:
    listed = farm.cli("messages", "list", "--json", "--limit", "1000").document
    assert listed["next"] is None
    return list(listed["data"])


def _refused(farm: RealFarm, cluster: Cluster) -> None:
    """What is no empty server is named, and the file stays open."""
    taken = cluster.create("taken")
    assert farm.cli("db", "move", "oracle://x").code != 0
    assert "from a SQLite file to a PostgreSQL server" in _move(farm, "sqlite:///other.db").err
    nowhere = f"postgresql+psycopg://postgres@/none?host={cluster.folder}"
    until(lambda: 'database "none" does not exist' in _move(farm, nowhere).err, 60, lambda: _move(farm, nowhere), 2.0)
    with_other = farm.folder / "other.yaml"
    with_other.write_text(f"database: {taken}\nstate_dir: {farm.folder}/other\n", "utf-8")
    assert run_cli("-c", str(with_other), "db", "upgrade").code == 0
    assert run_cli("-c", str(with_other), "send", "+8613700000000", "--text", "hello").code == 0
    assert "holds a farm already" in _move(farm, taken).err
    assert farm.cli("db", "check").code == 0


def _at_rest(farm: RealFarm) -> list[dict[str, object]]:
    """All messages, once nothing more can happen today."""
    rows = farm.messages()
    waiting = [row for row in rows if row["state"] in ("queued", "sending", "sent")]
    return rows if all(row["reason"] == "plan_day" for row in waiting) else []


def _judge(farm: RealFarm, before: dict[object, dict[str, object]], rows: list[dict[str, object]]) -> None:
    seen = Counter((line["to"], line["text"]) for line in farm.log("submit"))
    assert max(seen.values()) == 1, seen.most_common(3)
    assert before.keys() <= {row["id"] for row in rows}
    for row in rows:
        left = seen[str(row["to"]), str(row["text"])]
        if row["state"] in ("sent", "delivered"):
            assert left == 1, row
        elif row["state"] != "unknown":
            assert left == 0, row
    states = Counter(str(row["state"]) for row in rows)
    assert states["unknown"] <= 2, states  # the lost result, and what was on the air at the kill
    assert [row["id"] for row in rows if row["state"] == "held" and row["reason"] == "paused"] == [
        row["id"] for row in rows if " held" in str(row["text"])
    ]
    assert states["scheduled"] == 3
    late = [row for row in rows if row["state"] == "delivered" and before.get(row["id"], {}).get("state") == "sent"]
    assert late, "reports of what had left before the move were read after it"
    assert all(str(row["to"]) != PERSON or row["state"] == "canceled" for row in rows if "退订" not in str(row["text"]))
    a_day = Counter(line["iccid"] for line in farm.log("submit"))
    assert max(a_day.values()) <= PER_DAY, a_day  # the day's count went along
    assert sum(a_day.values()) >= SIMS * PER_DAY - 3, a_day
    assert farm.cli("db", "check").code == 0
