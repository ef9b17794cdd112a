"""Modems pulled out and put in again: the short form of what the soak does for ten minutes, and how it is judged."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench import soak
from bench.plugging import WORKS_WITHIN_S, Plugged, plugging
from bench.vitals import MOST_DATABASE, Vitals, leaks
from modemfarm.daemon.run import PORT_THREADS
from tests.e2e.judging import Tail
from tests.patience import BUSY

HELD = Vitals({"socket": 5, "database": 6, "port": 8}, {"port": 4, "waitress": 8}, 51, 100_000, 60.0)


@pytest.mark.slow
def test_modems_pulled_at_random_work_soon_after_they_are_back_and_nothing_leaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = plugging(tmp_path, 12, 30)
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(found.told()) + "\n")
    assert not replace(found, load=max(found.load, BUSY)).wrong(), found.told()  # others may use the machine's cores


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (replace(HELD, descriptors={**HELD.descriptors, "socket": 6}), "descriptors of socket"),
        (replace(HELD, descriptors={**HELD.descriptors, "pipe": 1}), "descriptors of pipe"),
        (replace(HELD, descriptors={**HELD.descriptors, "database": MOST_DATABASE + 1}), "the database"),
        (replace(HELD, threads={**HELD.threads, "waitress": 9}), "threads waitress"),
        (replace(HELD, threads={**HELD.threads, "port": PORT_THREADS + 1}), "threads port"),
        (replace(HELD, tasks=52), "tasks"),
        (replace(HELD, objects=200_000), "objects"),
        (replace(HELD, rss_mb=90.0), "memory"),
    ],
)
def test_what_grows_is_a_leak(after: Vitals, what: str) -> None:
    (told,) = leaks(HELD, after, 100)
    assert what in told


def test_pools_fill_and_what_lessens_is_no_leak() -> None:
    pooled = replace(HELD, descriptors={"socket": 4, "database": MOST_DATABASE}, threads={"port": PORT_THREADS})
    assert leaks(HELD, pooled, 100) == []


def test_a_late_return_is_wrong_and_a_loaded_machine_is_allowed_for_aloud() -> None:
    took = [(1.0, "sim800"), (WORKS_WITHIN_S + 1, "huawei")]
    late = Plugged(2, 30.0, HELD, HELD, took)
    assert "huawei" in late.wrong()[0]
    excused = replace(late, load=2.0)
    assert excused.wrong() == []
    assert "allowed 20.0 s" in "\n".join(excused.told())
    assert replace(late, took=took[:1]).wrong()  # one modem never came back


def test_the_soak_rewrites_its_section_and_nothing_when_something_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Plugged(1, 600.0, HELD, HELD, [(1.0, "sim800")])
    monkeypatch.setattr(soak, "plugging", lambda *_: found)
    report = tmp_path / "report.md"
    report.write_text(f"# Soak\n\n- 64 kills\n\n{soak.PLUGGING}\n\n- an older run\n", "utf-8")
    words = ["--only", "plugging", "--out", str(report)]
    assert soak.main(words) == 0
    whole = report.read_text("utf-8")
    assert whole.startswith(f"# Soak\n\n- 64 kills\n\n{soak.PLUGGING}\n")
    assert "median 1.00 s" in whole
    assert "older" not in whole
    found.took.append((99.0, "huawei"))
    with pytest.raises(AssertionError, match="huawei"):
        soak.main(words)
    assert report.read_text("utf-8") == whole


def test_a_log_is_read_on_from_where_the_last_look_ended(tmp_path: Path) -> None:
    log = tmp_path / "smsc.jsonl"
    lines = [json.dumps({"event": "submit" if number % 2 else "report", "n": number}) + "\n" for number in range(4)]
    log.write_text(lines[0] + lines[1] + lines[3][:5])
    tail = Tail(log)
    assert [line["n"] for line in tail.new("submit")] == [1]
    assert tail.new("submit") == []
    with log.open("a") as file:
        file.write(lines[3][5:])
    assert [line["n"] for line in tail.new("submit")] == [3]
