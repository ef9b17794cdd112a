"""Lists of people who want nothing more, and replies that somebody decides on."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemfarm.store import reviews
from tests.cli.farm import NOW, FarmAt

ONE, TWO = "+8613912345678", "+8613800138000"


def test_a_list_is_added_and_read_back_and_nothing_is_lifted(farm: FarmAt, tmp_path: Path) -> None:
    assert farm("suppress", "add", "--channel", "phone", ONE).code == 0
    file = tmp_path / "list.csv"
    file.write_bytes(f"姓名;手机号\n甲;{ONE}\n乙;13800138000\n丙;12\n".encode("gb18030"))
    done = farm("suppress", "import", str(file), "--json")
    assert done.code == 2
    assert (done.json["added"], done.json["known"], [row["row"] for row in done.json["rejected"]]) == (1, 1, [4])
    exported = farm("suppress", "export")
    assert [line.split(",")[::2] for line in exported.out.splitlines()] == [
        ["number", "source"],
        [TWO, "import"],
        [ONE, "phone"],
    ]
    again = tmp_path / "again.csv"
    again.write_text(exported.out, encoding="utf-8")
    assert farm("suppress", "import", str(again), "--json").json == {
        "added": 0, "known": 2, "canceled": 0, "rejected": [],
    }  # fmt: skip


def test_an_import_cancels_what_waits(farm: FarmAt, tmp_path: Path) -> None:
    assert farm("send", ONE, "--text", "hello").code == 0
    file = tmp_path / "list.txt"
    file.write_text(f"{ONE}\n", encoding="utf-8")
    done = farm("suppress", "import", str(file))
    assert done.code == 0, done.err
    assert "1 added, 0 known already, 1 waiting canceled, 0 rejected" in done.out
    assert farm("send", ONE, "--text", "hello").code == 3


def test_a_person_decides_on_a_reply(farm: FarmAt) -> None:
    farm("suppress", "add", TWO)  # makes the database
    farm.write(reviews.add, ONE, 1, "别发了", NOW)
    assert [row["number"] for row in farm("suppress", "review", "list", "--json").json["data"]] == [ONE]
    assert "别发了" in farm("suppress", "review", "list").out
    assert farm("suppress", "review", "dismiss", ONE).code == 0
    assert farm("suppress", "review", "confirm", ONE).code == 4
    farm.write(reviews.add, ONE, 1, "别发了", NOW)
    assert farm("suppress", "review", "confirm", ONE, "--json").json == {"number": ONE, "decision": "opted_out"}
    assert ONE in [row["number"] for row in farm("suppress", "list", "--json").json["data"]]
    assert farm("suppress", "review", "list", "--json").json["data"] == []


@pytest.mark.parametrize("named", ["600123456", "7"], ids=["as listed", "by its id"])
@pytest.mark.parametrize("decision", ["confirm", "dismiss"])
def test_a_reply_without_its_country_is_decided(farm: FarmAt, named: str, decision: str) -> None:
    farm("suppress", "add", TWO)
    farm.write(reviews.add, "600123456", 7, "别发了", NOW)
    assert "7" in farm("suppress", "review", "list").out.split()
    assert farm("suppress", "review", decision, "8").code == 4
    done = farm("suppress", "review", decision, named, "--json")
    assert done.code == 0, done.err
    assert done.json["number"] == "600123456"
    assert farm("suppress", "review", "list", "--json").json["data"] == []
    listed = [row["number"] for row in farm("suppress", "list", "--json").json["data"]]
    assert ("600123456" in listed) is (decision == "confirm")


def test_an_export_runs_no_formula(farm: FarmAt) -> None:
    assert farm("suppress", "add", "--channel", "phone", ONE).code == 0
    farm.write(lambda tx: tx.run("UPDATE suppressions SET keyword = '=1+1'"))
    line = farm("suppress", "export").out.splitlines()[1]
    assert line.startswith(f"{ONE},")
    assert line.endswith(",'=1+1")
