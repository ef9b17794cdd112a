"""The command line speaks the language of the locale: headings, confirmations, refusals, and what click says."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from modemfarm import wording
from modemfarm.cli import click_words
from modemfarm.cli.main import COMMANDS
from modemfarm.cli.output import table, width
from tests.cli.farm import FarmAt

CLI = Path(__file__).parents[2] / "modemfarm" / "cli"
LOCALES = {"zh": "zh_CN.UTF-8", "ru": "ru_RU.UTF-8"}
# words that every language has, or that commands take as they are
SAME = {"SIM", "ICCID", "IMEI", "IMSI", "MR", "ID", "SHA", "USB", "MODEMFARM_URL", "MODEMFARM_KEY", "modemfarm"}


@pytest.fixture(params=LOCALES)
def lang(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Chinese, then Russian."""
    monkeypatch.setenv("LANG", LOCALES[request.param])
    return str(request.param)


def slugs() -> set[str]:
    """What the command line asks for by a literal."""
    found = set()
    for path in sorted(CLI.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"sentence", "tell"}:
                found |= {
                    item.value
                    for item in ast.walk(node.args[0])
                    if isinstance(item, ast.Constant) and re.fullmatch(r"[a-z_]+\.[a-z_0-9]+", str(item.value))
                }
    return found


def headings() -> set[str]:
    """The slugs of all tables' columns: pairs of a key and a heading, named _COLUMNS or given to `table` as they are."""
    found = set()
    for path in sorted(CLI.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            columns: ast.AST | None = None
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                columns = node.value if node.targets[0].id.lower().endswith("columns") else None
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "table":
                columns = node.args[0]
            for pair in ast.walk(columns) if columns is not None else ():
                if isinstance(pair, ast.Tuple) and pair.elts and not isinstance(pair.elts[0], ast.Tuple):
                    last = pair.elts[-1]
                    found |= {f"heading.{last.value}"} if isinstance(last, ast.Constant) else set()
    return found


@pytest.mark.parametrize("spoken", wording.LANGUAGES)
def test_every_slug_that_a_command_asks_for_is_said_in(spoken: str) -> None:
    wanted = slugs() | headings() | {f"command.{name}" for name in COMMANDS}
    assert len(wanted) > 50
    assert not {slug for slug in wanted if not wording.known(slug, spoken)}


@pytest.mark.parametrize("spoken", LOCALES)
@pytest.mark.parametrize(
    "section", ["asked", "cell", "click", "command", "heading", "label", "part", "refusal", "said"]
)
def test_translations_keep_the_holes_and_lose_the_english(section: str, spoken: str) -> None:
    english, ours = wording.section(section), wording.section(section, spoken)
    assert set(english) == set(ours)
    for slug, form in english.items():
        for said in _forms(ours[slug]):
            assert _holes(said) <= _holes(_forms(form)[-1]) | {"n"}, slug
            bare = re.sub(rf"`[^`]*`|\{{[^}}]*\}}|--[\w-]+|\b(?:{'|'.join(SAME)})\b", " ", said)
            letters = re.findall(r"[^\W\d_]", bare)
            assert not letters or not all(letter.isascii() for letter in letters), (slug, said)


def _forms(said: str | dict[str, str]) -> list[str]:
    return list(said.values()) if isinstance(said, dict) else [said]


def _holes(said: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(said.replace("{{", "").replace("}}", "")) if name}


def test_help_and_complaints_about_usage_are_in_the_language_of_the_locale(bare: FarmAt, lang: str) -> None:
    helped = bare("--help")
    assert wording.say("command.send", None, lang) in helped.out
    assert wording.say("click.usage", None, lang) in helped.out
    assert wording.say("click.commands", None, lang) in helped.out
    wrong = bare("send", "--class", "nonsense", "+4917600000001", "--text", "x")
    assert wrong.code == 2
    assert not re.search(r"Error|Invalid|Usage|Try|is not", wrong.err)
    missing = bare("explain")
    assert not re.search(r"Error|Missing|Usage|Try", missing.err)
    assert not re.search(r"No such", bare("nonsense").err)


def test_what_click_says_in_english_is_what_the_slugs_translate() -> None:
    said = (Path(click_words.core.__file__).parent / "exceptions.py").read_text(encoding="utf-8")
    assert '_("Missing argument")' in said
    assert click_words.say("Missing argument") == "Missing argument"
    for path in ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types"):
        said += (Path(click_words.core.__file__).parent / f"{path}.py").read_text(encoding="utf-8")
    for slug, form in wording.section("click").items():
        assert str(form).splitlines()[0] in said or slug == "required", slug


def test_where_there_is_no_configuration_and_no_database(bare: FarmAt, lang: str) -> None:
    found = bare("messages", "list")
    assert found.code == 5
    assert "`modemfarm init`" in found.err
    assert found.err.startswith({"zh": "modemfarm：没有可用的配置", "ru": "modemfarm: настроек нет"}[lang])


def test_a_table_of_wide_letters_fits_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    table(
        (("to", "to"), ("text", "text")),
        [{"to": "+8613800138000", "text": "您好，您的订单已发货，预计明天送达。" * 3}],
        wide="text",
    )
    lines = capsys.readouterr().out.splitlines()
    assert wording.say("heading.text", None, lang) in lines[0]
    assert all(width(line) <= 40 for line in lines)
    assert lines[1].endswith("…")
    assert not any("\x1b" in line for line in lines)
