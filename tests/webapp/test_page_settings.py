"""The page Settings: what is set, SIMs and plans, the doctor, and who is told of faults."""

from __future__ import annotations

import html
import json
import re
import threading
from dataclasses import replace
from typing import Any

import pytest

from modemfarm import wording
from modemfarm.model import SimSettings, mask
from modemfarm.store import alerts, audit, events, passwords, rules, users, webhooks
from modemfarm.store.shapes import Terms
from modemfarm.webapp.words import Words
from tests.docs import code
from tests.patience import PATIENT_S
from tests.webapp.sample import NOW, Sample


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_who_is_told_stands_there_with_what_came_of_it(farm: Sample, lang: str) -> None:
    person = farm.person()
    assert wording.say("page.alerts_nobody", lang=lang) in person.get(f"/settings?lang={lang}").text
    farm.app.extensions["modemfarm"] = replace(farm.deps, alert_ways=("sms +8613800138000", "exec", "webhook"))
    farm.store.run(alerts.keep_outcome, "webhook", NOW, "answered with 500")
    farm.store.run(alerts.keep_outcome, "exec", NOW, "")
    text = person.get(f"/settings?lang={lang}").text
    assert "sms +8613800138000" in text
    assert wording.say("page.alert_never", lang=lang) in text
    assert wording.say("page.alert_handed_on", lang=lang) in text
    assert wording.say("page.alert_failed", {"what": "answered with 500"}, lang) in text


def test_the_button_tells_everybody_once_and_only_from_our_own_form(farm: Sample) -> None:
    asked: list[int] = []

    def told() -> list[dict[str, str]]:
        asked.append(1)
        return []

    farm.app.extensions["modemfarm"] = replace(farm.deps, alert_ways=("exec",), test_alerts=told)
    person = farm.person()
    assert person.post("/settings/alerts/test").status_code == 403
    assert asked == []
    form = re.search(r'name="csrf" value="([^"]+)"', person.get("/settings").text)
    assert form is not None
    answer = person.post("/settings/alerts/test", data={"csrf": form[1]})
    assert (answer.status_code, answer.location) == (303, "/settings")
    assert asked == [1]


def test_nobody_without_a_session_sees_or_presses(farm: Sample) -> None:
    stranger = farm.app.test_client()
    assert stranger.get("/settings").status_code == 303
    assert stranger.post("/settings/alerts/test").status_code == 303


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_an_administrator_vouches_for_offers_and_takes_the_word_back(farm: Sample, lang: str) -> None:
    farm.store.run(lambda tx: rules.change(tx, "CN", "brand", "小店", NOW, who="test"))
    admin, operator = farm.person(), farm.person("operator")
    page = html.unescape(admin.get(f"/settings?lang={lang}").text)
    assert wording.say("page.vouch", lang=lang) in page
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    profile = re.search(r'name="profile" value="([^"]+)"', page)
    assert token is not None
    assert profile is not None
    word = {"csrf": token[1], "profile": profile[1], "who": "王丽", "basis": "会员书面同意", "until": "2027-03-01",
            "document": "ARCEP 7", "meant": "1"}  # fmt: skip
    seen = operator.get(f"/settings?lang={lang}").text
    assert "/settings/offers/attest" not in seen
    assert operator.post("/settings/offers/attest", data=word).status_code == 403
    for wrong in (
        {"meant": ""},
        {"who": " "},
        {"until": "2031-01-01"},
        {"until": "2026-01-01"},
        {"until": "x"},
        {"profile": "XX"},
    ):
        refused = admin.post("/settings/offers/attest", data=word | wrong)
        assert (refused.status_code, "王丽" in refused.text or "who" in wrong) == (422, True)
    assert not admin.get("/settings").text.count("/settings/offers/withdraw")
    answer = admin.post("/settings/offers/attest", data=word)
    assert (answer.status_code, answer.location) == (303, "/settings#offers")
    told = wording.say("policy.open", {"who": "王丽", "basis": "会员书面同意", "day": "2027-03-01"}, lang)
    assert told in html.unescape(admin.get(f"/settings?lang={lang}").text)
    line = farm.store.look(audit.listed)[0]
    assert (line["action"], line["who"], json.loads(line["data"])["by"]) == ("policy.attested", "王丽", "page")
    assert admin.post("/settings/offers/withdraw", data={"csrf": token[1]}).status_code == 303
    assert told not in html.unescape(admin.get(f"/settings?lang={lang}").text)


def _noted(farm: Sample) -> list[tuple[str, str, str]]:
    return [(row["who"], row["action"], row["subject"]) for row in farm.store.look(audit.listed)][::-1]


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_only_an_administrator_sees_the_last_lines_of_the_audit(farm: Sample, lang: str) -> None:
    farm.store.run(lambda tx: audit.note(tx, "page:anna", "contact.viewed", NOW, subject="+8613912345678"))
    text = farm.person().get(f"/settings?lang={lang}").text
    assert wording.say("audit.contact_viewed", lang=lang) in html.unescape(text)
    assert "<td>anna</td>" in text
    assert "+8613912345678" not in text
    assert "<td>anna</td>" not in farm.person("operator").get(f"/settings?lang={lang}").text


def test_every_action_that_is_audited_has_its_sentence() -> None:
    found = set(events._AUDITED)  # the list has no other reader
    for path in (code.ROOT / "modemfarm").rglob("*.py"):
        found |= set(
            re.findall(r'audit\.note\([^"]*(?:"\w*[ :]?\{[^"]*"[^"]*)?"([a-z]+\.[a-z_]+)"', path.read_text("utf-8"))
        )
    assert len(found) > 20
    for lang in wording.LANGUAGES:
        assert [kind for kind in found if not wording.known(f"audit.{kind.replace('.', '_')}", lang)] == []


def test_logins_and_those_that_failed_are_audited(farm: Sample) -> None:
    farm.store.run(users.add, "anna", "operator", NOW, passwords.hashed("a long password", "anna"))
    browser = farm.app.test_client()

    def tries(name: str, password: str) -> int:
        form = re.search(r'name="csrf" value="([^"]+)"', browser.get("/login").text)
        assert form is not None
        return browser.post("/login", data={"csrf": form[1], "name": name, "password": password}).status_code

    assert tries("anna", "not this one") == 403
    assert tries("a long password", "anna") == 403
    assert tries("anna", "a long password") == 303
    assert _noted(farm) == [
        ("page", "login.failed", "anna"),
        ("page", "login.failed", ""),
        ("page:anna", "login.done", "anna"),
    ]
    assert "a long password" not in json.dumps(farm.store.look(audit.listed))


def test_users_webhooks_and_looks_at_a_person_are_audited(farm: Sample) -> None:
    person = farm.person()
    form = re.search(r'name="csrf" value="([^"]+)"', person.get("/settings/access").text)
    assert form is not None
    person.post("/settings/access/users", data={"csrf": form[1], "name": "bert", "role": "viewer"})
    person.post("/settings/access/users/bert/role", data={"csrf": form[1], "role": "operator"})
    person.post("/settings/access/users/bert/remove", data={"csrf": form[1]})
    farm.store.run(webhooks.add, "https://x.example/secret-path?k=1", (), NOW)
    farm.store.run(webhooks.enable, 1, NOW, "key 3")
    farm.store.run(webhooks.remove, 1, NOW, "key 3")
    person.get("/people/+8613912345678")
    lines = [line for line in _noted(farm) if line[1] != "login.done"]
    assert lines == [
        ("page", "user.added", "bert"),
        ("page", "user.role", "bert"),
        ("page", "user.removed", "bert"),
        ("cli", "webhook.added", "1"),
        ("key 3", "webhook.enabled", "1"),
        ("key 3", "webhook.removed", "1"),
        ("page", "contact.viewed", mask("+8613912345678")),
    ]
    assert "secret-path" not in json.dumps(farm.store.look(audit.listed))


MERGED = {
    "plans.shop.day": {"value": 100, "from": "config.yaml:12"},
    "http.listen": {"value": "127.0.0.1:8025", "from": "default"},
}


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_an_administrator_sees_what_is_set_and_where_and_nobody_else_does(farm: Sample, lang: str) -> None:
    farm.app.extensions["modemfarm"] = replace(farm.deps, merged=MERGED)
    text = farm.person().get(f"/settings?lang={lang}").text
    yours, defaults = text.split(wording.say("settings.defaults", lang=lang))
    assert re.search(r"plans\.shop\.day</code></dt><dd>100 <small>config\.yaml:12", yours)
    assert "http.listen" in defaults
    assert "http.listen" not in yours
    for role in ("operator", "viewer"):
        assert "config.yaml:12" not in farm.person(role).get(f"/settings?lang={lang}").text


def test_every_sim_stands_there_with_its_plan_and_a_way_to_its_page(farm: Sample) -> None:
    assert wording.say("settings.no_sims") in farm.person().get("/settings?lang=en").text
    add = "INSERT INTO sims (iccid, state) VALUES ('8986000000000000001', 'active')"
    farm.store.run(lambda tx: tx.run(add))
    card = SimSettings("8986000000000000001", label="Front desk")
    farm.app.extensions["modemfarm"] = replace(farm.deps, terms=Terms(sims={"8986000000000000001": card}))
    text = farm.person("viewer").get("/settings?lang=en").text
    assert re.search(r'href="/sims/8986000000000000001">Front desk</a></td><td><code>\w+</code></td><td>Active', text)


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_the_doctor_looks_in_the_background_and_tells_in_the_readers_language(farm: Sample, lang: str) -> None:
    go_on, ended = threading.Event(), threading.Event()

    def look(words: Words) -> list[dict[str, Any]]:
        go_on.wait(PATIENT_S)
        try:
            fine = {"check": "clock", "ok": True, "what": "is right", "fix": ""}
            return [fine, {"check": words.lang, "ok": False, "what": "<b>gone</b>", "fix": "plug it in"}]
        finally:
            ended.set()

    farm.app.extensions["modemfarm"] = replace(farm.deps, doctor=look)
    person = farm.person("operator")
    page = person.get(f"/settings?lang={lang}").text
    assert wording.say("settings.doctor_text", lang=lang) in page
    form = re.search(r'name="csrf" value="([^"]+)"', page)
    assert form is not None
    answer = person.post("/settings/doctor", data={"csrf": form[1]})
    assert (answer.status_code, answer.location) == (303, "/settings#doctor")
    assert wording.say("settings.looking", lang=lang) in person.get("/settings").text
    go_on.set()
    assert ended.wait(PATIENT_S)
    for thread in threading.enumerate():
        if thread.name.startswith("ask doctor"):
            thread.join(PATIENT_S)
    found = person.get("/fragment/settings/doctor").text
    assert found.index("&lt;b&gt;gone") < found.index("is right")  # what is wrong stands first
    assert f"<b>{lang}</b>" in found
    assert "hx-get" not in found
    assert "gone" not in farm.person("viewer").get(f"/settings?lang={lang}").text


def test_a_viewer_sees_no_number_of_who_is_told_and_no_button(farm: Sample) -> None:
    farm.app.extensions["modemfarm"] = replace(farm.deps, alert_ways=("sms +8613800138000",), doctor=lambda _: [])
    text = farm.person("viewer").get("/settings").text
    assert "+8613800138000" not in text
    assert "/settings/alerts/test" not in text
    assert "/settings/doctor" not in text
