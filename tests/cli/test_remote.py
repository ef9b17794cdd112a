from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modemfarm.config.load import load
from modemfarm.modem.settings import SystemClock
from modemfarm.store import keys, sims, suppress
from modemfarm.store.engine import Store
from modemfarm.webapp.app import create_app
from modemfarm.webapp.server import serve
from modemfarm.webapp.settings import WebDeps, WebSettings
from tests.cli.farm import NOW, FarmAt


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
