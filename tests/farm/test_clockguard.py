"""A clock that went back or jumped starts no schedule and ends no validity."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from modemfarm.farm.clockguard import ClockGuard

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def guard(newest: datetime | None = None) -> ClockGuard:
    made = ClockGuard(NOW, newest)
    made._boot = 0.0
    return made


def test_a_clock_that_runs_with_the_uptime_is_trusted() -> None:
    one = guard(NOW - DAY)
    for minutes in range(1, 30):
        assert one.look(NOW + timedelta(minutes=minutes), minutes * 60.0, in_sync=False)


def test_a_clock_behind_the_newest_row_is_doubted_until_it_has_caught_up() -> None:
    one = guard(NOW + DAY)
    assert one.doubt == "behind"
    assert not one.look(NOW + timedelta(hours=1), 3600.0, in_sync=False)
    assert one.look(NOW + DAY, 3700.0, in_sync=False)


def test_a_synchronised_clock_far_behind_the_newest_row_stays_doubted() -> None:
    assert not guard(NOW + DAY).look(NOW + timedelta(seconds=1), 1.0, in_sync=True)


def test_a_clock_set_back_is_doubted_until_it_comes_back() -> None:
    one = guard()
    assert one.look(NOW + timedelta(seconds=1), 1.0, in_sync=False)
    assert not one.look(NOW - timedelta(hours=2), 2.0, in_sync=False)
    assert one.doubt == "jumped"
    assert one.look(NOW + timedelta(seconds=3), 3.0, in_sync=False)


def test_a_jump_ends_with_synchronisation() -> None:
    one = guard()
    assert not one.look(NOW + DAY, 1.0, in_sync=False)
    assert one.look(NOW + DAY, 2.0, in_sync=True)
    assert one.look(NOW + DAY + timedelta(seconds=1), 3.0, in_sync=False)


def test_a_person_may_confirm_a_jump() -> None:
    one = guard()
    assert not one.look(NOW - DAY, 1.0, in_sync=False)
    one.confirm(NOW - DAY, 1.0)
    assert one.look(NOW - DAY + timedelta(seconds=1), 2.0, in_sync=False)


def test_a_minute_is_no_jump() -> None:
    assert guard().look(NOW + timedelta(seconds=59), 0.0, in_sync=False)
