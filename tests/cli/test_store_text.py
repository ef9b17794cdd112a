"""A text that is not to be kept, on the command line, here and through the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modemfarm.model import PartState
from modemfarm.store import keys
from modemfarm.store.engine import Tx
from modemfarm.store.messages import refresh
from tests.cli.farm import NOW, FarmAt
from tests.cli.test_remote import api

SECRET = "dragonfruit 481516"


def leave(tx: Tx, message_id: int) -> None:
    tx.run("UPDATE parts SET state = :state WHERE message_id = :id", state=PartState.SENT.value, id=message_id)
    refresh(tx, message_id, NOW)


@pytest.fixture(params=["here", "away"])
def either(
    farm: FarmAt, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[FarmAt]:
    """The commands with the database here, and through the API of a farm elsewhere."""
    if request.param == "here":
        yield farm
        return
    key = farm.write(keys.create_key, "away", (), NOW)
    (tmp_path / "elsewhere").mkdir()
    with api(farm) as url:
        monkeypatch.setenv("MODEMFARM_URL", url)
        monkeypatch.setenv("MODEMFARM_KEY", key)
        monkeypatch.chdir(tmp_path / "elsewhere")
        yield farm


def test_send_says_it_for_each_recipient(either: FarmAt) -> None:
    sent = either("send", "13800138000", "13900139000", "--text", SECRET, "--no-store-text", "--json").json
    assert [(item["store_text"], item["text"]) for item in sent] == [(False, SECRET)] * 2
    (usual,) = either("send", "13800138000", "--text", "a", "--json").json
    assert usual["store_text"] is True
    name = str(sent[0]["id"])
    either.write(leave, sent[0]["id"])
    shown = either("messages", "show", name, "--json").json
    assert (shown["text"], shown["store_text"]) == ("", False)
    assert SECRET not in either("messages", "show", name).out + either("explain", name).out
    assert SECRET in either("messages", "list").out  # the other one waits


def test_the_wish_may_come_later(either: FarmAt) -> None:
    (item,) = either("send", "13800138000", "--text", SECRET, "--json").json
    name = str(item["id"])
    either.write(leave, item["id"])
    assert either("messages", "edit", name, "--no-store-text", "--json").json["text"] == ""
    ran = either("messages", "edit", name, "--store-text")
    assert (ran.code, "not kept any more" in ran.err) == (1, True)


def test_what_is_gone_is_not_sent_again(either: FarmAt) -> None:
    (item,) = either("send", "13800138000", "--text", SECRET, "--no-store-text", "--json").json
    name = str(item["id"])
    either("messages", "cancel", name)
    ran = either("messages", "retry", name)
    assert (ran.code in {1, 2}, "not kept any more" in ran.err) == (True, True)
    ran = either("messages", "retry", "--state", "canceled", "--yes")
    assert (ran.code, "text_gone" in ran.out) == (0, True)


def test_the_same_key_sends_once_and_another_text_under_it_is_refused(farm: FarmAt) -> None:
    words = ("send", "13800138000", "--no-store-text", "--idempotency-key", "k", "--json", "--text")
    first, second = (farm(*words, SECRET).json[0] for _ in range(2))
    assert first["id"] == second["id"]
    assert farm(*words, "other").code == 2
    mark = farm.store.look(lambda tx: tx.value("SELECT body_hash FROM idempotency"))
    assert str(mark).startswith("s1.")


def test_a_batch_says_it_by_option_or_by_row(either: FarmAt) -> None:
    rows = f"to,text,store_text\n13800138000,{SECRET},\n13900139000,kept,yes\n"
    Path("rows.csv").write_text(rows, "utf-8")
    assert either("batch", "rows.csv", "--no-store-text").code == 0
    found = {item["text"]: item["store_text"] for item in either("messages", "list", "--json").json["data"]}
    assert found == {SECRET: False, "kept": True}
