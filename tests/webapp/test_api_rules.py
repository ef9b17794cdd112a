from __future__ import annotations

import pytest

from modemfarm import wording
from tests.webapp.sample import ICCID, Sample

OFFER = {"to": "+8613800138000", "text": "新品", "class": "marketing"}
WORD = {"who": "Wang", "basis": "consent", "until": "2027-01-01T00:00:00Z"}


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_a_refusal_says_in_the_readers_language_which_command_opens_it(farm: Sample, lang: str) -> None:
    answer = farm.api().post("/v1/messages", json=OFFER, headers={"Accept-Language": lang})
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (403, "profile")
    assert problem["command"] in problem["detail"]
    assert wording.say("reason.profile", {}, lang) in problem["detail"]
    assert problem["message_id"]


def test_rules_are_read_changed_and_vouched_for(farm: Sample) -> None:
    client = farm.api()
    assert client.get("/v1/policy").get_json()["profile"] == "unknown"
    changed = client.patch("/v1/policy", json={"hours": "mon-sun 00:00-24:00", "profile": "CN", "brand": "小店"})
    assert (changed.get_json()["hours"], changed.get_json()["changed"]) == ("mon-sun 00:00-24:00", ["hours"])
    attested = client.post("/v1/policy/attestation", json=WORD)
    assert (attested.status_code, attested.get_json()["open"]) == (201, True)
    seen = client.post("/v1/messages?dry_run=1", json=OFFER).get_json()
    assert seen["text"] == "【小店】新品 回复TD退订"
    assert client.delete("/v1/policy/attestation").status_code == 204
    assert client.delete("/v1/policy/attestation").status_code == 404


@pytest.mark.parametrize(
    "wrong", [{"hours": "x"}, {"profile": "XX"}, {"per_day": 0}, {"color": "red"}, {"per_day": "2"}]
)
def test_a_rule_that_cannot_be_is_422(farm: Sample, wrong: dict[str, object]) -> None:
    assert farm.api().patch("/v1/policy", json=wrong).status_code == 422


@pytest.mark.parametrize("wrong", [{"until": "2020-01-01T00:00:00Z"}, {"until": "2099-01-01T00:00:00Z"}, {"who": ""}])
def test_a_word_that_cannot_be_is_422(farm: Sample, wrong: dict[str, object]) -> None:
    assert farm.api().post("/v1/policy/attestation", json=WORD | wrong).status_code == 422


def test_an_answer_carries_warnings(farm: Sample) -> None:
    answer = farm.api().post("/v1/messages", json={"to": OFFER["to"], "text": "全场优惠 http://a.cn/x"})
    assert [item["code"] for item in answer.get_json()["warnings"]] == ["reads_like_advert", "link_without_https"]


def test_a_name_that_no_sim_bears_is_taken_in_and_warned_of(farm: Sample) -> None:
    client, body = farm.api(), {"to": OFFER["to"], "text": "您的订单已到店", "from": "nobody"}
    answer = client.post("/v1/messages", json=body)
    assert (answer.status_code, [item["code"] for item in answer.get_json()["warnings"]]) == (202, ["sim_unknown"])
    assert [item["code"] for item in client.post("/v1/messages?dry_run=1", json=body).get_json()["warnings"]] == [
        "sim_unknown"
    ]
    farm.modem(1)
    assert "warnings" not in client.post("/v1/messages", json=body | {"from": ICCID.format(1)}).get_json()


def test_an_offer_that_grew_by_what_is_added_is_told(farm: Sample) -> None:
    client = farm.api()
    client.patch("/v1/policy", json={"profile": "CN", "brand": "小店"})
    for text, warned in (("新" * 58, []), ("新" * 68, ["more_parts"]), ("新" * 75, [])):
        body = {"to": OFFER["to"], "text": text, "class": "marketing"}
        seen = client.post("/v1/messages?dry_run=1", json=body).get_json()
        assert [item["code"] for item in seen["warnings"]] == warned


def test_the_limit_of_refusals_is_read_and_changed(farm: Sample) -> None:
    client = farm.api()
    assert client.get("/v1/policy").get_json()["opt_outs"]["most"] == 0.02
    assert client.patch("/v1/policy", json={"max_opt_out_rate": 0.05}).get_json()["opt_outs"]["most"] == 0.05
    assert client.patch("/v1/policy", json={"max_opt_out_rate": 0.5}).status_code == 422
    assert client.patch("/v1/policy", json={"max_opt_out_rate": None}).get_json()["opt_outs"]["most"] == 0.02


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_the_page_tells_of_refusals_and_that_nobody_knows_who_read(farm: Sample, lang: str) -> None:
    text = farm.person().get(f"/settings?lang={lang}").text
    words, command, _ = wording.say("policy.refusals_most", {"most": "2"}, lang).split("`")
    assert f"{words}<code>{command}</code>" in text
    assert wording.say("page.no_read_state", lang=lang) in text
    message = farm.take()
    assert wording.say("page.no_read_state", lang=lang) in farm.person().get(f"/messages/{message}?lang={lang}").text


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_where_offers_are_prohibited_the_page_stays_red_and_names_the_clearance(farm: Sample, lang: str) -> None:
    client, person = farm.api(), farm.person("viewer")
    red = wording.say("page.offers_prohibited", {"profile": "FR"}, lang)
    assert red not in person.get(f"/?lang={lang}").text
    client.patch("/v1/policy", json={"profile": "FR"})
    for path in ("/", "/settings"):
        text = person.get(f"{path}?lang={lang}").text
        assert red in text
        assert wording.say("page.offers_not_cleared", {}, lang) in text
    client.post("/v1/policy/attestation", json=WORD | {"document": "ARCEP letter 7"})
    for path in ("/", "/settings"):
        text = person.get(f"{path}?lang={lang}").text
        assert (red in text, "ARCEP letter 7" in text) == (True, True)
