"""A sick modem beside a good one: the good one sends, the sick one is out and says why."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.farm import RealFarm, mixed_texts, until

SICK, GOOD = 0, 1


@pytest.mark.slow
@pytest.mark.parametrize("code", ["42", "38"])
def test_what_one_modem_is_refused_the_other_sends(tmp_path: Path, code: str) -> None:
    texts = mixed_texts(30)
    with RealFarm(tmp_path, airtime_ms=50).start() as farm:
        farm.fault(SICK, "cms", code, 0)
        farm.submit(texts)
        rows = farm.wait_final(240)
        assert Counter(row["state"] for row in rows) == {"delivered": len(texts)}
        verdict = farm.judge(texts)
        assert not verdict.lost
        assert not verdict.doubled
        assert {line["modem"] for line in farm.log("submit")} == {GOOD}
        assert {line["modem"] for line in farm.log("refuse")} == {SICK}


@pytest.mark.parametrize(("fault", "arg"), [("error", ""), ("cms", "500")])
def test_a_modem_that_does_not_say_what_it_did_is_parked_after_two_messages(
    tmp_path: Path, fault: str, arg: str
) -> None:
    texts = [(to, f"short {number}") for number, (to, _) in enumerate(mixed_texts(60))]
    with RealFarm(tmp_path, airtime_ms=50).start() as farm:
        farm.fault(SICK, fault, arg, 0)
        farm.submit(texts)
        rows = farm.wait_final(60)
        states = Counter(row["state"] for row in rows)
        assert 1 <= states["unknown"] <= 2, states
        assert states["delivered"] == len(texts) - states["unknown"], states
        assert {line["modem"] for line in farm.log("submit")} == {GOOD}
        assert not farm.judge(texts).doubled
        until(lambda: farm.sim(SICK)["state"] == "parked", 10, "the sick SIM is parked")
        listed = {row["iccid"]: row for row in farm.cli("sims", "list", "--json").document["data"]}
        sick = listed[farm.sim(SICK)["iccid"]]
        assert (sick["state"], sick["reason"]) == ("parked", "sim_uncertain")
        assert str(sick["reason_params"]["code"]) in {"ERROR", "500"}, sick
        assert listed[farm.sim(GOOD)["iccid"]]["state"] == "active"
        modem = next(row for row in farm.get("/v1/modems")["data"] if row["iccid"] == sick["iccid"])
        assert modem["sentence"], modem
        assert modem["next_action"], modem
