"""What every room's tests share: property tests try the same examples each time, unless they are asked to explore."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# A change is judged by what it changed, not by the luck of the draw; `HYPOTHESIS_PROFILE=explore` draws anew.
# Nor by how busy the machine is: no time decides.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


SLOW_S = 1500  # a slow test that hangs ends after this; how fast the machine is must not decide


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests get time for a machine that others use too; a limit of their own wins."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_S))
