"""The cautious plan on real time: six a minute and SIM, by the network's own log."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.e2e.farm import RealFarm, until
from tests.e2e.judging import most_within

MODEMS, PER_MINUTE, MESSAGES = 8, 6, 200
SURE_S = 40.0  # the network sees a Ctrl-Z later than the plan counted it, on a busy machine by some seconds


@pytest.mark.slow
def test_a_cautious_plan_sends_six_a_minute_and_holds_the_rest(tmp_path: Path) -> None:
    texts = [(f"+49170{1000000 + number}", f"Hello number {number}") for number in range(MESSAGES)]
    with RealFarm(tmp_path, modems=MODEMS, plan="cautious").start() as farm:
        farm.submit(texts)
        until(lambda: ("held", "plan_minute") in states(farm), 60, lambda: states(farm))
        until(lambda: len(farm.log("submit")) >= 2 * MODEMS * PER_MINUTE, 100, lambda: states(farm))
        moments: dict[str, list[float]] = defaultdict(list)
        for line in farm.log("submit"):
            moments[line["iccid"]].append(line["ctrl_z_at"])
        assert len(moments) == MODEMS
        assert max(most_within(of_sim, SURE_S) for of_sim in moments.values()) == PER_MINUTE
        assert not farm.judge(texts).doubled


def states(farm: RealFarm) -> Counter[tuple[str, str | None]]:
    return Counter((row["state"], row["reason"]) for row in farm.messages())
