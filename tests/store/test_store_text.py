"""A text that is not to be kept is gone with the statement that says that it is not needed any more."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from modemfarm.errors import BadFieldError
from modemfarm.farm.settling import RESEND_AFTER
from modemfarm.intake.again import retry
from modemfarm.intake.bulk import Bulk
from modemfarm.intake.edit import edit
from modemfarm.intake.rows import read_rows
from modemfarm.model import digits_key
from modemfarm.store import actions, answers, complaints, hosts, outbox, story, suppress, views, webhooks
from modemfarm.store.engine import Store, Tx, checkpoint, to_us
from modemfarm.store.schema.whole import meta
from tests.store.tools import (
    INTAKE,
    NOW,
    OTHER,
    SIM,
    TO,
    accepted,
    add,
    after,
    end,
    get,
    message,
    refused,
    report_pdu,
    see,
    send,
    states,
    submit,
    take,
    uncertain,
)

SECRET = "dragonfruit 481516"
MANY = f"{SECRET} " * 12  # two parts
ABOUT = {"ward": "papaya"}


def said(tx: Tx, number: int) -> tuple[str, str | None]:
    row = message(tx, number)
    return row["text"], row["metadata"]


def secret(tx: Tx, text: str = SECRET, **draft: Any) -> int:
    return add(tx, text=text, store_text=False, metadata=ABOUT, **draft)


def everything(store: Store) -> str:
    with store.read() as tx:
        return "\n".join(str(row) for name in meta.tables for row in tx.all(f"SELECT * FROM {name}"))


GONE = ("", None)
THERE = (SECRET, json.dumps(ABOUT))


@pytest.mark.parametrize("report", [True, False])
def test_it_goes_when_the_network_has_it_and_what_may_stay_stays(store: Store, *, report: bool) -> None:
    with store.write() as tx:
        see(tx)
        number, other = secret(tx, report=report, reference="o-1"), add(tx, text="kept", metadata={"ward": "lime"})
        assert said(tx, number) == THERE
        part, attempt = submit(tx)
        assert (part.text, said(tx, number)) == (SECRET, THERE)
        end(tx, attempt, accepted(7))
        row = message(tx, number)
        assert (said(tx, number), row["state"], row["reference"], row["recipient"]) == (GONE, "sent", "o-1", TO)
        send(tx, mr=8)
        assert said(tx, other) == ("kept", '{"ward": "lime"}')
        get(tx, report_pdu(7))
        assert (said(tx, number), message(tx, number)["state"]) == (GONE, "delivered")
    assert SECRET not in everything(store)
    assert "papaya" not in everything(store)


def test_of_several_parts_the_last_one_takes_it_along(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = secret(tx, MANY)
        send(tx, mr=1)
        assert (said(tx, number)[0], message(tx, number)["state"]) == (MANY, "sending")
        send(tx, mr=2)
        assert (said(tx, number), message(tx, number)["state"]) == (GONE, "sent")
        (line,) = [one for one in story.explain(tx, number) or () if one["code"] == "accepted"]
        assert (line["params"]["parts"], line["params"]["room"]) == (2, 153)


def test_what_nobody_knows_keeps_it_until_somebody_does(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        see(tx, OTHER)
        numbers = [secret(tx) for _ in range(4)]
        for mr, number in enumerate(numbers):  # after two a SIM is parked
            _, attempt = submit(tx, SIM if mr < 2 else OTHER, at=after(mr))
            end(tx, attempt, uncertain(at=after(mr)))
            assert (said(tx, number), message(tx, number)["state"]) == (THERE, "unknown")
        sent, failed, late, wrong = numbers
        actions.resolve(tx, sent, True, after(9))
        actions.resolve(tx, failed, False, after(9))
        assert [said(tx, one) for one in numbers] == [GONE, GONE, THERE, THERE]
        attempts = {row["message_id"]: row["id"] for row in tx.all("SELECT id, message_id FROM attempts")}
        end(tx, attempts[late], accepted(9, after(9), late=True))
        end(tx, attempts[wrong], refused(38, after(9), ctrl_z_at=NOW, late=True))
        assert (said(tx, late), said(tx, wrong)) == (GONE, THERE)
        assert message(tx, wrong)["state"] in ("queued", "held")


def test_what_is_sent_again_by_itself_still_knows_what_to_say(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = secret(tx, resend_unknown=True)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain())
        assert actions.resend_unknown(tx, NOW + RESEND_AFTER) == 1
        part, attempt = submit(tx, at=after(600))
        assert part.text == SECRET
        end(tx, attempt, accepted(7, after(600)))
        assert said(tx, number) == GONE


def _cancel(tx: Tx, number: int) -> None:
    actions.cancel(tx, number, NOW)


def _expire(tx: Tx, number: int) -> None:
    tx.run("UPDATE messages SET valid_until = :at WHERE id = :id", at=to_us(NOW), id=number)
    actions.expire(tx, after(1))


def _opt_out(tx: Tx, _number: int) -> None:
    suppress.add(tx, TO, digits_key(TO), "web", NOW, exempt=())


def _fail(tx: Tx, _number: int) -> None:
    _, attempt = submit(tx)
    end(tx, attempt, refused(1))


@pytest.mark.parametrize(
    ("ends", "state"), [(_cancel, "canceled"), (_expire, "expired"), (_opt_out, "canceled"), (_fail, "failed")]
)
def test_whatever_ends_it_takes_it_along_and_it_cannot_be_sent_again(store: Store, ends: Any, state: str) -> None:
    with store.write() as tx:
        see(tx)
        number = secret(tx)
        ends(tx, number)
        assert (said(tx, number), message(tx, number)["state"]) == (GONE, state)
        with pytest.raises(BadFieldError) as raised:
            retry(tx, number, INTAKE, after(9))
        assert (raised.value.field, raised.value.code) == ("text", "text_gone")
        tx.finish()
    assert SECRET not in everything(store)


def test_what_policy_refuses_is_written_without_it(store: Store) -> None:
    with store.write() as tx:
        suppress.add(tx, TO, digits_key(TO), "web", NOW)
        number = secret(tx)
        assert (said(tx, number), message(tx, number)["state"]) == (GONE, "refused")
    assert SECRET not in everything(store)


def test_a_text_that_retention_cleared_is_refused_by_the_same_code(store: Store) -> None:
    with store.write() as tx:
        number = add(tx)
        actions.cancel(tx, number, NOW)
        tx.run("UPDATE messages SET text = '', metadata = NULL WHERE id = :id", id=number)
        with pytest.raises(BadFieldError, match="not kept") as raised:
            retry(tx, number, INTAKE, NOW)
        assert raised.value.code == "text_gone"


def test_a_copy_that_is_sent_again_is_kept_no_longer(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = secret(tx)
        _, attempt = submit(tx)
        end(tx, attempt, uncertain())
        copy = retry(tx, number, INTAKE, after(1))
        assert copy is not None
        assert (message(tx, copy.message_id)["store_text"], message(tx, copy.message_id)["text"]) == (0, SECRET)


def test_the_wish_may_come_later_and_may_be_taken_back_while_the_text_is_there(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = add(tx, text=SECRET, metadata=ABOUT)
        part, attempt = submit(tx)
        assert edit(tx, number, {"store_text": False}, INTAKE, NOW, who="api")  # a SIM has it: nothing is taken back
        assert (said(tx, number), states(tx, number)) == (THERE, ["submitting"])
        assert edit(tx, number, {"store_text": True}, INTAKE, NOW, who="api")
        end(tx, attempt, accepted(7))
        assert (part.message_id, said(tx, number)) == (number, THERE)
        assert edit(tx, number, {"store_text": False}, INTAKE, NOW, who="api")
        assert said(tx, number) == GONE
        with pytest.raises(BadFieldError) as raised:
            edit(tx, number, {"store_text": True}, INTAKE, NOW, who="api")
        assert (raised.value.field, raised.value.code) == ("store_text", "text_gone")
        with pytest.raises(BadFieldError) as raised:
            edit(tx, number, {"store_text": False, "text": "x"}, INTAKE, NOW, who="api")
        assert raised.value.code == "too_late"
        assert not edit(tx, 4711, {"store_text": False}, INTAKE, NOW)
        waits = add(tx, text="old")
        assert edit(tx, waits, {"store_text": False, "text": SECRET}, INTAKE, NOW, who="api")
        assert (message(tx, waits)["store_text"], said(tx, waits)[0]) == (0, SECRET)
        assert edit(tx, waits, {"priority": 7}, INTAKE, NOW, who="api")
        assert message(tx, waits)["store_text"] == 0
        told = tx.all("SELECT data FROM events WHERE kind = 'message.edited' ORDER BY id")
        assert json.loads(told[0]["data"]) == {"fields": ["store_text"], "who": "api"}


def test_a_killed_daemon_goes_on_and_erases_it_then(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        claimed, doubted = secret(tx), secret(tx)
        take(tx)
        submit(tx, at=after(1))
    with store.write() as tx:  # what stood in the killed process's memory is gone
        hosts.recover(tx, "here", after(9))
        assert (said(tx, claimed), said(tx, doubted)) == (THERE, THERE)
        send(tx, at=after(60))
        actions.resolve(tx, doubted, True, after(99))
        assert (said(tx, claimed), said(tx, doubted)) == (GONE, GONE)
    assert SECRET not in everything(store)


def test_rows_of_a_batch_say_it_themselves(store: Store) -> None:
    rows = f"to,text,保存内容\n{TO},{SECRET},no\n{TO},plain,yes\n{TO},usual,\n".encode()
    report = Bulk(store.run, INTAKE, lambda: NOW).take(read_rows(rows), name="f", fingerprint="x")
    assert (report.accepted, report.rejected) == (3, 0)
    with store.write() as tx:
        kept = {row["text"]: row["store_text"] for row in tx.all("SELECT text, store_text FROM messages")}
        assert kept == {SECRET: 0, "plain": 1, "usual": 1}
        see(tx)
        for mr in range(3):
            send(tx, mr=mr)
        assert sorted(row["text"] for row in tx.all("SELECT text FROM messages")) == ["", "plain", "usual"]
    assert SECRET not in everything(store)


def test_no_complaint_and_no_consent_copies_it(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number, other = secret(tx), add(tx, text="shown")
        submit(tx)
        assert (answers.text_of(tx, number), answers.text_of(tx, other)) == ("", "shown")
        told = complaints.add(tx, TO, "stop it", "phone", NOW, who="li")
        assert {item["id"]: item["text"] for item in told["sent"]}[number] == ""
        assert SECRET not in str(told)


def test_webhooks_are_told_without_it_and_keep_no_text_of_any_message(store: Store) -> None:
    with store.write() as tx:
        webhooks.add(tx, "https://example.org/hook", (), NOW)
        see(tx)
        numbers = {secret(tx): ("", {}), add(tx, text="told", metadata=ABOUT): ("told", ABOUT)}
        for number in numbers:
            tx.run("UPDATE messages SET state = 'held', reason = 'paused' WHERE id = :id", id=number)
    try:
        while store.run(outbox.fan_out, NOW):
            pass
        with store.read() as tx:
            kept = "".join(row["payload"] for row in tx.all("SELECT payload FROM webhook_outbox"))
            hook = webhooks.hooks(tx)[0].id
            calls = [json.loads(call.payload)["data"] for call in outbox.due(tx, hook, after(1), 50)]
        assert SECRET not in kept
        assert "told" not in kept
        assert {one["id"]: (one["text"], one["metadata"]) for one in calls} == numbers
        assert {one["id"]: one["store_text"] for one in calls} == dict(zip(numbers, (False, True), strict=True))
    finally:
        with store.write() as tx:
            webhooks.watch(tx, on=False)


def test_it_is_shown_while_it_waits_and_then_as_what_retention_cleared(store: Store) -> None:
    with store.write() as tx:
        see(tx)
        number = secret(tx)
        waits = views.message(tx, number)
        send(tx)
        sent = views.message(tx, number)
    assert waits is not None
    assert sent is not None
    assert (waits["store_text"], waits["text"], waits["metadata"]) == (False, SECRET, ABOUT)
    assert (sent["store_text"], sent["text"], sent["metadata"]) == (False, "", {})


def test_the_file_holds_it_no_more_once_the_log_was_moved_into_it(sqlite_store: Store) -> None:
    """Row by row, as a day goes: most updates move the row's cell, and each leaves its old place overwritten."""
    store, there, again = sqlite_store, SECRET.encode(), b"kept kiwi"
    assert store.file is not None
    with store.write() as tx:
        see(tx)
        ids = [secret(tx, to=f"+86138001380{n:02}") for n in range(40)]
        kept = [add(tx, to=f"+86139001380{n:02}", text="kept kiwi") for n in range(40)]
    checkpoint(store)
    assert there in store.file.read_bytes()
    for mr in range(80):
        with store.write() as tx:
            send(tx, mr=mr, at=after(mr))
    checkpoint(store)
    octets = store.file.read_bytes()
    assert there not in octets
    assert base64.b64encode(there) not in octets
    assert again in octets
    with store.read() as tx:
        assert {said(tx, one) for one in ids} == {GONE}
        assert {said(tx, one)[0] for one in kept} == {"kept kiwi"}
