from __future__ import annotations

import io
import re
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from modemfarm.model import MessageState, PartState
from modemfarm.store import hosts, sims, views
from modemfarm.store.engine import Tx
from modemfarm.store.messages import refresh
from modemfarm.store.wake import listen
from tests.cli.farm import NOW, FarmAt


def stdin(monkeypatch: pytest.MonkeyPatch, octets: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(octets), "utf-8"))


def move(tx: Tx, message_id: int, state: PartState) -> None:
    tx.run("UPDATE parts SET state = :state WHERE message_id = :id", state=state.value, id=message_id)
    refresh(tx, message_id, NOW)


def test_send_makes_a_message_for_each_recipient(farm: FarmAt) -> None:
    ran = farm("send", "13800138000", "+8613900139000", "--text", "您好", "--json")
    assert ran.code == 0
    assert [(item["to"], item["text"], item["state"], len(item["parts"])) for item in ran.json] == [
        ("+8613800138000", "您好", "queued", 1),
        ("+8613900139000", "您好", "queued", 1),
    ]
    assert ran.json == [farm("messages", "show", str(item["id"]), "--json").json for item in ran.json]


def test_every_flag_reaches_the_message(farm: FarmAt) -> None:
    year = datetime.now(UTC).year + 1
    flags = "--class emergency --confirm-emergency --purpose p --from front --valid-for 2h --priority 9 --reference r --flash --no-report"
    ran = farm(
        "send",
        "13800138000",
        "--text",
        "a",
        *flags.split(),
        "--resend-unknown",
        "--send-at",
        f"{year}-01-01 09:00",
        "--json",
    )
    (item,) = ran.json
    assert item["state"] == "scheduled"
    assert item["send_at"] == f"{year}-01-01T01:00:00.000Z"
    assert item["valid_until"] == f"{year}-01-01T03:00:00.000Z"
    assert (item["class"], item["purpose"], item["reference"]) == ("emergency", "p", "r")
    row = farm.store.look(lambda tx: tx.one("SELECT * FROM messages"))
    assert row is not None
    assert (row["pinned"], row["rank"], row["flash"], row["report"], row["resend_unknown"]) == ("front", 0, 1, 0, 1)


def test_the_text_comes_from_a_file_or_from_stdin(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    (farm.folder / "t.txt").write_bytes("\ufeffline one\nдва\n".encode())
    assert farm("send", "13800138000", "--text-file", "t.txt", "--json").json[0]["text"] == "line one\nдва"
    stdin(monkeypatch, "退订回T\n".encode())
    assert farm("send", "13800138000", "-", "--json").json[0]["text"] == "退订回T"
    stdin(monkeypatch, b"\xff\xfe")
    assert farm("send", "13800138000", "-").code == 2


@pytest.mark.parametrize(
    "words",
    [("13800138000",), ("13800138000", "-", "--text", "a"), ("-",), ("13800138000", "--text", "a", "--send-at", "soon"),
     ("13800138000", "--text", "a", "--valid-for", "5"), ("13800138000", "--text", "a", "--class", "spam")],
)  # fmt: skip
def test_send_refuses_what_it_cannot_mean(
    farm: FarmAt, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin(monkeypatch, b"text")
    assert farm("send", *words).code == 2
    assert farm("messages", "list", "--json").json["data"] == []


def test_one_bad_number_does_not_stop_the_others_and_the_highest_code_counts(farm: FarmAt) -> None:
    farm("suppress", "add", "13900139000")
    ran = farm("send", "13800138000", "13800138000.0", "13900139000", "--text", "a", "--json")
    assert ran.code == 3
    good, bad, refused = ran.json
    assert good["state"] == "queued"
    assert bad["to"] == "13800138000.0"
    assert bad["error"]["code"]
    assert (refused["state"], refused["reason"]) == ("refused", "opted_out")
    assert farm("send", "13800138000", "1.38E+10", "--text", "a").code == 2


def test_marketing_is_refused_and_can_be_explained(farm: FarmAt) -> None:
    ran = farm("send", "13800138000", "--text", "a", "--class", "marketing", "--json")
    assert ran.code == 3
    (item,) = ran.json
    assert farm("explain", str(item["id"])).code == 0
    assert farm("explain", str(item["id"]), "--json").json["data"][1]["code"] == "message_refused"
    assert "rule: Refused: offers are closed" in farm("explain", str(item["id"])).out


def test_a_dry_run_writes_nothing(farm: FarmAt) -> None:
    ran = farm("send", "13800138000", "13800138000.0", "--text", "您好" * 40, "--dry-run", "--json")
    assert ran.code == 2
    seen = ran.json[0]
    assert (seen["to"], seen["encoding"], seen["parts"], seen["verdict"]) == ("+8613800138000", "ucs2", 2, "queued")
    assert farm("messages", "list", "--json").json["data"] == []


def test_the_same_idempotency_key_sends_once_to_each_recipient(farm: FarmAt) -> None:
    words = ("send", "13800138000", "13900139000", "--text", "a", "--idempotency-key", "k", "--json")
    first, second = farm(*words), farm(*words)
    assert first.json == second.json
    assert len({item["id"] for item in first.json}) == 2
    other = farm("send", "13800138000", "--text", "b", "--idempotency-key", "k", "--json")
    assert other.code == 2
    assert other.json[0]["error"]["code"] == "idempotency_mismatch"


def test_send_says_so_when_no_daemon_is_alive(farm: FarmAt) -> None:
    words = ("send", "13800138000", "--text", "a", "--json")
    assert "no daemon is alive" in farm(*words).err
    farm.write(hosts.take_lease, "elsewhere", "i", 1, "0", datetime.now(UTC) + timedelta(seconds=5))
    assert farm(*words).err == ""


def test_send_wakes_the_daemon_of_this_machine(farm: FarmAt) -> None:
    with listen(farm.folder / "farm") as ears:
        assert farm("send", "13800138000", "--text", "a").err == ""
        assert ears.recv(16)


@pytest.mark.parametrize(
    ("state", "wanted", "code"),
    [
        (PartState.SENT, "sent", 0),
        (PartState.DELIVERED, "sent", 0),
        (PartState.DELIVERED, "delivered", 0),
        (PartState.UNDELIVERED, "delivered", 1),
        (PartState.FAILED, "sent", 1),
        (PartState.SENT, "delivered", 6),
        (PartState.UNKNOWN, "sent", 6),
    ],
)
def test_wait_tells_what_became_of_it(farm: FarmAt, state: PartState, wanted: str, code: int) -> None:
    stop = threading.Event()

    def play() -> None:  # the daemon
        while not stop.is_set():
            found = farm.store.look(views.messages)["data"]
            if found and found[0]["state"] != state:
                farm.write(move, found[0]["id"], state)
                return
            time.sleep(0.01)

    daemon = threading.Thread(target=play)
    daemon.start()
    try:
        within = "30s" if code != 6 else "0.5s"
        ran = farm("send", "13800138000", "--text", "a", "--wait", wanted, "--timeout", within, "--json")
    finally:
        stop.set()
        daemon.join()
    assert ran.code == code
    assert ran.json[0]["parts"][0]["state"] == state


def test_messages_are_listed_newest_first_and_filtered(farm: FarmAt) -> None:
    for number in range(3):
        farm("send", "13800138000", "--text", f"t{number}", "--reference", f"r{number}")
    page = farm("messages", "list", "--limit", "2", "--json").json
    assert [item["text"] for item in page["data"]] == ["t2", "t1"]
    rest = farm("messages", "list", "--cursor", page["next"], "--json").json
    assert [item["text"] for item in rest["data"]] == ["t0"]
    assert [item["text"] for item in farm("messages", "list", "--reference", "r1", "--json").json["data"]] == ["t1"]
    assert len(farm("messages", "list", "--to", "138 0013 8000", "--since", "1h", "--json").json["data"]) == 3
    assert farm("messages", "list", "--state", "sent", "--json").json["data"] == []
    table = farm("messages", "list").out
    assert table.splitlines()[0].split()[:2] == ["ID", "CREATED"]
    assert "\x1b" not in table


def test_a_message_is_cancelled_once_and_retried_as_a_new_one(farm: FarmAt) -> None:
    (item,) = farm("send", "13800138000", "--text", "a", "--json").json
    name = str(item["id"])
    assert farm("messages", "retry", name).code == 2
    assert farm("messages", "cancel", name, "--json").json["state"] == "canceled"
    again = farm("messages", "retry", name, "--json").json
    assert (again["retry_of"], again["text"]) == (item["id"], "a")
    farm.write(move, again["id"], PartState.SENT)
    assert farm("messages", "cancel", str(again["id"])).code == 1


def test_a_message_is_changed_before_it_leaves(farm: FarmAt) -> None:
    (item,) = farm("send", "13800138000", "--text", "a", "--reference", "r", "--json").json
    name = str(item["id"])
    found = farm(
        "messages", "edit", name, "--text", "b", "--priority", "8", "--send-at", "2099-01-01T00:00Z", "--json"
    )  # fmt: skip
    assert found.code == 2, "more than five years ahead"
    found = farm("messages", "edit", name, "--text", "b", "--priority", "8", "--reference", "", "--json").json
    assert (found["text"], found["priority"], found["reference"], found["state"]) == ("b", 8, None, "queued")
    assert farm("messages", "edit", name, "--valid-until", "", "--json").json["valid_until"] is None
    assert farm("messages", "edit", name).code == 2
    assert farm("messages", "edit", name, "--text", "").code == 2
    assert farm("messages", "edit", "9", "--text", "x").code == 4
    assert "Changed before sending: priority, reference, text" in farm("explain", name).out
    farm.write(move, item["id"], PartState.SENT)
    assert farm("messages", "edit", name, "--text", "c").code == 1


def test_many_are_cancelled_retried_and_resolved_after_a_question(
    farm: FarmAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [
        item["id"] for item in farm("send", "13800138000", "13800138001", "13800138002", "--text", "a", "--json").json
    ]
    for answer, code in (("n\n", 1), ("", 1)):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        ran = farm("messages", "cancel", "--state", "queued")
        assert (ran.code, "cancel 3 messages?" in ran.err) == (code, True)
    assert farm("messages", "cancel", "--to", "13800138002", "--yes", "--json").json == {"canceled": 1, "not_done": []}
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert "2 canceled" in farm("messages", "cancel", "--state", "queued").out
    assert farm("messages", "retry", "--state", "canceled", "--yes").out == "3 retried\n"
    assert farm("messages", "retry", "--state", "canceled", "--yes").out == "0 retried\n"
    farm.write(move, ids[0] + 3, PartState.UNKNOWN)
    assert farm("messages", "resolve", "--state", "unknown", "sent", "--yes", "--json").json["resolved"] == 1
    for words in (["cancel"], ["cancel", "1", "--state", "queued"], ["resolve", "1", "2", "sent"], ["resolve", "x", "sent"],
                  ["retry", "--state", "sent", "--yes"], ["resolve", "1"]):  # fmt: skip
        assert farm("messages", *words).code == 2, words


def test_many_are_changed_after_a_question(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [item["id"] for item in farm("send", "13800138000", "13800138001", "--text", "a", "--json").json]
    farm.write(move, ids[0], PartState.SENT)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    ran = farm("messages", "edit", "--state", "queued", "--priority", "9")
    assert (ran.code, "edit 1 messages?" in ran.err) == (1, True)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    words = ("--text", "改期", "--send-at", "2030-01-01T00:00Z", "--class", "conversation")
    assert farm("messages", "edit", "--of-class", "transactional", *words).out == "1 changed\n"
    found = farm("messages", "show", str(ids[1]), "--json").json
    assert (found["text"], found["class"], found["state"]) == ("改期", "conversation", "scheduled")
    refused = farm(
        "messages", "edit", "--state", "scheduled", "--valid-until", "2029-01-01T00:00Z", "--yes", "--json"
    ).json
    assert refused == {"changed": 0, "not_done": [{"id": ids[1], "state": "scheduled", "reason": "in_the_past"}]}
    for wrong in (["--priority", "9"], ["1", "--state", "queued", "--priority", "9"], ["--state", "queued"],
                  ["--state", "sent", "--priority", "9", "--yes"], ["--state", "scheduled", "--text", "{name}", "--yes"],
                  ["--class", "marketing"]):  # fmt: skip
        assert farm("messages", "edit", *wrong).code == 2, wrong


def test_a_person_decides_about_an_unknown_message(farm: FarmAt) -> None:
    (item,) = farm("send", "13800138000", "--text", "a", "--json").json
    assert farm("messages", "resolve", str(item["id"]), "sent").code == 1
    farm.write(move, item["id"], PartState.UNKNOWN)
    found = farm("messages", "resolve", str(item["id"]), "sent", "--json").json
    assert (found["state"], found["resolved"]) == (MessageState.SENT, "sent")


@pytest.mark.parametrize(
    "words",
    ["messages show 9", "messages cancel 9", "messages cancel --batch 9", "messages retry 9", "messages resolve 9 sent",
     "explain 9", "inbox reply 9 hi", "modems show x", "modems reset x", "sims show x", "sims pause x",
     "suppress remove 13800138000", "keys revoke x", "pause --batch 9"],
)  # fmt: skip
def test_what_does_not_exist_exits_4(farm: FarmAt, words: str) -> None:
    ran = farm(*words.split(), "--json")
    assert ran.code == 4
    assert ran.out == ""
    assert ran.err


def test_times_are_the_farms_and_can_be_typed_as_they_are_shown(farm: FarmAt) -> None:
    config = farm.folder / "farm" / "config.yaml"
    config.write_text(config.read_text().replace("Asia/Shanghai", "Asia/Kathmandu"))
    ran = farm(
        "send", "13800138000", "--text", "hello", "--send-at", f"{NOW + timedelta(days=30):%Y-%m-%d}T10:00", "--json"
    )
    assert ran.code == 0, ran.err
    (sent,) = ran.json
    told = farm("explain", str(sent["id"])).out
    assert "10:00" in told
    assert "Asia/Kathmandu" in told
    created = farm("messages", "list").out.splitlines()[1].split("  ")[1].strip()
    assert created.endswith("+05:45")
    shown = farm("messages", "show", str(sent["id"])).out.splitlines()[:-2]
    facts = dict(re.split(r"  +", line, maxsplit=1) for line in shown)
    assert facts["created at"] == created
    assert facts["send at"].endswith(" 10:00:00+05:45")
    assert facts["valid until"].endswith("+05:45")
    assert farm("messages", "show", str(sent["id"]), "--json").json["send_at"] == sent["send_at"]


def test_a_validity_that_ends_before_its_turn_is_warned_of(farm: FarmAt) -> None:
    farm("send", "13800138000", "--text", "first")
    assert "warnings" not in farm("send", "13800138001", "--text", "x", "--valid-for", "60s", "--json").json[0]
    iccid = "8986001234567890101"
    facts: dict[str, object] = dict.fromkeys(
        ("usb_path", "family", "manufacturer", "model", "firmware", "signal_dbm", "operator", "technology",
         "last_success_at")
    )  # fmt: skip
    facts |= {"path": "/dev/ttyV0", "imei": "356938035643801", "state": "working", "since": 0, "registration": "home"}
    facts |= {"sentence": "ready", "params": "{}", "next_action": "", "iccid": iccid}
    with farm.store.write() as tx:
        sims.seen(tx, iccid, NOW, imsi="460001234567891", number=None, smsc=None, path="/dev/ttyV0", host="shop")
        sims.write_modem(tx, "shop", facts, NOW)
    farm("send", *(f"138001381{number:02}" for number in range(20)), "--text", "x")  # three minutes at six a minute
    ran = farm("send", "13800138002", "--text", "x", "--valid-for", "60s", "--json")
    assert (ran.code, ran.json[0]["state"]) == (0, "queued")
    assert [warning["code"] for warning in ran.json[0]["warnings"]] == ["cannot_before_expiry"]
    assert "after its validity has ended" in farm("send", "13800138003", "--text", "x", "--valid-for", "60s").err
    assert "warnings" not in farm("send", "13800138004", "--text", "x", "--valid-for", "1h", "--json").json[0]
