"""When a plan's day, month and minute begin and end, over every clock change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemfarm.model import Plan
from modemfarm.store import counters
from modemfarm.store.engine import Store, to_us
from tests.store.tools import NOW, SIM, accepted, add, after, end, see, submit, take

ZONES = (
    "UTC",
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Havana",
    "Asia/Kathmandu",
)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
plans = st.builds(
    Plan,
    st.just("p"),
    zone=st.sampled_from(ZONES),
    resets_minute=st.integers(0, 1439) | st.sampled_from((0, 30, 60, 90, 120, 150, 180)),
    resets_day=st.integers(1, 31),
)


@given(plan=plans, now=moments)
def test_a_day_holds_its_moment_and_ends_where_the_next_begins(plan: Plan, now: datetime) -> None:
    start, stop = counters.day_start(plan, now), counters.day_end(plan, now)
    assert start <= now < stop
    assert timedelta(hours=22) <= stop - start <= timedelta(hours=26)
    assert counters.day_start(plan, start) == start
    assert counters.day_start(plan, stop) == stop
    assert counters.day_start(plan, stop - timedelta(microseconds=1)) == start
    assert counters.day_end(plan, start) == stop


@given(plan=plans, now=moments)
def test_a_month_holds_its_moment_and_begins_with_a_day(plan: Plan, now: datetime) -> None:
    start, stop = counters.month_start(plan, now), counters.month_end(plan, now)
    assert start <= now < stop
    assert timedelta(days=27) <= stop - start <= timedelta(days=34)
    assert counters.day_start(plan, start) == start
    assert counters.month_start(plan, stop) == stop


@pytest.mark.parametrize(
    ("zone", "minute", "now", "start", "stop"),
    [
        pytest.param("Asia/Shanghai", 0, "2026-03-14T17:00+00:00", "2026-03-14T16:00", "2026-03-15T16:00", id="plain"),
        pytest.param("Asia/Shanghai", 0, "2026-03-14T15:59+00:00", "2026-03-13T16:00", "2026-03-14T16:00", id="before"),
        pytest.param(
            "Europe/Berlin", 0, "2026-03-29T10:00+00:00", "2026-03-28T23:00", "2026-03-29T22:00", id="23-hours"
        ),
        pytest.param(
            "Europe/Berlin", 0, "2026-10-25T10:00+00:00", "2026-10-24T22:00", "2026-10-25T23:00", id="25-hours"
        ),
        pytest.param(
            "Europe/Berlin", 150, "2026-10-25T00:45+00:00", "2026-10-25T00:30", "2026-10-26T01:30", id="twice"
        ),
        pytest.param(
            "Europe/Berlin", 150, "2026-10-25T01:45+00:00", "2026-10-25T00:30", "2026-10-26T01:30", id="second"
        ),
        pytest.param(
            "Europe/Berlin",
            150,
            "2026-03-29T00:59+00:00",
            "2026-03-28T01:30",
            "2026-03-29T01:00",
            id="before-the-skipped",
        ),
        pytest.param(
            "Europe/Berlin", 150, "2026-03-29T01:00+00:00", "2026-03-29T01:00", "2026-03-30T00:30", id="skipped"
        ),
        pytest.param(
            "America/Havana",
            0,
            "2026-03-08T04:59+00:00",
            "2026-03-07T05:00",
            "2026-03-08T05:00",
            id="before-no-midnight",
        ),
        pytest.param(
            "America/Havana", 0, "2026-03-08T05:00+00:00", "2026-03-08T05:00", "2026-03-09T04:00", id="no-midnight"
        ),
        pytest.param(
            "America/Havana", 30, "2026-03-08T05:10+00:00", "2026-03-08T05:00", "2026-03-09T04:30", id="no-half-past"
        ),
        pytest.param(
            "America/Havana", 0, "2026-11-01T05:30+00:00", "2026-11-01T04:00", "2026-11-02T05:00", id="two-midnights"
        ),
        pytest.param(
            "Africa/Cairo", 0, "2026-04-24T10:00+00:00", "2026-04-23T22:00", "2026-04-24T21:00", id="cairo-no-midnight"
        ),
        pytest.param(
            "Africa/Cairo",
            0,
            "2026-10-29T21:30+00:00",
            "2026-10-28T21:00",
            "2026-10-29T22:00",
            id="cairo-late-midnight",
        ),
        pytest.param(
            "Africa/Cairo", 1410, "2026-10-29T21:45+00:00", "2026-10-29T20:30", "2026-10-30T21:30", id="cairo-twice"
        ),
    ],
)
def test_known_days(zone: str, minute: int, now: str, start: str, stop: str) -> None:
    plan = Plan("p", zone=zone, resets_minute=minute)
    moment = datetime.fromisoformat(now)
    assert counters.day_start(plan, moment) == datetime.fromisoformat(f"{start}+00:00")
    assert counters.day_end(plan, moment) == datetime.fromisoformat(f"{stop}+00:00")


@pytest.mark.parametrize(
    ("day", "start"), [(1, "2026-03-01"), (14, "2026-03-14"), (15, "2026-02-15"), (31, "2026-02-28")]
)
def test_known_months(day: int, start: str) -> None:
    plan = Plan("p", zone="Europe/Berlin", resets_day=day)
    assert counters.month_start(plan, NOW).astimezone(ZoneInfo("Europe/Berlin")).date().isoformat() == start


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Havana", "Africa/Cairo"])
@pytest.mark.parametrize("day", [28, 29, 30, 31])
def test_every_month_begins_once_on_its_day_or_its_last(zone: str, day: int) -> None:
    plan = Plan("p", zone=zone, resets_day=day)
    moment = datetime(2027, 12, 31, 23, 30, tzinfo=UTC)
    for month in range(1, 13):  # 2028 has a 29 February
        moment = counters.month_end(plan, moment)
        local = moment.astimezone(ZoneInfo(zone))
        last = (datetime(2028 + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
        assert (local.year, local.month, local.day) == (2028, month, min(day, last))
        assert counters.month_start(plan, moment) == moment
        assert counters.month_start(plan, moment - timedelta(microseconds=1)) < moment


@pytest.mark.parametrize(
    ("zone", "night", "hours"),
    [
        ("Europe/Berlin", "2026-03-28T23:00", 23),
        ("Europe/Berlin", "2026-10-24T22:00", 25),
        ("America/Havana", "2026-03-08T05:00", 23),
        ("America/Havana", "2026-11-01T04:00", 25),
        ("Africa/Cairo", "2026-04-23T22:00", 23),
        ("Africa/Cairo", "2026-10-28T21:00", 25),
    ],
)
def test_a_day_of_an_odd_length_counts_into_one_row(store: Store, zone: str, night: str, hours: int) -> None:
    plan = Plan("p", per_day=hours, zone=zone)
    begins = datetime.fromisoformat(f"{night}+00:00")
    with store.write() as tx:
        for hour in range(-1, hours + 1):
            day = counters.day_start(plan, begins + timedelta(hours=hour, minutes=30))
            counters.charge(tx, SIM, "day", to_us(day), 1)
        assert counters.used(tx, SIM, "day", begins) == hours
        assert counters.day_end(plan, begins) == begins + timedelta(hours=hours)


def test_the_minute_is_free_when_the_sixth_before_is_sixty_seconds_old(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for second in range(6):
            add(tx)
            _, attempt = submit(tx, at=after(second))
            end(tx, attempt, accepted(second, after(second)))
        assert counters.minute_free_at(tx, SIM, 6, after(30)) == after(60)
        assert counters.minute_free_at(tx, SIM, 7, after(30)) is None
        assert counters.minute_free_at(tx, SIM, 6, after(60)) is None
        assert counters.used_in_minute(tx, SIM, after(30)) == 6
        assert counters.used_in(tx, SIM, after(70), counters.HOUR) == 6
        assert counters.minute_free_at(tx, SIM, 6, after(70), span=counters.HOUR) == after(3600)


def test_months_add_up_their_days(store: Store) -> None:
    plan = Plan("p", resets_day=14)
    with store.write() as tx:
        see(tx)
        for day in (-1, 0, 1, 5):
            add(tx, at=after(day * 86_400))
            take(tx, at=after(day * 86_400), plan=plan)
        assert counters.used_since(tx, SIM, counters.month_start(plan, after(6 * 86_400))) == 3
