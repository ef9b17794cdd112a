"""The cautious plan on real time: six a minute and SIM, by the network's own log."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.e2e.farm import RealFarm
from tests.e2e.judging import most_within

MODEMS, PER_MINUTE, MESSAGES = 8, 6, 200


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_cautious_plan_sends_six_a_minute_and_holds_the_rest(tmp_path: Path) -> None:
    texts = [(f"+49170{1000000 + number}", f"Hello number {number}") for number in range(MESSAGES)]
    with RealFarm(tmp_path, modems=MODEMS, plan="cautious").start() as farm:
        farm.submit(texts)
        time.sleep(30)
        assert len(farm.log("submit")) == MODEMS * PER_MINUTE
        states = Counter((row["state"], row["reason"]) for row in farm.messages())
        assert states == {
            ("delivered", None): MODEMS * PER_MINUTE,
            ("held", "plan_minute"): MESSAGES - MODEMS * PER_MINUTE,
        }
        time.sleep(45)
        moments: dict[str, list[float]] = defaultdict(list)
        for line in farm.log("submit"):
            moments[line["iccid"]].append(line["ctrl_z_at"])
        assert {iccid: len(of_sim) for iccid, of_sim in moments.items()} == dict.fromkeys(moments, 2 * PER_MINUTE)
        assert len(moments) == MODEMS
        assert max(most_within(of_sim, 60.0) for of_sim in moments.values()) == PER_MINUTE
        assert Counter(row["state"] for row in farm.messages())["held"] == MESSAGES - 2 * MODEMS * PER_MINUTE
        assert not farm.judge(texts).doubled
