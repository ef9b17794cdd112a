"""Many messages at once: cancelled, changed, resolved by what they have in common."""

from __future__ import annotations

from modemfarm.model import PartState
from tests.webapp.sample import Sample


def test_many_are_cancelled_by_what_they_have_in_common(farm: Sample) -> None:
    farm.modem(1)
    client = farm.api()
    waiting, other, left = [farm.take(), farm.take()], farm.take("+8613800138001"), farm.take()
    farm.left(left)
    body = {"state": ["queued"], "to": "13800138000"}
    key = {"Idempotency-Key": "k"}
    answer = client.post("/v1/messages/cancel", json=body, headers=key).get_json()
    assert answer == {"count": 2, "not_done": [], "more": False}
    assert client.post("/v1/messages/cancel", json=body, headers=key).get_json() == answer
    assert client.post("/v1/messages/cancel", json=body).get_json()["count"] == 0
    states = [client.get(f"/v1/messages/{number}").get_json()["state"] for number in (*waiting, other, left)]
    assert states == ["canceled", "canceled", "queued", "sent"]
    again = client.post("/v1/messages/retry", json={"state": ["canceled"], "limit": 1}).get_json()
    assert (again["count"], again["more"]) == (1, True)
    for path, wrong in (
        ("cancel", {}),
        ("cancel", {"state": ["sent"]}),
        ("cancel", {"state": []}),
        ("retry", {"limit": 5}),
        ("resolve", {"outcome": "sent"}),
        ("resolve", {"state": ["unknown"]}),
    ):
        assert client.post(f"/v1/messages/{path}", json=wrong).status_code == 422, (path, wrong)


def test_many_are_changed_at_once(farm: Sample) -> None:
    farm.modem(1)
    client = farm.api()
    ids, other = [farm.take() for _ in range(3)], farm.take("+8613800138001")
    changes = {"send_at": "2026-03-15T09:30:00Z", "priority": 9, "class": "conversation", "text": "改期"}
    body = {"to": "13800138000", "changes": changes}
    dry = client.post("/v1/messages/edit?dry_run=1", json=body).get_json()
    assert dry == {"count": 3, "not_done": [], "more": False, "upto": other}
    first = client.post("/v1/messages/edit", json=body | {"limit": 2, "upto": dry["upto"]}).get_json()
    assert first == {"count": 2, "not_done": [], "more": True, "after": ids[1]}
    rest = client.post("/v1/messages/edit", json=body | {"limit": 2, "after": first["after"]}).get_json()
    assert rest == {"count": 1, "not_done": [], "more": False}
    assert farm.woken == 2
    for number in ids:
        found = client.get(f"/v1/messages/{number}").get_json()
        assert {name: found[name] for name in changes} == changes | {"send_at": "2026-03-15T09:30:00.000Z"}
    assert client.get(f"/v1/messages/{other}").get_json()["state"] == "queued"
    told = client.get(f"/v1/messages/{ids[2]}/explain").get_json()["data"]
    assert [line["params"]["fields"] for line in told if line["code"] == "message_edited"] == [sorted(changes)]
    refused = client.post(
        "/v1/messages/edit", json={"state": ["scheduled"], "changes": {"class": "marketing"}}
    ).get_json()
    assert (refused["count"], len(refused["not_done"])) == (0, 3)
    for text, code in (("您好{name}", "placeholders"), ("", "empty"), (" \n", "empty")):
        for path in ("edit", "edit?dry_run=1"):
            answer = client.post(f"/v1/messages/{path}", json={"state": ["queued"], "changes": {"text": text}})
            assert (answer.status_code, answer.get_json()["code"]) == (422, code), path
    for wrong in (
        {"changes": {"priority": 9}},
        {"state": ["queued"]},
        {"state": ["queued"], "changes": {}},
        {"state": ["sent"], "changes": {"priority": 9}},
        {"state": ["queued"], "changes": {"to": "+8613800138001"}},
        {"state": ["queued"], "changes": {"text": None}},
    ):
        assert client.post("/v1/messages/edit", json=wrong).status_code == 422, wrong


def test_many_that_nobody_knows_of_are_resolved_at_once(farm: Sample) -> None:
    farm.modem(1)
    ids = [farm.take(), farm.take()]
    for number in ids:
        farm.left(number, PartState.UNKNOWN)
    answer = farm.api().post("/v1/messages/resolve", json={"state": ["unknown"], "outcome": "sent"}).get_json()
    assert answer["count"] == 2
