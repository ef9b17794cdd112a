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
SAME = {"SIM", "ICCID", "IMEI", "IMSI", "MR", "ID", "SHA", "USB", "MODEMFARM_URL", "MODEMFARM_KEY", "modemfarm", "PIN"}


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
                    if isinstance(item, ast.Constant) and re.fullmatch(r"[a-z_]+\.[a-z_0-9]*[a-z0-9]", str(item.value))
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
    "section", ["question", "cell", "click", "command", "heading", "label", "part", "refusal", "said"]
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


@pytest.mark.usefixtures("lang")
def test_of_what_names_a_thing_the_end_is_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "26")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    rows = [
        {"iccid": f"8986001234567890000{at}", "path": f"/tmp/modemfarm/modems/tty{at}", "sentence": "It works. " * 3}
        for at in (1, 2)
    ]
    table((("iccid", "sim"), ("path", "port"), ("sentence", "what")), rows, wide="sentence")
    first, second = capsys.readouterr().out.splitlines()[1:]
    assert all(width(line) <= 26 for line in (first, second))
    assert [name[-3:] for name in first.split()[:2]] == ["001", "ty1"]
    assert [name[-3:] for name in second.split()[:2]] == ["002", "ty2"]
    assert first[0] == "…"


# what is English on purpose: file, words that the literal holds
ENGLISH = {
    ("context.py", "no configuration"),  # never shown: the API is asked instead
    ("db.py", "epoch: the database"),
    ("db.py", "the state directory has seen"),  # `db check` names its finds for whoever repairs a database
    ("demo.py", "Hello from modemfarm"),  # the text of an example
    ("doctor_host.py", "Max open files"),  # the kernel's
    ("driver_docs.py", "family"),  # draws docs/modems.md, which is English
    ("driver_docs.py", "no, from documents"),
    ("driver_docs.py", "found by asking"),
    ("doors.py", "cli send"),  # a name in the database
    ("init.py", "Every setting"),  # a comment in config.yaml
    ("install.py", "systemctl enable"),  # a command
    ("pdu.py", "hexadecimal digit"),  # says which octet of a PDU is at fault, in the standard's terms
    ("pdu.py", "half an octet"),
    ("trials.py", "sims identify"),  # a message's reference
    ("trials.py", "modemfarm test"),  # the text of a trial
}
PROSE = re.compile(r"[a-z]{2,},? [a-z]{2,}")


def literals() -> set[tuple[str, str]]:
    """Every literal of a command's work that reads like a sentence; docstrings and options' help are not work."""
    found = set()
    for path in sorted(CLI.glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            helps = [node.value for node in ast.walk(function) if isinstance(node, ast.keyword) and node.arg == "help"]
            apart = {id(item) for node in helps for item in ast.walk(node)}
            for statement in function.body[1:] if ast.get_docstring(function) else function.body:
                for node in ast.walk(statement):
                    prose = isinstance(node, ast.Constant) and PROSE.search(str(node.value))
                    if prose and isinstance(node, ast.Constant) and id(node) not in apart:
                        found.add((path.name, str(node.value)))
    return found


def test_no_command_has_sentences_of_its_own() -> None:
    told = literals()
    assert not {item for item in told if not any(item[0] == file and part in item[1] for file, part in ENGLISH)}
    assert not {item for item in ENGLISH if not any(item[0] == file and item[1] in said for file, said in told)}


TO = "+8613800138000"
WALK: tuple[tuple[str, ...], ...] = (
    ("init", "farm"),
    ("send", TO, "--text", "1"),
    ("send", TO, "--text", "1", "--dry-run"),
    ("send", TO, "--text", "1", "--class", "marketing"),
    ("send", "1380", "--text", "1"),
    ("send", TO),
    ("batch", "rows.csv"),
    ("batch", "rows.csv"),
    ("batch", "rows.csv", "--dry-run"),
    ("messages", "list"),
    ("messages", "show", "1"),
    ("messages", "cancel", "1"),
    ("messages", "cancel", "1", "--state", "held"),
    ("messages", "cancel", "--to", TO, "--yes"),
    ("messages", "resolve", "1", "sent"),
    ("messages", "resolve", "1", "maybe"),
    ("messages", "edit", "1"),
    ("messages", "show", "99"),
    ("explain", "2"),
    ("pause",),
    ("pause",),
    ("resume",),
    ("resume",),
    ("resume", "--clock"),
    ("inbox", "list"),
    ("inbox", "reply", "9", "1"),
    ("modems", "list"),
    ("modems", "show", "9"),
    ("modems", "reset", "9"),
    ("modems", "allow", "1-1"),
    ("modems", "console", "9", "AT+CPIN=1234"),
    ("sims", "set", "89860012345678901234", "--label", "1"),
    ("sims", "set", "89860012345678901234"),
    ("sims", "list"),
    ("sims", "show", "89860012345678901234"),
    ("sims", "pause", "89860012345678901234"),
    ("sims", "history", "89860012345678901234"),
    ("sims", "answer", "89860012345678901234", "go-on"),
    ("sims", "test", "89860012345678901234"),
    ("sims", "release", "89860012345678901234"),
    ("suppress", "add", TO),
    ("suppress", "list"),
    ("suppress", "remove", TO),
    ("suppress", "remove", TO),
    ("suppress", "import", "rows.csv"),
    ("suppress", "review", "list"),
    ("suppress", "review", "confirm", TO),
    ("consent", "grant", TO, "--method", "web", "--wording", "1"),
    ("consent", "show", TO),
    ("consent", "verify"),
    ("consent", "complaint", TO, "--text", "1"),
    ("consent", "complaints"),
    ("consent", "revoke", TO),
    ("consent", "word", "add", "99", "--wording", "1"),
    ("consent", "word", "list"),
    ("consent", "word", "remove", "98"),
    ("contacts", "add", TO, "--name", "1"),
    ("contacts", "list"),
    ("contacts", "show", TO),
    ("contacts", "import", "rows.csv"),
    ("contacts", "forget", TO, "--yes"),
    ("contacts", "show", TO),
    ("policy", "show"),
    ("policy", "attest"),
    ("policy", "set", "profile", "XX"),
    ("keys", "list"),
    ("keys", "revoke", "first"),
    ("keys", "revoke", "first"),
    ("users", "add", "ann", "--link"),
    ("users", "list"),
    ("users", "set", "ann", "--role", "admin"),
    ("users", "logout"),
    ("users", "remove", "bob"),
    ("webhooks", "list"),
    ("webhooks", "enable", "1"),
    ("audit", "list"),
    ("alerts", "test"),
    ("db", "upgrade"),
    ("db", "check"),
    ("db", "backup"),
    ("doctor",),
    ("config", "show"),
    ("drivers", "check"),
    ("install", "--dry-run", "--root", "."),
    ("pdu", "encode", "ab", "1"),
    ("pdu", "encode", "1", "1", "--validity", "x"),
    ("simulate", "--family", "x"),
    ("simulate", "ctl", ".", "stats"),
    ("login", "--user", "bob"),
)
LAWS = ("policy", "show")  # its last lines quote what the rules rest on
# what stands between other words and is nobody's English: commands, options, files, addresses, slugs, the mean of others
QUOTED = re.compile(
    r"modemfarm( [a-z_-]+)+|timedatectl set-ntp true|cli \w+|people, modems, admin|\w+\|\w+|`[^`]*`|'[^']*'|\"[^\"]*\""
    r"|\([a-z0-9_]+\)|--?[a-z][\w-]*|[\w./:@{}=~+-]*[./:@_=][\w./:@{}=~+-]*"
)


def test_every_command_speaks_the_language_of_the_locale(farm: FarmAt, lang: str) -> None:
    (farm.folder / "rows.csv").write_text(f"to,text\n{TO},1\n13x,1\n", encoding="utf-8")
    wrong = []
    for arguments in WALK:
        ran = farm(*arguments)
        lines = [line for line in (ran.out + ran.err).splitlines() if PROSE.search(QUOTED.sub(" ¤ ", line))]
        wrong += [f"{' '.join(arguments)}: {line}" for line in lines if not (arguments == LAWS and line[0] == "-")]
    assert not wrong, "\n".join(wrong)
