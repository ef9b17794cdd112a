"""A farm that is steadily at work holds no more as the hours pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.day import Held, growth, steady

AN_HOUR = 300  # the caches of numbers, some thousand of them, are full before the hours that count


@pytest.mark.slow
def test_memory_does_not_grow_with_what_was_sent(tmp_path: Path) -> None:
    held = steady(tmp_path, 9, AN_HOUR)
    objects, kilobytes = growth(held)
    assert objects < AN_HOUR / 5, held  # not one object for every fifth message
    assert kilobytes < AN_HOUR, held
    assert held[-1].tasks <= held[0].tasks


def test_what_grows_in_the_first_hours_does_not_count() -> None:
    seen = ((30, 10), (40, 500), (49, 900), (50, 1000), (50.5, 1010), (51, 1030))
    assert growth([Held(rss_mb, objects, 9) for rss_mb, objects in seen]) == (15.0, 512.0)
