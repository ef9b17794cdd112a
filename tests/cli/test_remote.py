from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from modemfarm.cli.away import act
from modemfarm.config.keywords import keywords
from modemfarm.config.load import load
from modemfarm.modem.settings import SystemClock
from modemfarm.store import keys, reviews, sims, suppress
from modemfarm.store.engine import Store, Tx
from modemfarm.webapp.app import create_app
from modemfarm.webapp.server import serve
from modemfarm.webapp.settings import WebDeps, WebSettings
from tests.cli.farm import NOW, FarmAt

TO = "+8613800138000"


@contextmanager
def api(farm: FarmAt) -> Iterator[str]:
    """The farm's own API, as its daemon serves it."""
    config = load(farm.folder / "farm" / "config.yaml", {}, farm.folder)
    store = Store(config.database, config.state_dir)
    settings = WebSettings(port=0)
    deps = WebDeps(
        store=store,
        offload_call=store.run,
        intake=config.intake,
        clock=SystemClock(),
        state_dir=config.state_dir,
        wake=lambda: None,
        keywords=keywords(None),
        settings=settings,
        terms=config.terms,
    )
    server = serve(create_app(deps), settings)
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop()
        store.close()


@pytest.fixture
def away(farm: FarmAt, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmAt]:
    """Commands run where no farm is, with a key for one that is elsewhere."""
    key = farm.write(keys.create_key, "away", (), NOW)
    folder: Path = tmp_path_factory.mktemp("away")
    with api(farm) as url:
        monkeypatch.setenv("MODEMFARM_URL", url)
        monkeypatch.setenv("MODEMFARM_KEY", key)
        monkeypatch.chdir(folder)
        yield farm


def test_send_and_lists_work_through_the_api(away: FarmAt) -> None:
    ran = away("send", "13800138000", "--text", "您好", "--valid-for", "2h", "--reference", "r", "--json")
    assert ran.code == 0
    (item,) = ran.json
    assert (item["to"], item["text"], item["reference"]) == ("+8613800138000", "您好", "r")
    assert away("messages", "show", str(item["id"]), "--json").json == item
    assert [found["id"] for found in away("messages", "list", "--json").json["data"]] == [item["id"]]
    assert away("inbox", "list", "--json").json["data"] == []
    assert away("explain", str(item["id"]), "--json").json["data"][0]["code"] == "accepted"
    assert away("modems", "list", "--json").json["data"] == []
    assert away("sims", "list", "--json").json["data"] == []


def test_a_modem_is_shown_alike_here_and_through_the_api(away: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    facts: dict[str, object] = dict.fromkeys(
        ("usb_path", "family", "manufacturer", "model", "firmware", "since", "iccid", "signal_dbm", "operator",
         "technology", "registration", "last_success_at")
    )  # fmt: skip
    facts |= {"path": "/dev/ttyV0", "imei": "356938035643801", "state": "needs_you", "since": 0, "registration": ""}
    facts |= {"sentence": "port_busy", "params": '{"what": "ModemManager"}', "next_action": "close_other_program"}
    away.write(sims.write_modem, "here", facts, NOW)
    there = away("modems", "list", "--json").json["data"]
    monkeypatch.chdir(away.folder)
    assert away("modems", "list", "--json").json["data"] == there
    assert there[0]["sentence"] == "Another program uses this port: ModemManager."
    assert there[0]["sentence_code"] == "port_busy"
    assert there[0]["next_action_code"] == "close_other_program"
    assert away("modems", "show", "356938035643801", "--json").json == {**there[0], "recordings": []}


def test_exit_codes_are_the_same_through_the_api(away: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    away.write(suppress.add, "+8613900139000", "900139000", "counter", NOW)
    ran = away("send", "13800138000", "13800138000.0", "13900139000", "--text", "a", "--json")
    assert ran.code == 3
    good, bad, refused = ran.json
    assert good["state"] == "queued"
    assert bad["error"]["code"]
    assert (refused["state"], refused["reason"]) == ("refused", "opted_out")
    assert away("send", "13800138000.0", "--text", "a").code == 2
    assert away("messages", "show", "999").code == 4
    assert away("send", "13800138000", "--text", "a", "--wait", "sent", "--timeout", "1s").code == 6
    monkeypatch.setenv("MODEMFARM_KEY", "mf_wrong")
    assert away("send", "13800138000", "--text", "a").code == 5


def test_the_same_idempotency_key_sends_once_through_the_api(away: FarmAt) -> None:
    words = ("send", "13800138000", "13900139000", "--text", "a", "--idempotency-key", "k", "--json")
    assert away(*words).json == away(*words).json
    assert len(away("messages", "list", "--json").json["data"]) == 2


def test_a_dry_run_through_the_api_writes_nothing(away: FarmAt) -> None:
    ran = away("send", "13800138000", "--text", "a", "--dry-run", "--json")
    assert (ran.json[0]["verdict"], ran.json[0]["parts"]) == ("queued", 1)
    assert away("send", "13800138000", "--text", "a", "--dry-run").code == 0
    assert away("messages", "list", "--json").json["data"] == []


def test_an_api_that_is_not_there_exits_5(bare: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("MODEMFARM_URL", f"http://127.0.0.1:{port}")
    ran = bare("send", "+8613800138000", "--text", "a")
    assert ran.code == 5
    assert "cannot be reached" in ran.err
    monkeypatch.setenv("MODEMFARM_URL", "ftp://nowhere")
    assert bare("send", "+8613800138000", "--text", "a").code == 2


def _failed(away: FarmAt, *numbers: int) -> None:
    def fail(tx: Tx) -> None:
        for number in numbers:
            tx.run("UPDATE parts SET state = 'failed' WHERE message_id = :id", id=number)
            tx.run("UPDATE messages SET state = 'failed', reason = 'network', final_at = 1 WHERE id = :id", id=number)

    away.write(fail)


def _sent(away: FarmAt, *to: str) -> list[int]:
    return [item["id"] for item in away("send", *(to or ("13800138000",)), "--text", "a", "--json").json]


def test_a_message_is_edited_cancelled_sent_again_and_resolved_through_the_api(away: FarmAt) -> None:
    (number,) = _sent(away)
    edited = away("messages", "edit", str(number), "--text", "b", "--send-at", "2027-03-01T00:00Z", "--json").json
    assert (edited["text"], edited["state"], edited["send_at"]) == ("b", "scheduled", "2027-03-01T00:00:00.000Z")
    assert away("messages", "edit", str(number), "--send-at", "now", "--json").json["state"] == "queued"
    assert away("messages", "cancel", str(number), "--json").json["state"] == "canceled"
    assert away("messages", "cancel", str(number), "--json").json["state"] == "canceled"
    assert away("messages", "edit", str(number), "--text", "c").code == 1
    assert away("messages", "edit", "999", "--text", "c").code == 4
    assert away("messages", "resolve", str(number), "sent").code == 1
    copy = away("messages", "retry", str(number), "--json").json
    assert (copy["retry_of"], copy["state"]) == (number, "queued")
    _failed(away, copy["id"])
    away.write(suppress.add, "+8613800138000", "800138000", "counter", NOW)
    ran = away("messages", "retry", str(copy["id"]), "--json")
    assert (ran.code, ran.json["state"], ran.json["reason"]) == (3, "refused", "opted_out")


def test_many_are_meant_through_the_api_as_here(away: FarmAt) -> None:
    ids = _sent(away, "13800138000", "13900139000", "13700137000")
    _failed(away, *ids)
    ran = away("messages", "retry", "--state", "failed", "--yes", "--json")
    assert ran.json == {"retried": 3, "not_done": []}
    assert away("messages", "retry", "--state", "failed", "--yes", "--json").json["retried"] == 0
    ran = away("messages", "cancel", "--to", "13900139000", "--yes", "--json")
    assert ran.json["canceled"] == 1
    assert away("messages", "resolve", "sent", "--state", "unknown", "--yes", "--json").json["resolved"] == 0
    assert away("messages", "cancel", "--batch", "7", "--yes").code == 4


def test_many_are_changed_through_the_api_as_here(away: FarmAt) -> None:
    first, *_ = _sent(away, "13800138000", "13900139000", "13700137000")
    words = ("messages", "edit", "--state", "queued", "--send-at", "2030-01-01T00:00Z", "--yes", "--json")
    assert away(*words).json == {"changed": 3, "not_done": []}
    found = away("messages", "show", str(first), "--json").json
    assert (found["state"], found["send_at"]) == ("scheduled", "2030-01-01T00:00:00.000Z")
    ran = away("messages", "edit", "--to", "13900139000", "--send-at", "now", "--yes", "--json")
    assert ran.json == {"changed": 1, "not_done": []}
    assert away("messages", "edit", "--batch", "7", "--priority", "9", "--yes").code == 4
    assert away("messages", "edit", "--state", "queued", "--text", "{name}", "--yes").code == 2


def test_what_is_left_by_a_limit_is_asked_for_behind_it() -> None:
    asked: list[dict[str, Any]] = []

    class Far:
        def post(self, _path: str, body: dict[str, Any]) -> dict[str, Any]:
            asked.append(body)
            more = {"more": True, "after": 8} if len(asked) == 1 else {"more": False}
            return {"count": 2, "not_done": [], **more}

    assert act(Far(), "edit", {"batch": 1}) == (4, [])  # type: ignore[arg-type]  # as much of it as is used
    assert asked == [{"batch": 1}, {"batch": 1, "after": 8}]


def test_a_batch_goes_through_the_api_and_not_twice(away: FarmAt, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("to,name\n13800138000,王\n13900139000,李\n1,x\n", "utf-8")
    words = ("batch", str(file), "--template", "您好{name}", "--valid-for", "2h", "--json")
    ran = away(*words)
    assert (ran.code, ran.json["accepted"], ran.json["rejected"]) == (2, 2, 1)
    assert "row 3" in ran.err
    assert away(*words).json == ran.json
    assert away(*words, "--again").json["id"] != ran.json["id"]
    number = ran.json["id"]
    found = away("messages", "list", "--batch", str(number), "--json").json["data"]
    assert [item["text"] for item in found] == ["您好李", "您好王"]
    assert found[0]["valid_until"] is not None
    assert away("pause", "--batch", str(number), "--json").json["pauses"][0]["scope"] == "batch"
    assert away("resume", "--batch", str(number), "--json").json["pauses"] == []
    assert away("messages", "cancel", "--batch", str(number), "--json").json == {
        "batch": number, "canceled": 2, "not_done": [],
    }  # fmt: skip


def test_pauses_work_through_the_api(away: FarmAt) -> None:
    assert away("pause", "--json").json["pauses"][0]["scope"] == "all"
    assert away("pause", "--class", "marketing").code == 0
    assert away("resume").code == 0
    assert [item["value"] for item in away("resume", "--json").json["pauses"]] == ["marketing"]
    assert away("pause", "--batch", "5").code == 4
    assert away("resume", "--restored").code == away("resume", "--clock").code == 0
    with away.store.read() as tx:
        assert tx.value("SELECT value FROM farm WHERE key = 'clock_confirmed'") == "1"


def test_sims_and_modems_are_asked_through_the_api(away: FarmAt) -> None:
    iccid = "8986001234567890123"
    away.write(lambda tx: sims.seen(tx, iccid, NOW, host="h", imsi=None, number=None, smsc=None, path="/dev/ttyV0"))
    facts: dict[str, object] = dict.fromkeys(
        ("usb_path", "family", "manufacturer", "model", "firmware", "iccid", "signal_dbm", "operator", "technology",
         "last_success_at")
    )  # fmt: skip
    facts |= {"path": "/dev/ttyV0", "imei": "356938035643801", "state": "working", "since": 0, "registration": "home"}
    facts |= {"sentence": "working", "params": "{}", "next_action": ""}
    away.write(sims.write_modem, "here", facts, NOW)
    changed = away("sims", "set", iccid, "--label", "Desk", "--number", "+8613800138009", "--json").json
    assert (changed["label"], changed["number"]) == ("Desk", "+8613800138009")
    assert away("sims", "show", "Desk", "--json").json["iccid"] == changed["iccid"]
    assert away("sims", "set", iccid, "--plan", "nothing").code == 2
    assert away("sims", "pause", "Desk", "--json").json["state"] == "paused"
    assert away("sims", "resume", "Desk", "--json").json["state"] == "active"
    assert away("sims", "answer", "Desk", "pause").code == 2
    assert away("sims", "history", "Desk", "--json").json["iccid"] == changed["iccid"]
    assert away("sims", "history", "Desk").code == 0
    assert away("sims", "balance", "Desk", "--history", "--json").json["data"] == []
    assert away("sims", "balance", "Desk").code == away("sims", "ussd", "Desk", "*100#").code == 5
    assert away("sims", "show", "nobody").code == 4
    assert away("sims", "release", "Desk", "--json").json["released"] is False
    assert away("sims", "test", "Desk", "--timeout", "1s", "--json").json["state"] == "queued"
    assert away("sims", "identify", "Desk", "--to", "13900139000", "--json").json["state"] == "queued"
    for name in ("/dev/ttyV0", "356938035643801"):
        assert away("modems", "show", name, "--json").json["imei"] == "356938035643801"
    assert away("modems", "reset", "/dev/ttyV0").code == 0
    assert away("modems", "allow", "1-1.4").code == away("modems", "forbid", "1-1.4").code == 4
    with away.store.read() as tx:
        assert tx.value("SELECT wish FROM modems") == "reset"


def test_replies_are_answered_and_people_suppressed_through_the_api(away: FarmAt) -> None:
    assert away("suppress", "add", "13800138000", "--json").json["data"] == [
        {"number": "+8613800138000", "canceled": 0}
    ]
    assert [item["number"] for item in away("suppress", "list", "--json").json["data"]] == ["+8613800138000"]
    assert "+8613800138000" in away("suppress", "export").out
    assert away("suppress", "remove", "+8613800138000").code == 0
    assert away("suppress", "remove", "+8613800138000").code == 4
    file = away.folder / "people.txt"
    file.write_text("number\n13800138000\n13800138000.0\n13900139000\n", "utf-8")
    ran = away("suppress", "import", str(file), "--json")
    assert (ran.code, ran.json["added"], ran.json["rejected"][0]["row"]) == (2, 2, 3)
    assert away("suppress", "import", str(file), "--json").json["known"] == 2
    assert away("suppress", "review", "list", "--json").json["data"] == []
    assert away("suppress", "review", "confirm", "13800138000").code == 4
    away.write(reviews.add, "+8613700137000", 0, "TD?", NOW)
    assert away("suppress", "review", "confirm", "13700137000", "--json").json["decision"] == "opted_out"
    assert away("inbox", "reply", "5", "hello").code == 4


def test_complaints_are_written_down_and_listed_through_the_api(away: FarmAt) -> None:
    said = ("consent", "complaint", "13800138000", "--text", "stop it")
    done = away(*said, "--channel", "web", "--at", "2026-01-02T03:04+08:00", "--json").json
    assert (done["number"], done["channel"], done["canceled"]) == ("+8613800138000", "web", 0)
    assert away(*said, "--channel", "dream").code == away(*said, "--at", "dream").code == 2
    assert [item["id"] for item in away("consent", "complaints", "--json").json["data"]] == [done["id"]]
    assert away("consent", "complaints", "13900139000", "--json").json["data"] == []


def test_consent_is_kept_shown_proven_and_taken_back_through_the_api(away: FarmAt, tmp_path: Path) -> None:
    assert away("consent", "verify", "--json").json == {"rows": 0, "head": None, "faults": []}
    given = (
        "--purpose", "news", "--method", "web", "--wording", "每周一条", "--wording-version", "3", "--language", "zh",
        "--frequency", "weekly", "--captured-at", "2026-03-01T10:00+08:00", "--expires-at", "2036-03-01", "--ip", "192.0.2.7",
        "--user-agent", "Firefox", "--source", "form 7",
    )  # fmt: skip
    assert away("consent", "grant", "13800138000", *given, "--json").json["data"] == [{"number": TO, "seq": 1}]
    shown = away("consent", "show", "13800138000", "--json").json
    (kept,) = shown["data"]
    assert shown["granted"] == ["news"]
    assert {name: kept[name] for name in ("wording_version", "language", "stated_frequency", "ip", "user_agent")} == {
        "wording_version": "3", "language": "zh", "stated_frequency": "weekly", "ip": "192.0.2.7", "user_agent": "Firefox",
    }  # fmt: skip
    assert kept["captured_at"].startswith("2026-03-01T")
    assert kept["exact_wording"] == "每周一条"
    file = tmp_path / "people.csv"
    file.write_text("number\n13900139000\nx\n", "utf-8")
    vouched = ("--method", "paper", "--wording", "yes", "--since", "2026-01-01", "--until", "2026-01-31")
    ran = away("consent", "import", str(file), *vouched, "--json")
    assert (ran.code, ran.json["granted"], ran.json["rejected"]) == (2, 1, 1)
    exported = tmp_path / "ledger"
    exported.write_text(away("consent", "export").out, "utf-8")
    head = away("consent", "verify", "--json").json["head"]
    assert away("consent", "verify", str(exported), "--head", head).code == 0
    assert away("consent", "revoke", "13800138000", "--purpose", "news", "--json").json == {"number": TO, "canceled": 0}
    assert away("consent", "show", "13800138000", "--json").json["granted"] == []
    assert away("consent", "verify", "--head", head).code == 0
    assert away("consent", "verify", "--head", "1:0").code == 1
    assert away("consent", "word", "add", "JOIN", "--wording", "offers").code == 0
    assert away("consent", "word", "list", "--json").json["data"][0]["word"] == "JOIN"
    assert away("consent", "word", "add", "stop", "--wording", "offers").code == 2
    assert away("consent", "word", "remove", "join").code == 0
    assert away("consent", "word", "remove", "join").code == 4


def test_a_farm_elsewhere_answers_in_the_language_of_the_locale(away: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert away("messages", "show", "99").err == "modemfarm：没有消息 99\n"
    assert "不是电话号码" in away("send", "13x", "--text", "您好").err
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")
    assert away("messages", "show", "99").err == "modemfarm: сообщения 99 нет\n"
