"""`modemfarm db`, as a person types it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from modemfarm.store.migrations import SCHEMA
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


def test_a_closed_backup_opens_with_its_key_alone(farm: FarmAt) -> None:
    farm("send", "13800138000", "--text", "dragonfruit")
    for name, octets in (("key", b"k" * 32), ("other", b"o" * 32), ("short", b"1234")):
        (farm.folder / name).write_bytes(octets)
    assert farm("db", "backup", "copy.enc", "--key-file", "key").code == 2
    assert farm("db", "backup", "copy.enc", "--encrypt", "--key-file", "short").code == 2
    assert farm("db", "backup", "copy.enc", "--encrypt", "--key-file", "key").code == 0
    octets = (farm.folder / "copy.enc").read_bytes()
    assert b"dragonfruit" not in octets
    assert sorted(path.name for path in farm.folder.iterdir() if path.name.startswith(".")) == []
    wrong = farm("db", "restore", "copy.enc", "--key-file", "other")
    assert wrong.code == 5
    assert "the passphrase or key file is not the one that closed it" in wrong.err
    (farm.folder / "cut.enc").write_bytes(octets[:-20])
    assert farm("db", "restore", "cut.enc", "--key-file", "key").code == 5
    back = farm("db", "restore", "copy.enc", "--key-file", "key", "--json")
    assert back.json["held"] == 1
    assert farm("audit", "list", "--json").json["data"][0]["action"] == "farm.restored"
    assert not (farm.folder / "farm" / ".restoring").exists()


def test_a_compacted_file_keeps_what_is_in_it(farm: FarmAt) -> None:
    farm("send", "13800138000", "--text", "hello")
    assert farm("db", "compact", "--json").json["after"] > 0
    assert farm("messages", "list", "--json").json["data"][0]["text"] == "hello"


def test_a_check_names_what_contradicts_itself_and_where(farm: FarmAt) -> None:
    (sent,) = farm("send", "13800138000", "--text", "hello", "--json").json
    whole = farm("db", "check", "--json")
    assert (whole.code, whole.json["faults"]) == (0, [])
    farm.write(lambda tx: tx.run("UPDATE messages SET state = 'sent'"))
    (farm.folder / "farm" / "epoch").write_text("99\n", "ascii")
    ran = farm("db", "check", "--json")
    assert ran.code == 1
    assert ran.json["faults"] == [
        f"message_state: message {sent['id']} is sent, by its parts it is waits",
        "epoch: the database is of epoch 1, the state directory has seen 99",
    ]
    assert f"message {sent['id']} is sent" in farm("db", "check").out


SCHEMAS = Path(__file__).parents[1] / "store" / "schemas"  # as released versions made them


def _as_made_by(farm: FarmAt, schema: int) -> None:
    """Put an older version's database in place, with a message that waits."""
    for path in (farm.folder / "farm").glob("modemfarm.db*"):
        path.unlink()
    file = farm.folder / "farm" / "modemfarm.db"
    file.touch(mode=0o600)
    with closing(sqlite3.connect(file)) as database, database:
        database.executescript((SCHEMAS / f"{schema}.sql").read_text("utf-8"))
        database.execute("PRAGMA journal_mode=WAL")
        facts = [("schema", str(schema)), ("farm_id", "f"), ("epoch", "1")]
        database.executemany("INSERT OR REPLACE INTO farm (key, value) VALUES (?, ?)", facts)
        for table, given in (
            ("messages", {"id": 1, "state": "queued", "text": "hello", "encoding": "gsm7", "parts_total": 1}),
            ("parts", {"id": 1, "message_id": 1, "state": "waiting", "part_number": 1, "bound_iccid": ""}),
        ):
            row = dict(given)
            for _, name, kind, wanted, default, key in database.execute(f"PRAGMA table_info({table})"):
                if wanted and default is None and not key and name not in row:
                    row[name] = "+8613800138000" if name == "recipient" else 0 if "INT" in kind else ""
            holes = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({holes})", list(row.values()))


@pytest.mark.parametrize("schema", sorted(int(path.stem) for path in SCHEMAS.glob("*.sql")))
def test_an_older_versions_database_is_copied_before_it_is_upgraded(farm: FarmAt, schema: int) -> None:
    farm("send", "13800138000", "--text", "of the new version")
    _as_made_by(farm, schema)
    copied = farm("db", "backup", "old.db", "--json")
    assert (copied.code, copied.json["schema"], copied.json["rows"]["messages"]) == (0, schema, 1)
    said = farm("db", "backup", "again.db")
    assert f"schema {schema}" in said.out
    with closing(sqlite3.connect(farm.folder / "old.db")) as copy:
        assert copy.execute("SELECT value FROM farm WHERE key = 'schema'").fetchone() == (str(schema),)
    assert farm("messages", "list").code == 5
    assert farm("db", "upgrade", "--json").json == {"schema": SCHEMA, "changed": True}
    farm("send", "13800138001", "--text", "after it")
    back = farm("db", "restore", "old.db", "--json")
    assert (back.code, back.json["held"]) == (0, 1)
    assert farm("db", "upgrade", "--json").json["changed"] is False
    assert [item["text"] for item in farm("messages", "list", "--json").json["data"]] == ["hello"]


def test_a_newer_versions_database_is_not_copied(farm: FarmAt) -> None:
    farm("send", "13800138000", "--text", "hello")
    with farm.store.write() as tx:
        tx.run("UPDATE farm SET value = :newer WHERE key = 'schema'", newer=str(SCHEMA + 1))
    refused = farm("db", "backup", "new.db")
    assert refused.code == 5
    assert "newer modemfarm" in refused.err
    assert not (farm.folder / "new.db").exists()
