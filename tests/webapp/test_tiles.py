from __future__ import annotations

import pytest

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
