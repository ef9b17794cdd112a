"""What a person sees when something goes wrong inside: a page of words, a way back, and nothing of the inside."""

from __future__ import annotations

import pytest

from modemfarm import wording
from modemfarm.errors import StoreError
from modemfarm.webapp import page, page_messages
from tests.webapp.sample import Sample

INSIDE = "the inside of /dev/ttyUSB7"


def _breaks(*_args: object, **_more: object) -> None:
    raise RuntimeError(INSIDE)


def _shut(*_args: object, **_more: object) -> None:
    raise StoreError("no room for +8613800138000")


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_an_unexpected_error_is_a_page_in_the_readers_language_with_a_way_back(
    farm: Sample, lang: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = farm.person()
    monkeypatch.setattr(page_messages.seeking, "messages", _breaks)
    answer = client.get(f"/messages?lang={lang}")
    shown = answer.get_data(as_text=True)
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert wording.say("problem.internal", lang=lang) in shown
    assert f'<html lang="{lang}">' in shown
    assert f'href="/">{wording.say("page.back", lang=lang)}</a>' in shown
    assert not any(word in shown for word in (INSIDE, "RuntimeError", "Traceback", 'hx-get="/fragment'))
    assert INSIDE in caplog.text


def test_a_polled_piece_that_fails_brings_no_page_to_paste(farm: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    client = farm.person()
    monkeypatch.setattr(page, "tiles", _breaks)
    answer = client.get("/fragment/farm?lang=ru", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.mimetype) == (500, "text/plain")
    assert answer.get_data(as_text=True) == wording.say("problem.internal", lang="ru")


def test_a_database_that_answers_nobody_is_told_too(farm: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    client = farm.person()
    monkeypatch.setattr(farm.store, "look", _shut)
    monkeypatch.setattr(farm.store, "read", _shut)
    answer = client.get("/people?lang=zh")
    shown = answer.get_data(as_text=True)
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert wording.say("problem.store_unavailable", lang="zh") in shown
    assert "8613800138000" not in shown
