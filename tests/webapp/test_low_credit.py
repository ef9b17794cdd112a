"""A SIM with little credit: on its tile, in the one line, in the API."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import pytest

from modemfarm import wording
from modemfarm.model import BalanceAsk, Plan
from modemfarm.store import balances
from modemfarm.store.shapes import Terms
from tests.webapp.sample import ICCID, NOW, Sample

PLAN = Plan("prepaid", currency="CNY", balance=BalanceAsk(ussd="*100#", low=5.0))


@pytest.fixture
def told(farm: Sample) -> Sample:
    """Two SIMs, one of which has little left."""
    terms = Terms(plans={"prepaid": PLAN}, default_plan="prepaid")
    farm.app.extensions["modemfarm"] = replace(farm.deps, terms=terms)
    for number, amount in ((1, 3.5), (2, 5.0)):
        farm.modem(number)
        iccid = ICCID.format(number)
        farm.store.run(lambda tx, i=iccid, a=amount: balances.write(tx, i, a, NOW, how="ussd", low=5.0))
    return farm


@pytest.mark.parametrize("lang", ["en", "zh", "ru"])
def test_low_credit_is_a_warning_and_needs_a_person(told: Sample, lang: str) -> None:
    page = unescape(told.person().get(f"/?lang={lang}").get_data(as_text=True))
    sentence = wording.say("page.low_credit", {"balance": "3.5", "currency": "CNY"}, lang)
    assert page.count(sentence) == 1
    assert wording.say("line.needs", {"n": 1}, lang) in page


def test_the_api_says_which_credit_is_low(told: Sample) -> None:
    answer = told.api().get("/v1/sims").get_json()["data"]
    found = {sim["iccid"]: (sim["balance"], sim["currency"], sim["low_balance"]) for sim in answer}
    assert found == {ICCID.format(1): (3.5, "CNY", True), ICCID.format(2): (5.0, "CNY", False)}


def test_those_who_are_told_of_faults_are_tested_by_an_admins_key(farm: Sample) -> None:
    assert farm.api().post("/v1/alerts/test").get_json() == {"data": []}
    ways = [{"way": "exec", "error": ""}, {"way": "webhook", "error": "answered with 500"}]
    farm.app.extensions["modemfarm"] = replace(farm.deps, test_alerts=lambda: ways)
    assert farm.api().post("/v1/alerts/test", json={}).get_json() == {"data": ways}
    lesser = farm.key("modems", "messages:send")
    assert farm.app.test_client().post("/v1/alerts/test", headers=lesser).status_code == 403
