"""A stop is a stop, and a song about stopping is not."""

from __future__ import annotations

import copy
import csv
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from modemfarm.cli.suppress_test import test as suppress_test
from modemfarm.config.keywords import keywords
from modemfarm.errors import ConfigError
from modemfarm.policy import optout
from modemfarm.policy.folding import normalise
from modemfarm.policy.optout import Keywords, Verdict, verdict

DATA: dict[str, Any] = tomllib.loads(Path(optout.__file__).with_name("optout.toml").read_text(encoding="utf-8"))
KEYWORDS = Keywords.from_mapping(DATA)

EXACT = [
    "TD", " Td ", "ＴＤ", "ｔｄ。", "T D", "“TD”", "【TD】", "TD!!!", "TD退订", "TD 退订", "退订TD", "回复TD", "回TD退订",
    "请退订", "退訂", "\u200bTD", "Stop.", "STOP STOP", "OPT-OUT", "ARRÊT", "Стоп!",
    "stop please", "我要退订",
    "STOP\r\n", "STOP ALL", "stopall", "Please stop", "Stop. Thank you", "退订，谢谢", "пожалуйста, стоп", "opt out",
    "unsubscribe", "QUIT", "end", "Revoke", "Cancel", "remove", "baja", "CANCELAR", "İPTAL", "iptal", "BERHENTI",
    "отписка", "Отмена", "STOPP", "TD 🛑", "🛑❤️STOP❤️", "回覆TD", "arrêté", "ＳＴＯＰ", "S.T.O.P",
    "ОТПИСАТЬСЯ", "Отписаться!", "CTOП", "ctoп", "СTОП, пожалуйста", "STОP", "ТD", "OТMEHA", "ОТПИCATЬCЯ",
]  # fmt: skip
PROBABLE = [
    "Please stop texting me", "STOP 12345", "cancel my order", "the end", "don't stop the music", "Stpo", "STOPPPP",
    "你好，我不想再收到了，退订吧", "I want to opt out now", "回T退订", "STOP STOP it", "STOP HELP", "TDD", "st0p",
]  # fmt: skip
NONE = [
    "TDK battery?", "today", "friend", "send", "", "   ", "🛑", "please", "请", "回复", "stopwatch", "weekend", "tdt",
    "Tomorrow at 5", "спасибо", "не стоплю", "alot of friends", "spot on", "quiet please", "don t", "0", "00000",
]  # fmt: skip


def _replies(name: str) -> list[dict[str, str]]:
    path = Path(__file__).parents[1] / "vectors" / name
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["replies.csv", "replies_held_out.csv"])
def test_replies_are_read_as_their_lists_say(name: str) -> None:
    wrong = []
    for row in _replies(name):
        offered = row.get("advertised", "").split()
        found = verdict(row["text"], KEYWORDS, country=row.get("country") or None, advertised=offered)
        if found.tier != row["tier"]:
            wrong.append((row["text"], row["tier"], found))
    assert wrong == []


def test_the_list_of_replies_is_long_and_in_eleven_languages() -> None:
    rows = _replies("replies.csv")
    assert len(rows) >= 300
    assert len({(row["text"], row["advertised"], row["country"]) for row in rows}) == len(rows)
    assert {"zh", "en", "ru", "fr", "es", "pt", "de", "tr", "id", "ar", "hi"} == {row["language"] for row in rows}
    assert {row["tier"] for row in rows} == {"exact", "probable", "advertised_only", "opt_in", "help", "none"}


@pytest.mark.parametrize(("country", "tier"), [("CN", "advertised_only"), (None, "none"), ("US", "none")])
def test_a_profile_lists_further_tokens(country: str | None, tier: str) -> None:
    assert verdict("QX", KEYWORDS, country=country).tier == tier
    assert verdict("QX", KEYWORDS, country=country, advertised=["QX"]).tier == tier.replace("advertised_only", "exact")


@pytest.mark.parametrize("text", EXACT)
def test_a_refusal_is_exact(text: str) -> None:
    assert verdict(text, KEYWORDS).tier == "exact"


@pytest.mark.parametrize("text", PROBABLE)
def test_a_keyword_inside_a_text_is_probable(text: str) -> None:
    assert verdict(text, KEYWORDS).tier == "probable"


@pytest.mark.parametrize("text", NONE)
def test_other_texts_are_nothing_special(text: str) -> None:
    assert verdict(text, KEYWORDS) == Verdict("none")


@pytest.mark.parametrize("text", ["START", "yes", "Unstop!", "订阅", "回复DY", "我要订阅", "activer", "start please"])
def test_asking_again_is_an_opt_in(text: str) -> None:
    assert verdict(text, KEYWORDS).tier == "opt_in"


@pytest.mark.parametrize("text", ["HELP", "info?", "帮助", "Помощь", "help please"])
def test_a_question_for_help_is_one(text: str) -> None:
    assert verdict(text, KEYWORDS).tier == "help"


@pytest.mark.parametrize("text", ["T", "t", "Ｔ。", "回T", "回复R", "N", "0000"])
@pytest.mark.parametrize(
    ("country", "advertised", "tier"),
    [
        (None, (), "advertised_only"),
        ("CN", (), "advertised_only"),
        (None, ("T", "R", "N", "0000"), "exact"),
        ("US", ("T", "R", "N", "0000"), "exact"),
        ("CN", ("T", "R", "N", "0000"), "exact"),
        ("cn", ("ｔ", "r", "n", "0000"), "exact"),
        ("CN", ("X",), "advertised_only"),
    ],
)
def test_a_single_letter_counts_only_where_it_was_offered(
    text: str, country: str | None, advertised: tuple[str, ...], tier: str
) -> None:
    assert verdict(text, KEYWORDS, country=country, advertised=advertised).tier == tier


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("TD", Verdict("exact", "TD", "whole")),
        ("回复TD", Verdict("exact", "TD", "polite")),
        ("TD退订", Verdict("exact", "TD", "repeated")),
        ("opt-out", Verdict("exact", "OPT OUT", "whole")),
        ("please stop it", Verdict("probable", "STOP", "token")),
        ("stpo", Verdict("probable", "STOP", "typo")),
        ("T", Verdict("advertised_only", "T", "advertised")),
        ("退丁！", Verdict("probable", "退丁", "mistyped")),
        ("TD1", Verdict("probable", "TD", "mistyped")),
        ("cnjg", Verdict("probable", "СТОП", "layout")),
        ("ыещз", Verdict("probable", "STOP", "layout")),
        ("Leave me alone!", Verdict("probable", "leave me alone", "phrase")),
    ],
)
def test_the_verdict_says_which_keyword_and_why(text: str, found: Verdict) -> None:
    assert verdict(text, KEYWORDS) == found


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("ARRÊT", "arret"),
        ("Ёлка, й", "елка й"),
        ("ＴＤ\u200b。", "td"),
        ("  a\r\n\tb ", "a b"),
        ("OPT-OUT", "opt out"),
        ("İPTAL", "iptal"),
        ("한국어", "한국어"),
        ("CTOП", "стоп"),
        ("STОP", "stop"),
        ("wифи CAT кот", "wифи cat кот"),
    ],
)
def test_text_is_normalised(text: str, plain: str) -> None:
    assert normalise(text) == plain


@given(st.text())
@example("A\ud7fc\U0001da3b")
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(st.text(max_size=300))
def test_any_text_has_a_verdict(text: str) -> None:
    assert verdict(text, KEYWORDS).tier


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ", min_size=70, max_size=200))
def test_a_long_text_is_never_exact(text: str) -> None:
    assert verdict(f"hello {text} world", KEYWORDS).tier in ("probable", "none")


@pytest.mark.parametrize(
    ("table", "key", "value", "named"),
    [
        ("opt_out", "en", "STOP", "opt_out.en"),
        ("opt_out", "en", [3], "opt_out.en[0]"),
        ("opt_out", "en", ["!"], "opt_out.en[0]"),
        ("help", "en", ["STOP"], "help"),
        ("advertised", "tokens", None, "advertised.tokens"),
        ("polite", "before", {}, "polite.before"),
        ("advertised", "countries", ["CN"], "advertised.countries"),
        ("refusal", "en", [], "refusal.en"),
        ("refusal", "en", {"patterns": ["<who> stop"]}, "refusal.en.patterns[0]"),
        ("refusal", "en", {"patterns": ["stop", "!"]}, "refusal.en.patterns[1]"),
        ("refusal", "en", {"pattern": []}, "refusal.en.pattern"),
    ],
)
def test_wrong_keywords_name_key_and_reason(table: str, key: str, value: object, named: str) -> None:
    data = copy.deepcopy(DATA)
    data[table][key] = value
    with pytest.raises(ConfigError) as caught:
        Keywords.from_mapping(data)
    assert caught.value.key == named


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(ConfigError, match="colour"):
        Keywords.from_mapping({**DATA, "colour": {}})


class TestOwnWords:
    def test_an_owners_file_adds_words_patterns_and_answers_and_drops_words(self, tmp_path: Path) -> None:
        (tmp_path / "optout.toml").write_text(
            """[opt_out]
            en = ["ENOUGH"]
            nl = ["AFMELDEN"]
            [refusal.en]
            patterns = ["bye forever"]
            [refusal.nl]
            patterns = ["geen <things> meer"]
            groups.things = ["berichten"]
            [answers.en]
            help = "Call 12345."
            [drop]
            words = ["end"]
            """,
            encoding="utf-8",
        )
        own = keywords(tmp_path)
        assert [verdict(text, own).tier for text in ("Enough!", "afmelden", "STOP", "END", "the end")] == [
            "exact", "exact", "exact", "none", "none",
        ]  # fmt: skip
        assert verdict("ok bye forever", own).tier == "probable"
        assert verdict("graag geen berichten meer", own).language == "nl"
        assert own.answers.text("help", "en", None) == "Call 12345."

    def test_without_a_file_the_shipped_words_stand(self, tmp_path: Path) -> None:
        assert verdict("END", keywords(tmp_path)) == verdict("END", KEYWORDS)

    @pytest.mark.parametrize(
        ("written", "key"),
        [
            ("opt_out = ['X']", "opt_out"),
            ("[drop]\nwords = 'END'", "drop.words"),
            ("[opt_out]\nen = ['START']", "opt_in"),
            ("[colour]\nred = 1", "colour"),
            ("[[[", ""),
        ],
    )
    def test_a_wrong_file_is_named_with_its_key(self, tmp_path: Path, written: str, key: str) -> None:
        (tmp_path / "optout.toml").write_text(written, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            keywords(tmp_path)
        assert (caught.value.file, caught.value.key) == (str(tmp_path / "optout.toml"), key)


class TestCommand:
    def test_one_text(self) -> None:
        result = CliRunner().invoke(suppress_test, ["Stop.", "--json"])
        assert result.exit_code == 0
        assert json.loads(result.output) == {"tier": "exact", "keyword": "STOP", "rule": "whole"}

    def test_a_line_each(self) -> None:
        result = CliRunner().invoke(suppress_test, ["-", "--json"], input="退订\n\nhello\nT\n".encode())
        assert [json.loads(line)["tier"] for line in result.output.splitlines()] == [
            "exact",
            "none",
            "none",
            "advertised_only",
        ]

    def test_country_and_advertised_word_set_the_context(self) -> None:
        result = CliRunner().invoke(suppress_test, ["T", "--country", "CN", "--advertised", "T", "--json"])
        assert json.loads(result.output)["tier"] == "exact"

    def test_any_iso_code_is_taken(self) -> None:
        assert CliRunner().invoke(suppress_test, ["TD", "--country", "nz", "--json"]).exit_code == 0
        for none in ("China", "ZZ", ""):
            assert CliRunner().invoke(suppress_test, ["TD", "--country", none, "--json"]).exit_code == 2

    def test_nothing_said_is_nothing_said(self) -> None:
        result = CliRunner().invoke(suppress_test, ["hello", "--json"])
        assert json.loads(result.output) == {"tier": "none", "keyword": None, "rule": None}
