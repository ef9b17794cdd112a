"""What modems say of power and heat becomes one warning, told once an hour."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from modemfarm.modem import power
from modemfarm.modem.status import StatusBoard
from tests.modem.fakes import FakeJournal, profiles, run


@pytest.mark.parametrize(
    ("family", "line", "warning"),
    [
        ("simcom", "UNDER-VOLTAGE WARNNING", "under_voltage"),
        ("simcom", "UNDER-VOLTAGE POWER DOWN", "under_voltage"),
        ("simcom", "OVER-VOLTAGE WARNNING", "over_voltage"),
        ("simcom", "NORMAL POWER DOWN", ""),
        ("simcom", "+CMTE: 1", "too_hot"),
        ("simcom", "+CMTE: -2", "too_cold"),
        ("simcom", "+CMTE: 0", ""),
        ("quectel2g", "UNDER_VOLTAGE WARNING", "under_voltage"),
        ("cinterion", "^SBC: Undervoltage", "under_voltage"),
        ("cinterion", "^SBC: 5", "power"),
        ("huawei", "^THERM: 2", "too_hot"),
        ("huawei", '+CUSD: 0,"under voltage",15', ""),
    ],
)
def test_a_line_is_a_warning_where_its_family_means_one(family: str, line: str, warning: str) -> None:
    urcs = next(found.urcs for found in profiles() if found.family == family)
    assert power.of_line(line, urcs) == warning


@pytest.mark.parametrize(
    ("degrees", "millivolts", "warning"),
    [(41, 3930, ""), (41, 3250, "under_voltage"), (85, 3930, "too_hot"), (None, None, ""), (20, 5000, "")],
)
def test_a_level_is_a_warning_where_no_module_works_with_it(
    degrees: int | None, millivolts: int | None, warning: str
) -> None:
    assert power.of_readings(degrees, millivolts) == warning


def test_a_modem_that_warns_all_the_time_is_heard_once_an_hour() -> None:
    async def main() -> None:
        journal = FakeJournal()
        board = StatusBoard("/dev/ttyV0", journal, journal.clock)
        for _ in range(100):
            board.warned("under_voltage")
            await board.flush(busy=False)
            await asyncio.sleep(10)
        assert [status.warning for status in journal.statuses] == ["under_voltage"]
        await asyncio.sleep(timedelta(hours=1).total_seconds())
        board.warned("under_voltage")
        board.warned("too_hot")
        await board.flush(busy=False)
        assert [status.warning for status in journal.statuses] == ["under_voltage", "too_hot"]

    run(main())
