"""What people and the clock do to messages that are here: cancel, pause, resume, expire, label, release."""

from __future__ import annotations

from datetime import timedelta

from modemfarm.model import SimState
from modemfarm.store import actions, labels, queue, sims, story
from modemfarm.store.engine import Store, Tx, to_us
from modemfarm.store.labels import Label, Waiting
from modemfarm.store.shapes import rfc3339
from tests.store.tools import (
    LONG,
    NOW,
    OTHER,
    SIM,
    add,
    after,
    charged,
    counted,
    end,
    lane,
    message,
    refused,
    see,
    send,
    states,
    submit,
    take,
    uncertain,
)


def _label(tx: Tx, *found: Label) -> int | None:
    answers = iter(found)
    last = found[-1]
    return labels.label(tx, 0, lambda _waiting: next(answers, last), NOW)


def test_cancelling_takes_back_what_has_not_left(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        sent, claimed, waiting, scheduled = (add(tx), add(tx, text=LONG), add(tx), add(tx, send_at=after(60)))
        send(tx)
        take(tx)
        answers = [actions.cancel(tx, number, NOW) for number in (sent, claimed, waiting, scheduled, 999)]
        assert answers == ["sent", "canceled", "canceled", "canceled", None]
        assert states(tx, claimed) == ["canceled"] * 3
        assert message(tx, claimed)["final_at"] is not None
        assert actions.cancel(tx, claimed, NOW) == "canceled"
        assert counted(tx) == charged(tx) == {SIM: 1}
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'message.canceled'") == 3


def test_a_pause_of_a_class_hides_and_a_resume_shows(store: Store) -> None:
    with store.write() as tx:
        number, later, other = add(tx), add(tx, send_at=after(60)), add(tx, message_class="conversation")
        assert actions.pause(tx, "class", "transactional", NOW)
        assert not actions.pause(tx, "class", "transactional", NOW)
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("held", "paused")
        assert message(tx, later)["state"] == "scheduled"
        assert [part.message_id for part in queue.heads(tx, "", after(61), 9)] == [other]
        assert [row["value"] for row in actions.pauses(tx)] == ["transactional"]
        assert actions.resume(tx, "class", "transactional", NOW)
        assert not actions.resume(tx, "class", "transactional", NOW)
        assert message(tx, number)["state"] == "queued"
        assert len(queue.heads(tx, "", after(61), 9)) == 3


def test_what_comes_in_during_a_pause_is_held_and_goes_after_it(store: Store) -> None:
    with store.write() as tx:
        actions.pause(tx, "class", "transactional", NOW)
        number, later = add(tx), add(tx, send_at=after(3600))
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("held", "paused")
        assert queue.heads(tx, "", after(3601), 9) == []
        actions.resume(tx, "class", "transactional", after(5))
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("queued", None)
        row = message(tx, later)
        assert (row["state"], row["next_at"]) == ("scheduled", to_us(after(3600)))
        assert [part.message_id for part in queue.heads(tx, "", after(5), 9)] == [number]


def test_a_batch_that_is_paused_stays_so_when_its_class_goes_on(store: Store) -> None:
    with store.write() as tx:
        number = add(tx)
        tx.run("UPDATE messages SET batch_id = 3")
        tx.run("UPDATE parts SET batch_id = 3")
        actions.pause(tx, "batch", "3", NOW)
        actions.pause(tx, "class", "transactional", NOW)
        actions.resume(tx, "class", "transactional", NOW)
        assert (message(tx, number)["state"], queue.heads(tx, "", NOW, 9)) == ("held", [])
        actions.resume(tx, "batch", "3", NOW)
        assert (message(tx, number)["state"], len(queue.heads(tx, "", NOW, 9))) == ("queued", 1)


def test_resuming_a_class_lets_nothing_go_that_is_held_for_a_person(store: Store) -> None:
    with store.write() as tx:
        number = add(tx)
        labels.hold(tx, number, "sim_parked", {"iccid": SIM}, None)
        actions.pause(tx, "class", "transactional", NOW)
        actions.resume(tx, "class", "transactional", NOW)
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("held", "sim_parked")
        assert queue.heads(tx, "", NOW, 9) == []


def test_resuming_a_class_lets_go_what_waits_for_a_time(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx)
        _, attempt = submit(tx)
        end(tx, attempt, refused(38, after(1), ctrl_z_at=NOW))
        actions.pause(tx, "class", "transactional", NOW)
        actions.resume(tx, "class", "transactional", NOW)
        assert message(tx, number)["reason"] == "network"
        assert len(queue.heads(tx, "", after(3600), 9)) == 1


def test_resuming_a_sim_lets_go_what_was_held_for_it(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number, other = add(tx), add(tx)
        for one, iccid in ((number, SIM), (other, OTHER)):
            queue.bind(tx, one, iccid)
            labels.hold(tx, one, "sim_parked", {"iccid": iccid}, None)
        assert actions.sim_pause(tx, SIM, NOW)
        assert actions.sim_resume(tx, SIM, NOW)
        assert [part.message_id for part in queue.heads(tx, SIM, NOW, 9)] == [number]
        assert (message(tx, number)["state"], message(tx, other)["state"]) == ("queued", "held")
        assert not actions.sim_resume(tx, "8986000000000000000", NOW)


def test_expiry_ends_what_never_left_and_charges_nothing(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        started, waiting, scheduled, kept = (
            add(tx, text=LONG, valid_until=after(60)),
            add(tx, valid_until=after(60)),
            add(tx, send_at=after(10), valid_until=after(60)),
            add(tx, valid_until=after(61)),
        )
        send(tx)
        assert actions.expire(tx, after(59)) == 0
        assert actions.expire(tx, after(60)) == 2
        assert [message(tx, one)["state"] for one in (started, waiting, scheduled, kept)] == [
            "sending",
            "expired",
            "expired",
            "queued",
        ]
        assert message(tx, waiting)["reason"] == "validity_expired"
        assert counted(tx) == charged(tx) == {SIM: 3}


def test_labels_say_held_and_until_when_and_take_it_back(store: Store) -> None:
    with store.write() as tx:
        number = add(tx)
        _label(tx, Label("plan_day", after(3600)))
        row = message(tx, number)
        assert (row["state"], row["reason"], row["next_at"]) == ("held", "plan_day", to_us(after(3600)))
        assert labels.next_due(tx, NOW) == after(3600)
        assert len(queue.heads(tx, "", NOW, 9)) == 1  # a label hides nothing
        _label(tx, Label(None))
        row = message(tx, number)
        assert (row["state"], row["reason"], row["next_at"]) == ("queued", None, None)


def test_labels_leave_alone_what_others_hold(store: Store) -> None:
    with store.write() as tx:
        held, scheduled, sent = add(tx), add(tx, send_at=after(60)), add(tx)
        see(tx)
        labels.hold(tx, held, "restored", {}, None)
        part = next(one for one in queue.heads(tx, "", NOW, 9) if one.message_id == sent)
        from tests.store.tools import lane

        queue.claim(tx, part, lane(), NOW)
        _label(tx, Label("plan_day", after(60)))
        assert [message(tx, one)["reason"] for one in (held, scheduled, sent)] == ["restored", None, None]


def test_labels_leave_alone_what_is_held_for_a_person_on_its_sim(store: Store) -> None:
    with store.write() as tx:
        number = add(tx)
        labels.hold(tx, number, "sim_parked", {"iccid": SIM}, None)
        _label(tx, Label(None))
        assert message(tx, number)["reason"] == "sim_parked"


def test_labels_go_through_everything_in_chunks(store: Store) -> None:
    with store.write() as tx:
        ids = [add(tx) for _ in range(7)]
        at: int | None = 0
        seen: list[Waiting] = []

        def judge(waiting: Waiting) -> Label:
            seen.append(waiting)
            return Label("plan_day", after(9))

        while at is not None:
            at = labels.label(tx, at, judge, NOW, most=3)
        assert len(seen) == 7
        assert {message(tx, number)["state"] for number in ids} == {"held"}


def test_the_time_of_a_plans_pace_moves_on_once_it_is_past_and_nobody_is_told(store: Store) -> None:
    with store.write() as tx:
        paced, other = add(tx), add(tx)
        _label(tx, Label("plan_minute", after(5)), Label("plan_day", after(5)))
        told = tx.value("SELECT count(*) FROM events")

        def renewed(slug: str | None, opens: float, now: float) -> tuple[object, object]:
            labels.renew(tx, lambda _: Label(slug, after(opens)), after(now))
            return message(tx, paced)["reason"], message(tx, paced)["next_at"]

        assert renewed("plan_minute", 9, 4) == ("plan_minute", to_us(after(5)))
        assert renewed("plan_minute", 9, 5) == ("plan_minute", to_us(after(9)))
        assert renewed("plan_minute", 19, 6) == ("plan_minute", to_us(after(9)))
        assert message(tx, other)["next_at"] == to_us(after(5))
        assert tx.value("SELECT count(*) FROM events") == told


def test_what_is_due_is_called_queued(store: Store) -> None:
    with store.write() as tx:
        scheduled, later = add(tx, send_at=after(60)), add(tx, send_at=after(61))
        assert labels.release_due(tx, after(59)) == 0
        assert labels.release_due(tx, after(60)) == 1
        assert (message(tx, scheduled)["state"], message(tx, later)["state"]) == ("queued", "scheduled")


def test_what_is_due_during_a_pause_is_called_paused(store: Store) -> None:
    with store.write() as tx:
        number = add(tx, send_at=after(60))
        actions.pause(tx, "class", "transactional", NOW)
        labels.release_due(tx, after(60))
        assert (message(tx, number)["state"], message(tx, number)["reason"]) == ("held", "paused")
        actions.resume(tx, "class", "transactional", after(61))
        assert message(tx, number)["state"] == "queued"
        assert len(queue.heads(tx, "", after(61), 9)) == 1


def test_a_card_is_one_card_by_either_of_its_names(store: Store) -> None:
    with store.write() as tx:
        assert see(tx, "imsi:460001234567890", imsi="460001234567890") == "imsi:460001234567890"
        assert see(tx, SIM, imsi="460001234567890", number="+8613911112222") == "imsi:460001234567890"
        assert see(tx, OTHER, imsi="460009999999999") == OTHER
        assert len(sims.all_sims(tx)) == 2
        assert sims.pinned_to(tx, "", "+8613911112222") == "imsi:460001234567890"


def test_a_number_that_two_cards_have_names_neither(store: Store) -> None:
    with store.write() as tx:
        see(tx, SIM, number="+8613911112222")
        see(tx, OTHER, number="+8613911112222")
        assert sims.pinned_to(tx, "", "+8613911112222") == ""
        assert sims.pinned_to(tx, SIM, SIM) == SIM


def test_a_parked_sim_stays_parked_until_a_person_resumes_it(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        for _ in range(2):
            add(tx)
            _, attempt = submit(tx)
            end(tx, attempt, uncertain("timeout"))
        see(tx)
        sims.gone(tx, SIM, "/dev/23", NOW)
        see(tx, at=after(60))
        assert tx.value("SELECT state FROM sims") == "parked"
        actions.sim_resume(tx, SIM, after(61))
        row = tx.one("SELECT state, reason, uncertain_in_row FROM sims")
        assert row == {"state": "active", "reason": None, "uncertain_in_row": 0}
        assert sims.set_state(tx, SIM, SimState.ACTIVE, NOW)


def test_a_wish_is_given_out_once(store: Store) -> None:
    facts = dict.fromkeys(
        ("imei", "usb_path", "family", "manufacturer", "model", "firmware", "iccid", "operator", "technology"), None
    )
    with store.write() as tx:
        moment = {"since": to_us(NOW), "last_success_at": None, "signal_dbm": None}
        words = {"state": "working", "sentence": "ready", "params": "{}", "next_action": "", "registration": "home"}
        sims.write_modem(tx, "here", {"path": "/dev/a", **facts, **moment, **words}, NOW)
        assert not sims.wish(tx, "/dev/none", "reset", "here")
        assert sims.wish(tx, "/dev/a", "reset", "here")
        assert sims.take_wishes(tx, "elsewhere") == []
        assert sims.take_wishes(tx, "here") == [("/dev/a", "reset")]
        assert sims.take_wishes(tx, "here") == []


def test_unreported_messages_keep_their_grace(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        add(tx, valid_for=timedelta(hours=1))
        send(tx)
        assert actions.close_unreported(tx, after(7199)) == 0
        assert actions.close_unreported(tx, after(7201)) == 1


def test_what_a_sims_refusal_put_off_goes_when_the_sim_sends_again(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        see(tx, OTHER)
        mine, others = add(tx), add(tx, to="+8613800138001")
        for number, card in ((mine, SIM), (others, OTHER)):
            part = next(one for one in queue.heads(tx, "", NOW, 9) if one.message_id == number)
            attempt = queue.claim(tx, part, lane(card), NOW)
            assert attempt is not None
            tx.run("UPDATE attempts SET outcome = 'refused' WHERE id = :id", id=attempt)
            queue.give_back(tx, part.part_id, attempt, NOW, reason="network", due_at=after(600))
        assert actions.sim_resume(tx, SIM, after(5))
        assert labels.release_due(tx, after(5)) == 1
        assert (message(tx, mine)["state"], message(tx, others)["state"]) == ("queued", "held")
        assert [part.message_id for part in queue.heads(tx, "", after(5), 9)] == [mine]


def test_a_hold_that_is_over_is_explained_with_its_span_and_told_once(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number, other = add(tx), add(tx)
        for found in (Label("plan_minute", after(9)), Label("plan_day", after(60)), Label(None), Label("plan_day")):
            _label(tx, found)
        take(tx, at=after(360))
    with store.read() as tx:
        told = [line for line in story.explain(tx, number) or () if "held" in line["code"]]
        assert [(line["code"], line["source"], line["params"]["reason"]) for line in told] == [
            ("message_was_held", "farm", "plan_day")
        ]
        assert (told[0]["at"], told[0]["params"]["until"]) == (rfc3339(to_us(NOW)), rfc3339(to_us(after(360))))
        assert tx.value("SELECT count(*) FROM events WHERE kind = 'message.held'") == 2
        assert "message_was_held" not in [line["code"] for line in story.explain(tx, other) or ()]
