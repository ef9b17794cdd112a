from __future__ import annotations

import json

from modemfarm.policy.consent import faults
from modemfarm.store import consents, erasing, rules
from tests.webapp.sample import Sample

TO = "+8613800138000"
GRANT = {"number": "13800138000", "method": "web", "wording": "I want offers", "ip": "192.0.2.1"}


def test_consent_is_granted_listed_exported_and_taken_back(farm: Sample) -> None:
    client = farm.api()
    answer = client.post("/v1/consents", json=GRANT)
    assert (answer.status_code, answer.get_json()) == (201, {"number": TO, "seq": 1})
    client.post("/v1/consents", json=GRANT | {"number": "13900139000", "purpose": ["news"]})
    page = client.get("/v1/consents?limit=1").get_json()
    assert [row["seq"] for row in page["data"]] == [2]
    assert [row["seq"] for row in client.get(f"/v1/consents?cursor={page['next']}").get_json()["data"]] == [1]
    (mine,) = client.get("/v1/consents?number=13800138000").get_json()["data"]
    assert (mine["record"]["ip"], mine["record"]["status"]) == ("192.0.2.1", "granted")
    assert client.delete("/v1/consents/13800138000?via=web").get_json() == {"number": TO, "canceled": 0}
    assert not farm.store.look(consents.has_consent, TO, None, farm.clock.now())
    exported = client.get("/v1/consents/export")
    rows = [json.loads(line) for line in exported.get_data(as_text=True).splitlines()]
    assert (exported.mimetype, len(rows), faults(rows)) == ("application/x-ndjson", 3, [])


def test_a_consent_without_its_proof_is_refused(farm: Sample) -> None:
    for wrong in ({"method": "guess"}, {"wording": ""}, {"colour": "red"}, {"evidence": "x"}):
        assert farm.api().post("/v1/consents", json=GRANT | wrong).status_code == 422
    assert farm.api().post("/v1/consents", json={**GRANT, "number": "12"}).status_code == 422


def test_nobody_agreed_tomorrow_and_nobody_forgotten_is_written_down_again(farm: Sample) -> None:
    client = farm.api()
    later = client.post("/v1/consents", json=GRANT | {"captured_at": "2099-01-05T00:00:00Z"})
    assert (later.status_code, later.get_json()["errors"][0]["pointer"]) == (422, "/captured_at")
    erasing.forget(farm.store.run, TO, farm.clock.now(), "li")
    again = client.post("/v1/consents", json=GRANT)
    assert (again.status_code, again.get_json()["code"]) == (422, "forgotten")
    assert farm.store.look(consents.records, TO) == []


def test_consent_names_the_brand_that_the_database_has(farm: Sample) -> None:
    farm.store.run(lambda tx: rules.change(tx, "unknown", "brand", "Mouette", farm.clock.now(), who="li"))
    farm.api().post("/v1/consents", json=GRANT)
    assert farm.store.look(consents.records, TO)[-1]["brand"] == "Mouette"


def test_a_list_is_taken_in_by_http(farm: Sample) -> None:
    client = farm.api()
    query = "?method=paper&wording=yes&since=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00Z"
    done = client.post(
        f"/v1/consents/import{query}", data="phone\n13800138000\n1\n", content_type="text/csv"
    ).get_json()
    assert (done["granted"], done["rejected"], done["errors"][0]["row"]) == (1, 1, 2)
    done = client.post("/v1/consents/import", data='{"phone": "13900139000"}', content_type="application/x-ndjson")
    assert done.get_json()["pending"] == 1
    assert client.post("/v1/consents/import", data="x", content_type="text/plain").status_code == 415
    assert client.post("/v1/consents/import", data="name\nx", content_type="text/csv").status_code == 422
    assert client.post("/v1/consents/import?method=x", data="phone\n", content_type="text/csv").status_code == 422


def test_words_are_kept_and_reserved_ones_refused(farm: Sample) -> None:
    client = farm.api()
    assert client.post("/v1/consents/words", json={"word": "JOIN", "wording": "offers"}).status_code == 201
    assert [row["word"] for row in client.get("/v1/consents/words").get_json()["data"]] == ["JOIN"]
    for word in ("TD", "start", "Help!", "please stop texting me", "!"):
        assert client.post("/v1/consents/words", json={"word": word, "wording": "x"}).status_code == 422, word
    assert client.delete("/v1/consents/words/join").status_code == 204
    assert client.delete("/v1/consents/words/join").status_code == 404
