from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from modemfarm.store import keys
from modemfarm.store.engine import Tx
from modemfarm.webapp import kannel
from modemfarm.webapp.rate import GUESSES
from tests.docs import code
from tests.webapp.sample import NOW, Sample

URL = "/cgi-bin/sendsms"


@pytest.fixture
def open_(farm: Sample) -> Sample:
    farm.app.extensions["modemfarm"] = replace(farm.deps, settings=replace(farm.deps.settings, kannel=True))
    return farm


def ask(farm: Sample, query: str, *, scopes: tuple[str, ...] = ("messages:send",), **more: Any) -> tuple[int, str]:
    key = farm.store.run(keys.create_key, "kannel", scopes, NOW)
    answer = farm.app.test_client().get(f"{URL}?username=x&password={key}&{query}", **more)
    return answer.status_code, answer.get_data(as_text=True)


def last(farm: Sample) -> dict[str, Any]:
    found: dict[str, Any] = farm.api().get("/v1/messages").get_json()["data"][0]
    return found


def test_it_is_off_by_default(farm: Sample) -> None:
    assert ask(farm, "to=%2B8613800138000&text=Hello")[0] == 404


def test_a_message_is_accepted(open_: Sample) -> None:
    assert ask(open_, "to=%2B8613800138000&text=Hello+there") == (202, "0: Accepted for delivery")
    assert (last(open_)["to"], last(open_)["text"], last(open_)["encoding"]) == (
        "+8613800138000",
        "Hello there",
        "gsm7",
    )


def test_chinese_without_a_coding_is_ucs2_and_long_text_is_linked_parts(open_: Sample) -> None:
    assert ask(open_, f"to=8613800138000&text={quote('您' * 100)}&coding=0")[0] == 202
    assert (last(open_)["encoding"], last(open_)["parts_total"], last(open_)["text"]) == ("ucs2", 2, "您" * 100)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (f"coding=2&text={quote('退订'.encode('utf-16-be'))}", "退订"),
        (f"charset=GB18030&text={quote('退订'.encode('gb18030'))}", "退订"),
        (f"charset=iso-8859-1&text={quote('Grüße'.encode('latin-1'))}", "Grüße"),
        (f"charset=UTF-8&coding=2&text={quote('您好')}", "您好"),
    ],
)
def test_charsets(open_: Sample, query: str, text: str) -> None:
    assert ask(open_, f"to=8613800138000&{query}")[0] == 202
    assert last(open_)["text"] == text


def test_several_recipients_are_all_taken_or_none(open_: Sample) -> None:
    assert ask(open_, "to=8613800138000+8613800138001&text=Hi")[0] == 202
    before = last(open_)["id"]
    assert ask(open_, "to=8613800138000+12&text=Hi")[0] == 400
    assert last(open_)["id"] == before


def test_what_else_it_says(open_: Sample) -> None:
    query = "to=8613800138000&text=Hi&mclass=0&priority=3&validity=60&deferred=30&dlr-mask=3&account=shop"
    assert ask(open_, query) == (202, "3: Queued for later delivery")
    found = last(open_)
    assert (found["flash"], found["priority"], found["report"], found["metadata"]) == (
        True,
        9,
        True,
        {"account": "shop"},
    )
    assert (found["send_at"][:16], found["valid_until"][:16]) == ("2026-03-14T10:00", "2026-03-14T11:00")


def test_a_form_is_taken_too(open_: Sample) -> None:
    key = open_.store.run(keys.create_key, "kannel", (), NOW)
    form = {"user": "x", "pass": key, "to": "8613800138000", "text": "Hi"}
    assert open_.app.test_client().post(URL, data=form).status_code == 202


def post(farm: Sample, text: bytes, kind: str = "text/plain; charset=UTF-8", **more: str) -> tuple[int, str]:
    key = farm.store.run(keys.create_key, "kannel", ("messages:send",), NOW)
    told = {"Username": "x", "Password": key, "To": "+8613800138000 8613800138001"} | more
    headers = {f"X-Kannel-{name.replace('_', '-')}": value for name, value in told.items()} | {"Content-Type": kind}
    answer = farm.app.test_client().post(URL, data=text, headers=headers)
    return answer.status_code, answer.get_data(as_text=True)


def test_headers_with_the_text_as_the_body_are_taken_too(open_: Sample) -> None:
    assert post(open_, "订单 + 1042".encode("gb18030"), "text/plain; charset=GB18030", DLR_Mask="3")[0] == 202
    assert (last(open_)["to"], last(open_)["text"], last(open_)["report"]) == ("+8613800138001", "订单 + 1042", True)
    before = last(open_)["id"]
    assert post(open_, b"Hi", DLR_Url="http://127.0.0.1/") == (400, "dlr-url is not supported.")
    assert post(open_, b"<message/>", "text/xml")[0] == 400
    assert post(open_, b"x" * kannel.MOST_OCTETS + b"x") == (400, "the request is too long.")
    assert last(open_)["id"] == before


@pytest.mark.parametrize(
    "query",
    [
        "udh=%05",
        "pid=1",
        "mclass=1",
        "coding=1",
        "priority=9",
        "validity=soon",
        "dlr-url=http://127.0.0.1/",
        "charset=x",
    ],
)
def test_what_is_not_done_is_refused_by_name(open_: Sample, query: str) -> None:
    status, text = ask(open_, f"to=8613800138000&text=Hi&{query}")
    assert status == 400
    assert query.partition("=")[0] in text.replace("text: it is not x", "charset")


@pytest.mark.parametrize("scopes", [("messages:read",), ("people",)])
def test_a_key_that_may_not_send_does_not(open_: Sample, scopes: tuple[str, ...]) -> None:
    assert ask(open_, "to=8613800138000&text=Hi", scopes=scopes) == (403, "Authorization failed for sendsms")
    assert open_.app.test_client().get(f"{URL}?to=1&text=Hi&password=mf_wrong").status_code == 403


def test_every_parameter_stands_in_the_docs() -> None:
    page = code.page("kannel.md")
    for name in (*kannel.PARAMETERS, *kannel.REFUSED):
        assert f"`{name}`" in page, name


def test_who_guesses_keys_waits_and_a_key_that_worked_there_does_not(open_: Sample) -> None:
    client, right = open_.app.test_client(), open_.store.run(keys.create_key, "kannel", (), NOW)
    query = "to=8613800138000&text=Hi"
    assert client.get(f"{URL}?password={right}&{query}").status_code == 202
    answers = [client.get(f"{URL}?password=mf_{number}&{query}").status_code for number in range(GUESSES)]
    assert set(answers) == {403}
    late = client.get(f"{URL}?password=mf_more&{query}")
    assert (late.status_code, late.headers["Retry-After"]) == (429, "3")
    assert late.get_data(as_text=True) == "Too many unknown keys came from this address."
    api = client.get("/v1/messages", headers={"Authorization": "Bearer mf_another"})
    assert api.status_code == 429
    assert client.get(f"{URL}?password={right}&{query}").status_code == 202


def test_a_keys_own_rate_holds_here_too(open_: Sample) -> None:
    client, key = open_.app.test_client(), open_.store.run(_limited_key)
    answers = [client.get(f"{URL}?password={key}&to=8613800138000&text=Hi") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert (answers[2].headers["RateLimit"], answers[2].headers["Retry-After"]) == ('"key";r=0;t=60', "30")


def test_beyond_a_keys_day_it_says_until_when(open_: Sample) -> None:
    key = open_.store.run(_daily_key)
    answers = [open_.app.test_client().get(f"{URL}?password={key}&to=8613800138000&text=Hi") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 429]
    assert answers[1].headers["Retry-After"] == str(14 * 3600 + 30 * 60)  # midnight UTC


def _daily_key(tx: Tx) -> str:
    return keys.create_key(tx, "kannel", (), NOW, 1)


def _limited_key(tx: Tx) -> str:
    return keys.create_key(tx, "kannel", (), NOW, rate=2)
