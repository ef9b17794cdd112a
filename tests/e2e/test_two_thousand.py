"""Two thousand mixed messages over eight modems of five families: each text once in the network's log, all delivered."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.farm import RealFarm, mixed_texts

MESSAGES = 2000


@pytest.mark.slow
def test_two_thousand_mixed_messages_arrive_once_each(tmp_path: Path) -> None:
    texts = mixed_texts(MESSAGES)
    with RealFarm(tmp_path, modems=8, airtime_ms=20, report_ms=50).start() as farm:
        for at in range(0, MESSAGES, 500):
            farm.submit(texts[at : at + 500])
        farm.wait_final(within_s=240)
        verdict = farm.judge(texts)
        assert not verdict.lost
        assert not verdict.doubled
        assert Counter(message["state"] for message in farm.messages()) == {"delivered": MESSAGES}
