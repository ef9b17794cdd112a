"""What holds for the whole tree: no traces of one machine, no open ends, files of a readable length."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = 400
VENDORS = [ROOT / "web" / "static" / "vendor", ROOT / "tests" / "e2e" / "vendor"]
# written so that this file does not find itself
MACHINE = re.compile("|".join([r"(?<![\w.])/" + name + r"\b" for name in ("work", "root", "home", "Users", "mnt")]))
HOSTS = re.compile(
    r"pypi\." + r"org|python" + r"hosted|registry\.n" + r"pmjs|index" + r"-url|find" + r"-links", re.IGNORECASE
)
OPEN_ENDS = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b|NotImplemented" + r"Error")
CODE = {".py", ".toml", ".yaml", ".js", ".css", ".html"}


def tracked() -> list[Path]:
    """The repository's own text files; in an unpacked archive, every file that is not made by tools."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        found = [ROOT / name for name in listed.split("\0") if name]
    else:
        skipped = {".venv", "build", "dist", "farm", "__pycache__"}
        found = [path for path in ROOT.rglob("*") if not skipped & set(path.relative_to(ROOT).parts)]
    ours = [path for path in found if not set(VENDORS) & set(path.parents)]
    return sorted(path for path in ours if path.is_file() and path.suffix != ".png")


FILES = tracked()
MODULES = [path for path in FILES if path.suffix == ".py" and path.parts[len(ROOT.parts)] in {"modemfarm", "bench"}]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines_with(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [
        f"{name(path)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_path_of_one_machine() -> None:
    assert lines_with(MACHINE, FILES) == []


def test_no_file_names_a_package_index() -> None:
    assert lines_with(HOSTS, FILES) == []


def test_nothing_is_left_for_later_in_the_code() -> None:
    assert lines_with(OPEN_ENDS, [path for path in FILES if path.suffix in CODE]) == []


def test_every_ignored_type_names_its_rule_and_in_the_product_its_reason() -> None:
    product = [path for path in MODULES if name(path).startswith("modemfarm/")]
    everywhere = [path for path in FILES if path.suffix == ".py"]
    assert lines_with(re.compile(r"# type: ig" + r"nore(?!\[[\w-]+(, ?[\w-]+)*\])"), everywhere) == []
    assert lines_with(re.compile(r"# type: ig" + r"nore\[[^\]]+\](?!\s+#.*\w)"), product) == []


def test_every_switched_off_rule_is_named() -> None:
    assert (
        lines_with(re.compile(r"# no" + r"qa(?!: [A-Z]+[0-9]+)"), [path for path in FILES if path.suffix == ".py"])
        == []
    )


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_module_opens_with_its_story(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    if path.name == "__init__.py":
        assert len(tree.body) == 1


def test_no_file_of_the_product_is_too_long_to_be_one_story() -> None:
    long = {name(path): n for path in MODULES if (n := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES}
    assert long == {}


def test_data_folders_hold_no_code() -> None:
    assert [
        name(path) for path in FILES if path.suffix == ".py" and name(path).startswith(("drivers/", "web/", "udev/"))
    ] == []


def test_pages_load_nothing_from_elsewhere() -> None:
    from_elsewhere = re.compile(r"""(?:src|href|action)\s*=\s*["'](?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import""")
    assert lines_with(from_elsewhere, [path for path in FILES if path.suffix in {".html", ".css", ".js"}]) == []


@pytest.mark.parametrize("folder", VENDORS, ids=name)
def test_every_vendored_file_stands_beside_its_licence(folder: Path) -> None:
    vendored = {path for path in folder.iterdir() if "LICENSE" not in path.name}
    assert vendored
    for path in vendored:
        product = path.name.split(".", maxsplit=1)[0]
        (licence,) = folder.glob(f"{product}.LICENSE*")
        assert len(licence.read_text(encoding="utf-8")) > 500


def test_every_rule_that_is_off_has_its_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ignored = re.search(r"\[tool\.ruff\.lint\]\n.*?ignore = \[\n(.*?)\n\]", text, re.DOTALL)
    assert ignored is not None
    assert [line for line in ignored[1].splitlines() if not re.fullmatch(r'\s+"[A-Z]+[0-9]*",\s+# \S.*', line)] == []
    by_folder = text.split("[tool.ruff.lint.per-file-ignores]\n")[1].split("\n\n")[0].splitlines()
    assert len(by_folder) % 2 == 0
    assert all(line.startswith("# ") for line in by_folder[::2])
