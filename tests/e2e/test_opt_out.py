"""A person answers 回复TD: from then on nothing more goes to that number, and what waited is taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.farm import RealFarm, until
from tests.e2e.opting_out import opt_out

PERSON = "+8613912345678"


def test_an_opt_out_stops_what_waits_and_what_would_come(tmp_path: Path) -> None:
    answer = "回复TD"
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    with RealFarm(tmp_path, modems=1).start() as farm:
        sent = farm.cli(
            "send", PERSON, "--text", "您好,您的订单已发货", "--json", "--wait", "delivered", "--timeout", "240s"
        )
        assert sent.code == 0, sent
        later = farm.cli("send", PERSON, "--text", "明天见", "--send-at", tomorrow, "--json")
        assert later.code == 0, later
        waiting = farm.get("/v1/messages?state=scheduled")["data"]
        assert [row["to"] for row in waiting] == [PERSON]
        farm.ctl("deliver", 0, PERSON, answer)
        until(lambda: farm.get("/v1/inbound")["data"], 20, "the answer came")
        taken_back = until(lambda: farm.get("/v1/messages?state=canceled")["data"], 10, "what waited is taken back")
        assert [(row["id"], row["reason"]) for row in taken_back] == [(waiting[0]["id"], "opted_out")]
        inbound = farm.get("/v1/inbound")["data"][0]
        assert (inbound["from"], inbound["text"], inbound["verdict"]) == (PERSON, answer, "exact")
        refused = farm.cli("send", PERSON, "--text", "再次优惠", "--json")
        assert refused.code == 3, refused
        status, problem = farm.http("POST", "/v1/messages", {"to": PERSON, "text": "再次优惠"})
        assert status == 403, problem
        assert farm.get(f"/v1/messages/{problem['message_id']}")["state"] == "refused"
        confirmation = "您已退订,不会再收到我们的短信。如需恢复,请回复DY。"
        until(lambda: len(farm.log("submit")) > 1, 20, "the opt-out is confirmed")
        assert [line["text"] for line in farm.log("submit")] == ["您好,您的订单已发货", confirmation]


@pytest.mark.slow
def test_opt_outs_in_the_middle_of_sending_stop_all_that_has_no_step_three(tmp_path: Path) -> None:
    seen = opt_out(tmp_path, 20)
    print(seen.told())  # noqa: T201 # a figure of the run, judged by nobody
    assert seen.wrong == []
    assert seen.people == 20
    assert seen.caught >= 5
    assert len(seen.effect_ms) == 20
