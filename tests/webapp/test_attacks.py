"""What somebody who should not get in, or not that far, tries; each refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.routing import Rule

from modemfarm.store import users
from modemfarm.store.keys import SCOPES
from modemfarm.webapp import page_login
from tests.webapp.sample import Sample

# reached without a key or a session: each for a reason that its docstring gives
OPEN = {
    "static", "documents.openapi", "documents.read", "health.healthz", "health.readyz", "health.metrics", "login.login", "login.enter",
    "kannel.sendsms",
}  # fmt: skip
LOOKS = {"GET", "HEAD", "OPTIONS"}
SAMPLES = {"key": "356938035643801", "iccid": "89860012345678901011", "message_id": "1", "batch_id": "1", "number": "+8613800138000",
           "name": "x.jsonl", "inbound_id": "1", "what": "pause", "outcome": "sent", "decision": "dismissed"}  # fmt: skip


def routes(farm: Sample) -> Iterator[tuple[str, str, Any]]:
    """Every (method, path, view) of the app."""
    for rule in farm.app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, path_of(rule), farm.app.view_functions[rule.endpoint]


def path_of(rule: Rule) -> str:
    def filled(found: re.Match[str]) -> str:
        choice = re.match(r"<any\(([^,)]+)", found[0])
        name = found[0].rstrip(">").rpartition(":")[2].strip("<")
        return choice[1] if choice else SAMPLES.get(name, "1")

    return re.sub(r"<[^>]+>", filled, rule.rule)


def test_every_route_says_who_may(demo: Sample) -> None:
    for rule in demo.app.url_map.iter_rules():
        if rule.endpoint not in OPEN:
            view = demo.app.view_functions[rule.endpoint]
            assert hasattr(view, "role") or getattr(view, "scopes", ()), rule


def test_nobody_gets_anywhere_without_key_or_session(demo: Sample) -> None:
    client = demo.app.test_client()
    for method, path, view in routes(demo):
        if hasattr(view, "role") or hasattr(view, "scopes"):
            answer = client.open(path, method=method)
            wanted = 303 if hasattr(view, "role") else 401
            assert answer.status_code == wanted, (method, path)
            assert wanted == 401 or answer.headers["Location"] == "/login"


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_does_only_what_its_scope_allows(farm: Sample, scope: str) -> None:
    farm.modem(1)
    client = farm.app.test_client()
    headers = farm.key(scope)
    for method, path, view in routes(farm):
        allowed = getattr(view, "scopes", None)
        if allowed is None:
            continue
        answer = client.open(path, method=method, headers=headers)
        refused = answer.status_code == 403 and answer.json is not None and answer.json["code"] == "forbidden_scope"
        assert refused == (scope not in {*allowed, "admin"}), (method, path, scope)


@pytest.mark.parametrize("role", users.ROLES)
def test_a_person_does_only_what_the_role_allows(demo: Sample, role: str) -> None:
    demo.modem(1)
    for method, path, view in routes(demo):
        if not hasattr(view, "role") or path in {"/logout", "/account/logout"}:
            continue
        needed = view.role or ("viewer" if method in LOOKS else "operator")
        answer = demo.person(role).open(path, method=method)  # without the token: nothing is done
        refused = "Your role may not" in answer.text
        assert refused == (users.ROLES.index(role) < users.ROLES.index(needed)), (method, path, role)


def test_an_id_that_no_database_counts_up_to_is_nobodys(demo: Sample) -> None:
    asked, client = 0, demo.api()
    for rule in demo.app.url_map.iter_rules():
        if "<int:" in rule.rule:
            path = re.sub(r"<any\(([^,)]+)[^>]*>", r"\1", re.sub(r"<int:\w+>", str(2**63), rule.rule))
            for method in (rule.methods or set()) - {"OPTIONS"}:
                asked += 1
                status = client.open(path, method=method, json={}).status_code
                assert status in {404, 405}, (method, path)  # 405 where another route takes such a name
    assert asked > 30


def test_a_session_is_no_key_and_a_key_no_session(farm: Sample) -> None:
    assert farm.person().get("/v1/messages").status_code == 401
    assert farm.api().get("/messages").status_code == 303


def test_every_form_wants_the_token_of_its_session(demo: Sample) -> None:
    stranger = re.search(r'name="csrf" value="(\w+)"', demo.person().get("/").text)
    assert stranger is not None
    for method, path, view in routes(demo):
        if hasattr(view, "role") and method not in LOOKS:
            for form in ({}, {"csrf": ""}, {"csrf": stranger[1]}):
                answer = demo.person().open(path, method=method, data=form)
                assert answer.status_code == 403, (method, path, form)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},  # a sandboxed frame
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:8026"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_form_of_another_site_is_refused_though_it_has_the_token(farm: Sample, headers: dict[str, str]) -> None:
    client = farm.person()
    found = re.search(r'name="csrf" value="(\w+)"', client.get("/").text)
    assert found is not None
    assert client.post("/pause", data={"csrf": found[1]}, headers=headers).status_code == 403
    assert client.post("/pause", data={"csrf": found[1]}, headers={"Origin": "http://localhost"}).status_code == 303


def test_another_site_cannot_log_a_browser_in(farm: Sample) -> None:
    client = farm.app.test_client()
    assert client.post("/login", data={"name": "anna", "password": "x"}).status_code == 403
    client.get("/login")
    assert client.post("/login", data={"name": "anna", "password": "x", "csrf": ""}).status_code == 403


def test_a_session_that_was_there_before_the_login_is_not_the_one_after(farm: Sample) -> None:
    client = farm.app.test_client()
    client.set_cookie("modemfarm_session", "chosen-by-an-attacker")
    assert client.get("/").status_code == 303
    victim = farm.person()
    before = victim.get_cookie("modemfarm_session")
    from modemfarm.store import sessions

    link = farm.store.run(sessions.create_login, "viewer", farm.clock.at)
    victim.get(f"/login?token={link}")
    after = victim.get_cookie("modemfarm_session")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert farm.store.look(sessions.check_session, before.value, farm.clock.at) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8025", "127.0.0.1.evil.example", "localhost.evil.example"]
)
def test_a_name_that_was_pointed_at_us_sees_nothing(farm: Sample, host: str) -> None:
    for path in ("/", "/login", "/static/app.css", "/metrics"):
        assert farm.app.test_client().get(path, headers={"Host": host}).status_code == 403, path


def test_passwords_are_hashed_one_at_a_time(farm: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight guesses at once neither take 256 MiB nor pass one count of failures."""
    held: list[bool] = []
    real = page_login.passwords.fits

    def watched(password: str, kept: str | None) -> bool:
        held.append(page_login._one_at_a_time.locked())
        return real("x", None)

    monkeypatch.setattr(page_login.passwords, "fits", watched)
    client = farm.app.test_client()
    found = re.search(r'name="csrf" value="(\w+)"', client.get("/login").text)
    assert found is not None
    client.post("/login", data={"csrf": found[1], "name": "anna", "password": "x"})
    assert held == [True]
