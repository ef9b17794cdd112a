from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modemfarm.webapp.forecast import finish, minutes_for
from modemfarm.webapp.tiles import bars, device_name, natural


@pytest.mark.parametrize(
    ("maker", "model", "name"),
    [
        ("huawei", "E173", "Huawei E173"),
        ("SIMCOM_Ltd", "SIMCOM_SIM800", "SIMCOM SIM800"),
        ("WAVECOM MODEM", "MULTIBAND  900E  1800", "WAVECOM MULTIBAND 900E 18…"),
        ("Quectel", "EC25", "Quectel EC25"),
        (None, None, ""),
        (None, "EC25", "EC25"),
    ],
)
def test_a_modem_is_called_as_people_call_it(maker: str | None, model: str | None, name: str) -> None:
    assert device_name(maker, model) == name


def test_bars_follow_the_signal() -> None:
    assert [bars(dbm) for dbm in (None, -113, -100, -90, -80, -51)] == [None, 0, 1, 2, 3, 4]


def test_ports_are_sorted_as_people_count() -> None:
    assert sorted(["/dev/ttyV10", "/dev/ttyV2"], key=natural) == ["/dev/ttyV2", "/dev/ttyV10"]


@pytest.mark.parametrize(
    ("parts", "lanes", "minutes"),
    [
        pytest.param(60, [(6.0, None, None)], 10.0, id="one-lane"),
        pytest.param(60, [(6.0, None, None), (6.0, None, None)], 5.0, id="two-lanes"),
        pytest.param(60, [(6.0, 30, 100), (6.0, None, None)], 5.0, id="both-in-time"),
        pytest.param(60, [(6.0, 12, 100), (6.0, None, None)], 8.0, id="one-runs-out"),
        pytest.param(60, [(6.0, 0, 100)], 1440.0, id="tomorrow"),
        pytest.param(250, [(6.0, 0, 100)], 3 * 1440.0, id="three-days"),
        pytest.param(1, [], None, id="no-lane"),
        pytest.param(1, [(6.0, 0, 0)], None, id="never"),
    ],
)
def test_the_forecast_follows_the_plans(
    parts: int, lanes: list[tuple[float, int | None, int | None]], minutes: float
) -> None:
    assert minutes_for(parts, lanes) == minutes


def test_nobody_can_say_when_without_a_working_sim() -> None:
    assert finish(5, [], datetime(2026, 3, 14, tzinfo=UTC)) is None
