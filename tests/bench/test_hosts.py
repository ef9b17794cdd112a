"""Three hosts on one PostgreSQL in short: killed, stopped, cut off; `make soak` has the full counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import hosts


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_three_hosts_lose_and_double_nothing(tmp_path: Path) -> None:
    found = hosts.soak(tmp_path, messages=300, kills=1, restarts=1, cuts=1, stops=0, seed=2, airtime_ms=600)
    assert not [word for word in found.wrong() if not word.startswith("the hosts sent")], found.told()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_opt_out_at_one_host_stops_the_others(tmp_path: Path) -> None:
    seen = hosts.opt_out(tmp_path, 20)
    assert not seen.wrong, seen.wrong
    assert seen.caught >= 5, seen.told()
    assert len(seen.effect_ms) == 20
