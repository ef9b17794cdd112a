"""/v1/contacts: list, keep, change, forget, import, export; and templates that are filled from them."""

from __future__ import annotations

from typing import Any

import pytest

from modemfarm.store import audit, reviews, suppress
from tests.webapp.sample import NOW, Sample

ONE, TWO = "+8613912345678", "+8613800138000"


@pytest.mark.parametrize("named", ["600123456", "7", ONE], ids=["as listed", "by its id", "with its country"])
def test_a_doubtful_reply_is_decided_as_listed_or_by_its_id(farm: Sample, named: str) -> None:
    api = farm.api()
    farm.store.run(reviews.add, ONE if named == ONE else "600123456", 7, "别发了", NOW)
    assert api.post("/v1/reviews/8", json={"decision": "dismissed"}).status_code == 404
    done = api.post(f"/v1/reviews/{named}", json={"decision": "opted_out"})
    assert (done.status_code, done.json["number"]) == (200, ONE if named == ONE else "600123456")
    assert farm.store.look(suppress.is_suppressed, done.json["number"])
    assert api.get("/v1/reviews").json["data"] == []
    assert farm.store.look(audit.listed)[0]["who"].startswith("key ")


def test_a_person_is_kept_changed_listed_and_forgotten(farm: Sample) -> None:
    api = farm.api()
    made = api.put("/v1/contacts/13912345678", json={"name": "李", "attributes": {"city": "上海", "table": "4"}})
    assert (made.status_code, made.json["number"], made.json["source"]) == (201, ONE, "api")
    changed = api.patch(f"/v1/contacts/{ONE}", json={"zone": "Asia/Urumqi", "attributes": {"table": None}})
    assert changed.status_code == 200
    assert (changed.json["name"], changed.json["zone"], changed.json["attributes"]) == (
        "李", "Asia/Urumqi", {"city": "上海"},
    )  # fmt: skip
    whole = api.put(f"/v1/contacts/{ONE}", json={"attributes": {"x": "1"}})
    assert (whole.status_code, whole.json["name"], whole.json["zone"], whole.json["attributes"]) == (
        200, "", None, {"x": "1"},
    )  # fmt: skip
    api.put(f"/v1/contacts/{TWO}", json={"name": "王"})
    page = api.get("/v1/contacts?limit=1").json
    assert [one["number"] for one in page["data"]] == [TWO]
    assert [
        one["number"] for one in api.get(f"/v1/contacts?cursor={page['next'].replace('+', '%2B')}").json["data"]
    ] == [ONE]
    assert [one["number"] for one in api.get("/v1/contacts?search=王").json["data"]] == [TWO]
    assert api.delete(f"/v1/contacts/{ONE}").status_code == 204
    assert api.get(f"/v1/contacts/{ONE}").status_code == 404
    refused = api.put(f"/v1/contacts/{ONE}", json={})
    assert (refused.status_code, refused.json["code"]) == (422, "forgotten")
    assert ONE not in refused.get_data(as_text=True)
    assert api.post("/v1/messages", json={"to": ONE, "text": "x"}).json["code"] == "opted_out"


def test_what_cannot_be_kept_is_refused_by_name(farm: Sample) -> None:
    api = farm.api()
    for body, pointer in (
        ({"zone": "Mars/Base"}, "/zone"),
        ({"attributes": {"a": 1}}, "/attributes/a"),
        ({"colour": "red"}, "/colour"),
    ):
        answer = api.put(f"/v1/contacts/{ONE}", json=body)
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)
    assert api.put("/v1/contacts/12", json={}).status_code == 422
    assert api.patch(f"/v1/contacts/{ONE}", json={}).status_code == 404


def test_a_file_is_taken_in_and_given_out(farm: Sample) -> None:
    api = farm.api()
    octets = "电话;姓名;城市\n13912345678;=cmd;上海\n12;x;y\n".encode("gb18030")
    done = api.post("/v1/contacts/import", data=octets, content_type="text/csv")
    assert (done.status_code, done.json["added"], [fault["row"] for fault in done.json["rejected"]]) == (200, 1, [2])
    assert api.post("/v1/contacts/import", data=b"{}", content_type="text/plain").status_code == 415
    assert api.post("/v1/contacts/import", data=b"a,b\n1,2\n", content_type="text/csv").status_code == 422
    given = api.get("/v1/contacts/export")
    assert given.mimetype == "text/csv"
    assert "'=cmd" in given.get_data(as_text=True)
    again = api.post("/v1/contacts/import", data=given.data, content_type="text/csv")
    assert again.json == {"added": 0, "known": 1, "rejected": []}
    assert api.get(f"/v1/contacts/{ONE}").json["name"] == "=cmd"


def test_a_template_is_filled_from_the_row_and_then_from_the_contact(farm: Sample) -> None:
    api = farm.api()
    api.put(f"/v1/contacts/{ONE}", json={"name": "李", "attributes": {"Table No": "4"}})

    def text(body: dict[str, Any]) -> Any:
        return api.post("/v1/messages", json={"to": "13912345678", **body}).json.get("text")

    assert text({"template": "{name}: {table_no}"}) == "李: 4"
    assert text({"template": "{name}: {table_no}", "vars": {"name": "老李"}}) == "老李: 4"
    assert text({"template": "{other}"}) is None
    rows = f"phone,name\n{ONE},\n{ONE},老李\n{TWO},\n"
    done = api.post("/v1/batches?template={name}!{table no}", data=rows, content_type="text/csv").json
    assert (done["accepted"], [(fault["row"], fault["code"]) for fault in done["errors"]]) == (
        2,
        [(3, "missing_value")],
    )
    texts = [one["text"] for one in api.get(f"/v1/messages?batch={done['id']}").json["data"]]
    assert texts == ["老李!4", "李!4"]


def test_a_key_without_people_sees_nobody(farm: Sample) -> None:
    client = farm.app.test_client()
    headers = farm.key("messages:read", "messages:send")
    for method, path in (("GET", ""), ("GET", "/export"), ("DELETE", f"/{ONE}"), ("POST", "/import")):
        assert client.open(f"/v1/contacts{path}", method=method, headers=headers).status_code == 403
