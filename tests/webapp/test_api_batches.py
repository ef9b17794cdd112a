from __future__ import annotations

import json

import pytest

from modemfarm.webapp import writing
from tests.webapp.sample import Sample

ROWS = "\n".join(json.dumps({"to": f"+86138001380{n:02}", "text": f"第{n}位"}) for n in range(30))
NDJSON = {"Content-Type": "application/x-ndjson"}


def test_rows_are_taken_and_bad_ones_are_told_with_their_number(farm: Sample) -> None:
    body = ROWS + "\n" + json.dumps({"to": "1.38E+10", "text": "x"})
    answer = farm.api().post("/v1/batches", data=body.encode(), headers=NDJSON)
    assert answer.status_code == 202
    batch = answer.get_json()
    assert (batch["accepted"], batch["rejected"]) == (30, 1)
    assert batch["errors"][0]["row"] == 31
    assert {"row", "code", "detail"} <= batch["errors"][0].keys()
    assert {"finish_at", "cannot_send"} <= batch.keys()
    assert answer.headers["Location"] == f"/v1/batches/{batch['id']}"
    seen = farm.api().get(answer.headers["Location"]).get_json()
    assert seen["states"] == {"queued": 30}


def test_a_gb18030_csv_with_chinese_headings_is_read(farm: Sample) -> None:
    body = "手机号,内容\n13800138000,您好\n13800138001,再见\n".encode("gb18030")
    answer = farm.api().post("/v1/batches", data=body, headers={"Content-Type": "text/csv; charset=gb18030"})
    assert answer.get_json()["accepted"] == 2
    texts = {item["text"] for item in farm.api().get("/v1/messages").get_json()["data"]}
    assert texts == {"您好", "再见"}


def test_a_map_says_which_column_or_member_is_which(farm: Sample) -> None:
    client, csv = farm.api(), {"Content-Type": "text/csv"}
    body = "客户电话,说明\n13800138000,您好\n".encode()
    query = {"map": "to=客户电话,text=说明"}
    assert client.post("/v1/batches", data=body, headers=csv, query_string=query).get_json()["accepted"] == 1
    twice = {"map": ["to=#1", "text=#2"]}
    answer = client.post("/v1/batches", data=body, headers=csv, query_string=twice).get_json()
    assert (answer["accepted"], answer["errors"][0]["row"]) == (1, 1)
    line = json.dumps({"mobile": "13800138000", "text": "x"}).encode()
    answer = client.post("/v1/batches", data=line, headers=NDJSON, query_string={"map": "to=mobile"})
    assert answer.get_json()["accepted"] == 1


@pytest.mark.parametrize("lang", ["en", "zh", "ru"])
def test_a_map_of_what_is_not_there_is_422_with_what_there_is(farm: Sample, lang: str) -> None:
    client, headers = farm.api(), {"Content-Type": "text/csv", "Accept-Language": lang}
    for said, code, told in (("to=b", "unknown_column", "客户电话, 说明"), ("b=客户电话", "unknown_field", "to, text")):
        answer = client.post(
            "/v1/batches", data="客户电话,说明\n1,2\n".encode(), headers=headers, query_string={"map": said}
        )
        assert answer.status_code == 422
        problem = answer.get_json()
        (fault,) = problem["errors"]
        assert (problem["code"], fault["code"], fault["parameter"]) == (code, code, "map")
        assert told in problem["detail"]
        assert told in fault["detail"]
    assert client.get("/v1/messages").get_json()["data"] == []


def test_the_same_key_and_body_is_one_batch_and_another_body_is_refused(farm: Sample) -> None:
    client = farm.api()
    first = client.post("/v1/batches", data=ROWS.encode(), headers=NDJSON | {"Idempotency-Key": "b"})
    second = client.post("/v1/batches", data=ROWS.encode(), headers=NDJSON | {"Idempotency-Key": "b"})
    assert first.get_json() == second.get_json()
    other = client.post("/v1/batches", data=ROWS[:-60].encode(), headers=NDJSON | {"Idempotency-Key": "b"})
    assert other.status_code == 422
    assert len(client.get("/v1/messages?limit=1000").get_json()["data"]) == 30


def test_without_a_key_the_same_body_is_two_batches(farm: Sample) -> None:
    client = farm.api()
    ids = {client.post("/v1/batches", data=ROWS.encode(), headers=NDJSON).get_json()["id"] for _ in range(2)}
    assert len(ids) == 2


def test_a_killed_request_goes_on_after_its_last_committed_row(farm: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    client = farm.api()
    headers = NDJSON | {"Idempotency-Key": "b"}

    class Killed(BaseException):
        """Nobody catches a kill."""

    count = 0
    honest = farm.offload.call

    def dying(work: object, *args: object) -> object:
        nonlocal count
        count += 1
        if count == 6:
            raise Killed
        return honest(work, *args)  # type: ignore[arg-type]  # what it is handed through

    object.__setattr__(farm.deps, "offload_call", dying)
    with pytest.raises(Killed):
        client.post("/v1/batches", data=ROWS.encode(), headers=headers)
    object.__setattr__(farm.deps, "offload_call", honest)
    answer = client.post("/v1/batches", data=ROWS.encode(), headers=headers)
    assert (answer.status_code, answer.get_json()["accepted"]) == (202, 30)
    assert len(client.get("/v1/messages?limit=1000").get_json()["data"]) == 30


def test_a_batch_that_is_still_running_is_409(farm: Sample) -> None:
    client = farm.api()
    headers = NDJSON | {"Idempotency-Key": "b"}
    with farm.store.read() as tx:
        key = tx.value("SELECT max(id) FROM api_keys")
    running = (f"{key} POST /v1/batches", "b")
    writing._running.add(running)
    try:
        assert client.post("/v1/batches", data=ROWS.encode(), headers=headers).status_code == 409
    finally:
        writing._running.discard(running)


def test_a_whole_batch_is_taken_back(farm: Sample) -> None:
    client = farm.api()
    batch = client.post("/v1/batches", data=ROWS.encode(), headers=NDJSON).get_json()["id"]
    answer = client.post(f"/v1/batches/{batch}/cancel").get_json()
    assert (answer["canceled"], answer["states"]) == (30, {"canceled": 30})


def test_what_is_no_batch_is_told(farm: Sample) -> None:
    client = farm.api()
    assert client.post("/v1/batches", json=[]).status_code == 415
    assert client.post("/v1/batches", data=b"name,age\nx,1\n", headers={"Content-Type": "text/csv"}).status_code == 422
    assert client.post("/v1/batches?clas=x", data=b"", headers=NDJSON).status_code == 422
    assert client.get("/v1/batches/77").status_code == 404


@pytest.mark.parametrize(("kind", "body"), [("x-ndjson", b""), ("x-ndjson", b"\n \n"), ("csv", b"to,text\n")])
def test_a_body_without_rows_makes_no_batch(farm: Sample, kind: str, body: bytes) -> None:
    kind = {"x-ndjson": "application/x-ndjson", "csv": "text/csv"}[kind]
    answer = farm.api().post("/v1/batches", data=body, content_type=kind, headers={"Idempotency-Key": "a"})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "no_rows")
    assert answer.get_json()["errors"][0]["pointer"] == ""
    assert farm.store.look(lambda tx: tx.value("SELECT count(*) FROM batches")) == 0


def test_a_body_of_broken_rows_is_a_batch_that_names_each(farm: Sample) -> None:
    answer = farm.api().post("/v1/batches", data=b"x\n{}\n", headers=NDJSON)
    told = answer.get_json()
    assert (answer.status_code, told["accepted"], told["rejected"]) == (202, 0, 2)
    assert [fault["row"] for fault in told["errors"]] == [1, 2]


@pytest.mark.parametrize(
    ("query", "kind", "place"),
    [
        ("", "text/csv; charset=klingon", {"header": "Content-Type"}),
        ("?encoding=klingon", "text/csv", {"parameter": "encoding"}),
        ("?template=%7Bname", "text/csv", {"parameter": "template"}),
    ],
)
def test_what_cannot_be_read_has_its_place(farm: Sample, query: str, kind: str, place: dict[str, str]) -> None:
    answer = farm.api().post(f"/v1/batches{query}", data=b"to,text\n1,2\n", content_type=kind)
    assert answer.status_code == 422
    (fault,) = answer.get_json()["errors"]
    assert {name: fault[name] for name in fault.keys() - {"code", "detail"}} == place
    document = farm.api().get("/v1/openapi.json").get_json()
    assert (
        place.keys()
        <= document["components"]["schemas"]["Problem"]["properties"]["errors"]["items"]["properties"].keys()
    )


def test_a_batch_is_paused_sent_again_and_resolved(farm: Sample) -> None:
    client = farm.api()
    csv = "to,text\n+8613800138000,a\n+8613800138001,b\n"
    number = client.post("/v1/batches", data=csv, content_type="text/csv").get_json()["id"]
    paused = client.post(f"/v1/batches/{number}/pause").get_json()["pauses"]
    assert [(item["scope"], item["value"]) for item in paused] == [("batch", str(number))]
    assert client.get(f"/v1/batches/{number}").get_json()["states"] == {"held": 2}
    assert client.post(f"/v1/batches/{number}/resume").get_json() == {"pauses": []}
    assert client.get(f"/v1/batches/{number}").get_json()["states"] == {"queued": 2}
    farm.store.run(lambda tx: tx.run("UPDATE messages SET state = 'failed' WHERE id = 1"))
    assert client.post(f"/v1/batches/{number}/retry").get_json()["retried"] == 1
    assert client.post(f"/v1/batches/{number}/retry").get_json()["retried"] == 0
    assert client.post(f"/v1/batches/{number}/resolve", json={"outcome": "sent"}).get_json()["resolved"] == 0
    assert client.post("/v1/batches/9/pause").status_code == 404
