from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from modemfarm.store import passwords, sessions, users
from modemfarm.store.sealing import Secret
from modemfarm.webapp import qr
from tests.webapp.sample import NOW, Sample

WORD = "three blue hens"
_hash = passwords.hashed(WORD, "anna")  # once: it is slow on purpose


def add(farm: Sample, name: str = "anna", role: str = "operator", *, totp: bool = False) -> str:
    """A user with WORD as password; the secret of the app, or ""."""
    user_id = farm.store.run(users.add, name, role, NOW, _hash)
    if not totp:
        return ""
    secret = passwords.new_secret()
    sealed = Secret(farm.deps.state_dir).seal(secret, f"totp:{user_id}")
    farm.store.run(users.set_totp, user_id, sealed)
    return secret


def token(page: TestResponse) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert found is not None
    return found[1]


def log_in(client: FlaskClient, name: str = "anna", password: str = WORD, code: str = "", **more: str) -> TestResponse:
    form = {"csrf": token(client.get("/login")), "name": name, "password": password, "code": code}
    return client.post("/login", data=form | more)


def now_code(farm: Sample, secret: str) -> str:
    return passwords.code_at(secret, int(farm.clock.at.timestamp()) // 30)


@pytest.mark.parametrize(
    ("at", "code"),
    [
        pytest.param(59, "94287082", id="59"),
        pytest.param(1111111109, "07081804", id="2005"),
        pytest.param(1111111111, "14050471", id="2005b"),
        pytest.param(1234567890, "89005924", id="2009"),
        pytest.param(2000000000, "69279037", id="2033"),
        pytest.param(20000000000, "65353130", id="2603"),
    ],
)
def test_codes_are_those_of_rfc_6238_appendix_b(at: int, code: str) -> None:
    assert passwords.code_at("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", at // 30, 8) == code


def test_a_name_with_its_password_gets_in(farm: Sample) -> None:
    add(farm)
    client = farm.app.test_client()
    answer = log_in(client, " Anna ")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert client.get("/").status_code == 200
    assert "anna" in client.get("/settings").text


@pytest.mark.parametrize(
    ("name", "word"), [("anna", "three blue hen"), ("bert", WORD), ("", ""), ("a b", WORD), ("anna", "")]
)
def test_anything_else_does_not_and_says_nothing_of_why(farm: Sample, name: str, word: str) -> None:
    add(farm)
    farm.store.run(users.add, "bert", "admin", NOW, None)  # invited, no password yet
    client = farm.app.test_client()
    answer = log_in(client, name, word)
    assert answer.status_code == 403
    assert "not right" in answer.text
    assert client.get("/").status_code == 303


def test_a_code_of_the_app_is_wanted_and_taken_once(farm: Sample) -> None:
    secret = add(farm, totp=True)
    assert log_in(farm.app.test_client()).status_code == 403
    assert log_in(farm.app.test_client(), code="000000").status_code == 403
    code = now_code(farm, secret)
    assert log_in(farm.app.test_client(), code=f"{code[:3]} {code[3:]}").status_code == 303
    assert log_in(farm.app.test_client(), code=code).status_code == 403
    farm.clock.at += timedelta(seconds=30)
    assert log_in(farm.app.test_client(), code=now_code(farm, secret)).status_code == 303


def test_failures_make_the_next_try_wait_longer_and_longer(farm: Sample) -> None:
    add(farm)
    client = farm.app.test_client()
    for _ in range(5):
        assert log_in(client, password="guess").status_code == 403
    waits = []
    for _ in range(9):
        refused = log_in(client)  # the right one waits as well
        assert refused.status_code == 429
        asked = int(refused.headers["Retry-After"])
        assert f"Wait {f'{asked} s' if asked < 60 else f'{asked // 60} min'}," in refused.text
        waits.append(int(refused.headers["Retry-After"]))
        farm.clock.at += timedelta(seconds=waits[-1])
        assert log_in(client, password="guess").status_code == 403
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900, 900]
    other = farm.app.test_client()
    other.environ_base["REMOTE_ADDR"] = "10.0.0.9"
    assert log_in(other).status_code == 303  # its owner elsewhere is not kept out


def test_an_address_that_tries_many_names_waits_too(farm: Sample) -> None:
    client = farm.app.test_client()
    for number in range(21):
        assert log_in(client, f"name{number}", "guess").status_code == 403
    assert log_in(client, "anna").status_code == 429


def test_a_success_forgets_the_names_failures(farm: Sample) -> None:
    add(farm)
    client = farm.app.test_client()
    for _ in range(3):
        for _ in range(4):
            assert log_in(client, password="guess").status_code == 403
        assert log_in(client).status_code == 303
        client.post("/logout", data={"csrf": token(client.get("/settings"))})


def test_an_invited_person_sets_a_password_and_logs_in_with_it(farm: Sample) -> None:
    user_id = farm.store.run(users.add, "bert", "viewer", NOW, None)
    link = farm.store.run(sessions.create_login, "viewer", NOW, user_id)
    client = farm.app.test_client()
    assert client.get(f"/login?token={link}").headers["Location"] == "/account"
    page = client.get("/account")
    weak = client.post("/account/password", data={"csrf": token(page), "password": "bert12345"})
    assert weak.status_code == 422
    done = client.post("/account/password", data={"csrf": token(page), "password": "a yellow submarine"})
    assert done.status_code == 303
    assert client.get("/account").status_code == 200  # with the session that took the old one's place
    assert log_in(farm.app.test_client(), "bert", "a yellow submarine").status_code == 303


def test_a_new_password_wants_the_old_one_and_ends_other_sessions(farm: Sample) -> None:
    add(farm)
    here, there = farm.app.test_client(), farm.app.test_client()
    log_in(here)
    log_in(there)
    form = {"csrf": token(here.get("/account")), "password": "a yellow submarine"}
    assert here.post("/account/password", data=form | {"old": "guess"}).status_code == 403
    assert here.post("/account/password", data=form | {"old": WORD}).status_code == 303
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 303
    assert log_in(there).status_code == 403


def test_the_app_is_set_up_by_a_code_and_switched_off_with_the_password(farm: Sample) -> None:
    add(farm)
    client = farm.app.test_client()
    log_in(client)
    page = client.get("/account")
    secret = re.search(r'name="secret" value="(\w+)"', page.text)
    assert secret is not None
    assert "<svg" in page.text
    form = {"csrf": token(page), "secret": secret[1], "old": WORD}
    assert client.post("/account/totp", data=form | {"code": "000000"}).status_code == 422
    assert client.post("/account/totp", data=form | {"code": now_code(farm, secret[1])}).status_code == 303
    kept = farm.store.look(users.find, "anna")
    assert kept is not None
    assert kept.totp is not None
    assert secret[1] not in kept.totp  # sealed
    assert log_in(farm.app.test_client()).status_code == 403
    assert client.post("/account/totp", data={"csrf": form["csrf"], "old": "guess"}).status_code == 403
    assert client.post("/account/totp", data={"csrf": form["csrf"], "old": WORD}).status_code == 303
    assert log_in(farm.app.test_client()).status_code == 303


def test_logging_out_everywhere_ends_every_session_of_that_person(farm: Sample) -> None:
    add(farm)
    here, there, other = farm.app.test_client(), farm.app.test_client(), farm.person()
    log_in(here)
    log_in(there)
    here.post("/account/logout", data={"csrf": token(here.get("/account"))})
    assert [client.get("/account").status_code for client in (here, there, other)] == [303, 303, 200]


def test_a_session_ends_when_nobody_uses_the_page(farm: Sample) -> None:
    client = farm.person()
    for _ in range(4):
        farm.clock.at += timedelta(days=6)
        assert client.get("/settings").status_code == 200
    farm.clock.at += timedelta(days=4)
    assert client.get("/fragment/bar").status_code == 200  # the page's own asking is no use of it
    farm.clock.at += timedelta(days=3, minutes=1)
    assert client.get("/settings").status_code == 303


def test_a_role_counts_at_once(farm: Sample) -> None:
    add(farm, role="operator")
    client = farm.app.test_client()
    log_in(client)
    csrf = token(client.get("/account"))
    assert client.post("/pause", data={"csrf": csrf}).status_code == 303
    farm.store.run(users.set_role, "anna", "viewer")
    assert client.post("/resume", data={"csrf": csrf}).status_code == 403
    farm.store.run(users.remove, "anna")
    assert client.get("/").status_code == 303


def test_a_viewer_is_shown_no_switch(farm: Sample) -> None:
    assert 'action="/pause"' not in farm.person("viewer").get("/").text
    assert 'action="/pause"' in farm.person("operator").get("/").text


def test_over_tls_the_cookie_is_bound_to_the_host(farm: Sample) -> None:
    add(farm)
    client = farm.app.test_client()
    page = client.get("/login", base_url="https://localhost")
    form = {"csrf": token(page), "name": "anna", "password": WORD}
    answer = client.post("/login", base_url="https://localhost", data=form)
    assert answer.status_code == 303
    cookies = [line for line in answer.headers.getlist("Set-Cookie") if "session" in line]
    assert len(cookies) == 1
    assert cookies[0].startswith("__Host-modemfarm_session=")
    for word in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in cookies[0]


@pytest.mark.parametrize(
    ("text", "mask", "digest"),
    [  # as the library `qrcode` draws them
        ("a", 2, "b3665ba4974359e625d669113cf73de8b1e677230c95ac8cff6306148df1429e"),
        ("https://192.168.1.20:8025/login?token=" + "x" * 43, 5, "5d87790a8130050704db7d693eab0dc947c34cd0d362578c5ff9f4eef958a597"),
        ("otpauth://totp/shop:anna?" + "q" * 120, 0, "85d57681a596b1b13ffbeb5bf2c750e9d3ebbcbf57aa844b877c834d3e3a6150"),
        ("é" * 200, 7, "925f055a27935b5a738ba72abe0b13cc827bb733c55d953573e9e837bf86c613"),
    ],
)  # fmt: skip
def test_qr_codes_are_as_another_program_draws_them(text: str, mask: int, digest: str) -> None:
    import hashlib

    rows = "\n".join("".join("#" if dark else "." for dark in row) for row in qr.encode(text, mask))
    assert hashlib.sha256(rows.encode()).hexdigest() == digest


def test_a_qr_code_is_drawn_with_its_quiet_zone() -> None:
    drawn = qr.terminal("a").splitlines()
    assert len({len(line) for line in drawn}) == 1
    assert len(drawn[0]) == 29
    assert set(drawn[0]) == set(drawn[1]) == {"█"}
    assert qr.svg("a").startswith('<svg class="qr" viewBox="0 0 29 29"')
    with pytest.raises(ValueError, match="too long"):
        qr.encode("x" * 413)


def test_secrets_stand_nowhere_in_the_database(farm: Sample, tmp_path: Path) -> None:
    secret = add(farm, totp=True)
    log_in(farm.app.test_client(), code=now_code(farm, secret))
    farm.close()
    held = b"".join(path.read_bytes() for path in tmp_path.glob("farm.db*"))
    for word in (WORD, secret):
        assert word.encode() not in held
