"""`modemfarm db`, as a person types it."""

from __future__ import annotations

from tests.cli.farm import FarmAt


def test_a_backup_is_put_back_and_what_waited_is_released_by_a_person(farm: FarmAt) -> None:
    sent = farm("send", "13800138000", "--text", "hello", "--json").json
    copied = farm("db", "backup", "copy.db", "--json")
    assert copied.code == 0
    assert copied.json["rows"]["messages"] == 1
    assert farm("db", "backup", "copy.db").code == 5
    farm("send", "13800138001", "--text", "later")
    back = farm("db", "restore", "copy.db", "--json")
    assert back.code == 0
    assert back.json["held"] == 1
    listed = farm("messages", "list", "--json").json["data"]
    assert [(item["id"], item["state"], item["reason"]) for item in listed] == [(sent[0]["id"], "held", "restored")]
    assert farm("resume", "--restored").code == 0
    assert farm("messages", "list", "--json").json["data"][0]["state"] == "queued"


def test_a_backup_without_a_name_lies_in_the_state_directory(farm: FarmAt) -> None:
    farm("send", "13800138000", "--text", "hello")
    assert farm("db", "backup").code == 0
    assert len(list((farm.folder / "farm" / "backups").iterdir())) == 1


def test_a_file_that_is_no_backup_is_refused_by_name(farm: FarmAt) -> None:
    farm("send", "13800138000", "--text", "hello")
    (farm.folder / "notes.txt").write_text("notes")
    refused = farm("db", "restore", "notes.txt")
    assert refused.code == 5
    assert "notes.txt is not a database" in refused.err
    assert farm("messages", "list", "--json").json["data"][0]["state"] == "queued"
