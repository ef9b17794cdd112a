"""kill -9 at every moment that the wire table names: nothing is lost, nothing is doubled, little is unknown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.farm import RealFarm
from tests.e2e.kills import MOMENTS, Ledger, check, kill_once


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealFarm, Ledger]]:
    """One farm that lives through all kills, as a farm does."""
    with RealFarm(tmp_path_factory.mktemp("killed"), airtime_ms=15, report_ms=40, result_within="4s") as farm:
        yield farm.start(), Ledger()


@pytest.mark.parametrize(
    ("moment", "nth"), [(moment, {"intake": 1, "batch": 1, "inbound": 2}.get(moment, 5)) for moment in MOMENTS]
)
def test_a_kill_loses_nothing_and_doubles_nothing(killed: tuple[RealFarm, Ledger], moment: str, nth: int) -> None:
    farm, ledger = killed
    kill_once(farm, ledger, moment, nth)
    outcome = check(farm, ledger)
    assert outcome.unknown <= 2 * outcome.kills.total()
