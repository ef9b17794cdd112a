"""A text that is not to be kept, as programs and people at the page see it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modemfarm.model import PartState
from modemfarm.store.schema.whole import meta
from tests.webapp.sample import Sample
from tests.webapp.test_page import form_token

SECRET = "dragonfruit 481516"
BODY = {"to": "+8613800138000", "text": SECRET, "metadata": {"ward": "papaya"}, "store_text": False}
KEY = {"Idempotency-Key": "k"}


def everything(farm: Sample) -> str:
    with farm.store.read() as tx:
        return "\n".join(str(row) for name in meta.tables for row in tx.all(f"SELECT * FROM {name}"))


def left(farm: Sample, message: int, state: PartState = PartState.SENT) -> None:
    """As a modem sends it; the sample writes its rows by itself."""
    farm.left(message, state)


def test_it_is_shown_until_it_left_and_then_nowhere(farm: Sample) -> None:
    client = farm.api()
    taken = client.post("/v1/messages", json=BODY, headers=KEY)
    message = taken.get_json()
    assert (taken.status_code, message["store_text"], message["text"]) == (202, False, SECRET)
    again = client.post("/v1/messages", json=BODY, headers=KEY)
    assert (again.status_code, again.get_json()) == (202, message)
    left(farm, message["id"])
    seen = client.get(f"/v1/messages/{message['id']}").get_json()
    assert (seen["state"], seen["text"], seen["metadata"], seen["store_text"]) == ("sent", "", {}, False)
    again = client.post("/v1/messages", json=BODY, headers=KEY).get_json()
    assert again == message | {"text": "", "metadata": {}}
    assert client.get(f"/v1/messages/{message['id']}/explain").status_code == 200
    kept = everything(farm)
    assert SECRET not in kept
    assert "papaya" not in kept


def test_an_answer_is_kept_without_the_text_of_any_message(farm: Sample) -> None:
    client = farm.api()
    usual = {"to": BODY["to"], "text": "kept kiwi"}
    first = client.post("/v1/messages", json=usual, headers=KEY).get_json()
    assert first["store_text"] is True
    with farm.store.read() as tx:
        assert "kept kiwi" not in str(tx.value("SELECT answer FROM idempotency"))
    assert client.post("/v1/messages", json=usual, headers=KEY).get_json() == first
    client.patch(f"/v1/messages/{first['id']}", json={"text": "kept lime"})
    assert client.post("/v1/messages", json=usual, headers=KEY).get_json() == first | {"text": "kept lime"}


def test_nobody_without_the_key_file_can_try_texts_against_the_kept_digest(farm: Sample) -> None:
    client = farm.api()
    client.post("/v1/messages", json=BODY, headers=KEY)
    client.post("/v1/messages", json={"to": BODY["to"], "text": "a"}, headers={"Idempotency-Key": "other"})
    with farm.store.read() as tx:
        marks = {row["key"]: row["body_hash"] for row in tx.all("SELECT key, body_hash FROM idempotency")}
    assert (marks["k"][:3], len(marks["other"])) == ("s1.", 64)
    other = client.post("/v1/messages", json=BODY | {"text": "other"}, headers=KEY)
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_mismatch")


def test_the_wish_may_come_later_and_what_is_gone_is_told_by_its_code(farm: Sample) -> None:
    client = farm.api()
    message = client.post("/v1/messages", json=BODY | {"store_text": True}, headers=KEY).get_json()["id"]
    left(farm, message)
    path = f"/v1/messages/{message}"
    assert client.get(path).get_json()["text"] == SECRET
    changed = client.patch(path, json={"store_text": False})
    assert (changed.status_code, changed.get_json()["store_text"], changed.get_json()["text"]) == (200, False, "")
    assert SECRET not in everything(farm)
    back = client.patch(path, json={"store_text": True})
    assert (back.status_code, back.get_json()["type"]) == (409, "urn:modemfarm:problem:conflict")
    assert back.get_json()["code"] == "text_gone"
    for wrong in (None, "no", 0):
        assert client.patch(path, json={"store_text": wrong}).status_code == 422


@pytest.mark.parametrize(("lang", "told"), [("en", "not kept any more"), ("zh", "不再保存"), ("ru", "не хранится")])
def test_what_is_gone_is_not_sent_again(farm: Sample, lang: str, told: str) -> None:
    client = farm.api()
    message = client.post("/v1/messages", json=BODY).get_json()["id"]
    client.post(f"/v1/messages/{message}/cancel")
    answer = client.post(f"/v1/messages/{message}/retry", headers={"Accept-Language": lang})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "text_gone")
    assert told in answer.get_json()["detail"]
    many = client.post("/v1/messages/retry", json={"state": ["canceled"]}).get_json()
    assert many["not_done"] == [{"id": message, "state": "canceled", "reason": "text_gone"}]


def test_many_are_changed_to_it_at_once(farm: Sample) -> None:
    client = farm.api()
    numbers = [client.post("/v1/messages", json={"to": BODY["to"], "text": "a"}).get_json()["id"] for _ in range(3)]
    done = client.post("/v1/messages/edit", json={"state": ["queued"], "changes": {"store_text": False}}).get_json()
    assert (done["count"], done["not_done"]) == (3, [])
    assert {client.get(f"/v1/messages/{one}").get_json()["store_text"] for one in numbers} == {False}


@pytest.mark.parametrize(
    ("body", "kind", "query"),
    [
        (json.dumps({"to": BODY["to"], "text": SECRET, "store_text": False}), "application/x-ndjson", ""),
        (f"to,text,store_text\n{BODY['to']},{SECRET},no\n", "text/csv", ""),
        (f"to,text,хранить текст\n{BODY['to']},{SECRET},нет\n", "text/csv", "?store_text=yes"),
        (f"to,text\n{BODY['to']},{SECRET}\n", "text/csv", "?store_text=no"),
    ],
)
def test_a_row_of_a_batch_says_it_itself_or_the_query_for_all(farm: Sample, body: str, kind: str, query: str) -> None:
    client = farm.api()
    answer = client.post(f"/v1/batches{query}", data=body.encode(), headers={"Content-Type": kind} | KEY)
    assert (answer.status_code, answer.get_json()["accepted"]) == (202, 1)
    (message,) = client.get("/v1/messages").get_json()["data"]
    assert (message["store_text"], message["text"]) == (False, SECRET)
    left(farm, message["id"])
    assert SECRET not in everything(farm)


def test_a_person_asks_for_it_with_a_tick(farm: Sample) -> None:
    person = farm.person()
    form = {
        "csrf": form_token(person.get("/send").text),
        "to": BODY["to"],
        "text": SECRET,
        "nonce": "n",
        "no_store_text": "1",
    }
    assert person.post("/send", data=form).status_code == 303
    (message,) = farm.api().get("/v1/messages").get_json()["data"]
    assert (message["store_text"], message["text"]) == (False, SECRET)
    left(farm, message["id"])
    assert SECRET not in everything(farm)


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "not kept any more"), ("zh", "内容已不再保存"), ("ru", "больше не хранится")]
)
def test_the_page_says_that_the_text_is_gone_and_offers_no_second_sending(farm: Sample, lang: str, words: str) -> None:
    client, person = farm.api(), farm.person()
    shown: dict[str, Any] = {"headers": {"Accept-Language": lang}}
    message = client.post("/v1/messages", json=BODY).get_json()["id"]
    assert SECRET in person.get(f"/messages/{message}", **shown).text
    client.post(f"/v1/messages/{message}/cancel")
    page = person.get(f"/messages/{message}", **shown).text
    assert words in page
    assert SECRET not in page
    assert f"/messages/{message}/retry" not in page
    for path in ("/messages", "/", f"/people/%2B{BODY['to'][1:]}"):
        answer = person.get(path, **shown)
        assert (answer.status_code, SECRET in answer.text) == (200, False)
