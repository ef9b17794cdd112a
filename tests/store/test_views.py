from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from modemfarm.model import CAUTIOUS, MessageState, Plan, Reason, SimSettings
from modemfarm.store import actions, alerts, counters, figures, sim_facts, sims, story, suppress, views, wanting
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


def test_what_is_held_for_want_of_a_sim_waits_and_what_a_plan_or_pause_holds_does_not(store: Store) -> None:
    for slug in ("paused", "plan_day", "opt_out_review"):
        put(store, state=MessageState.HELD, reason=Reason(slug))
    later = NOW + timedelta(minutes=20)
    with store.read() as tx:
        assert (views.counted(tx, later)["waiting"], wanting.by_name(tx), alerts.waits(tx)) == (0, [], False)
        assert (views.counted(tx, later)["queue_oldest_seconds"], figures.read(tx, later).oldest_s) == (0.0, 0.0)
    lost = put(store, state=MessageState.HELD, reason=Reason("no_sim"), pinned="nobody")
    put(store, state=MessageState.HELD, reason=Reason("no_sim"), pinned="nobody")
    put(store, state=MessageState.HELD, reason=Reason("absent"), pinned=CARD)
    with store.read() as tx:
        counts = views.counted(tx, later)
        assert (counts["waiting"], counts["without_sim"], counts["queue_oldest_seconds"]) == (3, 3, 1200.0)
        assert figures.read(tx, later).oldest_s == 1200.0
        assert alerts.waits(tx)
        assert wanting.by_name(tx) == [("nobody", 2), (CARD, 1)]
        assert (views.message(tx, lost) or {})["reason_params"] == {"name": "nobody"}
        told = (story.explain(tx, lost) or [])[-1]
        assert (told["code"], told["params"]["name"]) == ("now_held", "nobody")


def test_a_time_that_has_passed_is_no_time_to_wait_for(store: Store) -> None:
    held = put(store, state=MessageState.HELD, reason=Reason("plan_minute"), next_at=NOW + timedelta(minutes=1))
    with store.read() as tx:
        for seconds, said in ((0, True), (120, False)):
            told = story.explain(tx, held, now=NOW + timedelta(seconds=seconds)) or []
            assert bool(told[-1]["params"]["next_at"]) is said


def test_a_name_is_known_by_any_word_for_a_sim_of_the_database_or_of_the_configuration(store: Store) -> None:
    terms = Terms(sims={CARD[:-1] + "7": SimSettings(CARD[:-1] + "7", label="In the drawer", tags=("spare",))})
    with store.write() as tx:
        card(tx)
        sim_facts.change(tx, CARD, {"label": "Front desk", "number": "+8613900000001", "tags": ["shop", "朝阳"]})
    with store.read() as tx:
        for name in (CARD, "Front desk", "+8613900000001", "shop", "朝阳", "In the drawer", "spare"):
            assert sims.is_known(tx, terms, name), name
        for name in ("Front", "sho", "nobody", "[", '"'):
            assert not sims.is_known(tx, terms, name), name


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
