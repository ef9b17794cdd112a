"""The bench runs: each figure in its smallest form. What it measures decides nothing here."""

from __future__ import annotations

import math
import pstats
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.figures import Figure, percentile, table
from bench.rig import PROFILE_TO
from bench.run import BENCHES
from bench.settings import SMALLEST, Size


@pytest.mark.slow
@pytest.mark.parametrize("bench", [pytest.param(bench, id=name) for name, bench in BENCHES.items()])
def test_every_bench_gives_figures_for_the_table(bench: Callable[[Size], list[Figure]]) -> None:
    figures = bench(SMALLEST)
    assert figures
    for figure in figures:
        assert len(figure.values) == SMALLEST.repeats
        assert all(math.isfinite(value) for value in figure.values)
        # two small farms may differ by less than luck does; every other figure is above nothing
        assert "memory" in figure.name or "lost" in figure.name or all(value > 0 for value in figure.values)
    assert table(figures).count("\n") == len(figures) + 1


@pytest.mark.slow
def test_a_daemon_under_the_profiler_sends_and_leaves_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROFILE_TO, str(tmp_path / "p"))
    assert BENCHES["throughput"](SMALLEST)
    for thread, does in (("loop", "_run_once"), ("writer", "_take_all")):
        assert any(does in name for *_, name in pstats.Stats(str(tmp_path / f"p.{thread}")).stats)  # type: ignore[attr-defined] # typeshed lacks it
    assert "UPDATE parts SET state = 'claimed'" in (tmp_path / "p.sql").read_text()


def test_an_aim_is_judged_by_the_median() -> None:
    ceiling = Figure("a", "ms", 10, (9.0, 9.5, 30.0))
    floor = Figure("b", "/s", 500, (499.0, 499.5, 900.0), at_least=True)
    assert (ceiling.verdict, floor.verdict) == ("yes", "no")
    assert Figure("c", "MB", None, (1.0,)).verdict == "–"
    assert "9 – **9.5** – 30 ms" in table([ceiling])


@pytest.mark.parametrize(("share", "wanted"), [(0.5, 50), (0.95, 95), (1.0, 100)])
def test_a_percentile_is_one_of_the_values(share: float, wanted: int) -> None:
    assert percentile(range(1, 101), share) == wanted
    assert percentile([7.0], share) == 7.0
