"""What happens is noted by the database in the transaction in which it happens, and waits until it was told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from modemfarm.model import SimState, digits_key
from modemfarm.store import actions, labels, outbox, repeating, sims, suppress, webhooks
from modemfarm.store.engine import Store, Tx
from modemfarm.store.labels import Label, Waiting
from modemfarm.store.sealing import Secret
from tests.store.tools import NOW, SIM, TO, add, after

URL = "https://example.org/hook"


@pytest.fixture
def told(store: Store) -> Iterator[Store]:
    """A database with one webhook for everything."""
    store.run(webhooks.add, URL, (), NOW)
    yield store
    with store.write() as tx:
        webhooks.watch(tx, on=False)


def calls(store: Store, hook: int = 0, limit: int = 50) -> list[dict[str, Any]]:
    while store.run(outbox.fan_out, NOW):
        pass
    first = store.look(webhooks.hooks)[0].id
    return [
        json.loads(call.payload) | {"id": call.event_id}
        for call in store.look(outbox.due, hook or first, after(1), limit)
    ]


def test_a_message_that_ends_is_told_with_its_shape(told: Store) -> None:
    message = told.run(add)
    assert calls(told) == []
    told.run(actions.cancel, message, NOW)
    (call,) = calls(told)
    assert (call["type"], call["data"]["id"], call["data"]["to"]) == ("message.canceled", message, TO)
    assert call["data"]["state"] == "canceled"
    assert call["id"].startswith("msg_")
    assert call["timestamp"].endswith("Z")


def test_what_is_rolled_back_was_never_told(told: Store) -> None:
    message = told.run(add)

    def fails(tx: Tx) -> None:
        actions.cancel(tx, message, NOW)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        told.run(fails)
    assert calls(told) == []


def test_a_refused_message_an_opt_out_and_a_parked_sim_are_told(told: Store) -> None:
    def work(tx: Tx) -> None:
        suppress.add(tx, TO, digits_key(TO), "web", NOW)
        add(tx, message_class="marketing")
        sims.seen(tx, SIM, NOW, imsi=None, number=None, smsc=None, path="/dev/a", host="here")
        sims.set_state(tx, SIM, SimState.PARKED, NOW, reason="operator")

    told.run(work)
    found = {call["type"]: call["data"] for call in calls(told)}
    assert found["contact.opted_out"]["number"] == TO
    assert found["message.refused"]["state"] == "refused"
    assert found["sim.parked"]["iccid"] == SIM


def test_calls_about_one_message_follow_each_other_and_others_do_not_wait(told: Store) -> None:
    first, second = told.run(add), told.run(add)

    def work(tx: Tx) -> None:
        for message, state in ((first, "held"), (second, "held"), (first, "failed"), (first, "unknown")):
            tx.run("UPDATE messages SET state = :s WHERE id = :id", s=state, id=message)

    told.run(work)
    assert [(call["data"]["id"], call["data"]["state"]) for call in calls(told)] == [(first, "held"), (second, "held")]
    hook = told.look(webhooks.hooks)[0].id
    one = told.look(outbox.due, hook, after(1), 1)[0]
    told.run(outbox.answered, one, "answered with 200", after(1))
    assert {(call["data"]["id"], call["data"]["state"]) for call in calls(told)} == {
        (second, "held"),
        (first, "failed"),
    }


def test_a_label_that_comes_and_goes_is_not_told(told: Store) -> None:
    message = told.run(add)
    with told.write() as tx:
        tx.run("UPDATE messages SET state = 'held', reason = 'plan_minute' WHERE id = :id", id=message)
    assert calls(told) == []


def test_a_hold_that_comes_back_is_told_once_for_each_reason(told: Store) -> None:
    told.run(add)

    def work(tx: Tx) -> None:
        for slug in ("plan_hour", None, "plan_hour", None, "plan_day", None, "plan_hour"):
            labels.label(tx, 0, partial(_called, Label(slug)), NOW)

    told.run(work)
    assert told.look(lambda tx: tx.value("SELECT count(*) FROM webhook_changes")) == 2
    hook = told.look(webhooks.hooks)[0].id
    reasons = []
    while call := next(iter(calls(told)), None):
        reasons.append(call["data"]["reason"])
        told.run(outbox.answered, told.look(outbox.due, hook, after(1), 1)[0], "answered with 200", after(1))
    assert reasons == ["plan_hour", "plan_day"]


def _called(found: Label, _waiting: Waiting) -> Label:
    return found


def test_only_what_an_address_wants_is_told_to_it(told: Store) -> None:
    other = told.run(webhooks.add, "https://example.org/two", ("message.failed",), NOW)
    message = told.run(add)
    told.run(actions.cancel, message, NOW)
    assert len(calls(told)) == 1
    assert calls(told, other) == []


def test_a_call_is_repeated_under_its_id_with_growing_pauses_for_three_days(told: Store) -> None:
    hook = told.look(webhooks.hooks)[0].id
    told.run(outbox.test, hook, NOW)
    at, ids, times = NOW, set(), 0
    while found := told.look(outbox.due, hook, at, 5):
        ids.add(found[0].event_id)
        pause = repeating.pause(found[0].attempts, found[0].event_id)
        told.run(outbox.not_answered, found[0], "answered with 500", at, None)
        assert told.look(outbox.due, hook, at + pause - timedelta(seconds=1), 5) == []
        at += pause + timedelta(milliseconds=1)
        times += 1
    assert len(ids) == 1
    assert timedelta(days=2.7) < at - NOW <= timedelta(days=3.3)
    assert times > 15
    assert told.run(outbox.replay, hook, NOW, at) == 1
    assert told.look(outbox.due, hook, at, 5)[0].event_id in ids


def test_retry_after_is_waited_for(told: Store) -> None:
    hook = told.look(webhooks.hooks)[0].id
    told.run(outbox.test, hook, NOW)
    call = told.look(outbox.due, hook, NOW, 1)[0]
    told.run(outbox.not_answered, call, "answered with 429", NOW, timedelta(hours=2))
    assert told.look(outbox.due, hook, after(7199), 1) == []
    assert told.look(outbox.due, hook, after(7201), 1) != []


def test_what_ended_long_ago_is_forgotten_and_what_waits_is_not(told: Store) -> None:
    hook = told.look(webhooks.hooks)[0].id
    for _ in range(2):
        told.run(outbox.test, hook, NOW)
    told.run(outbox.answered, told.look(outbox.due, hook, NOW, 1)[0], "answered with 200", NOW)
    assert told.run(outbox.clean, NOW + timedelta(days=8)) == 1
    assert told.look(webhooks.document)[0]["waiting"] == 1


def test_a_removed_address_costs_nothing_more(told: Store) -> None:
    told.run(webhooks.remove, told.look(webhooks.hooks)[0].id, NOW)
    told.run(actions.cancel, told.run(add), NOW)
    assert not told.look(outbox.has_changes)


def test_config_rows_follow_the_file(told: Store) -> None:
    ids = told.run(webhooks.configure, [("https://a", ()), ("https://b", ("message.sent",))], NOW)
    again = told.run(webhooks.configure, [("https://b", ())], NOW)
    assert again == {"https://b": ids["https://b"]}
    assert [hook.url for hook in told.look(webhooks.hooks)] == [URL, "https://b"]


def test_one_daemon_of_a_farm_makes_the_calls(told: Store) -> None:
    assert told.run(outbox.lead, "one", NOW)
    assert not told.run(outbox.lead, "two", after(10))
    assert told.run(outbox.lead, "one", after(20))
    assert told.run(outbox.lead, "two", after(60))


def test_a_secret_is_sealed_for_its_row(told: Store, tmp_path: Any) -> None:
    farm = Secret(tmp_path)
    secret = webhooks.new_secret()
    hook = told.run(webhooks.enter, farm, "https://c", (), secret, NOW)
    sealed = told.look(webhooks.one, hook).sealed  # type: ignore[union-attr]
    assert sealed is not None
    assert secret not in sealed
    assert farm.open(sealed, webhooks.place(hook)) == secret
    for url in ("ftp://c", "https://u:p@c", "https://c\r\nX: 1", "nothing"):
        with pytest.raises(ValueError, match="address"):
            told.run(webhooks.enter, farm, url, (), secret, NOW)
