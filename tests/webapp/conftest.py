from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.webapp.sample import Sample, sample


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Sample]:
    with sample(tmp_path) as built:
        yield built


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Sample]:
    with sample(tmp_path, demo=True) as built:
        yield built
