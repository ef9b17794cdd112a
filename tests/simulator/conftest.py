from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest_asyncio

from modemfarm.simulator.simulation import Simulation


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
