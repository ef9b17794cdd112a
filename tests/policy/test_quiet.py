from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemfarm.policy.profiles import Rules
from modemfarm.policy.quiet import ALWAYS, Hours, closes_at, easter, is_holiday, opens_at, parse_hours
from modemfarm.policy.zones import zones_of
from modemfarm.store.rules import shipped_profile

CN = shipped_profile("CN").hours
FR = shipped_profile("FR").hours
ZONES = (
    "Asia/Shanghai", "Europe/Paris", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Kolkata",
    "Europe/Moscow", "Asia/Kamchatka", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca", "Asia/Tehran",
)  # fmt: skip
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2028, 12, 31)).map(lambda moment: moment.replace(tzinfo=UTC))


def at(text: str, zone: str = "Asia/Shanghai") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "zone", "now", "opens"),
    [
        (CN, "Asia/Shanghai", "2026-03-14T07:59:59", "2026-03-14T08:00"),
        (CN, "Asia/Shanghai", "2026-03-14T08:00", "2026-03-14T08:00"),
        (CN, "Asia/Shanghai", "2026-03-14T20:59:59", "2026-03-14T20:59:59"),
        (CN, "Asia/Shanghai", "2026-03-14T21:00", "2026-03-15T08:00"),
        (FR, "Europe/Paris", "2026-03-14T22:00", "2026-03-16T08:00"),  # over a Sunday, in summer time behind it or not
        (FR, "Europe/Paris", "2026-03-28T22:00", "2026-03-30T08:00"),  # the clock goes forward on that Sunday
        (FR, "Europe/Paris", "2026-10-24T22:00", "2026-10-26T08:00"),  # and back on this one
        (FR, "Europe/Paris", "2026-04-04T22:00", "2026-04-07T08:00"),  # Easter Sunday and Monday
        (FR, "Europe/Paris", "2026-05-13T22:00", "2026-05-15T08:00"),  # Ascension Day
        (FR, "Europe/Paris", "2026-07-13T22:00", "2026-07-15T08:00"),
    ],
)
def test_offers_wait_for_the_opening(hours: Hours, zone: str, now: str, opens: str) -> None:
    assert opens_at(hours, (zone,), at(now, zone)) == at(opens, zone)


def test_a_window_in_the_night_of_a_clock_change_is_read_strictly() -> None:
    night = Hours(parse_hours("mon-sun 02:30-04:00"))
    paris = ("Europe/Paris",)
    spring = at("2026-03-29T01:00", "Europe/Paris")  # 02:00 becomes 03:00: half past two does not exist
    assert opens_at(night, paris, spring) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30 on the new clock
    autumn = at("2026-10-25T01:00", "Europe/Paris")  # 03:00 becomes 02:00: half past two comes twice
    assert opens_at(night, paris, autumn) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # the second one
    late = Hours(parse_hours("mon-sun 00:00-02:30"))
    assert closes_at(late, paris, autumn) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # the first one


@given(MOMENTS, st.sampled_from(ZONES), st.sampled_from(["CN", "FR", "IN", "UK", "US"]))
def test_open_is_what_the_recipients_own_clock_says(now: datetime, zone: str, name: str) -> None:
    hours = shipped_profile(name).hours
    local = now.astimezone(ZoneInfo(zone))
    span = hours.days[local.weekday()]
    minute = local.hour * 60 + local.minute
    says = span is not None and span[0] <= minute < span[1] and not is_holiday(hours, local.date())
    # no shipped window begins or ends in an hour that a clock change touches
    assert (opens_at(hours, (zone,), now) == now) is says
    assert (closes_at(hours, (zone,), now) is not None) is says


@given(MOMENTS, st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True))
def test_several_zones_mean_all_of_them(now: datetime, zones: list[str]) -> None:
    opens = opens_at(CN, tuple(zones), now)
    if opens is None:
        return
    assert all(opens_at(CN, (zone,), opens) == opens for zone in zones)
    step = now
    while step < opens:  # and nothing earlier would do
        assert any(opens_at(CN, (zone,), step) != step for zone in zones)
        step += timedelta(minutes=47)


def test_what_is_always_open_never_closes_at_midnight() -> None:
    now = at("2026-03-14T23:59:59")
    closes = closes_at(ALWAYS, ("Asia/Shanghai",), now)
    assert closes is not None
    assert closes - now > timedelta(days=7)


def test_zones_that_never_open_together_never_open() -> None:
    short = Hours(parse_hours("mon-sun 09:00-10:00"))
    assert opens_at(short, ("Asia/Shanghai", "Europe/Paris"), at("2026-03-14T08:00")) is None


@pytest.mark.parametrize(
    ("year", "day"),
    [(2024, (3, 31)), (2025, (4, 20)), (2026, (4, 5)), (2027, (3, 28)), (2038, (4, 25)), (2285, (3, 22))],
)
def test_easter_is_where_the_almanac_has_it(year: int, day: tuple[int, int]) -> None:
    assert easter(year) == date(year, *day)


@pytest.mark.parametrize(
    ("number", "own", "more", "zones"),
    [
        ("+8613800138000", None, {}, ("Asia/Shanghai",)),
        ("+8613800138000", "Asia/Urumqi", {}, ("Asia/Urumqi",)),
        ("+14155550123", None, {}, ("America/Los_Angeles",)),
        ("+79161234567", None, {"customers_zone": "Asia/Omsk", "country": "RU"}, ("Asia/Omsk",)),
        ("+33612345678", None, {"customers_zone": "Asia/Omsk", "country": "RU"}, ("Europe/Paris",)),
        ("10086", None, {"zone": "Asia/Shanghai"}, ("Asia/Shanghai",)),
    ],
)
def test_a_persons_clock_is_found(number: str, own: str | None, more: dict[str, str], zones: tuple[str, ...]) -> None:
    assert zones_of(number, own, Rules(shipped_profile("CN"), **more)) == zones  # type: ignore[arg-type]  # texts only


def test_a_number_of_a_country_of_many_zones_waits_for_all_of_them() -> None:
    zones = zones_of("+79161234567", None, Rules(shipped_profile("RU")))
    assert {"Europe/Moscow", "Asia/Kamchatka"} <= set(zones)
    opens = opens_at(shipped_profile("RU").hours, zones, at("2026-03-14T00:00", "Europe/Moscow"))
    assert opens is not None
    for zone in zones:
        assert 9 <= opens.astimezone(ZoneInfo(zone)).hour < 21
