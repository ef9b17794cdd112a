"""The recipes: each call is cut out of docs/recipes.md and sent as it stands."""

from __future__ import annotations

import json
import re
import shlex
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from ruamel.yaml import YAML

from tests.docs import code
from tests.webapp.sample import Sample

PAGE = code.page("recipes.md")
TO = "+8613800138000"
URL = "http://127.0.0.1:8025/v1/messages"


def block(heading: str, kind: str) -> str:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL)
    assert found is not None, heading
    return found[1]


def sent(farm: Sample, url: str, headers: dict[str, str], body: str | bytes) -> dict[str, Any]:
    """What became of a call with a key that may only send."""
    assert url == URL
    assert headers["Authorization"] == "Bearer KEY"
    answer = farm.app.test_client().post("/v1/messages", data=body, headers=headers | farm.key("messages:send"))
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = farm.api().get("/v1/messages").get_json()["data"][0]
    return found


def curl(words: list[str]) -> tuple[str, dict[str, str], str]:
    assert words[0] == "curl"
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    return next(word for word in words if word.startswith("http")), headers, words[words.index("-d") + 1]


def test_cron(farm: Sample) -> None:
    found = sent(farm, *curl(shlex.split(block("cron and shell", "sh"))))
    assert (found["to"], found["text"]) == (TO, "The backup failed")


def test_zabbix(farm: Sample) -> None:
    text = 'Disk "C:" is full\nat 99 %'
    url, headers, body = curl(shlex.split(block("Zabbix", "sh")))
    assert body.replace('"', "") == "$(jq -n --arg to $1 --arg text $2 '{to: $to, text: $text}')"
    found = sent(farm, url, headers, json.dumps({"to": TO, "text": text}))
    assert (found["to"], found["text"]) == (TO, text)


def test_home_assistant(farm: Sample) -> None:
    asked = YAML(typ="safe").load(block("Home Assistant", "yaml"))["rest_command"]["send_sms"]
    assert asked["method"] == "post"
    payload = jinja2.Template(asked["payload"]).render(to=TO, text='Water in the "cellar"')
    found = sent(farm, asked["url"], asked["headers"] | {"Content-Type": asked["content_type"]}, payload)
    assert (found["to"], found["text"]) == (TO, 'Water in the "cellar"')


def test_alertmanager(farm: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    scope: dict[str, Any] = {"__name__": "recipe"}
    exec(block("Alertmanager", "python"), scope)  # the docs' own program
    body = json.dumps({"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "DiskFull"}}]}).encode()
    asked: list[Any] = []
    monkeypatch.setattr(scope["urllib"].request, "urlopen", asked.append)
    receiver = SimpleNamespace(
        headers={"Content-Length": len(body)},
        rfile=SimpleNamespace(read=lambda _: body),
        send_response=lambda _: None,
        end_headers=lambda: None,
    )
    scope["Receiver"].do_POST(receiver)
    (request,) = asked
    headers = {"Authorization": request.get_header("Authorization"), "Content-Type": "application/json"}
    found = sent(farm, request.full_url, headers, request.data)
    assert (found["to"], found["text"]) == (TO, "firing: DiskFull")
