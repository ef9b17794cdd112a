"""The doors that README and CI rely on: make targets, lock files, licence, changelog, the packaged data."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = ("demo", "run", "test", "check", "bench", "bench-peers", "scoreboard", "soak", "matrix")
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-fuzz.lock")


def project() -> dict[str, object]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def said(target: str) -> str:
    """What make would do, with the set-up as good as done."""
    done = ["-o", ".venv/run", "-o", ".venv/dev", "-o", "requirements.lock", "-o", "pyproject.toml"]
    return subprocess.run(
        ["make", "--dry-run", "--no-print-directory", *done, target],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.mark.parametrize("target", TARGETS)
def test_a_make_target_exists_and_is_told_by_make_help(target: str) -> None:
    assert said(target).strip()
    assert f"make {target} " in said("help")


@pytest.mark.parametrize("step", ["ruff format --check", "ruff check", "mypy", "lint-imports", "pytest"])
def test_make_test_begins_with_the_quick_look(step: str) -> None:
    assert step in said("test")


def test_the_quick_tests_and_the_matrix_together_are_every_test() -> None:
    assert '-m "not slow"' in said("test")
    assert "-m slow" in said("matrix")


def test_ci_runs_every_test_and_takes_no_skip_for_a_success() -> None:
    script = ROOT / ".ci" / "run"
    text = script.read_text(encoding="utf-8")
    assert os.access(script, os.X_OK)
    assert [line for line in text.splitlines() if "make " in line] == [
        "REQUIRE_ALL=1 make test",
        "REQUIRE_ALL=1 make matrix",
    ]
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_pins_every_package_by_version_and_hash_and_names_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash=)", text, re.MULTILINE)
    entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"^\s*#.*\n?", "", text, flags=re.MULTILINE).strip())
    assert len(entries) > (0 if lock == "requirements-fuzz.lock" else 10)
    for entry in entries:
        assert re.match(r"[a-z0-9][\w.-]*(?:\[[\w,-]+\])?==\S+", entry), entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]


def locked(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;]+)", text, re.MULTILINE))


def test_both_lock_files_agree() -> None:
    run, dev = (locked(lock) for lock in LOCKS[:2])
    assert {package: dev[package] for package in run.keys() & dev.keys()} == {
        package: run[package] for package in run.keys() & dev.keys()
    }


def test_every_dependency_is_locked() -> None:
    declared = project()["project"]
    assert isinstance(declared, dict)
    extras = declared["optional-dependencies"]
    names = {"run": declared["dependencies"] + extras["build"], "dev": extras["dev"]}
    run, dev = locked(LOCKS[0]), locked(LOCKS[1])
    for kind, known in (("run", run), ("dev", run | dev)):
        for wish in names[kind]:
            package = re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ]", wish)[0].lower())
            assert package in known, wish


def test_the_licence_the_changelog_and_the_readme_are_there() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert re.search(r"^## Unreleased$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    first_screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:30]
    assert any("make demo" in line for line in first_screen)
    assert any("make test" in line for line in first_screen)


def test_every_data_folder_is_packaged() -> None:
    hatch = project()["tool"]["hatch"]["build"]["targets"]["wheel"]  # type: ignore[index]
    assert hatch["force-include"] == {
        source: f"modemfarm/shipped/{source}" for source in ("drivers", "web", "udev", "config.yaml")
    }
    for source in hatch["force-include"]:
        assert (ROOT / source).exists()


def test_every_page_of_docs_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, page.name
    decisions = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in decisions, page.name
