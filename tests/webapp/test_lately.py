"""What many ask for is counted once in a while, and what is cheap each time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from modemfarm.store import figures, views
from modemfarm.webapp.lately import CHEAP_S, MOST_SHARE, Lately
from tests.patience import PATIENT_S
from tests.webapp.sample import sample
from tests.webapp.test_page import form_token


class Worked:
    """A clock, and work that moves it."""

    def __init__(self, cost_s: float) -> None:
        self.at, self.cost_s, self.counted = 0.0, cost_s, 0

    def count(self) -> int:
        self.at += self.cost_s
        self.counted += 1
        return self.counted

    def lately(self) -> Lately:
        return Lately(lambda: self.at, lambda: self.at)


def test_a_cheap_count_is_made_each_time() -> None:
    work = Worked(CHEAP_S / 2)
    lately = work.lately()
    assert [lately.get("n", work.count) for _ in range(3)] == [1, 2, 3]


def test_a_dear_count_costs_no_more_than_its_share() -> None:
    work = Worked(0.075)
    lately = work.lately()
    polls = 0
    while work.at < 60:
        lately.get("n", work.count)
        work.at += 0.005
        polls += 1
    assert polls > 10_000
    assert work.counted * work.cost_s <= 60 * MOST_SHARE * 1.05
    assert work.counted > 30


def test_two_counts_do_not_know_each_other() -> None:
    work = Worked(1.0)
    lately = work.lately()
    assert [lately.get(name, work.count) for name in ("a", "b", "a", "b")] == [1, 2, 1, 2]


def test_what_cannot_be_counted_is_raised_and_counted_again() -> None:
    work = Worked(1.0)
    lately = work.lately()

    def broken() -> int:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        lately.get("n", broken)
    assert lately.get("n", work.count) == 1


def test_nobody_waits_for_a_count_that_somebody_makes() -> None:
    work = Worked(1.0)
    lately = work.lately()
    lately.get("n", work.count)
    work.at += 100
    go, inside = threading.Event(), threading.Event()

    def slow() -> int:
        inside.set()
        assert go.wait(PATIENT_S)
        return work.count()

    other = threading.Thread(target=lately.get, args=("n", slow))
    other.start()
    assert inside.wait(PATIENT_S)
    assert lately.get("n", work.count) == 1
    go.set()
    other.join(PATIENT_S)
    assert lately.get("n", work.count) == 2


def test_bar_and_figures_share_their_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    monkeypatch.setattr(views, "counted", _noted(views.counted, "bar", counted))
    monkeypatch.setattr(figures, "read", _noted(figures.read, "metrics", counted))
    with sample(tmp_path) as farm:
        monkeypatch.setattr(farm.deps.lately, "_spent", lambda: float(len(counted)))  # each count costs a second
        person, api = farm.person(), farm.api()
        for _ in range(5):
            assert person.get("/fragment/bar").status_code == 200
            assert api.get("/v1/stats").status_code == 200
            assert api.get("/metrics").status_code == 200
        assert sorted(counted) == ["bar", "metrics"]
        assert (
            person.post("/pause", data={"csrf": form_token(person.get("/").get_data(as_text=True))}).status_code == 303
        )
        assert api.get("/v1/stats").get_json()["pauses"] != []  # a pause is never an old one


def _noted(work, name, counted):  # type: ignore[no-untyped-def] # passes on whatever it is given
    def noted(*args, **kwargs):  # type: ignore[no-untyped-def] # the same
        counted.append(name)
        return work(*args, **kwargs)

    return noted
