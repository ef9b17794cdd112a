from __future__ import annotations

import io

import pytest

from modemfarm.store import passwords, sessions, users
from tests.cli.farm import NOW, FarmAt


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text + "\n"))


def test_users_are_made_listed_changed_and_removed(farm: FarmAt, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "three blue hens")
    assert farm("users", "add", "Anna", "--role", "operator").code == 0
    kept = farm.store.look(users.find, "anna")
    assert kept is not None
    assert passwords.fits("three blue hens", kept.password)
    typed(monkeypatch, "three blue hens")
    assert farm("users", "add", "anna").code == 1
    assert farm("users", "set", "anna", "--role", "admin").code == 0
    (row,) = farm("users", "list", "--json").json["data"]
    assert (row["name"], row["role"], row["password"], row["totp"], row["login_at"]) == (
        "anna",
        "admin",
        True,
        False,
        None,
    )
    typed(monkeypatch, "four green hens")
    assert farm("users", "password", "anna").code == 0
    made = farm("users", "totp", "anna", "--json").json
    assert made["uri"].startswith("otpauth://totp/modemfarm%3Aanna?secret=" + made["secret"])
    assert "anna" in farm("users", "list").out
    assert farm("users", "totp", "anna", "--off").code == 0
    assert farm("users", "remove", "anna").code == 0
    for words in (
        ("set", "anna", "--role", "viewer"),
        ("remove", "anna"),
        ("password", "anna"),
        ("totp", "anna"),
        ("logout", "anna"),
    ):
        assert farm("users", *words).code == 4


@pytest.mark.parametrize("word", ["short", "anna123456", "aaaaaaaaaaaa", "x" * 257])
def test_a_weak_password_is_refused(farm: FarmAt, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    typed(monkeypatch, word)
    assert farm("users", "add", "anna").code == 2
    assert farm.store.look(users.find, "anna") is None


def test_a_link_lets_a_user_in_and_logout_ends_it(farm: FarmAt) -> None:
    made = farm("users", "add", "anna", "--link", "--json").json
    session = farm.write(sessions.use_login, made["url"].rpartition("=")[2], NOW)
    assert session is not None
    found = farm.store.look(sessions.check_session, session, NOW)
    assert found is not None
    assert (found.role, found.name) == ("viewer", "anna")
    assert farm("users", "logout", "anna", "--json").json == {"ended": 1}
    again = farm("login", "--user", "Anna", "--json").json["url"]
    assert farm("users", "logout").code == 0
    assert farm.write(sessions.use_login, again.rpartition("=")[2], NOW) is None
    assert farm("login", "--user", "bert").code == 4
    assert farm("users", "add", "no spaces").code == 2
    assert farm("users", "password", "anna", "--link").out.startswith("http://127.0.0.1:8025/login?token=")
