"""The peers' bench runs where Debian's packages are: its smallest form, and the words of its page."""

from __future__ import annotations

import math

import pytest

from bench.peers import debian, measures, trials
from bench.peers.contender import Contender
from bench.peers.field import CONTENDERS, SMALLEST
from bench.peers.report import ROWS, Row, figures, judged, ratio
from bench.peers.run import main
from bench.peers.trials import Killed, instead
from tests.e2e.farm import RealFarm
from tests.needs import missing


def need_peers() -> None:
    """Debian's packages, or no test."""
    if wanted := debian.missing():
        missing(" ".join(wanted), "the programs that modemfarm is measured beside")


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ["smstools tuned", "gammu tuned"])
def test_a_peer_sends_and_receives_on_the_same_virtual_modems(name: str) -> None:
    need_peers()
    found = measures.backlog(CONTENDERS[name], SMALLEST) | measures.idle(CONTENDERS[name], SMALLEST, 1)
    assert found["share_sent"] == 1
    assert all(math.isfinite(value) and value >= 0 for value in found.values())
    assert found["memory_few"] > 0
    assert 0 < found["pickup_mean"] < measures.SETTLE_S
    assert 0 < found["inbound_mean"] < measures.SETTLE_S


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_killed_peer_is_started_again_and_leaves_no_process() -> None:
    need_peers()
    seen: list[Contender] = []

    def make(farm: RealFarm) -> Contender:
        seen.append(CONTENDERS["smstools tuned"](farm))
        return seen[-1]

    outcome = trials.killed(make, SMALLEST)
    assert (outcome.kills, outcome.wanted, outcome.lost) == (1, trials.EACH, 0)
    assert outcome.doubled >= 1  # it has no state for a result that is pending
    assert seen[0].memory_mb() == 0


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_texts_beyond_ascii_arrive_when_a_peer_is_told_how() -> None:
    need_peers()
    assert set(trials.texts(CONTENDERS["smstools tuned"]).values()) == {"intact"}


def test_a_contender_that_there_is_not_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["kannel"])
    assert "no contender called kannel" in capsys.readouterr().err


def test_without_the_packages_it_says_so_and_measures_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(debian, "missing", lambda: ["smstools"])
    monkeypatch.setattr("bench.peers.debian.shutil.which", lambda *_, **__: None)
    assert main([]) == 1
    assert "smstools: not installed, and there is no apt-get here" in capsys.readouterr().err


def test_a_ratio_says_how_far_ahead_we_are_of_the_better_setting() -> None:
    rate, wait = Row("rate", "", "/s", more_is_better=True), Row("wait", "", "s")
    found = {
        "modemfarm": {"rate": [100.0], "wait": [2.0]},
        "smstools default": {"rate": [10.0], "wait": [8.0]},
        "smstools tuned": {"rate": [50.0], "wait": [1.0]},
    }
    assert ratio(rate, found, "smstools") == "2 ×"
    assert ratio(wait, found, "smstools") == "0.5 ×"
    assert ratio(rate, found, "gammu") == "–"


def test_the_page_has_a_line_for_every_figure_and_trial() -> None:
    found = {"modemfarm": {row.key: [1.0, 2.0, 3.0] for row in ROWS}, "gammu tuned": {}}
    table = figures(found)
    assert table.count("\n") == len(ROWS) + 1
    assert "1 – **2** – 3 /s | – | – |" in table
    trial = judged({"modemfarm": [Killed(1, 4, 0, 0), Killed(2, 4, 1, 0)]}, {"modemfarm": {"Chinese": "intact"}})
    assert "1 doubled, 0 lost (3 kills, 8 messages)" in trial
    assert "| Chinese | intact |" in trial


@pytest.mark.parametrize(
    ("got", "words"),
    [
        ([], "nothing sent"),
        ([""], "an empty message"),
        (["ab"], "cut after 2 characters"),
        (["abc", "d"], "2 unlinked messages"),
        (["??"], "“??”"),
    ],
)
def test_what_came_instead_of_a_text_is_told_in_words(got: list[str], words: str) -> None:
    assert instead("abcd", got) == words
