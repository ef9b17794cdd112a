"""Webhooks on the page: an administrator adds, tries, switches on again and removes them."""

from __future__ import annotations

import html
import re

import pytest

from modemfarm import wording
from modemfarm.store import webhooks
from tests.webapp.sample import NOW, Sample

PAGE = "/settings/webhooks"
URL = "https://example.org/hook"


def say(slug: str, lang: str = "en", **params: object) -> str:
    return html.escape(wording.say(f"page.{slug}", params, lang), quote=True).replace("&#x27;", "&#39;")


def token(text: str) -> dict[str, str]:
    found = re.search(r'name="csrf" value="(\w+)"', text)
    assert found is not None
    return {"csrf": found[1]}


def test_an_address_is_added_with_its_secret_shown_once(farm: Sample) -> None:
    client = farm.person()
    assert f'href="{PAGE}"' in client.get("/settings").text
    csrf = token(client.get(PAGE).text)
    made = client.post(PAGE, data=csrf | {"url": URL, "event": ["message.sent", "message.received"]})
    secret = re.search(r"whsec_[\w+/]+=*", made.text)
    assert secret is not None
    (hook,) = farm.store.look(webhooks.hooks)
    assert (hook.url, hook.events) == (URL, ("message.sent", "message.received"))
    shown = client.get(PAGE).text
    assert "whsec_" not in shown
    assert URL in shown
    assert "message.sent, message.received" in shown
    for wrong in ({"url": "ftp://a"}, {"url": URL, "event": "x"}, {}):
        assert client.post(PAGE, data=csrf | wrong).status_code == 422
    assert len(farm.store.look(webhooks.hooks)) == 1


@pytest.mark.parametrize("lang", wording.LANGUAGES)
def test_it_is_tried_switched_on_after_410_and_removed(farm: Sample, lang: str) -> None:
    client = farm.person()
    hook = farm.store.run(webhooks.add, URL, (), NOW)
    csrf = token(client.get(f"{PAGE}?lang={lang}").text)
    tried = client.post(f"{PAGE}/{hook}/test", data=csrf, follow_redirects=True).text
    assert say("webhook_tested", lang) in tried
    assert say("webhook_waiting", lang, n=1) in tried
    assert say("webhook_all", lang) in tried
    farm.store.run(webhooks.disable, hook, "answered with 410")
    off = client.get(PAGE).text
    assert say("webhook_off", lang, why="answered with 410") in off
    assert f"{PAGE}/{hook}/test" not in off
    assert client.post(f"{PAGE}/{hook}/enable", data=csrf).status_code == 303
    assert farm.store.look(webhooks.hooks)[0].disabled is None
    assert client.post(f"{PAGE}/{hook}/remove", data=csrf).status_code == 303
    assert farm.store.look(webhooks.hooks) == []
    assert say("webhook_none", lang) in client.get(PAGE).text
    assert client.post(f"{PAGE}/{hook}/test", data=csrf).status_code == 404


def test_what_config_yaml_names_is_removed_there(farm: Sample) -> None:
    client = farm.person()
    ids = farm.store.run(webhooks.configure, [(URL, ())], NOW)
    shown = client.get(PAGE).text
    assert say("webhook_file") in shown
    assert f"{PAGE}/{ids[URL]}/remove" not in shown
    assert client.post(f"{PAGE}/{ids[URL]}/remove", data=token(shown)).status_code == 409
    assert len(farm.store.look(webhooks.hooks)) == 1


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_it_is_an_administrators(farm: Sample, role: str) -> None:
    client = farm.person(role)
    hook = farm.store.run(webhooks.add, URL, (), NOW)
    csrf = token(client.get("/account").text)
    assert PAGE not in client.get("/settings").text
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, data=csrf | {"url": URL}).status_code == 403
    assert client.post(f"{PAGE}/{hook}/remove", data=csrf).status_code == 403
    assert len(farm.store.look(webhooks.hooks)) == 1


def test_only_our_own_form_adds(farm: Sample) -> None:
    assert farm.person().post(PAGE, data={"url": URL}).status_code == 403
    assert farm.store.look(webhooks.hooks) == []
