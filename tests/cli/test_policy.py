from __future__ import annotations

import os
import pty
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from modemfarm import wording
from modemfarm.policy.remedy import command
from tests.cli.farm import FarmAt
from tests.patience import PATIENT_S

LATER = (date.today() + timedelta(days=90)).isoformat()  # a day far enough ahead in every zone
OFFER = ("send", "13800138000", "--class", "marketing", "--json", "--text")


def test_offers_are_closed_until_somebody_vouches_and_each_refusal_names_its_command(
    farm: FarmAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm("policy", "set", "profile", "CN")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    ran = farm("send", "13800138000", "--class", "marketing", "--text", "新品")
    assert ran.code == 3
    assert "modemfarm policy attest --who NAME --basis TEXT --until YYYY-MM-DD" in ran.err
    assert wording.say("reason.profile", {}, "zh") in ran.err
    farm("policy", "attest", "--who", "Wang", "--basis", "客户同意", "--until", LATER)
    ran = farm(*OFFER, "新品")
    assert (ran.code, ran.json[0]["reason"]) == (3, "signature_missing")
    farm("policy", "set", "brand", "小店")
    farm("consent", "grant", "13800138000", "--method", "paper", "--wording", "我要收优惠")
    assert farm(*OFFER, "新品", "--dry-run").json[0]["text"] == "【小店】新品 回复TD退订"
    assert farm("policy", "attest", "--withdraw").code == 0
    assert farm(*OFFER, "新品").json[0]["reason"] == "profile"
    assert farm("policy", "attest", "--withdraw").code == 4


def test_a_prohibition_asks_for_the_document_by_name(farm: FarmAt) -> None:
    farm("policy", "set", "profile", "FR")
    ran = farm("send", "13800138000", "--class", "marketing", "--text", "Soldes")
    assert "--document NAME" in ran.err
    word = ("policy", "attest", "--who", "Li", "--basis", "x", "--until", LATER, "--json")
    assert farm(*word).json["open"] is False
    assert farm(*word, "--document", "ARCEP 7").json["open"] is True


def test_signature_and_way_out_count_in_the_parts(farm: FarmAt) -> None:
    farm("policy", "set", "profile", "CN")
    farm("policy", "set", "brand", "小店")
    text = "新" * 60  # alone it is one part of 70
    assert farm(*OFFER, text, "--dry-run").json[0]["parts"] == 2
    assert farm(*OFFER[:2], "--json", "--text", text, "--dry-run").json[0]["parts"] == 1


def test_rules_are_changed_taken_back_and_kept_as_events(farm: FarmAt) -> None:
    farm("policy", "set", "profile", "CN")
    shown = farm("policy", "set", "hours", "mon-fri 10:00-18:00", "--json").json
    assert (shown["hours"], shown["changed"]) == ("mon-fri 10:00-18:00", ["hours"])
    assert farm("policy", "set", "hours", "--default", "--json").json["hours"] == "mon-sun 08:00-21:00"
    for wrong in (("hours", "always"), ("per_day", "0"), ("profile", "XX"), ("color", "red"), ("brand",)):
        assert farm("policy", "set", *wrong).code == 2
    told = farm.write(lambda tx: tx.all("SELECT subject FROM events WHERE kind = 'policy.changed' ORDER BY id"))
    assert [row["subject"] for row in told][-3:] == ["profile", "CN.hours", "CN.hours"]


def test_config_yaml_wins_over_what_is_set(farm: FarmAt) -> None:
    with (farm.folder / "farm" / "config.yaml").open("a") as file:
        file.write('policy: {profile: RU, brand: "Лавка"}\n')
    assert farm("policy", "set", "profile", "CN").code == 2
    shown = farm("policy", "show", "--json").json
    assert (shown["profile"], shown["signature"], shown["configured"]) == ("RU", "Лавка: ", ["profile", "brand"])


@pytest.mark.parametrize("lang", wording.LANGUAGES)
@pytest.mark.parametrize("own_sim", ["prohibited", "check_contract"])
def test_the_rules_are_shown_in_the_readers_language(
    farm: FarmAt, monkeypatch: pytest.MonkeyPatch, lang: str, own_sim: str
) -> None:
    monkeypatch.setenv("LC_ALL", f"{lang}.UTF-8")
    farm("policy", "set", "profile", "FR" if own_sim == "prohibited" else "EU")
    out = farm("policy", "show").out
    assert wording.say(f"policy.{own_sim}", {}, lang) in out
    assert wording.say("policy.unverified", {"checked_on": "2026-02-01"}, lang) in out


def test_a_word_needs_its_parts_and_a_near_end(farm: FarmAt) -> None:
    for wrong in (
        ("--who", "a", "--basis", "b"),
        ("--who", "a", "--basis", "b", "--until", "2020-01-01"),
        ("--who", "a", "--basis", "b", "--until", "2099-01-01"),
        ("--who", "a", "--basis", "b", "--until", "soon"),
        ("--who", " ", "--basis", "b", "--until", LATER),
    ):
        assert farm("policy", "attest", *wrong).code == 2


@pytest.mark.parametrize(
    ("locale", "answers", "own_sim"),
    [
        ("zh_CN.UTF-8", ("CN", "小店", "Asia/Shanghai", "200"), "restricted"),
        ("ru_RU.UTF-8", ("RU", "Лавка", "Europe/Moscow", "100"), "operator_contract"),
        ("fr_FR.UTF-8", ("FR", "Chez Li", "Europe/Paris", "cautious"), "prohibited"),
    ],
)
def test_init_asks_at_the_terminal_in_its_language_and_says_what_the_country_wants(
    tmp_path: Path, locale: str, answers: tuple[str, ...], own_sim: str
) -> None:
    ours, theirs = pty.openpty()
    environ = {"LC_ALL": locale, "PATH": "/usr/bin:/bin", "PYTHONUTF8": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    program = [sys.executable, "-m", "modemfarm", "init"]
    with subprocess.Popen(program, cwd=tmp_path, env=environ, stdin=theirs, stdout=-1, stderr=-1) as started:
        os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
        out, err = started.communicate(timeout=PATIENT_S)
    os.close(ours)
    os.close(theirs)
    lang = wording.choose_language(None, locale)
    assert started.returncode == 0, err
    for key in ("country", "brand", "customers_timezone", "plan"):
        assert wording.say(f"init.ask_{key}", {}, lang) in err.decode()
    assert wording.say(f"policy.{own_sim}", {}, lang) in out.decode()
    assert f'customers_timezone: "{answers[2]}"' in (tmp_path / "farm" / "config.yaml").read_text(encoding="utf-8")


def test_an_offer_needs_consent_that_can_be_proved_elsewhere(farm: FarmAt) -> None:
    farm("policy", "set", "profile", "CN")
    farm("policy", "set", "brand", "小店")
    farm("policy", "set", "hours", "mon-sun 00:00-24:00")
    farm("policy", "attest", "--who", "Wang", "--basis", "客户同意", "--until", LATER)
    ran = farm("send", "13800138000", "--class", "marketing", "--purpose", "news", "--text", "新品")
    assert ran.code == 3
    assert "modemfarm consent grant +8613800138000 --purpose news --method METHOD --wording TEXT" in ran.err
    granted = farm("consent", "grant", "13800138000", "--method", "paper", "--wording", "我要收优惠", "--json")
    assert granted.json["data"] == [{"number": "+8613800138000", "seq": 1}]
    assert farm(*OFFER, "新品", "--dry-run").json[0]["verdict"] == "queued"
    shown = farm("consent", "show", "13800138000", "--json").json["data"][0]
    assert (shown["method"], shown["exact_wording"], shown["purpose"]) == ("paper", "我要收优惠", ["marketing"])
    file = farm.folder / "ledger.jsonl"
    file.write_text(farm("consent", "export").out, encoding="utf-8")
    assert farm("consent", "verify", str(file)).code == farm("consent", "verify").code == 0
    file.write_text(file.read_text(encoding="utf-8").replace("paper", "web"), encoding="utf-8")
    assert farm("consent", "verify", str(file)).code == 1
    assert farm("consent", "revoke", "13800138000", "--json").json["number"] == "+8613800138000"
    assert farm(*OFFER, "新品", "--dry-run").json[0]["reason"] == "consent_missing"


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_what_applies_to_each_class_is_printed(farm: FarmAt, monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    monkeypatch.setenv("LANG", f"{lang}.UTF-8")
    out = farm("policy", "show").out
    caps = {"per_day": 2, "per_month": 5, "hours": 24, "most": 60}
    for name in ("transactional", "marketing", "conversation", "emergency"):
        assert f"- {wording.say(f'policy.class_{name}', caps, lang)}" in out
    file = farm.folder / "farm" / "config.yaml"
    file.write_text(
        file.read_text("utf-8").replace("sending:\n", "sending:\n  transactional_after_opt_out: true\n"), "utf-8"
    )
    assert wording.say("policy.class_transactional_after", lang=lang) in farm("policy", "show").out


def test_a_purpose_of_several_words_stays_one_word_of_the_command() -> None:
    assert "--purpose 'spring sale' --method" in str(command("consent_missing", "+86", {"purpose": "spring sale"}))


def test_what_was_refused_waits_for_no_daemon(farm: FarmAt) -> None:
    farm("policy", "set", "profile", "CN")
    assert "daemon" not in farm("send", "13800138000", "--class", "marketing", "--text", "新品").err


def test_the_limit_of_refusals_is_set_and_shown(farm: FarmAt) -> None:
    assert farm("policy", "set", "max_opt_out_rate", "0.03").code == 0
    assert wording.say("policy.refusals_most", {"most": "3"}) in farm("policy", "show").out
    assert farm("policy", "show", "--json").json["opt_outs"]["most"] == 0.03
    assert farm("policy", "set", "max_opt_out_rate", "3").code == 2
    assert farm("policy", "set", "max_opt_out_rate", "--default").code == 0
