"""Programs that name a language get problems whose detail their reader understands; codes and types stay."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from modemfarm import wording
from tests.webapp.sample import Sample

LANGUAGES = [lang for lang in wording.LANGUAGES if lang != "en"]
# path, body, code, and the slug of what is said
WRONG: list[tuple[str, Any, str, str]] = [
    ("/v1/messages/999999/cancel", {}, "not_found", "refusal.no_message"),
    ("/v1/messages", {"to": "13x", "text": "x"}, "not_a_number", "fault.not_a_number"),
    ("/v1/messages", {"to": "+8613800138000", "text": "x", "colour": 1}, "validation", "api.validation"),
    ("/v1/messages", b"{", "malformed_json", "api.malformed_json"),
    ("/v1/nothing", {}, "not_found", "api.not_found"),
]


def post(farm: Sample, path: str, body: Any, lang: str | None) -> Any:
    headers = {"Accept-Language": lang} if lang else {}
    if isinstance(body, bytes):
        return farm.api().post(path, data=body, content_type="application/json", headers=headers)
    return farm.api().post(path, json=body, headers=headers)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("path", "body", "code", "slug"), WRONG, ids=lambda item: str(item)[:24])
def test_a_problem_is_told_in_the_readers_language(
    farm: Sample, path: str, body: Any, code: str, slug: str, lang: str
) -> None:
    answer, english = post(farm, path, body, lang), post(farm, path, body, None)
    told, plain = answer.get_json(), english.get_json()
    assert answer.headers["Content-Language"] == lang
    assert english.headers["Content-Language"] == "en"
    assert told["code"] == plain["code"] == code
    assert {told[name] == plain[name] for name in ("type", "title", "status")} == {True}
    assert wording.say(slug, None, lang).partition("…")[0] in told["detail"]
    assert told["detail"] != plain["detail"]
    assert not told["detail"].isascii()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_fault_of_one_field_is_told_too(farm: Sample, lang: str) -> None:
    (fault,) = post(farm, "/v1/messages", {"to": "13x", "text": "x"}, lang).get_json()["errors"]
    assert fault["detail"] == wording.say("fault.not_a_number", None, lang)


# a request's method, path and body, where its fault is, and words of the English sentence
PLACES: list[tuple[str, str, Any, dict[str, str], str]] = [
    (
        "post",
        "/v1/messages",
        {"to": "+8613800138000", "text": "x", "bogus": 1},
        {"pointer": "/bogus"},
        "unknown member",
    ),
    ("post", "/v1/messages", {"text": "x"}, {"pointer": "/to"}, "is missing"),
    ("post", "/v1/messages", {"to": 1, "text": "x"}, {"pointer": "/to"}, "expected a text"),
    ("post", "/v1/messages", {"to": "1", "text": "x", "class": "x"}, {"pointer": "/class"}, "one of transactional"),
    ("post", "/v1/messages", {"to": "1", "text": "x", "priority": 11}, {"pointer": "/priority"}, "9 or less"),
    ("post", "/v1/messages", {"to": "1", "text": "x", "send_at": "soon"}, {"pointer": "/send_at"}, "with its offset"),
    ("post", "/v1/messages", {"to": "1", "text": "x\0"}, {"pointer": "/text"}, "U+0000"),
    ("post", "/v1/messages", {"to": "1"}, {"pointer": ""}, "either text or template"),
    ("post", "/v1/messages", b'{"to": "1", "to": "2"}', {"pointer": "/to"}, "twice"),
    ("post", "/v1/messages", b'{"to"', {"pointer": ""}, "line 1, column 5"),
    ("post", "/v1/keys", {"name": "a", "rate": "60/min"}, {"pointer": "/rate"}, "whole number"),
    ("post", "/v1/keys", {"name": "a", "scopes": ["x"]}, {"pointer": "/scopes"}, "messages:send"),
    ("patch", "/v1/policy", {"hours": "noon"}, {"pointer": "/hours"}, "not 'noon'"),
    ("patch", "/v1/policy", {"profile": "XX"}, {"pointer": "/profile"}, "one of unknown, CN"),
    ("post", "/v1/suppressions", {"number": "13x"}, {"pointer": "/number"}, "13x"),
    ("put", "/v1/contacts/+8613800138000", {"zone": "Mars"}, {"pointer": "/zone"}, "Asia/Shanghai"),
    ("get", "/v1/messages?limit=0", None, {"parameter": "limit"}, "from 1 to 1000"),
    ("get", "/v1/messages?colour=red", None, {"parameter": "colour"}, "unknown"),
    ("get", "/v1/messages?since=soon", None, {"parameter": "since"}, "with its offset"),
    ("get", "/v1/messages?state=gone", None, {"parameter": "state"}, "delivered"),
]


@pytest.mark.parametrize(("method", "path", "body", "place", "said"), PLACES, ids=lambda item: str(item)[:40])
def test_each_place_is_told_in_the_readers_language(
    farm: Sample, method: str, path: str, body: Any, place: dict[str, str], said: str
) -> None:
    told = {}
    for lang in wording.LANGUAGES:
        given: dict[str, Any] = {"headers": {"Accept-Language": lang}}
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body)
            given |= {"content_type": "application/json", "data": data}
        problem = farm.api().open(path, method=method, **given).get_json()
        (fault,) = problem["errors"]
        assert fault.keys() == {*place, "code", "detail"}
        assert place.items() <= fault.items()
        told[lang] = fault["detail"]
        if lang != "en":
            assert fault["detail"] in problem["detail"]
            assert not re.search(r"expected|unknown[ ;]|input|field|JSON:.* at", problem["detail"], re.IGNORECASE)
    assert said in told["en"]
    assert len(set(told.values())) == 3


@pytest.mark.parametrize(
    ("method", "path", "slug"),
    [
        ("get", "/v1/nothing", "api.not_found"),
        ("get", "/v1/messages/abc", "api.not_found"),
        ("put", "/v1/messages", "api.method_not_allowed"),
    ],
)
def test_what_is_not_here_is_not_told_as_to_a_browser(farm: Sample, method: str, path: str, slug: str) -> None:
    assert farm.api().open(path, method=method).get_json()["detail"] == wording.say(slug)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_word_that_is_taken_is_not_told_of_as_of_a_network(farm: Sample, lang: str) -> None:
    wanted = {"word": "STOP", "purpose": "a", "wording": "b"}
    (fault,) = post(farm, "/v1/consents/words", wanted, lang).get_json()["errors"]
    assert fault["detail"] == wording.say("fault.reserved", None, lang)


def test_every_language_says_what_a_request_may_lack() -> None:
    for lang in LANGUAGES:
        assert wording.section("form", lang).keys() == wording.section("form").keys()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_who_has_no_key_is_told_so(farm: Sample, lang: str) -> None:
    answer = farm.app.test_client().get("/v1/messages", headers={"Accept-Language": lang})
    assert answer.get_json()["detail"] == wording.say("api.unauthorized", None, lang)
