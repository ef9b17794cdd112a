from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_network

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


@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"url": "ftp://a"}, "/url", "webhook_url"),
        ({"url": URL, "events": ["message.sent", "x"]}, "/events/1", "webhook_event"),
        ({"url": URL, "secret": "short"}, "/secret", "webhook_secret"),
        ({"url": "http://169.254.169.254/"}, "/url", "private_address"),
        ({"url": "http://127.0.0.1:9/"}, "/url", "private_address"),
        ({"url": "http://0x7f000001/"}, "/url", "private_address"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "/url", "private_address"),
    ],
)
def test_what_cannot_be_called_is_refused_with_a_pointer(
    farm: Sample, wrong: dict[str, object], pointer: str, code: str
) -> None:
    answer = farm.api().post("/v1/webhooks", json=wrong)
    assert answer.status_code == 422
    assert [(one["pointer"], one["code"]) for one in answer.get_json()["errors"]] == [(pointer, code)]
    told = farm.api().post("/v1/webhooks", json=wrong, headers={"Accept-Language": "ru"}).get_json()
    assert re.search("[а-я]", told["errors"][0]["detail"])
    assert re.search("[а-я]", told["detail"])
    assert farm.api().get("/v1/webhooks").get_json()["data"] == []


def test_an_address_in_the_owners_networks_is_taken(farm: Sample) -> None:
    settings = replace(farm.deps.settings, webhook_networks=(ip_network("192.168.1.0/24"),))
    farm.app.extensions["modemfarm"] = replace(farm.deps, settings=settings)
    for host, status in (("192.168.1.7", 201), ("192.168.2.7", 422)):
        assert farm.api().post("/v1/webhooks", json={"url": f"http://{host}/"}).status_code == status


def test_the_files_webhooks_are_removed_in_the_file(farm: Sample) -> None:
    ids = farm.store.run(webhooks.configure, [(URL, ())], NOW)
    assert farm.api().delete(f"/v1/webhooks/{ids[URL]}").status_code == 409
