from __future__ import annotations

import pytest

from modemfarm.store import webhooks
from tests.webapp.sample import NOW, Sample

URL = "https://example.org/hook"


def test_an_address_is_added_tried_replayed_enabled_and_removed(farm: Sample) -> None:
    client = farm.api()
    made = client.post("/v1/webhooks", json={"url": URL, "events": ["message.sent"]}, headers={"Idempotency-Key": "a"})
    assert made.status_code == 201
    hook = made.get_json()
    assert (hook["url"], hook["events"], hook["enabled"]) == (URL, ["message.sent"], True)
    again = client.post("/v1/webhooks", json={"url": URL, "events": ["message.sent"]}, headers={"Idempotency-Key": "a"})
    assert (again.get_json()["id"], again.get_json()["secret"]) == (hook["id"], None)
    path = f"/v1/webhooks/{hook['id']}"
    tried = client.post(f"{path}/test")
    assert (tried.status_code, tried.get_json()["event"][:4]) == (202, "msg_")
    assert client.post(f"{path}/replay", json={"since": "2026-03-14T00:00:00Z"}).get_json() == {"calls": 0}
    farm.store.run(webhooks.disable, hook["id"], "answered with 410")
    assert client.get("/v1/webhooks").get_json()["data"][0]["disabled"] == "answered with 410"
    assert client.post(f"{path}/enable").get_json()["enabled"] is True
    assert client.delete(path).status_code == 200
    assert client.get("/v1/webhooks").get_json()["data"] == []
    assert client.delete(path).status_code == client.post(f"{path}/test").status_code == 404


@pytest.mark.parametrize("wrong", [{"url": "ftp://a"}, {"url": URL, "events": ["x"]}, {"url": URL, "secret": "short"}])
def test_what_cannot_be_called_is_refused(farm: Sample, wrong: dict[str, object]) -> None:
    assert farm.api().post("/v1/webhooks", json=wrong).status_code == 422


def test_the_files_webhooks_are_removed_in_the_file(farm: Sample) -> None:
    ids = farm.store.run(webhooks.configure, [(URL, ())], NOW)
    assert farm.api().delete(f"/v1/webhooks/{ids[URL]}").status_code == 409
