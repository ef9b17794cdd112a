from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from modemfarm.policy.frequency import DAY, MONTH, Caps, Sent, free_at

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)


def ago(hours: float, digest: str = "x") -> Sent:
    return Sent(NOW - timedelta(hours=hours), digest)


def test_two_a_day_five_a_month_and_no_text_twice_a_day() -> None:
    caps = Caps()
    assert free_at([ago(5)], "y", caps, NOW) is None
    assert free_at([ago(5), ago(3)], "y", caps, NOW) == NOW + timedelta(hours=19)
    assert free_at([ago(24), ago(3)], "y", caps, NOW) is None
    assert free_at([ago(5)], "x", caps, NOW) == NOW + timedelta(hours=19)
    five = [ago(24 * days) for days in (29, 20, 15, 10, 5)]
    assert free_at(five, "y", caps, NOW) == NOW + timedelta(days=1)
    assert free_at([ago(24 * 30), *five[1:]], "y", caps, NOW) is None


WAITS = st.lists(st.tuples(st.integers(0, 50), st.sampled_from("abc")), max_size=40)


@given(WAITS, st.integers(1, 3), st.integers(1, 6))
def test_whoever_waits_until_told_never_breaks_a_cap(wishes: list[tuple[int, str]], day: int, month: int) -> None:
    now, sent = NOW, list[Sent]()
    for pause, digest in wishes:
        now += timedelta(hours=pause)
        free = free_at(sent, digest, Caps(day, month), now)
        assert free is None or free > now
        if free is not None:
            assert free_at(sent, digest, Caps(day, month), free) is None
            assert free_at(sent, digest, Caps(day, month), free - timedelta(microseconds=1)) is not None
        now = free or now
        sent.append(Sent(now, digest))
    for one in sent:
        before = [other for other in sent if other.at <= one.at]
        assert sum(one.at - other.at < DAY for other in before) <= day
        assert sum(one.at - other.at < MONTH for other in before) <= month
        assert sum(one.at - other.at < DAY and other.digest == one.digest for other in before) == 1
