from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from modemfarm.model import Plan
from modemfarm.store import keys, sim_facts
from modemfarm.store.shapes import Terms
from modemfarm.webapp.rate import GUESSES
from tests.webapp.sample import ICCID, IMEI, NOW, Sample


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_an_administrators_key_makes_lists_and_switches_off_others(farm: Sample) -> None:
    api = farm.api()
    free = api.post("/v1/keys", json={"name": "till", "cost_per_day": 1.5})
    assert (free.status_code, free.get_json()["errors"][0]["pointer"]) == (422, "/cost_per_day")
    terms = Terms(plans={"paid": Plan("paid", price_per_part=1, currency="EUR")})
    farm.app.extensions["modemfarm"] = replace(farm.deps, terms=terms)
    made = api.post("/v1/keys", json={"name": "till", "scopes": ["messages:read"], "rate": 60, "cost_per_day": 1.5})
    assert made.status_code == 201
    key = made.get_json()["key"]
    client = farm.app.test_client()
    assert client.get("/v1/messages", headers=bearer(key)).status_code == 200
    assert client.get("/v1/keys", headers=bearer(key)).status_code == 403
    listed = api.get("/v1/keys").get_json()["data"]
    assert (listed[0]["name"], listed[0]["rate"], listed[0]["limits"]["cost"]) == ("till", 60, 1.5)
    assert key not in api.get("/v1/keys").text
    assert api.delete(f"/v1/keys/{listed[0]['id']}").status_code == 204
    assert api.delete(f"/v1/keys/{listed[0]['id']}").status_code == 404
    assert client.get("/v1/messages", headers=bearer(key)).status_code == 401


def test_a_key_that_cannot_be_is_refused_by_name(farm: Sample) -> None:
    api = farm.api()
    for wrong in ({}, {"name": ""}, {"name": "a\nb"}, {"name": "x", "scopes": ["messages:sing"]}, {"name": "x", "rate": 0},
                  {"name": "x", "cost_per_day": 0}, {"name": "x", "admin": True}):  # fmt: skip
        assert api.post("/v1/keys", json=wrong).status_code == 422, wrong


def test_the_new_key_is_kept_nowhere_though_the_request_had_an_idempotency_key(farm: Sample) -> None:
    made = farm.api().post("/v1/keys", json={"name": "till"}, headers={"Idempotency-Key": "k1"})
    with farm.store.read() as tx:
        assert made.get_json()["key"] not in str(tx.all("SELECT * FROM idempotency"))
        assert made.get_json()["key"] not in str(tx.all("SELECT * FROM api_keys"))


def test_a_key_asks_only_as_often_as_it_may(farm: Sample) -> None:
    key = farm.store.run(keys.create_key, "slow", (), NOW, None, None, "cli", 3)
    client = farm.app.test_client()
    assert [client.get("/v1/stats", headers=bearer(key)).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = client.get("/v1/stats", headers=bearer(key))
    assert refused.get_json()["code"] == "rate_limited"
    assert refused.content_type == "application/problem+json"
    farm.clock.at += timedelta(seconds=int(refused.headers["Retry-After"]))
    assert [client.get("/v1/stats", headers=bearer(key)).status_code for _ in range(2)] == [200, 429]
    assert farm.api().get("/v1/stats").status_code == 200  # another key is not slowed by it


def test_a_key_with_a_rate_is_told_what_is_left_of_it(farm: Sample) -> None:
    key = farm.store.run(keys.create_key, "slow", (), NOW, None, None, "cli", 3)
    client = farm.app.test_client()
    answers = [client.get("/v1/stats", headers=bearer(key)) for _ in range(4)]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"key";q=3;w=60'}
    assert [answer.headers["RateLimit"] for answer in answers] == [
        '"key";r=2;t=20',
        '"key";r=1;t=40',
        '"key";r=0;t=60',
        '"key";r=0;t=60',
    ]
    farm.clock.at += timedelta(seconds=30)  # one and a half
    assert client.get("/v1/stats", headers=bearer(key)).headers["RateLimit"] == '"key";r=0;t=50'
    assert "RateLimit" not in farm.api().get("/v1/stats").headers  # that key has none


def test_who_guesses_keys_waits_and_keeps_nobody_else_out(farm: Sample) -> None:
    good = farm.store.run(keys.create_key, "till", (), NOW)
    client = farm.app.test_client()
    assert client.get("/v1/stats", headers=bearer(good)).status_code == 200
    said = [client.get("/v1/stats", headers=bearer(f"mf_{number}")).status_code for number in range(GUESSES + 3)]
    assert said == [401] * GUESSES + [429] * 3
    fresh = farm.store.run(keys.create_key, "found", (), NOW)
    assert client.get("/v1/stats", headers=bearer(fresh)).status_code == 429  # a right guess tells nothing either
    assert client.get("/v1/stats", headers=bearer(good)).status_code == 200
    other = farm.app.test_client()
    other.environ_base["REMOTE_ADDR"] = "10.0.0.9"
    assert other.get("/v1/stats", headers=bearer(fresh)).status_code == 200
    farm.clock.at += timedelta(seconds=4)
    assert client.get("/v1/stats", headers=bearer(fresh)).status_code == 200


def test_keys_and_users_are_made_on_the_page_and_shown_once(farm: Sample) -> None:
    client = farm.person()
    found = re.search(r'name="csrf" value="(\w+)"', client.get("/settings/access").text)
    assert found is not None
    csrf = {"csrf": found[1]}
    shown = client.post(
        "/settings/access/keys", data=csrf | {"name": "<b>till</b>", "scope": "messages:read", "rate": "5"}
    )
    key = re.search(r"mf_[\w-]{43}", shown.text)
    assert key is not None
    assert farm.app.test_client().get("/v1/messages", headers=bearer(key[0])).status_code == 200
    page = client.get("/settings/access").text
    assert key[0] not in page
    assert "<b>till" not in page
    assert client.post("/settings/access/keys", data=csrf | {"name": "x"}).status_code == 422
    number = farm.store.look(keys.list_keys)[0]["id"]
    assert client.post(f"/settings/access/keys/{number}/revoke", data=csrf).status_code == 303
    assert farm.app.test_client().get("/v1/messages", headers=bearer(key[0])).status_code == 401
    invited = client.post("/settings/access/users", data=csrf | {"name": "Anna", "role": "viewer"})
    link = re.search(r"http://localhost(/login\?token=[\w-]+)", invited.text)
    assert link is not None
    assert farm.app.test_client().get(link[1]).headers["Location"] == "/account"
    assert client.post("/settings/access/users", data=csrf | {"name": "anna", "role": "viewer"}).status_code == 409
    assert client.post("/settings/access/users", data=csrf | {"name": "b c", "role": "viewer"}).status_code == 422
    assert client.post("/settings/access/users/anna/role", data=csrf | {"role": "admin"}).status_code == 303
    assert "anna" in client.get("/settings/access").text
    assert client.post("/settings/access/users/anna/remove", data=csrf).status_code == 303
    assert "anna" not in client.get("/settings/access").text


def pinned(farm: Sample) -> list[object]:
    with farm.store.read() as tx:
        return [row["pinned"] for row in tx.all("SELECT pinned FROM messages ORDER BY id")]


def test_a_key_for_some_sims_sends_from_these_only_by_every_way(farm: Sample) -> None:
    farm.modem(1)
    stranger, other = farm.take(text="of somebody else"), farm.take(pinned="back")
    wanted = {"name": "till", "scopes": ["messages:send", "messages:read", "modems"], "sims": "front"}
    key = bearer(farm.api().post("/v1/keys", json=wanted).get_json()["key"])
    assert farm.api().get("/v1/keys").get_json()["data"][1]["sims"] == "front"
    client, to = farm.app.test_client(), {"to": "+8613800138000", "text": "x"}
    for named, status in (({}, 202), ({"from": "front"}, 202), ({"from": "back"}, 422), ({"from": "FRONT"}, 422)):
        answer = client.post("/v1/messages", json=to | named, headers=key)
        assert answer.status_code == status, named
        assert status == 202 or answer.get_json()["code"] == "not_allowed"
    rows = '{"to": "+8613800138000", "text": "a"}\n{"to": "+8613800138000", "text": "b", "from": "back"}\n'
    batch = client.post("/v1/batches", data=rows, headers=key | {"Content-Type": "application/x-ndjson"}).get_json()
    assert (batch["accepted"], batch["errors"][0]["code"]) == (1, "not_allowed")
    for message in (other, stranger):
        assert client.patch(f"/v1/messages/{message}", json={"text": "mine now"}, headers=key).status_code == 404
    assert client.patch("/v1/messages/3", json={"text": "mine now"}, headers=key).status_code == 200
    assert pinned(farm) == [None, "back", "front", "front", "front"]


def test_a_key_for_some_sims_is_told_of_these_only(farm: Sample) -> None:
    farm.modem(1)
    farm.modem(2)
    farm.store.run(sim_facts.change, ICCID.format(1), {"tags": ["front"]})
    farm.store.run(sim_facts.change, ICCID.format(2), {"tags": ["back"]})
    reply = farm.reply()  # to the first SIM
    through, elsewhere, theirs = farm.take(), farm.take(), farm.take(pinned="front")
    farm.left(through, number=1)
    farm.left(elsewhere, number=2)
    with farm.store.write() as tx:
        for message, number in ((through, 1), (elsewhere, 2)):
            tx.run("UPDATE messages SET iccid = :iccid WHERE id = :id", iccid=ICCID.format(number), id=message)
    scopes = ["messages:send", "messages:read", "modems"]
    keyed = {
        name: bearer(farm.api().post("/v1/keys", json={"name": name, "scopes": scopes, "sims": name}).json["key"])
        for name in ("front", "back", "nowhere")
    }
    client = farm.app.test_client()

    def seen(path: str, name: str, field: str = "id") -> list[object]:
        return [item[field] for item in client.get(path, headers=keyed[name]).json["data"]]

    first, second = ICCID.format(1), ICCID.format(2)
    for name, card, messages, replies in (
        ("front", [first], [theirs, through], [reply]),
        ("back", [second], [elsewhere], []),
        ("nowhere", [], [], []),
    ):
        assert seen("/v1/sims", name, "iccid") == card
        assert seen("/v1/modems", name, "iccid") == card
        assert seen("/v1/messages", name) == messages
        assert seen("/v1/inbound", name) == replies
    strange = [("get", f"/v1/sims/{first}"), ("post", f"/v1/sims/{first}/pause"), ("get", f"/v1/sims/{first}/history"),
               ("get", f"/v1/modems/{IMEI.format(1)}"), ("post", f"/v1/modems/{IMEI.format(1)}/reset"),
               ("post", f"/v1/modems/{IMEI.format(1)}/release"), ("get", f"/v1/inbound/{reply}"),
               ("get", f"/v1/messages/{theirs}"), ("get", f"/v1/messages/{theirs}/explain"),
               ("post", f"/v1/messages/{theirs}/cancel"), ("post", f"/v1/sims/{first}/test")]  # fmt: skip
    for method, path in strange:
        assert getattr(client, method)(path, headers=keyed["back"]).status_code == 404, path
    for method, path in strange[:9]:
        assert getattr(client, method)(path, headers=keyed["front"]).status_code in {200, 202}, path
    whole = [("get", "/v1/stats"), ("get", "/v1/events"), ("post", "/v1/pause"), ("post", "/v1/resume")]
    for method, path in whole:
        refused = getattr(client, method)(path, headers=keyed["front"])
        assert (refused.status_code, refused.json["code"]) == (403, "key_sims"), path
    many = client.post("/v1/messages/cancel", json={"state": ["queued"]}, headers=keyed["front"])
    assert (many.status_code, many.json["code"]) == (403, "key_sims")


def test_a_key_for_some_sims_sees_its_own_batches(farm: Sample) -> None:
    rows, kind = '{"to": "+8613800138000", "text": "a"}\n', {"Content-Type": "application/x-ndjson"}
    wanted = {"name": "till", "scopes": ["messages:send", "messages:read"], "sims": "front"}
    key = bearer(farm.api().post("/v1/keys", json=wanted).json["key"])
    client = farm.app.test_client()
    own = client.post("/v1/batches", data=rows, headers=key | kind).json["id"]
    other = farm.api().post("/v1/batches", data=rows, headers=kind).json["id"]
    assert client.get(f"/v1/batches/{own}", headers=key).status_code == 200
    assert client.get(f"/v1/batches/{other}", headers=key).status_code == 404
    assert client.post(f"/v1/batches/{other}/cancel", headers=key).status_code == 404


def test_a_key_for_some_sims_is_no_key_for_everything(farm: Sample) -> None:
    for scopes in ([], ["admin"], ["messages:send", "admin"]):
        answer = farm.api().post("/v1/keys", json={"name": "x", "sims": "front", "scopes": scopes})
        assert answer.status_code == 422, scopes
        with pytest.raises(ValueError, match="scopes"):
            farm.store.run(keys.create_key, "x", scopes, NOW, None, None, "cli", None, "front")
