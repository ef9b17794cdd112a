"""The wire table on real processes: results that are lost or late, ports that are pulled, a daemon told to stop."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.farm import RealFarm, mixed_texts, until
from tests.patience import BUSY, PATIENT_S


def state(farm: RealFarm, number: int) -> str:
    return str(farm.get(f"/v1/messages/{number}")["state"])


def events(farm: RealFarm, number: int) -> list[str]:
    return [str(item["code"]) for item in farm.get(f"/v1/messages/{number}/explain")["data"]]


def test_a_lost_result_is_unknown_until_the_report_says_that_it_arrived(tmp_path: Path) -> None:
    texts = mixed_texts(3)
    with RealFarm(tmp_path, modems=1, families=["sim800"], report_ms=4000, result_within="1s").start() as farm:
        farm.fault(0, "lost-result")
        farm.submit(texts)
        until(lambda: "part_unknown" in events(farm, 1), 20, "the first message was unknown")
        until(lambda: done(farm), 60, "its report came, and the others'")
        verdict = farm.judge(texts)
        assert not verdict.lost
        assert not verdict.doubled


def test_a_late_result_after_the_time_out_is_evidence(tmp_path: Path) -> None:
    texts = mixed_texts(3)
    with RealFarm(tmp_path, modems=1, families=["generic"], result_within="1s").start() as farm:
        farm.ctl("reports", "off")
        farm.fault(0, "late-result", "3")
        farm.submit(texts[:1], report=False)
        until(lambda: "part_unknown" in events(farm, 1), 20, "the first message was unknown")
        until(lambda: state(farm, 1) == "sent", 20, "the late +CMGS was taken for what it is")
        given = next(line for line in farm.log("submit") if line["to"] == texts[0][0])
        assert farm.get("/v1/messages/1")["parts"][0]["mr"] == given["mr"]
        farm.submit(texts[1:], report=False)
        until(lambda: {state(farm, 2), state(farm, 3)} == {"sent"}, 20, "the others went out")
        verdict = farm.judge(texts)
        assert not verdict.lost
        assert not verdict.doubled


def test_a_result_that_came_while_no_daemon_lived_is_evidence(tmp_path: Path) -> None:
    texts = mixed_texts(6)
    with RealFarm(tmp_path, modems=1, families=["sim800"], airtime_ms=100, result_within="60s").start() as farm:
        farm.ctl("reports", "off")
        farm.kill_at("ctrl-z", 2)
        farm.submit(texts, report=False)
        farm.wait_killed()
        assert farm.parts_in_doubt() == {(2, 1)}
        farm.restart()
        until(lambda: all(row["state"] == "sent" for row in farm.messages()), 20, lambda: farm.said()[-2000:])
        verdict = farm.judge(texts)
        assert not verdict.lost
        assert not verdict.doubled


def test_a_port_pulled_after_ctrl_z_and_plugged_in_elsewhere_doubles_nothing(tmp_path: Path) -> None:
    texts = mixed_texts(8)
    with RealFarm(tmp_path, modems=1, families=["huawei"], airtime_ms=60, report_ms=3000).start() as farm:
        farm.ctl("unplug-at", 0, "ctrl-z", 3)
        farm.submit(texts)
        until(lambda: not farm.ctl("stats")["modems"][0]["plugged"], 20, "the port was pulled")
        until(
            lambda: any("part_unknown" in events(farm, row["id"]) for row in farm.messages()),
            20,
            "the part on the air is unknown",
        )
        farm.ctl("replug", 0, "ttyV7")
        rows = until(lambda: done(farm), 60, lambda: farm.said()[-3000:])
        assert Counter(row["state"] for row in rows) == {"delivered": len(texts)}  # its report waited in the network
        verdict = farm.judge(texts)
        assert not verdict.lost
        assert not verdict.doubled
        assert farm.sim(0)["state"] == "active"  # a lost port is not the SIM's fault
        paths = {row["path"]: row["state"] for row in farm.get("/v1/modems")["data"]}
        assert paths[str(farm.sim_folder / "ttyV7")] == "working", paths


def done(farm: RealFarm) -> list[dict[str, Any]] | None:
    rows = farm.messages()
    return rows if all(row["state"] == "delivered" for row in rows) else None


def test_sigterm_in_mid_air_waits_for_the_result(tmp_path: Path) -> None:
    texts = mixed_texts(6)
    with RealFarm(tmp_path, modems=2, airtime_ms=1000, result_within="20s").start() as farm:
        farm.submit(texts)
        until(lambda: sum(item["ctrl_z"] for item in farm.ctl("stats")["modems"]) >= 3, 20, "parts on the air")
        code, _ = farm.terminate()
        assert code == 0, farm.said()[-2000:]
        assert "some results did not come" not in farm.said()
        left = farm.log("submit")
        time.sleep(2)
        assert farm.log("submit") == left  # no new prompt, and nothing was still on the air
        listed = farm.cli("messages", "list", "--json", "--limit", "100").document["data"]
        states = Counter(part["state"] for row in listed for part in row["parts"])
        assert states["unknown"] == states["submitting"] == states["claimed"] == 0, states
        assert (
            states["sent"] + states["delivered"]
            == len(left)
            == sum(item["ctrl_z"] for item in farm.ctl("stats")["modems"])
        )
        farm.start_daemon()
        farm.wait_ready()
        assert Counter(row["state"] for row in farm.wait_final()) == {"delivered": len(texts)}
        verdict = farm.judge(texts)
        assert not verdict.lost
        assert not verdict.doubled


@pytest.mark.slow
def test_sigterm_ends_in_thirty_seconds_with_a_modem_that_hangs(tmp_path: Path) -> None:
    texts = mixed_texts(4)
    with RealFarm(tmp_path, modems=2, airtime_ms=50, result_within="900s").start() as farm:
        farm.fault(0, "hang", "@ctrl-z")
        farm.submit(texts)
        until(lambda: len(farm.log("submit")) >= 3, 20, "the hanging modem sent one, the other one two")
        code, seconds = farm.terminate()
        assert code == 0, farm.said()[-2000:]
        assert "some results did not come within 25 s" in farm.said()
        assert seconds < BUSY * 30
        listed = farm.cli("messages", "list", "--json").document["data"]
        states = Counter(row["state"] for row in listed)
        assert states["unknown"] == 1
        assert set(states) <= {"unknown", "delivered", "sent", "queued"}, states
        farm.fault(0, "clear")
        farm.start_daemon()
        farm.wait_ready()
        until(lambda: Counter(row["state"] for row in farm.messages())["queued"] == 0, 20, "the rest goes")
        assert not farm.judge(texts).doubled


@pytest.mark.slow
def test_a_second_sigterm_ends_at_once(tmp_path: Path) -> None:
    with RealFarm(tmp_path, modems=1, airtime_ms=50, result_within="90s").start() as farm:
        farm.fault(0, "hang", "@ctrl-z")
        farm.submit(mixed_texts(1))
        until(lambda: farm.ctl("stats")["modems"][0]["ctrl_z"] == 1, 20, "a part on the air")
        assert farm.daemon is not None
        farm.daemon.terminate()
        until(lambda: "stopping: waiting" in farm.said(), 20, farm.said)
        assert farm.daemon.poll() is None
        farm.daemon.terminate()
        assert farm.daemon.wait(PATIENT_S) == 1  # who waited for the modem ends with 0
        assert farm.parts_in_doubt() == {(1, 1)}
