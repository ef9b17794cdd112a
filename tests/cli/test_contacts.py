"""People who are written down, imported, exported and forgotten, as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemfarm.store import audit, forgotten
from tests.cli.farm import NOW, FarmAt

ONE, TWO = "+8613912345678", "+8613800138000"


def test_a_person_is_kept_changed_and_shown(farm: FarmAt) -> None:
    assert farm("contacts", "add", "139 1234 5678", "city=上海", "--name", "李", "--zone", "Asia/Urumqi").code == 0
    changed = farm("contacts", "set", ONE, "city=", "table=4", "--language", "zh", "--json").json
    assert (changed["name"], changed["zone"], changed["language"]) == ("李", "Asia/Urumqi", "zh")
    assert changed["attributes"] == {"table": "4"}
    assert farm("contacts", "set", ONE, "--zone", "").code == 0
    assert farm("contacts", "show", ONE, "--json").json["zone"] is None
    assert "李" in farm("contacts", "list", "李").out
    assert farm("contacts", "list", "王", "--json").json["data"] == []
    assert farm("contacts", "show", TWO).code == 4
    assert farm("contacts", "set", TWO, "--name", "x").code == 4
    for wrong in (["--zone", "Mars/Base"], ["nothing"]):
        assert farm("contacts", "add", ONE, *wrong).code == 2


@pytest.mark.parametrize(("encoding", "separator"), [("gb18030", ";"), ("utf-16", "\t"), ("utf-8", ",")])
def test_a_file_is_read_as_batch_reads_its_own(farm: FarmAt, tmp_path: Path, encoding: str, separator: str) -> None:
    lines = [["姓名", "手机号", "时区", "城市", "类型"], ["李", "13912345678", "Asia/Urumqi", "上海", "vip"],
             ["王", "13800138000", "", "", ""], ["丁", "12", "", "", ""], ["马", "13812345678", "Mars", "", ""]]  # fmt: skip
    file = tmp_path / "people.csv"
    file.write_bytes("\n".join(separator.join(line) for line in lines).encode(encoding))
    done = farm("contacts", "import", str(file), "--json")
    assert done.code == 2
    assert (done.json["added"], done.json["known"]) == (2, 0)
    assert [(row["row"], row["code"]) for row in done.json["rejected"]] == [
        (3, "short_code_not_listed"),
        (4, "unknown_zone"),
    ]
    kept = farm("contacts", "show", ONE, "--json").json
    assert (kept["name"], kept["zone"], kept["source"]) == ("李", "Asia/Urumqi", "import")
    assert kept["attributes"] == {"城市": "上海", "类型": "vip"}


def test_an_export_runs_no_formula_and_is_read_back_as_it_was(farm: FarmAt, tmp_path: Path) -> None:
    farm("contacts", "add", ONE, "note==1+1", "--name", "@SUM(A1)")
    before = farm("contacts", "show", ONE, "--json").json
    exported = farm("contacts", "export").out
    assert "'=1+1" in exported
    assert "'@SUM" in exported
    assert farm("contacts", "forget", ONE, "--yes").code == 0
    assert farm("suppress", "remove", ONE).code == 0
    file = tmp_path / "people.csv"
    file.write_text(exported, encoding="utf-8")
    assert farm("contacts", "import", str(file)).code == 0
    after = farm("contacts", "show", ONE, "--json").json
    assert {key: after[key] for key in ("name", "attributes")} == {key: before[key] for key in ("name", "attributes")}


def test_who_was_forgotten_is_not_taken_in_again(farm: FarmAt, tmp_path: Path) -> None:
    farm("contacts", "add", ONE)
    farm("send", ONE, "--text", "hello")
    assert farm("contacts", "forget", ONE, "--json").code == 2
    done = farm("contacts", "forget", ONE, "--yes", "--json")
    assert done.json == {"number": ONE, "canceled": 1, "messages": 1, "replies": 0, "moving": 0}
    assert farm("contacts", "add", ONE).code == 2
    assert farm("send", ONE, "--text", "hello").code == 3
    file = tmp_path / "people.csv"
    file.write_text(f"phone\n{ONE}\n{TWO}\n", encoding="utf-8")
    again = farm("contacts", "import", str(file), "--json").json
    assert (again["added"], [(row["row"], row["code"]) for row in again["rejected"]]) == (1, [(1, "forgotten")])
    assert farm.store.look(forgotten.count) == 1
    assert farm("suppress", "remove", ONE).code == 0
    assert farm("send", ONE, "--text", "hello").code == 0


def test_the_audit_lists_what_people_did(farm: FarmAt, tmp_path: Path) -> None:
    file = tmp_path / "out.txt"
    farm("policy", "set", "per_day", "1")
    farm("keys", "create", "till", "--scope", "people")
    farm("keys", "revoke", "till")
    farm("pause")
    farm("contacts", "forget", ONE, "--yes")
    farm("suppress", "remove", ONE)
    lines = farm("audit", "list", "--json").json["data"]
    assert [line["action"] for line in lines][:6] == [
        "suppression.removed", "contact.forgotten", "farm.paused", "key.revoked", "key.created", "policy.changed",
    ]  # fmt: skip
    assert lines[0]["subject"] == "+8613…678"
    assert ONE not in farm("audit", "list").out
    file.write_text(f"{ONE}\n", encoding="utf-8")
    farm("consent", "grant", ONE, "--method", "paper", "--wording", "yes")
    farm("consent", "revoke", ONE)
    vouched = ("--method", "paper", "--wording", "yes", "--since", "2026-01-01", "--until", "2026-01-02")
    listed = tmp_path / "agreed.csv"
    listed.write_text(f"number\n{ONE}\n", encoding="utf-8")
    farm("consent", "import", str(listed), *vouched)
    farm("suppress", "import", str(file))
    farm("messages", "cancel", "--state", "queued", "--yes")
    farm("policy", "attest", "--who", "Li", "--basis", "x", "--until", "2027-12-31")
    lines = farm("audit", "list", "--json").json["data"]
    assert [(line["action"], line["data"].get("count")) for line in lines[:6]] == [
        ("policy.attested", None), ("messages.cancel", 0), ("suppressions.imported", 1), ("consents.imported", None),
        ("consent.revoked", 1), ("consent.granted", 1),
    ]  # fmt: skip
    assert lines[0]["data"]["until"] == "2027-12-31"
    assert lines[3]["data"] == {"granted": 1, "pending": 0}
    assert all("138" not in str(line["data"]) and line["who"] for line in lines[:6])
    farm.write(lambda tx: audit.note(tx, "li", "x", NOW))
    assert farm("audit", "list", "--most", "1", "--json").json["data"][0]["action"] == "x"


def test_a_batch_is_filled_from_the_contacts(farm: FarmAt, tmp_path: Path) -> None:
    farm("contacts", "add", ONE, "table=4", "--name", "李")
    file = tmp_path / "list.csv"
    file.write_text(f"phone,name\n13912345678,\n{TWO},王\n", encoding="utf-8")
    done = farm("batch", str(file), "--template", "{name} {table}", "--json")
    assert (done.json["accepted"], done.json["rejected"]) == (1, 1)
    assert farm("messages", "list", "--json").json["data"][0]["text"] == "李 4"
