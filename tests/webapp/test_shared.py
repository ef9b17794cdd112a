"""What every open page asks for is drawn once for all who see the same, and never for anybody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from modemfarm import wording
from modemfarm.webapp.app import create_app
from modemfarm.webapp.lately import MOST_KEPT, Lately
from modemfarm.webapp.settings import SHARED_S
from tests.webapp.sample import Sample
from tests.webapp.test_page import form_token

PIECES = ("/fragment/bar?here=/", "/fragment/farm", "/fragment/wall", "/fragment/day")


class Time:
    """A clock for what is shared."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def time(farm: Sample) -> Time:
    """The farm as the daemon serves it."""
    clock = Time()
    settings = replace(farm.deps.settings, share_s=SHARED_S)
    farm.deps = replace(farm.deps, settings=settings, lately=Lately(lambda: 0.0, clock))
    farm.app = create_app(farm.deps)
    return clock


@contextmanager
def asked(farm: Sample) -> Iterator[list[str]]:
    """The transactions that the database is asked for."""
    found: list[str] = []

    def note(*_: object) -> None:
        found.append("begin")

    event.listen(farm.store._reader, "begin", note)
    try:
        yield found
    finally:
        event.remove(farm.store._reader, "begin", note)


def mark(page: str) -> str:
    found = re.search(r"seen=(\w{16})", page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("piece", PIECES)
def test_a_hundred_polls_draw_a_piece_once(farm: Sample, time: Time, piece: str) -> None:
    farm.modem(1)
    viewers = [farm.person("viewer") for _ in range(4)]
    with asked(farm) as begun:
        pages = [viewer.get(piece) for viewer in viewers]
        seen = piece + ("&" if "?" in piece else "?") + "seen=" + mark(pages[0].text)
        assert {page.text for page in pages} == {pages[0].text}
        for _ in range(24):
            assert {viewer.get(seen).status_code for viewer in viewers} == {204}
    # each poll asks who it is; the farm was looked at once
    assert len(begun) <= 100 + 3


def test_what_changed_is_seen_a_second_later(farm: Sample, time: Time) -> None:
    viewer = farm.person("viewer")
    farm.modem(1)
    assert "Working" in viewer.get("/fragment/farm").text
    farm.modem(1, "gone", "gone")
    time.at += SHARED_S * 0.9
    assert "Working" in viewer.get("/fragment/farm").text
    time.at += SHARED_S * 0.2
    assert "Gone" in viewer.get("/fragment/farm").text


def test_what_somebody_did_is_seen_at_once(farm: Sample, time: Time) -> None:
    farm.modem(1)
    person = farm.person()
    assert "Pause all sending" in person.get("/fragment/bar").text
    assert person.post("/pause", data={"csrf": form_token(person.get("/").text)}).status_code == 303
    assert "Resume sending" in person.get("/fragment/bar").text


@pytest.mark.parametrize("piece", PIECES)
def test_nobody_gets_the_piece_of_another_role_language_or_session(farm: Sample, time: Time, piece: str) -> None:
    farm.modem(1)
    farm.take()

    def told(client: FlaskClient, lang: str) -> str:
        return client.get(piece, headers={"Accept-Language": lang}).text

    alone: dict[tuple[str, str], str] = {}
    people = [("viewer", farm.person("viewer")), ("operator", farm.person("operator")), ("admin", farm.person())]
    for role, client in people:
        for lang in wording.LANGUAGES:
            time.at += 10  # nobody drew it before
            alone[role, lang] = told(client, lang)
    time.at += 10
    for role, client in people:
        for lang in wording.LANGUAGES:
            assert told(client, lang) == alone[role, lang]
            assert "@csrf@" not in alone[role, lang]
            assert "@mark@" not in alone[role, lang]
    other = farm.person("operator")
    tokens = [set(re.findall(r'name="csrf" value="(\w+)"', told(client, "en"))) for client in (people[1][1], other)]
    assert not tokens[0] & tokens[1]


def test_no_number_of_names_fills_the_memory() -> None:
    lately = Lately(lambda: 0.0, lambda: 0.0)
    for number in range(3 * MOST_KEPT):
        assert lately.get(f"piece {number}", lambda: "drawn", 1.0) == "drawn"
    assert len(lately._last) == MOST_KEPT
    assert len(lately._counting) <= MOST_KEPT + 1
