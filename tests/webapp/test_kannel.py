from __future__ import annotations

import io
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from modemfarm.model import digits_key
from modemfarm.store import callbacks, keys, suppress
from modemfarm.store.engine import Tx
from modemfarm.store.shapes import Terms
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


@pytest.fixture
def calling_(open_: Sample) -> Sample:
    """One that may call an address."""
    settings = replace(open_.deps.settings, kannel=True, kannel_dlr_urls=("https://shop.example/sms/",))
    open_.app.extensions["modemfarm"] = replace(open_.deps, settings=settings)
    return open_


def kept(farm: Sample) -> list[dict[str, Any]]:
    """Whom to call about what."""
    with farm.store.read() as tx:
        return tx.all("SELECT message_id, mask, origin, url, said FROM callbacks ORDER BY message_id")


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
    assert post(open_, b"Hi", DLR_Url="http://127.0.0.1/")[1].startswith(
        "dlr-url is not supported: http.kannel_dlr_urls"
    )
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


DLR = "https://shop.example/sms/dlr?id=%F&type=%d&from=%p"


@pytest.mark.parametrize("name", ["dlr-url", "dlrurl"])
def test_without_a_list_the_refusal_says_which_key_to_set(open_: Sample, name: str) -> None:
    status, text = ask(open_, f"to=8613800138000&text=Hi&dlr-mask=31&{name}={quote(DLR)}")
    assert (status, text) == (
        400,
        "dlr-url is not supported: http.kannel_dlr_urls in config.yaml names what may be called.",
    )


@pytest.mark.parametrize("names", [("dlr-mask", "dlr-url"), ("dlrmask", "dlrurl")])
def test_a_listed_address_is_kept_with_each_message(calling_: Sample, names: tuple[str, str]) -> None:
    mask, url = names
    query = f"to=8613800138000+8613800138001&text=Hi&account=acc&{mask}=63&{url}={quote(DLR)}"
    assert ask(calling_, query)[0] == 202
    assert [row | {"message_id": 0} for row in kept(calling_)] == [
        {
            "message_id": 0,
            "mask": 31,
            "origin": "https://shop.example",
            "url": DLR,
            "said": '{"n": "kannel"}',
        }
    ] * 2
    assert last(calling_)["report"] is True


@pytest.mark.parametrize("query", ["", "dlr-mask=0&", "dlr-mask=32&"])
def test_an_address_without_a_mask_is_never_called_as_in_kannel(calling_: Sample, query: str) -> None:
    assert ask(calling_, f"to=8613800138000&text=Hi&{query}dlr-url={quote(DLR)}")[0] == 202
    assert kept(calling_) == []


@pytest.mark.parametrize(("mask", "report"), [(1, True), (2, True), (4, True), (8, False), (24, False), (31, True)])
def test_a_report_is_asked_of_the_network_where_only_it_can_tell(calling_: Sample, mask: int, report: bool) -> None:
    assert ask(calling_, f"to=8613800138000&text=Hi&dlr-mask={mask}&dlr-url={quote(DLR)}")[0] == 202
    assert last(calling_)["report"] is report


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://shop.example/other", "http.kannel_dlr_urls in config.yaml does not name this address"),
        ("https://shop.example.evil.example/sms/", "does not name this address"),
        ("http://127.0.0.1/sms/", "does not name this address"),
        ("https://shop.example/sms/?%k", "%k is not supported"),
        ("https://shop.example/sms/?" + "x" * 2048, "at most 2048 characters"),
    ],
)
def test_any_other_address_is_refused_by_name(calling_: Sample, url: str, why: str) -> None:
    status, text = ask(calling_, f"to=8613800138000&text=Hi&dlr-mask=31&dlr-url={quote(url)}")
    assert (status, text[:7], why in text) == (400, "dlr-url", True)
    assert kept(calling_) == []


def test_of_several_one_that_is_refused_is_told_by_a_call(calling_: Sample) -> None:
    calling_.store.run(suppress.add, "+8613800138001", digits_key("+8613800138001"), "web", NOW)
    told = f"&dlr-mask=31&dlr-url={quote(DLR)}"
    assert ask(calling_, "to=8613800138001&text=Hi" + told)[0] == 403
    assert kept(calling_) == []
    assert ask(calling_, "to=8613800138000+8613800138001&text=Hi" + told)[0] == 202
    assert len(kept(calling_)) == 1
    (call,) = calling_.store.look(callbacks.due, "https://shop.example", NOW, 5, Terms())
    assert (call.event, "type=16&from=%2B8613800138001" in call.url) == (16, True)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_does_not_say_its_length_has_the_same_limit(open_: Sample, kind: str) -> None:
    """As gunicorn hands on what came in chunks: the end of the stream is its only length."""
    key = open_.store.run(keys.create_key, "kannel", (), NOW)
    form = f"username=x&password={key}&to=8613800138000&text="
    headers = {"X-Kannel-Username": "x", "X-Kannel-Password": key, "X-Kannel-To": "8613800138000"}
    head = b"" if kind == "text/plain" else form.encode()

    def chunked(length: int) -> tuple[int, str, int]:
        body = io.BytesIO(head + b"x" * length)
        answer = open_.app.test_client().post(
            URL,
            input_stream=body,
            content_type=kind,
            headers=headers if kind == "text/plain" else {},
            environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
        )
        return answer.status_code, answer.get_data(as_text=True), body.tell()

    assert chunked(30)[0] == 202
    status, text, read = chunked(100 * kannel.MOST_OCTETS)
    assert (status, text) == (400, "the request is too long.")
    assert read < 2 * kannel.MOST_OCTETS
