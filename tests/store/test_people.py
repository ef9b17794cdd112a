"""How many different people a plan's month has, and that no limit gives way to claims made at once."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime

from modemfarm.model import CAUTIOUS, UNLIMITED, Plan
from modemfarm.store import actions, attempts, behind, counters, queue, steps, views
from modemfarm.store.engine import Store, Tx, to_us
from modemfarm.store.shapes import Terms
from tests.store.tools import LONG, NOW, SIM, accepted, add, after, claim, end, lane, permit, see, take

FEW = Plan("few", recipients_per_month=2)
MONTH = datetime(2026, 3, 1, tzinfo=UTC)


def _to(number: int) -> str:
    return f"+86138001380{number:02}"


def _people(tx: Tx) -> int:
    return counters.people(tx, SIM, MONTH)


def test_a_person_counts_once_and_a_third_does_not_fit(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for number in (1, 1, 2):
            add(tx, to=_to(number), text=LONG if number == 2 else "hello")
            assert claim(tx, plan=FEW) is not None
        assert _people(tx) == 2
        add(tx, to=_to(3))
        assert queue.claim(tx, queue.heads(tx, "", NOW, 1)[0], lane(plan=FEW), NOW) is None
        assert _people(tx) == 2
        assert tx.value("SELECT count(*) FROM parts WHERE recipient = :to AND charged_to IS NOT NULL", to=_to(3)) == 0
        assert tx.value("SELECT count(*) FROM attempts WHERE recipient = :to", to=_to(3)) == 0
        assert counters.known(tx, SIM, MONTH, [_to(1), _to(3)]) == {_to(1)}


def test_a_new_month_begins_with_nobody(store: Store) -> None:
    april = datetime(2026, 4, 1, tzinfo=UTC)
    with store.write() as tx:
        see(tx)
        for number in range(4):
            add(tx, to=_to(number))
            assert claim(tx, plan=FEW, at=NOW if number < 2 else april) is not None
        assert (_people(tx), counters.people(tx, SIM, april)) == (2, 2)
        counters.forget_people(tx, april)
        assert tx.value("SELECT count(*) FROM plan_recipients") == 2


def test_what_comes_back_unsent_takes_its_person_along(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=LONG)
        part, attempt = take(tx, plan=FEW)
        assert _people(tx) == 1
        queue.give_back(tx, part.part_id, attempt, NOW)
        assert _people(tx) == 0
        take(tx, plan=FEW)
        assert _people(tx) == 1
        assert actions.cancel(tx, number, NOW) == "canceled"
        assert _people(tx) == 0
        assert tx.value("SELECT count(*) FROM plan_recipients") == 0


def test_what_may_have_left_stays_counted(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx, text=LONG)
        part, attempt = take(tx, plan=FEW)
        assert steps.submitting(tx, permit(part.part_id, attempt, plan=FEW), NOW) is None
        end(tx, attempt, accepted())
        second, again = take(tx, plan=FEW)
        queue.give_back(tx, second.part_id, again, NOW)
        assert _people(tx) == 1


def test_counting_begins_with_those_already_written_to(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for number in (1, 1, 2):
            add(tx, to=_to(number))
            take(tx, plan=UNLIMITED)
        terms = Terms(plans={"few": FEW}, default_plan="few")
        shown = views.sim(tx, SIM, terms=terms, now=NOW)
        assert shown is not None
        assert shown["used"] == {"minute": 3, "hour": 3, "day": 3, "month": 3, "recipients": 2}
        assert tx.value("SELECT count(*) FROM plan_recipients") == 0  # a reader writes nothing
        assert _people(tx) == 2
        add(tx, to=_to(3))
        assert queue.claim(tx, queue.heads(tx, "", NOW, 1)[0], lane(plan=FEW), NOW) is None
        tx.run("DELETE FROM counters WHERE period = 'people'")
        tx.run("DELETE FROM plan_recipients")
        assert claim(tx, plan=CAUTIOUS) is not None  # it asks only: the claim itself begins the count
        assert _people(tx) == 3


def test_a_plan_without_the_limit_counts_nobody(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx)
        take(tx, plan=Plan("p", per_day=9))
        assert tx.value("SELECT count(*) FROM plan_recipients") == 0
        terms = Terms(plans={"p": Plan("p", per_day=9)}, default_plan="p")
        shown = views.sim(tx, SIM, terms=terms, now=NOW)
        assert shown is not None
        assert shown["used"]["recipients"] is None


def test_parts_to_people_who_are_counted_are_found_behind_others(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx, to=_to(1))
        take(tx, plan=FEW)
        for number in range(2, 40):
            add(tx, to=_to(number))
        wanted = add(tx, to=_to(1))
        later = add(tx, to=_to(1), send_at=after(60))
        found = behind.to_known(tx, SIM, MONTH, SIM, NOW, 3)
        assert [one.message_id for one in found] == [wanted]
        assert [one.message_id for one in behind.to_known(tx, SIM, MONTH, SIM, after(60), 3)] == [wanted, later]


TIGHT = Plan("tight", per_minute=9, per_hour=14, per_day=17, per_month=21, recipients_per_month=8)
SIMS = [f"898600310000000000{number}" for number in range(4)]
ACCOUNT = "account:shop"


def _sends(store: Store, iccid: str, moments: list[datetime], go: threading.Barrier, faults: list[object]) -> None:
    try:
        _send_all(store, iccid, moments, go)
    except Exception as error:  # noqa: BLE001 # told by the test
        faults.append(error)
        go.abort()


def _send_all(store: Store, iccid: str, moments: list[datetime], go: threading.Barrier) -> None:
    """One SIM of the account, each transaction in a connection of its own: claims and sends what it gets, a moment at a time."""
    for at in moments:
        go.wait()
        for _ in range(12):
            with store.write() as tx:
                heads = queue.heads(tx, iccid, at, 2) or queue.heads(tx, "", at, 16)
                named = lane(iccid, plan=TIGHT, at=at, owner=ACCOUNT)
                firsts = {part.message_id: part for part in reversed(heads)}.values()
                claims = ((part, queue.claim(tx, part, named, at)) for part in firsts)
                part, attempt = next(((part, found) for part, found in claims if found is not None), (None, None))
            if part is None or attempt is None:
                break
            with store.write() as tx:
                asked = permit(part.part_id, attempt, at=at, plan=TIGHT, owner=ACCOUNT)
                if steps.submitting(tx, asked, at) is None:
                    steps.end_attempt(tx, attempt, accepted(1, at), at, charged=True)
                    one = attempts.attempt(tx, attempt)
                    assert one is not None
                    steps.accepted(tx, one, accepted(1, at), at)


def test_sims_of_one_account_that_claim_at_once_exceed_no_limit(store: Store) -> None:
    """Each limit is counted again from what was sent."""
    moments = [NOW, after(20), after(65), after(3700), after(86_400), after(86_461)]
    with store.write() as tx:
        for iccid in SIMS:
            see(tx, iccid)
        for number in range(40):
            add(tx, to=_to(number % 12), text=LONG if number % 9 == 0 else "hello")
    go = threading.Barrier(len(SIMS))
    faults: list[object] = []
    threads = [threading.Thread(target=_sends, args=(store, iccid, moments, go, faults)) for iccid in SIMS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    with store.read() as tx:
        sent = tx.all("SELECT recipient, sent_at FROM parts WHERE state = 'sent' ORDER BY sent_at")
        left = counters.people_seen(tx, ACCOUNT, MONTH)
    times = [row["sent_at"] for row in sent]
    assert len(sent) > TIGHT.per_day  # type: ignore[operator] # it went on after the day
    for span, most in ((60, TIGHT.per_minute), (3600, TIGHT.per_hour)):
        assert most is not None
        assert all(late - early >= span * 10**6 for early, late in zip(times, times[most:], strict=False)), span
    midnight = to_us(datetime(2026, 3, 15, tzinfo=UTC))
    assert max(Counter(time < midnight for time in times).values()) <= 17
    assert len(times) <= 21
    assert len({row["recipient"] for row in sent}) <= 8
    assert left <= 8
