from __future__ import annotations

from typing import Any

import pytest

from modemfarm.errors import StoreError
from modemfarm.model import PartState
from modemfarm.store import idempotency, suppress
from tests.webapp.sample import NOW, Sample

OK = {"to": "+8613800138000", "text": "您的订单1042已到店"}


def test_a_message_is_taken_with_202_a_location_and_all_its_fields(farm: Sample) -> None:
    answer = farm.api().post("/v1/messages", json=OK | {"reference": "o-1", "priority": 7, "tags": ["a"]})
    assert answer.status_code == 202
    message = answer.get_json()
    assert answer.headers["Location"] == f"/v1/messages/{message['id']}"
    wanted = {
        "id", "to", "text", "class", "purpose", "state", "reason", "next_at", "parts", "parts_sent", "parts_delivered", "encoding",
        "iccid",
        "attempts", "created_at", "send_at", "sent_at", "final_at", "valid_until", "reference", "batch", "retry_of",
        "resolved", "cost",
    }  # fmt: skip
    assert wanted <= message.keys()
    assert message["state"] == "queued"
    assert message["created_at"] == "2026-03-14T09:30:00.000Z"
    assert message["parts"] == [
        {
            "number": 1,
            "state": "waiting",
            "mr": None,
            "iccid": None,
            "sent_at": None,
            "reported_at": None,
            "status": None,
        }
    ]
    assert message["cost"] == 0.1
    assert farm.woken == 1
    assert farm.api().get(answer.headers["Location"]).get_json() == message


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param({"to": "+8613800138000"}, "", id="no-text"),
        pytest.param(OK | {"nonsense": 1}, "/nonsense", id="unknown-member"),
        pytest.param(OK | {"priority": "7"}, "/priority", id="string-for-number"),
        pytest.param(OK | {"priority": 10}, "/priority", id="priority-out-of-range"),
        pytest.param(OK | {"class": "offer"}, "/class", id="unknown-class"),
        pytest.param(OK | {"from": 5}, "/from", id="alias-in-pointer"),
        pytest.param(OK | {"send_at": "2026-03-15T10:00:00"}, "/send_at", id="time-without-offset"),
        pytest.param(OK | {"flash": "yes"}, "/flash", id="string-for-flag"),
        pytest.param(OK | {"to": ["+8613800138000"]}, "/to", id="list-for-number"),
        pytest.param({"to": "1.38E+10", "text": "x"}, "/to", id="spreadsheet-number"),
        pytest.param(OK | {"text": "a\u0000b"}, "/text", id="nul"),
        pytest.param(OK | {"text": ""}, "/text", id="empty-text"),
        pytest.param({"to": OK["to"], "template": "您好{name}", "vars": {}}, "/vars/name", id="template-hole"),
    ],
)
def test_a_malformed_body_is_422_with_a_pointer_and_leaves_no_row(farm: Sample, body: Any, pointer: str) -> None:
    client = farm.api()
    answer = client.post("/v1/messages", json=body)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert pointer in [fault["pointer"] for fault in answer.get_json()["errors"]]
    assert client.get("/v1/messages").get_json()["data"] == []


@pytest.mark.parametrize(
    ("octets", "pointer", "code"),
    [
        pytest.param(rb'{"to": "+8613800138000", "text": "a\ud83d"}', "/text", "not_text", id="half-a-pair"),
        pytest.param(
            rb'{"to": "+8613800138000", "text": "a", "metadata": {"a": ["\ude00"]}}', "/metadata/a/0", "not_text",
            id="half-a-pair-inside",
        ),
        pytest.param(
            b'{"to": "+8613800138000", "text": "a", "to": "+8613800138001"}', "/to", "member_twice", id="member-twice"
        ),
    ],
)  # fmt: skip
def test_json_that_means_no_one_thing_is_422(farm: Sample, octets: bytes, pointer: str, code: str) -> None:
    answer = farm.api().post("/v1/messages", data=octets, content_type="application/json")
    assert answer.status_code == 422
    assert answer.get_json()["code"] == code
    assert [fault["pointer"] for fault in answer.get_json()["errors"]] == [pointer]


def test_what_is_no_json_is_still_400(farm: Sample) -> None:
    answer = farm.api().post("/v1/messages", data=b'{"to": ', content_type="application/json")
    assert (answer.status_code, answer.get_json()["type"]) == (400, "urn:modemfarm:problem:malformed_json")


def test_a_time_far_off_is_422_and_a_message_taken_under_a_pause_is_held(farm: Sample) -> None:
    client = farm.api()
    answer = client.post("/v1/messages", json=OK | {"send_at": "9999-12-31T23:59:59Z"})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "out_of_range")
    client.post("/v1/pause")
    held = client.post("/v1/messages", json=OK).get_json()
    assert (held["state"], held["reason"]) == ("held", "paused")


def test_a_key_used_with_another_body_on_another_route_is_refused(farm: Sample) -> None:
    client = farm.api()
    key = {"Idempotency-Key": "k1"}
    assert client.post("/v1/messages", json=OK, headers=key).status_code == 202
    for path, sent in (
        ("/v1/suppressions", {"json": {"number": OK["to"]}}),
        ("/v1/batches", {"data": b"to,text\n1,x\n"}),
    ):
        kind = {} if "json" in sent else {"content_type": "text/csv"}
        answer = client.post(path, headers=key, **sent, **kind)
        assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency_mismatch"), path


def test_a_template_is_filled_from_vars(farm: Sample) -> None:
    answer = farm.api().post("/v1/messages", json={"to": OK["to"], "template": "您好{name}", "vars": {"name": "李"}})
    assert answer.get_json()["text"] == "您好李"


def test_a_refused_message_is_403_and_can_be_explained(farm: Sample) -> None:
    client = farm.api()
    answer = client.post("/v1/messages", json=OK | {"class": "marketing"})
    assert answer.status_code == 403
    problem = answer.get_json()
    assert problem["code"] == "profile"
    assert client.get(f"/v1/messages/{problem['message_id']}").get_json()["state"] == "refused"
    codes = [step["code"] for step in client.get(f"/v1/messages/{problem['message_id']}/explain").get_json()["data"]]
    assert "message_refused" in codes


def test_a_suppressed_number_is_refused_as_opted_out(farm: Sample) -> None:
    farm.store.run(suppress.add, "+8613800138000", "800138000", "web", NOW)
    answer = farm.api().post("/v1/messages", json=OK)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "opted_out")


def test_a_dry_run_writes_nothing(farm: Sample) -> None:
    client = farm.api()
    answer = client.post("/v1/messages?dry_run=1", json=OK)
    assert answer.status_code == 200
    assert answer.get_json() | {"forecast": None} == {
        "to": "+8613800138000", "encoding": "ucs2", "parts": 1, "room": 59, "cost": 0.1, "currency": "CNY",
        "verdict": "queued", "reason": None, "reason_params": {}, "forecast": None, "command": None, "next_at": None,
        "text": OK["text"], "warnings": [],
    }  # fmt: skip
    assert client.get("/v1/messages").get_json()["data"] == []


def test_the_same_key_and_body_gives_the_first_answer_again(farm: Sample) -> None:
    client = farm.api()
    first = client.post("/v1/messages", json=OK, headers={"Idempotency-Key": "k1"})
    second = client.post("/v1/messages", json=OK, headers={"Idempotency-Key": "k1"})
    assert second.status_code == 202
    assert second.get_json() == first.get_json()
    assert second.headers["Location"] == first.headers["Location"]
    assert len(client.get("/v1/messages").get_json()["data"]) == 1


def test_the_same_key_with_another_body_is_422(farm: Sample) -> None:
    client = farm.api()
    client.post("/v1/messages", json=OK, headers={"Idempotency-Key": "k1"})
    answer = client.post("/v1/messages", json=OK | {"text": "other"}, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency_mismatch")


def test_a_refusal_is_replayed_too_and_a_malformed_body_frees_its_key(farm: Sample) -> None:
    client = farm.api()
    offer = OK | {"class": "marketing"}
    first = client.post("/v1/messages", json=offer, headers={"Idempotency-Key": "k1"})
    second = client.post("/v1/messages", json=offer, headers={"Idempotency-Key": "k1"})
    assert second.get_json() == first.get_json()
    assert (
        client.post("/v1/messages", json={"to": "x", "text": "y"}, headers={"Idempotency-Key": "k2"}).status_code == 422
    )
    assert client.post("/v1/messages", json=OK, headers={"Idempotency-Key": "k2"}).status_code == 202


def test_a_key_without_an_answer_is_409(farm: Sample) -> None:
    client = farm.api()
    client.post("/v1/messages", json=OK, headers={"Idempotency-Key": "k1"})
    with farm.store.write() as tx:
        tx.run("UPDATE idempotency SET status = NULL, answer = NULL")
    answer = client.post("/v1/messages", json=OK, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "idempotency_running")


def test_old_keys_are_forgotten(farm: Sample) -> None:
    farm.store.run(idempotency.begin, "k", "s", "h", NOW)
    assert farm.store.run(idempotency.prune, NOW) == 0
    assert farm.store.run(idempotency.prune, NOW + idempotency.KEPT * 2) == 1


def test_lists_page_newest_first_and_pollers_go_upwards(farm: Sample) -> None:
    client = farm.api()
    ids = [farm.take(text=f"n{number}") for number in range(5)]
    page = client.get("/v1/messages?limit=2").get_json()
    assert [item["id"] for item in page["data"]] == ids[:2:-1]
    page = client.get(f"/v1/messages?limit=2&cursor={page['next']}").get_json()
    assert [item["id"] for item in page["data"]] == [ids[2], ids[1]]
    page = client.get(f"/v1/messages?limit=2&cursor={page['next']}").get_json()
    assert ([item["id"] for item in page["data"]], page["next"]) == ([ids[0]], None)
    seen, after = [], ""
    while (page := client.get(f"/v1/messages?order=asc&limit=2&after={after}").get_json())["data"]:
        seen += [item["id"] for item in page["data"]]
        after = page["next"]
    assert seen == ids
    assert len(client.get("/v1/messages?limit=99999").get_json()["data"]) == 5


def test_filters_work_and_mistyped_ones_are_refused(farm: Sample) -> None:
    client = farm.api()
    farm.take(reference="a")
    other = (
        farm.take(to="+79161234567", reference="b") if farm.deps.intake.country is None else farm.take(reference="b")
    )
    assert [m["id"] for m in client.get("/v1/messages?reference=b").get_json()["data"]] == [other]
    assert len(client.get("/v1/messages?to=13800138000").get_json()["data"]) == 2
    assert client.get("/v1/messages?state=delivered,sent").get_json()["data"] == []
    assert client.get("/v1/messages?since=2026-03-15T00:00:00Z").get_json()["data"] == []
    for query in ("stat=sent", "state=snt", "limit=0", "cursor=x", "since=yesterday", "order=up", "batch=x"):
        assert client.get(f"/v1/messages?{query}").status_code == 422, query


def test_a_waiting_message_can_be_cancelled_and_a_sent_one_not(farm: Sample) -> None:
    client = farm.api()
    waits, left = farm.take(), farm.take()
    farm.left(left)
    assert client.post(f"/v1/messages/{waits}/cancel").get_json()["state"] == "canceled"
    answer = client.post(f"/v1/messages/{left}/cancel")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "too_late")


def test_retry_makes_a_new_message_once_per_key(farm: Sample) -> None:
    client = farm.api()
    old = farm.take()
    assert client.post(f"/v1/messages/{old}/retry").status_code == 409
    client.post(f"/v1/messages/{old}/cancel")
    answers = [client.post(f"/v1/messages/{old}/retry", headers={"Idempotency-Key": "r"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].get_json()["retry_of"] == old
    assert answers[0].get_json()["id"] == answers[1].get_json()["id"]


def test_a_person_decides_about_an_unknown_message(farm: Sample) -> None:
    client = farm.api()
    lost = farm.take()
    farm.left(lost, PartState.UNKNOWN)
    assert client.get(f"/v1/messages/{lost}").get_json()["state"] == "unknown"
    assert client.post(f"/v1/messages/{lost}/resolve", json={"outcome": "maybe"}).status_code == 422
    done = client.post(f"/v1/messages/{lost}/resolve", json={"outcome": "sent"}).get_json()
    assert (done["state"], done["resolved"]) == ("sent", "sent")
    assert client.post(f"/v1/messages/{lost}/resolve", json={"outcome": "sent"}).status_code == 409


def test_everything_wrong_is_problem_json(farm: Sample) -> None:
    client = farm.api()
    key = {"Content-Type": "application/json"}
    for answer, status in (
        (client.get("/v1/messages/999"), 404),
        (client.get("/v1/messages/99999999999999999999999"), 404),
        (client.get("/v1/nothing"), 404),
        (client.delete("/v1/messages"), 405),
        (client.post("/v1/messages", data="to=1"), 415),
        (client.post("/v1/messages", data=b"{", headers=key), 400),
        (client.post("/v1/messages", data=b"[]", headers=key), 422),
        (client.post("/v1/messages", data=b"x" * (1024 * 1024 + 1), headers=key), 413),
        (farm.app.test_client().get("/v1/messages"), 401),
        (farm.app.test_client().get("/v1/messages", headers={"Authorization": "Bearer mf_wrong"}), 401),
        (farm.app.test_client().get("/v1/messages", headers=farm.key("messages:send")), 403),
    ):
        assert answer.status_code == status
        assert answer.content_type == "application/problem+json"
        problem = answer.get_json()
        assert problem["status"] == status
        assert problem["type"].startswith("urn:modemfarm:problem:")
        assert problem["code"]


def test_a_database_that_cannot_commit_is_503(
    farm: Sample, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = farm.api()

    def broken(*_: object) -> None:
        raise StoreError("disk full")

    object.__setattr__(farm.deps, "offload_call", broken)
    answer = client.post("/v1/messages", json=OK)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "store_unavailable")
    assert answer.headers["Retry-After"] == "5"
    client.delete("/v1/suppressions/13800138000")
    assert ("/v1/suppressions/<" in caplog.text, "138001" in caplog.text) == (True, False)


def test_explain_tells_the_whole_way(farm: Sample) -> None:
    message = farm.take()
    farm.left(message, PartState.DELIVERED)
    steps = farm.api().get(f"/v1/messages/{message}/explain").get_json()["data"]
    assert [step["code"] for step in steps][:2] == ["accepted", "part_sent"]
    assert steps[0]["at"] == "2026-03-14T09:30:00.000Z"
    assert steps[1]["params"]["mr"] == 17


def test_a_waiting_message_is_changed_and_one_that_left_is_not(farm: Sample) -> None:
    farm.modem(1)
    client = farm.api()
    waits, left = farm.take(), farm.take()
    farm.left(left)
    changes = {
        "text": "您的订单1043已到店",
        "priority": 9,
        "from": "shop-a",
        "send_at": "2026-03-15T09:30:00Z",
        "tags": ["x"],
    }
    answer = client.patch(f"/v1/messages/{waits}", json=changes)
    assert answer.status_code == 200
    found = answer.get_json()
    assert {name: found[name] for name in changes} == changes | {"send_at": "2026-03-15T09:30:00.000Z"}
    assert (found["state"], found["next_at"]) == ("scheduled", "2026-03-15T09:30:00.000Z")
    assert farm.woken == 1
    late = client.patch(f"/v1/messages/{left}", json={"text": "x"})
    assert (late.status_code, late.get_json()["code"], late.get_json()["state"]) == (409, "too_late", "sent")
    assert client.patch("/v1/messages/99", json={"text": "x"}).status_code == 404
    for wrong in ({"to": "+8613800138001"}, {"text": None}, {"text": " "}, {"priority": 12}, {"flash": True}):
        assert client.patch(f"/v1/messages/{waits}", json=wrong).status_code == 422, wrong
    told = client.get(f"/v1/messages/{waits}/explain").get_json()["data"]
    assert [line["params"]["fields"] for line in told if line["code"] == "message_edited"] == [sorted(changes)]
