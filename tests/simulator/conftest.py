from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from modemfarm.simulator.simulation import Simulation
from tests.virtualtime import VirtualLoop


@pytest_asyncio.fixture
async def simulate() -> AsyncIterator[Callable[..., Simulation]]:
    """Makes simulations and ends them."""
    made: list[Simulation] = []

    def make(modems: int = 1, *families: str, **options: Any) -> Simulation:
        options.setdefault("report_s", 0.0)
        made.append(Simulation(modems, families=families or ("generic",), **options))
        return made[-1]

    yield make
    for simulation in made:
        await simulation.stop()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Virtual time, except where ptys and other processes have a part."""
    real = item.path.stem in {"test_ports", "test_gammu"}
    return {"real" if real else "virtual": asyncio.SelectorEventLoop if real else VirtualLoop}
