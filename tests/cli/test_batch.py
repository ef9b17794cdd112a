from __future__ import annotations

import csv
import io
import subprocess
import sys

import pytest

from modemfarm.cli import batch as batch_module
from modemfarm.store import batches
from tests.cli.farm import FarmAt

GOOD = "手机号,姓名\n13800138000,小王\n13900139000,小李\n"


def rejected(farm: FarmAt, name: str) -> list[dict[str, str]]:
    with (farm.folder / f"{name}.rejected.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_in_an_office_encoding_becomes_messages(farm: FarmAt) -> None:
    (farm.folder / "a.csv").write_bytes(GOOD.encode("gb18030"))
    ran = farm("batch", "a.csv", "--template", "您好{name}", "--reference", "r", "--json")
    assert ran.code == 0
    assert set(ran.json) == {"id", "accepted", "rejected"}
    assert (ran.json["accepted"], ran.json["rejected"]) == (2, 0)
    listed = farm("messages", "list", "--batch", str(ran.json["id"]), "--order", "asc", "--json").json["data"]
    assert [(item["to"], item["text"], item["reference"]) for item in listed] == [
        ("+8613800138000", "您好小王", "r"),
        ("+8613900139000", "您好小李", "r"),
    ]
    assert not (farm.folder / "a.csv.rejected.csv").exists()


def test_rejected_rows_are_written_beside_the_file_with_row_column_and_reason(farm: FarmAt) -> None:
    (farm.folder / "a.csv").write_text("phone,name\n13800138000,Ann\n1.38E+10,Bob\n13900139000,\n")
    ran = farm("batch", "a.csv", "--template", "Hi {name}", "--json")
    assert ran.code == 2
    assert (ran.json["accepted"], ran.json["rejected"]) == (1, 2)
    first, second = rejected(farm, "a.csv")
    assert (first["row"], first["column"], first["phone"], first["name"]) == ("2", "to", "1.38E+10", "Bob")
    assert (second["row"], second["column"]) == ("3", "name")
    assert second["reason"].startswith("missing_value: ")


def test_a_row_that_policy_refuses_makes_exit_3(farm: FarmAt) -> None:
    farm("suppress", "add", "13800138000")
    (farm.folder / "a.csv").write_text("to,text\n13800138000,a\n13900139000,b\n13800138000.0,c\n")
    ran = farm("batch", "a.csv", "--json")
    assert ran.code == 3
    assert ran.json["accepted"] == 1
    assert rejected(farm, "a.csv")[0]["reason"].startswith("opted_out")


def test_the_same_file_is_refused_within_a_day_unless_again(farm: FarmAt) -> None:
    (farm.folder / "a.csv").write_text("to,text\n13800138000,a\n")
    first = farm("batch", "a.csv", "--json").json
    ran = farm("batch", "a.csv", "--json")
    assert ran.code == 2
    assert ran.json == first
    assert "--again" in ran.err
    again = farm("batch", "a.csv", "--again", "--json").json
    assert again["id"] != first["id"]
    assert len(farm("messages", "list", "--json").json["data"]) == 2


def test_a_file_without_a_row_is_no_batch(farm: FarmAt) -> None:
    for name, text in (("a.csv", ""), ("b.csv", "to,text\n"), ("c.ndjson", "\n")):
        (farm.folder / name).write_text(text)
        assert farm("batch", name).code == 2
    assert farm.store.look(lambda tx: tx.value("SELECT count(*) FROM batches")) == 0


def test_a_batch_that_was_broken_off_goes_on(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"+8613{800000000 + number},t{number}" for number in range(900)]
    lines[5] = "13800138000.0,bad"
    (farm.folder / "a.csv").write_text("to,text\n" + "\n".join(lines) + "\n")
    finish = batches.finish

    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(batches, "finish", killed)
    broken = farm("batch", "a.csv", "--json")
    assert (broken.code, broken.out) == (1, "")
    assert "The same command goes on" in broken.err
    monkeypatch.setattr(batches, "finish", finish)
    ran = farm("batch", "a.csv", "--json")
    assert (ran.json["accepted"], ran.json["rejected"]) == (899, 1)
    assert [row["row"] for row in rejected(farm, "a.csv")] == ["6"]
    assert farm.store.look(lambda tx: tx.value("SELECT count(DISTINCT recipient) FROM messages")) == 899


def test_lines_of_json_come_from_stdin_and_rejected_ones_go_to_stderr(
    farm: FarmAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = '{"to": "13800138000", "text": "a"}\n{"to": 13900139000, "text": "b"}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode()), "utf-8"))
    ran = farm("batch", "-", "--json")
    assert ran.code == 2
    assert ran.json["accepted"] == 1
    assert "row 2: to: bad_to" in ran.err
    assert [path.name for path in farm.folder.iterdir()] == ["farm"]


@pytest.mark.parametrize(
    ("octets", "flags"),
    [
        (b"13800138000,hello\n", ()),
        (b"to,text\n1,\xff\n", ("--encoding", "utf-8")),
        (b"to\n1\n", ("--template", "{")),
        (b"", ()),
    ],
)
def test_a_file_that_cannot_be_read_makes_no_batch(farm: FarmAt, octets: bytes, flags: tuple[str, ...]) -> None:
    (farm.folder / "a.csv").write_bytes(octets)
    ran = farm("batch", "a.csv", *flags, "--json")
    assert ran.code == 2
    assert ran.out == ""
    assert farm.store.look(lambda tx: tx.value("SELECT count(*) FROM batches")) == 0


def test_a_missing_file_is_bad_usage(farm: FarmAt) -> None:
    assert farm("batch", "gone.csv").code == 2


def test_policy_reasons_are_told_from_faults_of_a_row() -> None:
    assert {"opted_out", "profile"} <= batch_module.POLICY


def test_an_open_quote_is_told_by_row_column_and_reason(farm: FarmAt) -> None:
    (farm.folder / "a.csv").write_text('to,text\n13800138701,"hi Anna\n13800138702,hello\n13800138703,hello\n')
    ran = farm("batch", "a.csv", "--json")
    assert ran.code == 2
    assert (ran.json["accepted"], ran.json["rejected"]) == (0, 3)
    first, second, third = rejected(farm, "a.csv")
    assert (first["row"], first["column"]) == ("1", "text")
    assert "quote missing" in first["reason"]
    assert [row["to"] for row in (first, second, third)] == ["13800138701", "13800138702", "13800138703"]


def test_half_a_surrogate_pair_is_a_fault_of_its_row(farm: FarmAt) -> None:
    lines = ['{"to":"13800138000","text":"\\ud83d"}', '{"to":"1","text":"x"}', '{"to":"13800138000","text":"hello"}']
    (farm.folder / "a.ndjson").write_text("\n".join(lines))
    ran = farm("batch", "a.ndjson", "--json")
    assert ran.code == 2
    assert (ran.json["accepted"], ran.json["rejected"]) == (1, 2)
    assert [(row["row"], row["column"], row["text"]) for row in rejected(farm, "a.ndjson")] == [
        ("1", "text", "\\ud83d"),
        ("2", "to", "x"),
    ]


def test_a_time_that_nobody_lives_to_see_is_bad_input(farm: FarmAt) -> None:
    late = "9999-12-31T23:59:59Z"
    assert farm("send", "13800138000", "--text", "x", "--send-at", late).code == 2
    (farm.folder / "a.csv").write_text(f"to,text,send_at\n13800138000,a,{late}\n")
    assert farm("batch", "a.csv").code == 2
    assert rejected(farm, "a.csv")[0]["column"] == "send_at"


def test_a_dry_run_tells_which_rows_are_worth_a_second_look(farm: FarmAt) -> None:
    farm("send", "13800138000", "--text", "first")
    (farm.folder / "a.csv").write_text("to,text\n13800138701,Winter sale {name}\n13800138702,hello\n13800138703,{x}\n")
    ran = farm("batch", "a.csv", "--dry-run", "--json")
    assert ran.json["warnings"] == {"open_braces": 2, "reads_like_advert": 1}
    assert ran.json["warned"] == [
        {"row": 1, "warnings": ["reads_like_advert", "open_braces"]},
        {"row": 3, "warnings": ["open_braces"]},
    ]
    told = farm("batch", "a.csv", "--dry-run").out
    assert "2 × Something in braces" in told
    assert "Row 3 open_braces" in told.replace("Row 3: ", "Row 3 ")


def test_a_dry_run_says_parts_cost_and_what_is_wrong_and_writes_nothing(farm: FarmAt) -> None:
    farm("send", "13800138000", "--text", "first")
    (farm.folder / "a.csv").write_text(GOOD + "1.38E+10,Bob\n", "utf-8")
    ran = farm("batch", "a.csv", "--template", "您好{name}" + "好" * 70, "--dry-run", "--json")
    assert ran.code == 2
    assert ran.json == {
        "accepted": 2, "rejected": 1, "parts": 4, "cost": None, "currency": None, "finish_at": None, "cannot_send": 0,
        "warnings": {}, "warned": [],
    }  # fmt: skip
    assert "row 3: to: " in ran.err
    assert "nobody can say when" in farm("batch", "a.csv", "--template", "{name}", "--dry-run").out
    assert len(farm("messages", "list", "--json").json["data"]) == 1
    assert not (farm.folder / "a.csv.rejected.csv").exists()


@pytest.mark.parametrize("octets", [1, 10**9], ids=["read in a second process", "by one process"])
def test_a_long_file_is_taken_in_its_order_by_one_process_or_two(
    farm: FarmAt, monkeypatch: pytest.MonkeyPatch, octets: int
) -> None:
    monkeypatch.setattr(batch_module, "WORTH_OCTETS", octets)
    rows = "".join(f"138{at:08},text {at}\n" if at % 90 else "nonsense,x\n" for at in range(1, 501))
    (farm.folder / "a.csv").write_text(f"phone,text\n{rows}")
    ran = farm("batch", "a.csv", "--json")
    assert (ran.code, ran.json["accepted"], ran.json["rejected"]) == (2, 495, 5)
    assert [row["row"] for row in rejected(farm, "a.csv")] == ["90", "180", "270", "360", "450"]
    listed = farm("messages", "list", "--order", "asc", "--limit", "3", "--json").json["data"]
    assert [item["text"] for item in listed] == ["text 1", "text 2", "text 3"]


def test_a_batch_waits_for_no_code_that_it_does_not_use() -> None:
    loaded = "import sys, modemfarm.cli.batch; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    unused = {
        "serialx",
        "modemfarm.modem.link",
        "modemfarm.store.schema.whole",
        "sqlalchemy.dialects.postgresql",
        "flask",
    }
    assert not unused & set(done.stdout.split())


STRANGE = "客户电话,说明,手机号\n13800138000,甲,13700137000\n13900139000,乙,13700137001\n"


def test_a_map_says_which_column_is_which(farm: FarmAt) -> None:
    (farm.folder / "a.csv").write_bytes(STRANGE.encode("gb18030"))
    ran = farm("batch", "a.csv", "--map", "to=客户电话,text=说明", "--json")
    assert (ran.code, ran.json["accepted"]) == (0, 2)
    listed = farm("messages", "list", "--order", "asc", "--json").json["data"]
    assert [(one["to"], one["text"]) for one in listed] == [("+8613800138000", "甲"), ("+8613900139000", "乙")]


def test_a_map_of_what_is_not_there_names_it_and_what_is(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    (farm.folder / "a.csv").write_text(STRANGE, "utf-8")
    for lang in ("en", "zh_CN.UTF-8", "ru_RU.UTF-8"):
        monkeypatch.setenv("LC_ALL", lang)
        ran = farm("batch", "a.csv", "--map", "to=客户手机,text=说明")
        assert ran.code == 2
        assert "客户手机" in ran.err
        assert "客户电话, 说明, 手机号" in ran.err
        ran = farm("batch", "a.csv", "--map", "colour=说明")
        assert ran.code == 2
        assert "colour" in ran.err
        assert "to, text, name" in ran.err
        assert farm("batch", "a.csv", "--map", "说明").code == 2
    assert farm.store.look(lambda tx: tx.value("SELECT count(*) FROM batches")) == 0


def test_a_file_without_a_header_line_is_read_by_places(farm: FarmAt) -> None:
    (farm.folder / "a.csv").write_text("x,13800138000,Ann\ny,13900139000,Bob\n")
    ran = farm("batch", "a.csv", "--map", "to=#2", "--map", "name=#3", "--template", "Hi {name} {#1}", "--json")
    assert (ran.code, ran.json["accepted"]) == (0, 2)
    texts = [one["text"] for one in farm("messages", "list", "--order", "asc", "--json").json["data"]]
    assert texts == ["Hi Ann x", "Hi Bob y"]


def test_another_map_makes_another_file_of_it_and_the_same_map_the_same(
    farm: FarmAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    (farm.folder / "a.csv").write_text(STRANGE, "utf-8")
    finish = batches.finish

    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(batches, "finish", killed)
    assert farm("batch", "a.csv", "--map", "to=客户电话,text=说明").code == 1
    monkeypatch.setattr(batches, "finish", finish)
    first = farm("batch", "a.csv", "--map", "text=说明", "--map", "to=客户电话", "--json").json
    assert (first["id"], first["accepted"]) == (1, 2)  # it went on with the one that was broken off
    other = farm("batch", "a.csv", "--map", "to=手机号,text=说明", "--json").json
    assert (other["id"], other["accepted"]) == (2, 2)
    assert farm("batch", "a.csv", "--map", "to=客户电话,text=说明").code == 2  # it was sent


def test_a_dry_run_goes_by_the_map(farm: FarmAt) -> None:
    farm("send", "13800138000", "--text", "first")
    (farm.folder / "a.csv").write_text(STRANGE, "utf-8")
    assert farm("batch", "a.csv", "--dry-run").code == 2
    assert farm("batch", "a.csv", "--map", "text=说明", "--dry-run", "--json").json["accepted"] == 2
