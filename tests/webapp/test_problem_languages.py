"""Programs that name a language get problems whose detail their reader understands; codes and types stay."""

from __future__ import annotations

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


@pytest.mark.parametrize("lang", LANGUAGES)
def test_who_has_no_key_is_told_so(farm: Sample, lang: str) -> None:
    answer = farm.app.test_client().get("/v1/messages", headers={"Accept-Language": lang})
    assert answer.get_json()["detail"] == wording.say("api.unauthorized", None, lang)
