from __future__ import annotations

import pytest

from modemfarm import wording
from modemfarm.store import consents
from tests.webapp.sample import Sample

TO = "+8613800138000"


def test_a_complaint_comes_in_by_http_and_stands_on_the_persons_page(farm: Sample) -> None:
    client = farm.api()
    about = {"method": "web", "exact_wording": "I want offers"}
    farm.store.run(lambda tx: consents.grant(tx, TO, ("marketing",), about, farm.clock.now()))
    body = {"number": "13800138000", "text": "never <again>", "channel": "operator"}
    answer = client.post("/v1/complaints", json=body)
    told = answer.get_json()
    assert (answer.status_code, told["number"], told["proof"]["granted"]) == (201, TO, ["marketing"])
    client.post("/v1/complaints", json={"number": "13900139000", "text": "x", "at": "2026-01-01T00:00:00Z"})
    page = client.get("/v1/complaints?limit=1").get_json()
    assert page["data"][0]["at"].startswith("2026-01-01")
    (first,) = client.get(f"/v1/complaints?cursor={page['next']}").get_json()["data"]
    assert {**first, "canceled": 0} == told
    assert client.get("/v1/complaints?number=13800138000").get_json()["data"] == [first]
    assert client.get("/v1/suppressions").get_json()["data"][0]["source"] == "complaint"


@pytest.mark.parametrize("wrong", [{"text": ""}, {"text": "x" * 2001}, {"channel": "dream"}, {"number": "1"}])
def test_a_complaint_that_is_none_is_refused(farm: Sample, wrong: dict[str, str]) -> None:
    body = {"number": "13800138000", "text": "no", "channel": "web"} | wrong
    assert farm.api().post("/v1/complaints", json=body).status_code == 422


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_the_persons_page_tells_the_complaint_with_its_proof(farm: Sample, lang: str) -> None:
    farm.api().post("/v1/complaints", json={"number": TO, "text": "never <again>", "channel": "operator"})
    text = farm.person("operator").get(f"/people/{TO}?lang={lang}").text
    assert "never &lt;again&gt;" in text
    assert wording.say("complaint.operator", lang=lang) in text
    assert wording.say("opt_out.complaint", lang=lang) in text
    assert wording.say("page.people_complaints", lang=lang) in text
