"""Limits through the API: the question at many people, accounts and their plans."""

from __future__ import annotations

import pytest

from modemfarm.model import CAUTIOUS
from modemfarm.store import counters
from modemfarm.store.engine import to_us
from tests.webapp.sample import ICCID, NOW, Sample


@pytest.mark.parametrize(("word", "state"), [("go_on", "active"), ("pause", "paused")])
def test_the_question_at_many_people_is_answered_once_and_where_it_is_asked(
    farm: Sample, word: str, state: str
) -> None:
    farm.modem(1)
    client, path = farm.api(), f"/v1/sims/{ICCID.format(1)}"
    too_soon = client.post(f"{path}/answer", json={"answer": word})
    assert (too_soon.status_code, too_soon.json["code"]) == (409, "not_asked")
    month = counters.month_start(CAUTIOUS, NOW)
    farm.store.run(counters.charge, ICCID.format(1), "people", to_us(month), 150)
    asked = client.get(path).json
    assert (asked["used"]["recipients"], asked["asks"]) == (150, True)
    assert client.post(f"{path}/answer", json={"answer": "perhaps"}).status_code == 422
    assert client.post("/v1/sims/nobody/answer", json={"answer": word}).status_code == 404
    told = client.post(f"{path}/answer", json={"answer": word})
    assert (told.status_code, told.json["asks"], told.json["state"]) == (200, False, state)


def test_sims_of_one_account_cannot_get_different_plans(farm: Sample) -> None:
    farm.modem(1)
    farm.modem(2)
    client = farm.api()
    one, two = (f"/v1/sims/{ICCID.format(number)}" for number in (1, 2))
    assert client.patch(one, json={"account": "shop"}).status_code == 200
    refused = client.patch(two, json={"account": "shop", "plan": "unlimited"})
    assert (refused.status_code, refused.json["code"]) == (409, "account_plan")
    assert client.get(two).json["account"] is None
    assert client.patch(two, json={"account": "shop"}).status_code == 200
    assert client.patch(two, json={"plan": "unlimited"}).status_code == 409
    assert client.patch(two, json={"plan": "cautious", "label": "b"}).status_code == 200
