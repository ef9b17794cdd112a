from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from modemfarm.model import CAUTIOUS, MessageState, Plan, Reason, SimSettings
from modemfarm.store import actions, counters, figures, sim_facts, sims, story, suppress, views
from modemfarm.store.engine import Store, Tx, to_us
from modemfarm.store.messages import NewMessage, insert
from modemfarm.store.shapes import Terms

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)

CARD = "8986001234567890101"


def put(store: Store, **facts: Any) -> int:
    row: dict[str, Any] = {"recipient": "+8613800138000", "text": "您好", "message_class": "transactional", "state": MessageState.QUEUED,
           "encoding": "ucs2", "parts_total": 1, "rank": 4} | facts  # fmt: skip
    number = store.run(insert, NewMessage(**row), NOW)
    assert number is not None
    return number


def card(tx: Tx, number: int = 1) -> str:
    return sims.seen(tx, CARD, NOW, imsi="460001234567890", number=None, smsc=None, path=f"/dev/ttyV{number}", host="a")


def test_a_message_shows_its_parts_reason_and_cost(store: Store) -> None:
    number = put(store, parts_total=3, price=0.1, currency="CNY", tags=("a", "b"), metadata={"order": 1}, rank=2)
    seen = store.look(views.message, number)
    assert seen is not None
    assert [part["number"] for part in seen["parts"]] == [1, 2, 3]
    assert (seen["cost"], seen["tags"], seen["metadata"], seen["priority"]) == (0.3, ["a", "b"], {"order": 1}, 7)
    refused = put(store, state=MessageState.REFUSED, reason=Reason("opted_out", {"since": "2026"}))
    seen = store.look(views.message, refused)
    assert seen is not None
    assert (seen["reason"], seen["reason_params"], seen["parts"]) == ("opted_out", {"since": "2026"}, [])
    assert seen["final_at"] == "2026-03-14T09:30:00.000Z"
    assert store.look(views.message, 999) is None


def test_pages_do_not_overlap_and_filters_narrow(store: Store) -> None:
    ids = [put(store, reference=f"r{number % 2}") for number in range(7)]
    with store.read() as tx:
        first = views.messages(tx, limit=3)
        second = views.messages(tx, limit=3, cursor=first["next"])
        third = views.messages(tx, limit=3, cursor=second["next"])
        seen = [item["id"] for page in (first, second, third) for item in page["data"]]
        assert seen == ids[::-1]
        assert third["next"] is None
        assert len(views.messages(tx, reference="r0")["data"]) == 4
        assert len(views.messages(tx, state=["queued", "held"], to="+8613800138000")["data"]) == 7
        assert views.messages(tx, since=NOW + timedelta(seconds=1))["data"] == []
        poll = views.messages(tx, order="asc", cursor=str(ids[-1]))
        assert poll == {"data": [], "next": None}


def test_explain_ends_with_what_it_waits_for(store: Store) -> None:
    number = put(store)
    store.run(actions.cancel, number, NOW + timedelta(seconds=5))
    told = store.look(story.explain, number)
    assert told is not None
    assert [step["code"] for step in told] == ["accepted", "message_canceled"]
    assert told[0]["at"] < told[1]["at"]
    assert store.look(story.explain, 999) is None


def test_a_sim_counts_on_its_account_and_config_wins(store: Store) -> None:
    with store.write() as tx:
        card(tx)
        sim_facts.change(tx, CARD, {"label": "drawer", "tags": ["x"]})
        counters.charge(tx, "account:shop", "day", to_us(counters.day_start(CAUTIOUS, NOW)), 42)
    terms = Terms(
        plans={"prepaid": Plan("prepaid", per_day=50)},
        sims={CARD: SimSettings(CARD, label="Front desk", plan="prepaid", account="shop")},
    )
    with store.read() as tx:
        plain = views.sim(tx, CARD, now=NOW)
        settled = views.sim(tx, CARD + "5", terms=terms, now=NOW)
    assert plain is not None
    assert settled is not None
    assert (plain["label"], plain["tags"], plain["used"]["day"], plain["plan"]) == ("drawer", ["x"], 0, "cautious")
    assert (settled["label"], settled["account"], settled["used"]["day"]) == ("Front desk", "shop", 42)
    assert settled["limits"]["day"] == 50


def test_stats_and_figures_count_an_empty_and_a_busy_farm(store: Store) -> None:
    with store.read() as tx:
        assert views.counted(tx, NOW)["waiting"] == 0
        assert figures.read(tx, NOW).send_sum_s == 0
    put(store)
    put(store, state=MessageState.HELD)
    store.run(suppress.add, "+8613800138001", "800138001", "web", NOW)
    with store.read() as tx:
        stats = views.stats(tx, views.counted(tx, NOW + timedelta(minutes=1)))
        seen = figures.read(tx, NOW + timedelta(minutes=1))
        assert views.waiting_parts(tx) == 1
        assert views.counts(tx) == {"queued": 1, "held": 1}
    assert (stats["queue"]["queued"], stats["queue"]["held"], stats["queue_oldest_seconds"]) == (1, 1, 60.0)
    assert stats["suppressed"] == 1
    assert seen.messages == {("queued", "transactional"): 1, ("held", "transactional"): 1}
    assert (seen.oldest_s, seen.optouts) == (60.0, 1)


def test_pauses_batches_events_and_suppressions_are_listed(store: Store) -> None:
    store.run(actions.pause, "all", "", NOW)
    for number in range(3):
        store.run(suppress.add, f"+861380013800{number}", f"80013800{number}", "web", NOW)
    with store.read() as tx:
        assert views.pauses(tx)[0]["scope"] == "all"
        page = views.suppressed(tx, limit=2)
        assert [item["number"] for item in page["data"]] == ["+8613800138000", "+8613800138001"]
        assert len(views.suppressed(tx, cursor=page["next"])["data"]) == 1
        kinds = [event["kind"] for event in views.events(tx, order="asc")["data"]]
        assert kinds == ["farm.paused", *["contact.opted_out"] * 3]
        assert views.batch(tx, 1) is None
        assert views.can_send(tx) is False


def test_a_sim_that_was_taken_out_for_another_is_absent_at_once(store: Store) -> None:
    other = CARD[:-1] + "2"
    with store.write() as tx:
        facts = dict.fromkeys(
            ("imei", "usb_path", "family", "manufacturer", "model", "firmware", "signal_dbm", "operator", "technology")
        ) | {"path": "/dev/ttyV1", "state": "working", "sentence": "ready", "params": "{}", "next_action": ""}
        facts |= {"iccid": other, "since": to_us(NOW), "registration": "home", "last_success_at": None}
        facts |= {"temperature_c": None, "voltage_mv": None}
        sims.write_modem(tx, "a", facts, NOW)
        card(tx)
        sims.seen(tx, other, NOW, imsi=None, number=None, smsc=None, path="/dev/ttyV1", host="a")
        shown = {one["iccid"]: (one["state"], one["modem"]) for one in views.sims(tx, now=NOW)}
        assert shown == {CARD: ("absent", None), other: ("active", "/dev/ttyV1")}
        card(tx, 2)
        assert {one["state"] for one in views.sims(tx, now=NOW)} == {"active"}
