"""What the bench says of the machine that it ran on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import run
from bench.figures import Figure
from bench.machine import Spent, described, read_stat, spent
from bench.settings import SMALLEST, Size

TICKS = os.sysconf("SC_CLK_TCK")


def test_stolen_time_is_no_work() -> None:
    ticks = [100, 20, 30, 9000, 77, 5, 6, 40, 50, 60]  # user nice system idle iowait irq softirq steal guest guest_nice
    worked_s, stolen_s = read_stat(f"cpu  {' '.join(map(str, ticks))}\ncpu0 1 2 3 4 5 6 7 8 9 10\n")
    assert (worked_s, stolen_s) == pytest.approx((161 / TICKS, 40 / TICKS))


def test_the_shares_are_of_all_cores_and_leave_out_what_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    before, after = Spent(100.0, 10.0, 5.0, 1000.0), Spent(109.0, 13.0, 10.0, 1010.0)
    assert before.told(after) == "of the processors 15 % stolen by the host, 20 % used by others"


def test_a_look_at_this_machine_counts_upwards() -> None:
    before = spent()
    sum(range(200_000))
    after = spent()
    assert after.worked >= before.worked >= 0
    assert after.ours >= before.ours > 0


def test_every_figure_says_what_was_stolen_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    def bench(size: Size) -> list[Figure]:
        return [Figure("a", "ms", 1, (1.0,) * size.repeats, notes=("twice",)), Figure("b", "", None, (2.0,))]

    monkeypatch.setitem(run.BENCHES, "invented", bench)
    monkeypatch.setattr(run, "described", lambda _place: ["a machine"])
    rows = [line for line in run.measure(["invented"], SMALLEST).splitlines() if line.startswith(("| a |", "| b |"))]
    assert len(rows) == 2
    assert all("stolen by the host" in row and "used by others" in row for row in rows)
    assert "twice; of the processors" in rows[0]


def test_the_page_begins_with_what_was_stolen_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _s: None)
    assert sum("stolen by the host" in line for line in described(tmp_path)) == 1
