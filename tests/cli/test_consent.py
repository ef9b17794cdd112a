from __future__ import annotations

from pathlib import Path

from tests.cli.farm import FarmAt

TO = "+8613800138000"


def test_a_list_is_imported_shown_and_proven(farm: FarmAt, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("手机号\n13800138000\n13900139000\n", encoding="gb18030")
    words = ("--method", "paper", "--wording", "我要优惠", "--since", "2026-01-01", "--until", "2026-01-31")
    assert farm("consent", "import", str(file), *words, "--json").json["granted"] == 2
    assert farm("consent", "import", str(file)).out.startswith("0 granted, 0 asked by message, 2 known")
    shown = farm("consent", "show", "13800138000", "--json").json
    assert (shown["granted"], shown["pending"]) == (["marketing"], [])
    head = farm("consent", "verify", "--json").json["head"]
    farm("consent", "revoke", "13800138000")
    assert farm("consent", "verify", "--head", head).code == 0
    ledger = tmp_path / "ledger"
    ledger.write_text(farm("consent", "export").out.splitlines()[0], encoding="utf-8")
    assert farm("consent", "verify", str(ledger)).code == 0
    assert farm("consent", "verify", str(ledger), "--head", head).code == 1


def test_whom_nobody_vouches_for_is_asked(farm: FarmAt, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("number\n13800138000\nx\n")
    ran = farm("consent", "import", str(file), "--json")
    assert (ran.code, ran.json["pending"], ran.json["rejected"]) == (2, 1, 1)
    assert farm("consent", "show", "13800138000", "--json").json["pending"] == ["marketing"]
    assert farm("messages", "list", "--to", TO, "--json").json["data"][0]["class"] == "transactional"


def test_a_row_from_the_future_is_rejected(farm: FarmAt, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(
        "number,method,wording,date\n13800138000,web,I agree,2099-01-05\n13900139000,web,I agree,2026-01-05\n"
    )
    ran = farm("consent", "import", str(file), "--json")
    assert (ran.code, ran.json["granted"], ran.json["errors"][0]["code"]) == (2, 1, "in_the_future")
    ran = farm(
        "consent", "grant", "13800138000", "--method", "web", "--wording", "yes", "--captured-at", "2099-01-05T10:00"
    )
    assert (ran.code, "2099-01-05" in ran.err) == (2, True)


def test_who_was_forgotten_is_not_written_down_by_hand(farm: FarmAt) -> None:
    words = ("--method", "web", "--wording", "yes")
    assert farm("consent", "grant", "13800138000", *words).code == 0
    assert farm("contacts", "forget", "13800138000", "--yes").code == 0
    ran = farm("consent", "grant", "13800138000", *words)
    assert ran.code == 2
    assert "forgotten" in ran.err


def test_words_are_added_listed_and_removed(farm: FarmAt) -> None:
    assert farm("consent", "word", "add", "JOIN", "--wording", "offers").code == 0
    assert farm("consent", "word", "list", "--json").json["data"][0]["word"] == "JOIN"
    assert farm("consent", "word", "add", "stop", "--wording", "offers").code == 2
    assert farm("consent", "word", "remove", "join").code == 0
    assert farm("consent", "word", "remove", "join").code == 4


def test_what_a_person_says_at_the_counter_holds_to_the_owners_setting(farm: FarmAt) -> None:
    config = farm.folder / "farm" / "config.yaml"
    text = config.read_text()
    assert "sending:" in text
    config.write_text(text.replace("sending:", "sending:\n  transactional_after_opt_out: true", 1))
    sent = farm("send", "13800138000", "--text", "hello", "--json").json
    assert farm("suppress", "add", "13800138000", "--json").json["data"][0]["canceled"] == 0
    assert farm("messages", "show", str(sent[0]["id"]), "--json").json["state"] == "queued"


def test_a_complaint_is_kept_with_what_the_person_had_agreed_to(farm: FarmAt) -> None:
    farm("consent", "grant", "13800138000", "--method", "paper", "--wording", "我要收优惠")
    farm("send", "13800138000", "--text", "hello")
    ran = farm("consent", "complaint", "13800138000", "--text", "骚扰", "--channel", "operator")
    assert "1 waiting canceled" in ran.out
    assert "had agreed to: marketing" in ran.out
    assert farm("consent", "complaint", "13800138000", "--text", "").code == 2
    assert "骚扰" in farm("consent", "complaints", "13800138000").out
    (kept,) = farm("consent", "complaints", "--json").json["data"]
    assert (kept["proof"]["granted"], len(kept["sent"])) == (["marketing"], 0)
    assert farm("suppress", "list", "--json").json["data"][0]["source"] == "complaint"


def test_every_field_of_the_proof_can_be_given(farm: FarmAt) -> None:
    words = ("--method", "web", "--wording", "x", "--wording-version", "2", "--frequency", "weekly")
    farm(
        "consent",
        "grant",
        "13800138000",
        *words,
        "--captured-at",
        "2026-03-01T10:00+08:00",
        "--expires-at",
        "2036-03-01",
    )
    (kept,) = farm("consent", "show", "13800138000", "--json").json["data"]
    assert (kept["wording_version"], kept["stated_frequency"]) == ("2", "weekly")
    assert kept["captured_at"].startswith("2026-03-01T02:00")
    assert kept["expires_at"] > "2036"
    assert farm("consent", "grant", "13800138000", *words, "--captured-at", "soon").code == 2
